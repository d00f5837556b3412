/* A contract that somebody wrote: refused with a message, or terms by which a priced month becomes a bill that adds up. */
#include <stdint.h>
#include <stdlib.h>

#include "rater/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char BOOK[] = "name: round\nversion: \"1\"\ncurrency: USD\ndefault_region: here\n"
                           "rounding: {mode: half_up, digits: 2, each: line}\nduration: {granularity_ms: 1}\nmeters:\n"
                           "  - {sku: requests, description: Requests, measure: invocations, unit: request,\n"
                           "     prices: [{model: per_unit, per: 1000000, unit_price: 0.20}]}\n"
                           "  - {sku: duration, description: Duration, measure: gb_seconds, unit: GB-second,\n"
                           "     prices: [{model: per_unit, unit_price: 0.00001667}]}\n";

static const UsageFacts FACTS = {.duration_us = 3000000};

static const RatingRow ROW = {.account = "a",
                              .tenant = "t",
                              .function = "web",
                              .region = "here",
                              .memory_mb = 512,
                              .ephemeral_mb = 512,
                              .number = 1,
                              .invocations = 30000000,
                              .each = &FACTS};

static const int64_t MAY_2026_US = INT64_C(1777593600000000), JUNE_2026_US = INT64_C(1780272000000000);

/* Freed by the kernel. */
static const PriceBook *
book(void)
{
    static const PriceBook *self;
    Err err = {0};
    if (self == NULL)
        self = price_book_parse(text_of(BOOK), "book.yaml", &err);
    if (self == NULL)
        abort();
    return self;
}

/* What is printed is the total, tax is what stands between net and total, and no bill is negative. */
static void
check(const Statement *statement)
{
    mpq_t sum, tax;
    mpq_inits(sum, tax, NULL);
    for (size_t i = 0; i < statement->count; i++) {
        mpq_add(sum, sum, statement->items[i].amount);
        if (statement->items[i].kind == STATEMENT_TAX)
            mpq_add(tax, tax, statement->items[i].amount);
    }
    if (!mpq_equal(sum, statement->total) || !mpq_equal(tax, statement->tax) || mpq_sgn(sum) < 0 || mpq_sgn(tax) < 0)
        abort();
    mpq_sub(sum, sum, tax);
    if (!mpq_equal(sum, statement->net) || mpq_sgn(sum) < 0)
        abort();
    mpq_clears(sum, tax, NULL);
}

static void
state(const Contract *contract)
{
    Err err = {0};
    const RateOptions options = {.month_start_us = MAY_2026_US, .free_tier = true};
    Rated *rated = rate(&ROW, 1, book(), &options, &err);
    if (rated == NULL)
        abort();
    const StatementInput input = {.contract = contract,
                                  .book = book(),
                                  .rated = rated,
                                  .slice = rated_whole(rated),
                                  .period_start_us = MAY_2026_US,
                                  .period_end_us = JUNE_2026_US};
    Statement statement;
    if (statement_make(&statement, &input, &err))
        check(&statement);
    else if (!err_is_set(&err))
        abort();
    statement_free(&statement);
    rated_free(&rated);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Contract *contract = contract_parse((Text){(const char *) data, size}, "fuzz.yaml", &err);
    if (contract == NULL && !err_is_set(&err))
        abort();
    if (contract != NULL)
        state(contract);
    contract_free(&contract);
    return 0;
}
