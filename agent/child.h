/**
 * child - run a command to its end and measure it
 *
 * The command keeps this process's terminal, files and process group. SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2
 * that somebody sends to this process are passed on; what the terminal sends reaches the command by itself. Signals are
 * blocked and waited for, so there are no handlers; they stay blocked afterwards, so that a signal that comes late does not
 * cost the record of what was run. For a process with one thread that ends soon after.
 */
#ifndef AGENT_CHILD_H
#define AGENT_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

typedef struct ChildResult {
    int64_t started_at_us; /* wall clock */
    int64_t duration_us;   /* monotonic, from just before the fork to the end */
    int64_t cpu_us;        /* user and system, with its own waited-for children */
    int64_t peak_memory_kb;
    int exit_status; /* 128 + N when signal N ended it */
    bool timed_out;
} ChildResult;

/** Run argv (ended by NULL, looked up in PATH) and wait. `timeout_us` > 0: SIGTERM then, SIGKILL two seconds later. False
 *  when the command did not start: ERR_NOT_FOUND, ERR_DENIED (found, but cannot be run), ERR_IO. */
MUST_CHECK bool child_run(const char *const *argv, int64_t timeout_us, ChildResult *result, Err *err);

#endif
