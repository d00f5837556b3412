/* Price books: every mistake is named with file, line, field and remedy; what is right is read exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utc.h"
#include "rater/price_book.h"

#define BAD_BOOKS "tests/data/rating/bad-books"

/* The first line of a bad book is "# expect: LINE: FIELD: message". */
static void
check_bad_book(const char *file)
{
    static const char MARK[] = "# expect: ";
    char path[512];
    char expected[1024];
    Err err = {0};
    Buffer content = {0};
    snprintf(path, sizeof(path), "%s/%s", BAD_BOOKS, file);
    assert_true(file_read(path, 1 << 20, &content, &err));
    assert_memory_equal(content.data, MARK, sizeof(MARK) - 1);
    const char *text = content.data + sizeof(MARK) - 1;
    snprintf(expected, sizeof(expected), "%s:%.*s", path, (int) strcspn(text, "\n"), text);
    buffer_free(&content);
    assert_null(price_book_open(path, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_string_equal(err.message, expected);
}

static int
is_yaml(const struct dirent *entry)
{
    return strstr(entry->d_name, ".yaml") != NULL;
}

static void
every_mistake_is_named_with_file_line_field_and_remedy(void **state)
{
    (void) state;
    struct dirent **files = NULL;
    int count = scandir(BAD_BOOKS, &files, is_yaml, alphasort);
    assert_true(count >= 80);
    for (int i = 0; i < count; i++) {
        check_bad_book(files[i]->d_name);
        free(files[i]);
    }
    free(files);
}

static const Meter *
meter_of(const PriceBook *book, const char *sku)
{
    for (size_t i = 0; i < book->meter_count; i++) {
        if (strcmp(book->meters[i].sku, sku) == 0)
            return &book->meters[i];
    }
    fail_msg("no meter %s", sku);
    return NULL;
}

static void
check_number(const mpq_t value, const char *expected)
{
    Err err = {0};
    char *text = decimal_format_exact(value, &err);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void
the_shipped_book_says_the_published_prices(void **state)
{
    (void) state;
    Err err = {0};
    PriceBook *book = price_book_open("rater/books/aws-lambda.yaml", &err);
    assert_string_equal(err.message, "");
    assert_non_null(book);
    const Price *requests = price_book_price(meter_of(book, "requests"), "us-east-1", USAGE_ARM64, USAGE_ON_DEMAND);
    const Price *x86 = price_book_price(meter_of(book, "duration"), "us-east-1", USAGE_X86_64, USAGE_ON_DEMAND);
    const Price *arm = price_book_price(meter_of(book, "duration"), "us-east-1", USAGE_ARM64, USAGE_ON_DEMAND);
    const Price *kept = price_book_price(meter_of(book, "duration"), "us-east-1", USAGE_X86_64, USAGE_PROVISIONED);
    check_number(requests->tiers[0].unit_price, "0.0000002");
    assert_int_equal(x86->tier_count, 3);
    check_number(x86->tiers[0].up_to, "6000000000");
    check_number(x86->tiers[1].unit_price, "0.000015");
    check_number(x86->tiers[2].unit_price, "0.0000133334");
    assert_true(x86->tiers[2].open);
    check_number(arm->tiers[1].up_to, "18750000000");
    check_number(arm->tiers[2].unit_price, "0.0000106667");
    check_number(kept->tiers[0].unit_price, "0.0000097222");
    assert_null(price_book_price(meter_of(book, "duration"), "mars-1", USAGE_X86_64, USAGE_ON_DEMAND));
    assert_int_equal(book->granularity_ms, 1);
    assert_int_equal(book->rounding, ROUND_HALF_UP);
    price_book_free(&book);
    assert_null(book);
}

static int64_t
month_start(int year, int month)
{
    return utc_month_start_us((UtcMonth){year, month});
}

static void
initialization_of_managed_functions_is_billed_from_august_2025(void **state)
{
    (void) state;
    Err err = {0};
    PriceBook *book = price_book_open("rater/books/aws-lambda.yaml", &err);
    PriceBook *old = price_book_open("rater/books/aws-lambda-2019.yaml", &err);
    assert_non_null(book);
    assert_non_null(old);
    assert_false(price_book_bills_init(book, USAGE_MANAGED, USAGE_ON_DEMAND, month_start(2025, 7)));
    assert_true(price_book_bills_init(book, USAGE_MANAGED, USAGE_ON_DEMAND, month_start(2025, 8)));
    assert_true(price_book_bills_init(book, USAGE_IMAGE, USAGE_ON_DEMAND, month_start(2021, 1)));
    assert_true(price_book_bills_init(book, USAGE_CUSTOM, USAGE_ON_DEMAND, month_start(2021, 1)));
    assert_false(price_book_bills_init(book, USAGE_CUSTOM, USAGE_PROVISIONED, month_start(2026, 1)));
    assert_false(price_book_bills_init(old, USAGE_MANAGED, USAGE_ON_DEMAND, month_start(2026, 1)));
    assert_int_equal(old->granularity_ms, 100);
    price_book_free(&book);
    price_book_free(&old);
}

static void
a_book_is_named_by_the_digest_of_its_bytes(void **state)
{
    (void) state;
    static const char TEXT[] =
        "name: b\nversion: \"1\"\ncurrency: JPY\nrounding: {mode: half_even, each: line}\n"
        "duration: {granularity_ms: 100}\nmeters:\n  - {sku: requests, description: R, unit: request, "
        "measure: invocations, prices: [{model: per_unit, per: 1000, unit_price: 1}]}\n";
    Err err = {0};
    Digest expected = digest_of(TEXT, sizeof(TEXT) - 1);
    PriceBook *book = price_book_parse(TEXT_LITERAL(TEXT), "b.yaml", &err);
    assert_string_equal(err.message, "");
    assert_non_null(book);
    assert_memory_equal(book->digest.bytes, expected.bytes, DIGEST_BYTES);
    assert_int_equal(book->rounding_scale, 0); /* yen have no minor unit */
    check_number(book->meters[0].prices[0].tiers[0].unit_price, "0.001");
    assert_non_null(price_book_price(&book->meters[0], "anywhere", USAGE_ARM64, USAGE_PROVISIONED));
    price_book_free(&book);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_named_with_file_line_field_and_remedy),
        cmocka_unit_test(the_shipped_book_says_the_published_prices),
        cmocka_unit_test(initialization_of_managed_functions_is_billed_from_august_2025),
        cmocka_unit_test(a_book_is_named_by_the_digest_of_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
