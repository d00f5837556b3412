/* Final invoices: document, tables, and the whole rated again from the evidence. See verify.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rater/adjust_plan.h"
#include "rater/document.h"
#include "rater/rate_contracts.h"
#include "rater/rate_seals.h"
#include "rater/verify_invoice_parts.h"
#include "schema/seal_store.h"

static void
forget_account(InvoiceCheck *self)
{
    rated_free(&self->rated);
    price_book_free(&self->book);
    free(self->account);
    self->account = NULL;
    rating_rows_clear(self->rows);
    err_clear(&self->reason);
}

static bool
read_book(InvoiceCheck *self)
{
    char hex[DIGEST_HEX_BYTES];
    if (self->invoice.book.data == NULL)
        return err_set(&self->reason, ERR_CORRUPT, "price book %s is not kept", self->invoice.book_sha256);
    self->book = price_book_parse(self->invoice.book, "price_books.source", &self->reason);
    if (self->book == NULL)
        return false;
    if (strcmp(digest_hex(&self->book->digest, hex), self->invoice.book_sha256) != 0)
        return err_set(&self->reason, ERR_CORRUPT, "price book '%s' has SHA-256 %s, expected %s", self->book->name, hex,
                       self->invoice.book_sha256);
    return true;
}

/** Usage of every tenant of the account from its segments, and its price. */
static bool
derive_account(InvoiceCheck *self)
{
    const VerifyInvoice *invoice = &self->invoice;
    const VerifyPeriod period = {invoice->period_start_us, invoice->period_end_us};
    for (size_t i = 0; i < self->tenants.count; i++) {
        const RateTenant *tenant = &self->tenants.all[i];
        if (strcmp(tenant->account, invoice->account) == 0 &&
            !verify_derive(self->db, tenant, &period, invoice->receipt_watermark, self->book, self->rows,
                           &self->reason))
            return err_prefix(&self->reason, "tenant '%s': ", tenant->name);
    }
    const RateOptions options = rate_options_of(rate_tenants_member(&self->tenants, invoice->account),
                                                invoice->period_start_us, invoice->period_end_us, invoice->free_tier);
    self->rated = rate(rating_rows_all(self->rows), rating_rows_count(self->rows), self->book, &options, &self->reason);
    return self->rated != NULL;
}

static bool
read_members(InvoiceCheck *self, Err *err)
{
    const UtcMonth month = self->invoice.month;
    if (self->tenants.count > 0 && month.year == self->tenants_month.year && month.month == self->tenants_month.month)
        return true;
    rate_tenants_free(&self->tenants);
    self->tenants_month = month;
    return rate_tenants_read(&self->tenants, self->db, NULL, month, err) &&
           rate_periods_set(&self->tenants, self->db, err);
}

/** No contract changes from a month that is final: those in force say today what the period was. */
static bool
check_period(InvoiceCheck *self, Err *err)
{
    char times[4][UTC_TEXT_BYTES];
    char expected[2 * UTC_TEXT_BYTES + 8];
    char found[2 * UTC_TEXT_BYTES + 8];
    const VerifyInvoice *invoice = &self->invoice;
    if (!read_members(self, err))
        return false;
    const RateTenant *tenant = rate_tenants_find(&self->tenants, invoice->tenant);
    if (invoice->is_void || tenant == NULL ||
        (tenant->period.start_us == invoice->period_start_us && tenant->period.end_us == invoice->period_end_us))
        return true;
    snprintf(expected, sizeof expected, "%s to %s", utc_format(tenant->period.start_us, times[0]),
             utc_format(tenant->period.end_us, times[1]));
    snprintf(found, sizeof found, "%s to %s", utc_format(invoice->period_start_us, times[2]),
             utc_format(invoice->period_end_us, times[3]));
    return invoice_note(self, "billing period by the contracts in force", expected, found, err);
}

/** Rate the account of the present invoice, unless the one before was of the same. What cannot be rated because of what
 *  the tables say is a difference; all else is an error. */
static bool
rate_account(InvoiceCheck *self, Err *err)
{
    const VerifyInvoice *invoice = &self->invoice;
    if (self->account != NULL && self->run_id == invoice->run_id && strcmp(self->account, invoice->account) == 0)
        return true;
    forget_account(self);
    self->run_id = invoice->run_id;
    self->account = strdup(invoice->account);
    if (self->account == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an account");
    if (!read_members(self, err))
        return false;
    if (read_book(self) && derive_account(self))
        return true;
    ErrCode code = self->reason.code;
    if (code == ERR_CORRUPT || code == ERR_INPUT || code == ERR_RANGE)
        return true;
    return err_set(err, code, "%s", self->reason.message);
}

static bool
find_slice(const Rated *rated, const char *tenant, RatedSlice *slice)
{
    *slice = (RatedSlice){0};
    while (rated_next_tenant(rated, slice))
        if (strcmp(rated->functions[slice->function].tenant, tenant) == 0)
            return true;
    return false;
}

/** Note each member that a document and its derivation say differently: plain values here, objects and lists inside.
 *  `*noted` counts. */
static bool
compare_json(InvoiceCheck *self, const char *path, Json *derived, Json *stored, int *noted, Err *err)
{
    enum { PATH_BYTES = 128 };
    char inner[PATH_BYTES];
    if (json_object_equal(derived, stored))
        return true;
    if (json_object_is_type(derived, json_type_object) && json_object_is_type(stored, json_type_object)) {
        json_object_object_foreach(derived, key, value)
        {
            snprintf(inner, sizeof inner, "%s.%s", path, key);
            if (!compare_json(self, inner, value, json_object_object_get(stored, key), noted, err))
                return false;
        }
        return true;
    }
    if (json_object_is_type(derived, json_type_array) && json_object_is_type(stored, json_type_array) &&
        json_object_array_length(derived) == json_object_array_length(stored)) {
        for (size_t i = 0; i < json_object_array_length(derived); i++) {
            snprintf(inner, sizeof inner, "%s[%zu]", path, i);
            if (!compare_json(self, inner, json_object_array_get_idx(derived, i), json_object_array_get_idx(stored, i),
                              noted, err))
                return false;
        }
        return true;
    }
    (*noted)++;
    return invoice_note(self, path, json_object_to_json_string_ext(derived, JSON_C_TO_STRING_PLAIN),
                        json_object_to_json_string_ext(stored, JSON_C_TO_STRING_PLAIN), err);
}

bool
invoice_compare(InvoiceCheck *self, Json *derived, Json *stored, Err *err)
{
    int noted = 0;
    char *canonical = json_canonical(derived, err);
    if (canonical == NULL)
        return false;
    bool done = true;
    if (!text_is(self->invoice.document, canonical)) {
        done = compare_json(self, "document rated again from segments: ", derived, stored, &noted, err);
        if (done && noted == 0)
            done = invoice_note(self, "document rated again from segments", "the same bytes",
                                "the same values, other bytes", err);
    }
    free(canonical);
    return done;
}

/** A root that the document names, as the table has it; all zero, and so different, when it is not there. */
static bool
find_root(InvoiceCheck *self, Json *named, UtcMonth month, RateRoots *roots, Err *err)
{
    int64_t revision = json_object_get_int64(json_member(named, "revision"));
    const char *text = json_object_get_string(json_member(named, "month"));
    Err ignored = {0};
    if (roots->count == RATE_ROOTS_MAX || (text != NULL && !utc_month_parse(text, &month, &ignored)))
        return true;
    return seal_root_find(self->db, self->invoice.tenant_id, month, revision > 0 && revision < INT32_MAX ? revision : 0,
                          &roots->all[roots->count++], err);
}

/** Those of the months before, and that of the last month. */
static bool
find_roots(InvoiceCheck *self, Json *stored, RateRoots *roots, Err *err)
{
    Json *evidence = json_member(stored, "evidence");
    Json *earlier = json_member(evidence, "earlier");
    size_t count = json_object_is_type(earlier, json_type_array) ? json_object_array_length(earlier) : 0;
    const UtcMonth month = self->invoice.month;
    for (size_t i = 0; i < count; i++)
        if (!find_root(self, json_object_array_get_idx(earlier, i), month, roots, err))
            return false;
    return find_root(self, evidence, month, roots, err);
}

/** The document of a head and slice under the contract of the invoice, with what it carries of earlier periods. NULL without an error: it cannot be made, `reason` says
 *  why. */
static Json *
derive_terms(InvoiceCheck *self, const InvoiceHead *head, const RatedSlice *slice, const AdjustPlan *plan, Err *reason,
             Err *err)
{
    const VerifyInvoice *invoice = &self->invoice;
    RateContracts contracts;
    RateTerms terms;
    Json *derived = NULL;
    StatementInput input = {.book = self->book,
                            .rated = self->rated,
                            .slice = *slice,
                            .period_start_us = invoice->period_start_us,
                            .period_end_us = invoice->period_end_us,
                            .adjustments = plan->adjustments,
                            .adjustment_count = plan->adjustment_count,
                            .used = plan->used,
                            .used_count = plan->used_count};
    const RateContract plain = {.tenant_id = invoice->tenant_id, .contract = plan->plain};
    bool done = rate_contracts_of_invoice(&contracts, self->db, invoice->tenant_id, invoice->invoice_id, err);
    const RateContract *contract = contracts.count > 0 ? &contracts.all[0] : &plain;
    if (done && (contract->contract == NULL || (invoice->has_contract && contracts.count == 0))) {
        err_set(reason, ERR_CORRUPT, "%s", contracts.count == 0 ? "its contract is gone" : contracts.all[0].reason);
    } else if (done && rate_terms_make(&terms, self->db, contract, invoice->invoice_id, &input, reason)) {
        terms.document.unnamed = contract == &plain;
        derived = document_invoice(head, self->rated, slice, self->book, invoice->free_tier, &terms.document, err);
        rate_terms_free(&terms);
    } else if (done && reason->code != ERR_INPUT) {
        err_set(err, reason->code, "%s", reason->message);
    }
    rate_contracts_free(&contracts);
    return derived;
}

/** The document with what it carries of earlier periods. NULL without an error: as above. */
static Json *
derive_document(InvoiceCheck *self, const InvoiceHead *head, const RatedSlice *slice, Err *reason, Err *err)
{
    const VerifyInvoice *invoice = &self->invoice;
    AdjustPlan plan;
    Json *derived = NULL;
    const RateTenant *tenant = rate_tenants_find(&self->tenants, invoice->tenant);
    if (tenant == NULL) {
        err_set(reason, ERR_CORRUPT, "its tenant is gone");
        return NULL;
    }
    if (!adjust_plan_of_invoice(&plan, self->db, &self->members, tenant, invoice->invoice_id, reason)) {
        if (reason->code != ERR_CORRUPT && reason->code != ERR_INPUT)
            err_set(err, reason->code, "%s", reason->message);
    } else if (invoice->has_contract || plan.adjustment_count > 0) {
        derived = derive_terms(self, head, slice, &plan, reason, err);
    } else {
        derived = document_invoice(head, self->rated, slice, self->book, invoice->free_tier, NULL, err);
    }
    if (derived != NULL && !adjust_plan_describe(&plan, derived, err)) {
        json_object_put(derived);
        derived = NULL;
    }
    adjust_plan_free(&plan);
    return derived;
}

static bool
check_rating(InvoiceCheck *self, Json *stored, Err *err)
{
    static const char what[] = "rated again from segments";
    const VerifyInvoice *invoice = &self->invoice;
    RatedSlice slice;
    Err reason = {0};
    bool sealed = invoice->document_version > 1;
    if (!invoice->has_run)
        return true; /* the check of references says so */
    if (!rate_account(self, err))
        return false;
    if (self->rated == NULL)
        return invoice_note(self, what, "the same document", self->reason.message, err);
    if (!find_slice(self->rated, invoice->tenant, &slice)) {
        if (!invoice->has_contract && json_member(stored, "adjustments") == NULL)
            return invoice_note(self, what, "the same document", "no usage of this tenant", err);
        slice = (RatedSlice){0}; /* a contract bills without usage too; then there may be nothing that is sealed */
        sealed = sealed && json_member(stored, "evidence") != NULL;
    }
    RateRoots roots = {.count = 0};
    if (sealed && !find_roots(self, stored, &roots, err))
        return false;
    const RateTenant *tenant = rate_tenants_find(&self->tenants, invoice->tenant);
    const InvoiceHead head = {.number = invoice->number,
                              .tenant = invoice->tenant,
                              .account = invoice->account,
                              .period = {invoice->month, invoice->period_start_us, invoice->period_end_us},
                              .receipt_watermark = invoice->receipt_watermark,
                              .roots = roots.all,
                              .root_count = roots.count,
                              .service_start_us = tenant == NULL ? 0 : tenant->service_start_us,
                              .service_end_us = tenant == NULL ? 0 : tenant->service_end_us};
    Json *derived = derive_document(self, &head, &slice, &reason, err);
    bool done = derived != NULL
                    ? invoice_compare(self, derived, stored, err)
                    : !err_is_set(err) && invoice_note(self, what, "the same document", reason.message, err);
    json_object_put(derived);
    return done;
}

static bool
check_invoice(InvoiceCheck *self, Err *err)
{
    Err reason = {0};
    self->report->checks[VERIFY_INVOICES].checked++;
    if (!invoice_check_digest(self, err))
        return false;
    Json *document = json_parse(self->invoice.document, &reason);
    if (document == NULL)
        return reason.code == ERR_NOMEM ? err_set(err, reason.code, "%s", reason.message)
                                        : invoice_note(self, "document", "JSON", reason.message, err);
    const char *kind = self->invoice.kind;
    bool done = invoice_check_tables(self, document, err) &&
                (strcmp(kind, "void") == 0          ? invoice_check_void(self, document, err)
                 : strcmp(kind, "credit_note") == 0 ? invoice_check_credit_note(self, document, err)
                                                    : check_period(self, err) && check_rating(self, document, err));
    json_object_put(document);
    return done;
}

MUST_CHECK bool
verify_invoices(Db *db, const char *tenant, const UtcMonth *month, VerifyReport *report, Err *err)
{
    InvoiceCheck self = {.db = db, .report = report, .rows = rating_rows_new(err)};
    VerifyCursor *cursor = self.rows == NULL ? NULL : verify_invoices_open(db, tenant, month, err);
    bool more = true;
    bool done = cursor != NULL;
    while (done && more) {
        done = verify_invoices_next(cursor, &self.invoice, &more, err);
        if (done && more)
            done = check_invoice(&self, err);
    }
    verify_cursor_close(&cursor);
    done = done && verify_write_offs(db, tenant, month, report, err);
    if (self.rows != NULL)
        forget_account(&self);
    rating_rows_free(&self.rows);
    rate_tenants_free(&self.tenants);
    adjust_members_free(&self.members);
    verify_cursor_close(&cursor);
    return done;
}
