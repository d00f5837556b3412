/* A batch from the network: whatever the bytes, unpacking refuses them or gives records that pass every check, and those
 * can be packed again. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/usage_batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    UsageBatch *batch = usage_batch_unpack(data, size, &err);
    if (batch == NULL)
        return 0;
    UsageBatchBuilder *builder = usage_batch_builder_new(&err);
    if (builder == NULL)
        abort();
    for (size_t i = 0; i < usage_batch_records(batch); i++) {
        UsageRecord record;
        UsageFault fault;
        usage_batch_record(batch, i, &record);
        if (!usage_record_check(&record, true, true, &fault))
            abort();
        if (!usage_batch_builder_add(builder, &record, &err) && err.code != ERR_FULL)
            abort();
    }
    Buffer packed = {0};
    if (!usage_batch_builder_pack(builder, &packed, &err))
        abort();
    buffer_free(&packed);
    usage_batch_builder_free(&builder);
    usage_batch_free(&batch);
    return 0;
}
