/* A price book that somebody wrote: refused with a message, or a book by which usage can be rated and adds up. */
#include <stdint.h>
#include <stdlib.h>

#include "rater/rate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const UsageFacts FACTS[] = {
    {.duration_us = 101001,
     .init_us = 50,
     .cpu_us = 7,
     .max_memory_used_mb = 129,
     .response_bytes = 1,
     .streamed = true},
    {.duration_us = 0, .max_memory_used_mb = USAGE_ABSENT, .response_bytes = 1 << 30},
    {.capacity_units = 3, .ready_us = 1},
};

static const RatingRow ROWS[] = {
    {.account = "a",
     .tenant = "t",
     .function = "web",
     .region = "us-east-1",
     .memory_mb = 1024,
     .ephemeral_mb = 2048,
     .number = 1,
     .invocations = 7,
     .each = &FACTS[0],
     .hour_us = 1},
    {.account = "a",
     .tenant = "u",
     .function = "batch-1",
     .region = "us-east-1",
     .memory_mb = 128,
     .ephemeral_mb = 512,
     .number = 2,
     .invocations = 1000003,
     .each = &FACTS[1]},
    {.account = "a",
     .tenant = "u",
     .function = "batch-1",
     .region = "eu-west-1",
     .mode = USAGE_PROVISIONED,
     .memory_mb = 128,
     .ephemeral_mb = 512,
     .number = 3,
     .each = &FACTS[2]},
};

/* Every line is its parts, and what is printed is within one last digit of what is exact. */
static void
check_line(const RatedLine *line)
{
    mpq_t sum;
    mpq_init(sum);
    mpq_add(sum, line->free_quantity, line->billed_quantity);
    if (!mpq_equal(sum, line->quantity) || mpq_sgn(line->free_quantity) < 0 || mpq_sgn(line->billed_quantity) < 0)
        abort();
    mpq_mul(sum, line->billed_quantity, line->unit_price);
    mpq_add(sum, sum, line->fee);
    mpq_add(sum, sum, line->adjustment);
    if (!mpq_equal(sum, line->amount_exact) || mpq_sgn(line->amount_exact) < 0 || mpq_sgn(line->amount) < 0)
        abort();
    mpq_clear(sum);
}

static void
check_functions(const Rated *rated)
{
    mpq_t lines, functions;
    mpq_inits(lines, functions, NULL);
    for (size_t i = 0; i < rated->line_count; i++)
        mpq_add(lines, lines, rated->lines[i].amount_exact);
    for (size_t i = 0; i < rated->function_count; i++)
        mpq_add(functions, functions, rated->functions[i].amount_exact);
    if (!mpq_equal(lines, functions))
        abort();
    mpq_clears(lines, functions, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    PriceBook *book = price_book_parse((Text){(const char *) data, size}, "fuzz.yaml", &err);
    if (book == NULL && !err_is_set(&err))
        abort();
    const RateOptions options = {
        .month_start_us = INT64_C(1790812800000000), .free_tier = true, .service_start_us = INT64_C(1791812800000000)};
    Rated *rated = book == NULL ? NULL : rate(ROWS, sizeof(ROWS) / sizeof(ROWS[0]), book, &options, &err);
    if (rated == NULL && !err_is_set(&err))
        abort();
    for (size_t i = 0; rated != NULL && i < rated->line_count; i++)
        check_line(&rated->lines[i]);
    if (rated != NULL)
        check_functions(rated);
    rated_free(&rated);
    price_book_free(&book);
    return 0;
}
