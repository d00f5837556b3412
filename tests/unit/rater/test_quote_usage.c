/* Usage rows: each mistake names file, line or row, field and remedy; digits stay exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/utc.h"
#include "rater/meter.h"
#include "rater/quote_usage.h"

static const struct {
    const char *text;
    const char *message; /* its beginning */
} MISTAKES[] = {
    {"", "f.json: holds no usage rows; write a JSON array or one object a line"},
    {"[1]", "f.json: row 1: expected an object"},
    {"[{\"memory_mb\":128,\"duration_ms\":1}]", "f.json: row 1: invocations: is missing; say how many"},
    {"{\"memory_mb\":128,\"invocations\":1}\n", "f.json:1: duration: is missing: give duration_ms or duration_us"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":1}\n\n{\"invocations\":1,\"duration_ms\":1}\n",
     "f.json:3: memory_mb: is missing"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":-1}",
     "f.json:1: duration_ms: '-1' is negative; write 0 or more"},
    {"{\"memory_mb\":128,\"invocations\":-1,\"duration_ms\":1}",
     "f.json:1: invocations: '-1' is negative; write 0 or more"},
    {"{\"memory_mb\":128,\"invocations\":1.5,\"duration_ms\":1}",
     "f.json:1: invocations: '1.5' is not a whole number; round it"},
    {"{\"memory_mb\":128,\"invocations\":1000000000000000001,\"duration_ms\":1}",
     "f.json:1: invocations: more than 1000000000000000000 in one row; split it"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":86400000.001}",
     "f.json:1: duration: is 86400000001 microseconds"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":1,\"duration_us\":1}",
     "f.json:1: duration_us: stands beside the same in milliseconds; keep one of them"},
    {"{\"memory_mb\":0,\"invocations\":1,\"duration_ms\":1}", "f.json:1: memory_mb: is 0, expected 1 to"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":1,\"price\":3}",
     "f.json:1: price: unknown field; known are: tenant,"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":1,\"architecture\":\"sparc\"}",
     "f.json:1: architecture: 'sparc' is not known; write x86_64 or arm64"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":1,\"mode\":\"spot\"}",
     "f.json:1: mode: 'spot' is not known; write on_demand or provisioned"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":true}", "f.json:1: duration_ms: expected a number"},
    {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":1,\"tenant\":7}", "f.json:1: tenant: expected text"},
    {"[{\"memory_mb\":128", "f.json: not JSON"},
    {"{\"memory_mb\":128", "f.json:1: not JSON"},
};

static void
every_mistake_is_named_with_its_place_and_remedy(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(MISTAKES) / sizeof(MISTAKES[0]); i++) {
        Err err = {0};
        RatingRows *rows = rating_rows_new(&err);
        assert_non_null(rows);
        assert_false(quote_usage_parse(text_of(MISTAKES[i].text), "f.json", rows, &err));
        assert_int_equal(err.code, ERR_INPUT);
        if (strncmp(err.message, MISTAKES[i].message, strlen(MISTAKES[i].message)) != 0)
            fail_msg("'%s' gave '%s', expected '%s'", MISTAKES[i].text, err.message, MISTAKES[i].message);
        rating_rows_free(&rows);
    }
}

static void
defaults_are_those_of_the_contract(void **state)
{
    (void) state;
    Err err = {0};
    RatingRows *rows = rating_rows_new(&err);
    assert_true(quote_usage_parse(TEXT_LITERAL("{\"memory_mb\":128,\n\"invocations\":1,\"duration_ms\":\"0.001\"}"),
                                  "f", rows, &err));
    assert_int_equal(rating_rows_count(rows), 1);
    const RatingRow *row = rating_rows_all(rows);
    assert_string_equal(row->tenant, "default");
    assert_string_equal(row->account, "default");
    assert_string_equal(row->region, ""); /* the book's, or quote's */
    assert_int_equal(row->architecture, USAGE_X86_64);
    assert_int_equal(row->mode, USAGE_ON_DEMAND);
    assert_int_equal(row->ephemeral_mb, 512);
    assert_int_equal(row->each->duration_us, 1);
    assert_int_equal(row->hour_us, 0);
    rating_rows_free(&rows);
}

/* Billed memory x time by the shipped book, in MB·ms. */
static void
check_gb_ms(const RatingRow *row, UsageSum expected)
{
    Err err = {0};
    PriceBook *book = price_book_open("rater/books/aws-lambda.yaml", &err);
    assert_non_null(book);
    mpq_t got, want;
    mpq_inits(got, want, NULL);
    meter_gb_seconds(book, row, utc_month_start_us((UtcMonth){2026, 10}), got);
    decimal_set_u128(mpq_numref(want), expected);
    mpz_set_ui(mpq_denref(want), 1024000);
    mpq_canonicalize(want);
    assert_true(mpq_equal(got, want));
    mpq_clears(got, want, NULL);
    price_book_free(&book);
}

/* Figures of real log lines: one rounding of the sum of both. */
static void
initialization_and_duration_are_rounded_up_together(void **state)
{
    (void) state;
    static const struct {
        const char *row;
        uint64_t with_init_ms;
    } LINES[] = {
        {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":11455.17,\"init_duration_ms\":527.24}", 11983},
        {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":1040.27,\"init_duration_ms\":604.20}", 1645},
        {"{\"memory_mb\":128,\"invocations\":1,\"duration_ms\":1126.09,\"init_duration_ms\":548.91}", 1675},
    };
    for (size_t i = 0; i < 3; i++) {
        Err err = {0};
        RatingRows *rows = rating_rows_new(&err);
        assert_true(quote_usage_parse(text_of(LINES[i].row), "f", rows, &err));
        check_gb_ms(rating_rows_all(rows), LINES[i].with_init_ms * 128);
        rating_rows_free(&rows);
    }
}

static void
sums_beyond_64_bits_are_exact(void **state)
{
    (void) state;
    Err err = {0};
    RatingRows *rows = rating_rows_new(&err);
    assert_true(quote_usage_parse(
        TEXT_LITERAL("{\"memory_mb\":10240,\"invocations\":\"1000000000000000000\",\"duration_ms\":86400000}"), "f",
        rows, &err));
    check_gb_ms(rating_rows_all(rows), (UsageSum) 1000000000000000000u * 86400000u * 10240u);
    rating_rows_free(&rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_named_with_its_place_and_remedy),
        cmocka_unit_test(defaults_are_those_of_the_contract),
        cmocka_unit_test(initialization_and_duration_are_rounded_up_together),
        cmocka_unit_test(sums_beyond_64_bits_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
