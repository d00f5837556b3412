#include "rater/rate_models.h"

#include <stdlib.h>

#include "rater/price.h"

/* Each tier holds what lies between what was on the counter before and what is on it now. */
static void
take_before(Counter *counter, mpq_t *before)
{
    const Price *price = counter->price;
    price_split(price, counter->before, before);
    for (size_t t = 0; t < price->tier_count; t++) {
        if (counter->fees != NULL && mpq_sgn(before[t]) > 0)
            mpq_set_ui(counter->fees[t], 0, 1);
        mpq_sub(counter->in_tiers[t], counter->in_tiers[t], before[t]);
    }
}

static bool
subtract_before(Counter *counter, Err *err)
{
    const size_t count = counter->price->tier_count;
    mpq_t *before = calloc(count, sizeof(mpq_t));
    if (before == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a counter of tiers");
    for (size_t t = 0; t < count; t++)
        mpq_init(before[t]);
    take_before(counter, before);
    for (size_t t = 0; t < count; t++)
        mpq_clear(before[t]);
    free(before);
    return true;
}

static bool
settle_tiers(Counter *counter, Err *err)
{
    const Price *price = counter->price;
    mpq_t reached;
    mpq_init(reached);
    mpq_add(reached, counter->before, counter->total);
    price_split(price, reached, counter->in_tiers);
    mpq_clear(reached);
    for (size_t t = 0; counter->fees != NULL && t < price->tier_count; t++) {
        bool due = mpq_sgn(counter->in_tiers[t]) > 0 || (t == 0 && price->fee_at_zero);
        if (due && !(t == 0 && counter->entered))
            mpq_set(counter->fees[t], price->tiers[t].fee);
    }
    return mpq_sgn(counter->before) == 0 || subtract_before(counter, err);
}

size_t
counter_volume_tier(const Counter *counter)
{
    mpq_t reached;
    mpq_init(reached);
    mpq_add(reached, counter->before, counter->total);
    size_t t = price_tier_of(counter->price, reached);
    mpq_clear(reached);
    return t;
}

static void
settle_volume(Counter *counter)
{
    const Price *price = counter->price;
    size_t t = counter_volume_tier(counter);
    bool entered = counter->entered || mpq_sgn(counter->before) > 0;
    mpq_set(counter->in_tiers[t], counter->total);
    if ((mpq_sgn(counter->total) > 0 || price->fee_at_zero) && !(entered && price_tier_of(price, counter->before) == t))
        mpq_set(counter->fees[t], price->tiers[t].fee);
}

/* What of a quantity is beyond the free units, and how many packages that takes. */
static void
packages_of(const Price *price, const mpq_t quantity, mpq_t beyond, mpz_t packages)
{
    mpq_t exact;
    mpq_init(exact);
    mpq_sub(beyond, quantity, price->free_units);
    if (mpq_sgn(beyond) < 0)
        mpq_set_ui(beyond, 0, 1);
    mpq_div(exact, beyond, price->package_size);
    mpz_cdiv_q(packages, mpq_numref(exact), mpq_denref(exact));
    mpq_clear(exact);
}

/* What is missing to the last whole package is paid as a fee; what an earlier part of the period left of one is used first. */
static void
settle_package(Counter *counter)
{
    const Price *price = counter->price;
    mpq_ptr rest = counter->in_tiers[0];
    mpq_t value;
    mpz_t packages, packages_before;
    mpq_init(value);
    mpz_inits(packages, packages_before, NULL);
    packages_of(price, counter->before, value, packages_before);
    mpq_add(rest, counter->before, counter->total);
    packages_of(price, rest, rest, packages);
    mpq_sub(rest, rest, value);
    mpq_sub(counter->included, counter->total, rest);
    mpz_sub(packages, packages, packages_before);
    mpq_set_z(value, packages);
    mpq_mul(value, value, price->package_size);
    mpq_sub(value, value, rest);
    mpq_mul(counter->fees[0], value, price->tiers[0].unit_price);
    mpz_clears(packages, packages_before, NULL);
    mpq_clear(value);
}

/* The part that what is left of a limit frees of a whole; of nothing, all. */
static void
limit_free_share(const Limit *limit, const mpq_t before, const mpq_t whole, mpq_t share)
{
    if (!limit->given || mpq_sgn(whole) == 0)
        return;
    mpq_t part;
    mpq_init(part);
    mpq_sub(part, limit->value, before);
    if (mpq_sgn(part) < 0)
        mpq_set_ui(part, 0, 1);
    mpq_div(part, part, whole);
    if (mpq_cmp(part, share) < 0)
        mpq_set(share, part);
    mpq_clear(part);
}

static void
settle_percentage(Counter *counter)
{
    const Price *price = counter->price;
    if (price->free_events.given || price->free_amount.given) {
        mpq_set_ui(counter->free_share, 1, 1);
        limit_free_share(&price->free_events, counter->before_events, counter->events, counter->free_share);
        limit_free_share(&price->free_amount, counter->before_included, counter->total, counter->free_share);
    }
    mpq_mul(counter->included, counter->total, counter->free_share);
    mpq_sub(counter->in_tiers[0], counter->total, counter->included);
}

bool
counter_settle(Counter *counter, Err *err)
{
    switch (counter->price->model) {
    case PRICE_VOLUME:
        settle_volume(counter);
        break;
    case PRICE_PACKAGE:
        settle_package(counter);
        break;
    case PRICE_PERCENTAGE:
        settle_percentage(counter);
        break;
    case PRICE_PER_UNIT:
    case PRICE_GRADUATED:
    case PRICE_FLAT:
    case PRICE_MODEL_COUNT:
        return settle_tiers(counter, err);
    }
    return true;
}
