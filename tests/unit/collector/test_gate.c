/* Who gets in, with real sockets and a table of keys that the test fills: CURVE, ZAP, and a handler that dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "collector/gate_internal.h"
#include "collector/intake.h"

enum { SOON_MS = 60000, NEVER_MS = 1200 };

typedef struct Fixture {
    void *context;
    Gate gate;
    GateAgent row;
    char secret[KEY_TEXT_BYTES]; /* of the registered agent */
    void *server;
    char endpoint[256];
    Metrics *metrics;
    Health *health;
    Err err;
} Fixture;

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    size_t length = sizeof fixture->endpoint;
    assert_non_null(fixture);
    fixture->context = gate_context_new(&fixture->err);
    fixture->metrics = metrics_new(&fixture->err);
    fixture->health = health_new(&fixture->err);
    Gate *gate = &fixture->gate;
    pthread_mutex_init(&gate->lock, NULL);
    gate->metrics = fixture->metrics;
    gate->health = fixture->health;
    gate->loaded_at_us = INT64_MAX; /* the table is the test's: no database behind it */
    gate->table = (KeyTable){&fixture->row, 1, 1};
    atomic_store(&gate->proven, true);
    fixture->row = (GateAgent){.agent_id = 7, .name = "seven"};
    assert_int_equal(zmq_curve_keypair(gate->public_key, gate->secret_key), 0);
    assert_int_equal(zmq_curve_keypair(fixture->row.key, fixture->secret), 0);
    fixture->server = zmq_socket(fixture->context, ZMQ_ROUTER);
    assert_true(gate_protect(gate, fixture->server, &fixture->err));
    assert_int_equal(zmq_bind(fixture->server, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(fixture->server, ZMQ_LAST_ENDPOINT, fixture->endpoint, &length), 0);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    if (fixture->server != NULL)
        zmq_close(fixture->server);
    gate_context_shutdown(fixture->context);
    if (fixture->gate.running)
        pthread_join(fixture->gate.thread, NULL);
    gate_context_free(fixture->context);
    pthread_mutex_destroy(&fixture->gate.lock);
    health_free(&fixture->health);
    metrics_free(&fixture->metrics);
    free(fixture);
    return 0;
}

static void
start_handler(Fixture *fixture)
{
    assert_true(gate_handler_start(&fixture->gate, fixture->context, &fixture->err));
}

/** The handler's thread dies in the middle of its work. */
static void
kill_handler(Fixture *fixture)
{
    assert_int_equal(pthread_cancel(fixture->gate.thread), 0);
    for (int i = 0; i < 6000 && gate_is_alive(&fixture->gate); i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
}

static void *
client_new(Fixture *fixture)
{
    void *client = zmq_socket(fixture->context, ZMQ_DEALER);
    int linger = 0;
    assert_non_null(client);
    assert_int_equal(zmq_setsockopt(client, ZMQ_LINGER, &linger, sizeof linger), 0);
    return client;
}

/** A client that knows the collector; `registered`: with the agent's key, else with one that nobody knows. */
static void *
curve_client(Fixture *fixture, bool registered, const char *server_key)
{
    char public_key[KEY_TEXT_BYTES];
    char secret_key[KEY_TEXT_BYTES];
    void *client = client_new(fixture);
    zmq_curve_keypair(public_key, secret_key);
    zmq_setsockopt(client, ZMQ_CURVE_SERVERKEY, server_key, KEY_TEXT_BYTES);
    zmq_setsockopt(client, ZMQ_CURVE_PUBLICKEY, registered ? fixture->row.key : public_key, KEY_TEXT_BYTES);
    zmq_setsockopt(client, ZMQ_CURVE_SECRETKEY, registered ? fixture->secret : secret_key, KEY_TEXT_BYTES);
    return client;
}

static void
say(Fixture *fixture, void *client)
{
    assert_int_equal(zmq_connect(client, fixture->endpoint), 0);
    assert_int_equal(zmq_send(client, "hello", 5, 0), 5);
}

/** Does a message arrive within the time? When it does, who does the gate say it is from? */
static bool
arrives(Fixture *fixture, int milliseconds, bool *known)
{
    zmq_pollitem_t item = {.socket = fixture->server, .events = ZMQ_POLLIN};
    GateAgent agent = {0};
    char route[64];
    zmq_msg_t body;
    if (zmq_poll(&item, 1, milliseconds) <= 0)
        return false;
    assert_true(zmq_recv(fixture->server, route, sizeof route, 0) > 0);
    zmq_msg_init(&body);
    assert_int_equal(zmq_msg_recv(&body, fixture->server, 0), 5);
    *known = gate_agent(&fixture->gate, zmq_msg_gets(&body, "User-Id"), &agent);
    assert_true(!*known || agent.agent_id == 7);
    zmq_msg_close(&body);
    return true;
}

static void
a_registered_key_is_let_in_and_known_by_its_agent(void **state)
{
    Fixture *fixture = *state;
    bool known = false;
    start_handler(fixture);
    void *client = curve_client(fixture, true, fixture->gate.public_key);
    say(fixture, client);
    assert_true(arrives(fixture, SOON_MS, &known));
    assert_true(known);
    zmq_close(client);
}

static void
matrix_20_a_wrong_key_never_reaches_the_application(void **state)
{
    Fixture *fixture = *state;
    bool known = false;
    start_handler(fixture);
    void *client = curve_client(fixture, false, fixture->gate.public_key);
    say(fixture, client);
    for (int i = 0; i < 6000 && metrics_get(fixture->metrics, METRIC_KEYS_REFUSED) < 1; i++)
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    assert_true(metrics_get(fixture->metrics, METRIC_KEYS_REFUSED) >= 1);
    assert_false(arrives(fixture, NEVER_MS, &known));
    zmq_close(client);
}

static void
matrix_20_a_client_without_curve_never_reaches_the_application(void **state)
{
    Fixture *fixture = *state;
    bool known = false;
    start_handler(fixture);
    void *null_client = client_new(fixture);
    void *plain_client = client_new(fixture);
    zmq_setsockopt(plain_client, ZMQ_PLAIN_USERNAME, "agent", 5);
    zmq_setsockopt(plain_client, ZMQ_PLAIN_PASSWORD, "secret", 6);
    say(fixture, null_client);
    say(fixture, plain_client);
    assert_false(arrives(fixture, NEVER_MS, &known));
    zmq_close(null_client);
    zmq_close(plain_client);
}

static void
matrix_20_a_server_with_another_key_is_not_believed(void **state)
{
    Fixture *fixture = *state;
    char other_public[KEY_TEXT_BYTES];
    char other_secret[KEY_TEXT_BYTES];
    bool known = false;
    start_handler(fixture);
    zmq_curve_keypair(other_public, other_secret);
    void *client = curve_client(fixture, true, other_public); /* pinned to somebody else: this server is the impostor */
    say(fixture, client);
    assert_false(arrives(fixture, NEVER_MS, &known));
    zmq_close(client);
}

static void
matrix_22_without_a_handler_nothing_arrives(void **state)
{
    Fixture *fixture = *state;
    bool known = false;
    void *client = curve_client(fixture, true, fixture->gate.public_key);
    say(fixture, client);
    assert_false(arrives(fixture, NEVER_MS, &known));
    zmq_close(client);
}

/* TSan holds a cancelled thread that sleeps in libzmq for one that forgot to stop ignoring it. */
static void
skip_under_tsan(void)
{
#ifdef __SANITIZE_THREAD__
    skip();
#endif
}

static void
matrix_22_when_the_handler_dies_nobody_is_known_any_more(void **state)
{
    skip_under_tsan();
    Fixture *fixture = *state;
    char why[HEALTH_TEXT_BYTES] = "";
    bool known = false;
    start_handler(fixture);
    void *live = curve_client(fixture, true, fixture->gate.public_key);
    say(fixture, live);
    assert_true(arrives(fixture, SOON_MS, &known));
    assert_true(known);
    kill_handler(fixture);
    assert_false(gate_is_alive(&fixture->gate));
    assert_int_equal(metrics_get(fixture->metrics, METRIC_HANDLER_ALIVE), 0);
    assert_false(health_is_alive(fixture->health, 1, why));
    assert_int_equal(zmq_send(live, "hello", 5, 0), 5); /* the connection is open: libzmq asks nobody again */
    assert_true(arrives(fixture, SOON_MS, &known));
    assert_false(known);
    void *later = curve_client(fixture, true, fixture->gate.public_key);
    say(fixture, later);
    assert_false(arrives(fixture, NEVER_MS, &known));
    zmq_close(live);
    zmq_close(later);
}

static void
matrix_22_a_collector_whose_handler_died_stops(void **state)
{
    skip_under_tsan();
    Fixture *fixture = *state;
    atomic_bool stop = false;
    atomic_bool away = false;
    Config config = {.listen = "tcp://127.0.0.1:*"};
    start_handler(fixture);
    kill_handler(fixture);
    IntakeParts parts = {.zmq_context = fixture->context,
                         .config = &config,
                         .connections_max = 16,
                         .gate = &fixture->gate,
                         .metrics = fixture->metrics,
                         .health = fixture->health,
                         .commits = work_queue_new(4, 1 << 20, &fixture->err),
                         .settles = work_queue_new(4, 1 << 20, &fixture->err),
                         .replies = {reply_queue_new(&fixture->err), fixture->metrics},
                         .stop = &stop,
                         .away = &away};
    assert_false(intake_run(&parts, &fixture->err));
    assert_int_equal(fixture->err.code, ERR_DENIED);
    work_queue_free(&parts.commits);
    work_queue_free(&parts.settles);
    reply_queue_free(&parts.replies.queue);
}

static void
matrix_21_a_key_that_left_the_table_is_unknown_at_the_next_message(void **state)
{
    Fixture *fixture = *state;
    bool known = false;
    start_handler(fixture);
    void *client = curve_client(fixture, true, fixture->gate.public_key);
    say(fixture, client);
    assert_true(arrives(fixture, SOON_MS, &known) && known);
    pthread_mutex_lock(&fixture->gate.lock);
    fixture->gate.table.count = 0;
    pthread_mutex_unlock(&fixture->gate.lock);
    assert_int_equal(zmq_send(client, "hello", 5, 0), 5);
    assert_true(arrives(fixture, SOON_MS, &known));
    assert_false(known);
    zmq_close(client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_registered_key_is_let_in_and_known_by_its_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_20_a_wrong_key_never_reaches_the_application, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_20_a_client_without_curve_never_reaches_the_application, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(matrix_20_a_server_with_another_key_is_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_22_without_a_handler_nothing_arrives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_22_when_the_handler_dies_nobody_is_known_any_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_22_a_collector_whose_handler_died_stops, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_21_a_key_that_left_the_table_is_unknown_at_the_next_message, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
