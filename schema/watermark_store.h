/**
 * watermark_store - how far each agent has reported, and what of a period waits elsewhere
 */
#ifndef SCHEMA_WATERMARK_STORE_H
#define SCHEMA_WATERMARK_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"

/** One agent whose key holds and which has sent something: batches come in the order in which the agent took them, so that all it took
 *  before `last_us` is here. */
typedef struct AgentWatermark {
    const char *agent; /* borrowed for the time of the callback */
    int64_t last_us;   /* when its last batch was taken, or received where its clock is ahead */
} AgentWatermark;

/** Returns false (with err set) to stop. */
typedef bool (*AgentWatermarkVisit)(void *context, const AgentWatermark *row, Err *err);

/** Visit every agent, by name. Of several spools of an agent the one that reported last counts: an agent has one at a time. ERR_BUSY,
 *  ERR_DATABASE. */
MUST_CHECK bool agent_watermark_visit(Db *db, AgentWatermarkVisit visit, void *context, Err *err);

/** Records in quarantine that nobody has replayed (all: what cannot be read has no time), and records that were reported lost in
 *  [start, end). */
MUST_CHECK bool
watermark_open_records(Db *db, int64_t start_us, int64_t end_us, int64_t *quarantined, int64_t *lost, Err *err);

#endif
