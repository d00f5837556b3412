#include "formats/import_log.h"

#include <stdlib.h>
#include <string.h>

#include "formats/lambda_json.h"

MUST_CHECK ImportLog *
import_log_new(ImportRun *run, Err *err)
{
    ImportLog *self = calloc(1, sizeof *self);
    if (self != NULL) {
        self->run = run;
        self->err = err;
        self->decoder = lambda_decoder_new(&run->settings->defaults, err);
        self->tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    }
    if (self == NULL || self->decoder == NULL || self->tokener == NULL) {
        err_set(err, ERR_NOMEM, "no memory to read a log");
        import_log_free(&self);
        return NULL;
    }
    json_tokener_set_flags(self->tokener,
                           JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    return self;
}

void
import_log_free(ImportLog **self)
{
    ImportLog *log = *self;
    *self = NULL;
    if (log == NULL)
        return;
    if (log->tokener != NULL)
        json_tokener_free(log->tokener);
    lambda_decoder_free(&log->decoder);
    free(log);
}

uint64_t
import_log_line_number(const ImportLog *self)
{
    return self->document_line != 0 ? self->document_line : self->run->line;
}

/* One line of a log, wherever it came from. */
static bool
take_line(ImportLog *log, Text line, const LambdaContext *context)
{
    ImportRun *run = log->run;
    UsageRecord record;
    UsageFault fault;
    run->counts->lines++;
    switch (lambda_decode(log->decoder, line, context, &record, &fault)) {
    case LAMBDA_RECORD:
        return import_run_record(run, &record, log->err);
    case LAMBDA_FAULT:
        return import_run_reject(run, line, import_log_line_number(log), (Text){"", 0}, &fault, log->err);
    case LAMBDA_SKIPPED:
        run->counts->skipped++;
        return true;
    }
    return true;
}

/* A log event's message; it may hold several lines. */
MUST_CHECK bool
import_log_message(ImportLog *log, Text message, const LambdaContext *context)
{
    while (message.length > 0 && strchr("\r\n", message.data[message.length - 1]) != NULL)
        message.length--;
    for (;;) {
        const char *feed = message.length == 0 ? NULL : memchr(message.data, '\n', message.length);
        size_t length = feed == NULL ? message.length : (size_t) (feed - message.data);
        if (!take_line(log, (Text){message.data, length}, context))
            return false;
        if (feed == NULL)
            return true;
        message = (Text){feed + 1, message.length - length - 1};
    }
}

static bool
take_event(void *caller, Text message, const LambdaContext *context)
{
    return import_log_message(caller, message, context);
}

/* A JSON value without events is the function's own output. */
MUST_CHECK bool
import_log_value(ImportLog *log, Json *value)
{
    uint64_t events = 0;
    if (!lambda_json_walk(value, take_event, log, &events))
        return false;
    if (events == 0) {
        log->run->counts->lines++;
        log->run->counts->skipped++;
    }
    return true;
}

/* A line of plain log; a whole JSON object on it is unwrapped. */
MUST_CHECK bool
import_log_line(ImportLog *log, Text line, Err *err)
{
    log->err = err;
    Text trimmed = text_trim(line);
    if (trimmed.length == 0 || trimmed.data[0] != '{')
        return take_line(log, line, NULL);
    json_tokener_reset(log->tokener);
    Json *value = json_tokener_parse_ex(log->tokener, trimmed.data, (int) trimmed.length);
    bool taken = value == NULL ? take_line(log, line, NULL) : import_log_value(log, value);
    json_object_put(value);
    return taken;
}

int64_t
import_log_time(const ImportLog *self)
{
    return lambda_decoder_time(self->decoder);
}

void
import_log_set_time(ImportLog *self, int64_t last_us)
{
    lambda_decoder_set_time(self->decoder, last_us);
}
