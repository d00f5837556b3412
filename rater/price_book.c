#include "rater/price_book.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/share.h"
#include "lib/utc.h"
#include "lib/yaml.h"
#include "rater/book_prices.h"
#include "rater/book_reader.h"

enum { FREE_TIERS_MAX = 32, INIT_RULES_MAX = 32 };

static const char *const ROUNDING_NAMES[] = {"half_up", "half_even", "up", "down", NULL};
static const char *const PLACE_NAMES[] = {"line", NULL};
static const char *const ALLOCATION_NAMES[] = {"dearest_first", NULL};

const char *
rounding_mode_name(RoundingMode mode)
{
    return ROUNDING_NAMES[mode];
}

const char *
allocation_name(Allocation allocation)
{
    return ALLOCATION_NAMES[allocation];
}

static bool
read_identity(const Place *root, PriceBook *book, Err *err)
{
    Place name = place_member(root, "name");
    Place version = place_member(root, "version");
    Place title = place_member(root, "title");
    Place currency = place_member(root, "currency");
    Place region = place_member(root, "default_region");
    if (!place_text(&name, "name: my-book", &book->name, err))
        return false;
    if (strspn(book->name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(book->name) || strlen(book->name) > 64)
        return place_fail(&name, err, "'%s' is not a name; write small letters, digits, '.', '_' and '-', at most 64",
                          book->name);
    if (!place_text(&version, "version: \"2025-08-01\"", &book->version, err) ||
        !place_optional_text(&title, &book->title, err) ||
        !place_text(&currency, "currency: USD", &book->currency, err) ||
        !place_optional_text(&region, &book->default_region, err))
        return false;
    if (strlen(book->currency) != 3 || strspn(book->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
        return place_fail(&currency, err, "'%s' is not a currency; write its ISO 4217 code of three capitals, as USD",
                          book->currency);
    return true;
}

static bool
read_rounding(const Place *place, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"mode", "digits", "each", NULL};
    if (!place_exists(place))
        return place_fail(place, err, "is missing; add it, as 'rounding: {mode: half_up, each: line}'");
    Place mode = place_member(place, "mode");
    Place digits = place_member(place, "digits");
    Place each = place_member(place, "each");
    int mode_choice = 0;
    int each_choice = 0;
    int64_t scale = 0;
    if (!place_keys(place, KEYS, err) || !place_choice(&mode, "rounding", ROUNDING_NAMES, -1, &mode_choice, err) ||
        !place_choice(&each, "place of rounding", PLACE_NAMES, -1, &each_choice, err) ||
        !place_integer(&digits, 0, 12, currency_scale(book->currency), &scale, err))
        return false;
    book->rounding = (RoundingMode) mode_choice;
    book->rounding_place = (RoundingPlace) each_choice;
    book->rounding_scale = (int) scale;
    return true;
}

static bool
read_duration(const Place *place, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"granularity_ms", NULL};
    if (!place_exists(place))
        return place_fail(place, err, "is missing; add it, as 'duration: {granularity_ms: 1}'");
    Place granularity = place_member(place, "granularity_ms");
    if (!place_keys(place, KEYS, err))
        return false;
    if (!place_exists(&granularity))
        return place_fail(&granularity, err, "is missing; add it, as 'granularity_ms: 1'");
    if (!place_integer(&granularity, 1, 100, 1, &book->granularity_ms, err))
        return false;
    if (book->granularity_ms != 1 && book->granularity_ms != 100)
        return place_fail(&granularity, err, "rollups hold durations rounded up to 1 ms and to 100 ms; write 1 or 100");
    return true;
}

/* "2025-08-01" (the start of that day, UTC) or a full RFC 3339 time. */
static bool
read_since(const Place *place, int64_t *since_us, Err *err)
{
    *since_us = INT64_MIN;
    if (!place_exists(place))
        return true;
    char time[UTC_TEXT_BYTES + 16] = "";
    Text text = yaml_text(place->node);
    Err ignored = {0};
    if (text.length <= UTC_TEXT_BYTES) {
        memcpy(time, text.data, text.length);
        if (text.length == 10)
            memcpy(time + 10, "T00:00:00Z", sizeof("T00:00:00Z"));
    }
    if (!utc_parse(text_of(time), since_us, &ignored))
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
            !place_choices(&modes, "mode", MODE_NAMES, &rule->modes, err) || !read_since(&since, &rule->since_us, err))
            return false;
    }
    return true;
}

static bool
cover_sku(const Place *item, FreeTier *tier, PriceBook *book, Err *err)
{
    Text sku = yaml_text(item->node);
    size_t meter = 0;
    while (meter < book->meter_count && !text_is(sku, book->meters[meter].sku))
        meter++;
    if (meter == book->meter_count)
        return place_fail(item, err, "no meter has the sku '%.*s'; name one of the meters of this book", TEXT_ARG(sku));
    for (size_t i = 0; i < book->free_tier_count; i++) {
        if ((book->free_tiers[i].meters & UINT64_C(1) << meter) != 0)
            return place_fail(item, err, "'%s' is covered twice; a meter takes from one free tier",
                              book->meters[meter].sku);
    }
    for (size_t i = 0; i < book->meter_count; i++) {
        if ((tier->meters & UINT64_C(1) << i) != 0 && strcmp(book->meters[i].unit, book->meters[meter].unit) != 0)
            return place_fail(item, err, "has the unit '%s', the others '%s'; a free tier counts one unit",
                              book->meters[meter].unit, book->meters[i].unit);
    }
    tier->meters |= UINT64_C(1) << meter;
    return true;
}

static bool
read_whole_units(const Place *place, FreeTier *tier, Err *err)
{
    static const char *const NAMES[] = {"false", "true", NULL};
    int whole = 0;
    if (!place_choice(place, "value", NAMES, 0, &whole, err))
        return false;
    tier->whole_units = whole == 1;
    if (tier->whole_units && mpz_cmp_ui(mpq_denref(tier->quantity), 1) != 0)
        return place_fail(place, err, "the quantity is not whole; round it or remove whole_units");
    return true;
}

static bool
read_free_tier(const Place *item, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"name",        "quantity",   "skus",   "modes",
                                       "whole_units", "allocation", "source", NULL};
    FreeTier *tier = &book->free_tiers[book->free_tier_count++];
    mpq_init(tier->quantity);
    Place name = place_member(item, "name");
    Place quantity = place_member(item, "quantity");
    Place skus = place_member(item, "skus");
    Place modes = place_member(item, "modes");
    Place whole = place_member(item, "whole_units");
    Place allocation = place_member(item, "allocation");
    size_t count = 0;
    int choice = 0;
    if (!place_keys(item, KEYS, err) || !place_text(&name, "name: requests", &tier->name, err) ||
        !place_amount(&quantity, "an allowance", "quantity: 1000000", tier->quantity, err) ||
        !place_sequence(&skus, PRICE_BOOK_METERS_MAX, "skus: [requests]", &count, err) ||
        !place_choices(&modes, "mode", MODE_NAMES, &tier->modes, err) || !read_whole_units(&whole, tier, err) ||
        !place_choice(&allocation, "allocation rule", ALLOCATION_NAMES, -1, &choice, err))
        return false;
    tier->allocation = (Allocation) choice;
    for (size_t i = 0; i < count; i++) {
        Place sku = place_item(&skus, i);
        if (!cover_sku(&sku, tier, book, err))
            return false;
    }
    return true;
}

static bool
read_free_tiers(const Place *list, PriceBook *book, Err *err)
{
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, FREE_TIERS_MAX, "free_tiers: [{name: requests, …}]", &count, err))
        return false;
    book->free_tiers = calloc(count, sizeof(FreeTier));
    if (book->free_tiers == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a price book");
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(list, i);
        if (!read_free_tier(&item, book, err))
            return false;
    }
    return true;
}

static bool
read_book(const Yaml *yaml, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"name",           "version", "title",      "currency",
                                       "default_region", "sources", "rounding",   "duration",
                                       "initialization", "meters",  "free_tiers", NULL};
    Place root = place_root(yaml_root(yaml));
    Place rounding = place_member(&root, "rounding");
    Place duration = place_member(&root, "duration");
    Place initialization = place_member(&root, "initialization");
    Place meters = place_member(&root, "meters");
    Place free_tiers = place_member(&root, "free_tiers");
    return place_keys(&root, KEYS, err) && read_identity(&root, book, err) && read_rounding(&rounding, book, err) &&
           read_duration(&duration, book, err) && read_init_rules(&initialization, book, err) &&
           book_read_meters(&meters, book, err) && read_free_tiers(&free_tiers, book, err);
}

static PriceBook *
book_of(Yaml *yaml, Err *err)
{
    PriceBook *book = calloc(1, sizeof(*book));
    Text source = yaml_source(yaml);
    if (book == NULL || (book->source = text_duplicate(source)) == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a price book");
        free(book);
        return NULL;
    }
    book->source_length = source.length;
    book->digest = digest_of(source.data, source.length);
    if (!read_book(yaml, book, err))
        price_book_free(&book);
    return book;
}

PriceBook *
price_book_open(const char *path, Err *err)
{
    Yaml *yaml = yaml_open(path, err);
    if (yaml == NULL)
        return NULL;
    PriceBook *book = book_of(yaml, err);
    yaml_close(&yaml);
    return book;
}

PriceBook *
price_book_parse(Text text, const char *file, Err *err)
{
    Yaml *yaml = yaml_parse(text, file, err);
    if (yaml == NULL)
        return NULL;
    PriceBook *book = book_of(yaml, err);
    yaml_close(&yaml);
    return book;
}

PriceBook *
price_book_find(const char *name_or_path, Err *err)
{
    char path[PATH_MAX];
    if (strcmp(name_or_path, "-") == 0)
        return price_book_open("-", err);
    if (!share_resolve("rater/books", name_or_path, path, err))
        return NULL;
    return price_book_open(path, err);
}

void
price_book_free(PriceBook **self)
{
    PriceBook *book = *self;
    if (book == NULL)
        return;
    book_free_meters(book);
    for (size_t i = 0; i < book->free_tier_count; i++) {
        mpq_clear(book->free_tiers[i].quantity);
        free(book->free_tiers[i].name);
    }
    free(book->free_tiers);
    free(book->init_rules);
    free(book->name);
    free(book->version);
    free(book->title);
    free(book->currency);
    free(book->default_region);
    free(book->source);
    free(book);
    *self = NULL;
}

static bool
price_covers(const Price *price, const char *region, UsageArchitecture architecture, UsageMode mode)
{
    if ((price->architectures & 1u << architecture) == 0 || (price->modes & 1u << mode) == 0)
        return false;
    for (size_t i = 0; i < price->region_count; i++) {
        if (strcmp(price->regions[i], region) == 0)
            return true;
    }
    return price->region_count == 0;
}

const Price *
price_book_price(const Meter *meter, const char *region, UsageArchitecture architecture, UsageMode mode)
{
    for (size_t i = 0; i < meter->price_count; i++) {
        if (price_covers(&meter->prices[i], region, architecture, mode))
            return &meter->prices[i];
    }
    return NULL;
}

bool
price_book_bills_init(const PriceBook *book, UsagePackage package, UsageMode mode, int64_t month_start_us)
{
    for (size_t i = 0; i < book->init_rule_count; i++) {
        const InitRule *rule = &book->init_rules[i];
        if ((rule->packages & 1u << package) != 0 && (rule->modes & 1u << mode) != 0 &&
            rule->since_us <= month_start_us)
            return true;
    }
    return false;
}
