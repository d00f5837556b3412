/**
 * progress - one line on a terminal that says how far something is
 *
 * Only on a terminal (standard error), at most ten times a second; nothing anywhere else.
 */
#ifndef LIB_PROGRESS_H
#define LIB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
    const char *what; /* borrowed */
    bool visible;
    bool drawn;
    int64_t drawn_at_us; /* monotonic */
} Progress;

Progress progress_start(const char *what);
/** `whole` 0: not known, only `done` is shown. Cheap enough to be called for every thousandth record. */
void progress_show(Progress *self, int64_t done, int64_t whole);
/** Wipe the line. */
void progress_end(Progress *self);

#endif
