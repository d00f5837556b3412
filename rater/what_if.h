/**
 * what_if - a month rated once more by another price book or contract, beside what it was billed at
 *
 * All is read in one snapshot of a read-only transaction: PostgreSQL itself refuses to write in it. A tenant whose invoice is final is rated with
 * the usage of that invoice, up to its receipt watermark; credits and commitments are as they were before it.
 */
#ifndef RATER_WHAT_IF_H
#define RATER_WHAT_IF_H

#include <stdbool.h>

#include "lib/err.h"
#include "rater/bill_changes.h"
#include "rater/rate_month.h"

typedef struct WhatIf {
    UtcMonth month;
    const char *tenant; /* NULL: all */
    BookCalendar *calendar;
    const char *price_book;   /* that is tried */
    bool any_book;            /* also where a contract names another */
    const char *in_force;     /* by which a month that is not final is billed where a contract names none */
    const Contract *contract; /* that is tried, for `tenant` or everybody; NULL: each keeps its own */
    bool free_tier;
} WhatIf;

/** Compare: `before` is what was billed, or would be by the book in force, `after` what would be. `changes` is freed with bill_changes_free() in any
 *  case. ERR_NOT_FOUND (the tenant), ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool what_if(Db *db, const WhatIf *request, BillChanges *changes, int64_t *receipt_watermark, Err *err);

/** The command: `rate --what-if`. A name that is NULL was not given. */
typedef struct WhatIfOptions {
    UtcMonth month;
    const char *tenant;
    const char *book_name;
    const char *contract_file;
    const char *data;
    bool free_tier;
    bool json;
} WhatIfOptions;
MUST_CHECK bool what_if_run(const WhatIfOptions *options, Err *err);

#endif
