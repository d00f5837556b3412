/* The set that finds shared identities, against a plain count of the same identities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "schema/sight_set.h"

enum { MANY = 200000 };

static Sight
sight_of(uint32_t identity, uint32_t place)
{
    static const uint8_t key[crypto_shorthash_siphashx24_KEYBYTES] = {9};
    Sight sight = {.segment = place / 1000, .ordinal = place % 1000};
    crypto_shorthash_siphashx24(sight.identity, (const uint8_t *) &identity, sizeof identity, key);
    return sight;
}

static SightSet *
set_of(const uint32_t *identities, size_t count)
{
    SightSet *set = sight_set_new(NULL);
    assert_non_null(set);
    for (uint32_t i = 0; i < count; i++) {
        Sight sight = sight_of(identities[i], i);
        assert_true(sight_set_add(set, &sight, NULL));
    }
    assert_int_equal(sight_set_count(set), count);
    return set;
}

/* How often each place comes back; every one that shares its identity has to, once. */
static void
assert_shared(const uint32_t *identities, size_t count, uint32_t identity_limit)
{
    uint32_t *uses = calloc(identity_limit, sizeof *uses);
    uint8_t *came = calloc(count, 1);
    Sight *shared;
    size_t shared_count;
    SightSet *set = set_of(identities, count);
    assert_true(sight_set_take_shared(set, &shared, &shared_count, NULL));
    for (size_t i = 0; i < count; i++)
        uses[identities[i]]++;
    for (size_t i = 0; i < shared_count; i++)
        came[shared[i].segment * 1000 + shared[i].ordinal]++;
    for (size_t i = 0; i < count; i++)
        assert_int_equal(came[i], uses[identities[i]] > 1 ? 1 : 0);
    assert_int_equal(sight_set_count(set), 0);
    free(shared);
    free(came);
    free(uses);
    sight_set_free(&set);
}

static void
every_sight_that_shares_an_identity_comes_once(void **state)
{
    (void) state;
    uint32_t *identities = calloc(MANY, sizeof *identities);
    uint32_t random = 1;
    for (size_t i = 0; i < MANY; i++) {
        random = random * 1664525u + 1013904223u;
        identities[i] = (random >> 8) % MANY; /* some once, some several times */
    }
    assert_shared(identities, MANY, MANY);
    free(identities);
}

static void
one_identity_may_stand_for_all(void **state)
{
    (void) state;
    uint32_t *identities = calloc(MANY, sizeof *identities);
    assert_shared(identities, MANY, 1);
    free(identities);
}

static void
nothing_shared_gives_nothing(void **state)
{
    (void) state;
    const uint32_t identities[] = {0, 1, 2, 3};
    assert_shared(identities, 4, 4);
    assert_shared(identities, 1, 4);
    Sight *shared;
    size_t count;
    SightSet *set = sight_set_new(NULL);
    assert_true(sight_set_take_shared(set, &shared, &count, NULL));
    assert_null(shared);
    assert_int_equal(count, 0);
    sight_set_free(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sight_that_shares_an_identity_comes_once),
        cmocka_unit_test(one_identity_may_stand_for_all),
        cmocka_unit_test(nothing_shared_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
