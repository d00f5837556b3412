#include "rater/rate_month.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/decimal.h"
#include "lib/log.h"
#include "rater/deliver.h"
#include "rater/document.h"
#include "rater/rate.h"
#include "rater/rate_contracts.h"
#include "rater/rate_duplicates.h"
#include "rater/rate_evidence.h"
#include "rater/rate_measures.h"
#include "rater/rate_seals.h"
#include "rater/rate_tenants.h"
#include "rater/tally.h"
#include "schema/invoice_store.h"
#include "schema/price_store.h"
#include "schema/rollup_store.h"

typedef struct Month {
    Db *db;
    const RateRequest *request;
    RateReport *report;
    RateTenants tenants;
    bool *seen; /* of each tenant: it has usage */
    RateContracts contracts;
    RatingRows *rows;
    int64_t start_us;
    int64_t end_us;
    int64_t watermark;
    int64_t run_id; /* 0: not recorded yet */
} Month;

static bool
no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for the report of a rating run");
}

void
rate_report_free(RateReport *report)
{
    for (size_t i = 0; i < report->outcome_count; i++) {
        RateOutcome *outcome = &report->outcomes[i];
        free(outcome->tenant);
        free(outcome->account);
        free(outcome->number);
        free(outcome->currency);
        free(outcome->total);
        free(outcome->alert);
        json_object_put(outcome->document);
    }
    for (size_t i = 0; i < report->skip_count; i++) {
        free(report->skips[i].account);
        free(report->skips[i].message);
        free(report->skips[i].hint);
    }
    free(report->outcomes);
    free(report->skips);
    report->outcomes = NULL;
    report->skips = NULL;
    report->outcome_count = report->skip_count = 0;
    report->receipt_watermark = 0;
}

static RateOutcome *
outcome_add(Month *self, const char *account, const char *tenant, Err *err)
{
    RateReport *report = self->report;
    RateOutcome *grown = reallocarray(report->outcomes, report->outcome_count + 1, sizeof(*grown));
    if (grown == NULL) {
        no_memory(err);
        return NULL;
    }
    report->outcomes = grown;
    RateOutcome *outcome = &grown[report->outcome_count++];
    *outcome = (RateOutcome){.tenant = strdup(tenant), .account = strdup(account)};
    if (outcome->tenant == NULL || outcome->account == NULL) {
        no_memory(err);
        return NULL;
    }
    return outcome;
}

static bool
skip_add(Month *self, const char *account, const Err *reason, Err *err)
{
    RateReport *report = self->report;
    RateSkip *grown = reallocarray(report->skips, report->skip_count + 1, sizeof(*grown));
    if (grown == NULL)
        return no_memory(err);
    report->skips = grown;
    RateSkip *skip = &grown[report->skip_count++];
    *skip = (RateSkip){strdup(account), strdup(reason->message), strdup(reason->hint)};
    return (skip->account != NULL && skip->message != NULL && skip->hint != NULL) || no_memory(err);
}

/* ---- reading ---- */

static bool
take_row(void *context, const RollupRow *from, Err *err)
{
    Month *self = context;
    const RatingNames names = {from->account, from->tenant, from->function, from->region};
    const RatingRow row = {
        .architecture = from->architecture,
        .mode = from->mode,
        .package = from->package,
        .memory_mb = from->memory_mb,
        .ephemeral_mb = from->ephemeral_mb,
        .invocations = from->invocations,
        .errors = from->errors,
        .timeouts = from->timeouts,
        .duration_1ms = from->duration_1ms,
        .duration_100ms = from->duration_100ms,
        .with_init_1ms = from->with_init_1ms,
        .with_init_100ms = from->with_init_100ms,
        .cpu_us = from->cpu_us,
        .streamed_bytes = from->streamed_bytes,
    };
    return rating_rows_add(self->rows, &names, &row, err);
}

/* All tenants in one stream; for one tenant, every member of its account. A book that counts what hourly sums do not hold
 * is rated from the evidence itself. */
static bool
read_rows(Month *self, Err *err)
{
    if (tally_beyond_rollups(self->request->book) != NULL)
        return rate_rows_from_evidence(self->db, &self->tenants, &(VerifyPeriod){self->start_us, self->end_us},
                                       self->watermark, self->request->book, self->rows, err);
    if (self->request->tenant == NULL)
        return rollup_stream(self->db, NULL, self->start_us, self->end_us, take_row, self, err);
    for (size_t i = 0; i < self->tenants.count; i++) {
        if (!rollup_stream(self->db, self->tenants.all[i].name, self->start_us, self->end_us, take_row, self, err))
            return false;
    }
    return true;
}

/* ---- writing ---- */

static bool
record_run(Month *self, Err *err)
{
    const PriceBook *book = self->request->book;
    const RatingRun run = {
        .final = self->request->final,
        .period_start_us = self->start_us,
        .period_end_us = self->end_us,
        .receipt_watermark = self->watermark,
        .price_book = book->digest,
        .default_region = book->default_region,
        .free_tier = self->request->free_tier,
        .document_version = self->request->final ? 2 : 1,
    };
    Text source = {book->source, book->source_length};
    return price_store_put(self->db, &book->digest, book->name, book->version, source, err) &&
           rate_measures_record(self->db, &run, book, &self->run_id, err);
}

static bool
take_number(Month *self, char **number, Err *err)
{
    char series[32];
    char text[64];
    int64_t next = 0;
    snprintf(series, sizeof(series), "MB-%04d", self->request->month.year);
    if (!invoice_number_take(self->db, series, &next, err))
        return false;
    snprintf(text, sizeof(text), "%s-%06" PRId64, series, next);
    *number = strdup(text);
    return *number != NULL || no_memory(err);
}

static bool
store_document(Month *self, int64_t tenant_id, Json *document, Err *err)
{
    char *canonical = json_canonical(document, err);
    bool done = canonical != NULL && invoice_write(self->db, tenant_id, self->run_id, canonical, err);
    free(canonical);
    return done;
}

static bool
outcome_total(RateOutcome *outcome, const char *currency, const mpq_t total, int scale, RoundingMode rounding, Err *err)
{
    outcome->total = decimal_format(total, scale, rounding, err);
    outcome->currency = strdup(currency);
    return outcome->total != NULL && (outcome->currency != NULL || no_memory(err));
}

static bool
outcome_of_lines(const PriceBook *book, RateOutcome *outcome, const Rated *rated, const RatedSlice *slice, Err *err)
{
    mpq_t total;
    mpq_init(total);
    rated_total(rated, slice, total);
    bool done = outcome_total(outcome, book->currency, total, book->rounding_scale, book->rounding, err);
    mpq_clear(total);
    return done;
}

static bool
outcome_of_statement(const RateContract *contract, RateOutcome *outcome, const Statement *statement, Err *err)
{
    size_t reached = statement->alerts_reached;
    if (reached > 0)
        outcome->alert = decimal_format_exact(contract->contract->alerts[reached - 1], err);
    return (reached == 0 || outcome->alert != NULL) &&
           outcome_total(outcome, statement->payable_currency, statement->payable_total, statement->payable_scale,
                         ROUND_HALF_UP, err);
}

static StatementInput
statement_input(const Month *self, const Rated *rated, const RatedSlice *slice)
{
    return (StatementInput){.book = self->request->book,
                            .rated = rated,
                            .slice = *slice,
                            .period_start_us = self->start_us,
                            .period_end_us = self->end_us};
}

/* The document of one tenant, and what the report says of it. NULL: an error. */
static Json *
make_document(Month *self, const RateTenant *tenant, const InvoiceHead *head, const Rated *rated,
              const RatedSlice *slice, RateOutcome *outcome, Err *err)
{
    const RateRequest *request = self->request;
    const RateContract *contract = rate_contracts_find(&self->contracts, tenant->tenant_id);
    if (contract == NULL)
        return outcome_of_lines(request->book, outcome, rated, slice, err)
                   ? document_invoice(head, rated, slice, request->book, request->free_tier, NULL, err)
                   : NULL;
    RateTerms terms;
    StatementInput input = statement_input(self, rated, slice);
    if (!rate_terms_make(&terms, self->db, contract, INT64_MAX, &input, err))
        return NULL;
    Json *document = outcome_of_statement(contract, outcome, &terms.statement, err)
                         ? document_invoice(head, rated, slice, request->book, request->free_tier, &terms.document, err)
                         : NULL;
    rate_terms_free(&terms);
    return document;
}

static bool
write_invoice(Month *self, const RateTenant *tenant, const Rated *rated, const RatedSlice *slice, Err *err)
{
    const RateRequest *request = self->request;
    RateOutcome *outcome = outcome_add(self, tenant->account, tenant->name, err);
    if (outcome == NULL)
        return false;
    if (!request->dry_run && self->run_id == 0 && !record_run(self, err))
        return false;
    outcome->is_final = request->final && !request->dry_run;
    SealRoot root;
    const bool used = slice->function < slice->function_end;
    if (outcome->is_final && (!rate_root(self->db, tenant->tenant_id, tenant->name, request->month, used, &root, err) ||
                              !take_number(self, &outcome->number, err)))
        return false;
    const InvoiceHead head = {outcome->number,
                              tenant->name,
                              tenant->account,
                              self->start_us,
                              self->end_us,
                              self->watermark,
                              outcome->is_final && root.revision > 0 ? &root : NULL};
    Json *document = make_document(self, tenant, &head, rated, slice, outcome, err);
    bool done =
        document != NULL && (request->dry_run || store_document(self, tenant->tenant_id, document, err)) &&
        (!outcome->is_final || deliver_queue(self->db, request->config, tenant->tenant_id, outcome->number, err));
    if (request->documents)
        outcome->document = document;
    else
        json_object_put(document);
    return done;
}

static bool
keep_final(Month *self, const RateTenant *tenant, const FinalInvoice *found, const Buffer *text, Err *err)
{
    RateOutcome *outcome = outcome_add(self, tenant->account, tenant->name, err);
    if (outcome == NULL)
        return false;
    outcome->number = strdup(found->number);
    outcome->currency = strdup(found->currency);
    outcome->total = strdup(found->total);
    outcome->is_final = true;
    outcome->was_final = true;
    if (outcome->number == NULL || outcome->currency == NULL || outcome->total == NULL)
        return no_memory(err);
    if (self->request->documents) {
        outcome->document = json_parse(buffer_text(text), err);
        if (outcome->document == NULL)
            return err_prefix(err, "invoice %s: ", found->number);
    }
    return invoice_late_records(self->db, tenant->tenant_id, self->start_us, self->end_us, found->receipt_watermark,
                                &outcome->late_records, err);
}

static bool
settle_tenant(Month *self, const RateTenant *tenant, const Rated *rated, const RatedSlice *slice, bool finals_only,
              Err *err)
{
    FinalInvoice found = {0};
    Buffer document = {0};
    bool done = self->request->dry_run ||
                invoice_find_final(self->db, tenant->tenant_id, self->start_us, &found, &document, err);
    if (done && found.exists)
        done = keep_final(self, tenant, &found, &document, err);
    else if (done && !finals_only)
        done = write_invoice(self, tenant, rated, slice, err);
    buffer_free(&document);
    return done;
}

/* How many tenants of an account have usage, and how many of them have their final invoice already. */
static bool
count_finals(Month *self, const Rated *rated, size_t *tenants, size_t *finals, Err *err)
{
    RatedSlice slice = {0};
    *tenants = *finals = 0;
    while (rated_next_tenant(rated, &slice)) {
        const RateTenant *tenant = rate_tenants_find(&self->tenants, rated->functions[slice.function].tenant);
        FinalInvoice found = {0};
        if (tenant != NULL && !invoice_find_final(self->db, tenant->tenant_id, self->start_us, &found, NULL, err))
            return false;
        ++*tenants;
        *finals += found.exists ? 1 : 0;
    }
    return true;
}

/* An account's tenants share one free tier and one ladder of tiers: they become final together or not at all. False with
 * `reason` set when what was asked for would settle a part of them. */
static bool
may_settle(Month *self, const Rated *rated, Err *reason, Err *err)
{
    size_t tenants = 0;
    size_t finals = 0;
    if (self->request->dry_run)
        return true;
    if (!count_finals(self, rated, &tenants, &finals, err))
        return false;
    if (finals > 0 && finals < tenants) {
        err_set(reason, ERR_CONFLICT,
                "its month is final for %zu of its %zu tenants, and their shares of the free tier and "
                "the tiers are settled; usage of the others arrived later",
                finals, tenants);
        return err_hint(reason, "it waits for an adjustment; the final invoices stay as they are");
    }
    if (self->request->final && self->request->tenant != NULL && tenants > 1 && finals == 0) {
        err_set(reason, ERR_CONFLICT, "tenant '%s' shares its free tier and tiers with %zu others that have usage",
                self->request->tenant, tenants - 1);
        return err_hint(reason, "make the whole account final: leave out --tenant");
    }
    return true;
}

/* Can every tenant with a contract be billed under it? False with `reason` set otherwise. */
static bool
contracts_allow(Month *self, const Rated *rated, Err *reason, Err *err)
{
    const RateRequest *request = self->request;
    RatedSlice slice = {0};
    while (rated_next_tenant(rated, &slice)) {
        const RateTenant *tenant = rate_tenants_find(&self->tenants, rated->functions[slice.function].tenant);
        const RateContract *contract = tenant == NULL ? NULL : rate_contracts_find(&self->contracts, tenant->tenant_id);
        if (contract == NULL)
            continue;
        if (!rate_contract_allows(contract, request->month, request->book, request->final && !request->dry_run,
                                  utc_now_us(), reason))
            return false;
        StatementInput input = statement_input(self, rated, &slice);
        RateTerms terms;
        if (!rate_terms_make(&terms, self->db, contract, INT64_MAX, &input, reason)) {
            if (reason->code != ERR_INPUT)
                err_set(err, reason->code, "%s", reason->message);
            return false;
        }
        rate_terms_free(&terms);
    }
    return true;
}

/* Each tenant of an account that was asked for. */
static bool
settle_tenants(Month *self, const Rated *rated, bool finals_only, Err *err)
{
    bool done = true;
    RatedSlice slice = {0};
    while (done && rated_next_tenant(rated, &slice)) {
        const char *name = rated->functions[slice.function].tenant;
        const RateTenant *tenant = rate_tenants_find(&self->tenants, name);
        if (tenant == NULL)
            done = err_set(err, ERR_BUSY, "tenant '%s' appeared while rating", name);
        else if (self->request->tenant == NULL || strcmp(self->request->tenant, name) == 0)
            done = settle_tenant(self, tenant, rated, &slice, finals_only, err);
    }
    return done;
}

/* One account: rate it, then settle each tenant that was asked for. */
static bool
settle_account(Month *self, const RatingRow *rows, size_t count, Err *err)
{
    const RateOptions options = {.month_start_us = self->start_us, .free_tier = self->request->free_tier};
    Err reason = {0};
    Rated *rated = rate(rows, count, self->request->book, &options, &reason);
    if (rated == NULL)
        return reason.code == ERR_INPUT ? skip_add(self, rows[0].account, &reason, err)
                                        : err_set(err, reason.code, "%s", reason.message);
    for (size_t i = 0; i < count; i++) {
        const RateTenant *tenant = i > 0 && strcmp(rows[i].tenant, rows[i - 1].tenant) == 0
                                       ? NULL
                                       : rate_tenants_find(&self->tenants, rows[i].tenant);
        if (tenant != NULL)
            self->seen[tenant - self->tenants.all] = true;
    }
    bool whole = may_settle(self, rated, &reason, err) && contracts_allow(self, rated, &reason, err);
    bool done = !err_is_set(err) && settle_tenants(self, rated, !whole, err) &&
                (whole || skip_add(self, rows[0].account, &reason, err));
    rated_free(&rated);
    return done;
}

/* A contract may bill a tenant that has used nothing. */
static bool
settle_unused(Month *self, const RateTenant *tenant, const RateContract *contract, Err *err)
{
    const RateOptions options = {.month_start_us = self->start_us, .free_tier = self->request->free_tier};
    const RateRequest *request = self->request;
    const RatedSlice nothing = {0};
    Err reason = {0};
    if (!rate_contract_allows(contract, request->month, request->book, request->final && !request->dry_run,
                              utc_now_us(), &reason))
        return skip_add(self, tenant->account, &reason, err);
    Rated *rated = rate(NULL, 0, request->book, &options, err);
    bool done = rated != NULL && settle_tenant(self, tenant, rated, &nothing, false, err);
    rated_free(&rated);
    return done;
}

static bool
settle_all_unused(Month *self, Err *err)
{
    for (size_t i = 0; i < self->tenants.count; i++) {
        const RateTenant *tenant = &self->tenants.all[i];
        const RateContract *contract = rate_contracts_find(&self->contracts, tenant->tenant_id);
        bool asked = self->request->tenant == NULL || strcmp(self->request->tenant, tenant->name) == 0;
        if (asked && !self->seen[i] && contract != NULL && contract->contract != NULL &&
            contract_bills_without_usage(contract->contract) && !settle_unused(self, tenant, contract, err))
            return false;
    }
    return true;
}

static bool
settle_all(Month *self, Err *err)
{
    memset(self->seen, 0, self->tenants.count * sizeof *self->seen);
    const RatingRow *rows = rating_rows_all(self->rows);
    size_t count = rating_rows_count(self->rows);
    for (size_t start = 0, end = 0; start < count; start = end) {
        while (end < count && strcmp(rows[end].account, rows[start].account) == 0)
            end++;
        if (!settle_account(self, rows + start, end - start, err))
            return false;
    }
    if (!settle_all_unused(self, err))
        return false;
    if (self->run_id != 0 && !rating_runs_tidy(self->db, self->run_id, err))
        return false;
    return true;
}

/* ---- one try ---- */

static bool
rate_once(Month *self, Err *err)
{
    rate_report_free(self->report);
    rating_rows_clear(self->rows);
    rate_contracts_free(&self->contracts);
    self->run_id = 0;
    bool done = db_begin(self->db, true, err) && (self->request->dry_run || rating_run_lock(self->db, err)) &&
                receipt_watermark(self->db, &self->watermark, err) && read_rows(self, err) &&
                rate_contracts_read(&self->contracts, self->db, self->request->month, err) && settle_all(self, err) &&
                db_commit(self->db, err);
    db_rollback(self->db);
    self->report->receipt_watermark = self->watermark;
    return done;
}

/* Whatever a final invoice bills is sealed before. */
static bool
seal_and_rate(Month *self, Db *compactor, Err *err)
{
    const RateRequest *request = self->request;
    if (request->final && !request->dry_run && !rate_seal_month(compactor, request->config, request->month, err))
        return false;
    return rate_once(self, err);
}

bool
rate_month(Db *db, Db *compactor, const RateRequest *request, RateReport *report, Err *err)
{
    Month self = {
        .db = db,
        .request = request,
        .report = report,
        .start_us = utc_month_start_us(request->month),
        .end_us = utc_month_end_us(request->month),
    };
    *report = (RateReport){0};
    bool done = rate_tenants_read(&self.tenants, db, request->tenant, err);
    done = done && rate_exclude_duplicates(compactor, &self.tenants, self.start_us, self.end_us, report, err);
    self.rows = done ? rating_rows_new(err) : NULL;
    self.seen = calloc(self.tenants.count + 1, sizeof *self.seen);
    done = done && self.rows != NULL && (self.seen != NULL || no_memory(err));
    for (int attempt = 1; done && !seal_and_rate(&self, compactor, err); attempt++)
        done = rate_recover(db, attempt, err) && (db_is_connected(compactor) || db_reconnect(compactor, err));
    if (done && request->final && !request->dry_run)
        rate_seal_invoices(compactor, request->config);
    rate_contracts_free(&self.contracts);
    free(self.seen);
    rating_rows_free(&self.rows);
    rate_tenants_free(&self.tenants);
    return done;
}
