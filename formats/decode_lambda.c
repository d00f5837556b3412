#include "formats/decode_lambda.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/decode_field.h"
#include "formats/decode_report.h"
#include "lib/utc.h"

enum {
    STARTS = 1024,    /* invocations whose version is remembered; power of two */
    START_PROBES = 4, /* places one of them may have */
    VERSION_BYTES_MAX = 63,
    TIME_BYTES_MAX = 40
};

typedef struct Start {
    uint64_t order; /* 0: free */
    size_t id_length;
    size_t version_length;
    char id[USAGE_ID_BYTES_MAX];
    char version[VERSION_BYTES_MAX];
} Start;

struct LambdaDecoder {
    const DecodeDefaults *defaults;
    int64_t last_us; /* time of the last line that had one */
    uint64_t started;
    Start starts[STARTS];
};

MUST_CHECK LambdaDecoder *
lambda_decoder_new(const DecodeDefaults *defaults, Err *err)
{
    LambdaDecoder *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to decode a log");
        return NULL;
    }
    self->defaults = defaults;
    self->last_us = USAGE_ABSENT;
    return self;
}

void
lambda_decoder_free(LambdaDecoder **self)
{
    free(*self);
    *self = NULL;
}

void
lambda_decoder_restart(LambdaDecoder *self)
{
    self->last_us = USAGE_ABSENT;
    self->started = 0;
    for (size_t i = 0; i < STARTS; i++)
        self->starts[i].order = 0;
}

int64_t
lambda_decoder_time(const LambdaDecoder *self)
{
    return self->last_us;
}

void
lambda_decoder_set_time(LambdaDecoder *self, int64_t last_us)
{
    self->last_us = last_us;
}

static uint64_t
hash_id(Text id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < id.length; i++)
        hash = (hash ^ (unsigned char) id.data[i]) * UINT64_C(1099511628211);
    return hash ^ (hash >> 32);
}

static void
remember_start(LambdaDecoder *self, Text id, Text version)
{
    if (id.length == 0 || id.length > USAGE_ID_BYTES_MAX || version.length > VERSION_BYTES_MAX)
        return;
    Start *oldest = NULL;
    for (uint64_t i = 0, hash = hash_id(id); i < START_PROBES; i++) {
        Start *start = &self->starts[(hash + i) % STARTS];
        if (text_equal((Text){start->id, start->id_length}, id)) {
            oldest = start;
            break;
        }
        if (oldest == NULL || start->order < oldest->order)
            oldest = start;
    }
    oldest->order = ++self->started;
    oldest->id_length = id.length;
    oldest->version_length = version.length;
    memcpy(oldest->id, id.data, id.length);
    memcpy(oldest->version, version.data, version.length);
}

static Text
version_of(const LambdaDecoder *self, Text id)
{
    for (uint64_t i = 0, hash = hash_id(id); i < START_PROBES; i++) {
        const Start *start = &self->starts[(hash + i) % STARTS];
        if (start->order != 0 && text_equal((Text){start->id, start->id_length}, id))
            return (Text){start->version, start->version_length};
    }
    return (Text){"", 0};
}

static bool
all_digits(Text text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!isdigit((unsigned char) text.data[i]))
            return false;
    return text.length > 0;
}

MUST_CHECK bool
lambda_time_parse(Text text, int64_t *time_us)
{
    uint64_t ms = 0;
    if (all_digits(text) && text.length == 13 && text_to_u64(text, INT64_MAX / 1000, &ms)) {
        *time_us = (int64_t) ms * 1000;
        return true;
    }
    if (text.length < 19 || text.length > TIME_BYTES_MAX - 2 || !isdigit((unsigned char) text.data[0]))
        return false;
    if (utc_parse(text, time_us, NULL))
        return true;
    char zoned[TIME_BYTES_MAX];
    int length = snprintf(zoned, sizeof zoned, "%.*sZ", TEXT_ARG(text));
    return utc_parse((Text){zoned, (size_t) length}, time_us, NULL);
}

static bool
starts_with(Text text, const char *prefix)
{
    size_t length = strlen(prefix);
    return text.length >= length && memcmp(text.data, prefix, length) == 0;
}

static Text
behind(Text text, size_t bytes)
{
    return (Text){text.data + bytes, text.length - bytes};
}

static Text
first_word(Text text)
{
    size_t length = 0;
    while (length < text.length && text.data[length] != ' ' && text.data[length] != '\t')
        length++;
    return (Text){text.data, length};
}

/* "2026-10-01 12:00:00.123" is two words of one time. */
static Text
time_word(Text text)
{
    Text word = first_word(text);
    if (word.length != 10 || word.data[4] != '-' || word.length == text.length)
        return word;
    Text second = first_word(behind(text, 11));
    return (Text){text.data, 11 + second.length};
}

static bool
is_group(Text word)
{
    return starts_with(word, "/aws/lambda/") || memmem(word.data, word.length, ":/aws/lambda/", 13) != NULL;
}

/* "2026/10/01/[$LATEST]…" */
static bool
is_stream(Text word)
{
    return word.length > 12 && word.data[4] == '/' && word.data[7] == '/' && word.data[10] == '/' &&
           word.data[11] == '[';
}

/* Take time, group and stream from the front of a line; what is left is the log message. */
static Text
take_front(Text line, LambdaContext *context)
{
    for (;;) {
        line = text_trim(line);
        Text word = time_word(line);
        int64_t time_us = 0;
        if (lambda_time_parse(word, &time_us)) {
            context->at_us = time_us;
        } else {
            word = first_word(line);
            if (is_stream(word))
                context->stream = word;
            else if (is_group(word))
                context->group = word;
            else
                return line;
        }
        line = behind(line, word.length);
    }
}

static Text
function_of_group(Text group)
{
    static const char MARK[] = "/aws/lambda/";
    const char *at = group.length == 0 ? NULL : memmem(group.data, group.length, MARK, sizeof MARK - 1);
    if (at == NULL)
        return (Text){"", 0};
    return behind(group, (size_t) (at - group.data) + sizeof MARK - 1);
}

static Text
version_of_stream(Text stream)
{
    const char *open = stream.length == 0 ? NULL : memchr(stream.data, '[', stream.length);
    const char *close = stream.length == 0 ? NULL : memchr(stream.data, ']', stream.length);
    if (open == NULL || close == NULL || close < open)
        return (Text){"", 0};
    return (Text){open + 1, (size_t) (close - open) - 1};
}

static LambdaResult
skip_start(LambdaDecoder *self, Text message)
{
    static const char VERSION[] = "Version:";
    Text rest = text_trim(behind(message, strlen("START RequestId:")));
    Text id = first_word(rest);
    const char *at = memmem(rest.data, rest.length, VERSION, sizeof VERSION - 1);
    if (at != NULL)
        remember_start(self, id, first_word(text_trim(behind(rest, (size_t) (at - rest.data) + sizeof VERSION - 1))));
    return LAMBDA_SKIPPED;
}

static bool
set_start(const LambdaDecoder *self, const LambdaContext *context, const LambdaReport *report, UsageRecord *record,
          UsageFault *fault)
{
    int64_t end_us = context->at_us;
    if (end_us == USAGE_ABSENT && self->defaults->at_us != USAGE_ABSENT) {
        record->started_at_us = self->defaults->at_us;
        return true;
    }
    if (end_us == USAGE_ABSENT)
        end_us = self->last_us;
    if (end_us == USAGE_ABSENT)
        return usage_fault_set(
            fault, USAGE_REASON_MISSING, "started_at",
            "is missing: neither this line nor one before it has a time; say when with --at TIME, or "
            "export the log with its times");
    int64_t before_us = report->restore_us > report->init_us ? report->restore_us : report->init_us;
    record->started_at_us = end_us - report->duration_us - (before_us == USAGE_ABSENT ? 0 : before_us);
    return true;
}

static LambdaResult
decode_report(LambdaDecoder *self, Text message, const LambdaContext *context, UsageRecord *out, UsageFault *fault)
{
    LambdaReport report;
    if (!lambda_report_parse(message, &report, fault))
        return LAMBDA_FAULT;
    UsageRecord record = usage_record_empty();
    record.request_id = report.id;
    record.function = function_of_group(context->group);
    record.version = version_of(self, report.id);
    if (record.version.length == 0)
        record.version = version_of_stream(context->stream);
    record.memory_mb = report.memory_mb;
    record.max_memory_used_mb = report.max_memory_used_mb;
    record.duration_us = report.duration_us;
    record.init_duration_us = report.billed_restore_us != USAGE_ABSENT ? report.billed_restore_us : report.init_us;
    record.reported_billed_ms = report.billed_ms;
    record.status = report.status;
    if (self->defaults->has_architecture)
        record.architecture = self->defaults->architecture;
    if (!decode_apply_defaults(&record, self->defaults, fault) || !set_start(self, context, &report, &record, fault))
        return LAMBDA_FAULT;
    if (record.function.length == 0) {
        usage_fault_set(
            fault, USAGE_REASON_MISSING, "function",
            "is missing: the line does not say its log group /aws/lambda/NAME; name it with --function NAME");
        return LAMBDA_FAULT;
    }
    if (!usage_record_check(&record, true, true, fault))
        return LAMBDA_FAULT;
    *out = record;
    return LAMBDA_RECORD;
}

/* A REPORT where none is expected: in a line of another form, or with its first words damaged. */
static bool
hides_report(Text message)
{
    if (starts_with(message, "REPORT Request"))
        return true;
    if (message.length == 0 || memmem(message.data, message.length, "Billed Duration:", 16) == NULL)
        return false;
    return starts_with(message, "REPORT") || memmem(message.data, message.length, "REPORT RequestId:", 17) != NULL;
}

MUST_CHECK LambdaResult
lambda_decode(LambdaDecoder *self, Text line, const LambdaContext *context, UsageRecord *out, UsageFault *fault)
{
    LambdaContext known = context != NULL ? *context : (LambdaContext){USAGE_ABSENT, {"", 0}, {"", 0}};
    Text message = take_front(line, &known);
    LambdaResult result = LAMBDA_SKIPPED;
    if (starts_with(message, "REPORT RequestId:")) {
        result = decode_report(self, message, &known, out, fault);
    } else if (starts_with(message, "START RequestId:")) {
        result = skip_start(self, message);
    } else if (hides_report(message)) {
        usage_fault_set(fault, USAGE_REASON_MALFORMED, "",
                        "a REPORT stands here, but not as 'REPORT RequestId: …' at the start of the line or behind its "
                        "time and log stream: take off what another program put before it");
        result = LAMBDA_FAULT;
    }
    if (known.at_us != USAGE_ABSENT)
        self->last_us = known.at_us;
    return result;
}
