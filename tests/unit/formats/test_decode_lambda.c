/* REPORT lines of every variant, from tests/data/decode/lambda.tsv. */
#include "formats/decode_lambda.h"
#include "tests/unit/formats/cases.h"

/* Feed the lines; describe what became of the last one. */
static void
decode_last(LambdaDecoder *decoder, char *lines, char *out, size_t size)
{
    cases_undo(lines, "<T>", '\t');
    cases_undo(lines, "<NL>", '\n');
    char *rest = lines, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        UsageRecord record;
        UsageFault fault = {0};
        switch (lambda_decode(decoder, text_of(line), NULL, &record, &fault)) {
        case LAMBDA_RECORD:
            cases_describe(&record, out, size);
            break;
        case LAMBDA_FAULT:
            cases_describe_fault(&fault, out, size);
            break;
        case LAMBDA_SKIPPED:
            snprintf(out, size, "skip");
            break;
        }
    }
}

static void
every_variant_of_a_report_line_reads_as_written_by_hand(void **state)
{
    (void) state;
    FILE *file = cases_open("lambda.tsv");
    Case one = {.number = 0};
    int cases = 0;
    while (cases_next(file, &one)) {
        assert_int_equal(one.count, 4);
        DecodeDefaults defaults = {
            .tenant = TEXT_LITERAL("acme"), .function = TEXT_LITERAL("f"), .at_us = USAGE_ABSENT};
        if (strncmp(one.columns[1], "at=", 3) == 0)
            assert_true(utc_parse(text_of(one.columns[1] + 3), &defaults.at_us, NULL));
        LambdaDecoder *decoder = lambda_decoder_new(&defaults, NULL);
        assert_non_null(decoder);
        char actual[CASE_LINE_BYTES];
        decode_last(decoder, one.columns[2], actual, sizeof actual);
        cases_compare(&one, one.columns[3], actual);
        lambda_decoder_free(&decoder);
        cases++;
    }
    fclose(file);
    assert_true(cases >= 40);
}

static void
a_restart_forgets_the_time_of_the_file_before(void **state)
{
    (void) state;
    const DecodeDefaults defaults = {
        .tenant = TEXT_LITERAL("acme"), .function = TEXT_LITERAL("f"), .at_us = USAGE_ABSENT};
    LambdaDecoder *decoder = lambda_decoder_new(&defaults, NULL);
    char report[] = "REPORT RequestId: a\tDuration: 1 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB";
    UsageRecord record;
    UsageFault fault;
    assert_int_equal(
        lambda_decode(decoder, TEXT_LITERAL("2026-10-01T12:00:00Z END RequestId: z"), NULL, &record, &fault),
        LAMBDA_SKIPPED);
    assert_int_equal(lambda_decode(decoder, text_of(report), NULL, &record, &fault), LAMBDA_RECORD);
    lambda_decoder_restart(decoder);
    assert_int_equal(lambda_decode(decoder, text_of(report), NULL, &record, &fault), LAMBDA_FAULT);
    assert_string_equal(fault.field, "started_at");
    lambda_decoder_free(&decoder);
}

static void
a_function_that_no_one_names_is_a_fault(void **state)
{
    (void) state;
    const DecodeDefaults defaults = {.tenant = TEXT_LITERAL("acme"), .at_us = INT64_C(1790812800000000)};
    LambdaDecoder *decoder = lambda_decoder_new(&defaults, NULL);
    UsageRecord record;
    UsageFault fault;
    Text line = TEXT_LITERAL("REPORT RequestId: a\tDuration: 1 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB");
    assert_int_equal(lambda_decode(decoder, line, NULL, &record, &fault), LAMBDA_FAULT);
    assert_string_equal(fault.field, "function");
    lambda_decoder_free(&decoder);
}

static void
more_starts_than_are_remembered_lose_a_version_at_most(void **state)
{
    (void) state;
    const DecodeDefaults defaults = {
        .tenant = TEXT_LITERAL("acme"), .function = TEXT_LITERAL("f"), .at_us = INT64_C(1790812800000000)};
    LambdaDecoder *decoder = lambda_decoder_new(&defaults, NULL);
    UsageRecord record;
    UsageFault fault;
    char line[160];
    for (int i = 0; i < 20000; i++) {
        snprintf(line, sizeof line, "START RequestId: id-%d Version: %d", i, i);
        assert_int_equal(lambda_decode(decoder, text_of(line), NULL, &record, &fault), LAMBDA_SKIPPED);
    }
    snprintf(line, sizeof line,
             "REPORT RequestId: id-19999\tDuration: 1 ms\tBilled Duration: 1 ms\tMemory Size: 128 MB");
    assert_int_equal(lambda_decode(decoder, text_of(line), NULL, &record, &fault), LAMBDA_RECORD);
    assert_true(text_is(record.version, "19999"));
    lambda_decoder_free(&decoder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_variant_of_a_report_line_reads_as_written_by_hand),
        cmocka_unit_test(a_restart_forgets_the_time_of_the_file_before),
        cmocka_unit_test(a_function_that_no_one_names_is_a_fault),
        cmocka_unit_test(more_starts_than_are_remembered_lose_a_version_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
