#include "rater/rate_draft.h"

#include <stdlib.h>

#include "lib/decimal.h"
#include "rater/document.h"
#include "rater/rate_adjust.h"

bool
rate_draft_wanted(const RateRequest *request)
{
    return !request->final && !request->dry_run && !request->documents;
}

static char *
total_of(const PriceBook *book, const Rated *rated, const RatedSlice *slice, Err *err)
{
    mpq_t total;
    mpq_init(total);
    rated_total(rated, slice, total);
    char *text = decimal_format(total, book->rounding_scale, book->rounding, err);
    mpq_clear(total);
    return text;
}

bool
rate_draft_make(RateDraft *draft, const RateMonth *run, const Rated *rated, const RatedSlice *slice, Err *err)
{
    const RateRequest *request = run->request;
    const RateTenant *tenant = rate_tenants_find(&run->tenants, rated->functions[slice->function].tenant);
    *draft = (RateDraft){0};
    if (tenant == NULL || rate_contracts_find(&run->contracts, tenant->tenant_id) != NULL ||
        rate_adjust_waits(run, tenant))
        return true;
    const InvoiceHead head = {.tenant = tenant->name,
                              .account = tenant->account,
                              .period = run->period,
                              .receipt_watermark = run->watermark,
                              .service_start_us = tenant->service_start_us,
                              .service_end_us = tenant->service_end_us};
    Json *document = document_invoice(&head, rated, slice, run->book, request->free_tier, NULL, err);
    char *canonical = document == NULL ? NULL : json_canonical(document, err);
    draft->tenant = tenant;
    draft->total = total_of(run->book, rated, slice, err);
    bool done = canonical != NULL && draft->total != NULL &&
                preview_rows_take(&draft->rows, tenant->tenant_id, document, text_of(canonical), err);
    free(canonical);
    json_object_put(document);
    return done;
}

void
rate_draft_free(RateDraft *draft)
{
    preview_rows_free(&draft->rows);
    free(draft->total);
    *draft = (RateDraft){0};
}
