/* Whole files of every wrapping into records, rejected lines and counts, without an agent. */
#include <unistd.h>
#include <zlib.h>

#include "formats/import_file.h"
#include "lib/text.h"
#include "tests/unit/formats/cases.h"

/* What a sink was given, as text. */
typedef struct Taken {
    Buffer records; /* one description a line */
    Buffer rejected;
    int until_failure; /* fail at this record; 0 never */
} Taken;

static bool
take_record(void *caller, const UsageRecord *record, Err *err)
{
    Taken *taken = caller;
    char text[CASE_LINE_BYTES];
    if (taken->until_failure > 0 && --taken->until_failure == 0)
        return err_set(err, ERR_BUSY, "full");
    cases_describe(record, text, sizeof text);
    return buffer_printf(&taken->records, err, "%s\n", text);
}

static bool
take_rejected(void *caller, const UsageRejected *rejected, Err *err)
{
    Taken *taken = caller;
    return buffer_printf(&taken->rejected, err, "%llu %.*s %.*s\n", (unsigned long long) rejected->line,
                         TEXT_ARG(rejected->reason), TEXT_ARG(rejected->field));
}

static ImportSettings
settings_of_acme(void)
{
    return (ImportSettings){
        .defaults = {.tenant = TEXT_LITERAL("acme"), .function = TEXT_LITERAL("f"), .at_us = USAGE_ABSENT}};
}

static bool
import_path(const char *path, ImportFormat format, const ImportSettings *settings, Taken *taken, ImportCounts *counts,
            Err *err)
{
    LineReader *reader = line_reader_open(path, err);
    assert_non_null(reader);
    if (format == IMPORT_UNKNOWN)
        assert_true(import_format_guess(reader, path, &format, err));
    const ImportSink sink = {take_record, take_rejected, taken};
    *counts = (ImportCounts){0};
    bool done = import_file(reader, path, format, settings, &sink, counts, err);
    line_reader_free(&reader);
    return done;
}

static bool
import_text(const char *text, size_t length, ImportFormat format, Taken *taken, ImportCounts *counts, Err *err)
{
    char path[] = "/tmp/millibill-test-XXXXXX";
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, text, length), (ssize_t) length);
    close(descriptor);
    ImportSettings settings = settings_of_acme();
    bool done = import_path(path, format, &settings, taken, counts, err);
    unlink(path);
    return done;
}

static void
drop(Taken *taken)
{
    buffer_free(&taken->records);
    buffer_free(&taken->rejected);
}

static void
expect_file(const char *text, ImportFormat format, ImportCounts expected, const char *records, const char *rejected)
{
    Taken taken = {0};
    ImportCounts counts;
    Err err = {0};
    if (!import_text(text, strlen(text), format, &taken, &counts, &err))
        fail_msg("%s", err.message);
    assert_string_equal(taken.records.data == NULL ? "" : taken.records.data, records);
    assert_string_equal(taken.rejected.data == NULL ? "" : taken.rejected.data, rejected);
    assert_int_equal(counts.lines, expected.lines);
    assert_int_equal(counts.records, expected.records);
    assert_int_equal(counts.skipped, expected.skipped);
    assert_int_equal(counts.rejected, expected.rejected);
    drop(&taken);
}

#define REPORT(id)          \
    "REPORT RequestId: " id \
    "\tDuration: 123.00 ms\tBilled Duration: 123 ms\tMemory Size: 128 MB\tMax Memory Used: 21 MB"
#define REPORT_JSON(id)     \
    "REPORT RequestId: " id \
    "\\tDuration: 123.00 ms\\tBilled Duration: 123 ms\\tMemory Size: 128 MB\\tMax Memory Used: 21 MB"
#define RECORD(id) "record id=" id " started=2026-10-01T12:00:00Z duration_us=123000 memory=128 max=21 billed=123\n"
#define RECORD_OF(id, more) \
    "record id=" id more " started=2026-10-01T12:00:00Z duration_us=123000 memory=128 max=21 billed=123\n"

static void
filter_log_events_gives_its_events(void **state)
{
    (void) state;
    expect_file(
        "{\n  \"events\": [\n"
        "    {\"logStreamName\": \"2026/10/01/[$LATEST]01\", \"timestamp\": 1790856000000, \"message\": \"START "
        "RequestId: a "
        "Version: $LATEST\\n\", \"ingestionTime\": 1, \"eventId\": \"1\"},\n"
        "    {\"logStreamName\": \"2026/10/01/[$LATEST]01\", \"timestamp\": 1790856000123, \"message\": \"" REPORT_JSON(
            "a") "\\t\\n\", \"ingestionTime\": 1, \"eventId\": \"2\"}\n  ],\n  \"searchedLogStreams\": []\n}\n",
        IMPORT_UNKNOWN, (ImportCounts){2, 1, 1, 0}, RECORD_OF("a", " version=$LATEST"), "");
}

static void
firehose_objects_back_to_back_name_their_function(void **state)
{
    (void) state;
    expect_file(
        "{\"messageType\":\"DATA_MESSAGE\",\"logGroup\":\"/aws/lambda/resize\",\"logStream\":\"2026/10/01/[3]01\","
        "\"logEvents\":[{\"id\":\"1\",\"timestamp\":1790856000123,\"message\":\"" REPORT_JSON(
            "a") "\\n\"}]}"
                 "{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[]}"
                 "{\"messageType\":\"DATA_MESSAGE\",\"logGroup\":\"/aws/lambda/"
                 "other\",\"logStream\":\"s\",\"logEvents\":["
                 "{\"id\":\"2\",\"timestamp\":1790856000123,\"message\":\"" REPORT_JSON("b") "\\n\"}]}",
        IMPORT_LAMBDA_REPORT, (ImportCounts){3, 2, 1, 0},
        RECORD_OF("a", " function=resize version=3") RECORD_OF("b", " function=other"), "");
}

static void
an_event_for_each_line(void **state)
{
    (void) state;
    expect_file("{\"timestamp\":1790856000123,\"message\":\"" REPORT_JSON(
                    "a") "\"}\n"
                         "{\"timestamp\":1790856000123,\"message\":\"" REPORT_JSON(
                             "b") "\\nXRAY TraceId: 1-5\\tSegmentId: 2\"}\n"
                                  "{\"timestamp\":\"2026-10-01T12:00:00.123Z\",\"message\":\"" REPORT_JSON(
                                      "c") "\"}\n"
                                           "{\"level\":\"INFO\",\"message\":\"hello\"}\n",
                IMPORT_UNKNOWN, (ImportCounts){5, 3, 2, 0}, RECORD("a") RECORD("b") RECORD("c"), "");
}

static void
logs_insights_as_json_and_as_csv(void **state)
{
    (void) state;
    expect_file("{\"results\": [[{\"field\":\"@timestamp\",\"value\":\"2026-10-01 12:00:00.123\"},"
                "{\"field\":\"@message\",\"value\":\"" REPORT_JSON("a") "\\n\"},{\"field\":\"@ptr\",\"value\":\"x\"}]],"
                                                                        "\"status\":\"Complete\"}",
                IMPORT_UNKNOWN, (ImportCounts){1, 1, 0, 0}, RECORD("a"), "");
    expect_file("@timestamp,@message,@log\n2026-10-01 12:00:00.123,\"" REPORT(
                    "a") "\n\",123456789012:/aws/lambda/resize\n"
                         "2026-10-01 12:00:00.123,END RequestId: a,123456789012:/aws/lambda/resize\n",
                IMPORT_UNKNOWN, (ImportCounts){3, 1, 2, 0}, RECORD_OF("a", " function=resize"), "");
}

static void
plain_lines_with_json_among_them(void **state)
{
    (void) state;
    expect_file("2026-10-01T12:00:00.000Z START RequestId: a Version: 7\n"
                "[INFO] started\n"
                "{\"level\":\"info\",\n"
                "2026-10-01T12:00:00.123Z " REPORT("a") "\n"
                                                        "{\"timestamp\":1790856000123,\"message\":\"" REPORT_JSON(
                                                            "b") "\"}\n"
                                                                 "2026-10-01T12:00:00.123Z " REPORT("") "\n",
                IMPORT_UNKNOWN, (ImportCounts){6, 2, 3, 1}, RECORD_OF("a", " version=7") RECORD("b"),
                "6 malformed request_id\n");
}

static void
output_in_brackets_at_the_start_is_no_json(void **state)
{
    (void) state;
    expect_file("[INFO] cold start\n{not json\n2026-10-01T12:00:00.123Z " REPORT("a") "\n", IMPORT_LAMBDA_REPORT,
                (ImportCounts){3, 1, 2, 0}, RECORD("a"), "");
    expect_file("{not json\n2026-10-01T12:00:00.123Z " REPORT("a") "\n", IMPORT_LAMBDA_REPORT,
                (ImportCounts){2, 1, 1, 0}, RECORD("a"), "");
}

static void
a_document_that_is_cut_off_is_told(void **state)
{
    (void) state;
    expect_file("{\n\"events\": [\n{\"timestamp\": 1790856000123, \"message\": \"" REPORT_JSON("a") "\"},\n",
                IMPORT_UNKNOWN, (ImportCounts){1, 0, 0, 1}, "", "1 malformed \n");
}

static void
a_long_document_is_read_in_pieces(void **state)
{
    (void) state;
    Buffer text = {0};
    assert_true(buffer_append_text(&text, "{\"events\":[", NULL));
    for (int i = 0; i < 2000; i++) /* about 300 KiB on one line, with a character of several bytes in each event */
        assert_true(buffer_printf(&text, NULL,
                                  "%s{\"timestamp\":1790856000123,\"message\":\"æ"
                                  "REPORT\"},{\"timestamp\":1790856000123,\"message\":\"" REPORT_JSON("r%d") "\"}",
                                  i == 0 ? "" : ",", i));
    assert_true(buffer_append_text(&text, "]}", NULL));
    Taken taken = {0};
    ImportCounts counts;
    Err err = {0};
    assert_true(import_text(text.data, text.length, IMPORT_UNKNOWN, &taken, &counts, &err));
    assert_int_equal(counts.records, 2000);
    assert_int_equal(counts.skipped, 2000);
    assert_int_equal(counts.lines, 4000);
    drop(&taken);
    buffer_free(&text);
}

static void
gzip_of_a_log_reads_as_the_log(void **state)
{
    (void) state;
    char path[] = "/tmp/millibill-test-XXXXXX";
    int descriptor = mkstemp(path);
    close(descriptor);
    gzFile file = gzopen(path, "wb");
    assert_true(gzputs(file, "2026-10-01T12:00:00.123Z " REPORT("a") "\r\n") > 0);
    assert_int_equal(gzclose(file), Z_OK);
    ImportSettings settings = settings_of_acme();
    Taken taken = {0};
    ImportCounts counts;
    Err err = {0};
    assert_true(import_path(path, IMPORT_UNKNOWN, &settings, &taken, &counts, &err));
    assert_string_equal(taken.records.data, RECORD("a"));
    drop(&taken);
    unlink(path);
}

#define LINE "{\"memory_mb\":128,\"started_at\":\"2026-10-01T12:00:00Z\",\"duration_ms\":1}\n"
#define OTHER "{\"memory_mb\":128,\"started_at\":\"2026-10-01T12:00:00Z\",\"duration_ms\":2}\n"

/* The id in the n-th description. */
static void
id_of(const char *records, int n, char out[64])
{
    for (; n > 0; n--)
        records = strchr(records, '\n') + 1;
    records += strlen("record id=");
    snprintf(out, 64, "%.*s", (int) strcspn(records, " "), records);
}

static void
equal_lines_without_id_are_different_and_the_same_again(void **state)
{
    (void) state;
    char ids[2][3][64];
    for (int run = 0; run < 2; run++) {
        Taken taken = {0};
        ImportCounts counts;
        Err err = {0};
        assert_true(import_text(LINE OTHER LINE, strlen(LINE OTHER LINE), IMPORT_NDJSON, &taken, &counts, &err));
        for (int i = 0; i < 3; i++)
            id_of(taken.records.data, i, ids[run][i]);
        drop(&taken);
    }
    for (int i = 0; i < 3; i++)
        assert_string_equal(ids[0][i], ids[1][i]);
    assert_string_not_equal(ids[0][0], ids[0][1]);
    assert_memory_equal(ids[0][0], ids[0][2], 34); /* the same digest … */
    assert_string_equal(ids[0][0] + 34, "-1");     /* … and its ordinals */
    assert_string_equal(ids[0][2] + 34, "-2");
}

static void
malformed_lines_of_ndjson_and_csv_do_not_stop_the_others(void **state)
{
    (void) state;
    expect_file("{\"request_id\":\"a\",\"memory_mb\":128,\"started_at\":\"2026-10-01T12:00:00Z\",\"duration_ms\":1}\n"
                "nonsense\n\n"
                "{\"request_id\":\"b\",\"started_at\":\"2026-10-01T12:00:00Z\",\"duration_ms\":1}\n",
                IMPORT_NDJSON, (ImportCounts){4, 1, 1, 2},
                "record id=a started=2026-10-01T12:00:00Z duration_us=1000 memory=128\n",
                "2 malformed \n4 missing_field memory_mb\n");
    expect_file(
        "request_id,memory_mb,started_at,duration_ms\na,128,2026-10-01T12:00:00Z,1\nb,128,2026-10-01T12:00:00Z,-1\n"
        "\"c,128\nd,128,2026-10-01T12:00:00Z,1\n",
        IMPORT_UNKNOWN, (ImportCounts){5, 2, 1, 2},
        "record id=a started=2026-10-01T12:00:00Z duration_us=1000 memory=128\n"
        "record id=d started=2026-10-01T12:00:00Z duration_us=1000 memory=128\n",
        "3 out_of_range duration_ms\n4 malformed \n");
}

static void
an_unknown_column_stops_the_file_with_file_line_and_column(void **state)
{
    (void) state;
    Taken taken = {0};
    ImportCounts counts;
    Err err = {0};
    static const char TEXT[] = "request_id,colour\na,red\n";
    assert_false(import_text(TEXT, sizeof TEXT - 1, IMPORT_CSV, &taken, &counts, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.message, ":1: column 2"));
    drop(&taken);
}

static void
a_sink_that_fails_stops_the_import(void **state)
{
    (void) state;
    Taken taken = {.until_failure = 2};
    ImportCounts counts;
    Err err = {0};
    assert_false(import_text(LINE OTHER LINE, strlen(LINE OTHER LINE), IMPORT_NDJSON, &taken, &counts, &err));
    assert_int_equal(err.code, ERR_BUSY);
    drop(&taken);
}

static void
a_log_of_a_month_with_every_variant_loses_no_line(void **state)
{
    (void) state;
    char path[1024];
    const char *root = getenv("MILLIBILL_SHARE_ROOT");
    snprintf(path, sizeof path, "%s/examples/lambda-report.log", root == NULL ? "." : root);
    ImportSettings settings = settings_of_acme();
    Taken taken = {0};
    ImportCounts counts;
    Err err = {0};
    assert_true(import_path(path, IMPORT_UNKNOWN, &settings, &taken, &counts, &err));
    assert_int_equal(counts.lines, 198);
    assert_int_equal(counts.records, 61); /* 62 REPORT lines, of which one has no id */
    assert_int_equal(counts.rejected, 1);
    assert_int_equal(counts.skipped, 136);
    assert_string_equal(taken.rejected.data, "136 malformed request_id\n");
    drop(&taken);
}

static void
every_format_is_guessed_from_its_beginning(void **state)
{
    (void) state;
    static const struct {
        const char *text;
        ImportFormat format;
    } CASES[] = {
        {LINE, IMPORT_NDJSON},
        {"{\"tenant\":\"acme\",\"function\":\"f\"}\n", IMPORT_NDJSON},
        {"tenant,function,memory_mb\n", IMPORT_CSV},
        {"timestamp,message\n1790856000123,\"START RequestId: a\"\n", IMPORT_LAMBDA_REPORT},
        {"@timestamp,@message\n", IMPORT_LAMBDA_REPORT},
        {"START RequestId: a Version: 1\n", IMPORT_LAMBDA_REPORT},
        {"hello\n2026-10-01T12:00:00Z REPORT RequestId: a\n", IMPORT_LAMBDA_REPORT},
        {"{\"events\": [\n {\"message\": \"x\"}]}", IMPORT_LAMBDA_REPORT},
        {"", IMPORT_NDJSON},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char path[] = "/tmp/millibill-test-XXXXXX";
        int descriptor = mkstemp(path);
        assert_int_equal(write(descriptor, CASES[i].text, strlen(CASES[i].text)), (ssize_t) strlen(CASES[i].text));
        close(descriptor);
        Err err = {0};
        ImportFormat format = IMPORT_UNKNOWN;
        LineReader *reader = line_reader_open(path, &err);
        assert_true(import_format_guess(reader, path, &format, &err));
        if (format != CASES[i].format)
            fail_msg("%s: %s", CASES[i].text, import_format_name(format));
        line_reader_free(&reader);
        unlink(path);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filter_log_events_gives_its_events),
        cmocka_unit_test(firehose_objects_back_to_back_name_their_function),
        cmocka_unit_test(an_event_for_each_line),
        cmocka_unit_test(logs_insights_as_json_and_as_csv),
        cmocka_unit_test(plain_lines_with_json_among_them),
        cmocka_unit_test(output_in_brackets_at_the_start_is_no_json),
        cmocka_unit_test(a_document_that_is_cut_off_is_told),
        cmocka_unit_test(a_long_document_is_read_in_pieces),
        cmocka_unit_test(gzip_of_a_log_reads_as_the_log),
        cmocka_unit_test(equal_lines_without_id_are_different_and_the_same_again),
        cmocka_unit_test(malformed_lines_of_ndjson_and_csv_do_not_stop_the_others),
        cmocka_unit_test(an_unknown_column_stops_the_file_with_file_line_and_column),
        cmocka_unit_test(a_sink_that_fails_stops_the_import),
        cmocka_unit_test(a_log_of_a_month_with_every_variant_loses_no_line),
        cmocka_unit_test(every_format_is_guessed_from_its_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
