/* Lambda logs: REPORT lines among everything else. */
#include "formats/decode_lambda.h"
#include "tests/fuzz/formats/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Text text = {(const char *) data, size};
    Err err = {0};
    LambdaDecoder *decoder = lambda_decoder_new(&DEFAULTS, &err);
    if (decoder == NULL)
        abort();
    while (text.length > 0) {
        UsageRecord record;
        UsageFault fault = {0};
        LambdaResult result = lambda_decode(decoder, next_line(&text), NULL, &record, &fault);
        if (result == LAMBDA_RECORD)
            require_good(&record);
        else if (result == LAMBDA_FAULT && fault.reason == USAGE_REASON_NONE)
            abort();
    }
    lambda_decoder_free(&decoder);
    return 0;
}
