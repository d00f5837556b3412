/**
 * socket_line - what one line of a socket asks for, and its way into the packer
 *
 * No I/O of its own. A line becomes a record, or a line of quarantine with its reason. A line without request_id gets one:
 * a random one, or, when the emitter named a session, one that follows from session and line number, so that the same line
 * sent again is the same invocation.
 */
#ifndef AGENT_SOCKET_LINE_H
#define AGENT_SOCKET_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/binding.h"
#include "agent/identity_window.h"
#include "agent/packer.h"
#include "formats/decode.h"
#include "lib/err.h"

enum { SOCKET_SESSION_BYTES_MAX = 64 };

/** {"millibill":{"ack":true,"session":"…","from":N}}: the first line of a connection. */
typedef struct SocketControl {
    bool wants_ack;
    char session[SOCKET_SESSION_BYTES_MAX + 1]; /* empty: none */
    uint64_t from;                              /* lines of this session that were acknowledged before */
} SocketControl;

/** What the lines of one source share (all borrowed). */
typedef struct LineIntake {
    Packer *packer;
    IdentityWindow *window; /* NULL: off */
    DecodeScratch *scratch;
} LineIntake;

/** Where a line comes from. */
typedef struct LineOrigin {
    const char *path; /* of the socket */
    const BindingPeer *who;
    const char *session;
    uint64_t session_line; /* its number within the session */
    uint64_t line;         /* its number within the connection, for messages */
} LineOrigin;

/** Is this the line that asks for acknowledgement? Then what it asks for. Takes no memory. */
bool socket_control_parse(Text line, SocketControl *out);

/** Hand one line over. `*generation`: once the packer's generation of that number is committed, the line is durable. ERR_FULL:
 *  the spool has no room, try again later; nothing was taken. Others: ERR_NOMEM, ERR_IO. */
MUST_CHECK bool
line_take(const LineIntake *self, const LineOrigin *origin, Text line, int64_t now_us, uint64_t *generation, Err *err);

/** Quarantine the start of a line that is longer than `bytes_max`; as line_take. */
MUST_CHECK bool line_refuse_long(const LineIntake *self, const LineOrigin *origin, Text start, int bytes_max,
                                 int64_t now_us, uint64_t *generation, Err *err);

#endif
