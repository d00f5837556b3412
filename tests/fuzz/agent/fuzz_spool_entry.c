/* An entry of the spool as a damaged disk may give it back, on its way to the collector. */
#include <stdint.h>
#include <stdlib.h>

#include "agent/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t spool[WIRE_ID_BYTES] = {7};
    Err err = {0};
    Buffer frame = {0};
    if (envelope_frame((Text){(const char *) data, size}, spool, 1, &frame, &err)) {
        Millibill__Frame *decoded = wire_frame_unpack(frame.data, frame.length, &err);
        if (decoded == NULL || decoded->kind_case != MILLIBILL__FRAME__KIND_BATCH || decoded->batch->sequence != 1)
            abort();
        millibill__frame__free_unpacked(decoded, NULL);
    } else if (!err_is_set(&err)) {
        abort();
    }
    buffer_free(&frame);
    return 0;
}
