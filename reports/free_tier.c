#include "reports/free_tier.h"

#include "lib/decimal.h"
#include "lib/forecast.h"

static int64_t
day_of(int64_t time_us)
{
    return time_us - time_us % UTC_DAY_US;
}

/* The day on which the sum of the days reached the allowance; false when the days do not add up to it. */
static bool
day_reached(const FreeTierUse *use, int64_t *day_us)
{
    mpq_t sum;
    mpq_init(sum);
    bool reached = false;
    for (size_t i = 0; !reached && i < use->day_count; i++) {
        mpq_add(sum, sum, use->quantities[i]);
        reached = mpq_cmp(sum, use->allowance) >= 0;
        *day_us = use->days_us[i];
    }
    mpq_clear(sum);
    return reached;
}

/* Where the straight line from the period's start through the use so far meets the allowance. */
static FreeTierOutlook
extrapolate(const FreeTierUse *use, int64_t as_of_us, int64_t *day_us)
{
    mpq_t elapsed;
    mpz_t whole;
    mpq_init(elapsed);
    mpz_init(whole);
    decimal_set_i64(elapsed, as_of_us - use->start_us);
    mpq_mul(elapsed, elapsed, use->allowance);
    mpq_div(elapsed, elapsed, use->used);
    decimal_floor(whole, elapsed);
    bool within = mpz_cmp_si(whole, use->end_us - use->start_us) < 0;
    if (within)
        *day_us = day_of(use->start_us + mpz_get_si(whole));
    mpz_clear(whole);
    mpq_clear(elapsed);
    return within ? FREE_TIER_RUNS_OUT : FREE_TIER_LASTS;
}

/* Hour by hour by the habit of the week. */
static FreeTierOutlook
walk(const FreeTierUse *use, int64_t as_of_us, int64_t *day_us)
{
    mpq_t sum, hour, part;
    mpq_inits(sum, hour, part, NULL);
    mpq_set(sum, use->used);
    bool within = false;
    for (int64_t at_us = as_of_us; !within && at_us < use->end_us;) {
        const int64_t next_us = utc_hour_floor_us(at_us) + UTC_HOUR_US;
        const int64_t until_us = next_us < use->end_us ? next_us : use->end_us;
        decimal_set_i64(hour, UTC_HOUR_US);
        decimal_set_i64(part, until_us - at_us);
        mpq_div(part, part, hour);
        mpq_mul(part, part, use->week[forecast_slot(at_us)]);
        mpq_add(sum, sum, part);
        within = mpq_cmp(sum, use->allowance) >= 0;
        if (within)
            *day_us = day_of(at_us);
        at_us = until_us;
    }
    mpq_clears(sum, hour, part, NULL);
    return within ? FREE_TIER_RUNS_OUT : FREE_TIER_LASTS;
}

FreeTierOutlook
free_tier_outlook(const FreeTierUse *use, int64_t as_of_us, int64_t *day_us)
{
    if (mpq_sgn(use->used) == 0)
        return FREE_TIER_UNUSED;
    if (mpq_cmp(use->used, use->allowance) >= 0) {
        if (!day_reached(use, day_us))
            *day_us = day_of(as_of_us < use->end_us ? as_of_us : use->end_us - 1);
        return FREE_TIER_RAN_OUT;
    }
    if (as_of_us >= use->end_us || as_of_us <= use->start_us)
        return FREE_TIER_LASTS;
    return use->week != NULL ? walk(use, as_of_us, day_us) : extrapolate(use, as_of_us, day_us);
}
