/* Lines from emitters and files: NDJSON, CSV and Lambda logs. The first byte chooses the decoder, the rest is the input, line
 * by line. What a decoder lets through must pass the record check. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/decode.h"
#include "agent/decode_csv.h"
#include "agent/decode_lambda.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const DecodeDefaults DEFAULTS = {.tenant = TEXT_LITERAL("acme"),
                                        .function = TEXT_LITERAL("f"),
                                        .region = TEXT_LITERAL("us-east-1"),
                                        .at_us = INT64_C(1790856000000000)};

static void
require_good(const UsageRecord *record)
{
    UsageFault fault;
    if (!usage_record_check(record, false, false, &fault))
        abort();
}

/* The next line of `text` without its end; `text` moves behind it. */
static Text
next_line(Text *text)
{
    const char *end = memchr(text->data, '\n', text->length);
    Text line = {text->data, end == NULL ? text->length : (size_t) (end - text->data)};
    size_t step = line.length + (end == NULL ? 0 : 1);
    text->data += step;
    text->length -= step;
    return line;
}

static void
fuzz_ndjson(Text text)
{
    Err err = {0};
    DecodeScratch *scratch = decode_scratch_new(&err);
    if (scratch == NULL)
        abort();
    while (text.length > 0) {
        UsageRecord record;
        UsageFault fault = {0};
        if (decode_ndjson(scratch, next_line(&text), &DEFAULTS, &record, &fault))
            require_good(&record);
        else if (fault.reason == USAGE_REASON_NONE)
            abort();
    }
    decode_scratch_free(&scratch);
}

static void
fuzz_csv(Text text)
{
    Err err = {0};
    CsvRow *row = csv_row_new(&err);
    CsvDecoder *decoder = NULL;
    if (row == NULL)
        abort();
    while (text.length > 0) {
        err_clear(&err);
        if (csv_row_feed(row, next_line(&text), &err) != CSV_ROW)
            continue;
        if (decoder == NULL) {
            decoder = csv_decoder_new(row, NULL, 0, &err);
            if (decoder == NULL)
                break;
            continue;
        }
        UsageRecord record;
        UsageFault fault = {0};
        if (decode_csv(decoder, row, &DEFAULTS, &record, &fault))
            require_good(&record);
    }
    csv_decoder_free(&decoder);
    csv_row_free(&row);
}

static void
fuzz_lambda(Text text)
{
    Err err = {0};
    LambdaDecoder *decoder = lambda_decoder_new(&DEFAULTS, &err);
    if (decoder == NULL)
        abort();
    while (text.length > 0) {
        UsageRecord record;
        UsageFault fault = {0};
        if (lambda_decode(decoder, next_line(&text), NULL, &record, &fault) == LAMBDA_RECORD)
            require_good(&record);
    }
    lambda_decoder_free(&decoder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    Text text = {(const char *) data + 1, size - 1};
    switch (data[0] % 3) {
    case 0:
        fuzz_ndjson(text);
        break;
    case 1:
        fuzz_csv(text);
        break;
    default:
        fuzz_lambda(text);
    }
    return 0;
}
