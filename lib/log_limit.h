/**
 * log_limit - keeps what a peer can provoke as often as it likes from filling the log
 *
 * One LogLimit for each kind of line, zeroed at first: at most one line a second passes, and it says how many were left out
 * since the one before.
 */
#ifndef LIB_LOG_LIMIT_H
#define LIB_LOG_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { LOG_LIMIT_US = 1000000 };

typedef struct LogLimit {
    bool passed; /* ever */
    int64_t passed_us;
    uint64_t left_out;
} LogLimit;

/** Does a line pass at `now_us` (monotonic)? `*left_out`: lines since the last that did not. */
bool log_limit_pass(LogLimit *self, int64_t now_us, uint64_t *left_out);

#endif
