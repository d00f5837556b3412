#include "rater/book_prices.h"

#include <stdlib.h>
#include <string.h>

enum { REGIONS_MAX = 256, PRICES_MAX = 4096 };

const char *const ARCHITECTURE_NAMES[] = {"x86_64", "arm64", NULL};
const char *const MODE_NAMES[] = {"on_demand", "provisioned", NULL};
const char *const PACKAGE_NAMES[] = {"managed", "custom", "image", NULL};
static const char *const MEASURE_NAMES[] = {"invocations", "gb_seconds", "ephemeral_gb_seconds", NULL};
static const char *const MODEL_NAMES[] = {"per_unit", "graduated", NULL};

const char *
measure_name(Measure measure)
{
    return MEASURE_NAMES[measure];
}

const char *
price_model_name(PriceModel model)
{
    return MODEL_NAMES[model];
}

static void *
book_allocate(size_t count, size_t bytes, Err *err)
{
    void *memory = calloc(count, bytes);
    if (memory == NULL)
        err_set(err, ERR_NOMEM, "no memory for a price book");
    return memory;
}

static bool
read_regions(const Place *place, Price *price, Err *err)
{
    size_t count = 0;
    if (!place_exists(place))
        return true;
    if (!place_sequence(place, REGIONS_MAX, "[us-east-1]", &count, err))
        return false;
    price->regions = book_allocate(count, sizeof(char *), err);
    if (price->regions == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(place, i);
        if (!place_text(&item, "us-east-1", &price->regions[i], err))
            return false;
        price->region_count++;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(price->regions[j], price->regions[i]) == 0)
                return place_fail(&item, err, "region '%s' stands twice; remove one", price->regions[i]);
        }
    }
    return true;
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
tiers_allocate(Price *price, size_t count, Err *err)
{
    price->tiers = book_allocate(count, sizeof(PriceTier), err);
    if (price->tiers == NULL)
        return false;
    price->tier_count = count;
    for (size_t i = 0; i < count; i++)
        mpq_inits(price->tiers[i].up_to, price->tiers[i].unit_price, NULL);
    return true;
}

static bool
read_tier_limit(const Place *tier, Price *price, size_t i, Err *err)
{
    Place limit = place_member(tier, "up_to");
    bool last = i + 1 == price->tier_count;
    price->tiers[i].open = last;
    if (last && place_exists(&limit))
        return place_fail(&limit, err,
                          "the last tier has no limit; remove up_to, or add a tier without it for what is above");
    if (last)
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
read_tiers(const Place *place, int64_t per, Price *price, Err *err)
{
    static const char *const KEYS[] = {"up_to", "unit_price", "source", NULL};
    size_t count = 0;
    if (!place_sequence(place, PRICE_TIERS_MAX, "tiers: [{up_to: 100, unit_price: 2}, {unit_price: 1}]", &count, err) ||
        !tiers_allocate(price, count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        Place tier = place_item(place, i);
        if (!place_keys(&tier, KEYS, err) || !read_tier_limit(&tier, price, i, err) ||
            !read_unit_price(&tier, per, price->tiers[i].unit_price, err))
            return false;
    }
    return true;
}

static bool
read_model(const Place *place, Price *price, Err *err)
{
    Place model = place_member(place, "model");
    Place tiers = place_member(place, "tiers");
    Place unit_price = place_member(place, "unit_price");
    Place per_place = place_member(place, "per");
    int choice = 0;
    int64_t per = 1;
    if (!place_choice(&model, "price model", MODEL_NAMES, -1, &choice, err) ||
        !place_integer(&per_place, 1, 1000000000000, 1, &per, err))
        return false;
    price->model = (PriceModel) choice;
    if (price->model == PRICE_GRADUATED) {
        if (place_exists(&unit_price))
            return place_fail(&unit_price, err, "a graduated price has its prices in tiers; move it there");
        return read_tiers(&tiers, per, price, err);
    }
    if (place_exists(&tiers))
        return place_fail(&tiers, err, "a per_unit price has no tiers; write 'model: graduated'");
    if (!tiers_allocate(price, 1, err))
        return false;
    price->tiers[0].open = true;
    return read_unit_price(place, per, price->tiers[0].unit_price, err);
}

static bool
regions_meet(const Price *a, const Price *b)
{
    if (a->region_count == 0 || b->region_count == 0)
        return true;
    for (size_t i = 0; i < a->region_count; i++) {
        for (size_t j = 0; j < b->region_count; j++) {
            if (strcmp(a->regions[i], b->regions[j]) == 0)
                return true;
        }
    }
    return false;
}

/* Two prices for the same usage would make the bill depend on their order. */
static bool
check_overlap(const Place *place, const Meter *meter, Err *err)
{
    const Price *added = &meter->prices[meter->price_count - 1];
    for (size_t i = 0; i + 1 < meter->price_count; i++) {
        const Price *other = &meter->prices[i];
        if ((other->architectures & added->architectures) != 0 && (other->modes & added->modes) != 0 &&
            regions_meet(other, added))
            return place_fail(place, err,
                              "prices the same usage as prices[%zu]; narrow regions, architectures or modes so "
                              "that one price matches",
                              i);
    }
    return true;
}

static bool
read_price(const Place *place, Meter *meter, Err *err)
{
    static const char *const KEYS[] = {"regions", "architectures", "modes",  "model", "per",
                                       "tiers",   "unit_price",    "source", NULL};
    Price *price = &meter->prices[meter->price_count++];
    Place regions = place_member(place, "regions");
    Place architectures = place_member(place, "architectures");
    Place modes = place_member(place, "modes");
    Place source = place_member(place, "source");
    return place_keys(place, KEYS, err) && read_regions(&regions, price, err) &&
           place_choices(&architectures, "architecture", ARCHITECTURE_NAMES, &price->architectures, err) &&
           place_choices(&modes, "mode", MODE_NAMES, &price->modes, err) &&
           place_optional_text(&source, &price->source, err) && read_model(place, price, err) &&
           check_overlap(place, meter, err);
}

static bool
read_prices(const Place *place, Meter *meter, Err *err)
{
    size_t count = 0;
    if (!place_sequence(place, PRICES_MAX, "prices: [{model: per_unit, unit_price: 0.20}]", &count, err))
        return false;
    meter->prices = book_allocate(count, sizeof(Price), err);
    if (meter->prices == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(place, i);
        if (!read_price(&item, meter, err))
            return false;
    }
    return true;
}

static bool
read_sku(const Place *place, const PriceBook *book, char **out, Err *err)
{
    if (!place_text(place, "sku: requests", out, err))
        return false;
    if (strspn(*out, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(*out) || strlen(*out) > 64)
        return place_fail(place, err, "'%s' is not a sku; write small letters, digits and _, at most 64", *out);
    for (size_t i = 0; i + 1 < book->meter_count; i++) {
        if (strcmp(book->meters[i].sku, *out) == 0)
            return place_fail(place, err, "sku '%s' stands twice; put all its prices under one meter", *out);
    }
    return true;
}

static bool
read_meter(const Place *place, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"sku", "description", "measure", "unit", "included_mb", "prices", NULL};
    Meter *meter = &book->meters[book->meter_count++];
    Place sku = place_member(place, "sku");
    Place description = place_member(place, "description");
    Place unit = place_member(place, "unit");
    Place measure = place_member(place, "measure");
    Place included = place_member(place, "included_mb");
    Place prices = place_member(place, "prices");
    int choice = 0;
    if (!place_keys(place, KEYS, err) || !read_sku(&sku, book, &meter->sku, err) ||
        !place_text(&description, "description: Requests", &meter->description, err) ||
        !place_text(&unit, "unit: GB-second", &meter->unit, err) ||
        !place_choice(&measure, "measure", MEASURE_NAMES, -1, &choice, err) ||
        !place_integer(&included, 0, USAGE_MEMORY_MB_MAX, 0, &meter->included_mb, err))
        return false;
    meter->measure = (Measure) choice;
    if (place_exists(&included) && meter->measure != MEASURE_EPHEMERAL_GB_SECONDS)
        return place_fail(&included, err, "belongs to the measure ephemeral_gb_seconds only; remove it");
    return read_prices(&prices, meter, err);
}

bool
book_read_meters(const Place *meters, PriceBook *book, Err *err)
{
    size_t count = 0;
    if (!place_sequence(meters, PRICE_BOOK_METERS_MAX, "meters: [{sku: requests, …}]", &count, err))
        return false;
    book->meters = book_allocate(count, sizeof(Meter), err);
    if (book->meters == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(meters, i);
        if (!read_meter(&item, book, err))
            return false;
    }
    return true;
}

static void
free_price(Price *price)
{
    for (size_t i = 0; i < price->region_count; i++)
        free(price->regions[i]);
    free(price->regions);
    for (size_t i = 0; i < price->tier_count; i++)
        mpq_clears(price->tiers[i].up_to, price->tiers[i].unit_price, NULL);
    free(price->tiers);
    free(price->source);
}

void
book_free_meters(PriceBook *book)
{
    for (size_t i = 0; i < book->meter_count; i++) {
        Meter *meter = &book->meters[i];
        for (size_t j = 0; j < meter->price_count; j++)
            free_price(&meter->prices[j]);
        free(meter->prices);
        free(meter->sku);
        free(meter->description);
        free(meter->unit);
    }
    free(book->meters);
}
