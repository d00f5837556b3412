/**
 * supervisor - one process that keeps the stack's three programs running
 *
 * Runs as the service user, detached from the terminal, logging to DATA/log/supervisor.log. PostgreSQL starts at once;
 * collector and agent start when `millibill up` has prepared the database and says so through a pipe; if it goes away
 * without a word, everything stops. A program that ends is started again after a growing pause. SIGTERM stops agent,
 * collector and PostgreSQL, in this order. If the supervisor itself is killed, the kernel tells its children to stop.
 */
#ifndef CLI_SUPERVISOR_H
#define CLI_SUPERVISOR_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/process.h"
#include "cli/service_user.h"
#include "cli/stack_parts.h"
#include "lib/config.h"
#include "lib/err.h"

enum { SUPERVISOR_STOP_PATIENCE_MS = 150000 };

/** Start the supervisor and PostgreSQL. `*go_fd` takes one byte when the rest may start. */
MUST_CHECK bool
supervisor_start(const Config *config, const ServiceUser *user, Process *supervisor, int *go_fd, Err *err);

#endif
