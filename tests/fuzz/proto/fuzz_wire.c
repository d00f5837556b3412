/* Frames from agent, collector and command-line sources. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Millibill__Frame *frame = wire_frame_unpack(data, size, &err);
    if (frame != NULL) {
        Buffer packed = {0};
        if (!wire_frame_pack(frame, &packed, &err) && err.code != ERR_RANGE)
            abort();
        buffer_free(&packed);
        millibill__frame__free_unpacked(frame, NULL);
    }
    err_clear(&err);
    Millibill__Local *local = local_unpack(data, size, &err);
    if (local != NULL)
        millibill__local__free_unpacked(local, NULL);
    return 0;
}
