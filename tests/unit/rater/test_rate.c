/* Rating by the vectors of tests/data/rating: models, tiers, free tiers, rounding, initialization, nothing at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rater/document.h"
#include "rater/quote_usage.h"
#include "tests/unit/rater/support_rating.h"

static const char *const KEYS[] = {"tenant", "region", "architecture", "mode", "sku", "price", "tier"};
enum { KEY_COUNT = sizeof(KEYS) / sizeof(KEYS[0]) };

/* An expected line names what tells it apart (tier 1 unless it says so) and the numbers that it checks. */
static bool
line_matches(Json *line, Json *expected)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        Json *want = json_member(expected, KEYS[i]);
        const char *text = want != NULL ? json_object_get_string(want) : strcmp(KEYS[i], "tier") == 0 ? "1" : NULL;
        Json *got = json_member(line, KEYS[i]);
        if (text != NULL && (got == NULL || strcmp(text, json_object_get_string(got)) != 0))
            return false;
    }
    return true;
}

static bool
is_key(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(KEYS[i], name) == 0)
            return true;
    }
    return false;
}

static void
check_numbers(const char *name, Json *line, Json *expected)
{
    json_object_object_foreach(expected, key, want)
    {
        if (is_key(key))
            continue;
        Json *got = json_member(line, key);
        if (got == NULL || !support_same_number(got, want))
            fail_msg("%s: %s of %s is %s, expected %s", name, key, json_object_to_json_string(expected),
                     json_object_get_string(got), json_object_get_string(want));
    }
}

static void
check_lines(const char *name, Json *answer, Json *expected)
{
    Json *lines = json_member(answer, "lines");
    for (size_t i = 0; i < json_object_array_length(expected); i++) {
        Json *want = json_object_array_get_idx(expected, i);
        Json *found = NULL;
        for (size_t j = 0; found == NULL && j < json_object_array_length(lines); j++) {
            Json *line = json_object_array_get_idx(lines, j);
            found = line_matches(line, want) ? line : NULL;
        }
        if (found == NULL)
            fail_msg("%s: there is no line %s", name, json_object_to_json_string(want));
        check_numbers(name, found, want);
    }
}

static void
check_vector(Json *vector)
{
    const char *name = support_text(vector, "name");
    Json *book = json_member(vector, "book");
    Json *month = json_member(vector, "month");
    Json *free_tier = json_member(vector, "free_tier");
    Json *count = json_member(vector, "line_count");
    Json *total = json_member(vector, "total");
    Json *answer =
        support_quote(book == NULL ? "rater/books/aws-lambda.yaml" : json_object_get_string(book),
                      month == NULL ? "2026-10" : json_object_get_string(month),
                      free_tier == NULL || json_object_get_boolean(free_tier) != 0, json_member(vector, "usage"));
    check_lines(name, answer, json_member(vector, "lines"));
    if (count != NULL)
        assert_int_equal(json_object_get_int(count), json_object_array_length(json_member(answer, "lines")));
    if (total != NULL && !support_same_number(total, json_member(answer, "total")))
        fail_msg("%s: the total is %s, expected %s", name, support_text(answer, "total"),
                 json_object_get_string(total));
    json_object_put(answer);
}

static void
check_vectors(const char *path, size_t least)
{
    Json *vectors = support_read(path);
    size_t count = json_object_array_length(vectors);
    assert_true(count >= least);
    for (size_t i = 0; i < count; i++)
        check_vector(json_object_array_get_idx(vectors, i));
    json_object_put(vectors);
}

static void
every_vector_comes_out(void **state)
{
    (void) state;
    check_vectors("tests/data/rating/vectors.json", 30);
}

/* Worked by hand from doc/price-books.md. */
static void
every_model_comes_out_at_its_limits(void **state)
{
    (void) state;
    check_vectors("tests/data/rating/model-vectors.json", 60);
}

static Rated *
rate_text(const char *rows_text, PriceBook **book, RatingRows **rows, Err *err)
{
    const RateOptions options = {.month_start_us = 0, .free_tier = true};
    *book = price_book_open("rater/books/aws-lambda.yaml", err);
    *rows = rating_rows_new(err);
    assert_true(*book != NULL && *rows != NULL);
    assert_true(quote_usage_parse(text_of(rows_text), "rows", *rows, err));
    return rate(rating_rows_all(*rows), rating_rows_count(*rows), *book, &options, err);
}

static void
a_region_without_prices_is_named_with_its_row_and_the_regions_known(void **state)
{
    (void) state;
    Err err = {0};
    PriceBook *book = NULL;
    RatingRows *rows = NULL;
    Rated *rated = rate_text("[{\"memory_mb\":128,\"duration_ms\":1,\"invocations\":1},"
                             "{\"tenant\":\"acme\",\"function\":\"f\",\"region\":\"mars-1\",\"memory_mb\":128,"
                             "\"duration_ms\":1,\"invocations\":0}]",
                             &book, &rows, &err);
    assert_null(rated);
    assert_string_equal(err.message, "row 2: tenant 'acme', function 'f': region: 'mars-1' has no prices in price book "
                                     "aws-lambda 2026-11; regions known: us-east-1, us-east-2, us-west-1, us-west-2, "
                                     "ca-central-1, sa-east-1, eu-west-1, eu-west-2, eu-west-3, eu-central-1, "
                                     "eu-north-1, ap-south-1, ap-northeast-1, ap-northeast-2, ap-northeast-3, "
                                     "ap-southeast-1, ap-southeast-2, ap-southeast-4, eu-central-2, eu-south-1, "
                                     "me-south-1, af-south-1, ap-east-1, ap-southeast-5");
    rating_rows_free(&rows);
    price_book_free(&book);
}

static void
the_order_of_rows_changes_nothing(void **state)
{
    (void) state;
    Err err = {0};
    static const char *const ORDERS[] = {
        "[{\"tenant\":\"b\",\"memory_mb\":128,\"duration_ms\":7,\"invocations\":900001},"
        "{\"tenant\":\"a\",\"memory_mb\":256,\"duration_ms\":9,\"invocations\":900000}]",
        "[{\"tenant\":\"a\",\"memory_mb\":256,\"duration_ms\":9,\"invocations\":900000},"
        "{\"tenant\":\"b\",\"memory_mb\":128,\"duration_ms\":7,\"invocations\":900001}]",
    };
    char *texts[2] = {NULL, NULL};
    for (size_t i = 0; i < 2; i++) {
        PriceBook *book = NULL;
        RatingRows *rows = NULL;
        Rated *rated = rate_text(ORDERS[i], &book, &rows, &err);
        assert_non_null(rated);
        Json *document = document_quote(rated, book, true, &err);
        texts[i] = json_canonical(document, &err);
        json_object_put(document);
        rated_free(&rated);
        rating_rows_free(&rows);
        price_book_free(&book);
    }
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

static void
an_invoice_has_the_lines_of_its_tenant_only(void **state)
{
    (void) state;
    Err err = {0};
    PriceBook *book = NULL;
    RatingRows *rows = NULL;
    Rated *rated = rate_text("[{\"tenant\":\"a\",\"memory_mb\":128,\"duration_ms\":7,\"invocations\":3},"
                             "{\"tenant\":\"b\",\"memory_mb\":256,\"duration_ms\":9,\"invocations\":5}]",
                             &book, &rows, &err);
    assert_non_null(rated);
    RatedSlice slice = {0};
    size_t tenants = 0;
    for (; rated_next_tenant(rated, &slice); tenants++) {
        const InvoiceHead head = {.tenant = rated->functions[slice.function].tenant,
                                  .account = "default",
                                  .period = {{1970, 1}, 0, 1000000},
                                  .receipt_watermark = 7};
        Json *document = document_invoice(&head, rated, &slice, book, true, NULL, &err);
        assert_non_null(document);
        Json *lines = json_member(document, "lines");
        assert_int_equal(json_object_array_length(lines), 3);
        for (size_t i = 0; i < 3; i++)
            assert_string_equal(support_text(json_object_array_get_idx(lines, i), "tenant"), head.tenant);
        assert_string_equal(support_text(json_member(document, "invoice"), "state"), "preview");
        assert_int_equal(json_object_array_length(json_member(document, "functions")), 1);
        json_object_put(document);
    }
    assert_int_equal(tenants, 2);
    rated_free(&rated);
    rating_rows_free(&rows);
    price_book_free(&book);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_comes_out),
        cmocka_unit_test(every_model_comes_out_at_its_limits),
        cmocka_unit_test(a_region_without_prices_is_named_with_its_row_and_the_regions_known),
        cmocka_unit_test(the_order_of_rows_changes_nothing),
        cmocka_unit_test(an_invoice_has_the_lines_of_its_tenant_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
