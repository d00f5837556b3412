#include "rater/book_json.h"

#include <stdlib.h>

#include "lib/utc.h"
#include "rater/document.h"

static bool
add_if(Json *object, const char *key, const mpq_t value, Err *err)
{
    return mpq_sgn(value) == 0 || document_add_exact(object, key, value, err);
}

static bool
add_limit(Json *object, const char *key, const Limit *limit, Err *err)
{
    return !limit->given || document_add_exact(object, key, limit->value, err);
}

static bool
add_names(Json *object, const char *key, char *const *names, size_t count, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL && json_add(object, key, array, err);
    for (size_t i = 0; done && i < count; i++)
        done = json_append(array, json_object_new_string(names[i]), err);
    return done;
}

static bool
add_bits(Json *object, const char *key, unsigned bits, int count, const char *(*name)(int), Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL && json_add(object, key, array, err);
    for (int i = 0; done && i < count; i++) {
        if ((bits & 1u << i) != 0)
            done = json_append(array, json_object_new_string(name(i)), err);
    }
    return done;
}

static bool
add_skus(Json *object, const char *key, const PriceBook *book, uint64_t meters, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL && json_add(object, key, array, err);
    for (size_t m = 0; done && m < book->meter_count; m++) {
        if ((meters & UINT64_C(1) << m) != 0)
            done = json_append(array, json_object_new_string(book->meters[m].sku), err);
    }
    return done;
}

static const char *
architecture_at(int i)
{
    return usage_architecture_name((UsageArchitecture) i);
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

/* ---- how an invocation counts ---- */

static bool
add_memory(Json *object, const MemoryRule *rule, Err *err)
{
    Json *memory = json_new_object(err);
    return memory != NULL && json_add(object, "memory", memory, err) &&
           json_add_text(memory, "basis", rule->observed ? "observed" : "configured", err) &&
           json_add_int(memory, "step_mb", rule->step_mb, err) &&
           json_add_int(memory, "minimum_mb", rule->minimum_mb, err) &&
           (rule->maximum_mb == INT64_MAX ? json_add_text(memory, "maximum_mb", NULL, err)
                                          : json_add_int(memory, "maximum_mb", rule->maximum_mb, err));
}

static bool
add_clock(Json *object, const PriceBook *book, Err *err)
{
    Json *clock = json_new_array(err);
    bool done = clock != NULL && json_add(object, "clock", clock, err);
    for (size_t i = 0; done && i < book->clock_count; i++) {
        Json *step = json_new_object(err);
        done = step != NULL && json_append(clock, step, err) &&
               (book->clock[i].up_to_mb == INT64_MAX ? json_add_text(step, "up_to_mb", NULL, err)
                                                     : json_add_int(step, "up_to_mb", book->clock[i].up_to_mb, err)) &&
               json_add_int(step, "mhz", book->clock[i].mhz, err);
    }
    return done;
}

static bool
add_initialization(Json *object, const PriceBook *book, Err *err)
{
    Json *rules = json_new_array(err);
    bool done = rules != NULL && json_add(object, "initialization", rules, err);
    for (size_t i = 0; done && i < book->init_rule_count; i++) {
        const InitRule *from = &book->init_rules[i];
        char since[UTC_TEXT_BYTES];
        Json *rule = json_new_object(err);
        done =
            rule != NULL && json_append(rules, rule, err) &&
            add_bits(rule, "packages", from->packages, USAGE_PACKAGE_COUNT, package_at, err) &&
            add_bits(rule, "modes", from->modes, USAGE_MODE_COUNT, mode_at, err) &&
            json_add_text(rule, "since", from->since_us == INT64_MIN ? NULL : utc_format(from->since_us, since), err);
    }
    return done;
}

/* ---- prices ---- */

static bool
add_tiers(Json *object, const Price *price, Err *err)
{
    Json *tiers = json_new_array(err);
    bool done = tiers != NULL && json_add(object, "tiers", tiers, err);
    for (size_t i = 0; done && i < price->tier_count; i++) {
        Json *tier = json_new_object(err);
        const PriceTier *from = &price->tiers[i];
        done = tier != NULL && json_append(tiers, tier, err) &&
               (from->open ? json_add_text(tier, "up_to", NULL, err)
                           : document_add_exact(tier, "up_to", from->up_to, err)) &&
               document_add_exact(tier, "unit_price", from->unit_price, err) && add_if(tier, "fee", from->fee, err);
    }
    return done;
}

/* What other models than per_unit and graduated say, and limits. */
static bool
add_extras(Json *object, const Price *price, Err *err)
{
    return add_if(object, "package_size", price->package_size, err) &&
           add_if(object, "free_units", price->free_units, err) && add_if(object, "event_fee", price->event_fee, err) &&
           add_limit(object, "free_events", &price->free_events, err) &&
           add_limit(object, "free_amount", &price->free_amount, err) &&
           add_limit(object, "event_minimum", &price->event_minimum, err) &&
           add_limit(object, "event_maximum", &price->event_maximum, err) &&
           add_limit(object, "minimum", &price->minimum, err) && add_limit(object, "maximum", &price->maximum, err) &&
           (!price->fee_at_zero || json_add_text(object, "at_zero", "fee", err)) &&
           (price->model != PRICE_FLAT ||
            json_add_text(object, "partial_month", partial_month_name(price->partial_month), err));
}

static bool
add_price(Json *prices, const Price *price, Err *err)
{
    Json *object = json_new_object(err);
    return object != NULL && json_append(prices, object, err) &&
           (price->name == NULL || json_add_text(object, "name", price->name, err)) &&
           add_names(object, "regions", price->regions, price->region_count, err) &&
           add_bits(object, "architectures", price->architectures, USAGE_ARCHITECTURE_COUNT, architecture_at, err) &&
           add_bits(object, "modes", price->modes, USAGE_MODE_COUNT, mode_at, err) &&
           (price->function_count == 0 ||
            add_names(object, "functions", price->functions, price->function_count, err)) &&
           json_add_text(object, "model", price_model_name(price->model), err) &&
           json_add_text(object, "counted_over", counted_over_name(price->counted_over), err) &&
           add_tiers(object, price, err) && add_extras(object, price, err) &&
           json_add_text(object, "source", price->source, err);
}

static bool
add_meter(Json *meters, const PriceBook *book, const Meter *meter, Err *err)
{
    bool bytes = meter->measure == MEASURE_STREAMED_GB || meter->measure == MEASURE_RESPONSE_GB;
    Json *entry = json_new_object(err);
    Json *prices = json_new_array(err);
    bool done = entry != NULL && json_append(meters, entry, err) && json_add_text(entry, "sku", meter->sku, err) &&
                json_add_text(entry, "description", meter->description, err) &&
                json_add_text(entry, "measure", measure_name(meter->measure), err) &&
                json_add_text(entry, "unit", meter->unit, err) &&
                (meter->measure != MEASURE_EPHEMERAL_GB_SECONDS ||
                 json_add_int(entry, "included_mb", meter->included_mb, err)) &&
                (!bytes || (json_add_int(entry, "included_bytes", meter->included_bytes, err) &&
                            json_add_int(entry, "gb_bytes", meter->gb_bytes, err))) &&
                (meter->of == 0 || add_skus(entry, "of", book, meter->of, err)) &&
                (!meter->omit_zero || json_add_text(entry, "when_zero", "omit", err));
    if (!done) {
        json_object_put(prices);
        return false;
    }
    done = prices != NULL && json_add(entry, "prices", prices, err);
    for (size_t i = 0; done && i < meter->price_count; i++)
        done = add_price(prices, &meter->prices[i], err);
    return done;
}

static bool
add_meters(Json *object, const PriceBook *book, Err *err)
{
    Json *meters = json_new_array(err);
    bool done = meters != NULL && json_add(object, "meters", meters, err);
    for (size_t m = 0; done && m < book->meter_count; m++)
        done = add_meter(meters, book, &book->meters[m], err);
    return done;
}

static bool
add_free_tiers(Json *object, const PriceBook *book, Err *err)
{
    Json *tiers = json_new_array(err);
    bool done = tiers != NULL && json_add(object, "free_tiers", tiers, err);
    for (size_t i = 0; done && i < book->free_tier_count; i++) {
        const FreeTier *tier = &book->free_tiers[i];
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(tiers, entry, err) && json_add_text(entry, "name", tier->name, err) &&
               document_add_exact(entry, "quantity", tier->quantity, err) &&
               add_skus(entry, "skus", book, tier->meters, err) &&
               add_bits(entry, "modes", tier->modes, USAGE_MODE_COUNT, mode_at, err) &&
               json_add_bool(entry, "whole_units", tier->whole_units, err) &&
               json_add_text(entry, "allocation", allocation_name(tier->allocation), err) &&
               json_add_text(entry, "partial_month", partial_month_name(tier->partial_month), err);
    }
    return done;
}

Json *
book_json_summary(const PriceBook *book, Err *err)
{
    Json *object = document_price_book(book, err);
    if (object != NULL && json_add_text(object, "title", book->title, err) &&
        json_add_text(object, "valid_from", book->valid_from, err) &&
        json_add_text(object, "currency", book->currency, err))
        return object;
    json_object_put(object);
    return NULL;
}

bool
book_json_print(const PriceBook *book, Err *err)
{
    Json *object = book_json_summary(book, err);
    char *rounding = document_rounding(book, err);
    bool done = object != NULL && rounding != NULL && json_add_text(object, "rounding", rounding, err) &&
                json_add_text(object, "default_region", book->default_region, err) &&
                json_add_int(object, "granularity_ms", book->granularity_ms, err) &&
                json_add_int(object, "minimum_ms", book->minimum_ms, err) && add_memory(object, &book->memory, err) &&
                add_clock(object, book, err) &&
                json_add_int(object, "capacity_granularity_s", book->capacity_granularity_s, err) &&
                add_initialization(object, book, err) && add_meters(object, book, err) &&
                add_free_tiers(object, book, err) && json_print(object, stdout, err);
    free(rounding);
    json_object_put(object);
    return done;
}
