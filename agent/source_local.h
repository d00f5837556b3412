/**
 * source_local - command-line sources (import, exec, simulate) on the import socket
 *
 * Speaks proto/local.proto: Begin, then packed batches (Put), then Finish. Each batch is checked, spooled as it came and
 * answered (Spooled) once durable. Finish is answered when all is in the spool, or with `wait` when the collector has
 * committed all and settled the import's duplicates; a collector that is away is waited for. An import of history is
 * settled also when its client does not wait or has gone after Finish. What is spooled is delivered in any case.
 *
 * While a collector takes batches, a connection is read only as long as fewer than LOCAL_AHEAD_BATCHES batches and
 * LOCAL_AHEAD_BYTES bytes of it wait for acknowledgement, so that the spool stays small; without a collector the spool
 * takes what fits. When it is full, nothing is read until there is room: a batch is tried again with every commit, and
 * by time alone, for it may be the disk that is full. Up to LOCAL_CONNECTIONS_MAX connections, who stays:
 * listener.h; one mistake in the protocol is answered with Failed and ends the connection, and so does a batch in which
 * anything names another tenant than the one that its user is bound to (binding.h): nothing of that batch is taken.
 */
#ifndef AGENT_SOURCE_LOCAL_H
#define AGENT_SOURCE_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/binding.h"
#include "agent/loop.h"
#include "agent/spool.h"
#include "agent/uplink.h"
#include "lib/config.h"
#include "lib/err.h"

enum { LOCAL_CONNECTIONS_MAX = 64, LOCAL_AHEAD_BATCHES = 64, LOCAL_AHEAD_BYTES = 16 << 20, LOCAL_TENANTS_MAX = 64 };

typedef struct SourceLocal SourceLocal;

/** Listen at config->import_socket; `loop`, `spool` and `bindings` are borrowed. Caller frees. NULL: ERR_IO, ERR_RANGE,
 *  ERR_EXISTS, ERR_NOMEM. */
MUST_CHECK SourceLocal *source_local_open(const Config *config, Loop *loop, Spool *spool, Bindings *bindings, Err *err);
void source_local_free(SourceLocal **self);
/** The uplink that settles imports; borrowed, before the first turn. */
void source_local_set_uplink(SourceLocal *self, Uplink *uplink);

/** Look after those who wait: newcomers outside, and batches that found no room in the spool. */
void source_local_service(SourceLocal *self, int64_t now_us);
int64_t source_local_due_us(const SourceLocal *self);

/** The spool committed: what was staged is durable. */
void source_local_spooled(SourceLocal *self);
/** From the uplink: the collector committed `key` and all before; it registered a tenant; it settled an import. */
void source_local_committed(SourceLocal *self, uint64_t key);
void source_local_registered(SourceLocal *self, const char *tenant);
void source_local_settled(SourceLocal *self, const Millibill__Settled *settled);
/** Once in a turn, after the uplink: send answers and decide who is read from. */
void source_local_settle(SourceLocal *self);

#endif
