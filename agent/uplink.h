/**
 * uplink - the spool's batches to a collector (ZeroMQ DEALER with CURVE)
 *
 * Says Hello, learns from Welcome which batch the collector committed last, then keeps a window of batches in flight and
 * forgets each when its Ack comes. After a lost connection, a gap or silence it says Hello again and goes on behind what is
 * committed; batches may be sent twice, which the collector recognises. With several collectors the next one is tried when
 * one does not answer; waits grow up to UPLINK_BACKOFF_MAX_MS with jitter.
 *
 * A batch that the collector cannot decode is set aside in the spool and replaced by a loss notice. A collector that has
 * committed less than it once acknowledged has a restored database: acknowledged batches that the spool still holds are sent
 * again under their sequences. Where they do not reach back far enough, or the collector knows batches that this spool never
 * made (it was restored from a copy itself), the spool gets a new id and sends all it has; the gap is a loss notice.
 *
 * Owns its sockets; serviced by the daemon's thread in every turn of the loop. The spool must have nothing staged then.
 */
#ifndef AGENT_UPLINK_H
#define AGENT_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/loop.h"
#include "agent/spool.h"
#include "lib/config.h"
#include "lib/err.h"
#include "proto/wire.h"

enum {
    UPLINK_WINDOW_MAX = 64,
    UPLINK_FLIGHT_BYTES_MAX = 6 << 20, /* batches in flight are in memory twice: bound their bytes too */
    UPLINK_BACKOFF_MAX_MS = 5000,
    UPLINK_SETTLES_MAX = 256
};

typedef struct Uplink Uplink;

typedef struct UplinkHandlers {
    void *context;
    void (*committed)(void *context, uint64_t key);                    /* this batch and every earlier one */
    void (*registered)(void *context, const char *tenant);             /* new in the database */
    void (*settled)(void *context, const Millibill__Settled *settled); /* only with done = true */
} UplinkHandlers;

/** Reads the keys; connects in the first uplink_service(). `config`, `loop` and `spool` are borrowed. Caller frees. NULL:
 *  ERR_NOT_FOUND, ERR_DENIED, ERR_INPUT (keys, no collector), ERR_NOMEM, ERR_IO. */
MUST_CHECK Uplink *uplink_new(const Config *config, Loop *loop, Spool *spool, UplinkHandlers handlers, Err *err);
void uplink_free(Uplink **self);

/** Receive and send what is possible at `now_us` (monotonic) without waiting. False: the spool failed. */
MUST_CHECK bool uplink_service(Uplink *self, int64_t now_us, Err *err);
/** When it wants to be serviced though no descriptor is ready. */
int64_t uplink_due_us(const Uplink *self);
/** Does a collector take batches now? */
bool uplink_is_ready(const Uplink *self);

/** Ask for the final word on an import, again and again until it comes. ERR_FULL: too many are asked for. */
MUST_CHECK bool uplink_settle(Uplink *self, const uint8_t import_id[WIRE_ID_BYTES], Err *err);

#endif
