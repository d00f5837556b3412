#include "rater/explain_line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/book_binding.h"
#include "rater/document.h"
#include "rater/explain.h"
#include "rater/explain_bill.h"
#include "rater/explain_steps.h"
#include "rater/explain_usage.h"
#include "rater/rate_parts.h"
#include "rater/verify_parts.h"
#include "schema/document_store.h"

typedef struct LineExplainer {
    Db *db;
    const ExplainLineRequest *request;
    /* the invoice */
    size_t found;
    int64_t invoice_id;
    char *tenant_name;
    UtcMonth month;
    VerifyPeriod period;
    RateTenants account;
    const RateTenant *tenant;
    Bills bills;
    const Bill *bill;
    /* rated again */
    RatingRows *rows;
    RateOptions options;
    Rated *rated;
    const RatedLine *line;
} LineExplainer;

/* ---- finding ---- */

static bool
take_document(void *context, const DocumentRow *row, Err *err)
{
    LineExplainer *self = context;
    if (self->found++ > 0)
        return true;
    if (strcmp(row->kind, "invoice") != 0) {
        err_set(err, ERR_USAGE, "'%s' is a %s: its lines are differences, not usage that was rated", row->number,
                strcmp(row->kind, "void") == 0 ? "void" : "credit note");
        return err_hint(err, "explain a line of %s; millibill invoice show %s has each line's difference",
                        row->refers_to, row->number);
    }
    self->invoice_id = row->invoice_id;
    self->month = row->month;
    self->period = (VerifyPeriod){row->period_start_us, row->period_end_us};
    self->tenant_name = strdup(row->tenant);
    return self->tenant_name != NULL || err_set(err, ERR_NOMEM, "no memory for a tenant");
}

static bool
find_invoice(LineExplainer *self, Err *err)
{
    const ExplainLineRequest *request = self->request;
    bool latest = strcmp(request->invoice, "latest") == 0;
    const DocumentFilter filter = {
        .tenant = request->tenant, .number = latest ? NULL : request->invoice, .newest = latest};
    if (!document_visit(self->db, &filter, take_document, self, err))
        return false;
    if (self->found == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no invoice '%s'", request->invoice);
        return err_hint(err, "see: millibill invoice list");
    }
    if (self->found > 1) {
        err_set(err, ERR_CONFLICT, "%zu invoices are meant by '%s'", self->found, request->invoice);
        return err_hint(err, "say whose with --tenant NAME");
    }
    return true;
}

static bool
load_bill(LineExplainer *self, Err *err)
{
    if (!rate_tenants_read(&self->account, self->db, self->tenant_name, self->month, err))
        return false;
    self->tenant = rate_tenants_find(&self->account, self->tenant_name);
    if (!bills_load(&self->bills, self->db, self->tenant->tenant_id, self->period.start_us, err))
        return false;
    for (size_t i = 0; i < self->bills.count; i++)
        if (self->bills.all[i].invoice_id == self->invoice_id)
            self->bill = &self->bills.all[i];
    return self->bill != NULL ||
           err_set(err, ERR_BUSY, "invoice '%s' went away while it was read", self->request->invoice);
}

/* ---- rating it again ---- */

static bool
rate_again(LineExplainer *self, Err *err)
{
    self->options = rate_options_of(self->tenant, self->period.start_us, self->period.end_us,
                                    json_object_get_boolean(json_member(self->bill->document, "free_tier")));
    self->rows = rating_rows_new(err);
    bool done = self->rows != NULL;
    for (size_t i = 0; done && i < self->account.count; i++)
        done = verify_derive(self->db, &self->account.all[i], &self->period, self->bill->watermark, self->bill->book,
                             self->rows, err);
    if (done)
        self->rated =
            rate(rating_rows_all(self->rows), rating_rows_count(self->rows), self->bill->book, &self->options, err);
    return self->rated != NULL;
}

static bool
same_figure(Json *line, const char *key, const mpq_t value)
{
    Err ignored = {0};
    Text stated = {0};
    char *figure = decimal_format_exact(value, &ignored);
    bool same = figure != NULL && json_number_text(json_member(line, key), &stated) && text_is(stated, figure);
    free(figure);
    return same;
}

/** Which of several price books prices the document's line, from 1. */
static int64_t
stated_book(Json *stated)
{
    Json *book = json_member(stated, "book");
    return book == NULL ? 1 : json_object_get_int64(book);
}

/** The rated line that the document's line is. */
static bool
find_line(LineExplainer *self, Json *stated, Err *err)
{
    for (size_t i = 0; self->line == NULL && i < self->rated->line_count; i++) {
        const RatedLine *line = &self->rated->lines[i];
        if (strcmp(line->tenant, self->tenant_name) == 0 &&
            strcmp(line->meter->sku, explain_member(stated, "sku")) == 0 &&
            strcmp(line->region, explain_member(stated, "region")) == 0 &&
            strcmp(usage_architecture_name(line->architecture), explain_member(stated, "architecture")) == 0 &&
            strcmp(usage_mode_name(line->mode), explain_member(stated, "mode")) == 0 &&
            strcmp(line->price->name == NULL ? "" : line->price->name, explain_member(stated, "price")) == 0 &&
            json_object_get_int64(json_member(stated, "tier")) == line->tier &&
            stated_book(stated) == (int64_t) line->part + 1)
            self->line = line;
    }
    if (self->line != NULL && same_figure(stated, "quantity", self->line->quantity) &&
        same_figure(stated, "billed_quantity", self->line->billed_quantity) &&
        same_figure(stated, "amount_exact", self->line->amount_exact))
        return true;
    err_set(err, ERR_DIFFERENCE, "line %" PRId64 " of invoice '%s' does not follow from the evidence any more",
            self->request->line, self->request->invoice);
    return err_hint(err, "millibill verify says what was changed");
}

static Json *
stated_line(LineExplainer *self, Err *err)
{
    Json *lines = json_member(self->bill->document, "lines");
    size_t count = lines == NULL ? 0 : json_object_array_length(lines);
    if (self->request->line >= 1 && (uint64_t) self->request->line <= count)
        return json_object_array_get_idx(lines, (size_t) self->request->line - 1);
    err_set(err, ERR_NOT_FOUND, "invoice '%s' has lines 1 to %zu, not %" PRId64, self->request->invoice, count,
            self->request->line);
    return NULL;
}

/* ---- telling ---- */

/** The book that prices the line. */
static const PriceBook *
book_of_line(const LineExplainer *self)
{
    return price_book_of_part(self->bill->book, self->line->part);
}

static bool
tell_steps(const LineExplainer *self, Json *steps, Err *err)
{
    const PriceBook *book = self->bill->book;
    const RateOptions options =
        book->part_count == 0 ? self->options : rate_part_options(&self->options, &book->parts[self->line->part]);
    const ExplainAgain again = {.rated = self->rated,
                                .rows = rating_rows_all(self->rows),
                                .row_count = rating_rows_count(self->rows),
                                .book = book_of_line(self),
                                .options = &options};
    return explain_steps(&again, self->line, steps, err);
}

/** The hours for which it is in force. */
static VerifyPeriod
hours_of_line(const LineExplainer *self)
{
    const PriceBook *book = self->bill->book;
    if (book->part_count == 0)
        return self->period;
    const BookPart *part = &book->parts[self->line->part];
    return (VerifyPeriod){part->start_us > self->period.start_us ? part->start_us : self->period.start_us,
                          part->end_us < self->period.end_us ? part->end_us : self->period.end_us};
}

static bool
tell_usage(LineExplainer *self, Json *answer, Err *err)
{
    const ExplainLineRequest *request = self->request;
    const LineUsage usage = {.db = self->db,
                             .tenant = self->tenant,
                             .book = book_of_line(self),
                             .line = self->line,
                             .part = self->line->part,
                             .month = self->month,
                             .period = hours_of_line(self),
                             .start_us = self->period.start_us,
                             .watermark = self->bill->watermark,
                             .most = request->all ? SIZE_MAX : EXPLAIN_ROWS_SHOWN};
    if (request->function == NULL)
        return explain_functions(&usage, self->rows, answer, err);
    return request->hour_us == INT64_MIN
               ? explain_hours(&usage, request->function, answer, err)
               : explain_invocations(&usage, request->function, request->hour_us, answer, err);
}

static bool
tell(LineExplainer *self, Json *answer, Json *stated, Err *err)
{
    Json *steps = json_new_array(err);
    const PriceBook *by = book_of_line(self);
    Json *book = document_price_book(by, err);
    return steps != NULL && book != NULL && json_add(answer, "invoice", json_object_get(self->bill->head), err) &&
           json_add_text(answer, "tenant", self->tenant_name, err) &&
           json_add_text(answer, "account", self->tenant->account, err) &&
           json_add_int(answer, "number", self->request->line, err) &&
           json_add(answer, "line", json_object_get(stated), err) && json_add(answer, "price_book", book, err) &&
           json_add_int(answer, "granularity_ms", by->granularity_ms, err) &&
           json_add_int(answer, "minimum_ms", by->minimum_ms, err) &&
           (self->line->meter->measure != MEASURE_CAPACITY_GB_SECONDS ||
            json_add_int(answer, "capacity_granularity_s", by->capacity_granularity_s, err)) &&
           json_add(answer, "steps", steps, err) && tell_steps(self, steps, err) && tell_usage(self, answer, err);
}

static void
line_explainer_free(LineExplainer *self)
{
    rated_free(&self->rated);
    rating_rows_free(&self->rows);
    bills_free(&self->bills);
    rate_tenants_free(&self->account);
    free(self->tenant_name);
}

MUST_CHECK Json *
explain_line(Db *db, const ExplainLineRequest *request, Err *err)
{
    LineExplainer self = {.db = db, .request = request};
    Json *answer = json_new_object(err);
    Json *stated = NULL;
    bool done = answer != NULL && verify_begin(db, err) && find_invoice(&self, err) && load_bill(&self, err) &&
                (stated = stated_line(&self, err)) != NULL && rate_again(&self, err) && find_line(&self, stated, err) &&
                tell(&self, answer, stated, err);
    db_rollback(db);
    line_explainer_free(&self);
    if (done)
        return answer;
    json_object_put(answer);
    return NULL;
}
