#include "formats/import_lines.h"

#include <stdlib.h>

#include "formats/decode_csv.h"
#include "formats/import_log.h"

struct ImportLines {
    ImportRun *run;
    DecodeScratch *scratch; /* NDJSON */
    CsvRow *row;            /* CSV */
    CsvDecoder *decoder;
    ImportLog *log; /* Lambda */
};

MUST_CHECK ImportLines *
import_lines_new(ImportRun *run, Err *err)
{
    ImportLines *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to decode lines");
        return NULL;
    }
    self->run = run;
    bool ready = false;
    switch (run->format) {
    case IMPORT_NDJSON:
        ready = (self->scratch = decode_scratch_new(err)) != NULL;
        break;
    case IMPORT_CSV:
        ready = (self->row = csv_row_new(err)) != NULL;
        break;
    case IMPORT_LAMBDA_REPORT:
        ready = (self->log = import_log_new(run, err)) != NULL;
        break;
    case IMPORT_UNKNOWN:
        err_set(err, ERR_INTERNAL, "no format");
        break;
    }
    if (!ready)
        import_lines_free(&self);
    return self;
}

void
import_lines_free(ImportLines **self)
{
    ImportLines *lines = *self;
    *self = NULL;
    if (lines == NULL)
        return;
    decode_scratch_free(&lines->scratch);
    csv_decoder_free(&lines->decoder);
    csv_row_free(&lines->row);
    import_log_free(&lines->log);
    free(lines);
}

MUST_CHECK bool
import_lines_header(ImportLines *self, Text line, Err *err)
{
    const ImportSettings *settings = self->run->settings;
    csv_decoder_free(&self->decoder);
    csv_row_drop(self->row);
    if (csv_row_feed(self->row, line, err) != CSV_ROW) {
        csv_row_drop(self->row);
        return err_set(err, ERR_INPUT, "a quote of the header row is not closed"); /* the first error stays */
    }
    self->decoder = csv_decoder_new(self->row, settings->ignored_columns, settings->ignored_count, err);
    return self->decoder != NULL;
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
    return import_run_reject(run, line, run->line, record.tenant, &fault, err);
}

static bool
csv_row(ImportRun *run, const CsvDecoder *decoder, const CsvRow *row, Err *err)
{
    UsageRecord record = usage_record_empty();
    UsageFault fault;
    if (decode_csv(decoder, row, &run->settings->defaults, &record, &fault))
        return import_run_record(run, &record, err);
    return import_run_reject(run, csv_row_raw(row), run->line, record.tenant, &fault, err);
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
csv_long(ImportRun *run, CsvRow *row, Text line, Err *err)
{
    if (!csv_row_is_open(row))
        run->counts->lines++;
    csv_row_drop(row);
    return import_run_reject_long(run, line, err);
}

MUST_CHECK bool
import_lines_take(ImportLines *self, LineResult result, Text line, Err *err)
{
    ImportRun *run = self->run;
    bool is_long = result == LINE_TOO_LONG;
    if (self->log != NULL) /* the first part of a long line tells a REPORT from a function's long output */
        return import_log_line(self->log, line, err);
    if (self->row != NULL)
        return is_long ? csv_long(run, self->row, line, err) : csv_line(run, self->decoder, self->row, line, err);
    run->counts->lines++;
    return is_long ? import_run_reject_long(run, line, err) : ndjson_line(run, self->scratch, line, err);
}

bool
import_lines_is_open(const ImportLines *self)
{
    return self->row != NULL && csv_row_is_open(self->row);
}

void
import_lines_drop(ImportLines *self)
{
    if (self->row != NULL)
        csv_row_drop(self->row);
}

MUST_CHECK bool
import_lines_end(ImportLines *self, Err *err)
{
    if (!import_lines_is_open(self))
        return true;
    Err problem;
    err_clear(&problem);
    err_set(&problem, ERR_INPUT, "the file ends inside a quoted cell");
    bool rejected = import_run_reject_row(self->run, csv_row_raw(self->row), &problem, err);
    csv_row_drop(self->row);
    return rejected;
}

int64_t
import_lines_time(const ImportLines *self)
{
    return self->log == NULL ? USAGE_ABSENT : import_log_time(self->log);
}

void
import_lines_set_time(ImportLines *self, int64_t last_us)
{
    if (self->log != NULL)
        import_log_set_time(self->log, last_us);
}
