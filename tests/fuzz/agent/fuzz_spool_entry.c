/* What a damaged disk may give back of the spool: a stored batch, its state, and a batch's envelope on its way to the
 * collector. Checksums keep random bytes out of what lies behind them, so the envelope gets the input without one too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/envelope.h"
#include "agent/spool_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
open_stored(Text bytes)
{
    StoredBatch batch;
    State state;
    if (stored_batch_open(bytes, &batch) && (batch.body.data < bytes.data || batch.body.length > bytes.length))
        abort();
    if (stored_batch_find(bytes, &batch) && (batch.body.data < bytes.data || batch.body.length > bytes.length))
        abort();
    (void) !state_open(bytes, &state);
    (void) !state_find(bytes, &state);
}

/* The same bytes as the body of a batch that is whole. */
static void
open_sealed(Text body)
{
    ValueHeader header = {.key = 7, .body_bytes = (uint32_t) body.length};
    StoredBatch batch;
    Buffer stored = {0};
    Err err = {0};
    value_header_seal(&header, body);
    if (!buffer_append(&stored, &header, sizeof(header), &err) || !buffer_append(&stored, body.data, body.length, &err))
        abort();
    if (!stored_batch_open(buffer_text(&stored), &batch) || batch.header.key != 7 || !text_equal(batch.body, body))
        abort();
    stored.data[stored.length - 1] = (char) (stored.data[stored.length - 1] ^ 1);
    if (stored_batch_open(buffer_text(&stored), &batch))
        abort();
    buffer_free(&stored);
}

static void
send(Text body)
{
    static const uint8_t spool[WIRE_ID_BYTES] = {7};
    Err err = {0};
    Buffer frame = {0};
    if (!envelope_frame(body, spool, 1, &frame, &err) && !err_is_set(&err))
        abort();
    Millibill__Frame *decoded = frame.length == 0 ? NULL : wire_frame_unpack(frame.data, frame.length, NULL);
    if (decoded != NULL && (decoded->kind_case != MILLIBILL__FRAME__KIND_BATCH || decoded->batch->sequence != 1))
        abort();
    if (decoded != NULL)
        millibill__frame__free_unpacked(decoded, NULL);
    buffer_free(&frame);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Text bytes = {(const char *) data, size};
    open_stored(bytes);
    if (size > 0)
        open_sealed(bytes);
    send(bytes);
    return 0;
}
