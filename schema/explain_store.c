#include "schema/explain_store.h"

#include "lib/utc.h"

#define TIME(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
#define SECOND(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
#define US(column) "(extract(epoch FROM " column ") * 1000000)::bigint"

static const char SQL_ORIGIN[] =
    "SELECT json_build_object('agent', a.name, 'spool', encode(s.spool, 'hex'), 'stream', s.stream_id,"
    " 'sequence', $2::bigint, 'source', l.source, 'label', nullif(l.label, ''),"
    " 'import_id', encode(l.import_id, 'hex'), 'accepted_at', " TIME(
        "l.accepted_at") ","
                         " 'received_at', " TIME(
                             "l.received_at") ", 'receipt', c.receipt, 'batch_sha256', encode(l.digest, 'hex'))"
                                              " FROM streams s JOIN agents a USING (agent_id)"
                                              " LEFT JOIN ledger l ON (l.stream_id, l.sequence) = (s.stream_id, $2::bigint)"
                                              " LEFT JOIN commits c USING (commit_id) WHERE s.stream_id = $1::bigint";
static const char SQL_EXCLUSION[] =
    "SELECT e.reason, coalesce(c.receipt, 0), " US("e.kept_hour") ", e.kept_segment_id, e.kept_ordinal, coalesce(e.reversed_because, ''), coalesce(e.reversed_by, ''), " SECOND(
        "c.committed_at") ""
                          " FROM exclusions e LEFT JOIN commits c USING (commit_id)"
                          " WHERE e.tenant_id = $1::bigint AND e.hour = $2::timestamptz AND e.segment_id = $3::bigint"
                          " AND e.ordinal = $4::integer";
static const char SQL_SEAL[] =
    "SELECT json_build_object('seal', s.seal_number, 'revision', s.revision, 'head', s.head_number,"
    " 'sealed_at', " TIME(
        "s.sealed_at") ", 'sha256', encode(s.digest, 'hex')) FROM seals s"
                       " WHERE s.tenant_id = $1::bigint AND s.hour = $2::timestamptz AND s.receipt_from <= $3::bigint"
                       " AND s.receipt_to >= $3::bigint ORDER BY s.revision LIMIT 1";
static const char SQL_INVOICES[] =
    "SELECT i.invoice_id, coalesce(i.number, ''), i.state, i.revision, " US("i.period_start") ", " US(
        "i.period_end") ","
                        " i.receipt_watermark, i.currency, i.document, b.source, i.kind = 'invoice' AND NOT EXISTS"
                        " (SELECT FROM invoices v WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id AND v.kind = 'void')"
                        " FROM invoices i"
                        " JOIN price_books b ON b.sha256 = i.price_book_sha256"
                        " WHERE i.tenant_id = $1::bigint AND i.period_start <= $2::timestamptz AND i.period_end > $2::timestamptz"
                        " ORDER BY i.state, i.revision, i.invoice_id";
/* A write-off comes first: the rest of its receipts may have a link of its own. */
static const char SQL_SETTLED[] =
    "SELECT json_build_object('disposition', a.disposition, 'number', c.number, 'month', to_char(c.period_month, 'YYYY-MM'))"
    " FROM adjustments a JOIN adjustments_in_force f USING (tenant_id, adjustment_id)"
    " LEFT JOIN invoices c ON c.tenant_id = a.tenant_id AND c.invoice_id = a.carrier_id"
    " WHERE a.tenant_id = $1::bigint AND a.period_start <= $2::timestamptz AND a.period_end > $2::timestamptz"
    " AND a.from_receipt < $3::bigint AND a.to_receipt >= $3::bigint ORDER BY a.disposition = 'written_off' DESC, a.adjustment_id LIMIT 1";
/* Patterns first: what has them is a handful. */
static const char SQL_QUARANTINE[] =
    "SELECT json_build_object('quarantine_id', q.quarantine_id, 'tenant', nullif(q.tenant_name, ''), 'reason', q.reason,"
    " 'field', nullif(q.field, ''), 'message', q.message, 'format', q.format, 'source', nullif(q.source, ''),"
    " 'line', nullif(q.line, 0), 'received_at', " TIME("q.received_at") ", 'replayed_at', " TIME(
        "q.replayed_at") ","
                         " 'repeats', q.repeats, 'digest', encode(q.digest, 'hex'), 'other_digest', encode(q.other_digest, 'hex'),"
                         " 'stream', q.stream_id, 'sequence', q.sequence), q.payload FROM quarantine q"
                         " WHERE ($1::text IS NULL OR q.tenant_name IN ($1, '')) AND (position($2::bytea IN q.payload) > 0"
                         " OR position($3::bytea IN q.payload) > 0) ORDER BY q.quarantine_id";
static const char SQL_EXTENT[] =
    "SELECT json_build_object('segments', count(*), 'records', coalesce(sum(s.records), 0),"
    " 'reported_lost', (SELECT coalesce(sum(l.records), 0) FROM losses l"
    "  WHERE $4::text IS NULL OR l.tenant_name IN ($4, '')))"
    " FROM segments s WHERE ($1::bigint = 0 OR s.tenant_id = $1::bigint) AND s.hour >= $2::timestamptz"
    " AND s.hour < $3::timestamptz";

/** The object in the first row's first column. */
static bool
ask_object(Db *db, const char *sql, const DbParam *params, int count, Json **out, Err *err)
{
    *out = NULL;
    DbResult *result = db_query(db, sql, params, count, err);
    if (result == NULL)
        return false;
    if (db_rows(result) > 0)
        *out = json_parse(db_slice(result, 0, 0), err);
    bool done = db_rows(result) == 0 || *out != NULL;
    db_result_free(&result);
    return done;
}

MUST_CHECK bool
explain_origin(Db *db, int64_t stream_id, int64_t sequence, Json **out, Err *err)
{
    DbParam params[2];
    db_set_i64(&params[0], stream_id);
    db_set_i64(&params[1], sequence);
    return ask_object(db, SQL_ORIGIN, params, 2, out, err);
}

static ExplainFate
fate_of(Text reason)
{
    return text_is(reason, "reversed")   ? EXPLAIN_REVERSED
           : text_is(reason, "conflict") ? EXPLAIN_CONFLICT
                                         : EXPLAIN_COPY;
}

static bool
read_reversal(const DbResult *result, Json **out, Err *err)
{
    *out = json_new_object(err);
    return *out != NULL && json_add_text(*out, "because", db_value(result, 0, 5), err) &&
           json_add_text(*out, "by", db_value(result, 0, 6), err) &&
           json_add_text(*out, "at", db_value(result, 0, 7), err) &&
           json_add_int(*out, "receipt", db_i64(result, 0, 1), err);
}

MUST_CHECK bool
explain_exclusion(Db *db, int64_t tenant_id, const SegmentKey *key, int64_t ordinal, ExplainExclusion *out, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    DbParam params[4];
    *out = (ExplainExclusion){0};
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(key->hour_us, hour));
    db_set_i64(&params[2], key->segment_id);
    db_set_i64(&params[3], ordinal);
    DbResult *result = db_query(db, SQL_EXCLUSION, params, 4, err);
    if (result == NULL)
        return false;
    if (db_rows(result) > 0)
        *out = (ExplainExclusion){.exists = true,
                                  .fate = fate_of(db_slice(result, 0, 0)),
                                  .receipt = db_i64(result, 0, 1),
                                  .kept = {db_i64(result, 0, 2), db_i64(result, 0, 3)},
                                  .kept_ordinal = db_i64(result, 0, 4)};
    bool done = !out->exists || out->fate != EXPLAIN_REVERSED || read_reversal(result, &out->reversal, err);
    db_result_free(&result);
    return done;
}

/** What holds for an instant of a tenant at a receipt. */
static bool
ask_at(Db *db, const char *sql, int64_t tenant_id, int64_t at_us, int64_t receipt, Json **out, Err *err)
{
    char at[UTC_TEXT_BYTES];
    DbParam params[3];
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(at_us, at));
    db_set_i64(&params[2], receipt);
    return ask_object(db, sql, params, 3, out, err);
}

MUST_CHECK bool
explain_seal(Db *db, int64_t tenant_id, int64_t hour_us, int64_t receipt, Json **out, Err *err)
{
    return ask_at(db, SQL_SEAL, tenant_id, hour_us, receipt, out, err);
}

MUST_CHECK bool
explain_settled(Db *db, int64_t tenant_id, int64_t at_us, int64_t receipt, Json **out, Err *err)
{
    return ask_at(db, SQL_SETTLED, tenant_id, at_us, receipt, out, err);
}

typedef struct InvoiceVisit {
    ExplainInvoiceVisit visit;
    void *context;
} InvoiceVisit;

static bool
visit_invoice(void *context, const DbResult *row, Err *err)
{
    const InvoiceVisit *visit = context;
    const ExplainInvoice invoice = {.invoice_id = db_i64(row, 0, 0),
                                    .number = db_value(row, 0, 1),
                                    .state = db_value(row, 0, 2),
                                    .revision = db_i64(row, 0, 3),
                                    .period_start_us = db_i64(row, 0, 4),
                                    .period_end_us = db_i64(row, 0, 5),
                                    .receipt_watermark = db_i64(row, 0, 6),
                                    .currency = db_value(row, 0, 7),
                                    .document = db_slice(row, 0, 8),
                                    .book = db_slice(row, 0, 9),
                                    .stands = db_value(row, 0, 10)[0] == 't'};
    return visit->visit(visit->context, &invoice, err);
}

MUST_CHECK bool
explain_invoices(Db *db, int64_t tenant_id, int64_t at_us, ExplainInvoiceVisit visit, void *context, Err *err)
{
    char at[UTC_TEXT_BYTES];
    DbParam params[2];
    InvoiceVisit state = {visit, context};
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(at_us, at));
    return db_stream(db, SQL_INVOICES, params, 2, visit_invoice, &state, err);
}

typedef struct QuarantineSearch {
    ExplainQuarantineVisit visit;
    void *context;
    Buffer payload;
} QuarantineSearch;

static bool
visit_quarantine(void *context, const DbResult *row, Err *err)
{
    QuarantineSearch *search = context;
    buffer_clear(&search->payload);
    Json *object = json_parse(db_slice(row, 0, 0), err);
    if (object == NULL)
        return false;
    if (!db_bytea(row, 0, 1, &search->payload, err)) {
        json_object_put(object);
        return false;
    }
    return search->visit(search->context, object, buffer_text(&search->payload), err);
}

MUST_CHECK bool
explain_quarantine(Db *db, const char *tenant, Text pattern, Text other, ExplainQuarantineVisit visit, void *context,
                   Err *err)
{
    QuarantineSearch search = {.visit = visit, .context = context};
    const DbParam params[3] = {db_string(tenant), db_bytes(pattern.data, pattern.length),
                               db_bytes(other.data, other.length)};
    bool done = db_stream(db, SQL_QUARANTINE, params, 3, visit_quarantine, &search, err);
    buffer_free(&search.payload);
    return done;
}

MUST_CHECK bool
explain_extent(Db *db, int64_t tenant_id, const char *tenant, int64_t start_us, int64_t end_us, Json **out, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    DbParam params[4];
    db_set_i64(&params[0], tenant_id);
    params[1] = db_string(utc_format(start_us, start));
    params[2] = db_string(utc_format(end_us, end));
    params[3] = db_string(tenant);
    return ask_object(db, SQL_EXTENT, params, 4, out, err);
}
