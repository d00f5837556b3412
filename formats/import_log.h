/**
 * import_log - lines and log events of an AWS Lambda log into records
 *
 * What import_lambda.c (documents, CSV exports, plain lines) and import_lines.c (plain lines only) have in common.
 */
#ifndef FORMATS_IMPORT_LOG_H
#define FORMATS_IMPORT_LOG_H

#include "formats/decode_lambda.h"
#include "formats/import_run.h"
#include "lib/json.h"

typedef struct ImportLog {
    ImportRun *run;
    LambdaDecoder *decoder;
    struct json_tokener *tokener;
    uint64_t document_line; /* where the JSON value began; 0: the run's line */
    Err *err;               /* for callbacks */
} ImportLog;

/** `run` is borrowed. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK ImportLog *import_log_new(ImportRun *run, Err *err);
void import_log_free(ImportLog **self);

/** A line of plain log; a whole JSON object on it is unwrapped. */
MUST_CHECK bool import_log_line(ImportLog *self, Text line, Err *err);
/** A log event's message, which may hold several lines (`context` may be NULL); the events of a JSON value. Failures go to
 *  self->err. */
MUST_CHECK bool import_log_message(ImportLog *self, Text message, const LambdaContext *context);
MUST_CHECK bool import_log_value(ImportLog *self, Json *value);

/** The line that messages name. */
uint64_t import_log_line_number(const ImportLog *self);

/** Time of the last line that had one (USAGE_ABSENT none); set it to go on in another place. */
int64_t import_log_time(const ImportLog *self);
void import_log_set_time(ImportLog *self, int64_t last_us);

#endif
