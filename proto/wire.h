/**
 * wire - frames between agent and collector, and between command-line sources and agent
 *
 * Thin layer over the generated protobuf-c code: sizes are bounded before and while decoding:
 * a message takes at most a quarter more memory than it has bytes, and 64 KiB.
 */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/local.pb-c.h"
#include "proto/wire.pb-c.h"

enum {
    WIRE_PROTOCOL = 2,        /* since there are capacity records, which an older collector would bill as invocations */
    WIRE_PROTOCOL_OLDEST = 1, /* that a collector takes: its agents have no capacity */
    WIRE_FRAME_BYTES_MAX = (1 << 20) + (64 << 10), /* a batch and its envelope */
    WIRE_WINDOW = 16,                              /* batches in flight */
    WIRE_ID_BYTES = 16,
    LOCAL_FRAME_BYTES_MAX = 2 << 20
};

/** Decode a frame. Free with millibill__frame__free_unpacked(frame, NULL). NULL: ERR_PROTOCOL, ERR_RANGE, ERR_NOMEM. */
MUST_CHECK Millibill__Frame *wire_frame_unpack(const void *bytes, size_t length, Err *err);
/** Serialise into `out` (replaced). ERR_NOMEM, ERR_RANGE. */
MUST_CHECK bool wire_frame_pack(const Millibill__Frame *frame, Buffer *out, Err *err);

MUST_CHECK Millibill__Local *local_unpack(const void *bytes, size_t length, Err *err);
/** Append the length prefix and the message to `out`. */
MUST_CHECK bool local_pack(const Millibill__Local *message, Buffer *out, Err *err);

/** Blocking send and receive of one Local on a connected stream socket (for command-line clients). Receive returns NULL
 *  with ERR_IO at end of file. */
MUST_CHECK bool local_send(int socket, const Millibill__Local *message, Err *err);
MUST_CHECK Millibill__Local *local_receive(int socket, Err *err);

#endif
