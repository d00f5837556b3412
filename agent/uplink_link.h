/**
 * uplink_link - one connection to one collector: a ZeroMQ DEALER with CURVE, and the monitor that tells what becomes of it
 *
 * Wakes the loop when something can be received or sent; what woke it has to be asked for here. While the collector is away
 * nothing can be sent (ZMQ_IMMEDIATE), and what was in flight when a connection broke is gone. Belongs to the daemon's
 * thread.
 */
#ifndef AGENT_UPLINK_LINK_H
#define AGENT_UPLINK_LINK_H

#include <stdbool.h>

#include "agent/loop.h"
#include "lib/config.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/wire.h"

typedef struct UplinkLink UplinkLink;

typedef enum LinkEvent {
    LINK_QUIET,       /* nothing (more) happened */
    LINK_LOST,        /* the connection broke; it is made again in the background */
    LINK_KEY_REFUSED, /* the collector does not accept this agent's key */
    LINK_OTHER
} LinkEvent;

/** Reads the keys that `config` names; not connected yet. Caller frees. NULL: ERR_NOT_FOUND, ERR_DENIED, ERR_INPUT, ERR_NOMEM,
 *  ERR_IO. */
MUST_CHECK UplinkLink *uplink_link_new(const Config *config, Loop *loop, Err *err);
void uplink_link_free(UplinkLink **self);

/** Begin to connect to `endpoint`. ERR_INPUT (no endpoint), ERR_IO; then call uplink_link_close(). */
MUST_CHECK bool uplink_link_open(UplinkLink *self, const char *endpoint, Err *err);
void uplink_link_close(UplinkLink *self);

/** What happened to the connection; ask until LINK_QUIET. */
LinkEvent uplink_link_event(UplinkLink *self);
bool uplink_link_can_receive(UplinkLink *self);
bool uplink_link_can_send(UplinkLink *self);
/** False when it has to wait (nothing was taken). */
MUST_CHECK bool uplink_link_send(UplinkLink *self, Text frame);
/** The next message, NULL with `*received` false when there is none, NULL with ERR_PROTOCOL when it is no frame. Free with
 *  millibill__frame__free_unpacked(). */
MUST_CHECK Millibill__Frame *uplink_link_receive(UplinkLink *self, bool *received, Err *err);

#endif
