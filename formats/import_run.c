#include "formats/import_run.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

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
    run->warnings++;
    if (run->quiet)
        return;
    progress_end(&run->progress);
    if (run->warnings <= WARNINGS_MAX)
        fprintf(stderr, "warning: %s:%" PRIu64 ": %.*s%s%.*s\n", run->path, line, TEXT_ARG(field),
                field.length > 0 ? ": " : "", TEXT_ARG(message));
    else if (run->warnings == WARNINGS_MAX + 1)
        fprintf(stderr, "warning: %s: further lines are rejected without a message; see 'millibill quarantine list'\n",
                run->path);
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
        if (run->tag != NULL && run->offset >= run->tag->from)
            content_id_tagged(record, run->tag, run->offset, id);
        else if (!content_ids_next(run->ids, record, id, err))
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
    LineResult result = line_reader_next(run->reader, line, err);
    run->line = line_reader_number(run->reader);
    run->offset = line_reader_line_at(run->reader);
    return result;
}

MUST_CHECK bool
import_run_reject_long(ImportRun *run, Text line, Err *err)
{
    UsageFault fault;
    usage_fault_set(&fault, USAGE_REASON_MALFORMED, "",
                    "the line is longer than %d bytes (cut here to %d): one record has to fit", LINE_BYTES_MAX,
                    USAGE_REJECTED_RAW_BYTES_MAX);
    return import_run_reject(run, line, run->line, (Text){"", 0}, &fault, err);
}

MUST_CHECK bool
import_run_reject_row(ImportRun *run, Text raw, const Err *problem, Err *err)
{
    UsageFault fault;
    usage_fault_set(&fault, USAGE_REASON_MALFORMED, "", "%s", problem->message);
    return import_run_reject(run, raw, run->line, (Text){"", 0}, &fault, err);
}

bool
import_run_bad_header(const ImportRun *run, Err *err)
{
    err_set(err, ERR_INPUT, "a quote of the header row is not closed");
    return err_prefix(err, "%s:1: ", run->path);
}

MUST_CHECK bool
import_run_header(ImportRun *run, Text *line, Err *err)
{
    LineResult result = import_run_line(run, line, err);
    if (result == LINE_FAILED)
        return false;
    if (result == LINE_END)
        return err_set(err, ERR_INPUT, "%s:1: the file is empty, expected a header row", run->path);
    run->counts->lines++;
    run->counts->skipped++;
    return result == LINE_READ ||
           err_set(err, ERR_INPUT, "%s:1: the header row is longer than %d bytes", run->path, LINE_BYTES_MAX);
}
