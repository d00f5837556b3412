#include "reports/fleet_cost.h"

#include "lib/decimal.h"

enum { HOURS_OF_A_DAY = 24 };

/* value x the catalogue's hours / the month's hours */
static void
to_priced_hours(const FleetPlan *plan, mpq_t value)
{
    mpq_t hours;
    mpq_init(hours);
    decimal_set_i64(hours, (int64_t) utc_month_days(plan->month) * HOURS_OF_A_DAY);
    mpq_mul(value, value, plan->catalogue->hours);
    mpq_div(value, value, hours);
    mpq_clear(hours);
}

static void
set_hours(mpq_t out, int64_t us)
{
    mpq_t hour;
    mpq_init(hour);
    decimal_set_i64(out, us);
    decimal_set_i64(hour, UTC_HOUR_US);
    mpq_div(out, out, hour);
    mpq_clear(hour);
}

/* vCPU-hours that executions took on a day. */
static void
vcpu_hours(const FleetPlan *plan, const ConcurrencyReport *timeline, size_t day, mpq_t out)
{
    unsigned __int128 sum = 0;
    for (size_t hour = day * HOURS_OF_A_DAY; hour < (day + 1) * HOURS_OF_A_DAY && hour < timeline->hour_count; hour++)
        sum += timeline->hours[hour].memory_mb_us;
    mpq_t divisor;
    mpq_init(divisor);
    decimal_set_i64(divisor, UTC_HOUR_US);
    mpz_mul_si(mpq_numref(divisor), mpq_numref(divisor), plan->rules.mb_per_vcpu);
    mpq_set_ui(out, 0, 1);
    decimal_set_u128(mpq_numref(out), sum);
    mpq_div(out, out, divisor);
    mpq_clear(divisor);
}

/* What is paid above the baselines: by day, vCPU-hours used less those of the baselines of `day_us[day]` of instances, or of
 * `instances` all day when it is NULL. */
static void
surcharge(const FleetPlan *plan, const FleetOption *option, const ConcurrencyReport *timeline, int64_t instances,
          const int64_t *day_us, mpq_t out)
{
    mpq_set_ui(out, 0, 1);
    if (option->burst != BURST_UNLIMITED)
        return;
    mpq_t used;
    mpq_t covered;
    mpq_inits(used, covered, NULL);
    for (int day = 0; day < utc_month_days(plan->month); day++) {
        vcpu_hours(plan, timeline, (size_t) day, used);
        set_hours(covered, day_us != NULL ? day_us[day] : instances * UTC_DAY_US);
        mpq_mul(covered, covered, option->type->vcpu);
        mpq_mul(covered, covered, option->type->baseline);
        mpq_sub(used, used, covered);
        if (mpq_sgn(used) > 0)
            mpq_add(out, out, used);
    }
    mpq_mul(out, out, option->type->unlimited);
    to_priced_hours(plan, out);
    mpq_clears(used, covered, NULL);
}

/* hours x price + more, as an amount */
static void
price(const FleetPlan *plan, const mpq_t hours, const mpq_t hourly, const mpq_t more, Amount *out)
{
    mpq_t exact;
    mpq_init(exact);
    mpq_mul(exact, hours, hourly);
    mpq_add(exact, exact, more);
    amount_round(out, exact, plan->currency_scale);
    mpq_clear(exact);
}

static void
keep_least(Amount *least, const Amount *amount, bool first)
{
    if (first || mpq_cmp(amount->exact, least->exact) < 0)
        amount_set(least, amount);
}

static void
keep_most(Amount *most, const Amount *amount, bool first)
{
    if (first || mpq_cmp(amount->exact, most->exact) > 0)
        amount_set(most, amount);
}

static void
fixed_hours(const FleetPlan *plan, int64_t instances, mpq_t out)
{
    decimal_set_i64(out, instances);
    mpq_mul(out, out, plan->catalogue->hours);
}

static void
cost_fixed(const FleetPlan *plan, FleetOption *option, const ConcurrencyReport *timeline)
{
    mpq_t hours;
    mpq_t more;
    Amount amount;
    mpq_inits(hours, more, NULL);
    amount_init(&amount);
    fixed_hours(plan, option->instances, hours);
    surcharge(plan, option, timeline, option->instances, NULL, more);
    for (size_t i = 0; i < PURCHASES; i++) {
        if (!option->type->prices[i].known)
            continue;
        price(plan, hours, option->type->prices[i].hourly, more, &option->fixed[i]);
        keep_most(&option->fixed_high, &option->fixed[i], i == ON_DEMAND);
    }
    fixed_hours(plan, option->instances_least, hours);
    surcharge(plan, option, timeline, option->instances_least, NULL, more);
    amount_set(&option->fixed_low, &option->fixed[ON_DEMAND]);
    for (size_t i = 0; i < PURCHASES; i++) {
        if (!option->type->prices[i].known)
            continue;
        price(plan, hours, option->type->prices[i].hourly, more, &amount);
        keep_least(&option->fixed_low, &amount, false);
        keep_least(&option->fixed_low, &option->fixed[i], false);
    }
    amount_clear(&amount);
    mpq_clears(hours, more, NULL);
}

/* Nobody reserves what comes and goes: on demand, or spot. */
static void
cost_scaled(const FleetPlan *plan, FleetOption *option, const ConcurrencyReport *timeline)
{
    static const Purchase WAYS[] = {ON_DEMAND, SPOT_LOW, SPOT_HIGH};
    mpq_t more;
    Amount amount;
    mpq_init(more);
    amount_init(&amount);
    set_hours(option->scaled_hours, option->outcome.instance_us);
    to_priced_hours(plan, option->scaled_hours);
    surcharge(plan, option, timeline, 0, option->outcome.day_us, more);
    for (size_t i = 0; i < sizeof(WAYS) / sizeof(WAYS[0]); i++) {
        const CataloguePrice *known = &option->type->prices[WAYS[i]];
        if (!known->known)
            continue;
        price(plan, option->scaled_hours, known->hourly, more, &amount);
        if (WAYS[i] == ON_DEMAND)
            amount_set(&option->scaled, &amount);
        keep_least(&option->scaled_low, &amount, i == 0);
        keep_most(&option->scaled_high, &amount, i == 0);
    }
    amount_clear(&amount);
    mpq_clear(more);
}

void
fleet_cost(const FleetPlan *plan, FleetOption *option, const ConcurrencyReport *timeline)
{
    cost_fixed(plan, option, timeline);
    cost_scaled(plan, option, timeline);
}
