#include "rater/price_book.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/share.h"
#include "lib/utc.h"
#include "lib/yaml.h"
#include "rater/book_basis.h"
#include "rater/book_binding.h"
#include "rater/book_free_tiers.h"
#include "rater/book_prices.h"
#include "rater/book_reader.h"

static const char *const ROUNDING_NAMES[] = {"half_up", "half_even", "up", "down", NULL};
static const char *const PLACE_NAMES[] = {"line", "invoice", NULL};

const char *
rounding_mode_name(RoundingMode mode)
{
    return ROUNDING_NAMES[mode];
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
read_valid_from(const Place *root, PriceBook *book, Err *err)
{
    Place valid_from = place_member(root, "valid_from");
    int64_t time_us = 0;
    return book_read_date(&valid_from, &time_us, err) && place_optional_text(&valid_from, &book->valid_from, err);
}

static bool
read_book(const Yaml *yaml, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"name",           "version",  "title",      "valid_from", "currency", "sources",
                                       "default_region", "rounding", "duration",   "memory",     "clock",    "capacity",
                                       "initialization", "meters",   "free_tiers", NULL};
    Place root = place_root(yaml_root(yaml));
    if (yaml_get(yaml_root(yaml), "parts") != NULL)
        return book_read_parts(&root, book, err);
    Place rounding = place_member(&root, "rounding");
    Place meters = place_member(&root, "meters");
    Place free_tiers = place_member(&root, "free_tiers");
    return place_keys(&root, KEYS, err) && read_identity(&root, book, err) && read_valid_from(&root, book, err) &&
           read_rounding(&rounding, book, err) && book_read_basis(&root, book, err) &&
           book_read_meters(&meters, book, err) && book_read_free_tiers(&free_tiers, book, err);
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
    book_free_parts(book);
    book_free_meters(book);
    book_free_free_tiers(book);
    free(book->clock);
    free(book->init_rules);
    free(book->name);
    free(book->version);
    free(book->title);
    free(book->currency);
    free(book->default_region);
    free(book->valid_from);
    free(book->source);
    free(book);
    *self = NULL;
}

bool
price_fits(const Price *price, const char *region, UsageArchitecture architecture, UsageMode mode)
{
    if ((price->architectures & 1u << architecture) == 0 || (price->modes & 1u << mode) == 0)
        return false;
    for (size_t i = 0; i < price->region_count; i++) {
        if (strcmp(price->regions[i], region) == 0)
            return true;
    }
    return price->region_count == 0;
}

/* '*' stands for any characters: after a mismatch the last star takes one more, so that the work is bounded by
 * pattern x name. */
static bool
pattern_fits(const char *pattern, const char *name)
{
    const char *star = NULL;
    const char *resume = name;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool
price_fits_function(const Price *price, const char *function)
{
    for (size_t i = 0; i < price->function_count; i++) {
        if (pattern_fits(price->functions[i], function))
            return true;
    }
    return price->function_count == 0;
}

const Price *
price_book_price(const Meter *meter, const char *region, UsageArchitecture architecture, UsageMode mode)
{
    for (size_t i = 0; i < meter->price_count; i++) {
        const Price *price = &meter->prices[i];
        if (price->function_count == 0 && price_fits(price, region, architecture, mode))
            return price;
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
