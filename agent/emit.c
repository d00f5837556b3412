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
#include "lib/config.h"
#include "lib/digest.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/progress.h"
#include "lib/text.h"
#include "lib/utc.h"

enum {
    BACKLOG_BYTES_MAX = 4 << 20, /* lines that wait for acknowledgement; then standard input waits */
    READ_BYTES = 64 << 10,
    LINE_BYTES_KEPT = (64 << 10) + 1, /* of a line: one byte more than the agent takes, so that it says so */
    ANSWER_BYTES = 1024,
    SESSION_BYTES = 16,
    AGAIN_MS_FIRST = 100,
    AGAIN_MS_MAX = 2000
};

typedef struct Emitting {
    const char *path;
    int64_t give_up_s; /* 0: never */
    int socket;        /* -1: the agent is away */
    int64_t away_us;   /* since then, monotonic */
    int64_t again_us;  /* when to try again */
    int again_ms;
    char session[2 * SESSION_BYTES + 1];
    uint64_t lines; /* read from standard input */
    uint64_t acknowledged;
    uint64_t before; /* of them, those before this connection */
    bool input_ended;
    size_t line_bytes; /* of the line being read */
    Buffer backlog;    /* lines that are not acknowledged, and the beginning of the next */
    size_t whole;      /* bytes of it that are whole lines */
    size_t sent;       /* bytes of it that were sent on this connection */
    Buffer greeting;
    size_t greeted;
    size_t answer_length;
    char answer[ANSWER_BYTES];
} Emitting;

static const char DETAIL[] =
    "Each line is one JSON object (its fields: doc/records.md). Returns when every line is durable in the agent's spool.\n"
    "An agent that goes away is waited for, and gets the lines again that it had not acknowledged: each of them counts\n"
    "once, also those without request_id. Running the command again is another matter: then only lines with request_id\n"
    "are known again.";

/* Copy a piece of one line; of an overlong one only the beginning. */
static bool
keep_piece(Emitting *self, const char *piece, size_t length, Err *err)
{
    size_t room = LINE_BYTES_KEPT - self->line_bytes;
    size_t kept = length < room ? length : room;
    self->line_bytes += kept;
    return buffer_append(&self->backlog, piece, kept, err);
}

static bool
end_line(Emitting *self, Err *err)
{
    if (!buffer_append(&self->backlog, "\n", 1, err))
        return false;
    self->whole = self->backlog.length;
    self->line_bytes = 0;
    self->lines++;
    return true;
}

static bool
take_input(Emitting *self, const char *bytes, size_t length, Err *err)
{
    for (size_t at = 0; at < length;) {
        const char *feed = memchr(bytes + at, '\n', length - at);
        size_t end = feed == NULL ? length : (size_t) (feed - bytes);
        if (!keep_piece(self, bytes + at, end - at, err) || (feed != NULL && !end_line(self, err)))
            return false;
        at = end + 1;
    }
    return true;
}

static bool
read_input(Emitting *self, Err *err)
{
    char bytes[READ_BYTES];
    ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0)
        return errno == EINTR || err_set(err, ERR_IO, "cannot read standard input: %s", strerror(errno));
    if (got > 0)
        return take_input(self, bytes, (size_t) got, err);
    self->input_ended = true; /* a last line without its end is a line */
    return self->line_bytes == 0 || end_line(self, err);
}

static bool
greet(Emitting *self, Err *err)
{
    buffer_clear(&self->greeting);
    self->greeted = 0;
    self->sent = 0;
    self->answer_length = 0;
    self->before = self->acknowledged;
    return buffer_printf(&self->greeting, err,
                         "{\"millibill\":{\"ack\":true,\"session\":\"%s\",\"from\":%" PRIu64 "}}\n", self->session,
                         self->acknowledged);
}

static void
lose_agent(Emitting *self)
{
    (void) close(self->socket);
    self->socket = -1;
    if (self->away_us == 0) {
        self->away_us = utc_monotonic_us();
        fprintf(stderr,
                "the agent closed the connection, %" PRIu64 " of %" PRIu64 " lines acknowledged: waiting for it\n",
                self->acknowledged, self->lines);
    }
    self->again_us = utc_monotonic_us() + self->again_ms * INT64_C(1000);
    self->again_ms = self->again_ms * 2 < AGAIN_MS_MAX ? self->again_ms * 2 : AGAIN_MS_MAX;
}

static bool
find_agent(Emitting *self, Err *err)
{
    Err away = {0};
    int64_t now_us = utc_monotonic_us();
    if (now_us < self->again_us)
        return true;
    self->socket = agent_connect(self->path, &away);
    if (self->socket >= 0)
        return greet(self, err);
    self->again_us = now_us + self->again_ms * INT64_C(1000);
    self->again_ms = self->again_ms * 2 < AGAIN_MS_MAX ? self->again_ms * 2 : AGAIN_MS_MAX;
    if (self->give_up_s == 0 || now_us - self->away_us < self->give_up_s * 1000000)
        return true;
    *err = away;
    return false;
}

/* Send some of `bytes`; a lost connection is no error. */
static void
send_some(Emitting *self, const Buffer *bytes, size_t end, size_t *sent)
{
    ssize_t done = send(self->socket, bytes->data + *sent, end - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done >= 0)
        *sent += (size_t) done;
    else if (errno != EAGAIN && errno != EINTR)
        lose_agent(self);
}

/* The agent has `count` lines of this connection: they need not be kept. */
static bool
drop_lines(Emitting *self, uint64_t count, Err *err)
{
    size_t end = 0;
    for (uint64_t dropped = self->acknowledged - self->before; dropped < count; dropped++) {
        const char *feed = end < self->sent ? memchr(self->backlog.data + end, '\n', self->sent - end) : NULL;
        if (feed == NULL)
            return err_set(err, ERR_PROTOCOL, "the agent acknowledged more lines than it was sent");
        end = (size_t) (feed - self->backlog.data) + 1;
        self->acknowledged++;
    }
    memmove(self->backlog.data, self->backlog.data + end, self->backlog.length - end);
    self->backlog.length -= end;
    self->whole -= end;
    self->sent -= end;
    self->away_us = 0;
    self->again_ms = AGAIN_MS_FIRST;
    return true;
}

/* {"ack":N} or {"error":"…"} */
static bool
take_answer(Emitting *self, Text line, Err *err)
{
    Json *object = json_parse(line, NULL);
    Json *count = object == NULL ? NULL : json_member(object, "ack");
    Json *error = object == NULL ? NULL : json_member(object, "error");
    bool done = false;
    if (count != NULL && json_object_is_type(count, json_type_int) && json_object_get_int64(count) >= 0)
        done = drop_lines(self, (uint64_t) json_object_get_int64(count), err);
    else if (error != NULL && json_object_is_type(error, json_type_string))
        err_set(err, ERR_DENIED, "the agent refused: %s", json_object_get_string(error));
    else
        err_set(err, ERR_PROTOCOL, "the agent answered '%.*s', expected {\"ack\":N}", TEXT_ARG(line));
    json_object_put(object);
    return done;
}

static bool
take_answers(Emitting *self, Err *err)
{
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

static bool
receive_answers(Emitting *self, Err *err)
{
    ssize_t got =
        recv(self->socket, self->answer + self->answer_length, ANSWER_BYTES - self->answer_length, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0) {
        lose_agent(self);
        return true;
    }
    self->answer_length += (size_t) got;
    return take_answers(self, err);
}

static int
timeout_ms(const Emitting *self)
{
    int64_t left_us = self->again_us - utc_monotonic_us();
    if (self->socket >= 0)
        return -1;
    return left_us < 0 ? 0 : (int) (left_us / 1000) + 1;
}

/* One turn: read what comes in, send what was read, take answers. */
static bool
turn(Emitting *self, Err *err)
{
    if (self->socket < 0 && !find_agent(self, err))
        return false;
    bool greeting = self->greeted < self->greeting.length;
    bool may_read = !self->input_ended && self->backlog.length < BACKLOG_BYTES_MAX;
    short wanted = greeting || self->sent < self->whole ? POLLIN | POLLOUT : POLLIN;
    struct pollfd watched[] = {{self->socket, wanted, 0}, {may_read ? STDIN_FILENO : -1, POLLIN, 0}};
    if (poll(watched, 2, timeout_ms(self)) < 0)
        return errno == EINTR || err_set(err, ERR_IO, "poll: %s", strerror(errno));
    /* Answers first: what a connection said before its end counts. */
    if ((watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !receive_answers(self, err))
        return false;
    if (self->socket >= 0 && (watched[0].revents & POLLOUT) != 0) {
        if (greeting)
            send_some(self, &self->greeting, self->greeting.length, &self->greeted);
        else
            send_some(self, &self->backlog, self->whole, &self->sent);
    }
    return watched[1].revents == 0 || read_input(self, err);
}

static bool
emit_all(Emitting *self, Err *err)
{
    uint8_t session[SESSION_BYTES];
    random_bytes(session, sizeof session);
    (void) bytes_hex(session, sizeof session, self->session);
    self->again_ms = AGAIN_MS_FIRST;
    self->socket = agent_connect(self->path, err);
    Progress progress = progress_start("acknowledged");
    bool going = self->socket >= 0 && greet(self, err);
    while (going && !(self->input_ended && self->backlog.length == 0)) {
        going = turn(self, err);
        progress_show(&progress, (int64_t) self->acknowledged, self->input_ended ? (int64_t) self->lines : 0);
    }
    progress_end(&progress);
    if (!going && self->lines > 0) {
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
    int64_t give_up_s = 0;
    bool json = false;
    const Option table[] = {
        {"socket", 's', OPTION_TEXT, &path, "PATH", "socket of the agent; default that of the stack"},
        OPTION_DATA(&data),
        {"give-up-after", 0, OPTION_INTEGER, &give_up_s, "SECONDS",
         "fail when the agent stays away for so long; default never"},
        {"json", 0, OPTION_FLAG, &json, NULL, "print JSON: how many lines were sent and acknowledged"},
        OPTION_END,
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
    Emitting emitting = {.path = path != NULL ? path : config.agent_socket, .give_up_s = give_up_s, .socket = -1};
    bool done = emit_all(&emitting, &err) && result_print(&emitting, json, &err);
    if (emitting.socket >= 0)
        (void) close(emitting.socket);
    buffer_free(&emitting.backlog);
    buffer_free(&emitting.greeting);
    return done ? 0 : err_report(&err, "millibill emit");
}
