/**
 * invoice_finals - the final invoices in force of many tenants for one period, read in one statement
 */
#ifndef SCHEMA_INVOICE_FINALS_H
#define SCHEMA_INVOICE_FINALS_H

#include "schema/invoice_store.h"

typedef struct TenantFinal {
    int64_t tenant_id;
    FinalInvoice found;
    int64_t first_id; /* as of invoice_final_id(); INT64_MAX: none */
    bool late; /* usage may have come after it: as it was read, and until invoice_finals_find_late() knows better */
} TenantFinal;

/** Of the tenants that were asked for: what there is, or that there is nothing. All zero: nobody was. */
typedef struct InvoiceFinals {
    UtcMonth month;   /* of the period */
    TenantFinal *all; /* by tenant_id */
    size_t count, capacity;
} InvoiceFinals;

/** Ask for another tenant with the next invoice_finals_read(). ERR_NOMEM. */
MUST_CHECK bool invoice_finals_want(InvoiceFinals *self, int64_t tenant_id, Err *err);
/** Read, as invoice_find_final() and invoice_final_id() would for each. */
MUST_CHECK bool invoice_finals_read(InvoiceFinals *self, Db *db, UtcMonth month, Err *err);
/** Find those of whom nothing of [start_us, end_us) came in after their final invoice. In the same transaction. */
MUST_CHECK bool invoice_finals_find_late(InvoiceFinals *self, Db *db, int64_t start_us, int64_t end_us, Err *err);
/** NULL: it was not asked for. */
const TenantFinal *invoice_finals_find(const InvoiceFinals *self, int64_t tenant_id, UtcMonth month);
/** Nobody was asked for; memory is kept. */
void invoice_finals_clear(InvoiceFinals *self);
void invoice_finals_free(InvoiceFinals *self);

#endif
