/**
 * loop - one thread waits for all its file descriptors (epoll, level-triggered)
 *
 * A watch is embedded as the first member of whatever owns the descriptor. A watch that is removed while events are being
 * handed out gets none of those that are left. Not thread-safe.
 */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

typedef struct Loop Loop;
typedef struct LoopWatch LoopWatch;

struct LoopWatch {
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT as last asked for */
    void (*ready)(LoopWatch *self, uint32_t events);
};

/** Caller frees with loop_free(). NULL: ERR_NOMEM, ERR_IO. */
MUST_CHECK Loop *loop_new(Err *err);
void loop_free(Loop **self);

/** Start watching `watch->fd` for `events`; `watch` is borrowed until loop_remove(). ERR_IO. */
MUST_CHECK bool loop_add(Loop *self, LoopWatch *watch, uint32_t events, Err *err);
/** Ask for other events (0: only errors and hang-ups). */
void loop_change(Loop *self, LoopWatch *watch, uint32_t events);
/** Stop watching. The descriptor stays open. */
void loop_remove(Loop *self, LoopWatch *watch);

/** A handler met an error that has to end the daemon: loop_turn() returns it (the first one). */
void loop_fail(Loop *self, const Err *err);

/** Wait at most `timeout_ms` and hand out what is ready. ERR_IO, or what loop_fail() was given. */
MUST_CHECK bool loop_turn(Loop *self, int timeout_ms, Err *err);

#endif
