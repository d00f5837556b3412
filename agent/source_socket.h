/**
 * source_socket - usage records as NDJSON lines on a Unix stream socket
 *
 * One JSON object a line, at most SOCKET_LINE_BYTES_MAX bytes; what cannot become a record goes to quarantine with its
 * reason, and so does a longer line (the connection goes on at the next newline). Blank lines are skipped. What stands
 * before the end of the connection without a newline is a line.
 *
 * A first line {"millibill":{"ack":true}} asks for acknowledgement: the agent then writes {"ack":N} lines, where N counts
 * the lines of this connection (blank and malformed ones too, not the first) that are durable in the spool. N only grows;
 * one answer may cover several lines. A client that writes one line and waits is answered within some milliseconds.
 *
 * Up to SOCKET_CONNECTIONS_MAX connections, further ones wait in the listener's queue; none blocks another. When the spool
 * is full nothing is read until there is room: writers see a full socket buffer. Other failures end the loop (loop_fail).
 */
#ifndef AGENT_SOURCE_SOCKET_H
#define AGENT_SOURCE_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/loop.h"
#include "agent/packer.h"
#include "lib/err.h"

enum { SOCKET_CONNECTIONS_MAX = 256, SOCKET_LINE_BYTES_MAX = 64 << 10 };

typedef struct SourceSocket SourceSocket;

/** Listen at `path`; `loop` and `packer` are borrowed. Caller frees. NULL: ERR_IO, ERR_RANGE, ERR_EXISTS, ERR_NOMEM. */
MUST_CHECK SourceSocket *source_socket_open(const char *path, Loop *loop, Packer *packer, Err *err);
void source_socket_free(SourceSocket **self);

/** The spool committed: answer who waits for it, and go on reading where a full spool had stopped it. */
void source_socket_committed(SourceSocket *self);

/** Take what the connections have sent already (before the end of the daemon). */
void source_socket_drain(SourceSocket *self);

#endif
