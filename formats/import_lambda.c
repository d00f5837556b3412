#include "formats/import_lambda.h"

#include <string.h>

#include "formats/decode_csv.h"
#include "formats/import_log.h"

static bool
reject_document(ImportLog *log, Text raw, const char *why)
{
    UsageFault fault;
    usage_fault_set(&fault, USAGE_REASON_MALFORMED, "", "the JSON that begins here %s", why);
    log->run->counts->lines++;
    return import_run_reject(log->run, raw, import_log_line_number(log), (Text){"", 0}, &fault, log->err);
}

/* Bytes of a piece that do not end within a character: the JSON parser checks UTF-8 piece by piece. */
static size_t
whole_characters(Text piece)
{
    size_t length = piece.length;
    while (length > 0 && ((unsigned char) piece.data[length - 1] & 0x80) != 0)
        length--;
    return length == 0 ? piece.length : length;
}

typedef enum DocumentResult { DOCUMENT_TAKEN, DOCUMENT_NONE, DOCUMENT_FAILED } DocumentResult;

/* Not JSON at byte `at` of what lies ahead, after `read` bytes that were. On its first line it is no document, but some
 * line of plain log; else the rest of it is not understood: go on with the next line. */
static DocumentResult
document_broken(ImportLog *log, const char *why, size_t read, size_t at)
{
    Text ahead;
    if (!line_reader_peek(log->run->reader, &ahead, log->err))
        return DOCUMENT_FAILED;
    if (read == 0 && memchr(ahead.data, '\n', at) == NULL)
        return DOCUMENT_NONE;
    const char *feed = ahead.length == 0 ? NULL : memchr(ahead.data, '\n', ahead.length);
    Text raw = {ahead.data, feed == NULL ? ahead.length : (size_t) (feed - ahead.data)};
    bool rejected = reject_document(log, raw, why);
    line_reader_skip(log->run->reader, feed == NULL ? ahead.length : raw.length + 1);
    return rejected ? DOCUMENT_TAKEN : DOCUMENT_FAILED;
}

/* Read one JSON value in pieces; what lies ahead begins with it. */
static DocumentResult
take_document(ImportLog *log)
{
    LineReader *reader = log->run->reader;
    json_tokener_reset(log->tokener);
    log->document_line = line_reader_number(reader) + 1;
    for (size_t read = 0;;) {
        Text ahead;
        if (!line_reader_peek(reader, &ahead, log->err))
            return DOCUMENT_FAILED;
        if (ahead.length == 0)
            return document_broken(log, "is cut off at the end of the file", read, 0);
        if (read > IMPORT_DOCUMENT_BYTES_MAX) {
            err_set(log->err, ERR_RANGE, "%s:%llu: a JSON document of more than %d bytes", log->run->path,
                    (unsigned long long) log->document_line, IMPORT_DOCUMENT_BYTES_MAX);
            err_hint(log->err, "export in smaller parts, or as text: aws logs filter-log-events --output text "
                               "--query 'events[].[timestamp,message]'");
            return DOCUMENT_FAILED;
        }
        size_t length = whole_characters(ahead);
        Json *value = json_tokener_parse_ex(log->tokener, ahead.data, (int) length);
        enum json_tokener_error code = json_tokener_get_error(log->tokener);
        if (code == json_tokener_continue) {
            line_reader_skip(reader, length);
            read += length;
            continue;
        }
        if (code != json_tokener_success)
            return document_broken(log, json_tokener_error_desc(code), read, json_tokener_get_parse_end(log->tokener));
        line_reader_skip(reader, json_tokener_get_parse_end(log->tokener));
        bool taken = import_log_value(log, value);
        json_object_put(value);
        return taken ? DOCUMENT_TAKEN : DOCUMENT_FAILED;
    }
}

/* An object, or a list of objects or lists; "[INFO]" is none. */
static bool
begins_document(Text text)
{
    if (text.length == 0 || text.data[0] == '{')
        return text.length > 0;
    Text inside = text_trim((Text){text.data + 1, text.length - 1});
    return text.data[0] == '[' && inside.length > 0 && (inside.data[0] == '{' || inside.data[0] == '[');
}

/* Skip blanks; does a JSON value come? */
static bool
document_ahead(ImportLog *log, bool *found)
{
    LineReader *reader = log->run->reader;
    for (;;) {
        Text ahead;
        if (!line_reader_peek(reader, &ahead, log->err))
            return false;
        size_t blanks = 0;
        while (blanks < ahead.length && strchr(" \t\r\n,", ahead.data[blanks]) != NULL && ahead.data[blanks] != '\0')
            blanks++;
        *found = begins_document((Text){ahead.data + blanks, ahead.length - blanks});
        if (*found || blanks == ahead.length)
            line_reader_skip(reader, blanks);
        if (*found || ahead.length == 0 || blanks < ahead.length)
            return true;
    }
}

static bool
take_documents(ImportLog *log)
{
    bool found = false;
    DocumentResult result = DOCUMENT_TAKEN;
    while (result == DOCUMENT_TAKEN) {
        if (!document_ahead(log, &found))
            return false;
        if (!found)
            break;
        result = take_document(log);
        progress_show(&log->run->progress, line_reader_offset(log->run->reader), line_reader_size(log->run->reader));
    }
    log->document_line = 0;
    return result != DOCUMENT_FAILED;
}

static bool
take_lines(ImportLog *log)
{
    for (;;) {
        Text line;
        switch (import_run_line(log->run, &line, log->err)) {
        case LINE_END:
            return true;
        case LINE_FAILED:
            return false;
        case LINE_TOO_LONG: /* its first part tells a REPORT from a function's long output */
        case LINE_READ:
            if (!import_log_line(log, line, log->err))
                return false;
            break;
        }
    }
}

/* Columns of a CloudWatch Logs export; COLUMN_NONE: not there. */
enum { COLUMN_MESSAGE, COLUMN_TIME, COLUMN_GROUP, COLUMN_STREAM, COLUMN_COUNT, COLUMN_NONE = CSV_CELLS_MAX };

static void
map_columns(const CsvRow *header, size_t columns[COLUMN_COUNT])
{
    static const char *const NAMES[COLUMN_COUNT][4] = {
        {"@message", "message", NULL, NULL},
        {"@timestamp", "timestamp", NULL, NULL},
        {"@log", "logGroup", "logGroupName", NULL},
        {"@logStream", "logStream", "logStreamName", NULL},
    };
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        columns[i] = COLUMN_NONE;
        for (size_t j = 0; j < csv_row_cells(header) && columns[i] == COLUMN_NONE; j++)
            for (const char *const *name = NAMES[i]; *name != NULL; name++)
                if (text_is(text_trim(csv_row_cell(header, j)), *name))
                    columns[i] = j;
    }
}

static Text
cell_at(const CsvRow *row, size_t column)
{
    return column < csv_row_cells(row) ? text_trim(csv_row_cell(row, column)) : (Text){"", 0};
}

static bool
take_log_row(ImportLog *log, const CsvRow *row, const size_t columns[COLUMN_COUNT])
{
    LambdaContext context = {USAGE_ABSENT, cell_at(row, columns[COLUMN_GROUP]), cell_at(row, columns[COLUMN_STREAM])};
    if (!lambda_time_parse(cell_at(row, columns[COLUMN_TIME]), &context.at_us))
        context.at_us = USAGE_ABSENT;
    return import_log_message(log, cell_at(row, columns[COLUMN_MESSAGE]), &context);
}

static bool
take_log_rows(ImportLog *log, CsvRow *row, const size_t columns[COLUMN_COUNT])
{
    for (;;) {
        Text line;
        LineResult result = import_run_line(log->run, &line, log->err);
        if (result == LINE_FAILED)
            return false;
        if (result == LINE_END && !csv_row_is_open(row))
            return true;
        Err problem;
        err_clear(&problem);
        CsvResult fed = CSV_BROKEN;
        if (result == LINE_READ)
            fed = csv_row_feed(row, line, &problem);
        else
            err_set(&problem, ERR_INPUT, "%s",
                    result == LINE_END ? "the file ends inside a quoted cell" : "the row is too long");
        if (fed == CSV_ROW && !take_log_row(log, row, columns))
            return false;
        if (fed == CSV_BROKEN) {
            log->run->counts->lines++;
            bool rejected =
                import_run_reject_row(log->run, result == LINE_END ? csv_row_raw(row) : line, &problem, log->err);
            csv_row_drop(row);
            if (!rejected)
                return false;
        }
    }
}

static bool
take_csv(ImportLog *log)
{
    CsvRow *row = csv_row_new(log->err);
    size_t columns[COLUMN_COUNT];
    Text header;
    bool done = row != NULL && import_run_header(log->run, &header, log->err) &&
                (csv_row_feed(row, header, log->err) == CSV_ROW || import_run_bad_header(log->run, log->err));
    if (done) {
        map_columns(row, columns);
        if (columns[COLUMN_MESSAGE] == COLUMN_NONE)
            done = err_set(log->err, ERR_INPUT, "%s:1: no column '@message' or 'message'", log->run->path);
    }
    done = done && take_log_rows(log, row, columns);
    csv_row_free(&row);
    return done;
}

/* Does the file begin with a CSV header that names a message? */
static bool
is_csv(Text ahead)
{
    const char *feed = ahead.length == 0 ? NULL : memchr(ahead.data, '\n', ahead.length);
    size_t length = feed == NULL ? ahead.length : (size_t) (feed - ahead.data);
    if (length == 0 || memchr(ahead.data, ' ', length) != NULL || memchr(ahead.data, '{', length) != NULL)
        return false;
    return memmem(ahead.data, length, "@message", 8) != NULL ||
           (memchr(ahead.data, ',', length) != NULL && memmem(ahead.data, length, "message", 7) != NULL);
}

MUST_CHECK bool
import_lambda(ImportRun *run, Err *err)
{
    bool done = false;
    Text ahead;
    ImportLog *log = import_log_new(run, err);
    if (log == NULL || !line_reader_peek(run->reader, &ahead, err))
        goto end;
    done = is_csv(ahead) ? take_csv(log) : take_documents(log) && take_lines(log);
end:
    import_log_free(&log);
    return done;
}
