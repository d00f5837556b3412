/* Where the books do not agree: what the database itself can answer. See verify_store.h. */
#include "lib/utc.h"
#include "schema/verify_corrections.h"
#include "schema/verify_references.h"
#include "schema/verify_store.h"

#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
#define PERIOD(column) column " >= $2::timestamptz AND " column " < $3::timestamptz"

/* Columns of every answer: tenant, hour, subject, segment_id, stream_id, sequence, what, expected, found. */

static const char SQL_STREAMS[] =
    "WITH seen AS (SELECT stream_id, sequence, lag(sequence, 1, 0::bigint) OVER (PARTITION BY stream_id ORDER BY sequence)"
    "  AS previous FROM ledger),"
    " gaps AS (SELECT stream_id, previous + 1 AS first, sequence - 1 AS last FROM seen WHERE sequence > previous + 1"
    "  UNION ALL SELECT s.stream_id, coalesce(max(l.sequence), 0) + 1, s.last_sequence FROM streams s"
    "  LEFT JOIN ledger l USING (stream_id) GROUP BY s.stream_id, s.last_sequence"
    "  HAVING coalesce(max(l.sequence), 0) < s.last_sequence)"
    " SELECT NULL, NULL, 'agent ' || a.name, NULL, g.stream_id, g.first, 'ledger rows of this stream',"
    "  'every sequence from 1 to ' || s.last_sequence,"
    "  CASE WHEN g.first = g.last THEN 'sequence ' || g.first || ' is missing'"
    "  ELSE 'sequences ' || g.first || ' to ' || g.last || ' are missing' END"
    "  FROM gaps g JOIN streams s USING (stream_id) LEFT JOIN agents a USING (agent_id)"
    " UNION ALL SELECT NULL, NULL, 'agent ' || a.name, NULL, l.stream_id, l.sequence, 'sequence of a ledger row',"
    "  '1 to ' || s.last_sequence, l.sequence::text FROM ledger l JOIN streams s USING (stream_id)"
    "  LEFT JOIN agents a USING (agent_id) WHERE l.sequence NOT BETWEEN 1 AND s.last_sequence ORDER BY 5, 6";
static const char SQL_STREAMS_COUNT[] = "SELECT count(*) FROM streams";

static const char SQL_RECEIPTS[] =
    "SELECT NULL, NULL, NULL, NULL, NULL, NULL, d.what, d.expected, d.found FROM"
    " (SELECT count(*) AS commits, count(receipt) AS receipts, coalesce(min(receipt), 1) AS least,"
    "  coalesce(max(receipt), 0) AS greatest, (SELECT last_receipt FROM installation) AS last FROM commits) c,"
    " LATERAL (VALUES ('commits without a receipt', '0', (commits - receipts)::text),"
    "  ('first receipt', '1', least::text), ('last receipt', last::text, greatest::text),"
    "  ('number of receipts', last::text, receipts::text)) AS d(what, expected, found)"
    " WHERE d.expected IS DISTINCT FROM d.found";
static const char SQL_RECEIPTS_COUNT[] = "SELECT count(*) FROM commits";

/* What came with a batch has the commit of its ledger row; conflicts that were found later have their own. Records that were
 * replayed stand in segments under the batch that brought them, whose ledger row still says quarantined. A batch that
 * reused a sequence, or was kept for its newer fields, is evidence beside the ledger: the row of its sequence counts the batch that was committed. */
#define RUN_FIELD(from) "('x' || encode(substring(s.sources FROM (24 * i + " from ") FOR 8), 'hex'))::bit(64)::bigint"
static const char SQL_LEDGER[] =
    "WITH brought AS (SELECT stream_id, sequence, sum(records) AS records FROM"
    "  (SELECT " RUN_FIELD("1") " AS stream_id, " RUN_FIELD("9") " AS sequence, " RUN_FIELD(
        "17") " AS records"
              "   FROM segments s, generate_series(0, octet_length(s.sources) / 24 - 1) AS i"
              "   WHERE substring(s.sources FROM 1 FOR 1) <> '\\x02'"
              "   UNION ALL SELECT r.stream_id, r.sequence, r.records FROM segments s, segment_runs(s.sources) AS r"
              "   WHERE substring(s.sources FROM 1 FOR 1) = '\\x02') runs GROUP BY 1, 2),"
              " waiting AS (SELECT q.stream_id, q.sequence, count(*) FILTER (WHERE q.commit_id = l.commit_id) AS first,"
              "  count(*) FILTER (WHERE q.commit_id IS DISTINCT FROM l.commit_id) AS later,"
              "  count(*) FILTER (WHERE q.replayed_at IS NOT NULL) AS replayed"
              "  FROM quarantine q LEFT JOIN ledger l USING (stream_id, sequence)"
              "  WHERE q.reason NOT IN ('sequence_reused', 'newer_fields') GROUP BY 1, 2),"
              " excluded AS (SELECT stream_id, sequence, count(*) FILTER (WHERE reason = 'conflict') AS conflicts FROM exclusions"
              "  GROUP BY 1, 2),"
              " lost AS (SELECT stream_id, sequence, least(sum(records), 9223372036854775807) AS records FROM losses GROUP BY 1, 2)"
              " SELECT NULL, NULL, 'source ' || l.source, NULL, stream_id, sequence, d.what, d.expected::text, d.found::text"
              " FROM ledger l FULL JOIN brought b USING (stream_id, sequence) FULL JOIN waiting w USING (stream_id, sequence)"
              " FULL JOIN excluded e USING (stream_id, sequence) FULL JOIN lost o USING (stream_id, sequence)"
              " CROSS JOIN LATERAL (VALUES"
              "  (1, 'ledger rows of a batch that segments, quarantine, exclusions or losses name', 1::numeric,"
              "   (l.commit_id IS NOT NULL)::integer::numeric),"
              "  (2, 'records: billed + quarantined', l.billed + l.quarantined, l.records),"
              "  (3, 'records in segments: billed + replayed', l.billed + coalesce(w.replayed, 0), coalesce(b.records, 0)),"
              "  (4, 'rows in quarantine', l.quarantined, coalesce(w.first, 0)),"
              "  (5, 'rows in quarantine for conflicts found later', coalesce(e.conflicts, 0), coalesce(w.later, 0)),"
              "  (6, 'records lost', l.lost, coalesce(o.records, 0))) AS d(number, what, expected, found)"
              " WHERE d.expected IS DISTINCT FROM d.found AND (l.commit_id IS NOT NULL OR d.number = 1)"
              " ORDER BY stream_id, sequence, d.number";
static const char SQL_LEDGER_COUNT[] = "SELECT count(*) FROM ledger";

/* A record that is kept may lose to an earlier one that only a later search (of another month) saw: what counts is that
 * the chain ends at a record that is not excluded, or at one that was reversed, which names itself. */
#define SCOPE " WHERE ($1::text IS NULL OR t.name = $1) AND " PERIOD("e.hour")
#define SAME_PLACE(a, b)                                                                        \
    a ".tenant_id = " b ".tenant_id AND " a ".hour = " b ".kept_hour AND " a ".segment_id = " b \
      ".kept_segment_id AND " a ".ordinal = " b ".kept_ordinal"
static const char SQL_EXCLUSIONS[] =
    "WITH RECURSIVE scope AS (SELECT t.name, e.* FROM exclusions e LEFT JOIN tenants t USING (tenant_id)" SCOPE "),"
    " chain AS (SELECT e.tenant_id, e.hour, e.segment_id, e.ordinal, x.kept_hour, x.kept_segment_id, x.kept_ordinal, 1 AS"
    "   steps FROM scope e JOIN exclusions x ON " SAME_PLACE(
        "x",
        "e") " AND x.reason <> 'reversed'"
             "  UNION ALL SELECT c.tenant_id, c.hour, c.segment_id, c.ordinal, x.kept_hour, x.kept_segment_id, x.kept_ordinal,"
             "   c.steps + 1 FROM chain c JOIN exclusions x ON " SAME_PLACE(
                 "x",
                 "c") " WHERE c.steps < 64 AND x.reason <> 'reversed')"
                      " SELECT e.name, " TIME(
                          "e.hour") ", 'ordinal ' || e.ordinal, e.segment_id, e.stream_id, e.sequence, d.what, d.expected,"
                                    "  d.found FROM scope e"
                                    " LEFT JOIN segments s ON s.tenant_id = e.tenant_id AND s.hour = e.hour AND s.segment_id = e.segment_id"
                                    " LEFT JOIN segments k ON k.tenant_id = e.tenant_id AND k.hour = e.kept_hour AND k.segment_id = e.kept_segment_id"
                                    " LEFT JOIN commits c ON c.commit_id = e.commit_id"
                                    " CROSS JOIN LATERAL (VALUES"
                                    "  (s.segment_id IS NULL, 'segment of an excluded record', 'segment ' || e.segment_id, 'none'),"
                                    "  (e.ordinal NOT BETWEEN 0 AND s.records - 1, 'ordinal of an excluded record', '0 to ' || s.records - 1, "
                                    "e.ordinal::text),"
                                    "  (k.segment_id IS NULL, 'segment of the record that an exclusion keeps', 'segment ' || e.kept_segment_id || ' of ' ||"
                                    "   " TIME(
                                        "e.kept_hour") ", 'none'),"
                                                       "  (e.kept_ordinal NOT BETWEEN 0 AND k.records - 1, 'ordinal of the record that an exclusion keeps', '0 to ' ||"
                                                       "   k.records - 1, e.kept_ordinal::text),"
                                                       "  (e.reason = 'reversed' AND (e.kept_hour, e.kept_segment_id, e.kept_ordinal) <> (e.hour, e.segment_id, e.ordinal),"
                                                       "   'record that a reversal keeps', 'itself', 'another one'),"
                                                       "  (c.receipt IS NULL, 'commit of an exclusion', 'one with a receipt', 'none')) AS d(wrong, what, expected, found)"
                                                       " WHERE d.wrong"
                                                       " UNION ALL SELECT t.name, " TIME(
                                                           "c.hour") ", 'ordinal ' || c.ordinal, c.segment_id, NULL, NULL,"
                                                                     "  'record that an exclusion keeps', 'one that counts', 'excluded too, and so on in a circle'"
                                                                     "  FROM chain c LEFT JOIN tenants t USING (tenant_id) WHERE c.steps = 64 ORDER BY 1, 2, 4, 3";
static const char SQL_EXCLUSIONS_COUNT[] =
    "SELECT count(*) FROM exclusions e LEFT JOIN tenants t USING (tenant_id)" SCOPE;

/* Sums of days that are closed (views/05_days.sql) are those of their hours, those by kind and by month those of days: nothing is billed
 * from them, but dashboards show them. */
static const char SQL_DAYS[] = "WITH hours AS (SELECT r.tenant_id, (r.hour AT TIME ZONE 'UTC')::date AS day, r.config_id,"
                               "  sum(r.invocations)::bigint AS invocations, sum(r.errors)::bigint AS errors, "
                               "  sum(r.timeouts)::bigint AS timeouts, sum(r.initializations)::bigint AS initializations, "
                               "  sum(r.duration_us)::bigint AS duration_us, sum(r.init_us)::bigint AS init_us, "
                               "  sum(r.duration_1ms)::bigint AS duration_1ms, sum(r.duration_100ms)::bigint AS duration_100ms, "
                               "  sum(r.with_init_1ms)::bigint AS with_init_1ms, "
                               "  sum(r.with_init_100ms)::bigint AS with_init_100ms, sum(r.cpu_us)::bigint AS cpu_us, "
                               "  sum(r.streamed_bytes)::bigint AS streamed_bytes, sum(r.capacity_records)::bigint AS capacity_records,"
                               "  sum(r.capacity_1s)::bigint AS capacity_1s, sum(r.capacity_300s)::bigint AS capacity_300s, "
                               "  max(r.max_memory_used_mb) AS max_memory_used_mb, max(r.max_duration_us) AS max_duration_us"
                               "  FROM rollups r WHERE " PERIOD(
                                   "r.hour") " GROUP BY 1, 2, 3),"
                                             " days AS (SELECT d.* FROM rollup_days d WHERE " PERIOD("d.day::timestamp AT TIME ZONE 'UTC'") ")"
                                                                                                                                            " SELECT t.name, " TIME(
                                                                                                                                                "day::timestamp") ", 'function ' || coalesce(c.function, 'of configuration ' || config_id), NULL, NULL, NULL,"
                                                                                                                                                                  "  'sums of a closed day', coalesce(h.invocations || ' invocations, ' || h.duration_us || ' us', 'none'),"
                                                                                                                                                                  "  CASE WHEN d.invocations IS NULL THEN 'none' WHEN (h.invocations, h.duration_us) = (d.invocations, d.duration_us) THEN 'other sums'"
                                                                                                                                                                  "   ELSE d.invocations || ' invocations, ' || d.duration_us || ' us' END"
                                                                                                                                                                  " FROM hours h FULL JOIN days d USING (tenant_id, day, config_id) LEFT JOIN tenants t USING (tenant_id)"
                                                                                                                                                                  " LEFT JOIN configs c USING (tenant_id, config_id) WHERE ($1::text IS NULL OR t.name = $1)"
                                                                                                                                                                  "  AND NOT EXISTS (SELECT FROM rollup_days_open o WHERE o.tenant_id = coalesce(h.tenant_id, d.tenant_id) AND o.day = coalesce(h.day, d.day))"
                                                                                                                                                                  "  AND (h.invocations, h.errors, h.timeouts, h.initializations, h.duration_us, h.init_us, h.duration_1ms, h.duration_100ms, h.with_init_1ms, h.with_init_100ms, h.cpu_us, h.streamed_bytes, h.capacity_records, h.capacity_1s, h.capacity_300s, h.max_memory_used_mb, h.max_duration_us) IS DISTINCT FROM"
                                                                                                                                                                  "   (d.invocations, d.errors, d.timeouts, d.initializations, d.duration_us, d.init_us, d.duration_1ms, d.duration_100ms, d.with_init_1ms, d.with_init_100ms, d.cpu_us, d.streamed_bytes, d.capacity_records, d.capacity_1s, d.capacity_300s, d.max_memory_used_mb, d.max_duration_us)"
                                                                                                                                                                  " UNION ALL SELECT t.name, " TIME(
                                                                                                                                                                      "coalesce(d.day, k.day)::timestamp") ", 'kind ' || coalesce(d.kind, k.kind), NULL, NULL, NULL,"
                                                                                                                                                                                                           "  'sums of a closed day by kind', coalesce(d.invocations || ' invocations', 'none'), coalesce(nullif(k.invocations || ' invocations', d.invocations || ' invocations'), 'other sums')"
                                                                                                                                                                                                           "  FROM (SELECT s.* FROM (SELECT DISTINCT c.tenant_id, c.day FROM rollup_days c WHERE " PERIOD("c.day::timestamp AT TIME ZONE 'UTC'") ") x"
                                                                                                                                                                                                                                                                                                                                                 "   CROSS JOIN LATERAL rollup_kinds_between(x.tenant_id, x.day::timestamp AT TIME ZONE 'UTC', (x.day + 1)::timestamp AT TIME ZONE 'UTC') s) d"
                                                                                                                                                                                                                                                                                                                                                 "  FULL JOIN (SELECT * FROM rollup_day_kinds c WHERE " PERIOD(
                                                                                                                                                                                                                                                                                                                                                     "c.day::timestamp AT TIME ZONE 'UTC'") ") k"
                                                                                                                                                                                                                                                                                                                                                                                            "   ON (k.tenant_id, k.day, k.kind) = (d.tenant_id, d.day, d.kind) LEFT JOIN tenants t ON t.tenant_id = coalesce(d.tenant_id, k.tenant_id)"
                                                                                                                                                                                                                                                                                                                                                                                            "  WHERE ($1::text IS NULL OR t.name = $1) AND to_jsonb(d) IS DISTINCT FROM to_jsonb(k) AND NOT EXISTS (SELECT FROM rollup_days_open o"
                                                                                                                                                                                                                                                                                                                                                                                            "   WHERE o.tenant_id = coalesce(d.tenant_id, k.tenant_id) AND o.day = coalesce(d.day, k.day))"
                                                                                                                                                                                                                                                                                                                                                                                            " UNION ALL SELECT t.name, " TIME("month AT TIME ZONE 'UTC'") ", 'function ' || coalesce(c.function, 'of configuration ' || config_id), NULL, NULL, NULL,"
                                                                                                                                                                                                                                                                                                                                                                                                                                                          "  'sums of a month', coalesce(d.invocations || ' invocations', 'none'), coalesce(nullif(m.invocations || ' invocations', d.invocations || ' invocations'), 'other sums')"
                                                                                                                                                                                                                                                                                                                                                                                                                                                          "  FROM (SELECT d.tenant_id, date_trunc('month', d.day::timestamp) AT TIME ZONE 'UTC' AS month, d.config_id, sum(d.invocations)::bigint AS invocations, sum(d.errors)::bigint AS errors, sum(d.timeouts)::bigint AS timeouts, sum(d.initializations)::bigint AS initializations, sum(d.duration_us)::bigint AS duration_us, sum(d.init_us)::bigint AS init_us, sum(d.duration_1ms)::bigint AS duration_1ms, sum(d.duration_100ms)::bigint AS duration_100ms, sum(d.with_init_1ms)::bigint AS with_init_1ms, sum(d.with_init_100ms)::bigint AS with_init_100ms, sum(d.cpu_us)::bigint AS cpu_us, sum(d.streamed_bytes)::bigint AS streamed_bytes, max(d.max_memory_used_mb) AS max_memory_used_mb, max(d.max_duration_us) AS max_duration_us, sum(d.capacity_records)::bigint AS capacity_records, sum(d.capacity_1s)::bigint AS capacity_1s, sum(d.capacity_300s)::bigint AS capacity_300s"
                                                                                                                                                                                                                                                                                                                                                                                                                                                          "   FROM rollup_days d WHERE " PERIOD(
                                                                                                                                                                                                                                                                                                                                                                                                                                                              "date_trunc('month', d.day::timestamp) AT TIME ZONE 'UTC'") " GROUP BY 1, 2, 3) d"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                          "  FULL JOIN (SELECT * FROM rollup_months m WHERE " PERIOD("m.month") ") m USING (tenant_id, month, config_id)"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                "  LEFT JOIN tenants t USING (tenant_id) LEFT JOIN configs c USING (tenant_id, config_id)"
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                "  WHERE ($1::text IS NULL OR t.name = $1) AND (d.invocations, d.errors, d.timeouts, d.initializations, d.duration_us, d.init_us, d.duration_1ms, d.duration_100ms, d.with_init_1ms, d.with_init_100ms, d.cpu_us, d.streamed_bytes, d.max_memory_used_mb, d.max_duration_us, d.capacity_records, d.capacity_1s, d.capacity_300s) IS DISTINCT FROM (m.invocations, m.errors, m.timeouts, m.initializations, m.duration_us, m.init_us, m.duration_1ms, m.duration_100ms, m.with_init_1ms, m.with_init_100ms, m.cpu_us, m.streamed_bytes, m.max_memory_used_mb, m.max_duration_us, m.capacity_records, m.capacity_1s, m.capacity_300s) ORDER BY 1, 2, 3";
static const char SQL_DAYS_COUNT[] = "SELECT 0 WHERE $1::text || $2::text || $3::text IS NOT NULL OR true";

typedef struct Question {
    const char *find;
    const char *count;
    bool scoped; /* takes tenant and period */
} Question;

static const Question QUESTIONS[VERIFY_QUESTION_COUNT] = {
    [VERIFY_ASK_STREAMS] = {SQL_STREAMS, SQL_STREAMS_COUNT, false},
    [VERIFY_ASK_RECEIPTS] = {SQL_RECEIPTS, SQL_RECEIPTS_COUNT, false},
    [VERIFY_ASK_LEDGER] = {SQL_LEDGER, SQL_LEDGER_COUNT, false},
    [VERIFY_ASK_EXCLUSIONS] = {SQL_EXCLUSIONS, SQL_EXCLUSIONS_COUNT, true},
    [VERIFY_ASK_DAYS] = {SQL_DAYS, SQL_DAYS_COUNT, true},
    [VERIFY_ASK_REFERENCES] = {VERIFY_SQL_REFERENCES, VERIFY_SQL_REFERENCES_COUNT, false},
    [VERIFY_ASK_CORRECTIONS] = {VERIFY_SQL_CORRECTIONS, VERIFY_SQL_CORRECTIONS_COUNT, false},
};

typedef struct Asking {
    VerifyVisit visit;
    void *context;
} Asking;

static bool
answer_row(void *context, const DbResult *row, Err *err)
{
    const Asking *asking = context;
    const VerifyFinding finding = {.tenant = db_value(row, 0, 0),
                                   .hour = db_value(row, 0, 1),
                                   .subject = db_value(row, 0, 2),
                                   .segment_id = db_i64(row, 0, 3),
                                   .stream_id = db_i64(row, 0, 4),
                                   .sequence = db_i64(row, 0, 5),
                                   .what = db_value(row, 0, 6),
                                   .expected = db_value(row, 0, 7),
                                   .found = db_value(row, 0, 8)};
    return asking->visit(asking->context, &finding, err);
}

MUST_CHECK bool
verify_ask(Db *db, VerifyQuestion question, const char *tenant, const VerifyPeriod *period, int64_t *checked,
           VerifyVisit visit, void *context, Err *err)
{
    const Question *asked = &QUESTIONS[question];
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    const DbParam params[3] = {db_string(tenant), db_string(verify_limit_text(period->start_us, start)),
                               db_string(verify_limit_text(period->end_us, end))};
    int count = asked->scoped ? 3 : 0;
    DbResult *counted = db_query(db, asked->count, params, count, err);
    if (counted == NULL)
        return false;
    *checked = db_i64(counted, 0, 0);
    db_result_free(&counted);
    Asking asking = {visit, context};
    return db_stream(db, asked->find, params, count, answer_row, &asking, err);
}
