#include "rater/book_prices.h"

#include <stdlib.h>
#include <string.h>

#include "rater/book_models.h"

enum { REGIONS_MAX = 256, FUNCTIONS_MAX = 256, PRICES_MAX = 4096 };
#define BYTES_MAX INT64_C(1000000000000000)
#define GB_BYTES INT64_C(1073741824)

const char *const ARCHITECTURE_NAMES[] = {"x86_64", "arm64", NULL};
const char *const MODE_NAMES[] = {"on_demand", "provisioned", NULL};
const char *const PACKAGE_NAMES[] = {"managed", "custom", "image", NULL};
static const char *const MEASURE_NAMES[] = {
    "invocations", "gb_seconds",  "ephemeral_gb_seconds", "ghz_seconds", "seconds", "cpu_ms",
    "streamed_gb", "response_gb", "capacity_gb_seconds",  "amount",      "month",   NULL};

const char *
measure_name(Measure measure)
{
    return MEASURE_NAMES[measure];
}

static void *
book_allocate(size_t count, size_t bytes, Err *err)
{
    void *memory = calloc(count, bytes);
    if (memory == NULL)
        err_set(err, ERR_NOMEM, "no memory for a price book");
    return memory;
}

/* A list of names, each once; absent: none, which stands for all. */
static bool
read_names(const Place *place, const char *what, const char *example, size_t most, char ***names, size_t *count,
           Err *err)
{
    size_t items = 0;
    if (!place_exists(place))
        return true;
    if (!place_sequence(place, most, example, &items, err))
        return false;
    *names = book_allocate(items, sizeof(char *), err);
    if (*names == NULL)
        return false;
    for (size_t i = 0; i < items; i++) {
        Place item = place_item(place, i);
        if (!place_text(&item, example, &(*names)[i], err))
            return false;
        (*count)++;
        for (size_t j = 0; j < i; j++) {
            if (strcmp((*names)[j], (*names)[i]) == 0)
                return place_fail(&item, err, "%s '%s' stands twice; remove one", what, (*names)[i]);
        }
    }
    return true;
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

/* Two prices for the same usage would make the bill depend on their order. Prices for functions may meet: of them the
 * first that fits is meant. */
static bool
check_overlap(const Place *place, const Meter *meter, Err *err)
{
    const Price *added = &meter->prices[meter->price_count - 1];
    for (size_t i = 0; i + 1 < meter->price_count && added->function_count == 0; i++) {
        const Price *other = &meter->prices[i];
        if (other->function_count == 0 && (other->architectures & added->architectures) != 0 &&
            (other->modes & added->modes) != 0 && regions_meet(other, added))
            return place_fail(place, err,
                              "prices the same usage as prices[%zu]; narrow regions, architectures or modes so "
                              "that one price matches",
                              i);
    }
    return true;
}

static bool
read_price_name(const Place *place, const Meter *meter, Price *price, Err *err)
{
    if (!place_exists(place) && price->function_count > 0)
        return place_fail(place, err, "is missing; a price for some functions has one, as 'name: batch'");
    if (!place_optional_text(place, &price->name, err))
        return false;
    if (price->name == NULL)
        return true;
    if (strspn(price->name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(price->name) ||
        strlen(price->name) > 64)
        return place_fail(place, err, "'%s' is not a name; write small letters, digits, '.', '_' and '-', at most 64",
                          price->name);
    for (size_t i = 0; i + 1 < meter->price_count; i++) {
        if (meter->prices[i].name != NULL && strcmp(meter->prices[i].name, price->name) == 0)
            return place_fail(place, err, "'%s' stands twice; a price's name is its own within the meter", price->name);
    }
    return true;
}

static bool
read_functions(const Place *place, const Meter *meter, Price *price, Err *err)
{
    if (place_exists(place) && meter->measure == MEASURE_AMOUNT)
        return place_fail(place, err, "the measure amount has one price for all functions; remove it");
    return read_names(place, "pattern", "[\"batch-*\"]", FUNCTIONS_MAX, &price->functions, &price->function_count, err);
}

static bool
read_price(const Place *place, Meter *meter, Err *err)
{
    static const char *const KEYS[] = {"name",      "regions",       "architectures", "modes",
                                       "functions", BOOK_MODEL_KEYS, "source",        NULL};
    Price *price = &meter->prices[meter->price_count++];
    book_price_init(price);
    Place name = place_member(place, "name");
    Place regions = place_member(place, "regions");
    Place architectures = place_member(place, "architectures");
    Place modes = place_member(place, "modes");
    Place functions = place_member(place, "functions");
    Place source = place_member(place, "source");
    return place_keys(place, KEYS, err) &&
           read_names(&regions, "region", "[us-east-1]", REGIONS_MAX, &price->regions, &price->region_count, err) &&
           place_choices(&architectures, "architecture", ARCHITECTURE_NAMES, &price->architectures, err) &&
           place_choices(&modes, "mode", MODE_NAMES, &price->modes, err) &&
           read_functions(&functions, meter, price, err) && read_price_name(&name, meter, price, err) &&
           place_optional_text(&source, &price->source, err) && book_read_model(place, meter->measure, price, err) &&
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
read_of(const Place *list, PriceBook *book, Meter *meter, Err *err)
{
    size_t count = 0;
    if (meter->measure != MEASURE_AMOUNT)
        return !place_exists(list) || place_fail(list, err, "belongs to the measure amount only; remove it");
    if (!place_sequence(list, PRICE_BOOK_METERS_MAX, "of: [requests]", &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(list, i);
        Text sku = yaml_text(item.node);
        size_t m = 0;
        while (m + 1 < book->meter_count && !text_is(sku, book->meters[m].sku))
            m++;
        if (m + 1 == book->meter_count)
            return place_fail(&item, err, "no meter before this one has the sku '%.*s'; name one, or move it up",
                              TEXT_ARG(sku));
        if ((meter->of & UINT64_C(1) << m) != 0)
            return place_fail(&item, err, "'%s' stands twice; remove one", book->meters[m].sku);
        meter->of |= UINT64_C(1) << m;
    }
    return true;
}

/* What belongs to some measures only. */
static bool
read_measure_keys(const Place *place, PriceBook *book, Meter *meter, Err *err)
{
    Place included = place_member(place, "included_mb");
    Place bytes = place_member(place, "included_bytes");
    Place gb = place_member(place, "gb_bytes");
    Place of = place_member(place, "of");
    bool counts_bytes = meter->measure == MEASURE_STREAMED_GB || meter->measure == MEASURE_RESPONSE_GB;
    if (!place_integer(&included, 0, USAGE_MEMORY_MB_MAX, 0, &meter->included_mb, err) ||
        !place_integer(&bytes, 0, BYTES_MAX, 0, &meter->included_bytes, err) ||
        !place_integer(&gb, 1, BYTES_MAX, GB_BYTES, &meter->gb_bytes, err))
        return false;
    if (place_exists(&included) && meter->measure != MEASURE_EPHEMERAL_GB_SECONDS)
        return place_fail(&included, err, "belongs to the measure ephemeral_gb_seconds only; remove it");
    const Place *misplaced = place_exists(&bytes) ? &bytes : &gb;
    if (place_exists(misplaced) && !counts_bytes)
        return place_fail(misplaced, err, "belongs to the measures streamed_gb and response_gb only; remove it");
    return read_of(&of, book, meter, err);
}

static bool
read_meter(const Place *place, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"sku",         "description",    "measure",  "unit",
                                       "included_mb", "included_bytes", "gb_bytes", "of",
                                       "when_zero",   "prices",         NULL};
    static const char *const ZERO_NAMES[] = {"line", "omit", NULL};
    Meter *meter = &book->meters[book->meter_count++];
    Place sku = place_member(place, "sku");
    Place description = place_member(place, "description");
    Place unit = place_member(place, "unit");
    Place measure = place_member(place, "measure");
    Place zero = place_member(place, "when_zero");
    Place prices = place_member(place, "prices");
    int choice = 0;
    int omit = 0;
    if (!place_keys(place, KEYS, err) || !read_sku(&sku, book, &meter->sku, err) ||
        !place_text(&description, "description: Requests", &meter->description, err) ||
        !place_text(&unit, "unit: GB-second", &meter->unit, err) ||
        !place_choice(&measure, "measure", MEASURE_NAMES, -1, &choice, err) ||
        !place_choice(&zero, "rule for zero", ZERO_NAMES, 0, &omit, err))
        return false;
    meter->measure = (Measure) choice;
    meter->omit_zero = omit == 1;
    if (meter->measure == MEASURE_GHZ_SECONDS && book->clock_count == 0)
        return place_fail(&measure, err,
                          "needs the book's clock; add it, as 'clock: [{up_to_mb: 128, mhz: 200}, {mhz: 400}]'");
    return read_measure_keys(place, book, meter, err) && read_prices(&prices, meter, err);
}

/* Rows from segments carry a sum for the functions' GB-seconds, for each meter, and three for each price that limits
 * single events. */
static void
place_tallies(PriceBook *book)
{
    book->tally_count = 1 + book->meter_count;
    for (size_t m = 0; m < book->meter_count; m++) {
        for (size_t i = 0; i < book->meters[m].price_count; i++) {
            Price *price = &book->meters[m].prices[i];
            if (!price->event_minimum.given && !price->event_maximum.given)
                continue;
            price->event_tally = book->tally_count;
            book->tally_count += 3;
        }
    }
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
    place_tallies(book);
    return true;
}

static void
free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static void
free_price(Price *price)
{
    free_names(price->regions, price->region_count);
    free_names(price->functions, price->function_count);
    book_price_clear(price);
    free(price->name);
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
