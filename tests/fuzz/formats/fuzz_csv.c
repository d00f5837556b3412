/* CSV files: a header row, then records. */
#include "formats/decode_csv.h"
#include "tests/fuzz/formats/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Text text = {(const char *) data, size};
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
        else if (fault.reason == USAGE_REASON_NONE)
            abort();
    }
    csv_decoder_free(&decoder);
    csv_row_free(&row);
    return 0;
}
