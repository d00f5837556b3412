/* identity_window: a record that is sent again is recognised, across crashes, within bounds; other facts are passed on */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/bloom.h"
#include "agent/identity_window.h"
#include "agent/spool_notes.h"
#include "lib/digest.h"
#include "lib/utc.h"
#include "tests/unit/agent/support_spool.h"

enum { SPOOL_MB = 64, HOURS = 24, MANY = 1000000 };
#define START_US INT64_C(1700000000000000)
#define HOUR_US INT64_C(3600000000)

typedef struct Fixture {
    char path[64];
    Spool *spool;
    IdentityWindow *window;
    size_t entries_max;
} Fixture;

static void
open_all(Fixture *fixture)
{
    Err err = {0};
    fixture->spool = spool_open(fixture->path, SPOOL_MB, START_US, &err);
    assert_non_null(fixture->spool);
    fixture->window = identity_window_open(fixture->spool, HOURS, (int64_t) fixture->entries_max, SPOOL_MB, &err);
    if (fixture->window == NULL)
        fail_msg("%s", err.message);
}

/* What was not committed is gone, as after SIGKILL. */
static void
crash_and_open(Fixture *fixture)
{
    identity_window_free(&fixture->window);
    spool_free(&fixture->spool);
    open_all(fixture);
}

static int
set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    snprintf(fixture->path, sizeof(fixture->path), "/tmp/test_window.XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->entries_max = MANY;
    open_all(fixture);
    *state = fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    identity_window_free(&fixture->window);
    spool_free(&fixture->spool);
    support_remove(fixture->path);
    free(fixture);
    return 0;
}

static UsageRecord
record_of(const char *tenant, const char *id, uint32_t attempt, int64_t duration_us)
{
    UsageRecord record = usage_record_empty();
    record.tenant = text_of(tenant);
    record.function = TEXT_LITERAL("f");
    record.request_id = text_of(id);
    record.attempt = attempt;
    record.memory_mb = 128;
    record.started_at_us = START_US;
    record.duration_us = duration_us;
    return record;
}

static IdentityResult
ask(Fixture *fixture, const UsageRecord *record, Identity *identity)
{
    Err err = {0};
    IdentityResult result;
    if (!identity_window_ask(fixture->window, record, identity, &result, &err))
        fail_msg("%s", err.message);
    return result;
}

/* As the socket does with a record. */
static IdentityResult
take(Fixture *fixture, const char *tenant, const char *id, uint32_t attempt, int64_t duration_us)
{
    Err err = {0};
    Identity identity;
    UsageRecord record = record_of(tenant, id, attempt, duration_us);
    IdentityResult result = ask(fixture, &record, &identity);
    if (result == IDENTITY_NEW)
        assert_true(identity_window_add(fixture->window, &identity, &err));
    return result;
}

static IdentityResult
take_number(Fixture *fixture, size_t number)
{
    char id[32];
    snprintf(id, sizeof(id), "r-%zu", number);
    return take(fixture, "acme", id, 1, 5);
}

static IdentityResult
look_number(Fixture *fixture, size_t number)
{
    char id[32];
    Identity identity;
    snprintf(id, sizeof(id), "r-%zu", number);
    UsageRecord record = record_of("acme", id, 1, 5);
    return ask(fixture, &record, &identity);
}

static void
stage(Fixture *fixture, int64_t now_us)
{
    Err err = {0};
    if (!identity_window_stage(fixture->window, now_us, &err))
        fail_msg("%s", err.message);
}

static void
commit(Fixture *fixture)
{
    Err err = {0};
    assert_true(spool_commit(fixture->spool, false, &err));
}

static void
a_record_sent_again_is_known_before_and_after_the_commit_and_a_crash(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(take(fixture, "acme", "a", 1, 5), IDENTITY_NEW);
    assert_int_equal(take(fixture, "acme", "a", 1, 5), IDENTITY_KNOWN);
    stage(fixture, START_US);
    assert_int_equal(take(fixture, "acme", "a", 1, 5), IDENTITY_KNOWN);
    commit(fixture);
    crash_and_open(fixture);
    assert_int_equal(take(fixture, "acme", "a", 1, 5), IDENTITY_KNOWN);
    assert_int_equal(identity_window_known(fixture->window), 1);
    assert_int_equal(identity_window_count(fixture->window), 1);
}

static void
what_was_not_committed_is_new_after_a_crash(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(take(fixture, "acme", "a", 1, 5), IDENTITY_NEW);
    stage(fixture, START_US);
    commit(fixture);
    assert_int_equal(take(fixture, "acme", "b", 1, 5), IDENTITY_NEW);
    stage(fixture, START_US);
    crash_and_open(fixture);
    assert_int_equal(take(fixture, "acme", "a", 1, 5), IDENTITY_KNOWN);
    assert_int_equal(take(fixture, "acme", "b", 1, 5), IDENTITY_NEW);
}

static void
identity_is_tenant_request_and_attempt_and_nothing_else(void **state)
{
    Fixture *fixture = *state;
    assert_int_equal(take(fixture, "acme", "a", 1, 5), IDENTITY_NEW);
    assert_int_equal(take(fixture, "shop", "a", 1, 5), IDENTITY_NEW);
    assert_int_equal(take(fixture, "acme", "a", 2, 5), IDENTITY_NEW);
    assert_int_equal(take(fixture, "acm", "ea", 1, 5), IDENTITY_NEW); /* no two texts run into one another */
    assert_int_equal(take(fixture, "acme", "a", 1, 6), IDENTITY_DIFFERS);
    stage(fixture, START_US);
    commit(fixture);
    crash_and_open(fixture);
    assert_int_equal(take(fixture, "acme", "a", 1, 6), IDENTITY_DIFFERS);
    assert_int_equal(take(fixture, "acme", "a", 1, 5), IDENTITY_KNOWN);
    assert_int_equal(take(fixture, "acm", "ea", 1, 5), IDENTITY_KNOWN);
}

static void
closed_segments_are_searched_on_disk(void **state)
{
    Fixture *fixture = *state;
    const size_t count = 3 * IDENTITY_SEGMENT_ENTRIES + 100;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(take_number(fixture, i), IDENTITY_NEW);
        if (i % 5000 == 4999) {
            stage(fixture, START_US);
            commit(fixture);
        }
    }
    stage(fixture, START_US);
    commit(fixture);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(identity_window_count(fixture->window), count);
        for (size_t i = 0; i < count; i += 7)
            if (look_number(fixture, i) != IDENTITY_KNOWN)
                fail_msg("round %d: %zu is forgotten", round, i);
        for (size_t i = count; i < count + 2000; i++)
            assert_int_equal(look_number(fixture, i), IDENTITY_NEW);
        crash_and_open(fixture);
    }
    assert_true(spool_notes_count(fixture->spool, SPOOL_IDENTITIES) < count / 50);
    assert_true(spool_notes_count(fixture->spool, SPOOL_IDENTITY_JOURNAL) < 400); /* of the open segment only */
}

static void
the_window_is_bounded_and_forgets_the_oldest_first(void **state)
{
    Fixture *fixture = *state;
    fixture->entries_max = 2000;
    crash_and_open(fixture);
    for (size_t i = 0; i < 20000; i++) {
        assert_int_equal(take_number(fixture, i), IDENTITY_NEW);
        if (i % 100 != 99)
            continue;
        stage(fixture, START_US + (int64_t) i);
        commit(fixture);
        assert_true(identity_window_count(fixture->window) <= 2000);
    }
    assert_int_equal(look_number(fixture, 19999), IDENTITY_KNOWN);
    assert_int_equal(look_number(fixture, 18500), IDENTITY_KNOWN);
    assert_int_equal(look_number(fixture, 17000), IDENTITY_NEW);
    crash_and_open(fixture);
    assert_true(identity_window_count(fixture->window) <= 2000);
    assert_true(identity_window_count(fixture->window) > 1700);
    assert_int_equal(look_number(fixture, 18500), IDENTITY_KNOWN);
    assert_true(spool_notes_count(fixture->spool, SPOOL_IDENTITIES) < 100);
}

static void
what_is_older_than_the_window_is_forgotten(void **state)
{
    Fixture *fixture = *state;
    for (int hour = 0; hour < 60; hour++) {
        assert_int_equal(take_number(fixture, (size_t) hour), IDENTITY_NEW);
        stage(fixture, START_US + hour * HOUR_US);
        commit(fixture);
    }
    assert_int_equal(look_number(fixture, 59 - HOURS), IDENTITY_KNOWN); /* just within 24 hours */
    assert_int_equal(look_number(fixture, 59 - HOURS - 3), IDENTITY_NEW);
    assert_true(identity_window_count(fixture->window) <= HOURS + 2);
    crash_and_open(fixture);
    assert_int_equal(look_number(fixture, 59 - HOURS), IDENTITY_KNOWN);
}

static void
a_large_batch_is_one_segment_and_is_found(void **state)
{
    Fixture *fixture = *state;
    const size_t count = 40000; /* added before anything is staged */
    for (size_t i = 0; i < count; i++)
        assert_int_equal(take_number(fixture, i), IDENTITY_NEW);
    stage(fixture, START_US);
    commit(fixture);
    crash_and_open(fixture);
    for (size_t i = 0; i < count; i += 11)
        assert_int_equal(look_number(fixture, i), IDENTITY_KNOWN);
}

/* Fill the spool with batches until it takes no more. */
static void
fill_spool(Fixture *fixture)
{
    static char bytes[256 << 10];
    Err err = {0};
    uint64_t key;
    random_bytes(bytes, sizeof(bytes));
    while (spool_append(fixture->spool, (Text){bytes, sizeof(bytes)}, &key, &err))
        continue;
    assert_int_equal(err.code, ERR_FULL);
    commit(fixture);
}

static void
without_room_identities_are_forgotten_and_nothing_fails(void **state)
{
    Fixture *fixture = *state;
    fill_spool(fixture);
    for (size_t i = 0; i < 200000; i++) {
        assert_int_equal(take_number(fixture, i), IDENTITY_NEW);
        if (i % 5000 == 4999) {
            stage(fixture, START_US);
            commit(fixture);
        }
    }
    assert_true(identity_window_count(fixture->window) <= 200000);
    crash_and_open(fixture);
    assert_int_equal(take_number(fixture, 300000), IDENTITY_NEW);
}

static void
a_bloom_filter_never_denies_and_seldom_errs(void **state)
{
    (void) state;
    enum { COUNT = 16384 };
    Bloom bloom;
    Err err = {0};
    size_t mistaken = 0;
    uint64_t hashes[2];
    assert_true(bloom_make(&bloom, COUNT, &err));
    for (uint64_t i = 0; i < COUNT; i++) {
        Digest digest = digest_of(&i, sizeof(i));
        memcpy(hashes, digest.bytes, sizeof(hashes));
        bloom_add(&bloom, hashes[0]);
        assert_true(bloom_may_have(&bloom, hashes[0]));
        mistaken += bloom_may_have(&bloom, hashes[1]) ? 1 : 0;
    }
    mistaken = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        Digest digest = digest_of(&i, sizeof(i));
        memcpy(hashes, digest.bytes, sizeof(hashes));
        assert_true(bloom_may_have(&bloom, hashes[0]));
        mistaken += bloom_may_have(&bloom, hashes[1]) ? 1 : 0;
    }
    assert_true(mistaken < COUNT / 100); /* about one in a thousand */
    bloom_free(&bloom);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_sent_again_is_known_before_and_after_the_commit_and_a_crash, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_committed_is_new_after_a_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(identity_is_tenant_request_and_attempt_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closed_segments_are_searched_on_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_window_is_bounded_and_forgets_the_oldest_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_older_than_the_window_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_large_batch_is_one_segment_and_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_room_identities_are_forgotten_and_nothing_fails, set_up, tear_down),
        cmocka_unit_test(a_bloom_filter_never_denies_and_seldom_errs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
