/**
 * decode_lambda - AWS Lambda's REPORT lines into records
 *
 * A log is read line by line: REPORT lines become records, START lines tell the version of what follows, all else is the
 * function's own output and is skipped. A line may stand alone or have in front of it, in any order, its time, its log
 * group and its log stream. Durations are taken from their decimal digits.
 *
 * When an invocation started: the time on a REPORT line is the end, so it started duration + initialization (or restore)
 * before. A line without time takes --at as its start (at_us; the same meaning as in other formats, so that --at on the
 * first of a month stays in that month); failing that, the time of the last line that had one, as its end; else it is a
 * fault.
 *
 * SnapStart: what AWS bills of a restore (Billed Restore Duration) stands in init_duration, as billed = ceil(duration +
 * billed restore); the restore's own length only moves the start.
 * A time-out that no Status names shows by a billed duration below the duration.
 *
 * The decoder remembers the versions of the last invocations started, within a bound. Not thread-safe.
 */
#ifndef FORMATS_DECODE_LAMBDA_H
#define FORMATS_DECODE_LAMBDA_H

#include <stdint.h>

#include "formats/decode.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

typedef enum LambdaResult { LAMBDA_RECORD, LAMBDA_SKIPPED, LAMBDA_FAULT } LambdaResult;

/** What the wrapping of a line (JSON, CSV) says about it. */
typedef struct LambdaContext {
    int64_t at_us; /* USAGE_ABSENT: not said */
    Text group;    /* "/aws/lambda/NAME", also behind "ACCOUNT:"; empty: not said */
    Text stream;   /* "2026/10/01/[$LATEST]0123…"; empty: not said */
} LambdaContext;

typedef struct LambdaDecoder LambdaDecoder;

/** `defaults` is borrowed for the decoder's life. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK LambdaDecoder *lambda_decoder_new(const DecodeDefaults *defaults, Err *err);
void lambda_decoder_free(LambdaDecoder **self);

/** Forget times and versions: a new file begins. */
void lambda_decoder_restart(LambdaDecoder *self);

/** Time of the last line that had one (USAGE_ABSENT: none yet); set it to go on in the middle of a file. */
int64_t lambda_decoder_time(const LambdaDecoder *self);
void lambda_decoder_set_time(LambdaDecoder *self, int64_t last_us);

/** One line; `context` may be NULL. The texts of `out` are borrowed from the line, the context, the defaults, and from the
 *  decoder until its next call. */
MUST_CHECK LambdaResult lambda_decode(LambdaDecoder *self, Text line, const LambdaContext *context, UsageRecord *out,
                                      UsageFault *fault);

/** A time as logs write it: RFC 3339, the same without zone (UTC), or milliseconds since 1970. */
MUST_CHECK bool lambda_time_parse(Text text, int64_t *time_us);

#endif
