#include "rater/rate_write.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/counted.h"
#include "rater/deliver.h"
#include "rater/document.h"
#include "rater/rate_adjust.h"
#include "rater/rate_measures.h"
#include "rater/rate_report.h"
#include "rater/rate_seals.h"
#include "schema/invoice_store.h"
#include "schema/price_store.h"

/* With the books that it binds. */
static bool
store_book(Db *db, const PriceBook *book, Err *err)
{
    const Text source = {book->source, book->source_length};
    bool done = price_store_put(db, &book->digest, book->name, book->version, source, err);
    for (size_t i = 0; done && i < book->part_count; i++) {
        const BookPart *part = &book->parts[i];
        done = store_book(db, part->book, err) &&
               price_store_put_part(db, &book->digest, (int64_t) i + 1, &part->book->digest, part->start_us,
                                    part->end_us, err);
    }
    return done;
}

static bool
record_run(RateMonth *self, Err *err)
{
    const PriceBook *book = self->book;
    const RatingRun run = {
        .final = self->request->final,
        .month = self->period.month,
        .period_start_us = self->period.start_us,
        .period_end_us = self->period.end_us,
        .receipt_watermark = self->watermark,
        .price_book = book->digest,
        .default_region = book->default_region,
        .free_tier = self->request->free_tier,
        .document_version = self->request->final ? 2 : 1,
        .closing = self->request->closing,
    };
    return store_book(self->db, book, err) && rate_measures_record(self->db, &run, book, &self->run_id, err);
}

/* What a final invoice has before its document. */
typedef struct FinalHead {
    RateRoots roots;
    char series[INVOICE_SERIES_BYTES];
    FinalDocument final; /* without a number: a preview */
} FinalHead;

/* Numbers ascend with the invoices, in memory: the database takes each with its document, and the series stays locked meanwhile. */
static bool
take_number(RateMonth *self, FinalHead *of, RateOutcome *outcome, Err *err)
{
    char text[64];
    snprintf(of->series, sizeof of->series, "MB-%04d", self->request->month.year);
    of->final.series = of->series;
    if (self->next_number == 0 && !invoice_number_next(self->db, of->series, &self->next_number, err))
        return false;
    of->final.number = self->next_number++;
    snprintf(text, sizeof text, "%s-%06" PRId64, of->series, of->final.number);
    return rate_report_keep(self, &outcome->number, text, err);
}

/* How far seals go of a tenant, which is asked now where nobody has. */
static bool
find_roots(RateMonth *self, const RateTenant *tenant, bool used, RateRoots *roots, Err *err)
{
    const RateSeals *seals = &self->known->seals;
    if (!rate_seals_know(seals, tenant)) {
        seals = &self->alone.seals;
        rate_seals_begin(&self->alone.seals, &tenant->period);
        if (!rate_seals_want(&self->alone.seals, tenant->tenant_id, err) ||
            !rate_seals_read(&self->alone.seals, self->db, self->watermark, err))
            return false;
    }
    return rate_roots(seals, tenant, used, roots, err);
}

/* Seals and number of a final invoice; of a preview neither. */
static bool
begin_invoice(RateMonth *self, const RateTenant *tenant, const RatedSlice *slice, RateOutcome *outcome, FinalHead *of,
              Err *err)
{
    const bool used = slice->function < slice->function_end;
    *of = (FinalHead){.final = {.tenant_id = tenant->tenant_id}};
    outcome->is_final = self->request->final && !self->request->dry_run;
    return !outcome->is_final ||
           (find_roots(self, tenant, used, &of->roots, err) && take_number(self, of, outcome, err));
}

/* Borrows from all of them. */
static InvoiceHead
head_of(const RateMonth *self, const RateTenant *tenant, const RateOutcome *outcome, const FinalHead *of)
{
    return (InvoiceHead){.number = outcome->number,
                         .tenant = tenant->name,
                         .account = tenant->account,
                         .period = self->period,
                         .receipt_watermark = self->watermark,
                         .roots = of->roots.all,
                         .root_count = of->roots.count,
                         .service_start_us = tenant->service_start_us,
                         .service_end_us = tenant->service_end_us};
}

bool
rate_find_final(RateMonth *self, const RateTenant *tenant, FinalInvoice *found, Buffer *document, Err *err)
{
    const TenantFinal *known = invoice_finals_find(&self->known->finals, tenant->tenant_id, self->period.month);
    if (known == NULL || (known->found.exists && document != NULL && self->request->documents))
        return invoice_find_final(self->db, tenant->tenant_id, self->period.month, found, document, err);
    *found = known->found;
    return true;
}

bool
rate_final_id(const RateMonth *self, int64_t tenant_id, int64_t *invoice_id, Err *err)
{
    const TenantFinal *known = invoice_finals_find(&self->known->finals, tenant_id, self->period.month);
    if (known == NULL)
        return invoice_final_id(self->db, tenant_id, self->period.month, invoice_id, err);
    *invoice_id = known->first_id;
    return true;
}

static bool
store_document(RateMonth *self, FinalDocument *final, Json *document, Err *err)
{
    PreviewRows rows = {0};
    char *canonical = json_canonical(document, err);
    bool done = canonical != NULL;
    final->document = text_of(canonical == NULL ? "" : canonical);
    if (done && final->number > 0)
        done = invoice_batch_add_final(&self->batch, self->db, self->run_id, final, err);
    else if (done)
        done = preview_rows_take(&rows, final->tenant_id, document, final->document, err) &&
               invoice_batch_add_preview(&self->batch, self->db, self->run_id, &rows, err);
    preview_rows_free(&rows);
    free(canonical);
    return done;
}

static bool
outcome_money(RateMonth *self, RateOutcome *outcome, const char *currency, char *total, Err *err)
{
    return rate_report_keep_made(self, &outcome->total, total, err) &&
           rate_report_keep_again(self, &outcome->currency, offsetof(RateOutcome, currency), currency, err);
}

static bool
outcome_of_statement(RateMonth *self, const RateContract *contract, RateOutcome *outcome, const Statement *statement,
                     Err *err)
{
    const size_t reached = statement->alerts_reached;
    return (reached == 0 ||
            rate_report_keep_made(self, &outcome->alert,
                                  decimal_format_exact(contract->contract->alerts[reached - 1], err), err)) &&
           outcome_money(self, outcome, statement->payable_currency, rate_draft_payable(statement, err), err);
}

static bool
outcome_book(RateMonth *self, RateOutcome *outcome, Err *err)
{
    char text[512];
    snprintf(text, sizeof text, "%s %s", self->book->name, self->book->version);
    return rate_report_keep_again(self, &outcome->price_book, offsetof(RateOutcome, price_book), text, err);
}

/* In a dry run, credits and the like as they were before the invoice that the period may have already. */
bool
rate_make_terms(RateMonth *self, const RateContract *contract, StatementInput *input, RateTerms *terms, Err *err)
{
    Text used;
    int64_t before = INT64_MAX;
    if (!self->request->dry_run && contract_used_find(&self->known->used, contract->tenant_id, &used))
        return rate_terms_make_after(terms, contract, used, input, err);
    return (!self->request->dry_run || rate_final_id(self, contract->tenant_id, &before, err)) &&
           rate_terms_make(terms, self->db, contract, before, input, err);
}

/* The document of one tenant, and what the report says of it. NULL: an error. */
static Json *
make_document(RateMonth *self, const RateTenant *tenant, const InvoiceHead *head, const Rated *rated,
              const RatedSlice *slice, const AdjustPlan *plan, RateOutcome *outcome, Err *err)
{
    const RateRequest *request = self->request;
    const RateContract *contract = rate_contracts_find(&self->contracts, tenant->tenant_id);
    const RateContract plain = {.tenant_id = tenant->tenant_id, .contract = plan->plain};
    const bool unnamed = contract == NULL;
    if (unnamed && plan->adjustment_count > 0)
        contract = &plain;
    if (contract == NULL)
        return outcome_money(self, outcome, self->book->currency, rate_draft_total(self->book, rated, slice, err), err)
                   ? document_invoice(head, rated, slice, self->book, request->free_tier, NULL, err)
                   : NULL;
    RateTerms terms;
    StatementInput input = rate_draft_input(self, rated, slice);
    input.adjustments = plan->adjustments;
    input.adjustment_count = plan->adjustment_count;
    input.used = plan->used;
    input.used_count = plan->used_count;
    if (!rate_make_terms(self, contract, &input, &terms, err))
        return NULL;
    terms.document.unnamed = unnamed;
    Json *document = outcome_of_statement(self, contract, outcome, &terms.statement, err)
                         ? document_invoice(head, rated, slice, self->book, request->free_tier, &terms.document, err)
                         : NULL;
    rate_terms_free(&terms);
    return document;
}

static bool
store_draft(RateMonth *self, const RateDraft *draft, const InvoiceHead *head, FinalDocument *final, Err *err)
{
    if (draft->body == NULL)
        return invoice_batch_add_preview(&self->batch, self->db, self->run_id, &draft->rows, err);
    char *document = document_invoice_around(head, text_of(draft->body), err);
    final->document = text_of(document == NULL ? "" : document);
    bool done = document != NULL && invoice_batch_add_final(&self->batch, self->db, self->run_id, final, err);
    free(document);
    return done;
}

/* Made ahead: nothing but usage and book goes into it. */
static bool
write_draft(RateMonth *self, RateDraft *draft, const RatedSlice *slice, Err *err)
{
    FinalHead of;
    RateOutcome *outcome = rate_outcome_add(self, draft->tenant->account, draft->tenant->name, err);
    if (outcome == NULL || (self->run_id == 0 && !record_run(self, err)) || !outcome_book(self, outcome, err) ||
        !begin_invoice(self, draft->tenant, slice, outcome, &of, err))
        return false;
    const InvoiceHead head = head_of(self, draft->tenant, outcome, &of);
    char *total = draft->total;
    draft->total = NULL;
    return rate_report_keep(self, &outcome->alert, draft->alert, err) &&
           outcome_money(self, outcome, draft->currency, total, err) && store_draft(self, draft, &head, &of.final, err);
}

static bool
write_invoice(RateMonth *self, const RateTenant *tenant, const Rated *rated, const RatedSlice *slice, AdjustPlan *plan,
              Err *err)
{
    const RateRequest *request = self->request;
    FinalHead of;
    RateOutcome *outcome = rate_outcome_add(self, tenant->account, tenant->name, err);
    if (outcome == NULL || (!request->dry_run && self->run_id == 0 && !record_run(self, err)) ||
        !outcome_book(self, outcome, err) || !begin_invoice(self, tenant, slice, outcome, &of, err))
        return false;
    const InvoiceHead head = head_of(self, tenant, outcome, &of);
    Json *document = make_document(self, tenant, &head, rated, slice, plan, outcome, err);
    bool done = document != NULL && adjust_plan_describe(plan, document, err) && rate_adjust_notes(self, plan, err) &&
                (request->dry_run || store_document(self, &of.final, document, err)) &&
                (adjust_plan_is_empty(plan) || invoice_batch_flush(&self->batch, self->db, err)) &&
                rate_adjust_write(self, plan, outcome->number, err);
    if (request->documents)
        outcome->document = document;
    else
        json_object_put(document);
    return done;
}

static bool
keep_final(RateMonth *self, const RateTenant *tenant, const FinalInvoice *found, const Buffer *text, Err *err)
{
    RateOutcome *outcome = rate_outcome_add(self, tenant->account, tenant->name, err);
    if (outcome == NULL)
        return false;
    outcome->is_final = true;
    outcome->was_final = true;
    if (!rate_report_keep(self, &outcome->number, found->number, err) ||
        !rate_report_keep(self, &outcome->total, found->total, err) ||
        !rate_report_keep_again(self, &outcome->currency, offsetof(RateOutcome, currency), found->currency, err))
        return false;
    if (self->request->documents) {
        outcome->document = json_parse(buffer_text(text), err);
        if (outcome->document == NULL)
            return err_prefix(err, "invoice %s: ", found->number);
    }
    const TenantFinal *known = invoice_finals_find(&self->known->finals, tenant->tenant_id, self->period.month);
    if (known != NULL && !known->late)
        return true;
    const VerifyPeriod period = {self->period.start_us, self->period.end_us};
    return counted_late(self->db, tenant->tenant_id, &period, found->receipt_watermark, &outcome->late_records, err);
}

static bool
write_plan(RateMonth *self, const RateTenant *tenant, const Rated *rated, const RatedSlice *slice, bool only_earlier,
           AdjustPlan *plan, Err *err)
{
    bool done = only_earlier && plan->adjustment_count == 0
                    ? rate_adjust_notes(self, plan, err) && rate_adjust_write(self, plan, NULL, err)
                    : write_invoice(self, tenant, rated, slice, plan, err);
    return done && rate_adjust_report(self, tenant, plan, err);
}

/* What of an earlier period cannot be rated holds back its tenant, and nobody else. */
static bool
write_planned(RateMonth *self, const RateTenant *tenant, const Rated *rated, const RatedSlice *slice, bool only_earlier,
              Err *err)
{
    AdjustPlan plan;
    Err reason = {0};
    bool done = rate_adjust_plan(self, tenant, &plan, &reason)
                    ? write_plan(self, tenant, rated, slice, only_earlier, &plan, err)
                : reason.code == ERR_INPUT ? rate_skip_add(self, tenant->account, &reason, err)
                                           : err_set(err, reason.code, "%s", reason.message);
    adjust_plan_free(&plan);
    return done;
}

bool
rate_write_earlier(RateMonth *self, const RateTenant *tenant, const Rated *rated, const RatedSlice *nothing, Err *err)
{
    FinalInvoice found = {0};
    Buffer document = {0};
    bool done = self->request->dry_run || rate_find_final(self, tenant, &found, &document, err);
    if (done)
        done = found.exists ? keep_final(self, tenant, &found, &document, err)
                            : write_planned(self, tenant, rated, nothing, true, err);
    buffer_free(&document);
    return done;
}

bool
rate_write_tenant(RateMonth *self, const RateTenant *tenant, const Rated *rated, const RatedSlice *slice,
                  RateDraft *draft, RateWhich which, Err *err)
{
    FinalInvoice found = {0};
    Buffer document = {0};
    bool done = self->request->dry_run || rate_find_final(self, tenant, &found, &document, err);
    if (done && found.exists)
        done = keep_final(self, tenant, &found, &document, err);
    else if (done && (which == RATE_ALL || (which == RATE_TAKEN_BACK && found.was_void)))
        done = draft != NULL && draft->tenant != NULL ? write_draft(self, draft, slice, err)
                                                      : write_planned(self, tenant, rated, slice, false, err);
    buffer_free(&document);
    return done;
}
