/**
 * explain_store - what the tables say about one record beside its segment: batch, exclusion, seal, invoices, quarantine
 *
 * For people who ask, a few rows at a time. Objects are made by the database and come as parsed JSON: `*out` becomes the
 * caller's, NULL where there is no such row. Run in one snapshot (verify_begin).
 */
#ifndef SCHEMA_EXPLAIN_STORE_H
#define SCHEMA_EXPLAIN_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "schema/db.h"
#include "schema/segment_store.h"

/** The batch that brought something: agent, spool, stream, sequence, and of the ledger source, label, import_id, accepted_at,
 *  received_at, receipt, batch_sha256. */
MUST_CHECK bool explain_origin(Db *db, int64_t stream_id, int64_t sequence, Json **out, Err *err);

/** What a record is excluded for. */
typedef enum ExplainFate { EXPLAIN_COPY, EXPLAIN_CONFLICT, EXPLAIN_REVERSED } ExplainFate;
typedef struct ExplainExclusion {
    bool exists;
    ExplainFate fate;
    Json *reversal; /* because, by, at, receipt: the caller's; NULL: no reversal */
    int64_t receipt;
    SegmentKey kept;
    int64_t kept_ordinal;
} ExplainExclusion;
MUST_CHECK bool
explain_exclusion(Db *db, int64_t tenant_id, const SegmentKey *key, int64_t ordinal, ExplainExclusion *out, Err *err);

/** The seal that covers a tenant's hour at a receipt: number, revision, head, sealed_at, sha256. */
MUST_CHECK bool explain_seal(Db *db, int64_t tenant_id, int64_t hour_us, int64_t receipt, Json **out, Err *err);

/** How what a tenant's final period received with this receipt was settled: disposition (billed, credited, written_off), number and month of the
 *  document that carries it. */
MUST_CHECK bool explain_settled(Db *db, int64_t tenant_id, int64_t at_us, int64_t receipt, Json **out, Err *err);

/** An invoice or preview, with its price book, or another document about its period; texts borrowed for the time of the callback. */
typedef struct ExplainInvoice {
    int64_t invoice_id;
    const char *number; /* "" for a preview */
    const char *state;
    int64_t revision;
    int64_t period_start_us;
    int64_t period_end_us;
    int64_t receipt_watermark;
    const char *currency;
    Text document;
    Text book;
    bool stands; /* an invoice or preview that was not taken back; false also for a credit note and a void */
} ExplainInvoice;
typedef bool (*ExplainInvoiceVisit)(void *context, const ExplainInvoice *invoice, Err *err);
/** Those of a tenant whose period holds this instant, final ones first. */
MUST_CHECK bool
explain_invoices(Db *db, int64_t tenant_id, int64_t at_us, ExplainInvoiceVisit visit, void *context, Err *err);

/** A row of quarantine: id, tenant, reason, field, message, format, source, line, received_at, replayed_at, repeats, digest,
 *  other_digest, stream, sequence; `payload` is borrowed for the time of the callback, `row` becomes the visitor's. */
typedef bool (*ExplainQuarantineVisit)(void *context, Json *row, Text payload, Err *err);
/** Rows of a tenant (NULL: of all; rows that name none always) whose payload holds one of two patterns, by id. */
MUST_CHECK bool explain_quarantine(Db *db, const char *tenant, Text pattern, Text other, ExplainQuarantineVisit visit,
                                   void *context, Err *err);

/** How much evidence a search covers: segments, records; and losses: records that emitters and agents reported lost. */
MUST_CHECK bool
explain_extent(Db *db, int64_t tenant_id, const char *tenant, int64_t start_us, int64_t end_us, Json **out, Err *err);

#endif
