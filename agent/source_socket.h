/**
 * source_socket - usage records as NDJSON lines on Unix stream sockets
 *
 * One JSON object a line, at most SOCKET_LINE_BYTES_MAX bytes; what cannot become a record goes to quarantine with its
 * reason, and so does a longer line (the connection goes on at the next newline). Blank lines are skipped. What stands
 * before the end of the connection without a newline is a line. A connection that is bound to a tenant (binding.h) speaks
 * for that one: a line that names another goes to quarantine (forged_tenant).
 *
 * A first line {"millibill":{"ack":true}} asks for acknowledgement: the agent then writes {"ack":N} lines, where N counts
 * the lines of this connection (blank and malformed ones too, not the first) that are durable in the spool: never before
 * the spool's transaction. N only grows; one answer may cover several lines. A client that writes one line and waits is
 * answered within some milliseconds; what was not acknowledged has to be sent again after a lost connection. Who is not let
 * in reads {"error":"…"} instead.
 *
 * A line with a request_id may be sent again: within the identity window (identity_window.h) it is acknowledged and not
 * taken twice; sent again with other facts it is passed on. With "session":"NAME","from":N in the first line the lines
 * without request_id get one that follows from NAME and the line's number in the session, the first of this connection being
 * N+1: so they may be sent again too. Without a session such a line is another invocation each time it is sent.
 *
 * Up to SOCKET_CONNECTIONS_MAX connections on all sockets together, who stays: listener.h; none blocks another. A peer
 * costs at most SOCKET_LINE_BYTES_MAX + 64 KiB; acknowledgements are not queued. When the spool is full nothing is read
 * until there is room: writers see a full socket buffer. Other failures end the loop (loop_fail).
 */
#ifndef AGENT_SOURCE_SOCKET_H
#define AGENT_SOURCE_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/binding.h"
#include "agent/identity_window.h"
#include "agent/loop.h"
#include "agent/packer.h"
#include "lib/config.h"
#include "lib/err.h"

enum { SOCKET_CONNECTIONS_MAX = 512, SOCKET_LINE_BYTES_MAX = 64 << 10 };

typedef struct SourceSocket SourceSocket;

/** What it works with, all borrowed. The packer's staged hook belongs to the window, when there is one. */
typedef struct SourceSocketParts {
    Loop *loop;
    Packer *packer;
    IdentityWindow *window; /* NULL: off */
    Bindings *bindings;
} SourceSocketParts;

/** Listen at config->agent_socket and at the sockets of the bindings. Caller frees. NULL: ERR_IO, ERR_RANGE, ERR_EXISTS,
 *  ERR_NOMEM. */
MUST_CHECK SourceSocket *source_socket_open(const Config *config, const SourceSocketParts *parts, Err *err);
void source_socket_free(SourceSocket **self);

/** The spool committed: answer who waits for it, and go on reading where a full spool had stopped it. */
void source_socket_committed(SourceSocket *self);

/** Look after those who wait outside. */
void source_socket_service(SourceSocket *self, int64_t now_us);
int64_t source_socket_due_us(const SourceSocket *self);

/** Take what the connections have sent already (before the end of the daemon). */
void source_socket_drain(SourceSocket *self);

#endif
