/* The days on which quantities were used, the habit of the week, and looking ahead. See free_tier_use.h. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "lib/forecast.h"
#include "reports/free_tier_use.h"

enum { MEASURE_OTHERWISE = 1, MB_MS_OF_A_GB_S = 1024000 };

bool
tiers_span(const Tiers *self, int64_t as_of_us, int64_t *start_us, int64_t *end_us, bool *under_way)
{
    *under_way = false;
    for (size_t i = 0; i < self->count; i++) {
        const Tier *tier = self->items[i];
        *start_us = i == 0 || tier->start_us < *start_us ? tier->start_us : *start_us;
        *end_us = i == 0 || tier->end_us > *end_us ? tier->end_us : *end_us;
        *under_way = *under_way || (as_of_us > tier->start_us && as_of_us < tier->end_us);
    }
    return self->count > 0;
}

static int64_t
first_day_us(const Tier *tier)
{
    return tier->start_us - tier->start_us % UTC_DAY_US;
}

/* A measure of an hour: invocations, or memory x time. */
static RollupTotal
measure_in(const RollupRow *row, size_t measure)
{
    const RollupTotal totals[TIER_MEASURES] = {row->invocations, row->with_init_1ms, row->duration_1ms,
                                               row->with_init_100ms, row->duration_100ms};
    const uint64_t factor = measure == 0 ? 1 : (uint64_t) row->memory_mb;
    const RollupTotal total = totals[measure];
    return (RollupTotal) (total * factor);
}

bool
tiers_take_hour(void *context, const RollupRow *row, Err *err)
{
    (void) err;
    Tiers *self = context;
    for (size_t i = tiers_first_of(self, row->account); tiers_is_of(self, i, row->account); i++) {
        Tier *tier = self->items[i];
        const int64_t day = (row->hour_us - first_day_us(tier)) / UTC_DAY_US;
        if (tier->measures[row->mode] == NULL || row->hour_us < tier->start_us || row->hour_us >= tier->end_us ||
            day >= TIER_DAYS)
            continue;
        for (size_t measure = 0; measure < TIER_MEASURES; measure++)
            tier->measures[row->mode][measure][day] += measure_in(row, measure);
    }
    return true;
}

static RollupTotal
sum_of_days(const Tier *tier, size_t mode, size_t measure)
{
    RollupTotal sum = 0;
    for (size_t day = 0; day < TIER_DAYS; day++)
        sum += tier->measures[mode][measure][day];
    return sum;
}

/* The measure that adds up to the quantity, else memory x time. */
static size_t
measure_of(const Tier *tier, size_t mode)
{
    mpq_t quantity;
    mpq_init(quantity);
    size_t found = TIER_MEASURES;
    for (size_t measure = 0; measure < TIER_MEASURES && found == TIER_MEASURES; measure++) {
        decimal_set_u128(mpq_numref(quantity), sum_of_days(tier, mode, measure));
        mpz_set_ui(mpq_denref(quantity), measure == 0 ? 1 : MB_MS_OF_A_GB_S);
        mpq_canonicalize(quantity);
        if (mpq_equal(quantity, tier->covered[mode]))
            found = measure;
    }
    mpq_clear(quantity);
    return found < TIER_MEASURES ? found : MEASURE_OTHERWISE;
}

void
tiers_find_measures(Tiers *self)
{
    for (size_t i = 0; i < self->count; i++) {
        Tier *tier = self->items[i];
        for (size_t mode = 0; mode < TIER_MODES; mode++) {
            if (tier->measures[mode] == NULL)
                continue;
            tier->measure[mode] = measure_of(tier, mode);
            tier->total[mode] = sum_of_days(tier, mode, tier->measure[mode]);
        }
    }
}

/* `out` += `part` ÷ (what the measure came to in the period) × the quantity. */
static void
add_part(const Tier *tier, size_t mode, RollupTotal part, mpq_t out)
{
    if (part == 0 || tier->total[mode] == 0)
        return;
    mpq_t share;
    mpq_init(share);
    decimal_set_u128(mpq_numref(share), part);
    decimal_set_u128(mpq_denref(share), tier->total[mode]);
    mpq_canonicalize(share);
    mpq_mul(share, share, tier->covered[mode]);
    mpq_add(out, out, share);
    mpq_clear(share);
}

/* ---- the habit of the week ---- */

void
tiers_take_first(Tiers *self, Text account, int64_t first_us)
{
    for (size_t i = tiers_first_of(self, account); tiers_is_of(self, i, account); i++)
        if (first_us < self->items[i]->first_us)
            self->items[i]->first_us = first_us;
}

bool
tiers_set_weeks(Tiers *self, int64_t as_of_us, Err *err)
{
    self->as_of_us = as_of_us;
    for (size_t i = 0; i < self->count; i++) {
        Tier *tier = self->items[i];
        tier->is_open = as_of_us > tier->start_us && as_of_us < tier->end_us;
        tier->weeks = tier->is_open ? forecast_weeks(tier->first_us, as_of_us) : 0;
        for (size_t mode = 0; tier->weeks > 0 && mode < TIER_MODES; mode++) {
            if (tier->measures[mode] == NULL)
                continue;
            tier->week[mode] = calloc(FORECAST_SLOTS, sizeof *tier->week[mode]);
            if (tier->week[mode] == NULL)
                return err_set(err, ERR_NOMEM, "no memory for habits of the week");
        }
    }
    return true;
}

bool
tiers_take_history(void *context, const RollupRow *row, Err *err)
{
    (void) err;
    Tiers *self = context;
    const int64_t end_us = utc_hour_floor_us(self->as_of_us);
    for (size_t i = tiers_first_of(self, row->account); tiers_is_of(self, i, row->account); i++) {
        Tier *tier = self->items[i];
        const int64_t start_us = end_us - (int64_t) tier->weeks * FORECAST_SLOTS * UTC_HOUR_US;
        if (tier->week[row->mode] != NULL && row->hour_us >= start_us && row->hour_us < end_us)
            tier->week[row->mode][forecast_slot(row->hour_us)] += measure_in(row, tier->measure[row->mode]);
    }
    return true;
}

/* What an hour of each slot uses: the mean of the weeks. */
static void
habit_of(const Tier *tier, mpq_t week[FORECAST_SLOTS])
{
    mpq_t weeks;
    mpq_init(weeks);
    mpq_set_si(weeks, tier->weeks, 1);
    for (size_t slot = 0; slot < FORECAST_SLOTS; slot++) {
        for (size_t mode = 0; mode < TIER_MODES; mode++)
            if (tier->week[mode] != NULL)
                add_part(tier, mode, tier->week[mode][slot], week[slot]);
        mpq_div(week[slot], week[slot], weeks);
    }
    mpq_clear(weeks);
}

/* ---- looking ahead ---- */

static void
each_init(mpq_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mpq_init(numbers[i]);
}

static void
each_clear(mpq_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mpq_clear(numbers[i]);
}

static void
look_ahead(Tier *tier, int64_t as_of_us)
{
    int64_t days_us[TIER_DAYS];
    mpq_t days[TIER_DAYS];
    mpq_t week[FORECAST_SLOTS];
    each_init(days, TIER_DAYS);
    each_init(week, FORECAST_SLOTS);
    for (size_t day = 0; day < TIER_DAYS; day++) {
        days_us[day] = first_day_us(tier) + (int64_t) day * UTC_DAY_US;
        for (size_t mode = 0; mode < TIER_MODES; mode++)
            if (tier->measures[mode] != NULL)
                add_part(tier, mode, tier->measures[mode][tier->measure[mode]][day], days[day]);
    }
    if (tier->weeks > 0)
        habit_of(tier, week);
    FreeTierUse use = {.days_us = days_us,
                       .quantities = (const mpq_t *) days,
                       .day_count = TIER_DAYS,
                       .start_us = tier->start_us,
                       .end_us = tier->end_us,
                       .week = tier->weeks > 0 ? (const mpq_t *) week : NULL};
    mpq_inits(use.allowance, use.used, NULL);
    mpq_set(use.allowance, tier->allowance);
    mpq_set(use.used, tier->used);
    tier->outlook = free_tier_outlook(&use, as_of_us, &tier->day_us);
    mpq_clears(use.allowance, use.used, NULL);
    each_clear(days, TIER_DAYS);
    each_clear(week, FORECAST_SLOTS);
}

void
tiers_look_ahead(Tiers *self, int64_t as_of_us)
{
    for (size_t i = 0; i < self->count; i++)
        look_ahead(self->items[i], as_of_us);
}
