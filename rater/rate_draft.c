#include "rater/rate_draft.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "rater/document.h"
#include "rater/rate_adjust.h"

bool
rate_draft_wanted(const RateRequest *request)
{
    return !request->dry_run && !request->documents;
}

StatementInput
rate_draft_input(const RateMonth *run, const Rated *rated, const RatedSlice *slice)
{
    return (StatementInput){.book = run->book,
                            .rated = rated,
                            .slice = *slice,
                            .period_start_us = run->period.start_us,
                            .period_end_us = run->period.end_us};
}

char *
rate_draft_total(const PriceBook *book, const Rated *rated, const RatedSlice *slice, Err *err)
{
    mpq_t total;
    mpq_init(total);
    rated_total(rated, slice, total);
    char *text = decimal_format(total, book->rounding_scale, book->rounding, err);
    mpq_clear(total);
    return text;
}

char *
rate_draft_payable(const Statement *statement, Err *err)
{
    return decimal_format(statement->payable_total, statement->payable_scale, ROUND_HALF_UP, err);
}

static bool
make_preview(RateDraft *draft, const RateMonth *run, const Rated *rated, const RatedSlice *slice,
             const DocumentTerms *terms, Err *err)
{
    const RateTenant *tenant = draft->tenant;
    const InvoiceHead head = {.tenant = tenant->name,
                              .account = tenant->account,
                              .period = run->period,
                              .receipt_watermark = run->watermark,
                              .service_start_us = tenant->service_start_us,
                              .service_end_us = tenant->service_end_us};
    Json *document = document_invoice(&head, rated, slice, run->book, run->request->free_tier, terms, err);
    char *canonical = document == NULL ? NULL : json_canonical(document, err);
    bool done =
        canonical != NULL && preview_rows_take(&draft->rows, tenant->tenant_id, document, text_of(canonical), err);
    free(canonical);
    json_object_put(document);
    return done;
}

/* `terms` NULL: there is no contract. */
static bool
make_document(RateDraft *draft, const RateMonth *run, const Rated *rated, const RatedSlice *slice,
              const DocumentTerms *terms, Err *err)
{
    if (!run->request->final)
        return make_preview(draft, run, rated, slice, terms, err);
    draft->body = document_invoice_body(rated, slice, run->book, run->request->free_tier, terms, err);
    return draft->body != NULL;
}

static bool
take_statement(RateDraft *draft, const Contract *contract, const Statement *statement, Err *err)
{
    const size_t reached = statement->alerts_reached;
    snprintf(draft->currency, sizeof draft->currency, "%s", statement->payable_currency);
    draft->total = rate_draft_payable(statement, err);
    draft->alert = reached == 0 ? NULL : decimal_format_exact(contract->alerts[reached - 1], err);
    return draft->total != NULL && (reached == 0 || draft->alert != NULL);
}

/* A statement that cannot be made is for the settling thread, which makes it again and says what is wrong. */
static bool
make_under_contract(RateDraft *draft, const RateMonth *run, const RateContract *contract, Text used, const Rated *rated,
                    const RatedSlice *slice, Err *err)
{
    RateTerms terms;
    Err reason = {0};
    StatementInput input = rate_draft_input(run, rated, slice);
    if (!rate_terms_make_after(&terms, contract, used, &input, &reason)) {
        draft->tenant = NULL;
        return reason.code == ERR_INPUT || err_set(err, reason.code, "%s", reason.message);
    }
    bool done = take_statement(draft, contract->contract, &terms.statement, err) &&
                make_document(draft, run, rated, slice, &terms.document, err);
    rate_terms_free(&terms);
    return done;
}

static bool
is_final(const RateMonth *run, const RateKnown *known, const RateTenant *tenant)
{
    const TenantFinal *there = invoice_finals_find(&known->finals, tenant->tenant_id, run->period.month);
    return there != NULL && there->found.exists;
}

bool
rate_draft_make(RateDraft *draft, const RateMonth *run, const RateKnown *known, const Rated *rated,
                const RatedSlice *slice, Err *err)
{
    Text used;
    const RateTenant *tenant = rate_tenants_find(&run->tenants, rated->functions[slice->function].tenant);
    *draft = (RateDraft){0};
    if (tenant == NULL || is_final(run, known, tenant) || rate_adjust_waits(run, tenant))
        return true;
    const RateContract *contract = rate_contracts_find(&run->contracts, tenant->tenant_id);
    if (contract != NULL && (contract->contract == NULL || !contract_used_find(&known->used, tenant->tenant_id, &used)))
        return true;
    draft->tenant = tenant;
    if (contract != NULL)
        return make_under_contract(draft, run, contract, used, rated, slice, err);
    snprintf(draft->currency, sizeof draft->currency, "%s", run->book->currency);
    draft->total = rate_draft_total(run->book, rated, slice, err);
    return draft->total != NULL && make_document(draft, run, rated, slice, NULL, err);
}

void
rate_draft_free(RateDraft *draft)
{
    preview_rows_free(&draft->rows);
    free(draft->body);
    free(draft->total);
    free(draft->alert);
    *draft = (RateDraft){0};
}
