/* Rows and headers of CSV, from tests/data/decode/csv.tsv. */
#include "formats/decode_csv.h"
#include "tests/unit/formats/cases.h"

static const char *const IGNORED[] = {"note"};

static CsvResult
feed(CsvRow *row, char *text)
{
    cases_undo(text, "<NL>", '\n');
    CsvResult result = CSV_BROKEN;
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL)
        result = csv_row_feed(row, text_of(line), NULL);
    return result;
}

static void
describe(const CsvDecoder *decoder, CsvRow *row, char *text, char *out, size_t size)
{
    const DecodeDefaults defaults = {.at_us = USAGE_ABSENT};
    CsvResult result = feed(row, text);
    UsageRecord record;
    UsageFault fault = {0};
    if (result != CSV_ROW)
        snprintf(out, size, "%s", result == CSV_MORE ? "more" : "broken");
    else if (decode_csv(decoder, row, &defaults, &record, &fault))
        cases_describe(&record, out, size);
    else
        cases_describe_fault(&fault, out, size);
}

static void
every_row_reads_as_written_by_hand(void **state)
{
    (void) state;
    FILE *file = cases_open("csv.tsv");
    Case one = {.number = 0};
    int cases = 0;
    while (cases_next(file, &one)) {
        assert_int_equal(one.count, 4);
        CsvRow *row = csv_row_new(NULL);
        assert_int_equal(feed(row, one.columns[1]), CSV_ROW);
        CsvDecoder *decoder = csv_decoder_new(row, IGNORED, 1, NULL);
        assert_non_null(decoder);
        char actual[CASE_LINE_BYTES];
        describe(decoder, row, one.columns[2], actual, sizeof actual);
        cases_compare(&one, one.columns[3], actual);
        csv_decoder_free(&decoder);
        csv_row_free(&row);
        cases++;
    }
    fclose(file);
    assert_true(cases >= 20);
}

static void
an_unknown_column_is_named_with_its_place_and_the_remedy(void **state)
{
    (void) state;
    CsvRow *row = csv_row_new(NULL);
    Err err = {0};
    assert_int_equal(csv_row_feed(row, TEXT_LITERAL("tenant,function,colour"), NULL), CSV_ROW);
    assert_null(csv_decoder_new(row, IGNORED, 1, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.message, "column 3"));
    assert_non_null(strstr(err.message, "'colour'"));
    assert_non_null(strstr(err.hint, "--ignore-column"));
    csv_row_free(&row);
}

static void
a_column_that_stands_twice_is_an_error(void **state)
{
    (void) state;
    CsvRow *row = csv_row_new(NULL);
    Err err = {0};
    assert_int_equal(csv_row_feed(row, TEXT_LITERAL("tenant,function,tenant"), NULL), CSV_ROW);
    assert_null(csv_decoder_new(row, NULL, 0, &err));
    assert_non_null(strstr(err.message, "twice"));
    csv_row_free(&row);
}

static void
a_quote_that_never_closes_does_not_fill_memory(void **state)
{
    (void) state;
    CsvRow *row = csv_row_new(NULL);
    assert_int_equal(csv_row_feed(row, TEXT_LITERAL("a,\"b"), NULL), CSV_MORE);
    CsvResult result = CSV_MORE;
    int lines = 0;
    while (result == CSV_MORE && lines++ < 10000)
        result = csv_row_feed(row, TEXT_LITERAL("0123456789012345678901234567890123456789"), NULL);
    assert_int_equal(result, CSV_BROKEN);
    assert_int_equal(csv_row_feed(row, TEXT_LITERAL("a,b"), NULL), CSV_ROW);
    assert_int_equal(csv_row_cells(row), 2);
    csv_row_free(&row);
}

static void
more_cells_than_allowed_are_refused(void **state)
{
    (void) state;
    char line[CSV_CELLS_MAX + 1];
    memset(line, ',', sizeof line);
    CsvRow *row = csv_row_new(NULL);
    assert_int_equal(csv_row_feed(row, (Text){line, CSV_CELLS_MAX - 1}, NULL), CSV_ROW);
    assert_int_equal(csv_row_cells(row), CSV_CELLS_MAX);
    assert_int_equal(csv_row_feed(row, (Text){line, CSV_CELLS_MAX}, NULL), CSV_BROKEN);
    csv_row_free(&row);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_reads_as_written_by_hand),
        cmocka_unit_test(an_unknown_column_is_named_with_its_place_and_the_remedy),
        cmocka_unit_test(a_column_that_stands_twice_is_an_error),
        cmocka_unit_test(a_quote_that_never_closes_does_not_fill_memory),
        cmocka_unit_test(more_cells_than_allowed_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
