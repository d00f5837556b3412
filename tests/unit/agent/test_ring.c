/* ring: what a thread emits is read once and whole; what a hostile producer writes is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/ring.h"

typedef struct Fixture {
    Ring *ring;
    RingMemory *memory; /* the producer's mapping */
} Fixture;

static void
declare(RingConfig *config)
{
    memset((char *) config, 0, sizeof(*config));
    config->memory_mb = 512;
    config->ephemeral_mb = 512;
    config->tenant_length = 4;
    memcpy(config->tenant, "acme", 4);
    config->function_length = 5;
    memcpy(config->function, "thumb", 5);
    atomic_store(&config->commit, 1);
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    Err err = {0};
    fixture->ring = ring_create(RING_VERSION, &err);
    assert_non_null(fixture->ring);
    fixture->memory = mmap(NULL, sizeof(RingMemory), PROT_READ | PROT_WRITE, MAP_SHARED, ring_memfd(fixture->ring), 0);
    assert_true(fixture->memory != MAP_FAILED);
    declare(&fixture->memory->configs[0]);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    munmap(fixture->memory, sizeof(*fixture->memory));
    ring_free(&fixture->ring);
    free(fixture);
    return 0;
}

/* Write slot `position` as libmillibill does. */
static RingSlot *
emit(Fixture *fixture, uint64_t position, const char *id)
{
    RingSlot *slot = &fixture->memory->slots[position % RING_SLOTS];
    memset((char *) slot + sizeof(slot->commit), 0, sizeof(*slot) - sizeof(slot->commit));
    slot->started_at_us = INT64_C(1790000000000000) + (int64_t) position;
    slot->duration_us = 1500;
    slot->init_duration_us = slot->max_memory_used_mb = slot->cpu_us = slot->response_bytes = -1;
    slot->attempt = 1;
    slot->request_id_length = (uint8_t) strlen(id);
    memcpy(slot->request_id, id, strlen(id));
    atomic_store_explicit(&slot->commit, position + 1, memory_order_release);
    return slot;
}

static RingResult
read_at(Fixture *fixture, uint64_t position, UsageRecord *record)
{
    UsageFault fault = {0};
    return ring_read(fixture->ring, position, record, &fault);
}

static void
a_slot_is_read_when_it_is_committed_and_not_before(void **state)
{
    Fixture *fixture = *state;
    UsageRecord record;
    assert_int_equal(read_at(fixture, 0, &record), RING_EMPTY);
    emit(fixture, 0, "request-1");
    assert_int_equal(read_at(fixture, 0, &record), RING_RECORD);
    assert_true(text_is(record.tenant, "acme"));
    assert_true(text_is(record.function, "thumb"));
    assert_true(text_is(record.request_id, "request-1"));
    assert_int_equal(record.duration_us, 1500);
    assert_int_equal(record.memory_mb, 512);
    assert_int_equal(record.cpu_us, USAGE_ABSENT);
    assert_int_equal(record.reported_billed_ms, USAGE_ABSENT);
    assert_int_equal(read_at(fixture, 1, &record), RING_EMPTY);
}

static void
slots_are_used_again_round_after_round(void **state)
{
    Fixture *fixture = *state;
    UsageRecord record;
    for (uint64_t position = 0; position < 3 * RING_SLOTS + 7; position++) {
        assert_int_equal(read_at(fixture, position, &record), RING_EMPTY);
        emit(fixture, position, "");
        assert_int_equal(read_at(fixture, position, &record), RING_RECORD);
        assert_int_equal(record.started_at_us, INT64_C(1790000000000000) + (int64_t) position);
        assert_true(text_is_empty(record.request_id));
    }
}

static void
values_that_do_not_exist_make_a_bad_slot(void **state)
{
    Fixture *fixture = *state;
    UsageRecord record;
    emit(fixture, 0, "a")->status = 200;
    assert_int_equal(read_at(fixture, 0, &record), RING_BAD);
    emit(fixture, 1, "a")->request_id_length = 255;
    assert_int_equal(read_at(fixture, 1, &record), RING_BAD);
    emit(fixture, 2, "a")->config = 9; /* not declared */
    assert_int_equal(read_at(fixture, 2, &record), RING_BAD);
    emit(fixture, 3, "a")->config = UINT16_MAX; /* outside the table */
    assert_int_equal(read_at(fixture, 3, &record), RING_BAD);
    emit(fixture, 4, "a")->duration_us = -7;
    assert_int_equal(read_at(fixture, 4, &record), RING_BAD);
    emit(fixture, 5,
         "a\x01"
         "b");
    assert_int_equal(read_at(fixture, 5, &record), RING_BAD);
    assert_int_equal(ring_slot_bytes(fixture->ring).length, sizeof(RingSlot));
    emit(fixture, 6, "a");
    assert_int_equal(read_at(fixture, 6, &record), RING_RECORD);
}

static void
a_commit_word_out_of_order_breaks_the_ring(void **state)
{
    Fixture *fixture = *state;
    UsageRecord record;
    atomic_store(&fixture->memory->slots[0].commit, 77);
    assert_int_equal(read_at(fixture, 0, &record), RING_BROKEN);
    atomic_store(&fixture->memory->slots[5].commit, UINT64_MAX);
    assert_int_equal(read_at(fixture, 5, &record), RING_BROKEN);
    assert_int_equal(read_at(fixture, 5 + RING_SLOTS, &record), RING_BROKEN);
}

static void
a_configuration_is_looked_at_once(void **state)
{
    Fixture *fixture = *state;
    UsageRecord record;
    emit(fixture, 0, "a");
    assert_int_equal(read_at(fixture, 0, &record), RING_RECORD);
    memcpy(fixture->memory->configs[0].tenant, "evil", 4);
    fixture->memory->configs[0].region_length = 255;
    emit(fixture, 1, "a");
    assert_int_equal(read_at(fixture, 1, &record), RING_RECORD);
    assert_true(text_is(record.tenant, "acme"));
    declare(&fixture->memory->configs[1]);
    fixture->memory->configs[1].region_length = 255; /* longer than its room */
    emit(fixture, 2, "a")->config = 1;
    assert_int_equal(read_at(fixture, 2, &record), RING_BAD);
}

/* What stands in a ring's memory may be no text; its tenant goes into notices of loss, which share a batch with others. */
static void
its_tenant_is_that_of_good_records_only(void **state)
{
    Fixture *fixture = *state;
    UsageRecord record;
    declare(&fixture->memory->configs[1]);
    fixture->memory->configs[1].tenant[0] = (char) 0xff;
    emit(fixture, 0, "hostile")->config = 1;
    assert_int_equal(read_at(fixture, 0, &record), RING_BAD);
    assert_true(text_is_empty(ring_tenant(fixture->ring)));
    emit(fixture, 1, "honest");
    assert_int_equal(read_at(fixture, 1, &record), RING_RECORD);
    assert_true(text_is(ring_tenant(fixture->ring), "acme"));
    declare(&fixture->memory->configs[2]);
    memcpy(fixture->memory->configs[2].tenant, "evil", 4);
    emit(fixture, 2, "another's")->config = 2;
    assert_int_equal(read_at(fixture, 2, &record), RING_RECORD);
    assert_true(text_is_empty(ring_tenant(fixture->ring)));
}

static void
random_memory_never_gives_an_unchecked_record(void **state)
{
    Fixture *fixture = *state;
    unsigned seed = 12345;
    for (int round = 0; round < 20000; round++) {
        uint8_t *bytes = (uint8_t *) &fixture->memory->slots[0];
        for (size_t i = sizeof(uint64_t); i < sizeof(RingSlot); i++)
            bytes[i] = (uint8_t) ((seed = seed * 1664525U + 1013904223U) >> 24);
        if (round % 2 == 0)
            fixture->memory->slots[0].config = 0;
        atomic_store(&fixture->memory->slots[0].commit, 1);
        UsageRecord record;
        UsageFault fault = {0};
        if (ring_read(fixture->ring, 0, &record, &fault) == RING_RECORD)
            assert_true(usage_record_check(&record, true, false, &fault));
    }
}

static void
a_ring_is_adopted_with_all_that_is_in_it(void **state)
{
    Fixture *fixture = *state;
    Err err = {0};
    UsageRecord record;
    emit(fixture, 0, "first");
    emit(fixture, 1, "second");
    int memfd = dup(ring_memfd(fixture->ring));
    Ring *adopted = ring_adopt(memfd, &err);
    assert_non_null(adopted);
    assert_memory_equal(ring_id(adopted), ring_id(fixture->ring), RING_ID_BYTES);
    UsageFault fault = {0};
    assert_int_equal(ring_read(adopted, 1, &record, &fault), RING_RECORD);
    assert_true(text_is(record.request_id, "second"));
    ring_free(&adopted);
}

static void
only_a_sealed_ring_is_adopted(void **state)
{
    (void) state;
    Err err = {0};
    int memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(memfd, (off_t) sizeof(RingMemory)), 0);
    assert_null(ring_adopt(memfd, &err)); /* its owner could cut it under our feet */
    assert_int_equal(err.code, ERR_DENIED);
    close(memfd);
    err_clear(&err);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_null(ring_adopt(pipes[0], &err));
    assert_int_equal(err.code, ERR_DENIED);
    close(pipes[0]);
    close(pipes[1]);
}

static void
its_size_cannot_be_changed(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(ftruncate(ring_memfd(fixture->ring), 4096), -1);
    assert_int_equal(ftruncate(ring_memfd(fixture->ring), (off_t) sizeof(RingMemory) * 2), -1);
}

int
main(void)
{
#define RING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        RING_TEST(a_slot_is_read_when_it_is_committed_and_not_before),
        RING_TEST(slots_are_used_again_round_after_round),
        RING_TEST(values_that_do_not_exist_make_a_bad_slot),
        RING_TEST(a_commit_word_out_of_order_breaks_the_ring),
        RING_TEST(a_configuration_is_looked_at_once),
        RING_TEST(its_tenant_is_that_of_good_records_only),
        RING_TEST(random_memory_never_gives_an_unchecked_record),
        RING_TEST(a_ring_is_adopted_with_all_that_is_in_it),
        RING_TEST(its_size_cannot_be_changed),
        cmocka_unit_test(only_a_sealed_ring_is_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
