/* What a peer sends to the collector, as intake and commit take it: whatever the bytes, a frame is refused, or all its fields
 * are within their limits, and every record and line of a batch is billed or in quarantine. (The digest is not asked for: who
 * sends can reckon it.) */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collector/frame_check.h"
#include "collector/regroup.h"
#include "lib/digest.h"
#include "lib/utc.h"

enum { NAME_BYTES_MAX = 4096, TENANTS_MAX = 1 << 17 };
#define NOW_US INT64_C(1793534400000000)          /* 2026-11-01T12:00:00Z */
#define YEAR_10000_US INT64_C(253402300800000000) /* what a timestamp of PostgreSQL holds, and more */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good)
{
    if (!good)
        abort();
}

/* ---- what passed the check ---- */

static void
must_be_clean(const char *text)
{
    must(strlen(text) <= NAME_BYTES_MAX && text_is_clean_utf8(text_of(text)));
}

static void
must_be_within_limits(const Millibill__Batch *batch)
{
    must(batch->spool.len == SPOOL_ID_BYTES && batch->digest.len == DIGEST_BYTES);
    must(batch->import_id.len == 0 || batch->import_id.len == IMPORT_ID_BYTES);
    must(batch->sequence >= 1 && batch->sequence <= INT64_MAX);
    must(batch->accepted_at_us >= 0 && batch->accepted_at_us < YEAR_10000_US);
    must(batch->payload.len <= USAGE_BATCH_BYTES_MAX);
    must_be_clean(batch->source);
    must_be_clean(batch->label);
}

/* ---- its records ---- */

/** Every second tenant is registered; a batch may speak for every fourth, or for all. */
static void
regroup_one(Regroup *regroup, const UsageBatch *usage, bool history, bool bound)
{
    Err err = {0};
    static int64_t ids[TENANTS_MAX];
    static bool allowed[TENANTS_MAX];
    const RegroupInput given = {.batch = usage, .stream_id = 1, .sequence = 1, .history = history};
    const RegroupPolicy policy = {.now_us = NOW_US,
                                  .live_past_us = 35 * UTC_DAY_US,
                                  .live_future_us = 300 * UTC_SECOND_US,
                                  .history_future_us = 366 * UTC_DAY_US};
    regroup_start(regroup);
    must(regroup_add(regroup, &given, &err));
    size_t tenants = 0;
    (void) regroup_tenants(regroup, &tenants);
    must(tenants <= TENANTS_MAX);
    for (size_t i = 0; i < tenants; i++) {
        ids[i] = i % 2 == 0 ? (int64_t) i + 1 : 0;
        allowed[i] = i % 4 == 0;
    }
    RegroupInput *input = regroup_input(regroup, 0);
    input->allowed = bound ? allowed : NULL;
    must(regroup_run(regroup, ids, &policy, &err));
    const RegroupOutput *out = regroup_output(regroup);
    int64_t in_segments = 0;
    for (size_t i = 0; i < out->segment_count; i++)
        in_segments += out->segments[i].records;
    must(in_segments == input->billed && (int64_t) out->quarantine_count == input->quarantined);
    must((size_t) (input->billed + input->quarantined) == usage_batch_records(usage) + usage_batch_rejected(usage));
}

static void
take_payload(const Millibill__Batch *batch)
{
    Err err = {0};
    UsageBatch *usage = usage_batch_unpack_unchecked(batch->payload.data, batch->payload.len, &err);
    if (usage == NULL)
        return; /* to quarantine whole */
    ConfigTable *configs = config_table_new(&err);
    must(configs != NULL);
    Regroup *regroup = regroup_new(configs, &err);
    must(regroup != NULL);
    regroup_one(regroup, usage, batch->history != 0, batch->sequence % 2 == 0);
    regroup_free(&regroup);
    config_table_free(&configs);
    usage_batch_free(&usage);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Millibill__Frame *frame = wire_frame_unpack(data, size, &err);
    if (frame == NULL)
        return 0;
    if (frame->kind_case == MILLIBILL__FRAME__KIND_HELLO && frame_check_hello(frame->hello, &err)) {
        must(frame->hello->spool.len == SPOOL_ID_BYTES);
    } else if (frame->kind_case == MILLIBILL__FRAME__KIND_SETTLE && frame_check_settle(frame->settle, &err)) {
        must(frame->settle->import_id.len == IMPORT_ID_BYTES);
    } else if (frame->kind_case == MILLIBILL__FRAME__KIND_BATCH && frame_check_batch(frame->batch, &err)) {
        must_be_within_limits(frame->batch);
        take_payload(frame->batch);
    }
    millibill__frame__free_unpacked(frame, NULL);
    return 0;
}
