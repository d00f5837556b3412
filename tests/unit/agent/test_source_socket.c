/* source_socket: acknowledged is what the spool has committed, neither less nor earlier; what is sent again is known again */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/socket_line.h"
#include "agent/source_socket.h"
#include "agent/spool_notes.h"
#include "lib/utc.h"
#include "tests/unit/agent/support_spool.h"

enum { RECORDS_MAX = 10, NEVER_US = 1000000000, SPOOL_MB = 16, TURNS = 20 };

typedef struct Fixture {
    char path[64];
    Config config;
    Bindings *bindings;
    Loop *loop;
    Spool *spool;
    Packer *packer;
    IdentityWindow *window;
    SourceSocket *source;
    int peer;
} Fixture;

static bool
stage_window(void *context, Err *err)
{
    return identity_window_stage(context, 1700000000000000, err);
}

static void
connect_peer(Fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/agent.sock", fixture->path);
    fixture->peer = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fixture->peer, (const struct sockaddr *) &address, sizeof(address)), 0);
}

static int
set_up(void **state)
{
    Err err = {0};
    Fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->path, sizeof(fixture->path), "/tmp/test_source.XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    snprintf(fixture->config.agent_socket, sizeof(fixture->config.agent_socket), "%s/agent.sock", fixture->path);
    fixture->config.idle_close_s = 60;
    fixture->bindings = bindings_new(&fixture->config, &err);
    fixture->loop = loop_new(&err);
    fixture->spool = spool_open(fixture->path, SPOOL_MB, 1, &err);
    assert_non_null(fixture->spool);
    fixture->packer = packer_new(fixture->spool, "socket", "s", RECORDS_MAX, NEVER_US, &err);
    fixture->window = identity_window_open(fixture->spool, 24, 1000, SPOOL_MB, &err);
    packer_on_staged(fixture->packer, stage_window, fixture->window);
    const SourceSocketParts parts = {fixture->loop, fixture->packer, fixture->window, fixture->bindings};
    fixture->source = source_socket_open(&fixture->config, &parts, &err);
    if (fixture->source == NULL)
        fail_msg("%s", err.message);
    connect_peer(fixture);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    close(fixture->peer);
    source_socket_free(&fixture->source);
    packer_free(&fixture->packer);
    identity_window_free(&fixture->window);
    spool_free(&fixture->spool);
    loop_free(&fixture->loop);
    bindings_free(&fixture->bindings);
    support_remove(fixture->path);
    free(fixture);
    return 0;
}

static void
turn(Fixture *fixture)
{
    Err err = {0};
    for (int i = 0; i < TURNS; i++)
        assert_true(loop_turn(fixture->loop, 0, &err));
}

static void
commit(Fixture *fixture)
{
    Err err = {0};
    assert_true(spool_commit(fixture->spool, false, &err));
    source_socket_committed(fixture->source);
    turn(fixture);
}

static void
flush(Fixture *fixture)
{
    Err err = {0};
    assert_true(packer_flush(fixture->packer, &err));
}

static void
send_text(Fixture *fixture, const char *text)
{
    assert_int_equal(send(fixture->peer, text, strlen(text), 0), (ssize_t) strlen(text));
    turn(fixture);
}

static void
send_lines(Fixture *fixture, int first, int last)
{
    char line[256];
    for (int i = first; i <= last; i++) {
        snprintf(line, sizeof(line),
                 "{\"tenant\":\"acme\",\"function\":\"f\",\"memory_mb\":128,\"started_at\":\"2026-01-01T00:00:00Z\","
                 "\"duration_ms\":5,\"request_id\":\"r-%d\"}\n",
                 i);
        send_text(fixture, line);
    }
}

/* The last number acknowledged since the last look, -1 when there is none. */
static int
acknowledged(const Fixture *fixture)
{
    char answers[4096];
    ssize_t length = recv(fixture->peer, answers, sizeof(answers) - 1, MSG_DONTWAIT);
    int count = -1;
    if (length <= 0)
        return count;
    answers[length] = '\0';
    for (const char *at = answers; (at = strstr(at, "{\"ack\":")) != NULL; at++)
        count = (int) strtol(at + strlen("{\"ack\":"), NULL, 10);
    return count;
}

#define ASK "{\"millibill\":{\"ack\":true}}\n"

static void
a_batch_that_is_staged_and_not_committed_is_not_acknowledged(void **state)
{
    Fixture *fixture = *state;
    send_text(fixture, ASK);
    send_lines(fixture, 1, 2 * RECORDS_MAX + 5); /* two batches are full and staged, the third is not */
    assert_true(packer_generation(fixture->packer) == 2);
    assert_true(spool_is_staged(fixture->spool));
    assert_int_equal(acknowledged(fixture), -1);
    commit(fixture);
    assert_int_equal(acknowledged(fixture), 2 * RECORDS_MAX);
    flush(fixture);
    turn(fixture);
    assert_int_equal(acknowledged(fixture), -1);
    commit(fixture);
    assert_int_equal(acknowledged(fixture), 2 * RECORDS_MAX + 5);
}

static void
a_line_sent_again_waits_for_the_first_ones_commit_and_for_nothing_more(void **state)
{
    Fixture *fixture = *state;
    send_text(fixture, ASK);
    send_lines(fixture, 1, 3);
    send_lines(fixture, 1, 3);
    assert_int_equal(packer_entries(fixture->packer), 3);
    flush(fixture);
    send_lines(fixture, 2, 2); /* staged, not committed */
    assert_int_equal(acknowledged(fixture), -1);
    commit(fixture);
    assert_int_equal(acknowledged(fixture), 7);
    send_lines(fixture, 1, 3); /* durable: no other commit has to come */
    assert_true(packer_is_empty(fixture->packer));
    assert_int_equal(acknowledged(fixture), 10);
    send_text(fixture, "\n \n"); /* so are blank lines */
    assert_int_equal(acknowledged(fixture), 12);
}

static void
a_session_knows_its_lines_without_request_id_again(void **state)
{
    static const char LINE[] = "{\"tenant\":\"acme\",\"function\":\"f\",\"memory_mb\":128,"
                               "\"started_at\":\"2026-01-01T00:00:00Z\",\"duration_ms\":5}\n";
    Fixture *fixture = *state;
    send_text(fixture, "{\"millibill\":{\"ack\":true,\"session\":\"one\",\"from\":0}}\n");
    send_text(fixture, LINE);
    send_text(fixture, LINE);
    assert_int_equal(packer_entries(fixture->packer), 2); /* equal lines are two invocations */
    flush(fixture);
    commit(fixture);
    assert_int_equal(acknowledged(fixture), 2);
    close(fixture->peer);
    connect_peer(fixture);
    send_text(fixture, "{\"millibill\":{\"ack\":true,\"session\":\"one\",\"from\":1}}\n");
    send_text(fixture, LINE); /* the second one again */
    assert_true(packer_is_empty(fixture->packer));
    send_text(fixture, LINE); /* a third */
    assert_int_equal(packer_entries(fixture->packer), 1);
    close(fixture->peer);
    connect_peer(fixture);
    send_text(fixture, "{\"millibill\":{\"ack\":true,\"session\":\"two\",\"from\":0}}\n");
    send_text(fixture, LINE);
    assert_int_equal(packer_entries(fixture->packer), 2);
}

/* Matrix 26 on the socket's side. */
static void
matrix_26_a_full_spool_stops_reading_and_takes_all_lines_once_there_is_room(void **state)
{
    Fixture *fixture = *state;
    static char bytes[512 << 10];
    Err err = {0};
    uint64_t key = 0;
    memset(bytes, 'x', sizeof(bytes));
    while (spool_append(fixture->spool, (Text){bytes, sizeof(bytes)}, &key, &err))
        continue;
    while (spool_append(fixture->spool, (Text){bytes, 1}, &key, NULL)) /* to the last page */
        continue;
    commit(fixture);
    send_text(fixture, ASK);
    send_lines(fixture, 1, 3 * RECORDS_MAX);
    assert_int_equal(acknowledged(fixture), -1);
    commit(fixture);
    assert_int_equal(acknowledged(fixture), -1);
    spool_acknowledge(fixture->spool, key);
    for (int i = 0; i < 4; i++) { /* acknowledged batches go, then the lines that waited come in */
        assert_true(spool_commit(fixture->spool, true, &err) || err.code == ERR_NONE);
        source_socket_committed(fixture->source);
        turn(fixture);
        flush(fixture);
    }
    commit(fixture);
    assert_int_equal(acknowledged(fixture), 3 * RECORDS_MAX);
}

static void
the_request_for_acknowledgement_is_told_from_a_record(void **state)
{
    static const struct {
        const char *line, *session;
        uint64_t from;
        bool is_control, wants_ack;
    } cases[] = {
        {"{\"millibill\":{\"ack\":true}}", "", 0, true, true},
        {" { \"millibill\" : { \"from\":7, \"ack\":true, \"session\":\"a\\u0062\", \"later\":[{}] } }\r", "ab", 7, true,
         true},
        {"{\"more\":{\"ack\":true},\"millibill\":{\"ack\":false,\"from\":7}}", "", 0, true, false},
        {"{\"millibill\":{\"ack\":\"true\",\"session\":\"s\",\"from\":-1}}", "s", 0, true, false},
        {"{\"millibill\":true}", "", 0, false, false},
        {"{\"millibill\":[]}", "", 0, false, false},
        {"{\"millibill\":{\"ack\":true}", "", 0, false, false},
        {"{\"function\":\"millibill\"}", "", 0, false, false},
        {"[{\"millibill\":{\"ack\":true}}]", "", 0, false, false},
    };
    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        SocketControl control;
        assert_int_equal(socket_control_parse(text_of(cases[i].line), &control), cases[i].is_control);
        assert_int_equal(control.wants_ack, cases[i].wants_ack);
        assert_string_equal(control.session, cases[i].session);
        assert_int_equal(control.from, cases[i].from);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_for_acknowledgement_is_told_from_a_record),
        cmocka_unit_test_setup_teardown(a_batch_that_is_staged_and_not_committed_is_not_acknowledged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_line_sent_again_waits_for_the_first_ones_commit_and_for_nothing_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_session_knows_its_lines_without_request_id_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_26_a_full_spool_stops_reading_and_takes_all_lines_once_there_is_room,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
