/**
 * near - names that a mistyped one may have meant
 */
#ifndef CLI_NEAR_H
#define CLI_NEAR_H

#include <stddef.h>

/** Write those of `names` (ended by NULL) that `typed` begins, or that differ from it by at most two letters inserted,
 *  dropped, changed or swapped, as "'a', 'b' or 'c'" to `out`. Returns how many. */
size_t near_names(const char *typed, const char *const *names, char *out, size_t size);

#endif
