#include "schema/invoice_finals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/utc.h"
#include "schema/evidence_newer.h"
#include "schema/tenant_rows.h"

static const char SQL_FINALS[] =
    "SELECT DISTINCT ON (tenant_id) tenant_id, number, coalesce(payable_currency, currency), coalesce(payable_total, total),"
    " receipt_watermark, EXISTS (SELECT FROM invoices v WHERE v.tenant_id = i.tenant_id AND v.refers_to = i.invoice_id"
    " AND v.kind = 'void'), (SELECT min(f.invoice_id) FROM invoices f WHERE f.tenant_id = i.tenant_id"
    " AND f.period_month = i.period_month AND f.state = 'final' AND f.kind = 'invoice' AND NOT EXISTS (SELECT FROM invoices v"
    " WHERE v.tenant_id = f.tenant_id AND v.refers_to = f.invoice_id AND v.kind = 'void')) FROM invoices i WHERE tenant_id = ANY ($1::bigint[]) AND period_month = $2::date"
    " AND state = 'final' AND kind = 'invoice' ORDER BY tenant_id, revision DESC";

static TenantFinal *
find(const InvoiceFinals *self, int64_t tenant_id)
{
    return tenant_rows_find(self->all, self->count, sizeof *self->all, tenant_id);
}

bool
invoice_finals_want(InvoiceFinals *self, int64_t tenant_id, Err *err)
{
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    self->all[self->count++] = (TenantFinal){.tenant_id = tenant_id, .first_id = INT64_MAX, .late = true};
    return true;
}

static void
fill(TenantFinal *final, const DbResult *result, int row)
{
    FinalInvoice *found = &final->found;
    if (!db_is_null(result, row, 6))
        final->first_id = db_i64(result, row, 6);
    found->was_void = strcmp(db_value(result, row, 5), "t") == 0;
    if (found->was_void)
        return;
    found->exists = true;
    snprintf(found->number, sizeof found->number, "%s", db_value(result, row, 1));
    snprintf(found->currency, sizeof found->currency, "%s", db_value(result, row, 2));
    snprintf(found->total, sizeof found->total, "%s", db_value(result, row, 3));
    found->receipt_watermark = db_i64(result, row, 4);
}

bool
invoice_finals_read(InvoiceFinals *self, Db *db, UtcMonth month, Err *err)
{
    char day[UTC_TEXT_BYTES];
    DbArray tenants = db_array_of(DB_BIGINT);
    DbParam params[2] = {db_null(), db_string(utc_format_day(utc_month_start_us(month), day))};
    self->month = month;
    if (self->count == 0)
        return true;
    bool done = tenant_rows_sort(self->all, self->count, sizeof *self->all, &tenants, err) &&
                db_array_param(&tenants, &params[0], err);
    DbResult *result = done ? db_query(db, SQL_FINALS, params, 2, err) : NULL;
    for (int row = 0; result != NULL && row < db_rows(result); row++) {
        TenantFinal *final = find(self, db_i64(result, row, 0));
        if (final != NULL)
            fill(final, result, row);
    }
    done = result != NULL;
    db_result_free(&result);
    db_array_free(&tenants);
    return done || err_prefix(err, "looking for final invoices: ");
}

static bool
take_late(void *context, int64_t tenant_id, Err *err)
{
    (void) err;
    TenantFinal *final = find(context, tenant_id);
    if (final != NULL)
        final->late = true;
    return true;
}

bool
invoice_finals_find_late(InvoiceFinals *self, Db *db, int64_t start_us, int64_t end_us, Err *err)
{
    DbArray tenants = db_array_of(DB_BIGINT);
    DbArray receipts = db_array_of(DB_BIGINT);
    bool done = true;
    for (size_t i = 0; done && i < self->count; i++) {
        TenantFinal *final = &self->all[i];
        if (!final->found.exists)
            continue;
        final->late = false;
        done = db_array_add_i64(&tenants, final->tenant_id, err) &&
               db_array_add_i64(&receipts, final->found.receipt_watermark, err);
    }
    done = done && evidence_newer(db, &tenants, &receipts, utc_hour_floor_us(start_us), utc_hour_ceiling_us(end_us),
                                  take_late, self, err);
    db_array_free(&tenants);
    db_array_free(&receipts);
    return done;
}

const TenantFinal *
invoice_finals_find(const InvoiceFinals *self, int64_t tenant_id, UtcMonth month)
{
    return self->month.year == month.year && self->month.month == month.month ? find(self, tenant_id) : NULL;
}

void
invoice_finals_clear(InvoiceFinals *self)
{
    self->count = 0;
}

void
invoice_finals_free(InvoiceFinals *self)
{
    free(self->all);
    *self = (InvoiceFinals){0};
}
