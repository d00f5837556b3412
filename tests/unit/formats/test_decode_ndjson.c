/* Records as JSON, from tests/data/decode/ndjson.tsv. */
#include "formats/decode.h"
#include "lib/text.h"
#include "tests/unit/formats/cases.h"

static const char BASE[] =
    "\"tenant\":\"acme\",\"function\":\"f\",\"memory_mb\":128,\"started_at\":\"2026-10-01T12:00:00Z\"";

/* Put the common fields where the table says BASE. */
static void
expand(const char *line, Buffer *out)
{
    buffer_clear(out);
    for (const char *mark; (mark = strstr(line, "BASE")) != NULL; line = mark + 4)
        assert_true(buffer_append(out, line, (size_t) (mark - line), NULL) && buffer_append_text(out, BASE, NULL));
    assert_true(buffer_append_text(out, line, NULL));
}

static DecodeDefaults
read_options(const char *options)
{
    DecodeDefaults defaults = {.at_us = USAGE_ABSENT};
    if (strncmp(options, "bound=", 6) == 0) {
        defaults.tenant = text_of(options + 6);
        defaults.tenant_bound = true;
    } else if (strncmp(options, "at=", 3) == 0) {
        assert_true(utc_parse(text_of(options + 3), &defaults.at_us, NULL));
    } else if (strncmp(options, "arch=", 5) == 0) {
        defaults.has_architecture = true;
        assert_true(usage_architecture_parse(text_of(options + 5), &defaults.architecture));
    }
    return defaults;
}

static void
every_line_reads_as_written_by_hand(void **state)
{
    (void) state;
    FILE *file = cases_open("ndjson.tsv");
    Case one = {.number = 0};
    Buffer line = {0};
    DecodeScratch *scratch = decode_scratch_new(NULL);
    assert_non_null(scratch);
    int cases = 0;
    while (cases_next(file, &one)) {
        assert_int_equal(one.count, 4);
        DecodeDefaults defaults = read_options(one.columns[1]);
        expand(one.columns[2], &line);
        UsageRecord record;
        UsageFault fault = {0};
        char actual[CASE_LINE_BYTES];
        if (decode_ndjson(scratch, buffer_text(&line), &defaults, &record, &fault))
            cases_describe(&record, actual, sizeof actual);
        else
            cases_describe_fault(&fault, actual, sizeof actual);
        cases_compare(&one, one.columns[3], actual);
        cases++;
    }
    decode_scratch_free(&scratch);
    buffer_free(&line);
    fclose(file);
    assert_true(cases >= 50);
}

static void
what_a_record_writes_it_reads_again(void **state)
{
    (void) state;
    UsageRecord record = usage_record_empty();
    record.request_id = TEXT_LITERAL("id \"quoted\"");
    record.tenant = TEXT_LITERAL("acme");
    record.function = TEXT_LITERAL("f");
    record.memory_mb = 128;
    record.started_at_us = INT64_C(1790856000123456);
    record.duration_us = 469401;
    record.cpu_us = 7;
    record.streamed = true;
    Buffer line = {0};
    assert_true(usage_record_to_json(&record, &line, NULL));
    DecodeScratch *scratch = decode_scratch_new(NULL);
    const DecodeDefaults defaults = {.at_us = USAGE_ABSENT};
    UsageRecord again;
    UsageFault fault = {0};
    assert_true(decode_ndjson(scratch, buffer_text(&line), &defaults, &again, &fault));
    Digest before = usage_record_digest(&record, false), after = usage_record_digest(&again, false);
    assert_memory_equal(before.bytes, after.bytes, DIGEST_BYTES);
    decode_scratch_free(&scratch);
    buffer_free(&line);
}

static void
a_fault_keeps_the_tenant_that_was_read(void **state)
{
    (void) state;
    DecodeScratch *scratch = decode_scratch_new(NULL);
    const DecodeDefaults defaults = {.at_us = USAGE_ABSENT};
    UsageRecord record;
    UsageFault fault = {0};
    assert_false(
        decode_ndjson(scratch, TEXT_LITERAL("{\"tenant\":\"acme\",\"duration_ms\":-1}"), &defaults, &record, &fault));
    assert_true(text_is(record.tenant, "acme"));
    assert_non_null(strstr(fault.message, "-1"));
    decode_scratch_free(&scratch);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_reads_as_written_by_hand),
        cmocka_unit_test(what_a_record_writes_it_reads_again),
        cmocka_unit_test(a_fault_keeps_the_tenant_that_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
