#include "schema/verify_conserve.h"

static const char SQL_CONSERVE[] =
    "WITH came AS (SELECT stream_id, source, count(*) AS batches, sum(records) AS records, sum(billed) AS billed,"
    "   sum(lost) AS lost FROM ledger GROUP BY 1, 2),"
    /* what came with the batch; conflicts that were found later are counted as exclusions */
    " waiting AS (SELECT l.stream_id, l.source, count(*) FILTER (WHERE q.replayed_at IS NULL) AS open,"
    "   count(*) FILTER (WHERE q.replayed_at IS NOT NULL) AS replayed FROM quarantine q JOIN ledger l USING (stream_id, sequence)"
    "   WHERE q.commit_id = l.commit_id AND q.reason <> 'sequence_reused' GROUP BY 1, 2),"
    " excluded AS (SELECT l.stream_id, l.source, count(*) FILTER (WHERE e.reason = 'copy') AS copies,"
    "   count(*) FILTER (WHERE e.reason = 'conflict') AS conflicts, count(*) FILTER (WHERE e.reason = 'reversed') AS reversed"
    "   FROM exclusions e JOIN ledger l USING (stream_id, sequence)"
    "   GROUP BY 1, 2),"
    " reasons AS (SELECT l.stream_id, l.source, o.reason, sum(o.records) AS records FROM losses o"
    "   JOIN ledger l USING (stream_id, sequence) GROUP BY 1, 2, 3),"
    " lost AS (SELECT stream_id, source, sum(records) AS records, jsonb_object_agg(reason, records) AS by_reason FROM reasons"
    "   GROUP BY 1, 2)"
    " SELECT coalesce(a.name, '(none)'), c.stream_id, c.source, c.batches, n.emitted, n.billed, n.copies, n.conflicts, n.reversed, n.open,"
    "  n.lost,"
    "  coalesce(o.by_reason, '{}'), n.emitted - n.billed - n.copies - n.conflicts - n.reversed - n.open - n.lost"
    "  FROM came c LEFT JOIN streams s USING (stream_id) LEFT JOIN agents a USING (agent_id)"
    "  LEFT JOIN waiting w USING (stream_id, source) LEFT JOIN excluded e USING (stream_id, source)"
    "  LEFT JOIN lost o USING (stream_id, source)"
    " CROSS JOIN LATERAL (SELECT c.records + c.lost AS emitted, coalesce(e.copies, 0) AS copies,"
    "   coalesce(e.conflicts, 0) AS conflicts, coalesce(e.reversed, 0) AS reversed, coalesce(w.open, 0) AS open, coalesce(o.records, 0) AS lost,"
    "   c.billed + coalesce(w.replayed, 0) - coalesce(e.copies, 0) - coalesce(e.conflicts, 0)"
    "   - coalesce(e.reversed, 0) AS billed) n"
    " ORDER BY 1, 2, 3";

MUST_CHECK bool
verify_conserve(Db *db, ConservedVisit visit, void *context, Err *err)
{
    DbResult *result = db_query(db, SQL_CONSERVE, NULL, 0, err);
    bool done = result != NULL;
    for (int i = 0; done && i < db_rows(result); i++) {
        const Conserved row = {.agent = db_value(result, i, 0),
                               .stream_id = db_i64(result, i, 1),
                               .source = db_value(result, i, 2),
                               .batches = db_i64(result, i, 3),
                               .emitted = db_i64(result, i, 4),
                               .billed = db_i64(result, i, 5),
                               .copies = db_i64(result, i, 6),
                               .conflicts = db_i64(result, i, 7),
                               .reversed = db_i64(result, i, 8),
                               .quarantined = db_i64(result, i, 9),
                               .lost = db_i64(result, i, 10),
                               .lost_by_reason = db_value(result, i, 11),
                               .unaccounted = db_i64(result, i, 12)};
        done = visit(context, &row, err);
    }
    db_result_free(&result);
    return done || err_prefix(err, "conservation: ");
}
