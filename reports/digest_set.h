/**
 * digest_set - which digests were seen before
 *
 * Open addressing over SHA-256, which is spread evenly as it is; at most half full.
 */
#ifndef REPORTS_DIGEST_SET_H
#define REPORTS_DIGEST_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/digest.h"
#include "lib/err.h"

/** Starts zeroed; cleared with digest_set_clear(). */
typedef struct DigestSet {
    Digest *slots; /* all zero: free */
    size_t capacity;
    size_t count;
} DigestSet;

/** Add a digest; `*is_new` says whether it was not there. ERR_NOMEM. */
MUST_CHECK bool digest_set_add(DigestSet *self, const Digest *digest, bool *is_new, Err *err);

void digest_set_clear(DigestSet *self);

#endif
