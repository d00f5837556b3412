#include "rater/remake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/instant.h"
#include "lib/utc.h"
#include "rater/adjust_plan.h"
#include "rater/document.h"
#include "rater/rate_contracts.h"
#include "rater/verify_invoice_parts.h"
#include "schema/document_store.h"
#include "schema/price_store.h"
#include "schema/tenant_store.h"

typedef struct Remake {
    Db *db;
    const RemakeRequest *request;
    Json *head;
    RateTenants tenants; /* of the account */
    const RateTenant *tenant;
    VerifyPeriod period;
    VerifyPeriod service; /* of the account, where it is a part of the period; 0: no limit */
    int64_t watermark;
    bool free_tier;
    UtcMonth month; /* of the period */
    PriceBook *book;
    RatingRows *rows;
    Rated *rated;
    RatedSlice slice;
    RateContracts contracts;
    AdjustMembers members;
    bool is_note; /* a credit note, and no invoice */
} Remake;

/* ---- what the document names ---- */

static const char *
member(Json *object, const char *key)
{
    Json *value = json_member(object, key);
    return value == NULL ? "" : json_object_get_string(value);
}

static bool
read_instant(Json *object, const char *key, int64_t *out, Err *err)
{
    return instant_parse(text_of(member(object, key)), out, err) || err_prefix(err, "%s: ", key);
}

/* A period that is no UTC month says whose it is. */
static bool
read_month(Json *object, int64_t start_us, UtcMonth *out, Err *err)
{
    *out = utc_month_of(start_us);
    return json_member(object, "month") == NULL || utc_month_parse(member(object, "month"), out, err);
}

/* A price book that is kept, by its digest. */
static PriceBook *
read_book(Db *db, Json *named, Err *err)
{
    Buffer source = {0};
    PriceBook *book = NULL;
    if (price_store_source(db, member(named, "sha256"), &source, err))
        book = price_book_parse(buffer_text(&source), "price_books.source", err);
    buffer_free(&source);
    return book;
}

static bool
read_named(Remake *self, Err *err)
{
    Json *document = self->request->document;
    self->head = json_member(document, "invoice");
    self->is_note = self->head != NULL && strcmp(member(self->head, "kind"), "credit_note") == 0;
    if (self->head == NULL || strcmp(member(self->head, "state"), "preview") != 0 ||
        (json_member(self->head, "kind") != NULL && !self->is_note))
        return err_set(err, ERR_INPUT, "this is no draft of an invoice or a credit note");
    self->watermark = json_object_get_int64(json_member(self->head, "receipt_watermark"));
    self->free_tier = json_object_get_boolean(json_member(document, "free_tier"));
    if ((json_member(self->head, "service_from") != NULL &&
         !read_instant(self->head, "service_from", &self->service.start_us, err)) ||
        (json_member(self->head, "service_until") != NULL &&
         !read_instant(self->head, "service_until", &self->service.end_us, err)) ||
        !read_instant(self->head, "period_start", &self->period.start_us, err) ||
        !read_instant(self->head, "period_end", &self->period.end_us, err) ||
        !read_month(self->head, self->period.start_us, &self->month, err) ||
        !rate_tenants_read(&self->tenants, self->db, member(self->head, "tenant"), self->month, err))
        return false;
    self->tenant = rate_tenants_find(&self->tenants, member(self->head, "tenant"));
    self->book = read_book(self->db, json_member(document, "price_book"), err);
    return self->book != NULL;
}

/* ---- rating ---- */

static bool
rate_account(Remake *self, Err *err)
{
    const RateOptions options = {.month_start_us = self->period.start_us,
                                 .period_end_us = self->period.end_us,
                                 .free_tier = self->free_tier,
                                 .service_start_us = self->service.start_us,
                                 .service_end_us = self->service.end_us};
    self->rows = rating_rows_new(err);
    bool done = self->rows != NULL;
    for (size_t i = 0; done && i < self->tenants.count; i++)
        done = verify_derive(self->db, &self->tenants.all[i], &self->period, self->watermark, self->book, self->rows,
                             err) ||
               err_prefix(err, "tenant '%s': ", self->tenants.all[i].name);
    self->rated =
        !done ? NULL : rate(rating_rows_all(self->rows), rating_rows_count(self->rows), self->book, &options, err);
    if (self->rated == NULL)
        return false;
    while (rated_next_tenant(self->rated, &self->slice))
        if (strcmp(self->rated->functions[self->slice.function].tenant, self->tenant->name) == 0)
            return true;
    self->slice = (RatedSlice){0}; /* a contract bills without usage too */
    return true;
}

/* ---- what it carries of earlier periods ---- */

typedef struct FoundInvoice {
    int64_t invoice_id;
    char sha256[DIGEST_HEX_BYTES];
} FoundInvoice;

static bool
take_invoice(void *context, const DocumentRow *row, Err *err)
{
    (void) err;
    FoundInvoice *found = context;
    found->invoice_id = row->invoice_id;
    snprintf(found->sha256, sizeof found->sha256, "%s", row->sha256);
    return true;
}

/* What an adjustment in the document says of itself, as the table has it of one that was billed, or credited. */
static bool
adjust_row(Remake *self, Json *stated, AdjustDisposition disposition, AdjustRow *row, Err *err)
{
    FoundInvoice found = {0};
    AdjustBase *base = &row->base;
    const char *number = member(stated, "invoice");
    const DocumentFilter filter = {.tenant = self->tenant->name, .number = number};
    *row = (AdjustRow){.disposition = adjust_disposition_name(disposition), .tenant = self->tenant->name};
    if (number[0] != '\0' && !document_visit(self->db, &filter, take_invoice, &found, err))
        return false;
    *base = (AdjustBase){.tenant_id = self->tenant->tenant_id,
                         .invoice_id = found.invoice_id,
                         .from_receipt = json_object_get_int64(json_member(stated, "from_receipt")),
                         .free_tier = json_object_get_boolean(json_member(stated, "free_tier")),
                         .contract_revision =
                             json_object_get_int64(json_member(json_member(stated, "contract"), "revision"))};
    snprintf(base->number, sizeof base->number, "%s", number);
    snprintf(base->sha256, sizeof base->sha256, "%s", found.sha256);
    row->to_receipt = json_object_get_int64(json_member(stated, "to_receipt"));
    Buffer source = {0};
    bool done = read_instant(stated, "period_start", &base->start_us, err) &&
                read_instant(stated, "period_end", &base->end_us, err) &&
                read_month(stated, base->start_us, &base->month, err) &&
                price_store_source(self->db, member(json_member(stated, "price_book"), "sha256"), &source, err);
    base->book = done ? text_duplicate(buffer_text(&source)) : NULL;
    buffer_free(&source);
    char *canonical = base->book == NULL ? NULL : json_canonical(stated, err);
    row->document = text_of(canonical == NULL ? "" : canonical); /* freed with the row */
    return canonical != NULL || (err_is_set(err) ? false : err_set(err, ERR_NOMEM, "no memory for an adjustment"));
}

typedef struct Stated {
    AdjustRow *rows;
    size_t count, capacity;
} Stated;

static bool
add_row(Remake *self, Stated *stated, Json *one, AdjustDisposition disposition, Err *err)
{
    return array_grow(&stated->rows, &stated->capacity, stated->count, sizeof *stated->rows, err) &&
           adjust_row(self, one, disposition, &stated->rows[stated->count++], err);
}

/* Credit notes that were made with it come first. */
static bool
read_adjustments(Remake *self, Stated *stated, Err *err)
{
    Json *document = self->request->document;
    Json *notes = json_member(self->head, "credit_notes");
    Json *list = json_member(document, "adjustments");
    bool done = true;
    for (size_t i = 0; done && notes != NULL && i < json_object_array_length(notes); i++)
        done = add_row(self, stated, json_object_array_get_idx(notes, i), ADJUST_CREDITED, err);
    for (size_t i = 0; done && list != NULL && i < json_object_array_length(list); i++)
        done = add_row(self, stated, json_object_array_get_idx(list, i), ADJUST_BILLED, err);
    return done && (!self->is_note || add_row(self, stated, json_member(document, "correction"), ADJUST_CREDITED, err));
}

static void
free_adjustments(Stated *stated)
{
    for (size_t i = 0; i < stated->count; i++) {
        free(stated->rows[i].base.book);
        if (stated->rows[i].document.length > 0)
            free((char *) (uintptr_t) stated->rows[i].document.data);
    }
    free(stated->rows);
}

/* ---- the document ---- */

/* As it would have been when the tenant's final documents were those below `before_id`. */
static Json *
make_invoice(Remake *self, const AdjustPlan *plan, int64_t before_id, Err *err)
{
    const InvoiceHead head = {.tenant = self->tenant->name,
                              .account = self->tenant->account,
                              .period = {self->month, self->period.start_us, self->period.end_us},
                              .receipt_watermark = self->watermark,
                              .service_start_us = self->service.start_us,
                              .service_end_us = self->service.end_us};
    RateTerms terms;
    Json *document = NULL;
    const RateContract plain = {.tenant_id = self->tenant->tenant_id, .contract = plan->plain};
    const RateContract *contract = self->contracts.count > 0    ? &self->contracts.all[0]
                                   : plan->adjustment_count > 0 ? &plain
                                                                : NULL;
    StatementInput input = {.book = self->book,
                            .rated = self->rated,
                            .slice = self->slice,
                            .period_start_us = self->period.start_us,
                            .period_end_us = self->period.end_us,
                            .adjustments = plan->adjustments,
                            .adjustment_count = plan->adjustment_count,
                            .used = plan->used,
                            .used_count = plan->used_count};
    if (contract == NULL) {
        document = document_invoice(&head, self->rated, &self->slice, self->book, self->free_tier, NULL, err);
    } else if (rate_terms_make(&terms, self->db, contract, before_id, &input, err)) {
        terms.document.unnamed = contract == &plain;
        document =
            document_invoice(&head, self->rated, &self->slice, self->book, self->free_tier, &terms.document, err);
        rate_terms_free(&terms);
    }
    if (document != NULL && adjust_plan_describe(plan, document, err))
        return document;
    json_object_put(document);
    return NULL;
}

/* That of the last event; empty where nothing became less at that time. */
static Json *
make_note(const AdjustPlan *plan, Err *err)
{
    Json *note = plan->events[plan->count - 1].credit_note;
    return note == NULL ? json_new_object(err) : json_object_get(note);
}

static Json *
make(Remake *self, const Stated *stated, int64_t before_id, Err *err)
{
    AdjustPlan plan;
    Json *document = NULL;
    if (adjust_plan_of_rows(&plan, self->db, &self->members, self->tenant, stated->rows, stated->count, before_id, err))
        document = self->is_note ? make_note(&plan, err) : make_invoice(self, &plan, before_id, err);
    adjust_plan_free(&plan);
    return document;
}

static bool
read_contract(Remake *self, Err *err)
{
    Json *named = json_member(self->request->document, "contract");
    const int64_t revision = json_object_get_int64(json_member(named, "revision"));
    if (named == NULL)
        return true;
    if (!rate_contracts_of_revision(&self->contracts, self->db, self->tenant->tenant_id, revision, err))
        return false;
    if (self->contracts.count == 0)
        return err_set(err, ERR_NOT_FOUND, "tenant '%s' has no contract of revision %lld", self->tenant->name,
                       (long long) revision);
    return self->contracts.all[0].contract != NULL || err_set(err, ERR_CORRUPT, "%s", self->contracts.all[0].reason);
}

typedef struct FinalIds {
    int64_t *all;
    size_t count;
} FinalIds;

static bool
take_final(void *context, const DocumentRow *row, Err *err)
{
    FinalIds *ids = context;
    int64_t *grown = reallocarray(ids->all, ids->count + 1, sizeof *grown);
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for documents");
    ids->all = grown;
    grown[ids->count++] = row->invoice_id;
    return true;
}

static int
compare_ids(const void *left, const void *right)
{
    int64_t a = *(const int64_t *) left;
    int64_t b = *(const int64_t *) right;
    return (a < b) - (a > b);
}

/* Does it come out as it was given? */
static bool
is_same(const Remake *self, Json *document, bool *same, Err *err)
{
    char *canonical = json_canonical(document, err);
    *same = canonical != NULL && strcmp(canonical, self->request->canonical) == 0;
    free(canonical);
    return !err_is_set(err);
}

/* The draft does not say which final documents there were when it was made, and only balances of a contract depend on it: the latest moment
 * at which it comes out is taken. With none, it is what it would be now. */
static Json *
make_at_its_time(Remake *self, const Stated *stated, Err *err)
{
    const DocumentFilter finals = {.tenant = self->tenant->name, .state = "final"};
    FinalIds ids = {0};
    Json *now = make(self, stated, INT64_MAX, err);
    Json *found = NULL;
    bool done = now != NULL && document_visit(self->db, &finals, take_final, &ids, err);
    if (ids.count > 1)
        qsort(ids.all, ids.count, sizeof *ids.all, compare_ids);
    for (size_t i = 0; done && found == NULL && i <= ids.count; i++) {
        Json *tried = i == 0 ? json_object_get(now) : make(self, stated, ids.all[i - 1], err);
        bool same = false;
        done = tried != NULL && is_same(self, tried, &same, err);
        found = same ? json_object_get(tried) : NULL;
        json_object_put(tried);
    }
    free(ids.all);
    if (done && found == NULL)
        found = json_object_get(now);
    json_object_put(now);
    return found;
}

/* The account as it was before a move was given. */
static bool
read_members(Remake *self, const TenantMove *move, Err *err)
{
    const char *name = member(self->head, "tenant");
    rated_free(&self->rated);
    rating_rows_free(&self->rows);
    rate_tenants_free(&self->tenants);
    self->slice = (RatedSlice){0};
    if (!rate_tenants_read_before(&self->tenants, self->db, name, self->month, move == NULL ? NULL : move->at, err))
        return false;
    self->tenant = rate_tenants_find(&self->tenants, name);
    return rate_account(self, err);
}

/* Nor does a draft say who shared its account: a month that is not final is open to moves. It is tried with the members of now, then with those
 * before each move, the latest first. `*document` is replaced by the one that comes out. */
static bool
try_earlier_members(Remake *self, const Stated *stated, Json **document, Err *err)
{
    TenantMove *moves = NULL;
    size_t count = 0;
    bool same = false;
    bool done = is_same(self, *document, &same, err);
    if (!done || same || self->is_note)
        return done;
    done = tenant_moves(self->db, self->month, member(self->head, "account"), &moves, &count, err);
    for (size_t i = 0; done && !same && i < count; i++) {
        done = read_members(self, &moves[i], err);
        Json *tried = done ? make_at_its_time(self, stated, err) : NULL;
        done = tried != NULL && is_same(self, tried, &same, err);
        if (same) {
            json_object_put(*document);
            *document = json_object_get(tried);
        }
        json_object_put(tried);
    }
    free(moves);
    return done;
}

static bool
compare(Remake *self, Json *made, VerifyReport *report, Err *err)
{
    InvoiceCheck check = {.db = self->db,
                          .report = report,
                          .invoice = {.number = "(draft)",
                                      .tenant = self->tenant->name,
                                      .period_start_us = self->period.start_us,
                                      .document = text_of(self->request->canonical)}};
    report->checks[VERIFY_INVOICES].checked++;
    return invoice_compare(&check, made, self->request->document, err);
}

static void
remake_free(Remake *self)
{
    rated_free(&self->rated);
    rating_rows_free(&self->rows);
    price_book_free(&self->book);
    rate_contracts_free(&self->contracts);
    adjust_members_free(&self->members);
    rate_tenants_free(&self->tenants);
}

bool
remake_draft(Db *db, const RemakeRequest *request, VerifyReport *report, char **made, Err *err)
{
    Remake self = {.db = db, .request = request};
    Stated stated = {0};
    bool done = read_named(&self, err) && (self.is_note || (rate_account(&self, err) && read_contract(&self, err))) &&
                read_adjustments(&self, &stated, err);
    Json *document = done ? make_at_its_time(&self, &stated, err) : NULL;
    done = document != NULL && try_earlier_members(&self, &stated, &document, err);
    *made = !done ? NULL : json_canonical(document, err);
    done = *made != NULL && compare(&self, document, report, err);
    json_object_put(document);
    free_adjustments(&stated);
    remake_free(&self);
    return done;
}
