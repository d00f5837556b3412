/**
 * explain_bill - the invoices that cover an instant of a tenant, and one record's part of their lines
 *
 * A record's part of a line is in proportion to its quantity, as the functions of an invoice have theirs: free units and tiers
 * belong to the line as a whole, not to one record before another. What no record makes (a flat fee, a surcharge on other
 * meters) is no record's part.
 */
#ifndef RATER_EXPLAIN_BILL_H
#define RATER_EXPLAIN_BILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "rater/price_book.h"
#include "rater/usage.h"
#include "schema/db.h"

typedef struct Bill {
    int64_t invoice_id;
    bool is_final;
    bool stands; /* an invoice or preview in force: no credit note, no void, and not taken back */
    int64_t period_start_us;
    int64_t watermark;
    Json *head; /* invoice_id, number, state, revision, period_start, period_end, receipt_watermark, currency */
    Json *document;
    PriceBook *book;
} Bill;

/** Starts zeroed; released with bills_free(). */
typedef struct Bills {
    int64_t tenant_id;
    int64_t at_us;
    Bill *all; /* final ones first */
    size_t count;
    size_t capacity;
} Bills;

/** Load what covers this instant, unless it is there already. ERR_CORRUPT: a document or book cannot be read. */
MUST_CHECK bool bills_load(Bills *self, Db *db, int64_t tenant_id, int64_t at_us, Err *err);
void bills_free(Bills *self);

/** The part that a usage row of an instant has of a bill: its head, `lines` (line, sku, description, quantity, free_quantity, billed_quantity, unit,
 *  amount_exact) and `amount_exact`. `*costs`: it is more than nothing. Caller releases. NULL: ERR_NOMEM, ERR_CORRUPT. */
MUST_CHECK Json *bill_share(const Bill *self, const RatingRow *of, int64_t at_us, bool *costs, Err *err);

/** What came too late for a final bill, or has none, may stand on a later document: `settled` in `entry` says on which, and `*fate` ("late" or
 *  "not_rated"; others are left alone) becomes "late". ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool
bill_settled(Json *entry, Db *db, int64_t tenant_id, int64_t at_us, int64_t receipt, const char **fate, Err *err);

#endif
