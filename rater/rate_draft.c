#include "rater/rate_draft.h"

#include <stdlib.h>

#include "lib/decimal.h"
#include "rater/document.h"
#include "rater/rate_adjust.h"

bool
rate_draft_wanted(const RateRequest *request)
{
    return !request->dry_run && !request->documents;
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

static bool
make_preview(RateDraft *draft, const RateMonth *run, const Rated *rated, const RatedSlice *slice, Err *err)
{
    const RateTenant *tenant = draft->tenant;
    const InvoiceHead head = {.tenant = tenant->name,
                              .account = tenant->account,
                              .period = run->period,
                              .receipt_watermark = run->watermark,
                              .service_start_us = tenant->service_start_us,
                              .service_end_us = tenant->service_end_us};
    Json *document = document_invoice(&head, rated, slice, run->book, run->request->free_tier, NULL, err);
    char *canonical = document == NULL ? NULL : json_canonical(document, err);
    bool done =
        canonical != NULL && preview_rows_take(&draft->rows, tenant->tenant_id, document, text_of(canonical), err);
    free(canonical);
    json_object_put(document);
    return done;
}

bool
rate_draft_make(RateDraft *draft, const RateMonth *run, const Rated *rated, const RatedSlice *slice, Err *err)
{
    const RateTenant *tenant = rate_tenants_find(&run->tenants, rated->functions[slice->function].tenant);
    *draft = (RateDraft){0};
    if (tenant == NULL || rate_contracts_find(&run->contracts, tenant->tenant_id) != NULL ||
        rate_adjust_waits(run, tenant))
        return true;
    draft->tenant = tenant;
    draft->total = total_of(run->book, rated, slice, err);
    if (draft->total == NULL)
        return false;
    if (!run->request->final)
        return make_preview(draft, run, rated, slice, err);
    draft->body = document_invoice_body(rated, slice, run->book, run->request->free_tier, err);
    return draft->body != NULL;
}

void
rate_draft_free(RateDraft *draft)
{
    preview_rows_free(&draft->rows);
    free(draft->body);
    free(draft->total);
    *draft = (RateDraft){0};
}
