/**
 * periodic - a command that the supervisor runs at intervals: `millibill alerts check`, every alerts_every_min minutes
 *
 * The first time as soon as the stack is ready. One at a time: an interval that ends while it still runs is left out. What it prints goes to
 * DATA/log/alerts.log. Nobody waits for it, and what it fails at is for its next run.
 */
#ifndef CLI_PERIODIC_H
#define CLI_PERIODIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/launch.h"
#include "cli/service_user.h"
#include "lib/config.h"
#include "lib/err.h"

typedef struct Periodic {
    Program program; /* fd -1: never */
    const char *argv[7];
    char log[PATH_MAX];
    int64_t every_us;
    int64_t next_us; /* monotonic; 0: not planned */
    pid_t pid;       /* 0: does not run */
} Periodic;

/** Open the program while there are the rights to; `self` is told to rest by the setting 0. ERR_NOT_FOUND, ERR_IO, ERR_RANGE. */
MUST_CHECK bool periodic_open(Periodic *self, const Config *config, const ServiceUser *user, Err *err);
void periodic_close(Periodic *self);

/** From now on. */
void periodic_plan(Periodic *self);
/** Start it when it is due. Returns when it is due next, monotonic; 0: not planned. */
int64_t periodic_run(Periodic *self, const ServiceUser *user);
/** A child has ended; false: another one. */
bool periodic_ended(Periodic *self, pid_t pid, int status);
/** Ask it to end, and plan it no more. */
void periodic_stop(Periodic *self);

#endif
