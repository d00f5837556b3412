#include "agent/envelope.h"

#include <string.h>

#include "lib/digest.h"
#include "proto/usage_batch.h"

/* protobuf-c takes input through pointers that are not const, and leaves it alone. */
static ProtobufCBinaryData
borrow_bytes(const void *bytes, size_t length)
{
    ProtobufCBinaryData data = {length, NULL};
    memcpy(&data.data, &bytes, sizeof(bytes));
    return data;
}

static char *
borrow_text(const char *text)
{
    char *plain;
    memcpy(&plain, &text, sizeof(plain));
    return plain;
}

bool
envelope_pack(const Envelope *envelope, Text payload, Buffer *out, Err *err)
{
    Digest digest = digest_of(payload.data, payload.length);
    Millibill__Batch batch;
    millibill__batch__init(&batch);
    batch.source = borrow_text(envelope->source);
    batch.label = borrow_text(envelope->label);
    if (envelope->import_id != NULL)
        batch.import_id = borrow_bytes(envelope->import_id, WIRE_ID_BYTES);
    batch.n_introduce_tenants = envelope->introduce_count;
    memcpy(&batch.introduce_tenants, &envelope->introduce_tenants, sizeof(batch.introduce_tenants));
    batch.digest = borrow_bytes(digest.bytes, sizeof(digest.bytes));
    batch.payload = borrow_bytes(payload.data, payload.length);
    batch.accepted_at_us = envelope->accepted_at_us;
    batch.history = envelope->history;
    size_t length = millibill__batch__get_packed_size(&batch);
    if (length > WIRE_FRAME_BYTES_MAX - 64) /* spool id and sequence come later */
        return err_set(err, ERR_RANGE, "batch of %zu bytes cannot be sent, at most %d", length,
                       WIRE_FRAME_BYTES_MAX - 64);
    buffer_clear(out);
    char *place = buffer_reserve(out, length, err);
    if (place == NULL)
        return false;
    out->length = millibill__batch__pack(&batch, (uint8_t *) place);
    return true;
}

bool
envelope_pack_loss(const char *reason, const char *what, uint64_t records, int64_t now_us, Buffer *out, Err *err)
{
    UsageBatchBuilder *builder = usage_batch_builder_new(err);
    if (builder == NULL)
        return false;
    Buffer payload = {0};
    const UsageLoss loss = {
        .source = text_of(what), .reason = text_of(reason), .records = records, .noticed_at_us = now_us};
    const Envelope envelope = {.source = "agent", .label = "spool", .accepted_at_us = now_us};
    bool done = usage_batch_builder_lose(builder, &loss, err) && usage_batch_builder_pack(builder, &payload, err) &&
                envelope_pack(&envelope, buffer_text(&payload), out, err);
    buffer_free(&payload);
    usage_batch_builder_free(&builder);
    return done;
}

bool
envelope_frame(Text packed, const uint8_t spool[WIRE_ID_BYTES], uint64_t sequence, Buffer *out, Err *err)
{
    Millibill__Batch *batch = millibill__batch__unpack(NULL, packed.length, (const uint8_t *) packed.data);
    if (batch == NULL)
        return err_set(err, ERR_CORRUPT, "a spooled batch of %zu bytes cannot be decoded", packed.length);
    const ProtobufCBinaryData before = batch->spool;
    batch->spool = borrow_bytes(spool, WIRE_ID_BYTES);
    batch->sequence = sequence;
    Millibill__Frame frame;
    millibill__frame__init(&frame);
    frame.kind_case = MILLIBILL__FRAME__KIND_BATCH;
    frame.batch = batch;
    bool done = wire_frame_pack(&frame, out, err);
    batch->spool = before; /* ours again, not the message's to free */
    millibill__batch__free_unpacked(batch, NULL);
    return done;
}
