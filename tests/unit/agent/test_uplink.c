/* uplink: what it sends and decides, played against a collector in this process (ZeroMQ ROUTER with CURVE). Time is a number
 * that the test moves. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "agent/envelope.h"
#include "agent/uplink.h"
#include "lib/keys.h"
#include "lib/utc.h"
#include "proto/usage_batch.h"
#include "tests/unit/agent/support_spool.h"

enum { PEERS = 2, PATIENCE_STEPS = 3000, QUIET_STEPS = 20, ROUTE_BYTES = 64 };

typedef struct Peer {
    void *socket;
    char route[ROUTE_BYTES]; /* of the last message */
    size_t route_bytes;
} Peer;

typedef struct Scene {
    void *spool_fixture;
    SpoolFixture *fixture;
    char folder[64];
    Config config;
    Loop *loop;
    Uplink *uplink;
    void *context;
    Peer peers[PEERS];
    int64_t now_us;
    uint64_t committed;
    int settled;
    uint8_t incarnation[16];
} Scene;

static void
on_committed(void *context, uint64_t key)
{
    ((Scene *) context)->committed = key;
}

static void
on_registered(void *context, const char *tenant)
{
    (void) context;
    (void) tenant;
}

static void
on_settled(void *context, const Millibill__Settled *settled)
{
    (void) settled;
    ((Scene *) context)->settled++;
}

static void
open_peer(Scene *self, int index, const char *secret)
{
    const int yes = 1;
    const int no_wait = 0;
    void *socket = zmq_socket(self->context, ZMQ_ROUTER);
    assert_non_null(socket);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof(yes)), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, KEY_TEXT_BYTES), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &no_wait, sizeof(no_wait)), 0);
    assert_int_equal(zmq_bind(socket, self->config.collectors[index]), 0);
    self->peers[index].socket = socket;
}

static int
set_up(void **state)
{
    Scene *self = calloc(1, sizeof(*self));
    assert_non_null(self);
    char public_key[KEY_TEXT_BYTES];
    char secret[KEY_TEXT_BYTES];
    char path[128];
    Err err = {0};
    support_set_up(&self->spool_fixture);
    self->fixture = self->spool_fixture;
    snprintf(self->folder, sizeof(self->folder), "/tmp/test_uplink.XXXXXX");
    assert_non_null(mkdtemp(self->folder));
    snprintf(self->config.agent_key, sizeof(self->config.agent_key), "%s/agent.key", self->folder);
    snprintf(self->config.collector_public_key, sizeof(self->config.collector_public_key), "%s/c.pub", self->folder);
    snprintf(self->config.agent_name, sizeof(self->config.agent_name), "tested");
    snprintf(path, sizeof(path), "%s/c.key", self->folder);
    assert_true(keys_ensure(self->config.agent_key, NULL, public_key, &err));
    assert_true(keys_ensure(path, self->config.collector_public_key, public_key, &err));
    assert_true(keys_read_pair(path, public_key, secret, &err));
    self->config.collector_count = 1;
    self->config.ack_timeout_ms = 15000;
    self->context = zmq_ctx_new();
    for (int i = 0; i < PEERS; i++) {
        snprintf(self->config.collectors[i], sizeof(self->config.collectors[i]), "ipc://%s/%d.ipc", self->folder, i);
        open_peer(self, i, secret);
    }
    self->now_us = UTC_SECOND_US;
    self->loop = loop_new(&err);
    assert_non_null(self->loop);
    *state = self;
    return 0;
}

static int
tear_down(void **state)
{
    static const char *const names[] = {"agent.key", "c.key", "c.pub", "0.ipc", "1.ipc"};
    Scene *self = *state;
    uplink_free(&self->uplink);
    loop_free(&self->loop);
    for (int i = 0; i < PEERS; i++)
        zmq_close(self->peers[i].socket);
    zmq_ctx_term(self->context);
    support_tear_down(&self->spool_fixture);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", self->folder, names[i]);
        unlink(path);
    }
    rmdir(self->folder);
    free(self);
    return 0;
}

static void
start(Scene *self)
{
    Err err = {0};
    const UplinkHandlers handlers = {self, on_committed, on_registered, on_settled};
    self->uplink = uplink_new(&self->config, self->loop, self->fixture->spool, handlers, &err);
    assert_non_null(self->uplink);
}

/* Batches from `from` to `to`, durable: each says its number. */
static void
spool_batches(Scene *self, uint64_t from, uint64_t to)
{
    Err err = {0};
    for (uint64_t i = from; i <= to; i++) {
        char label[32];
        char payload[16];
        uint64_t key;
        Buffer packed = {0};
        snprintf(label, sizeof(label), "batch %d", (int) i);
        snprintf(payload, sizeof(payload), "%d", (int) i);
        const Envelope envelope = {.source = "test", .label = label, .accepted_at_us = 1};
        assert_true(envelope_pack(&envelope, text_of(payload), &packed, &err));
        assert_true(spool_append_counted(self->fixture->spool, buffer_text(&packed), 5, &key, &err));
        assert_int_equal(key, i);
        buffer_free(&packed);
    }
    support_commit(self->fixture->spool);
}

static void
step(Scene *self)
{
    Err err = {0};
    self->now_us += 2000;
    assert_true(loop_turn(self->loop, 2, &err));
    if (!spool_is_staged(self->fixture->spool))
        assert_true(uplink_service(self->uplink, self->now_us, &err));
}

static Millibill__Frame *
receive(Peer *peer)
{
    zmq_msg_t message;
    Err err = {0};
    int length = zmq_recv(peer->socket, peer->route, sizeof(peer->route), ZMQ_DONTWAIT);
    if (length < 0)
        return NULL;
    peer->route_bytes = (size_t) length;
    zmq_msg_init(&message);
    assert_true(zmq_msg_recv(&message, peer->socket, 0) >= 0);
    Millibill__Frame *frame = wire_frame_unpack(zmq_msg_data(&message), zmq_msg_size(&message), &err);
    assert_non_null(frame);
    zmq_msg_close(&message);
    return frame;
}

/* The next message of the agent to collector `index`, which has to be of this kind. Caller frees. */
static Millibill__Frame *
expect(Scene *self, int index, Millibill__Frame__KindCase kind)
{
    for (int i = 0; i < PATIENCE_STEPS; i++) {
        step(self);
        Millibill__Frame *frame = receive(&self->peers[index]);
        if (frame == NULL)
            continue;
        assert_int_equal(frame->kind_case, kind);
        return frame;
    }
    fail_msg("the agent says nothing more");
    return NULL;
}

static void
expect_quiet(Scene *self, int index)
{
    for (int i = 0; i < QUIET_STEPS; i++) {
        step(self);
        Millibill__Frame *frame = receive(&self->peers[index]);
        if (frame != NULL)
            fail_msg("unexpected message of kind %d", (int) frame->kind_case);
    }
}

static void
say(Scene *self, int index, Millibill__Frame *frame)
{
    Err err = {0};
    Buffer packed = {0};
    Peer *peer = &self->peers[index];
    assert_true(wire_frame_pack(frame, &packed, &err));
    assert_int_equal(zmq_send(peer->socket, peer->route, peer->route_bytes, ZMQ_SNDMORE), peer->route_bytes);
    assert_int_equal(zmq_send(peer->socket, packed.data, packed.length, 0), packed.length);
    buffer_free(&packed);
}

static ProtobufCBinaryData
spool_bytes(Scene *self)
{
    static uint8_t id[SPOOL_ID_BYTES];
    memcpy(id, spool_id(self->fixture->spool), sizeof(id));
    return (ProtobufCBinaryData){sizeof(id), id};
}

static void
welcome(Scene *self, int index, uint64_t committed, uint32_t window)
{
    Millibill__Welcome message = MILLIBILL__WELCOME__INIT;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    message.protocol = WIRE_PROTOCOL;
    message.spool = spool_bytes(self);
    message.committed_sequence = committed;
    message.incarnation = (ProtobufCBinaryData){sizeof(self->incarnation), self->incarnation};
    message.window = window;
    frame.kind_case = MILLIBILL__FRAME__KIND_WELCOME;
    frame.welcome = &message;
    say(self, index, &frame);
}

static void
acknowledge(Scene *self, int index, uint64_t sequence)
{
    Millibill__Ack message = MILLIBILL__ACK__INIT;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    message.spool = spool_bytes(self);
    message.sequence = sequence;
    frame.kind_case = MILLIBILL__FRAME__KIND_ACK;
    frame.ack = &message;
    say(self, index, &frame);
}

static void
refuse(Scene *self, int index, uint64_t sequence, Millibill__RefusalReason reason)
{
    char text[] = "refused by the test";
    Millibill__Refusal message = MILLIBILL__REFUSAL__INIT;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    message.spool = spool_bytes(self);
    message.sequence = sequence;
    message.reason = reason;
    message.message = text;
    frame.kind_case = MILLIBILL__FRAME__KIND_REFUSAL;
    frame.refusal = &message;
    say(self, index, &frame);
}

static void
expect_hello(Scene *self, int index)
{
    Millibill__Frame *frame = expect(self, index, MILLIBILL__FRAME__KIND_HELLO);
    assert_memory_equal(frame->hello->spool.data, spool_id(self->fixture->spool), SPOOL_ID_BYTES);
    millibill__frame__free_unpacked(frame, NULL);
}

/* The greeting with the first collector: it has committed up to `committed`, and takes `window` batches at a time. */
static void
agree(Scene *self, uint64_t committed, uint32_t window)
{
    expect_hello(self, 0);
    welcome(self, 0, committed, window);
}

static void
expect_batch(Scene *self, int index, uint64_t sequence, const char *label)
{
    Millibill__Frame *frame = expect(self, index, MILLIBILL__FRAME__KIND_BATCH);
    assert_int_equal(frame->batch->sequence, sequence);
    assert_string_equal(frame->batch->label, label);
    assert_memory_equal(frame->batch->spool.data, spool_id(self->fixture->spool), SPOOL_ID_BYTES);
    millibill__frame__free_unpacked(frame, NULL);
}

static void
expect_loss(Scene *self, int index, uint64_t sequence, const char *reason, const char *source, uint64_t records)
{
    Err err = {0};
    UsageLoss loss;
    Millibill__Frame *frame = expect(self, index, MILLIBILL__FRAME__KIND_BATCH);
    assert_int_equal(frame->batch->sequence, sequence);
    UsageBatch *usage = usage_batch_unpack(frame->batch->payload.data, frame->batch->payload.len, &err);
    assert_non_null(usage);
    assert_int_equal(usage_batch_losses(usage), 1);
    usage_batch_loss_at(usage, 0, &loss);
    assert_true(text_is(loss.reason, reason));
    assert_true(text_is(loss.source, source));
    assert_int_equal(loss.records, records);
    usage_batch_free(&usage);
    millibill__frame__free_unpacked(frame, NULL);
}

/* Batches 1 to `count` acknowledged, nothing waiting. */
static void
deliver(Scene *self, uint64_t count)
{
    spool_batches(self, 1, count);
    start(self);
    agree(self, 0, 64);
    for (uint64_t i = 1; i <= count; i++) {
        char label[32];
        snprintf(label, sizeof(label), "batch %d", (int) i);
        expect_batch(self, 0, i, label);
    }
    acknowledge(self, 0, count);
    while (spool_first(self->fixture->spool) <= count)
        step(self);
    support_commit(self->fixture->spool);
}

/* The collector forgets the conversation and has to be greeted again. */
static void
greet_again(Scene *self)
{
    refuse(self, 0, 0, MILLIBILL__REFUSAL_REASON__NOT_GREETED);
    expect_hello(self, 0);
}

static void
a_window_of_batches_is_in_flight_and_acknowledgements_move_it(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 5);
    start(self);
    expect_hello(self, 0);
    expect_quiet(self, 0); /* nothing before Welcome */
    welcome(self, 0, 1, 2);
    expect_batch(self, 0, 2, "batch 2");
    expect_batch(self, 0, 3, "batch 3");
    expect_quiet(self, 0);
    assert_int_equal(self->committed, 1);
    acknowledge(self, 0, 3);
    expect_batch(self, 0, 4, "batch 4");
    expect_batch(self, 0, 5, "batch 5");
    assert_int_equal(self->committed, 3);
    acknowledge(self, 0, 5);
    expect_quiet(self, 0);
    assert_int_equal(spool_first(self->fixture->spool), 6);
}

static void
an_acknowledgement_of_what_was_not_sent_is_ignored(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 3);
    start(self);
    agree(self, 0, 1);
    expect_batch(self, 0, 1, "batch 1");
    acknowledge(self, 0, 3);
    expect_quiet(self, 0);
    assert_int_equal(spool_first(self->fixture->spool), 1);
}

static void
matrix_05_without_an_answer_the_same_batches_go_to_the_next_collector(void **state)
{
    Scene *self = *state;
    self->config.collector_count = 2;
    spool_batches(self, 1, 2);
    start(self);
    agree(self, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    expect_batch(self, 0, 2, "batch 2");
    self->now_us += 16 * UTC_SECOND_US;
    expect_hello(self, 1);
    welcome(self, 1, 0, 64);
    expect_batch(self, 1, 1, "batch 1");
    expect_batch(self, 1, 2, "batch 2");
    acknowledge(self, 1, 2);
    expect_quiet(self, 1);
    assert_int_equal(spool_first(self->fixture->spool), 3);
}

static void
a_collector_that_does_not_welcome_is_left(void **state)
{
    Scene *self = *state;
    self->config.collector_count = 2;
    start(self);
    expect_hello(self, 0);
    self->now_us += 4 * UTC_SECOND_US;
    expect_hello(self, 1);
}

static void
a_gap_is_answered_with_hello_and_what_is_missing(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 2);
    start(self);
    agree(self, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    expect_batch(self, 0, 2, "batch 2");
    refuse(self, 0, 2, MILLIBILL__REFUSAL_REASON__GAP);
    agree(self, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    expect_batch(self, 0, 2, "batch 2");
}

static void
a_collector_that_wants_to_wait_is_given_time(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 1);
    start(self);
    expect_hello(self, 0);
    refuse(self, 0, 0, MILLIBILL__REFUSAL_REASON__TRY_LATER);
    expect_quiet(self, 0);
    self->now_us += UTC_SECOND_US;
    expect_hello(self, 0);
}

static void
a_refused_batch_gives_its_place_to_a_notice_with_its_count(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 3);
    start(self);
    agree(self, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    expect_batch(self, 0, 2, "batch 2");
    expect_batch(self, 0, 3, "batch 3");
    acknowledge(self, 0, 1);
    refuse(self, 0, 2, MILLIBILL__REFUSAL_REASON__BROKEN);
    agree(self, 1, 64);
    expect_loss(self, 0, 2, "batch_refused", "agent, sequence 2", 5);
    expect_batch(self, 0, 3, "batch 3");
}

static void
matrix_29_a_damaged_batch_gives_its_place_to_a_notice_with_its_count(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 3);
    spool_free(&self->fixture->spool);
    support_damage(self->fixture, "batch 2", 3);
    support_reopen(self->fixture, SPOOL_TEST_NOW_US);
    start(self);
    agree(self, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    expect_loss(self, 0, 2, "spool_damaged", "agent, sequence 2", 5);
    expect_batch(self, 0, 3, "batch 3");
}

enum { BIG_BYTES = 1000000, FULL_ROUNDS = 8 };

/* Batches of a megabyte until no more fit, then small ones give their place to large ones until LMDB has no megabyte left. */
static void
fill_map(Scene *self)
{
    Spool *spool = self->fixture->spool;
    Err err = {0};
    Buffer packed = {0};
    uint64_t key = 0;
    char *payload = malloc(BIG_BYTES);
    assert_non_null(payload);
    memset(payload, 'p', BIG_BYTES);
    const Envelope envelope = {.source = "test", .label = "big", .accepted_at_us = 1};
    assert_true(envelope_pack(&envelope, (Text){payload, BIG_BYTES}, &packed, &err));
    for (int i = 0; i < 3; i++)
        assert_true(spool_append_counted(spool, buffer_text(&packed), 7, &key, &err));
    for (int i = 0; i < 8; i++)
        (void) support_append(spool, "small");
    while (spool_append(spool, buffer_text(&packed), &key, &err))
        support_commit(spool);
    assert_int_equal(err.code, ERR_FULL);
    err = (Err){0};
    for (key = 4; spool_set_aside(spool, key, "the test", buffer_text(&packed), &err); key++)
        support_commit(spool);
    assert_in_range(key, 5, 11);
    assert_int_equal(err.code, ERR_FULL);
    support_commit(spool);
    buffer_free(&packed);
    free(payload);
}

static void
matrix_26_a_batch_that_finds_no_room_to_be_set_aside_waits_for_it(void **state)
{
    Scene *self = *state;
    fill_map(self);
    start(self);
    agree(self, 0, 2);
    expect_batch(self, 0, 1, "big");
    expect_batch(self, 0, 2, "big");
    const uint64_t before = spool_set_aside_count(self->fixture->spool);
    refuse(self, 0, 2, MILLIBILL__REFUSAL_REASON__BROKEN);
    expect_quiet(self, 0); /* step() asserts that the uplink lives */
    assert_int_equal(spool_set_aside_count(self->fixture->spool), before);
    assert_int_equal(spool_records(self->fixture->spool, 2), 7);
    acknowledge(self, 0, 1); /* what is acknowledged may go */
    int rounds = 0;
    for (; spool_set_aside_count(self->fixture->spool) == before && rounds < FULL_ROUNDS; rounds++) {
        self->now_us += UPLINK_BACKOFF_MAX_MS * INT64_C(1000);
        expect_hello(self, 0);
        assert_int_equal(spool_first(self->fixture->spool), 2);
        welcome(self, 0, 1, 1);
        expect_batch(self, 0, 2, "big");
        refuse(self, 0, 2, MILLIBILL__REFUSAL_REASON__BROKEN);
        for (int i = 0; i < QUIET_STEPS; i++)
            step(self);
    }
    assert_in_range(rounds, 2, FULL_ROUNDS - 1);
    agree(self, 1, 1);
    expect_loss(self, 0, 2, "batch_refused", "agent, sequence 2", 7);
}

static void
matrix_37_a_restored_database_gets_acknowledged_batches_again(void **state)
{
    Scene *self = *state;
    deliver(self, 5);
    uint8_t before[SPOOL_ID_BYTES];
    memcpy(before, spool_id(self->fixture->spool), sizeof(before));
    greet_again(self);
    welcome(self, 0, 2, 64);
    expect_batch(self, 0, 3, "batch 3");
    expect_batch(self, 0, 4, "batch 4");
    expect_batch(self, 0, 5, "batch 5");
    acknowledge(self, 0, 5);
    expect_quiet(self, 0);
    assert_memory_equal(before, spool_id(self->fixture->spool), sizeof(before));
    assert_int_equal(spool_first(self->fixture->spool), 6);
}

static void
matrix_37_what_is_no_longer_held_is_a_numbered_gap(void **state)
{
    Scene *self = *state;
    deliver(self, 2);
    spool_retain(self->fixture->spool, 0);
    spool_batches(self, 3, 3); /* the first two go for good */
    expect_batch(self, 0, 3, "batch 3");
    spool_retain(self->fixture->spool, 24);
    acknowledge(self, 0, 3);
    while (spool_first(self->fixture->spool) <= 3)
        step(self);
    assert_int_equal(spool_oldest(self->fixture->spool), 3);
    greet_again(self);
    welcome(self, 0, 0, 64);
    Millibill__Frame *frame = expect(self, 0, MILLIBILL__FRAME__KIND_HELLO); /* under a new id */
    assert_memory_equal(frame->hello->spool.data, spool_id(self->fixture->spool), SPOOL_ID_BYTES);
    millibill__frame__free_unpacked(frame, NULL);
    welcome(self, 0, 0, 64);
    expect_batch(self, 0, 1, "batch 3");
    expect_loss(self, 0, 2, "collector_restored", "agent, sequences 1 to 2", 0);
}

static void
matrix_37_another_database_gets_all_that_is_held(void **state)
{
    Scene *self = *state;
    deliver(self, 3);
    self->incarnation[0] = 1;
    greet_again(self);
    const size_t before = support_commits(self->fixture->spool);
    welcome(self, 0, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    /* that it is another one, and what follows from it: a crash finds both or none */
    assert_int_equal(support_commits(self->fixture->spool), before + 1);
    expect_batch(self, 0, 2, "batch 2");
    expect_batch(self, 0, 3, "batch 3");
}

static void
an_acknowledgement_between_hello_and_welcome_is_no_restored_database(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 3);
    start(self);
    agree(self, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    expect_batch(self, 0, 2, "batch 2");
    expect_batch(self, 0, 3, "batch 3");
    greet_again(self);
    acknowledge(self, 0, 2);
    welcome(self, 0, 0, 64); /* read before the commit */
    expect_batch(self, 0, 3, "batch 3");
    expect_quiet(self, 0);
    assert_int_equal(spool_first(self->fixture->spool), 3);
}

static void
matrix_24_a_collector_that_knows_more_makes_a_new_id(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 2);
    uint8_t before[SPOOL_ID_BYTES];
    memcpy(before, spool_id(self->fixture->spool), sizeof(before));
    start(self);
    agree(self, 7, 64);
    Millibill__Frame *frame = expect(self, 0, MILLIBILL__FRAME__KIND_HELLO);
    assert_memory_not_equal(frame->hello->spool.data, before, SPOOL_ID_BYTES);
    millibill__frame__free_unpacked(frame, NULL);
    welcome(self, 0, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    expect_batch(self, 0, 2, "batch 2");
}

static void
matrix_23_a_sequence_that_another_used_makes_a_new_id(void **state)
{
    Scene *self = *state;
    spool_batches(self, 1, 1);
    uint8_t before[SPOOL_ID_BYTES];
    memcpy(before, spool_id(self->fixture->spool), sizeof(before));
    start(self);
    agree(self, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
    refuse(self, 0, 1, MILLIBILL__REFUSAL_REASON__SEQUENCE_REUSED);
    Millibill__Frame *frame = expect(self, 0, MILLIBILL__FRAME__KIND_HELLO);
    assert_memory_not_equal(frame->hello->spool.data, before, SPOOL_ID_BYTES);
    millibill__frame__free_unpacked(frame, NULL);
    welcome(self, 0, 0, 64);
    expect_batch(self, 0, 1, "batch 1");
}

static void
the_last_word_on_an_import_waits_until_a_replay_is_over(void **state)
{
    static const uint8_t import_id[WIRE_ID_BYTES] = "an import's id";
    Scene *self = *state;
    Err err = {0};
    deliver(self, 3);
    greet_again(self);
    assert_true(uplink_settle(self->uplink, import_id, &err));
    welcome(self, 0, 1, 64);
    expect_batch(self, 0, 2, "batch 2");
    expect_batch(self, 0, 3, "batch 3");
    expect_quiet(self, 0);
    acknowledge(self, 0, 3);
    Millibill__Frame *frame = expect(self, 0, MILLIBILL__FRAME__KIND_SETTLE);
    assert_memory_equal(frame->settle->import_id.data, import_id, sizeof(import_id));
    millibill__frame__free_unpacked(frame, NULL);
}

int
main(void)
{
#define UPLINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        UPLINK_TEST(a_window_of_batches_is_in_flight_and_acknowledgements_move_it),
        UPLINK_TEST(an_acknowledgement_of_what_was_not_sent_is_ignored),
        UPLINK_TEST(matrix_05_without_an_answer_the_same_batches_go_to_the_next_collector),
        UPLINK_TEST(a_collector_that_does_not_welcome_is_left),
        UPLINK_TEST(a_gap_is_answered_with_hello_and_what_is_missing),
        UPLINK_TEST(a_collector_that_wants_to_wait_is_given_time),
        UPLINK_TEST(a_refused_batch_gives_its_place_to_a_notice_with_its_count),
        UPLINK_TEST(matrix_29_a_damaged_batch_gives_its_place_to_a_notice_with_its_count),
        UPLINK_TEST(matrix_26_a_batch_that_finds_no_room_to_be_set_aside_waits_for_it),
        UPLINK_TEST(matrix_37_a_restored_database_gets_acknowledged_batches_again),
        UPLINK_TEST(matrix_37_what_is_no_longer_held_is_a_numbered_gap),
        UPLINK_TEST(matrix_37_another_database_gets_all_that_is_held),
        UPLINK_TEST(an_acknowledgement_between_hello_and_welcome_is_no_restored_database),
        UPLINK_TEST(matrix_24_a_collector_that_knows_more_makes_a_new_id),
        UPLINK_TEST(matrix_23_a_sequence_that_another_used_makes_a_new_id),
        UPLINK_TEST(the_last_word_on_an_import_waits_until_a_replay_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
