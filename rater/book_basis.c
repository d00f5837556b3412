#include "rater/book_basis.h"

#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "rater/book_prices.h"

enum {
    INIT_RULES_MAX = 32,
    CLOCK_STEPS_MAX = 256,
    DURATION_MS_MAX = 3600000,
    CAPACITY_S_MAX = 86400,
    MHZ_MAX = 1000000
};

static bool
read_duration(const Place *place, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"granularity_ms", "minimum_ms", NULL};
    if (!place_exists(place))
        return place_fail(place, err, "is missing; add it, as 'duration: {granularity_ms: 1}'");
    Place granularity = place_member(place, "granularity_ms");
    Place minimum = place_member(place, "minimum_ms");
    if (!place_keys(place, KEYS, err))
        return false;
    if (!place_exists(&granularity))
        return place_fail(&granularity, err, "is missing; add it, as 'granularity_ms: 1'");
    return place_integer(&granularity, 1, DURATION_MS_MAX, 1, &book->granularity_ms, err) &&
           place_integer(&minimum, 0, DURATION_MS_MAX, 0, &book->minimum_ms, err);
}

static bool
read_memory(const Place *place, MemoryRule *rule, Err *err)
{
    static const char *const KEYS[] = {"basis", "step_mb", "minimum_mb", "maximum_mb", NULL};
    static const char *const BASES[] = {"configured", "observed", NULL};
    *rule = (MemoryRule){.step_mb = 1, .maximum_mb = INT64_MAX};
    if (!place_exists(place))
        return true;
    Place basis = place_member(place, "basis");
    Place step = place_member(place, "step_mb");
    Place minimum = place_member(place, "minimum_mb");
    Place maximum = place_member(place, "maximum_mb");
    int choice = 0;
    if (!place_keys(place, KEYS, err) || !place_choice(&basis, "basis of memory", BASES, 0, &choice, err) ||
        !place_integer(&step, 1, USAGE_MEMORY_MB_MAX, 1, &rule->step_mb, err) ||
        !place_integer(&minimum, 0, USAGE_MEMORY_MB_MAX, 0, &rule->minimum_mb, err) ||
        (place_exists(&maximum) && !place_integer(&maximum, 1, USAGE_MEMORY_MB_MAX, 1, &rule->maximum_mb, err)))
        return false;
    rule->observed = choice == 1;
    return rule->minimum_mb <= rule->maximum_mb ||
           place_fail(&maximum, err, "is below minimum_mb; write at least %lld", (long long) rule->minimum_mb);
}

static bool
read_clock_step(const Place *place, bool last, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"up_to_mb", "mhz", NULL};
    ClockStep *step = &book->clock[book->clock_count++];
    Place limit = place_member(place, "up_to_mb");
    Place mhz = place_member(place, "mhz");
    if (!place_keys(place, KEYS, err))
        return false;
    step->up_to_mb = INT64_MAX;
    if (last == place_exists(&limit))
        return place_fail(&limit, err,
                          last ? "the last entry has no limit; remove up_to_mb, or add an entry without it"
                               : "is missing; every entry but the last has a limit, as 'up_to_mb: 128'");
    if (!last && !place_integer(&limit, 1, USAGE_MEMORY_MB_MAX, 1, &step->up_to_mb, err))
        return false;
    if (book->clock_count > 1 && step->up_to_mb <= step[-1].up_to_mb)
        return place_fail(&limit, err, "is not above the entry before; put entries in ascending order");
    if (!place_exists(&mhz))
        return place_fail(&mhz, err, "is missing; add it, as 'mhz: 800'");
    return place_integer(&mhz, 1, MHZ_MAX, 1, &step->mhz, err);
}

static bool
read_clock(const Place *list, PriceBook *book, Err *err)
{
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, CLOCK_STEPS_MAX, "clock: [{up_to_mb: 128, mhz: 200}, {mhz: 400}]", &count, err))
        return false;
    book->clock = calloc(count, sizeof(ClockStep));
    if (book->clock == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a price book");
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(list, i);
        if (!read_clock_step(&item, i + 1 == count, book, err))
            return false;
    }
    return true;
}

static bool
read_capacity(const Place *place, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"granularity_s", NULL};
    book->capacity_granularity_s = 1;
    if (!place_exists(place))
        return true;
    Place granularity = place_member(place, "granularity_s");
    return place_keys(place, KEYS, err) &&
           place_integer(&granularity, 1, CAPACITY_S_MAX, 1, &book->capacity_granularity_s, err);
}

/* "2025-08-01" (the start of that day, UTC) or a full RFC 3339 time. */
bool
book_read_date(const Place *place, int64_t *time_us, Err *err)
{
    *time_us = INT64_MIN;
    if (!place_exists(place))
        return true;
    Text text = yaml_text(place->node);
    Err ignored = {0};
    if (!instant_parse(text, time_us, &ignored))
        return place_fail(place, err, "'%.*s' is not a date; write it as 2025-08-01", TEXT_ARG(text));
    return true;
}

static bool
read_init_rules(const Place *list, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"packages", "modes", "since", "source", NULL};
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, INIT_RULES_MAX, "initialization: [{packages: [image]}]", &count, err))
        return false;
    book->init_rules = calloc(count, sizeof(InitRule));
    if (book->init_rules == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a price book");
    for (size_t i = 0; i < count; i++) {
        InitRule *rule = &book->init_rules[book->init_rule_count++];
        Place item = place_item(list, i);
        Place packages = place_member(&item, "packages");
        Place modes = place_member(&item, "modes");
        Place since = place_member(&item, "since");
        if (!place_keys(&item, KEYS, err) ||
            !place_choices(&packages, "package", PACKAGE_NAMES, &rule->packages, err) ||
            !place_choices(&modes, "mode", MODE_NAMES, &rule->modes, err) ||
            !book_read_date(&since, &rule->since_us, err))
            return false;
    }
    return true;
}

bool
book_read_basis(const Place *root, PriceBook *book, Err *err)
{
    Place duration = place_member(root, "duration");
    Place memory = place_member(root, "memory");
    Place clock = place_member(root, "clock");
    Place capacity = place_member(root, "capacity");
    Place initialization = place_member(root, "initialization");
    return read_duration(&duration, book, err) && read_memory(&memory, &book->memory, err) &&
           read_clock(&clock, book, err) && read_capacity(&capacity, book, err) &&
           read_init_rules(&initialization, book, err);
}
