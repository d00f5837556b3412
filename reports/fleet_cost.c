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

/* Parts of a MB x us as vCPU-hours. */
void
fleet_vcpu_hours(const FleetPlan *plan, unsigned __int128 parts, mpq_t out)
{
    mpq_t divisor;
    mpq_init(divisor);
    decimal_set_i64(divisor, UTC_HOUR_US);
    mpz_mul_si(mpq_numref(divisor), mpq_numref(divisor), plan->rules.mb_per_vcpu);
    mpz_mul_si(mpq_numref(divisor), mpq_numref(divisor), FLEET_CREDIT_PARTS);
    mpq_set_ui(out, 0, 1);
    decimal_set_u128(mpq_numref(out), parts);
    mpq_div(out, out, divisor);
    mpq_clear(divisor);
}

/* What is paid for credits that were spent and never earned. */
static void
surcharge(const FleetPlan *plan, const FleetOption *option, const FleetShort *of, mpq_t out)
{
    mpq_set_ui(out, 0, 1);
    if (option->burst != BURST_UNLIMITED)
        return;
    fleet_vcpu_hours(plan, of->charged, out);
    mpq_mul(out, out, option->type->unlimited);
    to_priced_hours(plan, out);
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
cost_fixed(const FleetPlan *plan, FleetOption *option)
{
    mpq_t hours;
    mpq_t more;
    Amount amount;
    mpq_inits(hours, more, NULL);
    amount_init(&amount);
    fixed_hours(plan, option->instances, hours);
    surcharge(plan, option, &option->burst_fixed, more);
    for (size_t i = 0; i < PURCHASES; i++) {
        if (!option->type->prices[i].known)
            continue;
        price(plan, hours, option->type->prices[i].hourly, more, &option->fixed[i]);
        keep_most(&option->fixed_high, &option->fixed[i], i == ON_DEMAND);
    }
    fixed_hours(plan, option->instances_least, hours);
    surcharge(plan, option, &option->burst_least, more);
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
cost_scaled(const FleetPlan *plan, FleetOption *option)
{
    static const Purchase WAYS[] = {ON_DEMAND, SPOT_LOW, SPOT_HIGH};
    mpq_t more;
    Amount amount;
    mpq_init(more);
    amount_init(&amount);
    set_hours(option->scaled_hours, option->outcome.instance_us);
    to_priced_hours(plan, option->scaled_hours);
    surcharge(plan, option, &option->outcome.unlimited, more);
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
fleet_cost(const FleetPlan *plan, FleetOption *option)
{
    cost_fixed(plan, option);
    cost_scaled(plan, option);
}
