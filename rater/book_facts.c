#include "rater/book_facts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "rater/document.h"

/* Where facts go, and what they are about for now. */
typedef struct Teller {
    BookFacts *facts;
    const char *what;
    const char *region;
    Err *err;
} Teller;

int
book_fact_compare(const BookFact *a, const BookFact *b)
{
    int order = strcmp(a->what, b->what);
    if (order == 0)
        order = strcmp(a->field, b->field);
    return order != 0 ? order : strcmp(a->region, b->region);
}

static int
compare(const void *left, const void *right)
{
    return book_fact_compare(left, right);
}

/* Add a fact; `value` is taken. */
static bool
tell(Teller *self, const char *field, char *value)
{
    BookFacts *facts = self->facts;
    if (value == NULL || !array_grow(&facts->all, &facts->capacity, facts->count, sizeof(*facts->all), self->err)) {
        free(value);
        return err_set(self->err, ERR_NOMEM, "no memory to compare price books");
    }
    BookFact *fact = &facts->all[facts->count++];
    *fact = (BookFact){strdup(self->what), strdup(self->region), strdup(field), value};
    return (fact->what != NULL && fact->region != NULL && fact->field != NULL) ||
           err_set(self->err, ERR_NOMEM, "no memory to compare price books");
}

static bool tell_printf(Teller *self, const char *field, const char *format, ...) PRINTF_LIKE(3, 4);

static bool
tell_printf(Teller *self, const char *field, const char *format, ...)
{
    char *value = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&value, format, arguments) < 0)
        value = NULL;
    va_end(arguments);
    return tell(self, field, value);
}

static bool
tell_text(Teller *self, const char *field, const char *value)
{
    return value == NULL || tell(self, field, strdup(value));
}

static bool
tell_int(Teller *self, const char *field, int64_t value)
{
    return tell_printf(self, field, "%" PRId64, value);
}

static bool
tell_number(Teller *self, const char *field, const mpq_t value)
{
    return tell(self, field, decimal_format_exact(value, self->err));
}

static bool
tell_if(Teller *self, const char *field, const mpq_t value)
{
    return mpq_sgn(value) == 0 || tell_number(self, field, value);
}

static bool
tell_limit(Teller *self, const char *field, const Limit *limit)
{
    return !limit->given || tell_number(self, field, limit->value);
}

/* The names of the bits that are set, "all" for every one. */
static bool
tell_bits(Teller *self, const char *field, unsigned bits, int count, const char *(*name)(int) )
{
    Buffer text = {0};
    bool done = bits != (1u << count) - 1u || buffer_append_text(&text, "all", self->err);
    for (int i = 0; done && bits != (1u << count) - 1u && i < count; i++) {
        if ((bits & 1u << i) != 0)
            done = buffer_printf(&text, self->err, "%s%s", text.length == 0 ? "" : ", ", name(i));
    }
    if (!done)
        buffer_free(&text);
    return tell(self, field, text.data);
}

static const char *
mode_at(int i)
{
    return usage_mode_name((UsageMode) i);
}

static const char *
package_at(int i)
{
    return usage_package_name((UsagePackage) i);
}

static bool
tell_meters(Teller *self, const char *field, const PriceBook *book, uint64_t meters)
{
    Buffer text = {0};
    bool done = true;
    for (size_t m = 0; done && m < book->meter_count; m++) {
        if ((meters & UINT64_C(1) << m) != 0)
            done = buffer_printf(&text, self->err, "%s%s", text.length == 0 ? "" : ", ", book->meters[m].sku);
    }
    if (!done)
        buffer_free(&text);
    return tell(self, field, text.data);
}

/* ---- the book ---- */

static bool
tell_basis(Teller *self, const PriceBook *book)
{
    const MemoryRule *memory = &book->memory;
    bool done = tell_int(self, "duration.granularity_ms", book->granularity_ms) &&
                tell_int(self, "duration.minimum_ms", book->minimum_ms) &&
                tell_text(self, "memory.basis", memory->observed ? "observed" : "configured") &&
                tell_int(self, "memory.step_mb", memory->step_mb) &&
                tell_int(self, "memory.minimum_mb", memory->minimum_mb) &&
                (memory->maximum_mb == INT64_MAX || tell_int(self, "memory.maximum_mb", memory->maximum_mb)) &&
                tell_int(self, "capacity.granularity_s", book->capacity_granularity_s);
    for (size_t i = 0; done && i < book->clock_count; i++) {
        char field[64];
        if (book->clock[i].up_to_mb == INT64_MAX)
            snprintf(field, sizeof(field), "clock above");
        else
            snprintf(field, sizeof(field), "clock up to %" PRId64 " MB", book->clock[i].up_to_mb);
        done = tell_printf(self, field, "%" PRId64 " MHz", book->clock[i].mhz);
    }
    return done;
}

static bool
tell_init_rules(Teller *self, const PriceBook *book)
{
    bool done = true;
    for (size_t i = 0; done && i < book->init_rule_count; i++) {
        const InitRule *rule = &book->init_rules[i];
        char what[48];
        char since[UTC_TEXT_BYTES];
        snprintf(what, sizeof(what), "initialization %zu", i + 1);
        self->what = what;
        done = tell_bits(self, "packages", rule->packages, USAGE_PACKAGE_COUNT, package_at) &&
               tell_bits(self, "modes", rule->modes, USAGE_MODE_COUNT, mode_at) &&
               tell_text(self, "since", rule->since_us == INT64_MIN ? "always" : utc_format(rule->since_us, since));
        self->what = "";
    }
    return done;
}

static bool
tell_free_tiers(Teller *self, const PriceBook *book)
{
    bool done = true;
    for (size_t i = 0; done && i < book->free_tier_count; i++) {
        const FreeTier *tier = &book->free_tiers[i];
        Buffer what = {0};
        done = buffer_printf(&what, self->err, "free tier %s", tier->name);
        self->what = what.data;
        done = done && tell_number(self, "quantity", tier->quantity) && tell_meters(self, "skus", book, tier->meters) &&
               tell_bits(self, "modes", tier->modes, USAGE_MODE_COUNT, mode_at) &&
               tell_text(self, "whole_units", tier->whole_units ? "true" : "false") &&
               tell_text(self, "allocation", allocation_name(tier->allocation)) &&
               tell_text(self, "partial_month", partial_month_name(tier->partial_month));
        self->what = "";
        buffer_free(&what);
    }
    return done;
}

/* ---- prices ---- */

static bool
tell_tiers(Teller *self, const Price *price)
{
    bool done = true;
    for (size_t t = 0; done && t < price->tier_count; t++) {
        const PriceTier *tier = &price->tiers[t];
        char field[64];
        snprintf(field, sizeof(field), "tier %zu up_to", t + 1);
        done = tier->open ? tell_text(self, field, "no limit") : tell_number(self, field, tier->up_to);
        snprintf(field, sizeof(field), "tier %zu unit_price", t + 1);
        done = done && tell_number(self, field, tier->unit_price);
        snprintf(field, sizeof(field), "tier %zu fee", t + 1);
        done = done && tell_if(self, field, tier->fee);
    }
    return done;
}

static bool
tell_costs(Teller *self, const Price *price)
{
    const mpq_srcptr unit_price = price->tiers[0].unit_price;
    if (price->tier_count > 1 || price->model == PRICE_GRADUATED || price->model == PRICE_VOLUME)
        return tell_tiers(self, price);
    return tell_number(self, price->model == PRICE_FLAT ? "fee" : "unit_price", unit_price);
}

static bool
tell_price(Teller *self, const Price *price)
{
    Buffer functions = {0};
    bool done = true;
    for (size_t i = 0; done && i < price->function_count; i++)
        done = buffer_printf(&functions, self->err, "%s%s", i == 0 ? "" : ", ", price->functions[i]);
    done = done && tell_text(self, "functions", functions.data) &&
           tell_text(self, "model", price_model_name(price->model)) &&
           tell_text(self, "counted_over", counted_over_name(price->counted_over)) && tell_costs(self, price) &&
           tell_if(self, "package_size", price->package_size) && tell_if(self, "free_units", price->free_units) &&
           tell_if(self, "event_fee", price->event_fee) && tell_limit(self, "free_events", &price->free_events) &&
           tell_limit(self, "free_amount", &price->free_amount) &&
           tell_limit(self, "event_minimum", &price->event_minimum) &&
           tell_limit(self, "event_maximum", &price->event_maximum) && tell_limit(self, "minimum", &price->minimum) &&
           tell_limit(self, "maximum", &price->maximum) && (!price->fee_at_zero || tell_text(self, "at_zero", "fee")) &&
           (price->model != PRICE_FLAT || tell_text(self, "partial_month", partial_month_name(price->partial_month)));
    buffer_free(&functions);
    return done;
}

/* The same price for each region, architecture and mode that it is for. */
static bool
tell_places(Teller *self, const Meter *meter, const Price *price)
{
    bool done = true;
    for (int i = 0; done && i < USAGE_ARCHITECTURE_COUNT * USAGE_MODE_COUNT; i++) {
        UsageArchitecture architecture = (UsageArchitecture) (i / USAGE_MODE_COUNT);
        UsageMode mode = (UsageMode) (i % USAGE_MODE_COUNT);
        Buffer what = {0};
        if ((price->architectures & 1u << architecture) == 0 || (price->modes & 1u << mode) == 0)
            continue;
        done = buffer_printf(&what, self->err, "%s %s %s%s%s", meter->sku, usage_architecture_name(architecture),
                             usage_mode_name(mode), price->name == NULL ? "" : " ",
                             price->name == NULL ? "" : price->name);
        self->what = what.data;
        for (size_t r = 0; done && (r < price->region_count || r == 0); r++) {
            self->region = price->region_count == 0 ? "" : price->regions[r];
            done = tell_price(self, price);
        }
        self->region = "";
        self->what = "";
        buffer_free(&what);
    }
    return done;
}

static bool
tell_meter(Teller *self, const PriceBook *book, const Meter *meter)
{
    bool bytes = meter->measure == MEASURE_STREAMED_GB || meter->measure == MEASURE_RESPONSE_GB;
    self->what = meter->sku;
    bool done = tell_text(self, "measure", measure_name(meter->measure)) && tell_text(self, "unit", meter->unit) &&
                tell_text(self, "when_zero", meter->omit_zero ? "omit" : "line") &&
                (meter->measure != MEASURE_EPHEMERAL_GB_SECONDS || tell_int(self, "included_mb", meter->included_mb)) &&
                (!bytes || (tell_int(self, "included_bytes", meter->included_bytes) &&
                            tell_int(self, "gb_bytes", meter->gb_bytes))) &&
                (meter->of == 0 || tell_meters(self, "of", book, meter->of));
    for (size_t i = 0; done && i < meter->price_count; i++)
        done = tell_places(self, meter, &meter->prices[i]);
    return done;
}

bool
book_facts(const PriceBook *book, BookFacts *out, Err *err)
{
    Teller teller = {.facts = out, .what = "book", .region = "", .err = err};
    char *rounding = document_rounding(book, err);
    bool done = rounding != NULL && tell_text(&teller, "rounding", rounding) &&
                tell_text(&teller, "currency", book->currency) &&
                tell_text(&teller, "default_region", book->default_region) &&
                tell_text(&teller, "valid_from", book->valid_from) && tell_basis(&teller, book) &&
                tell_init_rules(&teller, book) && tell_free_tiers(&teller, book);
    free(rounding);
    for (size_t m = 0; done && m < book->meter_count; m++)
        done = tell_meter(&teller, book, &book->meters[m]);
    if (done && out->count > 1)
        qsort(out->all, out->count, sizeof(*out->all), compare);
    return done;
}

void
book_facts_free(BookFacts *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->all[i].what);
        free(self->all[i].region);
        free(self->all[i].field);
        free(self->all[i].value);
    }
    free(self->all);
    *self = (BookFacts){0};
}
