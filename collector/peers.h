/**
 * peers - which connections said Hello, and for which spool
 *
 * Bounded: the one that was silent for longest gives way to a new one, and has to say Hello again.
 */
#ifndef COLLECTOR_PEERS_H
#define COLLECTOR_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/work.h"
#include "lib/err.h"
#include "schema/batch_store.h"

enum { PEERS_MAX = 4096 };

typedef struct Peers Peers;

MUST_CHECK Peers *peers_new(Err *err);
void peers_free(Peers **self);

/** A connection said Hello. */
void peers_greet(Peers *self, const Route *route, int64_t agent_id, const uint8_t spool[SPOOL_ID_BYTES]);
/** Did this connection say Hello as this agent for this spool? */
bool peers_is_greeted(Peers *self, const Route *route, int64_t agent_id, const uint8_t *spool);

#endif
