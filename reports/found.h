/**
 * found - the invoices that a command is about, read from the database and checked against their digests
 */
#ifndef REPORTS_FOUND_H
#define REPORTS_FOUND_H

#include <stddef.h>
#include <stdint.h>

#include "reports/document.h"
#include "schema/db.h"

typedef struct Found {
    Document **documents;
    int64_t *ids;
    int64_t *tenant_ids;
    size_t count;
} Found;

/** Add one invoice: by number or id, or "latest". `tenant` NULL: anybody's. ERR_NOT_FOUND, ERR_CONFLICT (several tenants have one of
 *  that number), ERR_CORRUPT (the stored document does not have its stored digest). */
MUST_CHECK bool found_one(Found *found, Db *db, const char *which, const char *tenant, Err *err);

/** Add all invoices of a month, previews where none is final, unless `final_only`. ERR_NOT_FOUND: there is none. */
MUST_CHECK bool
found_month(Found *found, Db *db, const char *month_text, const char *tenant, bool final_only, Err *err);

void found_clear(Found *found);

#endif
