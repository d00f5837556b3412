/* Tallies: usage is billed alike whether it comes as facts, as the tallies of records, or as the sums of rollups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/utc.h"
#include "rater/document.h"
#include "rater/rate.h"
#include "rater/record_row.h"
#include "rater/tally.h"

enum { RECORDS = 40 };

/* Set by a test: every third record is capacity, and all are in provisioned mode. */
static bool with_capacity;

static UsageRecord
record_of(uint32_t i)
{
    UsageRecord record = usage_record_empty();
    record.tenant = TEXT_LITERAL("acme");
    record.function = TEXT_LITERAL("thumb");
    record.region = TEXT_LITERAL("us-east-1");
    record.memory_mb = 1024;
    record.ephemeral_mb = 2048;
    record.started_at_us = INT64_C(1790000000000000) + i * UTC_SECOND_US;
    record.duration_us = i * INT64_C(7919000) % 90001001;
    record.mode = with_capacity ? USAGE_PROVISIONED : USAGE_ON_DEMAND;
    if (with_capacity && i % 3 == 1) {
        record.capacity_units = 1 + i % 5;
        record.duration_us += 1;
        return record;
    }
    record.init_duration_us = i % 3 == 0 ? 123456 : USAGE_ABSENT;
    record.cpu_us = i % 4 == 0 ? USAGE_ABSENT : (int64_t) i * 1001;
    record.max_memory_used_mb = i % 5 == 0 ? USAGE_ABSENT : (int64_t) i * 61;
    record.response_bytes = i % 7 == 0 ? USAGE_ABSENT : (int64_t) i * 1000000;
    record.streamed = i % 2 == 0;
    return record;
}

static char *
document_of(const RatingRows *rows, const PriceBook *book)
{
    Err err = {0};
    const RateOptions options = {.month_start_us = utc_month_start_us((UtcMonth){2026, 9}), .free_tier = true};
    Rated *rated = rate(rating_rows_all(rows), rating_rows_count(rows), book, &options, &err);
    if (rated == NULL)
        fail_msg("%s: %s", book->name, err.message);
    Json *json = document_quote(rated, book, true, &err);
    char *text = json_canonical(json, &err);
    assert_non_null(text);
    json_object_put(json);
    rated_free(&rated);
    return text;
}

static char *
document_of_records(const PriceBook *book)
{
    Err err = {0};
    RatingRows *rows = rating_rows_new(&err);
    for (uint32_t i = 0; i < RECORDS; i++) {
        const UsageRecord record = record_of(i);
        assert_true(record_row_add(rows, "acme", "acme", &record, &err));
    }
    char *text = document_of(rows, book);
    rating_rows_free(&rows);
    return text;
}

/* One row for all records, `keep` says by which of its sums. */
static char *
document_of_one_row(const PriceBook *book, bool by_tallies)
{
    Err err = {0};
    RatingRows *rows = rating_rows_new(&err);
    UsageSum *tallies = calloc(book->tally_count, sizeof(*tallies));
    RatingRow sum = {.mode = with_capacity ? USAGE_PROVISIONED : USAGE_ON_DEMAND,
                     .memory_mb = 1024,
                     .ephemeral_mb = 2048,
                     .tallies = by_tallies ? tallies : NULL};
    assert_non_null(tallies);
    for (uint32_t i = 0; i < RECORDS; i++) {
        const UsageRecord record = record_of(i);
        RatingRow one;
        assert_true(record_row(&record, &one, &err));
        tally_add(book, &record, utc_month_start_us((UtcMonth){2026, 9}), tallies);
        sum.invocations += one.invocations;
        sum.duration_1ms += one.duration_1ms;
        sum.duration_100ms += one.duration_100ms;
        sum.with_init_1ms += one.with_init_1ms;
        sum.with_init_100ms += one.with_init_100ms;
        sum.cpu_us += one.cpu_us;
        sum.streamed_bytes += one.streamed_bytes;
        sum.capacity_records += one.capacity_records;
        sum.capacity_1s += one.capacity_1s;
        sum.capacity_300s += one.capacity_300s;
    }
    const RatingNames names = {TEXT_LITERAL("acme"), TEXT_LITERAL("acme"), TEXT_LITERAL("thumb"),
                               TEXT_LITERAL("us-east-1")};
    assert_true(rating_rows_add(rows, &names, &sum, &err));
    char *text = document_of(rows, book);
    free(tallies);
    rating_rows_free(&rows);
    return text;
}

static const char *const BOOKS[] = {
    "rater/books/aws-lambda.yaml",
    "rater/books/aws-lambda-2019.yaml",
    "rater/books/google-cloud-functions.yaml",
    "rater/books/azure-functions.yaml",
    "rater/books/cloudflare-workers.yaml",
    "rater/books/internal-chargeback.yaml",
    "tests/data/rating/books/observed.yaml",
    "tests/data/rating/books/bytes.yaml",
    "tests/data/rating/books/clock.yaml",
    "tests/data/rating/books/percentage-limits.yaml",
    "tests/data/rating/books/percentage.yaml",
    "tests/data/rating/books/cpu.yaml",
};

static void
records_their_tallies_and_their_sums_are_billed_alike(void **state)
{
    (void) state;
    int from_sums = 0;
    for (size_t i = 0; i < sizeof(BOOKS) / sizeof(BOOKS[0]); i++) {
        Err err = {0};
        PriceBook *book = price_book_open(BOOKS[i], &err);
        assert_non_null(book);
        char *records = document_of_records(book);
        char *tallies = document_of_one_row(book, true);
        assert_string_equal(records, tallies);
        if (tally_beyond_rollups(book) == NULL) {
            char *sums = document_of_one_row(book, false);
            assert_string_equal(records, sums);
            free(sums);
            from_sums++;
        }
        free(records);
        free(tallies);
        price_book_free(&book);
    }
    assert_int_equal(from_sums, 7);
}

/* 300 s, 1 s, and one that hourly sums do not hold. */
static void
capacity_is_billed_alike_by_records_tallies_and_sums(void **state)
{
    (void) state;
    static const struct {
        const char *book;
        bool by_sums;
    } CASES[] = {{"rater/books/aws-lambda.yaml", true},
                 {"tests/data/rating/books/capacity.yaml", true},
                 {"tests/data/rating/books/capacity-minutes.yaml", false},
                 {"tests/data/rating/books/capacity-seconds.yaml", true}};
    with_capacity = true;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        Err err = {0};
        PriceBook *book = price_book_open(CASES[i].book, &err);
        assert_non_null(book);
        char *records = document_of_records(book);
        assert_non_null(strstr(records, "capacity_gb_seconds"));
        char *tallies = document_of_one_row(book, true);
        assert_string_equal(records, tallies);
        assert_true((tally_beyond_rollups(book) == NULL) == CASES[i].by_sums);
        char *sums = CASES[i].by_sums ? document_of_one_row(book, false) : NULL;
        assert_true(sums == NULL || strcmp(records, sums) == 0);
        free(sums);
        free(records);
        free(tallies);
        price_book_free(&book);
    }
    with_capacity = false;
}

static void
sums_that_do_not_hold_what_a_book_counts_are_refused(void **state)
{
    (void) state;
    static const struct {
        const char *book;
        const char *counts;
    } CASES[] = {
        {"rater/books/azure-functions.yaml", "durations with a minimum_ms"},
        {"tests/data/rating/books/clock.yaml", "durations of another granularity_ms than 1 or 100"},
        {"tests/data/rating/books/bytes.yaml", "streamed bytes with another included_bytes than 6291456"},
        {"tests/data/rating/books/percentage-limits.yaml", "limits of what a single event costs"},
        {"tests/data/rating/books/free-usage-order.yaml", "free tiers in the order of use"},
    };
    const RatingRow row = {.account = "a", .tenant = "a", .function = "f", .region = "us-east-1", .invocations = 1};
    const RateOptions options = {.month_start_us = 0, .free_tier = true};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        Err err = {0};
        PriceBook *book = price_book_open(CASES[i].book, &err);
        assert_non_null(book);
        assert_null(rate(&row, 1, book, &options, &err));
        assert_int_equal(err.code, ERR_INPUT);
        assert_non_null(strstr(err.message, CASES[i].counts));
        price_book_free(&book);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_their_tallies_and_their_sums_are_billed_alike),
        cmocka_unit_test(capacity_is_billed_alike_by_records_tallies_and_sums),
        cmocka_unit_test(sums_that_do_not_hold_what_a_book_counts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
