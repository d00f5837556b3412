/**
 * process - one process named so that a recycled pid is never mistaken for it
 *
 * A pid file holds pid, start time (clock ticks since boot) and boot id, and how often the process was restarted. A
 * process is signalled through a pidfd that was checked against all three, so that a stale file never hurts a
 * stranger.
 */
#ifndef CLI_PROCESS_H
#define CLI_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/err.h"

typedef struct Process {
    pid_t pid;
    uint64_t start_ticks; /* field 22 of /proc/PID/stat */
    char boot_id[40];
    int64_t restarts; /* by the supervisor */
} Process;

/** Describe a living process. False when there is none (a zombie is none). */
MUST_CHECK bool process_identify(pid_t pid, Process *out);

/** Is it still the same process, and alive? */
bool process_is_alive(const Process *self);

/** When it started, UTC microseconds; 0 when unknown. */
int64_t process_started_at_us(const Process *self);

MUST_CHECK bool process_save(const Process *self, const char *path, Err *err);
/** False when the file is absent or not one of ours: there is nothing to know then. */
MUST_CHECK bool process_load(const char *path, Process *out);

/** Send `signal_number` and wait until it is gone; after `patience_ms` send `last_signal` and wait `patience_ms`
 *  again. A process that is gone already is success. ERR_BUSY when it will not go, ERR_DENIED. */
MUST_CHECK bool process_stop(const Process *self, int signal_number, int last_signal, int64_t patience_ms, Err *err);

/** Wait until the process of a pidfd is gone, for `patience_ms` (0 or less: only look). Is it? */
bool process_wait(int fd, int64_t patience_ms);

#endif
