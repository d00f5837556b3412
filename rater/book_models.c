#include "rater/book_models.h"

#include <stdlib.h>
#include <string.h>

static const char *const MODEL_NAMES[] = {"per_unit", "graduated", "volume", "package", "percentage", "flat", NULL};
static const char *const COUNTED_NAMES[] = {"account_region", "account", "tenant_region", "tenant", NULL};
static const char *const ZERO_NAMES[] = {"nothing", "fee", NULL};
const char *const PARTIAL_MONTH_NAMES[] = {"full", "by_day", "by_hour", NULL};

enum {
    IN_PER_UNIT = 1u << PRICE_PER_UNIT,
    IN_TIERS = 1u << PRICE_GRADUATED | 1u << PRICE_VOLUME,
    IN_PACKAGE = 1u << PRICE_PACKAGE,
    IN_PERCENTAGE = 1u << PRICE_PERCENTAGE,
    IN_FLAT = 1u << PRICE_FLAT,
    IN_ALL_BUT_FLAT = IN_PER_UNIT | IN_TIERS | IN_PACKAGE | IN_PERCENTAGE
};

/* Which models know a key, and what to do about one that does not belong. */
static const struct {
    const char *key;
    unsigned models;
    const char *remedy;
} MODEL_KEYS[] = {
    {"per", IN_PER_UNIT | IN_TIERS, "remove it"},
    {"unit_price", IN_PER_UNIT, "remove it"},
    {"tiers", IN_TIERS, "write 'model: graduated'"},
    {"package_size", IN_PACKAGE, "remove it"},
    {"package_price", IN_PACKAGE, "remove it"},
    {"free_units", IN_PACKAGE, "remove it"},
    {"rate_percent", IN_PERCENTAGE, "remove it"},
    {"event_fee", IN_PERCENTAGE, "remove it"},
    {"free_events", IN_PERCENTAGE, "remove it"},
    {"free_amount", IN_PERCENTAGE, "remove it"},
    {"event_minimum", IN_PERCENTAGE, "remove it"},
    {"event_maximum", IN_PERCENTAGE, "remove it"},
    {"fee", IN_FLAT, "put a fee into a tier of a graduated or volume price, or remove it"},
    {"partial_month", IN_FLAT, "remove it"},
    {"minimum", IN_ALL_BUT_FLAT, "remove it"},
    {"maximum", IN_ALL_BUT_FLAT, "remove it"},
    {"at_zero", IN_ALL_BUT_FLAT, "remove it"},
};

const char *
price_model_name(PriceModel model)
{
    return MODEL_NAMES[model];
}

const char *
counted_over_name(CountedOver counted_over)
{
    return COUNTED_NAMES[counted_over];
}

const char *
partial_month_name(PartialMonth partial_month)
{
    return PARTIAL_MONTH_NAMES[partial_month];
}

void
book_price_init(Price *price)
{
    mpq_inits(price->package_size, price->free_units, price->event_fee, price->free_events.value,
              price->free_amount.value, price->event_minimum.value, price->event_maximum.value, price->minimum.value,
              price->maximum.value, NULL);
}

void
book_price_clear(Price *price)
{
    mpq_clears(price->package_size, price->free_units, price->event_fee, price->free_events.value,
               price->free_amount.value, price->event_minimum.value, price->event_maximum.value, price->minimum.value,
               price->maximum.value, NULL);
    for (size_t i = 0; i < price->tier_count; i++)
        mpq_clears(price->tiers[i].up_to, price->tiers[i].unit_price, price->tiers[i].fee, NULL);
    free(price->tiers);
}

static bool
tiers_allocate(Price *price, size_t count, Err *err)
{
    price->tiers = calloc(count, sizeof(PriceTier));
    if (price->tiers == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a price book");
    price->tier_count = count;
    for (size_t i = 0; i < count; i++)
        mpq_inits(price->tiers[i].up_to, price->tiers[i].unit_price, price->tiers[i].fee, NULL);
    price->tiers[count - 1].open = true;
    return true;
}

/* A decimal of 0 or more that may be left out: then `out` stays 0. */
static bool
read_optional(const Place *mapping, const char *key, mpq_t out, bool *given, Err *err)
{
    Place place = place_member(mapping, key);
    if (given != NULL)
        *given = place_exists(&place);
    return !place_exists(&place) || place_amount(&place, "it", "0.25", out, err);
}

static bool
read_limit(const Place *mapping, const char *key, Limit *limit, Err *err)
{
    return read_optional(mapping, key, limit->value, &limit->given, err);
}

/* Prices in the file may be for many units at once (`per: 1000000`): keep them for one. */
static bool
read_unit_price(const Place *mapping, int64_t per, mpq_t out, Err *err)
{
    Place place = place_member(mapping, "unit_price");
    if (!place_amount(&place, "a price", "unit_price: 0.20", out, err))
        return false;
    mpq_t units;
    mpq_init(units);
    decimal_set_i64(units, per);
    mpq_div(out, out, units);
    mpq_clear(units);
    return true;
}

static bool
read_tier_limit(const Place *tier, Price *price, size_t i, Err *err)
{
    Place limit = place_member(tier, "up_to");
    if (price->tiers[i].open && place_exists(&limit))
        return place_fail(&limit, err,
                          "the last tier has no limit; remove up_to, or add a tier without it for what is above");
    if (price->tiers[i].open)
        return true;
    if (!place_amount(&limit, "a limit", "up_to: 6000000000", price->tiers[i].up_to, err))
        return false;
    if (mpq_sgn(price->tiers[i].up_to) == 0)
        return place_fail(&limit, err, "a tier up to 0 holds nothing; write a limit above 0");
    if (i > 0 && mpq_cmp(price->tiers[i].up_to, price->tiers[i - 1].up_to) <= 0)
        return place_fail(&limit, err,
                          "tier out of order: %.*s is not above the limit of the tier before; put tiers in "
                          "ascending order",
                          TEXT_ARG(yaml_text(limit.node)));
    return true;
}

static bool
read_tiers(const Place *mapping, int64_t per, Price *price, Err *err)
{
    static const char *const KEYS[] = {"up_to", "unit_price", "fee", "source", NULL};
    Place place = place_member(mapping, "tiers");
    size_t count = 0;
    if (!place_sequence(&place, PRICE_TIERS_MAX, "tiers: [{up_to: 100, unit_price: 2}, {unit_price: 1}]", &count,
                        err) ||
        !tiers_allocate(price, count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        Place tier = place_item(&place, i);
        PriceTier *out = &price->tiers[i];
        if (!place_keys(&tier, KEYS, err) || !read_tier_limit(&tier, price, i, err) ||
            !read_unit_price(&tier, per, out->unit_price, err) || !read_optional(&tier, "fee", out->fee, NULL, err))
            return false;
        price->plain = price->plain && mpq_sgn(out->fee) == 0;
    }
    return true;
}

static bool
read_package(const Place *mapping, Price *price, Err *err)
{
    Place size = place_member(mapping, "package_size");
    Place cost = place_member(mapping, "package_price");
    if (!tiers_allocate(price, 1, err) ||
        !place_amount(&size, "a size", "package_size: 1000", price->package_size, err) ||
        !place_amount(&cost, "a price", "package_price: 5", price->tiers[0].unit_price, err) ||
        !read_optional(mapping, "free_units", price->free_units, NULL, err))
        return false;
    if (mpq_sgn(price->package_size) == 0)
        return place_fail(&size, err, "a package of 0 units holds nothing; write a size above 0");
    mpq_div(price->tiers[0].unit_price, price->tiers[0].unit_price, price->package_size);
    return true;
}

static bool
read_event_limits(const Place *mapping, Measure measure, Price *price, Err *err)
{
    if (!read_limit(mapping, "event_minimum", &price->event_minimum, err) ||
        !read_limit(mapping, "event_maximum", &price->event_maximum, err))
        return false;
    Place minimum = place_member(mapping, "event_minimum");
    Place maximum = place_member(mapping, "event_maximum");
    const Place *limit = place_exists(&minimum) ? &minimum : &maximum;
    if (place_exists(limit) && measure == MEASURE_AMOUNT)
        return place_fail(limit, err, "the measure amount knows no single events; remove it");
    if (price->event_minimum.given && price->event_maximum.given &&
        mpq_cmp(price->event_minimum.value, price->event_maximum.value) > 0)
        return place_fail(&maximum, err, "is below event_minimum; write at least that");
    return true;
}

static bool
read_percentage(const Place *mapping, Measure measure, Price *price, Err *err)
{
    Place rate = place_member(mapping, "rate_percent");
    if (!tiers_allocate(price, 1, err) ||
        !place_amount(&rate, "a rate", "rate_percent: 2.5", price->tiers[0].unit_price, err) ||
        !read_optional(mapping, "event_fee", price->event_fee, NULL, err) ||
        !read_limit(mapping, "free_events", &price->free_events, err) ||
        !read_limit(mapping, "free_amount", &price->free_amount, err))
        return false;
    mpq_t hundred;
    mpq_init(hundred);
    mpq_set_ui(hundred, 100, 1);
    mpq_div(price->tiers[0].unit_price, price->tiers[0].unit_price, hundred);
    mpq_clear(hundred);
    return read_event_limits(mapping, measure, price, err);
}

static bool
read_flat(const Place *mapping, Price *price, Err *err)
{
    Place fee = place_member(mapping, "fee");
    Place partial = place_member(mapping, "partial_month");
    int choice = 0;
    if (!tiers_allocate(price, 1, err) || !place_amount(&fee, "a fee", "fee: 5.00", price->tiers[0].unit_price, err) ||
        !place_choice(&partial, "rule for partial months", PARTIAL_MONTH_NAMES, PARTIAL_FULL, &choice, err))
        return false;
    price->partial_month = (PartialMonth) choice;
    return true;
}

/* Keys that other models know say what was meant: name the model they belong to. */
static bool
check_keys(const Place *mapping, PriceModel model, Err *err)
{
    Place unit_price = place_member(mapping, "unit_price");
    if (place_exists(&unit_price) && (IN_TIERS & 1u << model) != 0)
        return place_fail(&unit_price, err, "a %s price has its prices in tiers; move it there", MODEL_NAMES[model]);
    for (size_t i = 0; i < sizeof(MODEL_KEYS) / sizeof(MODEL_KEYS[0]); i++) {
        Place place = place_member(mapping, MODEL_KEYS[i].key);
        if (place_exists(&place) && (MODEL_KEYS[i].models & 1u << model) == 0)
            return place_fail(&place, err, "a %s price has no %s; %s", MODEL_NAMES[model], MODEL_KEYS[i].key,
                              MODEL_KEYS[i].remedy);
    }
    return true;
}

static bool
read_counted(const Place *mapping, Price *price, Err *err)
{
    Place counted = place_member(mapping, "counted_over");
    int choice = 0;
    int fallback = price->model == PRICE_FLAT ? COUNT_TENANT : COUNT_ACCOUNT_REGION;
    if (!place_choice(&counted, "counter", COUNTED_NAMES, fallback, &choice, err))
        return false;
    price->counted_over = (CountedOver) choice;
    return true;
}

static bool
read_item_limits(const Place *mapping, Price *price, Err *err)
{
    Place maximum = place_member(mapping, "maximum");
    Place at_zero = place_member(mapping, "at_zero");
    int choice = 0;
    if (!read_limit(mapping, "minimum", &price->minimum, err) ||
        !read_limit(mapping, "maximum", &price->maximum, err) ||
        !place_choice(&at_zero, "rule for zero", ZERO_NAMES, 0, &choice, err))
        return false;
    price->fee_at_zero = choice == 1;
    if (price->minimum.given && price->maximum.given && mpq_cmp(price->minimum.value, price->maximum.value) > 0)
        return place_fail(&maximum, err, "is below the minimum; write at least that");
    price->plain = price->plain && !price->minimum.given && !price->maximum.given;
    return true;
}

static bool
read_costs(const Place *mapping, Measure measure, int64_t per, Price *price, Err *err)
{
    switch (price->model) {
    case PRICE_GRADUATED:
    case PRICE_VOLUME:
        return read_tiers(mapping, per, price, err);
    case PRICE_PACKAGE:
        return read_package(mapping, price, err);
    case PRICE_PERCENTAGE:
        return read_percentage(mapping, measure, price, err);
    case PRICE_FLAT:
        return read_flat(mapping, price, err);
    case PRICE_PER_UNIT:
    case PRICE_MODEL_COUNT:
        break;
    }
    return tiers_allocate(price, 1, err) && read_unit_price(mapping, per, price->tiers[0].unit_price, err);
}

bool
book_read_model(const Place *place, Measure measure, Price *price, Err *err)
{
    Place model = place_member(place, "model");
    Place per_place = place_member(place, "per");
    int choice = 0;
    int64_t per = 1;
    if (!place_choice(&model, "price model", MODEL_NAMES, -1, &choice, err))
        return false;
    price->model = (PriceModel) choice;
    price->plain = price->model == PRICE_PER_UNIT || price->model == PRICE_GRADUATED;
    if ((price->model == PRICE_FLAT) != (measure == MEASURE_MONTH))
        return place_fail(&model, err, "%s; change one of them",
                          price->model == PRICE_FLAT ? "a flat price belongs to the measure month"
                                                     : "the measure month has flat prices only");
    return check_keys(place, price->model, err) && place_integer(&per_place, 1, 1000000000000, 1, &per, err) &&
           read_costs(place, measure, per, price, err) && read_counted(place, price, err) &&
           read_item_limits(place, price, err);
}
