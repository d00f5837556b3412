#include "rater/credit_note.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/statement_document.h"

static const char *const TITLES[STATEMENT_KIND_COUNT] = {
    "Usage",   "Markup",     "Discount", "Minimum",        "Prepaid units", "Fee of prepaid units",
    "Overage", "Adjustment", "Credit",   "Taxes included", "Tax",           "Rounding of the total"};

/* A number of both sides; what a side has not is 0. */
static void
subtract(mpq_t out, const mpq_t *after, const mpq_t *before)
{
    mpq_set_ui(out, 0, 1);
    if (after != NULL)
        mpq_add(out, out, *after);
    if (before != NULL)
        mpq_sub(out, out, *before);
}

static bool
add_exact(Json *object, const char *key, bool known, const mpq_t *after, const mpq_t *before, Err *err)
{
    mpq_t difference;
    if (!known)
        return json_add_text(object, key, NULL, err);
    mpq_init(difference);
    subtract(difference, after, before);
    bool done = document_add_exact(object, key, difference, err);
    mpq_clear(difference);
    return done;
}

static bool
add_money(Json *object, const char *key, const mpq_t *after, const mpq_t *before, const PriceBook *book, Err *err)
{
    mpq_t difference;
    mpq_init(difference);
    subtract(difference, after, before);
    bool done = document_add_money(object, key, difference, book, err);
    mpq_clear(difference);
    return done;
}

/* ---- items ---- */

static bool
describe(Json *object, const StatementItem *item, const StatementItem *before, const StatementItem *after,
         const PriceBook *book, Err *err)
{
    Buffer text = {0};
    mpq_t none;
    mpq_init(none);
    const char *title = item->entry == NULL          ? TITLES[item->kind]
                        : item->entry->title != NULL ? item->entry->title
                                                     : item->entry->name;
    char *is = decimal_format(after == NULL ? none : after->amount, book->rounding_scale, book->rounding, err);
    char *was = is == NULL
                    ? NULL
                    : decimal_format(before == NULL ? none : before->amount, book->rounding_scale, book->rounding, err);
    bool done = was != NULL && buffer_printf(&text, err, "%s: %s instead of %s", title, is, was) &&
                json_add_text(object, "description", text.data, err);
    free(is);
    free(was);
    buffer_free(&text);
    mpq_clear(none);
    return done;
}

static bool
item_differs(const StatementItem *before, const StatementItem *after)
{
    if (before == NULL || after == NULL) {
        const StatementItem *item = before == NULL ? after : before;
        return mpq_sgn(item->amount) != 0 || mpq_sgn(item->amount_exact) != 0 || mpq_sgn(item->quantity) != 0;
    }
    return !mpq_equal(before->amount, after->amount) || !mpq_equal(before->amount_exact, after->amount_exact) ||
           !mpq_equal(before->quantity, after->quantity) || !mpq_equal(before->basis, after->basis);
}

static bool
add_item(Json *items, const StatementItem *before, const StatementItem *after, const PriceBook *book, Err *err)
{
    const StatementItem *item = after == NULL ? before : after;
    Json *object = json_new_object(err);
    return object != NULL && json_append(items, object, err) &&
           json_add_int(object, "item", (int64_t) json_object_array_length(items), err) &&
           json_add_text(object, "kind", statement_kind_name(item->kind), err) &&
           json_add_text(object, "name", item->name, err) && describe(object, item, before, after, book, err) &&
           add_exact(object, "basis", item->has_basis, after == NULL ? NULL : &after->basis,
                     before == NULL ? NULL : &before->basis, err) &&
           add_exact(object, "rate", item->has_rate, &item->rate, NULL, err) &&
           add_exact(object, "share", item->has_share, &item->share, NULL, err) &&
           add_exact(object, "quantity", item->has_quantity, after == NULL ? NULL : &after->quantity,
                     before == NULL ? NULL : &before->quantity, err) &&
           json_add_text(object, "unit", item->unit, err) && json_add_text(object, "left", NULL, err) &&
           add_money(object, "amount", after == NULL ? NULL : &after->amount, before == NULL ? NULL : &before->amount,
                     book, err) &&
           add_exact(object, "amount_exact", true, after == NULL ? NULL : &after->amount_exact,
                     before == NULL ? NULL : &before->amount_exact, err);
}

/* The first item is the sum of the lines in every document. */
static bool
add_items(Json *note, const Statement *before, const Statement *after, const PriceBook *book, Err *err)
{
    Json *items = json_new_array(err);
    bool done = items != NULL && json_add(note, "statement", items, err);
    for (size_t i = 0; done && i < after->count; i++) {
        const StatementItem *is = &after->items[i];
        const StatementItem *was = adjust_find_item(before, is->kind, is->name);
        if (i == 0 || item_differs(was, is))
            done = add_item(items, was, is, book, err);
    }
    for (size_t i = 0; done && i < before->count; i++) {
        const StatementItem *was = &before->items[i];
        if (adjust_find_item(after, was->kind, was->name) == NULL && item_differs(was, NULL))
            done = add_item(items, was, NULL, book, err);
    }
    return done;
}

/* ---- totals ---- */

static bool
add_payable_amount(Json *object, const char *key, int scale, const mpq_t *after, const mpq_t *before, Err *err)
{
    mpq_t difference;
    mpq_init(difference);
    subtract(difference, after, before);
    char *text = decimal_format(difference, scale, ROUND_HALF_UP, err);
    bool done = text != NULL && json_add_text(object, key, text, err);
    free(text);
    mpq_clear(difference);
    return done;
}

static bool
add_taxes(Json *payable, const Statement *before, const Statement *after, Err *err)
{
    Json *taxes = json_new_array(err);
    bool done = taxes != NULL && json_add(payable, "taxes", taxes, err);
    for (size_t i = 0; done && i < after->count; i++) {
        const StatementItem *item = &after->items[i];
        if (item->kind != STATEMENT_TAX)
            continue;
        const StatementItem *was = adjust_find_item(before, STATEMENT_TAX, item->name);
        Json *object = json_new_object(err);
        done = object != NULL && json_append(taxes, object, err) && json_add_text(object, "name", item->name, err) &&
               json_add_text(object, "jurisdiction", item->entry->jurisdiction, err) &&
               document_add_exact(object, "percent", item->rate, err) &&
               json_add_text(object, "exempt", item->entry->exempt, err) &&
               add_payable_amount(object, "amount", after->payable_scale, &item->payable,
                                  was == NULL ? NULL : &was->payable, err);
    }
    return done;
}

static bool
add_payable(Json *note, const Statement *before, const Statement *after, Err *err)
{
    const ContractExchange *exchange = after->exchange;
    int scale = after->payable_scale;
    Json *object = json_new_object(err);
    return object != NULL && json_add(note, "payable", object, err) &&
           json_add_text(object, "currency", after->payable_currency, err) &&
           (exchange == NULL ? json_add_text(object, "rate", NULL, err)
                             : document_add_exact(object, "rate", exchange->rate, err)) &&
           json_add_text(object, "rate_from", exchange == NULL ? NULL : exchange->from, err) &&
           json_add_text(object, "source", exchange == NULL ? NULL : exchange->source, err) &&
           add_payable_amount(object, "net", scale, &after->payable_net, &before->payable_net, err) &&
           add_taxes(object, before, after, err) &&
           add_payable_amount(object, "tax", scale, &after->payable_tax, &before->payable_tax, err) &&
           add_payable_amount(object, "total", scale, &after->payable_total, &before->payable_total, err);
}

static bool
add_totals(Json *note, const Statement *before, const Statement *after, const PriceBook *book, Err *err)
{
    return add_money(note, "subtotal", &after->items[0].amount, &before->items[0].amount, book, err) &&
           add_money(note, "net", &after->net, &before->net, book, err) &&
           add_money(note, "tax", &after->tax, &before->tax, book, err) &&
           add_money(note, "total", &after->total, &before->total, book, err) && add_payable(note, before, after, err);
}

/* ---- the document ---- */

static bool
add_head(Json *note, const CreditNoteInput *input, Err *err)
{
    const AdjustBase *base = input->base;
    const BillingPeriod period = {base->month, base->start_us, base->end_us};
    Json *head = json_new_object(err);
    if (head == NULL || !json_add(note, "invoice", head, err) || !json_add_text(head, "number", NULL, err) ||
        !json_add_text(head, "kind", "credit_note", err) || !json_add_text(head, "state", "preview", err) ||
        !json_add_text(head, "tenant", input->tenant, err) || !json_add_text(head, "account", input->account, err) ||
        !document_add_period(head, &period, err) || !json_add_int(head, "receipt_watermark", input->to_receipt, err))
        return false;
    Json *other = json_new_object(err);
    return other != NULL && json_add(head, "refers_to", other, err) &&
           json_add_text(other, "number", base->number, err) && json_add_text(other, "kind", "invoice", err) &&
           json_add_text(other, "sha256", base->sha256, err);
}

static bool
add_body(Json *note, const CreditNoteInput *input, Err *err)
{
    const PriceBook *book = input->book;
    char *rounding = document_rounding(book, err);
    Json *price_book = rounding == NULL ? NULL : document_price_book(book, err);
    bool done = price_book != NULL && json_add_text(note, "currency", book->currency, err) &&
                json_add(note, "price_book", price_book, err) &&
                json_add_bool(note, "free_tier", input->base->free_tier, err) &&
                json_add_text(note, "rounding", rounding, err);
    free(rounding);
    Json *lines = done ? adjust_lines(input->before, input->after, book, err) : NULL;
    return lines != NULL && json_add(note, "lines", lines, err) &&
           json_add(note, "functions", json_object_new_array(), err) &&
           json_add(note, "free_tiers", json_object_new_array(), err) &&
           (input->terms == NULL || statement_add_contract(note, input->terms, err)) &&
           add_items(note, input->before->statement, input->after->statement, book, err) &&
           add_totals(note, input->before->statement, input->after->statement, book, err) &&
           json_add(note, "correction", json_object_get(input->adjustment), err);
}

Json *
credit_note_make(const CreditNoteInput *input, Err *err)
{
    Json *note = json_new_object(err);
    if (note != NULL && add_head(note, input, err) && add_body(note, input, err))
        return note;
    json_object_put(note);
    return NULL;
}

bool
credit_note_number(Json *note, const char *number, Err *err)
{
    Json *head = json_member(note, "invoice");
    json_object_object_del(head, "credit_notes"); /* they stand before it now */
    return json_add_text(head, "number", number, err) && json_add_text(head, "state", "final", err);
}
