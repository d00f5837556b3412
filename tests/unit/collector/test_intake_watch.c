/* Connections that must go, with raw TCP clients that speak just enough ZMTP (NULL mechanism: keys are the gate's business). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "collector/intake_watch.h"
#include "lib/utc.h"

enum { LIMIT = 4, TURN_MS = 10, TURNS_MAX = 6000, PART_BYTES = 1 << 20 };

typedef struct Fixture {
    void *context;
    void *server;
    Watch *watch;
    Metrics *metrics;
    int port;
    int64_t ahead_us;  /* the watch's clock before ours */
    uint8_t route[64]; /* of the last message */
    WatchOrigin from;  /* where it came from */
    Err err;
} Fixture;

static int
set_up(void **state)
{
    static Fixture fixture;
    char endpoint[128];
    size_t length = sizeof endpoint;
    memset(&fixture, 0, sizeof fixture);
    fixture.context = zmq_ctx_new();
    fixture.server = zmq_socket(fixture.context, ZMQ_ROUTER);
    const int yes = 1;
    assert_int_equal(zmq_setsockopt(fixture.server, ZMQ_ROUTER_MANDATORY, &yes, sizeof yes), 0);
    fixture.metrics = metrics_new(&fixture.err);
    fixture.watch = watch_new(fixture.context, fixture.server, LIMIT, fixture.metrics, &fixture.err);
    assert_non_null(fixture.watch);
    assert_int_equal(zmq_bind(fixture.server, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(fixture.server, ZMQ_LAST_ENDPOINT, endpoint, &length), 0);
    assert_int_equal(sscanf(endpoint, "tcp://127.0.0.1:%d", &fixture.port), 1);
    *state = &fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    watch_free(&fixture->watch);
    zmq_close(fixture->server);
    zmq_ctx_term(fixture->context);
    metrics_free(&fixture->metrics);
    return 0;
}

static int
connect_raw(const Fixture *fixture)
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t) fixture->port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(client, (const struct sockaddr *) &name, sizeof name), 0);
    return client;
}

/** Greeting and READY of ZMTP 3.0 with the NULL mechanism, as a DEALER. */
static void
shake_hands(int client)
{
    static const char ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
                                "DEALER";
    uint8_t greeting[64] = {0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    uint8_t theirs[128];
    const struct timeval patience = {.tv_sec = 20};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(send(client, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
    assert_int_equal(recv(client, theirs, 64, MSG_WAITALL), 64);
    assert_int_equal(send(client, ready, sizeof ready - 1, MSG_NOSIGNAL), sizeof ready - 1);
    assert_int_equal(recv(client, theirs, 43, MSG_WAITALL), 43);
}

/** A turn of the loop: events, and one message when there is one; true: fixture->from is where it came from. */
static bool
turn(Fixture *fixture)
{
    zmq_msg_t body;
    int64_t now_us = utc_monotonic_us() + fixture->ahead_us;
    watch_turn(fixture->watch, now_us);
    int length = zmq_recv(fixture->server, fixture->route, sizeof fixture->route, ZMQ_DONTWAIT);
    if (length > 0) {
        zmq_msg_init(&body);
        assert_true(zmq_msg_recv(&body, fixture->server, 0) >= 0);
        fixture->from = (WatchOrigin){zmq_msg_get(&body, ZMQ_SRCFD), fixture->route, (size_t) length};
        watch_message(fixture->watch, fixture->from, now_us);
        zmq_msg_close(&body);
    }
    nanosleep(&(struct timespec){0, TURN_MS * 1000000L}, NULL);
    return length > 0;
}

static void
turn_until(Fixture *fixture, Metric metric, int64_t value)
{
    for (int i = 0; i < TURNS_MAX && metrics_get(fixture->metrics, metric) != value; i++)
        (void) turn(fixture);
    assert_int_equal(metrics_get(fixture->metrics, metric), value);
}

static WatchOrigin
turn_until_message(Fixture *fixture)
{
    bool came = false;
    for (int i = 0; i < TURNS_MAX && !came; i++)
        came = turn(fixture);
    assert_true(came);
    assert_true(fixture->from.descriptor >= 0);
    return fixture->from;
}

static void
say_hello(Fixture *fixture, int client)
{
    assert_int_equal(send(client, "\0\5hello", 7, MSG_NOSIGNAL), 7);
    watch_greeted(fixture->watch, turn_until_message(fixture));
}

/** Has the other side closed? */
static bool
is_closed(int client)
{
    char bytes[4096];
    ssize_t got = 1;
    while (got > 0)
        got = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

static void
who_says_no_hello_is_closed_and_who_said_it_may_stay(void **state)
{
    Fixture *fixture = *state;
    int mute = connect_raw(fixture);
    int honest = connect_raw(fixture);
    shake_hands(honest);
    say_hello(fixture, honest);
    turn_until(fixture, METRIC_CONNECTIONS, 2);
    fixture->ahead_us = INT64_C(16) * UTC_SECOND_US;
    turn_until(fixture, METRIC_CLOSED_NO_HELLO, 1);
    turn_until(fixture, METRIC_CONNECTIONS, 1);
    assert_true(is_closed(mute));
    assert_false(is_closed(honest));
    fixture->ahead_us = INT64_C(86400) * UTC_SECOND_US;
    (void) turn(fixture);
    assert_false(is_closed(honest));
    close(mute);
    close(honest);
}

static void
matrix_15_idle_connections_over_the_limit_close_the_oldest_that_said_nothing(void **state)
{
    Fixture *fixture = *state;
    int idle[40];
    int honest = connect_raw(fixture);
    shake_hands(honest);
    say_hello(fixture, honest);
    for (int i = 0; i < 40; i++) {
        idle[i] = connect_raw(fixture);
        turn_until(fixture, METRIC_CONNECTIONS_ACCEPTED, i + 2);
    }
    turn_until(fixture, METRIC_CONNECTIONS, LIMIT);
    assert_int_equal(metrics_get(fixture->metrics, METRIC_CLOSED_LIMIT), 40 + 1 - LIMIT);
    assert_false(is_closed(honest));
    assert_true(is_closed(idle[0]));
    assert_false(is_closed(idle[39]));
    for (int i = 0; i < 40; i++)
        close(idle[i]);
    close(honest);
}

static void
a_few_offences_are_forgiven_and_more_are_not(void **state)
{
    Fixture *fixture = *state;
    int client = connect_raw(fixture);
    shake_hands(client);
    assert_int_equal(send(client, "\0\5hello", 7, MSG_NOSIGNAL), 7);
    WatchOrigin origin = turn_until_message(fixture);
    for (int i = 0; i < WATCH_OFFENCES_MAX; i++)
        watch_offence(fixture->watch, origin, WATCH_FORBIDDEN);
    assert_false(is_closed(client));
    watch_offence(fixture->watch, origin, WATCH_FORBIDDEN);
    turn_until(fixture, METRIC_CONNECTIONS, 0);
    assert_true(is_closed(client));
    assert_int_equal(metrics_get(fixture->metrics, METRIC_CLOSED_FORBIDDEN), 1);
    close(client);
}

/** A client that has ended, of which messages wait, and one that got its descriptor in the server, in this process. */
static int
take_its_place(Fixture *fixture, int client, int messages)
{
    int successor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t) fixture->port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < messages; i++)
        assert_int_equal(send(client, "\0\5wrong", 7, MSG_NOSIGNAL), 7);
    shutdown(client, SHUT_WR); /* its own descriptor stays taken: the lowest that becomes free is the server's */
    for (int i = 0; i < TURNS_MAX && metrics_get(fixture->metrics, METRIC_CONNECTIONS) != 0; i++) {
        watch_turn(fixture->watch, utc_monotonic_us());
        nanosleep(&(struct timespec){0, TURN_MS * 1000000L}, NULL);
    }
    assert_int_equal(metrics_get(fixture->metrics, METRIC_CONNECTIONS), 0);
    assert_int_equal(connect(successor, (const struct sockaddr *) &name, sizeof name), 0);
    shake_hands(successor);
    return successor;
}

static void
offences_of_a_connection_that_ended_are_not_charged_to_who_got_its_descriptor(void **state)
{
    enum { LATE = WATCH_OFFENCES_MAX + 4 };
    Fixture *fixture = *state;
    int first = connect_raw(fixture);
    shake_hands(first);
    turn_until(fixture, METRIC_CONNECTIONS, 1);
    int second = take_its_place(fixture, first, LATE);
    int descriptor = -1;
    for (int i = 0; i < LATE; i++) { /* nothing was read of it before, and nothing yet of its successor */
        WatchOrigin late = turn_until_message(fixture);
        descriptor = late.descriptor;
        watch_offence(fixture->watch, late, WATCH_BROKEN);
    }
    assert_int_equal(metrics_get(fixture->metrics, METRIC_CLOSED_BROKEN), 0);
    say_hello(fixture, second);
    assert_int_equal(fixture->from.descriptor, descriptor);
    for (int i = 0; i < WATCH_OFFENCES_MAX; i++)
        watch_offence(fixture->watch, fixture->from, WATCH_BROKEN);
    (void) turn(fixture);
    assert_false(is_closed(second));
    watch_offence(fixture->watch, fixture->from, WATCH_BROKEN);
    turn_until(fixture, METRIC_CONNECTIONS, 0);
    assert_true(is_closed(second));
    close(first);
    close(second);
}

static void
a_late_message_takes_no_hello_from_who_got_its_descriptor(void **state)
{
    Fixture *fixture = *state;
    int first = connect_raw(fixture);
    shake_hands(first);
    turn_until(fixture, METRIC_CONNECTIONS, 1);
    int second = take_its_place(fixture, first, 3);
    uint8_t kept[sizeof fixture->route];
    WatchOrigin late = turn_until_message(fixture);
    memcpy(kept, late.route, sizeof kept);
    late.route = kept;
    assert_int_equal(send(second, "\0\5hello", 7, MSG_NOSIGNAL), 7);
    for (int i = 0; i < 3; i++) { /* two more late ones and the hello, in any order */
        WatchOrigin from = turn_until_message(fixture);
        if (memcmp(from.route, kept, from.route_bytes) != 0)
            watch_greeted(fixture->watch, from);
    }
    watch_message(fixture->watch, late, utc_monotonic_us());
    watch_offence(fixture->watch, late, WATCH_BROKEN);
    fixture->ahead_us = INT64_C(60) * UTC_SECOND_US;
    (void) turn(fixture);
    assert_int_equal(metrics_get(fixture->metrics, METRIC_CLOSED_NO_HELLO), 0);
    assert_false(is_closed(second));
    close(first);
    close(second);
}

/** Parts of a message that never ends, for as long as the other side takes them; returns how many bytes it took. */
static size_t
send_endlessly(Fixture *fixture, int client, size_t bytes_max)
{
    static uint8_t part[9 + PART_BYTES] = {3, 0, 0, 0, 0, 0, 0x10, 0, 0}; /* long frame, more to come */
    size_t sent = 0;
    struct pollfd item = {.fd = client, .events = POLLOUT};
    while (sent < bytes_max) {
        const bool takes_more = poll(&item, 1, TURN_MS) > 0;
        if (takes_more) {
            ssize_t wrote =
                send(client, part + sent % sizeof part, sizeof part - sent % sizeof part, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (wrote < 0 && errno != EAGAIN)
                return sent;
            sent += wrote > 0 ? (size_t) wrote : 0;
        }
        if (!takes_more && is_closed(client))
            return sent; /* its window may stay shut for minutes */
        if (!takes_more || sent % sizeof part < 65536)
            watch_turn(fixture->watch, utc_monotonic_us());
    }
    return sent;
}

static void
matrix_19_a_message_without_end_is_cut_off(void **state)
{
    Fixture *fixture = *state;
    int client = connect_raw(fixture);
    shake_hands(client);
    say_hello(fixture, client);
    turn_until(fixture, METRIC_CONNECTIONS, 1);
    size_t sent = send_endlessly(fixture, client, (size_t) 4 << 30);
    assert_true(sent < (size_t) 2 << 30);
    turn_until(fixture, METRIC_CLOSED_OVERSIZE, 1);
    turn_until(fixture, METRIC_CONNECTIONS, 0);
    close(client);
}

static void
a_connection_may_carry_more_than_that_when_messages_come_of_it(void **state)
{
    Fixture *fixture = *state;
    static uint8_t message[9 + PART_BYTES] = {2, 0, 0, 0, 0, 0, 0x10, 0, 0};
    int client = connect_raw(fixture);
    shake_hands(client);
    say_hello(fixture, client);
    for (int i = 0; i < 96; i++) {
        for (size_t sent = 0; sent < sizeof message;) {
            ssize_t wrote = send(client, message + sent, sizeof message - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            sent += wrote > 0 ? (size_t) wrote : 0;
            if (wrote < 0)
                (void) turn(fixture);
        }
    }
    turn_until(fixture, METRIC_MESSAGES, 97);
    assert_int_equal(metrics_get(fixture->metrics, METRIC_CLOSED_OVERSIZE), 0);
    assert_false(is_closed(client));
    close(client);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_says_no_hello_is_closed_and_who_said_it_may_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_15_idle_connections_over_the_limit_close_the_oldest_that_said_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_few_offences_are_forgiven_and_more_are_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(offences_of_a_connection_that_ended_are_not_charged_to_who_got_its_descriptor,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_message_takes_no_hello_from_who_got_its_descriptor, set_up, tear_down),
        cmocka_unit_test_setup_teardown(matrix_19_a_message_without_end_is_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_may_carry_more_than_that_when_messages_come_of_it, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
