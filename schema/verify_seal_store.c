#include "schema/verify_seal_store.h"

#include "schema/seal_lines.h"
#include "schema/seal_store.h"
#include "schema/verify_cursor.h"

#define SEAL_COLUMNS                                                                                                                        \
    "SELECT s.tenant_id, s.seal_number, s.head_number, " SEAL_US(                                                                           \
        "s.hour") ", s.revision, s.receipt_from, s.receipt_to,"                                                                             \
                  " cardinality(s.segment_ids), s.records, s.exclusions, " SEAL_US(                                                         \
                      "s.sealed_at") ", s.exclusions_digest, s.content_digest, s.previous, s.digest,"                                       \
                                     " (SELECT coalesce(string_agg(int8send(u.id), '' ORDER BY u.position), '') FROM unnest(s.segment_ids)" \
                                     "  WITH ORDINALITY AS u(id, position)), s.segment_digests FROM seals s WHERE s.tenant_id = $1::bigint"

static const VerifyCursorKind SEALS = {
    "DECLARE verify_seals NO SCROLL CURSOR FOR " SEAL_COLUMNS
    " AND s.hour >= $2::timestamptz AND s.hour < $3::timestamptz ORDER BY s.hour, s.revision",
    "FETCH FORWARD 100 FROM verify_seals",
    "CLOSE verify_seals",
};
static const VerifyCursorKind CHAIN = {
    "DECLARE verify_chain NO SCROLL CURSOR FOR " SEAL_COLUMNS " ORDER BY s.seal_number",
    "FETCH FORWARD 100 FROM verify_chain",
    "CLOSE verify_chain",
};
static const VerifyCursorKind EXCLUSIONS = {
    "DECLARE verify_seal_exclusions NO SCROLL CURSOR FOR SELECT " SEAL_US("e.hour") ", coalesce(c.receipt, 0), " SEAL_EXCLUSION_LINE(
        "e",
        "c") " FROM exclusions e LEFT JOIN commits c USING (commit_id) WHERE e.tenant_id = $1::bigint"
             " AND e.hour >= $2::timestamptz AND e.hour < $3::timestamptz ORDER BY e.hour, e.segment_id, e.ordinal",
    "FETCH FORWARD 1000 FROM verify_seal_exclusions",
    "CLOSE verify_seal_exclusions",
};
static const char SQL_HEAD_SEALS[] =
    "SELECT head_number, tenant_id, seal_number, digest FROM seals ORDER BY head_number, tenant_id, seal_number";

static const char SQL_SEALED[] =
    "SELECT i.state, i.number, i.document_sha256, s.tenant_id, coalesce(t.name, ''), s.invoice_id, s.head_number, s.number,"
    " s.document_sha256 FROM seal_invoices s LEFT JOIN invoices i USING (tenant_id, invoice_id)"
    " LEFT JOIN tenants t USING (tenant_id) ORDER BY s.head_number, s.tenant_id, s.invoice_id";
static const char SQL_LISTED[] =
    "SELECT i.state, i.number, i.document_sha256 FROM (VALUES ($1::bigint, $2::bigint)) s(tenant_id, invoice_id)"
    " LEFT JOIN invoices i USING (tenant_id, invoice_id)";
static const char SQL_UNSEALED[] =
    "SELECT count(*) FROM invoices i WHERE state = 'final' AND NOT EXISTS (SELECT FROM seal_invoices s"
    " WHERE (s.tenant_id, s.invoice_id) = (i.tenant_id, i.invoice_id))";

MUST_CHECK VerifyCursor *
verify_seals_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, Err *err)
{
    return verify_cursor_open_tenant(db, &SEALS, tenant_id, period, 0, false, err);
}

MUST_CHECK VerifyCursor *
verify_chain_open(Db *db, int64_t tenant_id, Err *err)
{
    DbParam params[1];
    db_set_i64(&params[0], tenant_id);
    return verify_cursor_open(db, &CHAIN, params, 1, err);
}

MUST_CHECK bool
verify_seals_next(VerifyCursor *self, VerifySeal *row, bool *more, Err *err)
{
    int at;
    if (!verify_cursor_next(self, &at, more, err))
        return false;
    if (!*more)
        return true;
    const DbResult *page = self->page;
    Seal *seal = &row->seal;
    *seal = (Seal){.tenant_id = db_i64(page, at, 0),
                   .number = db_i64(page, at, 1),
                   .head_number = db_i64(page, at, 2),
                   .hour_us = db_i64(page, at, 3),
                   .revision = db_i64(page, at, 4),
                   .receipt_from = db_i64(page, at, 5),
                   .receipt_to = db_i64(page, at, 6),
                   .segments = db_i64(page, at, 7),
                   .records = db_i64(page, at, 8),
                   .exclusions = db_i64(page, at, 9),
                   .sealed_at_us = db_i64(page, at, 10)};
    buffer_clear(&self->payload);
    buffer_clear(&self->sources);
    if (!seal_digest_at(page, at, 11, &seal->exclusions_digest, err) ||
        !seal_digest_at(page, at, 12, &seal->content, err) || !seal_digest_at(page, at, 13, &seal->previous, err) ||
        !seal_digest_at(page, at, 14, &seal->digest, err) || !db_bytea(page, at, 15, &self->sources, err) ||
        !db_bytea(page, at, 16, &self->payload, err))
        return false;
    row->segment_ids = buffer_text(&self->sources);
    row->segment_digests = buffer_text(&self->payload);
    return true;
}

MUST_CHECK VerifyCursor *
verify_seal_exclusions_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, Err *err)
{
    return verify_cursor_open_tenant(db, &EXCLUSIONS, tenant_id, period, 0, false, err);
}

MUST_CHECK bool
verify_seal_exclusions_next(VerifyCursor *self, VerifySealExclusion *row, bool *more, Err *err)
{
    int at;
    if (!verify_cursor_next(self, &at, more, err))
        return false;
    if (*more)
        *row = (VerifySealExclusion){.hour_us = db_i64(self->page, at, 0),
                                     .receipt = db_i64(self->page, at, 1),
                                     .line = db_slice(self->page, at, 2)};
    return true;
}

typedef struct HeadSeals {
    VerifyHeadSeal visit;
    void *context;
} HeadSeals;

static bool
head_seal(void *context, const DbResult *row, Err *err)
{
    const HeadSeals *self = context;
    Digest digest;
    return seal_digest_at(row, 0, 3, &digest, err) &&
           self->visit(self->context, db_i64(row, 0, 0), db_i64(row, 0, 1), db_i64(row, 0, 2), &digest, err);
}

MUST_CHECK bool
verify_head_seals(Db *db, VerifyHeadSeal visit, void *context, Err *err)
{
    HeadSeals self = {visit, context};
    return db_stream(db, SQL_HEAD_SEALS, NULL, 0, head_seal, &self, err);
}

/* ---- final invoices ---- */

typedef struct SealedInvoices {
    VerifySealedVisit visit;
    void *context;
} SealedInvoices;

/** What the table has, in the first columns. */
static bool
present_invoice(const DbResult *row, VerifySealedInvoice *out, Err *err)
{
    out->is_there = !db_is_null(row, 0, 0);
    out->is_final = text_is(db_slice(row, 0, 0), "final");
    out->number = db_slice(row, 0, 1);
    return !out->is_there || seal_digest_at(row, 0, 2, &out->document, err);
}

static bool
sealed_invoice(void *context, const DbResult *row, Err *err)
{
    const SealedInvoices *self = context;
    VerifySealedInvoice out = {.sealed = {.tenant_id = db_i64(row, 0, 3),
                                          .tenant = db_slice(row, 0, 4),
                                          .invoice_id = db_i64(row, 0, 5),
                                          .head_number = db_i64(row, 0, 6),
                                          .number = db_slice(row, 0, 7)}};
    return seal_digest_at(row, 0, 8, &out.sealed.document, err) && present_invoice(row, &out, err) &&
           self->visit(self->context, &out, err);
}

MUST_CHECK bool
verify_sealed_invoices(Db *db, VerifySealedVisit visit, void *context, Err *err)
{
    SealedInvoices self = {visit, context};
    return db_stream(db, SQL_SEALED, NULL, 0, sealed_invoice, &self, err);
}

MUST_CHECK bool
verify_listed_invoice(Db *db, const SealInvoice *sealed, VerifySealedVisit visit, void *context, Err *err)
{
    VerifySealedInvoice out = {.sealed = *sealed};
    DbParam params[2];
    db_set_i64(&params[0], sealed->tenant_id);
    db_set_i64(&params[1], sealed->invoice_id);
    DbResult *row = db_query(db, SQL_LISTED, params, 2, err);
    bool done = row != NULL && present_invoice(row, &out, err) && visit(context, &out, err);
    db_result_free(&row);
    return done;
}

MUST_CHECK bool
verify_unsealed_invoices(Db *db, int64_t *count, Err *err)
{
    DbResult *row = db_query(db, SQL_UNSEALED, NULL, 0, err);
    if (row == NULL)
        return false;
    *count = db_i64(row, 0, 0);
    db_result_free(&row);
    return true;
}
