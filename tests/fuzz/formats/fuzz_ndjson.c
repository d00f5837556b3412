/* NDJSON lines from emitters and files. */
#include "tests/fuzz/formats/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Text text = {(const char *) data, size};
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
    return 0;
}
