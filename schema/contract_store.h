/**
 * contract_store - which contract a tenant has from which month on, and what earlier invoices used of it
 *
 * Rows are only added. Balances stand nowhere: they are sums over the items of final invoices.
 */
#ifndef SCHEMA_CONTRACT_STORE_H
#define SCHEMA_CONTRACT_STORE_H

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"

/** A contract as it is given to a tenant. */
typedef struct ContractGiven {
    int64_t tenant_id;
    UtcMonth from;
    Digest sha256;
    const char *name;
    const char *version;
    Text source;
    const char *by;
} ContractGiven;

/** Give it, as the next revision, in a transaction of its own that waits for rating runs. ERR_CONFLICT: an invoice of that
 *  month or a later one is final, of the tenant or of its account. As the owner. */
MUST_CHECK bool contract_store_set(Db *db, const ContractGiven *given, int64_t *revision, Err *err);

/** One revision (borrowed for the time of the callback). */
typedef struct ContractRow {
    int64_t tenant_id;
    const char *tenant;
    int64_t revision;
    const char *from;   /* "2026-07" */
    const char *sha256; /* hex */
    const char *name;
    const char *version;
    const char *set_at; /* RFC 3339 */
    const char *set_by;
    Text source;
} ContractRow;
typedef bool (*ContractVisit)(void *context, const ContractRow *row, Err *err);

/** The contract that holds for a month, of each tenant that has one; `tenant` NULL: all. By tenant_id. */
MUST_CHECK bool
contract_store_in_force(Db *db, const char *tenant, UtcMonth month, ContractVisit visit, void *context, Err *err);
/** Every revision of a tenant, from the first. */
MUST_CHECK bool contract_store_history(Db *db, const char *tenant, ContractVisit visit, void *context, Err *err);
/** Every revision under which an invoice has prepaid units or their fee; `tenant` NULL: all. */
MUST_CHECK bool contract_store_prepaid(Db *db, const char *tenant, ContractVisit visit, void *context, Err *err);
/** The one that an invoice was made under; none: no visit. */
MUST_CHECK bool
contract_store_of_invoice(Db *db, int64_t tenant_id, int64_t invoice_id, ContractVisit visit, void *context, Err *err);

/** A revision of a tenant's contract; none: no visit. */
MUST_CHECK bool
contract_store_of_revision(Db *db, int64_t tenant_id, int64_t revision, ContractVisit visit, void *context, Err *err);

/** {"used":[…]}: what the tenant's final invoices before `invoice_id` (INT64_MAX: all) used, appended to `out`. */
MUST_CHECK bool contract_store_used(Db *db, int64_t tenant_id, int64_t invoice_id, Buffer *out, Err *err);

/** The same, of all final invoices, for many tenants in one statement. All zero: nobody was asked for. */
typedef struct TenantUsed {
    int64_t tenant_id;
    size_t start, length; /* in texts */
} TenantUsed;
typedef struct ContractUsed {
    TenantUsed *all; /* by tenant_id */
    size_t count, capacity;
    Buffer texts;
} ContractUsed;

/** Ask for another tenant with the next contract_used_read(). ERR_NOMEM. */
MUST_CHECK bool contract_used_want(ContractUsed *self, int64_t tenant_id, Err *err);
MUST_CHECK bool contract_used_read(ContractUsed *self, Db *db, Err *err);
/** Borrowed until contract_used_clear(). False: it was not asked for. */
MUST_CHECK bool contract_used_find(const ContractUsed *self, int64_t tenant_id, Text *used);
/** Nobody was asked for; memory is kept. */
void contract_used_clear(ContractUsed *self);
void contract_used_free(ContractUsed *self);

/** A billed period of a tenant. */
typedef struct ContractPeriod {
    int64_t invoice_id; /* 0: it has no invoice */
    UtcMonth month;
} ContractPeriod;
/** The same without what that period's invoice, credit notes and adjustments used. */
MUST_CHECK bool contract_store_used_beside(Db *db, int64_t tenant_id, int64_t invoice_id, const ContractPeriod *beside,
                                           Buffer *out, Err *err);

#endif
