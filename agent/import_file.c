#include "agent/import_file.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/content_id.h"
#include "agent/decode_csv.h"
#include "agent/import_lambda.h"
#include "agent/import_run.h"
#include "agent/progress.h"

enum { PROGRESS_LINES = 4096, WARNINGS_MAX = 10, SHOWN_FIELD_BYTES = 64 };

/* Messages may quote bytes of the line; what is not text becomes '?'. */
static Text
clean(char *text)
{
    Text cleaned = text_of(text);
    if (text_is_clean_utf8(cleaned))
        return cleaned;
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char) *at < 0x20 || (unsigned char) *at >= 0x7F)
            *at = '?';
    return cleaned;
}

static void
warn(ImportRun *run, uint64_t line, Text field, Text message)
{
    progress_end(&run->progress);
    if (run->warnings < WARNINGS_MAX)
        fprintf(stderr, "warning: %s:%" PRIu64 ": %.*s%s%.*s\n", run->path, line, TEXT_ARG(field),
                field.length > 0 ? ": " : "", TEXT_ARG(message));
    else if (run->warnings == WARNINGS_MAX)
        fprintf(stderr, "warning: %s: further lines are rejected without a message; see 'millibill quarantine list'\n",
                run->path);
    run->warnings++;
}

MUST_CHECK bool
import_run_reject(ImportRun *run, Text raw, uint64_t line, Text tenant, UsageFault *fault, Err *err)
{
    char field[SHOWN_FIELD_BYTES + 1];
    char path[PATH_MAX];
    snprintf(field, sizeof field, "%s", fault->field == NULL ? "" : fault->field);
    snprintf(path, sizeof path, "%s", run->path);
    bool is_named = tenant.length > 0 && tenant.length <= USAGE_NAME_BYTES_MAX && text_is_clean_utf8(tenant);
    if (raw.length > USAGE_REJECTED_RAW_BYTES_MAX)
        raw.length = USAGE_REJECTED_RAW_BYTES_MAX;
    UsageRejected rejected = {.raw = raw,
                              .format = text_of(import_format_name(run->format)),
                              .reason = text_of(usage_reason_name(fault->reason)),
                              .field = clean(field),
                              .message = clean(fault->message),
                              .source = clean(path),
                              .line = line,
                              .tenant = is_named ? tenant : run->settings->defaults.tenant};
    run->counts->rejected++;
    warn(run, line, rejected.field, rejected.message);
    return run->sink->reject(run->sink->caller, &rejected, err);
}

MUST_CHECK bool
import_run_record(ImportRun *run, UsageRecord *record, Err *err)
{
    char id[CONTENT_ID_BYTES];
    if (record->request_id.length == 0) {
        if (!content_ids_next(run->ids, record, id, err))
            return false;
        record->request_id = text_of(id);
    }
    run->counts->records++;
    return run->sink->record(run->sink->caller, record, err);
}

MUST_CHECK LineResult
import_run_line(ImportRun *run, Text *line, Err *err)
{
    if (line_reader_number(run->reader) % PROGRESS_LINES == 0)
        progress_show(&run->progress, line_reader_offset(run->reader), line_reader_size(run->reader));
    return line_reader_next(run->reader, line, err);
}

MUST_CHECK bool
import_run_reject_long(ImportRun *run, Text line, Err *err)
{
    UsageFault fault;
    usage_fault_set(&fault, USAGE_REASON_MALFORMED, "",
                    "the line is longer than %d bytes (cut here to %d): one record has to fit", LINE_BYTES_MAX,
                    USAGE_REJECTED_RAW_BYTES_MAX);
    return import_run_reject(run, line, line_reader_number(run->reader), (Text){"", 0}, &fault, err);
}

static bool
is_blank(Text line)
{
    return text_trim(line).length == 0;
}

static bool
ndjson_line(ImportRun *run, DecodeScratch *scratch, Text line, Err *err)
{
    if (is_blank(line)) {
        run->counts->skipped++;
        return true;
    }
    UsageRecord record = usage_record_empty();
    UsageFault fault;
    if (decode_ndjson(scratch, line, &run->settings->defaults, &record, &fault))
        return import_run_record(run, &record, err);
    return import_run_reject(run, line, line_reader_number(run->reader), record.tenant, &fault, err);
}

static bool
import_ndjson(ImportRun *run, Err *err)
{
    DecodeScratch *scratch = decode_scratch_new(err);
    bool going = scratch != NULL;
    while (going) {
        Text line;
        LineResult result = import_run_line(run, &line, err);
        if (result == LINE_END)
            break;
        going = result != LINE_FAILED;
        if (!going)
            break;
        run->counts->lines++;
        going = result == LINE_TOO_LONG ? import_run_reject_long(run, line, err) : ndjson_line(run, scratch, line, err);
    }
    decode_scratch_free(&scratch);
    return going;
}

MUST_CHECK bool
import_run_reject_row(ImportRun *run, Text raw, const Err *problem, Err *err)
{
    UsageFault fault;
    usage_fault_set(&fault, USAGE_REASON_MALFORMED, "", "%s", problem->message);
    return import_run_reject(run, raw, line_reader_number(run->reader), (Text){"", 0}, &fault, err);
}

static bool
csv_row(ImportRun *run, const CsvDecoder *decoder, const CsvRow *row, Err *err)
{
    UsageRecord record = usage_record_empty();
    UsageFault fault;
    if (decode_csv(decoder, row, &run->settings->defaults, &record, &fault))
        return import_run_record(run, &record, err);
    return import_run_reject(run, csv_row_raw(row), line_reader_number(run->reader), record.tenant, &fault, err);
}

/* A physical line. A row may only run on where some column is ignored: no field of a record holds a line break, and a stray
 * quote must not swallow the lines behind it. */
static bool
csv_line(ImportRun *run, const CsvDecoder *decoder, CsvRow *row, Text line, Err *err)
{
    Err problem;
    err_clear(&problem);
    bool was_open = csv_row_is_open(row);
    if (!was_open) {
        run->counts->lines++;
        if (is_blank(line)) {
            run->counts->skipped++;
            return true;
        }
    }
    CsvResult result = csv_row_feed(row, line, &problem);
    if (result == CSV_MORE && run->settings->ignored_count == 0) {
        csv_row_drop(row);
        err_set(&problem, ERR_INPUT, "a quote is not closed on its line");
        result = CSV_BROKEN;
    }
    if (result == CSV_BROKEN)
        return import_run_reject_row(run, was_open ? csv_row_raw(row) : line, &problem, err);
    return result == CSV_MORE || csv_row(run, decoder, row, err);
}

static bool
csv_end(ImportRun *run, const CsvRow *row, Err *err)
{
    if (!csv_row_is_open(row))
        return true;
    Err problem;
    err_clear(&problem);
    err_set(&problem, ERR_INPUT, "the file ends inside a quoted cell");
    return import_run_reject_row(run, csv_row_raw(row), &problem, err);
}

MUST_CHECK bool
import_run_header(ImportRun *run, CsvRow *row, Err *err)
{
    Text line;
    LineResult result = line_reader_next(run->reader, &line, err);
    if (result == LINE_FAILED)
        return false;
    if (result == LINE_END)
        return err_set(err, ERR_INPUT, "%s:1: the file is empty, expected a header row", run->path);
    run->counts->lines++;
    run->counts->skipped++;
    if (result == LINE_TOO_LONG || csv_row_feed(row, line, err) != CSV_ROW) {
        err_set(err, ERR_INPUT, "the header row is longer than %d bytes, or a quote is not closed", LINE_BYTES_MAX);
        return err_prefix(err, "%s:1: ", run->path);
    }
    return true;
}

static bool
csv_rows(ImportRun *run, const CsvDecoder *decoder, CsvRow *row, Err *err)
{
    for (;;) {
        Text line;
        switch (import_run_line(run, &line, err)) {
        case LINE_END:
            return csv_end(run, row, err);
        case LINE_FAILED:
            return false;
        case LINE_TOO_LONG:
            if (!csv_row_is_open(row))
                run->counts->lines++;
            csv_row_drop(row);
            if (!import_run_reject_long(run, line, err))
                return false;
            break;
        case LINE_READ:
            if (!csv_line(run, decoder, row, line, err))
                return false;
            break;
        }
    }
}

static bool
import_csv(ImportRun *run, Err *err)
{
    CsvDecoder *decoder = NULL;
    bool done = false;
    CsvRow *row = csv_row_new(err);
    if (row == NULL || !import_run_header(run, row, err))
        goto end;
    decoder = csv_decoder_new(row, run->settings->ignored_columns, run->settings->ignored_count, err);
    if (decoder == NULL) {
        err_prefix(err, "%s:1: ", run->path);
        goto end;
    }
    done = csv_rows(run, decoder, row, err);
end:
    csv_decoder_free(&decoder);
    csv_row_free(&row);
    return done;
}

MUST_CHECK bool
import_file(LineReader *reader, const char *path, ImportFormat format, const ImportSettings *settings,
            const ImportSink *sink, ImportCounts *counts, Err *err)
{
    ImportRun run = {.reader = reader,
                     .path = path,
                     .format = format,
                     .settings = settings,
                     .sink = sink,
                     .counts = counts,
                     .progress = progress_start("reading"),
                     .ids = content_ids_new(err)};
    if (run.ids == NULL)
        return false;
    bool done = false;
    switch (format) {
    case IMPORT_NDJSON:
        done = import_ndjson(&run, err);
        break;
    case IMPORT_CSV:
        done = import_csv(&run, err);
        break;
    case IMPORT_LAMBDA_REPORT:
        done = import_lambda(&run, err);
        break;
    case IMPORT_UNKNOWN:
        done = err_set(err, ERR_INTERNAL, "no format");
        break;
    }
    progress_end(&run.progress);
    content_ids_free(&run.ids);
    return done;
}
