#include "agent/trace.h"

#include <stdlib.h>
#include <string.h>

#include "agent/mix.h"
#include "agent/trace_minutes.h"
#include "formats/azure_trace.h"
#include "formats/line_reader.h"
#include "lib/digest.h"
#include "lib/progress.h"

struct Trace {
    TraceOptions options;
    const char *path; /* 2021 */
    LineReader *reader;
    TraceMinutes *minutes; /* 2019 */
    AzureMinutes *row;     /* room for one: it is large */
    DigestState content;
    int days; /* files of invocations so far */
    bool is_2021;
    int64_t month_us;
    int64_t end_us;
    int64_t total;
    int64_t keep;  /* of the total */
    int64_t taken; /* of the total, kept or not */
    uint64_t key[4];
    TraceNotes notes;
    char function[TRACE_TEXT_BYTES];
    char id[MIX_ID_BYTES];
};

/* ---- reading ---- */

static bool
is_inside(const Trace *self, const AzureInvocation *invocation)
{
    int64_t start_us = self->month_us + invocation->start_us;
    return start_us >= self->month_us && start_us < self->end_us;
}

static bool
read_row(Trace *self, AzureFile kind, int day, Text line, Err *err)
{
    AzureInvocation invocation;
    AzureCurve curve;
    switch (kind) {
    case AZURE_2019_INVOCATIONS:
        return azure_minutes_decode(line, self->row, err) && trace_minutes_add(self->minutes, day, self->row, err);
    case AZURE_2021:
        if (!azure_invocation_decode(line, &invocation, err))
            return false;
        *(is_inside(self, &invocation) ? &self->total : &self->notes.outside) += 1;
        return true;
    default:
        return azure_curve_decode(kind, line, &curve, err) && trace_minutes_curve(self->minutes, kind, &curve, err);
    }
}

/* Lines of a file but its header and empty ones. LINE_TOO_LONG is an error too. */
static LineResult
next_row(LineReader *reader, const char *path, Text *line, Err *err)
{
    LineResult result;
    do
        result = line_reader_next(reader, line, err);
    while (result == LINE_READ && text_is_empty(*line));
    if (result == LINE_TOO_LONG)
        err_set(err, ERR_INPUT, "%s:%llu: the line is longer than %d bytes", path,
                (unsigned long long) line_reader_number(reader), LINE_BYTES_MAX);
    return result == LINE_TOO_LONG ? LINE_FAILED : result;
}

static bool
read_rows(Trace *self, LineReader *reader, const char *path, AzureFile kind, Err *err)
{
    Text line;
    LineResult result;
    int day = kind == AZURE_2019_INVOCATIONS ? self->days++ : 0;
    Progress progress = progress_start("reading the trace");
    while ((result = next_row(reader, path, &line, err)) == LINE_READ) {
        digest_add(&self->content, line.data, line.length);
        digest_add(&self->content, "\n", 1);
        if (!read_row(self, kind, day, line, err)) {
            err_prefix(err, "%s:%llu: ", path, (unsigned long long) line_reader_number(reader));
            break;
        }
        progress_show(&progress, line_reader_offset(reader), line_reader_size(reader));
    }
    progress_end(&progress);
    return result == LINE_END;
}

static AzureFile
read_header(LineReader *reader, const char *path, Err *err)
{
    Text line;
    LineResult result = line_reader_next(reader, &line, err);
    AzureFile kind = result == LINE_READ ? azure_file_of(text_trim(line)) : AZURE_UNKNOWN;
    if (kind == AZURE_UNKNOWN && result != LINE_FAILED) {
        err_set(err, ERR_INPUT, "%s:1: the header is none of the Azure Functions traces of 2019 and 2021", path);
        err_hint(err, "the columns have to stand as in the published files; doc/traces.md lists them");
    }
    return kind;
}

/* Files of both kinds do not go together, and there is one of 2021. */
static bool
takes(Trace *self, AzureFile kind, size_t count, const char *path, Err *err)
{
    self->is_2021 = kind == AZURE_2021;
    if (self->is_2021 && count > 1)
        return err_set(err, ERR_INPUT, "%s: a trace of 2021 is one file", path);
    if (self->is_2021 && strcmp(path, "-") == 0)
        return err_set(err, ERR_INPUT, "a trace of 2021 is read twice: give it as a file");
    if (!self->is_2021 && self->minutes == NULL) {
        self->minutes = trace_minutes_new(self->options.memory_mb, err);
        self->row = malloc(sizeof *self->row);
        return self->minutes != NULL && (self->row != NULL || err_set(err, ERR_NOMEM, "no memory for a trace"));
    }
    return true;
}

static bool
read_file(Trace *self, const char *path, size_t count, Err *err)
{
    LineReader *reader = line_reader_open(path, err);
    if (reader == NULL)
        return false;
    AzureFile kind = read_header(reader, path, err);
    bool done =
        kind != AZURE_UNKNOWN && takes(self, kind, count, path, err) && read_rows(self, reader, path, kind, err);
    if (done && self->is_2021)
        self->path = path;
    line_reader_free(&reader);
    return done;
}

/* Ids and draws come from the content, the tenant, the month and the seed. */
static bool
make_key(Trace *self, Err *err)
{
    Buffer text = {0};
    char month[UTC_TEXT_BYTES];
    char hex[DIGEST_HEX_BYTES];
    Digest content = digest_end(&self->content);
    bool done = buffer_printf(&text, err, "millibill trace 1\n%s\n%s\n%s\n%lld\n", digest_hex(&content, hex),
                              self->options.tenant, utc_month_format(self->options.month, month),
                              (long long) self->options.seed);
    if (done) {
        Digest digest = digest_of(text.data, text.length);
        memcpy(self->key, digest.bytes, sizeof self->key);
    }
    buffer_free(&text);
    return done;
}

static bool
begin(Trace *self, Err *err)
{
    if (!make_key(self, err))
        return false;
    if (!self->is_2021) {
        if (self->days == 0)
            return err_set(err, ERR_INPUT, "no file of the trace counts invocations by minute");
        trace_minutes_finish(self->minutes, utc_month_days(self->options.month), &self->key[2], &self->notes);
        self->total = trace_minutes_total(self->minutes);
    } else {
        Text header;
        self->reader = line_reader_open(self->path, err);
        if (self->reader == NULL || line_reader_next(self->reader, &header, err) != LINE_READ)
            return false;
    }
    self->keep = self->total;
    if (self->total == 0) {
        err_set(err, ERR_INPUT, "no invocation of the trace can be replayed in the month");
        return err_hint(err, "a trace of 2019 needs the file of durations beside that of invocations");
    }
    return true;
}

MUST_CHECK Trace *
trace_open(const char *const *paths, size_t count, const TraceOptions *options, Err *err)
{
    Trace *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a trace");
        return NULL;
    }
    self->options = *options;
    self->month_us = utc_month_start_us(options->month);
    self->end_us = utc_month_end_us(options->month);
    digest_start(&self->content);
    bool done = true;
    for (size_t i = 0; done && i < count; i++)
        done = read_file(self, paths[i], count, err);
    if (!done || !begin(self, err))
        trace_free(&self);
    return self;
}

void
trace_free(Trace **self)
{
    if (*self == NULL)
        return;
    line_reader_free(&(*self)->reader);
    trace_minutes_free(&(*self)->minutes);
    free((*self)->row);
    free(*self);
    *self = NULL;
}

const char *
trace_name(const Trace *self)
{
    return self->is_2021 ? "azure-2021" : "azure-2019";
}

int64_t
trace_total(const Trace *self)
{
    return self->total;
}

const TraceNotes *
trace_notes(const Trace *self)
{
    return &self->notes;
}

void
trace_thin(Trace *self, int64_t count)
{
    self->keep = count;
}

/* ---- replaying ---- */

/* Of every `total` invocations, `keep`, evenly. */
static bool
is_kept(const Trace *self, int64_t ordinal)
{
    return (__int128) (ordinal + 1) * self->keep / self->total > (__int128) ordinal * self->keep / self->total;
}

static bool
next_2021(Trace *self, TraceRun *run, bool *more, Err *err)
{
    AzureInvocation invocation;
    Text line;
    LineResult result;
    do {
        result = next_row(self->reader, self->path, &line, err);
        if (result == LINE_READ && !azure_invocation_decode(line, &invocation, err))
            return false;
    } while (result == LINE_READ && !is_inside(self, &invocation));
    *more = result == LINE_READ;
    if (result == LINE_END && self->taken < self->total)
        return err_set(err, ERR_INPUT, "'%s' became shorter while it was replayed", self->path);
    if (result != LINE_READ)
        return result == LINE_END;
    trace_function_name(&invocation.names, self->function);
    *run = (TraceRun){.function = self->function,
                      .trigger = USAGE_TRIGGER_OTHER,
                      .start_us = invocation.start_us,
                      .duration_us = invocation.duration_us,
                      .memory_mb = self->options.memory_mb,
                      .used_mb = USAGE_ABSENT,
                      .index = (uint64_t) self->taken};
    return true;
}

static bool
next_2019(Trace *self, TraceRun *run, bool *more, Err *err)
{
    const TraceRun *found = trace_minutes_next(self->minutes, err);
    *more = found != NULL;
    if (found != NULL)
        *run = *found;
    return found != NULL || !err_is_set(err);
}

MUST_CHECK bool
trace_next(Trace *self, UsageRecord *out, bool *more, Err *err)
{
    TraceRun run = {.function = NULL};
    do {
        if (!(self->is_2021 ? next_2021(self, &run, more, err) : next_2019(self, &run, more, err)))
            return false;
        self->taken++;
    } while (*more && !is_kept(self, self->taken - 1));
    if (!*more)
        return true;
    mix_id(self->key, run.index, self->id);
    *out = usage_record_empty();
    out->request_id = text_of(self->id);
    out->tenant = text_of(self->options.tenant);
    out->function = text_of(run.function);
    out->region = TEXT_LITERAL("us-east-1");
    out->architecture = USAGE_X86_64;
    out->trigger = run.trigger;
    out->memory_mb = run.memory_mb;
    out->max_memory_used_mb = run.used_mb;
    out->duration_us = run.duration_us;
    out->started_at_us = self->month_us + run.start_us;
    return true;
}
