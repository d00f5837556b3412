/**
 * gate - who may speak: CURVE keys, the ZAP handler, and the table of keys
 *
 * The handler runs in a thread of its own with its own database connection and socket. It knows the keys of the table
 * `agents`, read anew every second and before an unknown key is refused; while the database is away the last table stands.
 * libzmq asks once for each connection only: gate_agent must be asked for every message. Fails closed: a socket that was
 * opened by gate_protect delivers nothing from a peer that the handler did not admit, handler alive or not. When the handler
 * has ended, for whatever reason, gate_agent knows nobody any more, and the collector must stop.
 */
#ifndef COLLECTOR_GATE_H
#define COLLECTOR_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/health.h"
#include "collector/metrics.h"
#include "lib/config.h"
#include "lib/err.h"
#include "lib/keys.h"

enum { GATE_NAME_BYTES = 128 };

typedef struct Gate Gate;

typedef struct GateAgent {
    int64_t agent_id;
    char key[KEY_TEXT_BYTES]; /* the one that was asked for: an agent may have two for a while */
    char name[GATE_NAME_BYTES];
} GateAgent;

/** The ZeroMQ context of a collector, for as many sockets as libzmq can. */
MUST_CHECK void *gate_context_new(Err *err);
/** Wake every thread that waits on one of its sockets; then free it when all sockets are closed. */
void gate_context_shutdown(void *context);
void gate_context_free(void *context);

/** Read the key pair file, load the table of keys and start the handler on `zmq_context` (borrowed, as
 *  metrics and health are; all must outlive the gate). NULL: ERR_NOT_FOUND, ERR_DENIED, ERR_INPUT (key file), ERR_BUSY, ERR_DATABASE, ERR_IO. */
MUST_CHECK Gate *gate_open(void *zmq_context, const Config *config, Metrics *metrics, Health *health, Err *err);
/** Stop the handler; the context must be shut down first. `*self` may be NULL. */
void gate_free(Gate **self);

/** Make a socket, before it binds, a CURVE server that admits registered keys only. */
MUST_CHECK bool gate_protect(const Gate *self, void *socket, Err *err);

/** Prove that a key that nobody registered is refused; a collector that cannot prove it must not open. ERR_DENIED. */
MUST_CHECK bool gate_prove(Gate *self, void *zmq_context, const Config *config, Err *err);

/** Does the handler run? Thread-safe. */
bool gate_is_alive(const Gate *self);

/** Which agent a message's User-Id names; false when the key is unknown or revoked by now. Thread-safe. */
MUST_CHECK bool gate_agent(Gate *self, const char *user_id, GateAgent *agent);

#endif
