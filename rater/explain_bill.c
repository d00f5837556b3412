#include "rater/explain_bill.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "lib/utc.h"
#include "rater/book_binding.h"
#include "rater/document.h"
#include "rater/explain.h"
#include "rater/explain_formula.h"
#include "rater/meter.h"
#include "schema/explain_store.h"

/* ---- loading ---- */

void
bills_free(Bills *self)
{
    for (size_t i = 0; i < self->count; i++) {
        json_object_put(self->all[i].head);
        json_object_put(self->all[i].document);
        price_book_free(&self->all[i].book);
    }
    free(self->all);
    *self = (Bills){0};
}

static bool
fill_head(Json *head, const ExplainInvoice *invoice, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    return json_add_int(head, "invoice_id", invoice->invoice_id, err) &&
           json_add_text(head, "number", invoice->number[0] == '\0' ? NULL : invoice->number, err) &&
           json_add_text(head, "state", invoice->state, err) &&
           json_add_int(head, "revision", invoice->revision, err) &&
           json_add_text(head, "period_start", utc_format(invoice->period_start_us, start), err) &&
           json_add_text(head, "period_end", utc_format(invoice->period_end_us, end), err) &&
           json_add_int(head, "receipt_watermark", invoice->receipt_watermark, err) &&
           json_add_text(head, "currency", invoice->currency, err);
}

static bool
take_invoice(void *context, const ExplainInvoice *invoice, Err *err)
{
    Bills *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof(*self->all), err))
        return false;
    Bill *bill = &self->all[self->count++];
    *bill = (Bill){.invoice_id = invoice->invoice_id,
                   .is_final = strcmp(invoice->state, "final") == 0,
                   .stands = invoice->stands,
                   .period_start_us = invoice->period_start_us,
                   .watermark = invoice->receipt_watermark,
                   .head = json_new_object(err),
                   .document = json_parse(invoice->document, err),
                   .book = price_book_parse(invoice->book, "the invoice's price book", err)};
    return (bill->head != NULL && bill->document != NULL && bill->book != NULL &&
            fill_head(bill->head, invoice, err)) ||
           err_prefix(err, "invoice %lld: ", (long long) invoice->invoice_id);
}

MUST_CHECK bool
bills_load(Bills *self, Db *db, int64_t tenant_id, int64_t at_us, Err *err)
{
    if (self->tenant_id == tenant_id && self->at_us == at_us)
        return true;
    bills_free(self);
    if (!explain_invoices(db, tenant_id, at_us, take_invoice, self, err))
        return false;
    self->tenant_id = tenant_id;
    self->at_us = at_us;
    return true;
}

/* ---- one record's part ---- */

/** The tiers of one sku, added up. */
typedef struct LineSum {
    size_t first; /* number of its first line, 0 none */
    size_t tiers;
    mpq_t quantity, free, billed, amount;
} LineSum;

static bool
add_number(Json *line, const char *key, mpq_t sum, Err *err)
{
    Text digits = {0};
    mpq_t value;
    mpq_init(value);
    bool done = json_number_text(json_member(line, key), &digits) && decimal_parse(digits, value, err);
    mpq_add(sum, sum, value);
    mpq_clear(value);
    return done || err_set(err, ERR_CORRUPT, "a line of the document has no number '%s'", key);
}

/** Is the line by the book that was in force for the row? */
static bool
is_of_part(Json *line, size_t part)
{
    Json *book = json_member(line, "book");
    return book == NULL || json_object_get_int64(book) == (int64_t) part + 1;
}

static bool
sum_lines(const Bill *self, const Meter *meter, const char *region, const RatingRow *row, LineSum *sum, Err *err)
{
    const Price *price = explain_price(meter, region, row->architecture, row->mode, row->function);
    const char *name = price == NULL || price->name == NULL ? "" : price->name;
    Json *lines = json_member(self->document, "lines");
    size_t count = json_object_is_type(lines, json_type_array) ? json_object_array_length(lines) : 0;
    for (size_t i = 0; i < count; i++) {
        Json *line = json_object_array_get_idx(lines, i);
        if (strcmp(explain_member(line, "sku"), meter->sku) != 0 ||
            strcmp(explain_member(line, "region"), region) != 0 ||
            strcmp(explain_member(line, "architecture"), usage_architecture_name(row->architecture)) != 0 ||
            strcmp(explain_member(line, "mode"), usage_mode_name(row->mode)) != 0 ||
            strcmp(explain_member(line, "price"), name) != 0 || !is_of_part(line, row->part))
            continue;
        if (!add_number(line, "quantity", sum->quantity, err) || !add_number(line, "free_quantity", sum->free, err) ||
            !add_number(line, "billed_quantity", sum->billed, err) ||
            !add_number(line, "amount_exact", sum->amount, err))
            return false;
        sum->first = sum->first == 0 ? i + 1 : sum->first;
        sum->tiers++;
    }
    return true;
}

/** Turn a sum over the line into the part of `quantity`. */
static void
take_part(mpq_t sum, const mpq_t quantity, const mpq_t whole)
{
    mpq_mul(sum, sum, quantity);
    mpq_div(sum, sum, whole);
}

static bool
add_line(Json *lines, const Meter *meter, LineSum *sum, const mpq_t quantity, mpq_t total, Err *err)
{
    Json *entry = json_new_object(err);
    if (entry == NULL || !json_append(lines, entry, err))
        return false;
    mpq_t whole;
    mpq_init(whole);
    mpq_set(whole, sum->quantity);
    take_part(sum->free, quantity, whole);
    take_part(sum->billed, quantity, whole);
    take_part(sum->amount, quantity, whole);
    mpq_add(total, total, sum->amount);
    bool done =
        json_add_int(entry, "line", (int64_t) sum->first, err) &&
        json_add_int(entry, "tiers", (int64_t) sum->tiers, err) && json_add_text(entry, "sku", meter->sku, err) &&
        json_add_text(entry, "description", meter->description, err) &&
        document_add_exact(entry, "quantity", quantity, err) &&
        document_add_exact(entry, "free_quantity", sum->free, err) &&
        document_add_exact(entry, "billed_quantity", sum->billed, err) &&
        json_add_text(entry, "unit", meter->unit, err) && document_add_exact(entry, "amount_exact", sum->amount, err);
    mpq_clear(whole);
    return done;
}

static bool
share_meter(const Bill *self, const Meter *meter, const RatingRow *row, Json *lines, mpq_t total, Err *err)
{
    const PriceBook *book = price_book_of_part(self->book, row->part);
    const char *fallback = book->default_region == NULL ? "" : book->default_region;
    const char *region = row->region[0] == '\0' ? fallback : row->region;
    LineSum sum = {0};
    mpq_t quantity;
    mpq_inits(quantity, sum.quantity, sum.free, sum.billed, sum.amount, NULL);
    meter_quantity(book, meter, row, self->period_start_us, quantity);
    bool done = mpq_sgn(quantity) == 0 || sum_lines(self, meter, region, row, &sum, err);
    if (done && mpq_sgn(sum.quantity) > 0)
        done = add_line(lines, meter, &sum, quantity, total, err);
    mpq_clears(quantity, sum.quantity, sum.free, sum.billed, sum.amount, NULL);
    return done;
}

MUST_CHECK Json *
bill_share(const Bill *self, const RatingRow *of, int64_t at_us, bool *costs, Err *err)
{
    Json *share = NULL;
    RatingRow placed = *of;
    const RatingRow *row = &placed;
    placed.part = price_book_part_at(self->book, at_us);
    const PriceBook *book = price_book_of_part(self->book, placed.part);
    if (json_object_deep_copy(self->head, &share, NULL) != 0) {
        err_set(err, ERR_NOMEM, "no memory for JSON");
        return NULL;
    }
    Json *lines = json_new_array(err);
    mpq_t total;
    mpq_init(total);
    bool done = lines != NULL && json_add(share, "lines", lines, err);
    for (size_t i = 0; done && i < book->meter_count; i++)
        done = share_meter(self, &book->meters[i], row, lines, total, err);
    *costs = mpq_sgn(total) != 0;
    done = done && document_add_exact(share, "amount_exact", total, err);
    mpq_clear(total);
    if (done)
        return share;
    json_object_put(share);
    return NULL;
}

MUST_CHECK bool
bill_settled(Json *entry, Db *db, int64_t tenant_id, int64_t at_us, int64_t receipt, const char **fate, Err *err)
{
    Json *settled = NULL;
    if (strcmp(*fate, "late") != 0 && strcmp(*fate, "not_rated") != 0)
        return true;
    if (!explain_settled(db, tenant_id, at_us, receipt, &settled, err))
        return false;
    *fate = settled == NULL ? *fate : "late";
    return settled == NULL || json_add(entry, "settled", settled, err);
}
