/**
 * bill_changes - what each tenant's bill was, and what it is or would be: who pays how much more or less
 *
 * Amounts are decimal texts as printed on the documents; differences are exact. Amounts in two currencies have no difference.
 */
#ifndef RATER_BILL_CHANGES_H
#define RATER_BILL_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/err.h"
#include "lib/json.h"

/** One side of a change; all owned, NULL: there is none. */
typedef struct BillSide {
    char *what; /* "MB-2026-000001", "preview" */
    char *price_book;
    char *currency;
    char *total;
} BillSide;

typedef struct BillChange {
    char *tenant;
    char *account;
    BillSide before;
    BillSide after;
    char *reason;     /* why there is no `after`; NULL: none is missing */
    char *difference; /* "-1.20", made by bill_changes_finish(); NULL: cannot be said */
    char *percent;    /* of what was before, one decimal half up; NULL: of nothing */
} BillChange;

typedef struct BillChanges {
    BillChange *all;
    size_t count, capacity;
    size_t sorted;      /* of them by tenant; the others were added since */
    BillChange *totals; /* for each currency, of the tenants that have a difference, in the order of currencies */
    size_t total_count, total_capacity;
} BillChanges;

/** The change of a tenant, made when it is not known. Borrowed until the next call. NULL: ERR_NOMEM. */
MUST_CHECK BillChange *bill_changes_of(BillChanges *self, const char *tenant, const char *account, Err *err);
/** NULL when there is none. */
BillChange *bill_changes_find(BillChanges *self, const char *tenant);
/** Set a side; texts are copied, NULL stays NULL. What was there before goes. ERR_NOMEM. */
MUST_CHECK bool bill_side_set(BillSide *side, const char *what, const char *price_book, const char *currency,
                              const char *total, Err *err);
/** Why the tenants of an account have no `after`; an account of which no tenant is known stands under its own name. ERR_NOMEM. */
MUST_CHECK bool bill_changes_skip(BillChanges *self, const char *account, const char *reason, Err *err);

/** Work out differences and totals, and put who pays most more first and who pays most less last. */
MUST_CHECK bool bill_changes_finish(BillChanges *self, Err *err);

/** Does it differ, or can nobody say? After bill_changes_finish(). */
bool bill_change_is_one(const BillChange *change);

/** A table with the two names as headings; with `changed_only`, of what differs. ERR_NOMEM. */
MUST_CHECK bool bill_changes_print(const BillChanges *self, FILE *out, const char *before, const char *after,
                                   bool changed_only, Err *err);
/** Add "tenants" (an array) and "totals" to an object; `before` and `after` are the members' names. */
MUST_CHECK bool
bill_changes_json(const BillChanges *self, Json *object, const char *before, const char *after, Err *err);

void bill_changes_free(BillChanges *self);

#endif
