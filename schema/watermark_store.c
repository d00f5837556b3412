#include "schema/watermark_store.h"

#include "lib/utc.h"

static const char SQL_AGENTS[] =
    "SELECT a.name, (extract(epoch FROM max(least(l.accepted_at, l.received_at))) * 1000000)::bigint"
    " FROM agents a JOIN streams s USING (agent_id)"
    " JOIN ledger l ON l.stream_id = s.stream_id AND l.sequence = s.last_sequence"
    " WHERE a.revoked_at IS NULL GROUP BY a.name ORDER BY a.name";
static const char SQL_OPEN[] = "SELECT (SELECT count(*) FROM quarantine WHERE replayed_at IS NULL AND repeats IS NULL),"
                               " (SELECT least(coalesce(sum(records), 0), 9223372036854775807)::bigint FROM losses"
                               " WHERE noticed_at >= $1::timestamptz AND noticed_at < $2::timestamptz)";

typedef struct Visit {
    AgentWatermarkVisit visit;
    void *context;
} Visit;

static bool
visit_row(void *context, const DbResult *row, Err *err)
{
    const Visit *visit = context;
    const AgentWatermark agent = {db_value(row, 0, 0), db_i64(row, 0, 1)};
    return visit->visit(visit->context, &agent, err);
}

bool
agent_watermark_visit(Db *db, AgentWatermarkVisit visit, void *context, Err *err)
{
    Visit self = {visit, context};
    return db_stream(db, SQL_AGENTS, NULL, 0, visit_row, &self, err) ||
           err_prefix(err, "reading how far agents have reported: ");
}

bool
watermark_open_records(Db *db, int64_t start_us, int64_t end_us, int64_t *quarantined, int64_t *lost, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    const DbParam params[] = {db_string(utc_format(start_us, start)), db_string(utc_format(end_us, end))};
    DbResult *result = db_query(db, SQL_OPEN, params, 2, err);
    if (result == NULL)
        return err_prefix(err, "counting what waits in quarantine: ");
    *quarantined = db_i64(result, 0, 0);
    *lost = db_i64(result, 0, 1);
    db_result_free(&result);
    return true;
}
