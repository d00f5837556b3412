#include "rater/explain_formula.h"

#include <string.h>

#include "lib/decimal.h"
#include "rater/document.h"
#include "rater/formula.h"
#include "rater/meter.h"
#include "rater/tally.h"

const Price *
explain_price(const Meter *meter, const char *region, UsageArchitecture architecture, UsageMode mode,
              const char *function)
{
    for (size_t i = 0; i < meter->price_count; i++) {
        const Price *price = &meter->prices[i];
        if (price->function_count > 0 && price_fits(price, region, architecture, mode) &&
            price_fits_function(price, function))
            return price;
    }
    return price_book_price(meter, region, architecture, mode);
}

const char *
explain_region(const PriceBook *book, const char *region)
{
    return region[0] != '\0' || book->default_region == NULL ? region : book->default_region;
}

bool
explain_is_at(const PriceBook *book, const RatedLine *line, const char *region, UsageArchitecture architecture,
              UsageMode mode, const char *function)
{
    return strcmp(explain_region(book, region), line->region) == 0 && architecture == line->architecture &&
           mode == line->mode && explain_price(line->meter, line->region, architecture, mode, function) == line->price;
}

/** The sum that the meter multiplies, by the name of its rollup column. */
static bool
column_sum(const PriceBook *book, const Meter *meter, const RatingRow *row, int64_t month_start_us, UsageSum *out)
{
    const char *column = meter_rollup_column(book, meter, row->package, row->mode, month_start_us);
    const struct {
        const char *name;
        UsageSum sum;
    } sums[] = {{"duration_1ms", row->duration_1ms},
                {"duration_100ms", row->duration_100ms},
                {"with_init_1ms", row->with_init_1ms},
                {"with_init_100ms", row->with_init_100ms},
                {"cpu_us", row->cpu_us},
                {"streamed_bytes", row->streamed_bytes},
                {"capacity_1s", row->capacity_1s},
                {"capacity_300s", row->capacity_300s}};
    for (size_t i = 0; column != NULL && i < sizeof(sums) / sizeof(sums[0]); i++) {
        if (strcmp(column, sums[i].name) == 0) {
            *out = sums[i].sum;
            return true;
        }
    }
    return false;
}

static bool
is_timed(const Meter *meter)
{
    return meter->measure == MEASURE_GB_SECONDS || meter->measure == MEASURE_EPHEMERAL_GB_SECONDS ||
           meter->measure == MEASURE_GHZ_SECONDS || meter->measure == MEASURE_SECONDS;
}

/** How a measure is worked out: sum × times ÷ first ÷ second (0: not there). */
typedef struct Recipe {
    int64_t times, first, second;
} Recipe;

static bool
recipe_of(const PriceBook *book, const Meter *meter, const RatingRow *row, Recipe *recipe)
{
    int64_t above_mb = row->ephemeral_mb > meter->included_mb ? row->ephemeral_mb - meter->included_mb : 0;
    switch (meter->measure) {
    case MEASURE_GB_SECONDS:
        *recipe = (Recipe){tally_billed_mb(&book->memory, row->memory_mb), PRICE_GB_MB, 1000};
        return true;
    case MEASURE_EPHEMERAL_GB_SECONDS:
        *recipe = (Recipe){above_mb, PRICE_GB_MB, 1000};
        return true;
    case MEASURE_GHZ_SECONDS:
        *recipe = (Recipe){tally_clock_mhz(book, row->memory_mb), 1000, 1000};
        return true;
    case MEASURE_SECONDS:
    case MEASURE_CPU_MS:
        *recipe = (Recipe){1, 1000, 0};
        return true;
    case MEASURE_STREAMED_GB:
        *recipe = (Recipe){1, meter->gb_bytes, 0};
        return true;
    case MEASURE_CAPACITY_GB_SECONDS:
        *recipe = (Recipe){row->memory_mb, PRICE_GB_MB, 0};
        return true;
    case MEASURE_INVOCATIONS:
    case MEASURE_RESPONSE_GB:
    case MEASURE_AMOUNT:
    case MEASURE_MONTH:
    case MEASURE_COUNT:
        break;
    }
    return false;
}

static void
write_factor(Formula *formula, const char *sign, int64_t factor, bool divide, mpq_t product)
{
    mpq_t value;
    mpq_init(value);
    decimal_set_i64(value, factor);
    formula_text(formula, sign);
    formula_figure(formula, value);
    if (divide)
        mpq_div(product, product, value);
    else
        mpq_mul(product, product, value);
    mpq_clear(value);
}

/** Write it down; is its result the quantity? */
static bool
write_recipe(Formula *formula, UsageSum sum, const Recipe *recipe, const mpq_t quantity)
{
    mpq_t product;
    mpq_init(product);
    decimal_set_u128(mpq_numref(product), sum);
    formula_figure(formula, product);
    if (recipe->times != 1)
        write_factor(formula, " × ", recipe->times, false, product);
    write_factor(formula, " ÷ ", recipe->first, true, product);
    if (recipe->second != 0)
        write_factor(formula, " ÷ ", recipe->second, true, product);
    bool known = mpq_equal(product, quantity);
    mpq_clear(product);
    return known;
}

/** The whole number that the recipe makes the quantity of: where the book's own sums were counted, and memory as configured. */
static bool
sum_behind(const PriceBook *book, const Recipe *recipe, const mpq_t quantity, UsageSum *sum)
{
    if (book->memory.observed || recipe->times == 0)
        return false;
    mpq_t whole, factor;
    mpq_inits(whole, factor, NULL);
    decimal_set_i64(factor, recipe->first);
    mpq_mul(whole, quantity, factor);
    decimal_set_i64(factor, recipe->second == 0 ? 1 : recipe->second);
    mpq_mul(whole, whole, factor);
    decimal_set_i64(factor, recipe->times);
    mpq_div(whole, whole, factor);
    bool is_whole = mpz_cmp_ui(mpq_denref(whole), 1) == 0 && mpz_fits_ulong_p(mpq_numref(whole)) != 0;
    if (is_whole)
        *sum = mpz_get_ui(mpq_numref(whole));
    mpq_clears(whole, factor, NULL);
    return is_whole;
}

MUST_CHECK bool
formula_add_usage(Json *entry, const PriceBook *book, const Meter *meter, const RatingRow *row, int64_t month_start_us,
                  mpq_t quantity, Err *err)
{
    Formula formula = {{0}, false};
    UsageSum sum = 0;
    Recipe recipe = {0, 0, 0};
    meter_quantity(book, meter, row, month_start_us, quantity);
    bool has_recipe = recipe_of(book, meter, row, &recipe);
    bool counted = tally_beyond_rollups(book) == NULL ? column_sum(book, meter, row, month_start_us, &sum)
                                                      : has_recipe && sum_behind(book, &recipe, quantity, &sum);
    bool known = has_recipe && counted && write_recipe(&formula, sum, &recipe, quantity);
    mpq_t figure;
    mpq_init(figure);
    decimal_set_u128(mpq_numref(figure), sum);
    bool done = (!formula.failed || err_set(err, ERR_NOMEM, "no memory for a formula")) &&
                (!known || !is_timed(meter) || document_add_exact(entry, "billed_ms", figure, err)) &&
                json_add_text(entry, "formula", known ? formula.text.data : NULL, err) &&
                document_add_exact(entry, "quantity", quantity, err);
    mpq_clear(figure);
    formula_free(&formula);
    return done;
}
