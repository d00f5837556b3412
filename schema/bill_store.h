/**
 * bill_store - what each tenant's month comes to as it stands: one row for each tenant that has a document
 */
#ifndef SCHEMA_BILL_STORE_H
#define SCHEMA_BILL_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/utc.h"
#include "schema/db.h"

/** Texts are borrowed for the time of the callback. */
typedef struct BillRow {
    const char *tenant;
    const char *account;
    const char *number; /* "" of a preview */
    const char *currency;
    const char *total; /* what is to be paid */
    int64_t receipt_watermark;
    const char *price_book; /* "aws-lambda 2026-11" */
    bool late; /* usage of the period may have been received since, for it or for another tenant of its account */
} BillRow;

/** Returns false (with err set) to stop. */
typedef bool (*BillVisit)(void *context, const BillRow *row, Err *err);

/** Visit the last document of each tenant (of the account of `tenant`; NULL: all) whose period starts in a month and whose state is `state` ("preview",
 *  "final"), by tenant, bytewise. ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool
bill_visit(Db *db, UtcMonth month, const char *tenant, const char *state, BillVisit visit, void *context, Err *err);

/** Returns false (with err set) to stop. */
typedef bool (*BillNumberVisit)(void *context, const char *number, Err *err);

/** Visit the numbers (borrowed for the time of the callback) of the invoices in force of earlier months that closing a month made, in their
 *  order. ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool bill_visit_late(Db *db, UtcMonth closing, BillNumberVisit visit, void *context, Err *err);

#endif
