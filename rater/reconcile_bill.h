/**
 * reconcile_bill - the bill's side of a reconciliation: one tenant's invoice, usage and records
 */
#ifndef RATER_RECONCILE_BILL_H
#define RATER_RECONCILE_BILL_H

#include "lib/utc.h"
#include "rater/book_calendar.h"
#include "rater/explain_bill.h"
#include "rater/rate_tenants.h"
#include "rater/reconcile_spill.h"
#include "rater/reconcile_worth.h"

typedef struct BilledSide {
    char *name;
    const RateTenant *tenant; /* in `account` */
    RateTenants account;      /* its members */
    Bills bills;
    const Bill *bill;       /* NULL: neither invoice nor preview */
    BookCalendar *calendar; /* then, the book that is in force: */
    const PriceBook *default_book;
    int64_t watermark;
    int64_t start_us, end_us;
    RatingRows *rows; /* of the account */
    Worth *worth;
} BilledSide;

/** Find the tenant's bill: that of the period which starts in the month; without one the month is the period, and `book` the
 *  price book. Released with billed_side_free() in any case. ERR_NOT_FOUND: the tenant. */
MUST_CHECK bool
billed_side_find(BilledSide *self, Db *db, const char *name, UtcMonth month, const char *book, Err *err);
/** Read and rate the usage behind it. */
MUST_CHECK bool billed_side_open(BilledSide *self, Db *db, Err *err);
void billed_side_free(BilledSide *self);

/** Spread its records as tenant `number`: billed ones, those that came too late for the bill, that were
 *  reversed before it was made, and those in quarantine. */
MUST_CHECK bool billed_side_spread(const BilledSide *self, Db *db, uint32_t number, Spill *spill, Err *err);

/** invoice (null: none), receipt_watermark, price_book, free_tier. ERR_NOMEM. */
MUST_CHECK bool billed_side_tell(const BilledSide *self, Json *object, Err *err);

#endif
