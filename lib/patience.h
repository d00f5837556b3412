/**
 * patience - waiting for somebody else, with an end
 *
 * A wait ends when its time is over, or when the program is to stop. The caller asks for what it waits for, pauses, and asks
 * again: nobody is held by a lock that its owner never gives back.
 */
#ifndef LIB_PATIENCE_H
#define LIB_PATIENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

typedef struct Patience {
    const atomic_bool *stop; /* NULL: nobody stops us */
    int64_t wait_ms;
    int64_t until_us; /* monotonic; 0: the first pause starts the clock */
} Patience;

/** Is the program to stop? */
bool patience_is_stopped(const Patience *self);

/** Pause for a tenth of a second. False when there is no time left, or the program stops: ERR_BUSY, "…: WHAT". */
MUST_CHECK bool patience_pause(Patience *self, const char *what, Err *err);

#endif
