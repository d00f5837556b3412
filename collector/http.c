#include "collector/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/log.h"

enum { CONNECTIONS_MAX = 32, IDLE_S = 10, CONNECTION_BYTES = 16384, BACKLOG = 32, HOST_BYTES = 256 };
static const char UNIX_PREFIX[] = "unix:";

struct Http {
    struct MHD_Daemon *daemon;
    HttpAnswer answer;
    void *context;
    char path[sizeof(((struct sockaddr_un *) 0)->sun_path)]; /* of a Unix socket, else empty */
};

/* ---- listening ---- */

static int
cannot_listen(int socket, const char *address, const char *why, Err *err)
{
    err_set(err, ERR_IO, "cannot serve metrics on '%s': %s", address, why);
    err_hint(err, "Set `metrics_listen` to another address, or to '' for none.");
    if (socket >= 0)
        close(socket);
    return -1;
}

/** A socket file that nobody listens on any more gives way; a live one does not. */
static bool
is_in_use(const struct sockaddr_un *name)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answered = probe >= 0 && connect(probe, (const struct sockaddr *) name, sizeof *name) == 0;
    if (probe >= 0)
        close(probe);
    return answered;
}

static int
listen_unix(Http *self, const char *address, Err *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const char *path = address + strlen(UNIX_PREFIX);
    if (path[0] == '\0' || strlen(path) >= sizeof name.sun_path)
        return cannot_listen(-1, address, "a Unix socket's name has 1 to 107 bytes", err);
    memcpy(name.sun_path, path, strlen(path) + 1);
    if (is_in_use(&name))
        return cannot_listen(-1, address, "another collector serves there", err);
    unlink(path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (const struct sockaddr *) &name, sizeof name) != 0 ||
        listen(listener, BACKLOG) != 0)
        return cannot_listen(listener, address, strerror(errno), err);
    memcpy(self->path, path, strlen(path) + 1);
    return listener;
}

/** Split `host:port` or `[v6]:port`. */
static bool
split_address(const char *address, char host[HOST_BYTES], const char **port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon[1] == '\0' || (size_t) (colon - address) >= HOST_BYTES)
        return false;
    size_t length = (size_t) (colon - address);
    bool bracketed = address[0] == '[' && length > 2 && address[length - 1] == ']';
    memcpy(host, address + bracketed, length - 2 * (size_t) bracketed);
    host[length - 2 * (size_t) bracketed] = '\0';
    *port = colon + 1;
    return true;
}

static int
listen_tcp(const char *address, Err *err)
{
    char host[HOST_BYTES];
    const char *port = NULL;
    struct addrinfo *found = NULL;
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int yes = 1;
    if (!split_address(address, host, &port)) {
        err_set(err, ERR_INPUT, "metrics_listen: expected host:port, [v6]:port or unix:PATH, got '%s'", address);
        return -1;
    }
    int status = getaddrinfo(host, port, &wanted, &found);
    if (status != 0)
        return cannot_listen(-1, address, gai_strerror(status), err);
    int listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool good = listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                bind(listener, found->ai_addr, found->ai_addrlen) == 0 && listen(listener, BACKLOG) == 0;
    int failure = errno;
    freeaddrinfo(found);
    return good ? listener : cannot_listen(listener, address, strerror(failure), err);
}

/* ---- answering ---- */

static enum MHD_Result
respond(struct MHD_Connection *connection, unsigned status, const Buffer *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body->length, body->length == 0 ? (char[]){""} : body->data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8") ==
            MHD_YES &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result
on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
           const char *upload, size_t *upload_bytes, void **state)
{
    (void) version;
    (void) upload;
    (void) upload_bytes;
    Http *self = context;
    static int seen;
    if (*state == NULL) { /* the first call is for the headers alone */
        *state = &seen;
        return MHD_YES;
    }
    Err ignored = {0};
    Buffer body = {0};
    unsigned status = MHD_HTTP_METHOD_NOT_ALLOWED;
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        status = self->answer(self->context, url, &body);
    if (status != MHD_HTTP_OK && body.length == 0 &&
        !buffer_append_text(&body, status == MHD_HTTP_NOT_FOUND ? "not found\n" : "not allowed\n", &ignored))
        err_clear(&ignored);
    enum MHD_Result result = respond(connection, status, &body);
    buffer_free(&body);
    return result;
}

/* ---- the whole ---- */

MUST_CHECK Http *
http_open(const char *address, HttpAnswer answer, void *context, Err *err)
{
    Http *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the metrics' server");
        return NULL;
    }
    self->answer = answer;
    self->context = context;
    bool local = strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
    int listener = local ? listen_unix(self, address, err) : listen_tcp(address, err);
    if (listener >= 0)
        self->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, on_request, self,
                                        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
                                        CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
                                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) CONNECTION_BYTES, MHD_OPTION_END);
    if (self->daemon == NULL) {
        if (listener >= 0)
            (void) cannot_listen(listener, address, "the HTTP library refused", err);
        http_free(&self);
        return NULL;
    }
    log_info("event=metrics_served address=%s", address);
    return self;
}

void
http_free(Http **self)
{
    if (*self == NULL)
        return;
    if ((*self)->daemon != NULL)
        MHD_stop_daemon((*self)->daemon);
    if ((*self)->path[0] != '\0')
        unlink((*self)->path);
    free(*self);
    *self = NULL;
}
