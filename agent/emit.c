/* `millibill emit`: NDJSON lines from standard input to the agent's socket, until the agent has acknowledged them all. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/commands.h"
#include "agent/local_client.h"
#include "agent/progress.h"
#include "lib/config.h"
#include "lib/json.h"
#include "lib/options.h"

enum { CHUNK_BYTES = 64 << 10, ANSWER_BYTES = 256 };

typedef struct Emitting {
    int socket;
    uint64_t lines; /* read from standard input */
    uint64_t acknowledged;
    bool input_ended;
    bool in_line;     /* the last byte read was not the end of a line */
    bool half_closed; /* the agent knows that no more comes */
    size_t chunk_start, chunk_end;
    size_t answer_length;
    char answer[ANSWER_BYTES];
    char chunk[CHUNK_BYTES];
} Emitting;

static const char DETAIL[] = "Each line is one JSON object (see doc, \"Record as JSON\"). A line without request_id "
                             "gets one from the agent: sending it\n"
                             "again is another invocation. Returns when every line is durable in the agent's spool.";

static bool
read_chunk(Emitting *self, Err *err)
{
    ssize_t got = read(STDIN_FILENO, self->chunk, CHUNK_BYTES);
    if (got < 0)
        return errno == EINTR || err_set(err, ERR_IO, "cannot read standard input: %s", strerror(errno));
    self->chunk_start = 0;
    self->chunk_end = (size_t) got;
    for (const char *at = self->chunk; (at = memchr(at, '\n', (size_t) (self->chunk + got - at))) != NULL; at++)
        self->lines++;
    if (got > 0) {
        self->in_line = self->chunk[got - 1] != '\n';
        return true;
    }
    self->input_ended = true;
    if (self->in_line) { /* a last line without its end is a line */
        self->lines++;
        self->in_line = false;
        self->chunk[0] = '\n';
        self->chunk_end = 1;
    }
    return true;
}

static bool
send_chunk(Emitting *self, Err *err)
{
    ssize_t sent = send(self->socket, self->chunk + self->chunk_start, self->chunk_end - self->chunk_start,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ||
               err_set(err, ERR_IO, "the agent closed the connection: %s", strerror(errno));
    self->chunk_start += (size_t) sent;
    return true;
}

/* {"ack":N} */
static bool
take_answer(Emitting *self, Text line, Err *err)
{
    Json *object = json_parse(line, NULL);
    Json *count = object == NULL ? NULL : json_member(object, "ack");
    bool known = count != NULL && json_object_is_type(count, json_type_int);
    if (known)
        self->acknowledged = (uint64_t) json_object_get_int64(count);
    json_object_put(object);
    return known || err_set(err, ERR_PROTOCOL, "the agent answered '%.*s', expected {\"ack\":N}", TEXT_ARG(line));
}

static bool
receive_answers(Emitting *self, Err *err)
{
    ssize_t got =
        recv(self->socket, self->answer + self->answer_length, ANSWER_BYTES - self->answer_length, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0)
        return err_set(err, ERR_IO, "the agent closed the connection%s%s", got < 0 ? ": " : "",
                       got < 0 ? strerror(errno) : "");
    self->answer_length += (size_t) got;
    size_t taken = 0;
    const char *feed;
    while ((feed = memchr(self->answer + taken, '\n', self->answer_length - taken)) != NULL) {
        size_t end = (size_t) (feed - self->answer);
        if (!take_answer(self, (Text){self->answer + taken, end - taken}, err))
            return false;
        taken = end + 1;
    }
    self->answer_length -= taken;
    memmove(self->answer, self->answer + taken, self->answer_length);
    return self->answer_length < ANSWER_BYTES || err_set(err, ERR_PROTOCOL, "the agent's answer has no end");
}

/* One turn: read what comes in, send what was read, take answers. */
static bool
turn(Emitting *self, Err *err)
{
    bool has_chunk = self->chunk_start < self->chunk_end;
    if (self->input_ended && !has_chunk && !self->half_closed) {
        self->half_closed = true;
        (void) shutdown(self->socket, SHUT_WR);
    }
    short wanted = has_chunk ? POLLIN | POLLOUT : POLLIN;
    struct pollfd watched[] = {{self->socket, wanted, 0},
                               {self->input_ended || has_chunk ? -1 : STDIN_FILENO, POLLIN, 0}};
    if (poll(watched, 2, -1) < 0)
        return errno == EINTR || err_set(err, ERR_IO, "poll: %s", strerror(errno));
    if ((watched[0].revents & POLLOUT) != 0 && !send_chunk(self, err))
        return false;
    if ((watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive_answers(self, err))
        return false;
    return watched[1].revents == 0 || read_chunk(self, err);
}

static bool
emit_all(Emitting *self, Err *err)
{
    static const char GREETING[] = "{\"millibill\":{\"ack\":true}}\n";
    memcpy(self->chunk, GREETING, sizeof GREETING - 1);
    self->chunk_end = sizeof GREETING - 1;
    Progress progress = progress_start("acknowledged");
    bool going = true;
    while (going && !(self->input_ended && self->chunk_start == self->chunk_end && self->acknowledged >= self->lines)) {
        going = turn(self, err);
        progress_show(&progress, (int64_t) self->acknowledged, self->input_ended ? (int64_t) self->lines : 0);
    }
    progress_end(&progress);
    if (!going) {
        err_prefix(err, "%" PRIu64 " of %" PRIu64 " lines acknowledged: ", self->acknowledged, self->lines);
        err_hint(err, "send the lines after the first %" PRIu64 " again; those with a request_id may be sent twice",
                 self->acknowledged);
    }
    return going;
}

static bool
result_print(const Emitting *self, bool json, Err *err)
{
    fprintf(stderr, "%" PRIu64 " lines acknowledged\n", self->acknowledged);
    if (!json)
        return true;
    Json *out = json_new_object(err);
    bool done = out != NULL && json_add_int(out, "sent", (int64_t) self->lines, err) &&
                json_add_int(out, "acknowledged", (int64_t) self->acknowledged, err) && json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

int
emit_command(int argc, char **argv)
{
    const char *data = NULL, *path = NULL;
    bool json = false;
    const Option table[] = {
        {"socket", 's', OPTION_TEXT, &path, "PATH", "socket of the agent (else that of the stack)"},
        {"data", 0, OPTION_TEXT, &data, "DIR", "directory of the stack"},
        {"json", 0, OPTION_FLAG, &json, NULL, "print JSON: how many lines were sent and acknowledged"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {.command = "millibill emit",
                              .arguments = "",
                              .summary = "Send usage records (NDJSON on standard input) to the agent.",
                              .detail = DETAIL,
                              .options = table};
    OptionsResult parsed = options_parse(&line, argc, argv, NULL);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err;
    err_clear(&err);
    Config config;
    if (path == NULL && !config_load(data, &config, &err))
        return err_report(&err, "millibill emit");
    Emitting *emitting = calloc(1, sizeof *emitting);
    bool done = emitting != NULL;
    if (done)
        emitting->socket = agent_connect(path != NULL ? path : config.agent_socket, &err);
    else
        err_set(&err, ERR_NOMEM, "no memory");
    done = done && emitting->socket >= 0 && emit_all(emitting, &err) && result_print(emitting, json, &err);
    if (emitting != NULL && emitting->socket >= 0)
        close(emitting->socket);
    free(emitting);
    return done ? 0 : err_report(&err, "millibill emit");
}
