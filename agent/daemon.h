/**
 * daemon - the agent's one thread: sources, packers, spool and uplink in one event loop
 *
 * A turn: wait; take what sources have (into packers and the spool's open transaction); flush packers that are due; commit
 * once; only then answer those who wait for durability and let the uplink send. On SIGTERM or SIGINT what was taken goes to
 * the spool and the daemon ends with 0. An error that it cannot outlive (a disk that fails) ends it with 1: everything that
 * was acknowledged to anybody is on disk by then.
 */
#ifndef AGENT_DAEMON_H
#define AGENT_DAEMON_H

#include "lib/config.h"
#include "lib/err.h"

typedef struct Daemon Daemon;

/** Take the spool, listen on the three sockets and read the keys. Blocks SIGTERM and SIGINT for the process. Caller frees.
 *  `config` is borrowed. NULL: what the parts say. */
MUST_CHECK Daemon *daemon_new(const Config *config, Err *err);
void daemon_free(Daemon **self);

/** Serve until a signal comes. */
MUST_CHECK bool daemon_run(Daemon *self, Err *err);

#endif
