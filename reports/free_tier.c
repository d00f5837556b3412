#include "reports/free_tier.h"

#include "lib/decimal.h"

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

/* Where the straight line from the month's start through the use so far meets the allowance. */
static FreeTierOutlook
extrapolate(const FreeTierUse *use, UtcMonth month, int64_t as_of_us, int64_t *day_us)
{
    mpq_t elapsed;
    mpz_t whole;
    mpq_init(elapsed);
    mpz_init(whole);
    decimal_set_i64(elapsed, as_of_us - utc_month_start_us(month));
    mpq_mul(elapsed, elapsed, use->allowance);
    mpq_div(elapsed, elapsed, use->used);
    decimal_floor(whole, elapsed);
    int64_t length_us = utc_month_end_us(month) - utc_month_start_us(month);
    bool within = mpz_cmp_si(whole, length_us) < 0;
    if (within)
        *day_us = day_of(utc_month_start_us(month) + mpz_get_si(whole));
    mpz_clear(whole);
    mpq_clear(elapsed);
    return within ? FREE_TIER_RUNS_OUT : FREE_TIER_LASTS;
}

FreeTierOutlook
free_tier_outlook(const FreeTierUse *use, UtcMonth month, int64_t as_of_us, int64_t *day_us)
{
    if (mpq_sgn(use->used) == 0)
        return FREE_TIER_UNUSED;
    if (mpq_cmp(use->used, use->allowance) >= 0) {
        if (!day_reached(use, day_us))
            *day_us = day_of(as_of_us < utc_month_end_us(month) ? as_of_us : utc_month_end_us(month) - 1);
        return FREE_TIER_RAN_OUT;
    }
    if (as_of_us >= utc_month_end_us(month) || as_of_us <= utc_month_start_us(month))
        return FREE_TIER_LASTS;
    return extrapolate(use, month, as_of_us, day_us);
}
