/**
 * health - is the collector alive, and is it ready, which means that it makes progress?
 *
 * The threads report here; the HTTP thread asks. Ready is not "the process runs": it needs an intake that turns, a handler that
 * admits keys, and a database that answered lately and takes commits. Times are monotonic microseconds. Thread-safe.
 */
#ifndef COLLECTOR_HEALTH_H
#define COLLECTOR_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

enum { HEALTH_TEXT_BYTES = 256 };

typedef enum HealthPart {
    HEALTH_INTAKE,  /* the socket's thread: a turn at least every quarter of a second */
    HEALTH_KEYS,    /* the handler of keys: a turn every second, when its database answers */
    HEALTH_COMMITS, /* the committing thread: an answer of the database at least every few seconds */
    HEALTH_PARTS
} HealthPart;

typedef struct Health Health;

/** Nothing is running yet. NULL: ERR_NOMEM. Caller frees with health_free(). */
MUST_CHECK Health *health_new(Err *err);
void health_free(Health **self);

/** A part made progress at `now_us`. */
void health_beat(Health *self, HealthPart part, int64_t now_us);
/** A part has ended for good: the collector is no longer alive. */
void health_ended(Health *self, HealthPart part);
/** Commits fail, and why (one line); health_beat of HEALTH_COMMITS says that they succeed again. */
void health_stuck(Health *self, const char *why);

/** May it go on running? False: `why` (HEALTH_TEXT_BYTES) says what is wrong, and a restart may help. */
bool health_is_alive(Health *self, int64_t now_us, char *why);
/** Does it take and commit batches? */
bool health_is_ready(Health *self, int64_t now_us, char *why);

#endif
