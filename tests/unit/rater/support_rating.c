#include "tests/unit/rater/support_rating.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "lib/utc.h"
#include "rater/document.h"
#include "rater/quote_usage.h"

Json *
support_quote(const char *book_path, const char *month, bool free_tier, Json *rows)
{
    Err err = {0};
    UtcMonth parsed = {0};
    char *text = json_canonical(rows, &err);
    PriceBook *book = price_book_open(book_path, &err);
    RatingRows *usage = rating_rows_new(&err);
    assert_true(utc_month_parse(month, &parsed, &err));
    assert_true(text != NULL && book != NULL && usage != NULL);
    if (!quote_usage_parse(text_of(text), "rows", usage, &err))
        fail_msg("%s", err.message);
    const RateOptions options = {.month_start_us = utc_month_start_us(parsed), .free_tier = free_tier};
    Rated *rated = rate(rating_rows_all(usage), rating_rows_count(usage), book, &options, &err);
    if (rated == NULL)
        fail_msg("%s", err.message);
    Json *document = document_quote(rated, book, free_tier, &err);
    assert_non_null(document);
    rated_free(&rated);
    rating_rows_free(&usage);
    price_book_free(&book);
    free(text);
    return document;
}

bool
support_same_number(Json *a, Json *b)
{
    Text left = {0};
    Text right = {0};
    Err err = {0};
    mpq_t x, y;
    mpq_inits(x, y, NULL);
    assert_true(json_number_text(a, &left));
    assert_true(json_number_text(b, &right));
    assert_true(decimal_parse(left, x, &err));
    assert_true(decimal_parse(right, y, &err));
    bool same = mpq_equal(x, y) != 0;
    mpq_clears(x, y, NULL);
    return same;
}

const char *
support_text(Json *object, const char *key)
{
    Json *value = json_member(object, key);
    if (value == NULL)
        fail_msg("member %s is missing", key);
    return json_object_get_string(value);
}

Json *
support_read(const char *path)
{
    Err err = {0};
    Buffer content = {0};
    assert_true(file_read(path, 1 << 24, &content, &err));
    Json *json = json_parse(buffer_text(&content), &err);
    if (json == NULL)
        fail_msg("%s: %s", path, err.message);
    buffer_free(&content);
    return json;
}
