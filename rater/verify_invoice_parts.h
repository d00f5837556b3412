/**
 * verify_invoice_parts - what the files that check final invoices share: the invoice at hand and its account, rated again
 */
#ifndef RATER_VERIFY_INVOICE_PARTS_H
#define RATER_VERIFY_INVOICE_PARTS_H

#include "lib/json.h"
#include "rater/adjust_rating.h"
#include "rater/rate.h"
#include "rater/verify_parts.h"

typedef struct InvoiceCheck {
    Db *db;
    RateTenants tenants; /* as accounts are in the month of the present invoice */
    UtcMonth tenants_month;
    AdjustMembers members; /* as accounts are in the period that is adjusted */
    VerifyReport *report;
    VerifyInvoice invoice; /* the present one */
    /* the account rated last: its invoices follow one another */
    int64_t run_id;
    char *account;
    PriceBook *book; /* NULL: cannot be read */
    RatingRows *rows;
    Rated *rated; /* NULL: cannot be rated; `reason` says why */
    Err reason;
} InvoiceCheck;

/** Note a difference of the present invoice. ERR_NOMEM. */
MUST_CHECK bool invoice_note(InvoiceCheck *self, const char *what, const char *expected, const char *found, Err *err);

/** The digest of the present invoice's document, and what its tables say beside it. */
MUST_CHECK bool invoice_check_digest(InvoiceCheck *self, Err *err);
MUST_CHECK bool invoice_check_tables(InvoiceCheck *self, Json *document, Err *err);
/** Note where a derived document differs from the stored one of the present invoice, byte for byte. */
MUST_CHECK bool invoice_compare(InvoiceCheck *self, Json *derived, Json *stored, Err *err);
/** A credit note: made again from the evidence at both of its receipts. */
MUST_CHECK bool invoice_check_credit_note(InvoiceCheck *self, Json *stored, Err *err);
/** A void: made again from the document that it takes back. */
MUST_CHECK bool invoice_check_void(InvoiceCheck *self, Json *stored, Err *err);

#endif
