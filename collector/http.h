/**
 * http - a small read-only HTTP server (GET and HEAD) in a thread of its own
 *
 * For metrics and health, inside the operator's network: no TLS, no authentication, nothing secret. Bounded: connections,
 * time and memory of each. An address is `host:port`, `[v6]:port` or `unix:PATH`.
 */
#ifndef COLLECTOR_HTTP_H
#define COLLECTOR_HTTP_H

#include "lib/err.h"
#include "lib/text.h"

/** Answer one path into `body` (appended; text). Returns the HTTP status; 404 for a path that it does not know. Called in
 *  the server's thread. */
typedef unsigned (*HttpAnswer)(void *context, const char *path, Buffer *body);

typedef struct Http Http;

/** Listen and serve. `context` is borrowed until http_free. NULL: ERR_INPUT (address), ERR_IO. */
MUST_CHECK Http *http_open(const char *address, HttpAnswer answer, void *context, Err *err);
/** Stop; a Unix socket's file goes. `*self` may be NULL. */
void http_free(Http **self);

#endif
