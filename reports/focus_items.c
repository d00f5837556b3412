/* What a contract adds to the lines and takes from them, taxes, and the rounding of the whole, as charges. */
#include <stdio.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/focus.h"

enum { DESCRIPTION_BYTES = 512 };

/** What an item of a statement is in FOCUS. */
typedef struct ItemKind {
    const char *kind;
    const char *category;
    const char *frequency;
    const char *commitment; /* CommitmentDiscountCategory; NULL: it has to do with no commitment */
} ItemKind;

static const ItemKind KINDS[] = {
    {"markup", "Adjustment", "Recurring", NULL},       {"discount", "Credit", "Recurring", NULL},
    {"minimum", "Purchase", "Recurring", "Spend"},     {"prepaid", "Credit", "Recurring", "Usage"},
    {"prepaid_fee", "Purchase", "Recurring", "Usage"}, {"overage", "Adjustment", "Usage-Based", NULL},
    {"adjustment", "Adjustment", "One-Time", NULL},    {"credit", "Credit", "One-Time", NULL},
    {"tax_included", "Adjustment", "Recurring", NULL}, {"tax", "Tax", "Recurring", NULL},
    {"rounding", "Adjustment", "One-Time", NULL},
};

static const ItemKind *
kind_of(Json *item, Err *err)
{
    const char *kind = document_member(item, "kind");
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
        if (strcmp(KINDS[i].kind, kind) == 0)
            return &KINDS[i];
    err_set(err, ERR_INPUT, "an item of kind '%s' has no place in FOCUS yet", kind);
    return NULL;
}

static bool
set_commitment(FocusRow *row, const ItemKind *kind, Json *item, const mpq_t amount, const char *currency,
               char unit[FOCUS_UNIT_BYTES], Err *err)
{
    mpq_t quantity;
    if (kind->commitment == NULL)
        return true;
    mpq_init(quantity);
    bool spend = strcmp(kind->commitment, "Spend") == 0;
    mpq_set(quantity, amount);
    row->cells[FOCUS_COMMITMENT_DISCOUNT_ID] = row->cells[FOCUS_COMMITMENT_DISCOUNT_NAME] =
        document_member(item, "name");
    row->cells[FOCUS_COMMITMENT_DISCOUNT_CATEGORY] = kind->commitment;
    row->cells[FOCUS_COMMITMENT_DISCOUNT_TYPE] = spend ? "Minimum spend" : "Prepaid units";
    bool has_units = strcmp(kind->kind, "prepaid") == 0;
    focus_unit_name(document_member(item, "unit"), unit);
    row->cells[FOCUS_COMMITMENT_DISCOUNT_UNIT] = has_units ? unit : currency;
    const bool is_purchase = strcmp(kind->category, "Purchase") == 0; /* no other item has a quantity in FOCUS */
    bool done = (!spend || figure_read_optional(item, "rate", quantity, err)) &&
                (!is_purchase || focus_figure(row, FOCUS_COMMITMENT_DISCOUNT_QUANTITY, quantity, err));
    mpq_clear(quantity);
    return done;
}

/* An item that was brought forward is of the period it corrects. */
static void
set_period(const FocusBill *bill, FocusRow *row, size_t ordinal)
{
    Json *adjustments = json_member(bill->json, "adjustments");
    Json *adjustment =
        json_object_is_type(adjustments, json_type_array) && ordinal < json_object_array_length(adjustments)
            ? json_object_array_get_idx(adjustments, ordinal)
            : NULL;
    row->cells[FOCUS_CHARGE_CLASS] = "Correction";
    if (adjustment == NULL)
        return;
    row->cells[FOCUS_CHARGE_PERIOD_START] = document_member(adjustment, "period_start");
    row->cells[FOCUS_CHARGE_PERIOD_END] = document_member(adjustment, "period_end");
}

/* A tax in the currency of the bill is rounded by the bill itself. */
static bool
read_cost(const FocusBill *bill, Json *item, bool is_tax, mpq_t amount, mpq_t cost, Err *err)
{
    Json *taxes = is_tax ? json_member(json_member(bill->json, "payable"), "taxes") : NULL;
    size_t count = json_object_is_type(taxes, json_type_array) ? json_object_array_length(taxes) : 0;
    bool done = figure_read(item, "amount", amount, err);
    mpq_mul(cost, amount, bill->rate);
    for (size_t i = 0; done && i < count; i++) {
        Json *tax = json_object_array_get_idx(taxes, i);
        if (strcmp(document_member(tax, "name"), document_member(item, "name")) == 0)
            done = figure_read(tax, "amount", cost, err);
    }
    return done;
}

static bool
write_purchase(FocusBill *bill, FocusRow *row, Json *item, const mpq_t amount, const mpq_t cost, Err *err)
{
    mpq_t one;
    mpq_init(one);
    mpq_set_ui(one, 1, 1);
    row->cells[FOCUS_PRICING_CATEGORY] = "Standard"; /* what is under a commitment is Committed, buying one is not */
    bool done = focus_priced(bill, row, one, "Units", amount, err);
    if (done && strcmp(document_member(item, "kind"), "prepaid_fee") == 0 &&
        focus_terms_is_fee(bill->terms, bill->json, document_member(item, "name")))
        done = focus_billed_before(bill, row, cost, err);
    else
        done = done && focus_billed(bill, row, cost, err);
    mpq_clear(one);
    return done;
}

/* What this period bears of a fee that was, or is, billed once for a term. */
static bool
write_part_of_fee(FocusBill *bill, const FocusTerm *term, Err *err)
{
    char description[DESCRIPTION_BYTES];
    FocusRow row = bill->common;
    mpq_t part, none;
    mpq_inits(part, none, NULL);
    bool done = focus_terms_part(bill->terms, term, bill->json, part, err);
    if (done && strcmp(row.cells[FOCUS_X_DOCUMENT_KIND], "void") == 0)
        mpq_neg(part, part);
    if (done && mpq_sgn(part) != 0) {
        snprintf(description, sizeof description, "%s: part of the fee for the term", term->name);
        row.cells[FOCUS_CHARGE_CATEGORY] = "Adjustment";
        row.cells[FOCUS_CHARGE_FREQUENCY] = "Recurring";
        row.cells[FOCUS_CHARGE_DESCRIPTION] = description;
        row.cells[FOCUS_X_LINE] = "prepaid_fee_part";
        row.cells[FOCUS_COMMITMENT_DISCOUNT_ID] = row.cells[FOCUS_COMMITMENT_DISCOUNT_NAME] = term->name;
        row.cells[FOCUS_COMMITMENT_DISCOUNT_CATEGORY] = "Usage";
        row.cells[FOCUS_COMMITMENT_DISCOUNT_TYPE] = "Prepaid units";
        done = focus_figure(&row, FOCUS_BILLED_COST, none, err) && focus_figure(&row, FOCUS_LIST_COST, none, err) &&
               focus_figure(&row, FOCUS_CONTRACTED_COST, none, err) && focus_effective(bill, &row, part, err);
        done = focus_write(bill->file, &row, err) && done;
    }
    mpq_clears(part, none, NULL);
    return done;
}

/* A credit note corrects amounts; what a period bears of a fee does not change by it. */
static bool
write_parts_of_fees(FocusBill *bill, Err *err)
{
    FocusTerm term;
    bool done = true;
    if (strcmp(bill->common.cells[FOCUS_X_DOCUMENT_KIND], "credit_note") == 0)
        return true;
    for (size_t at = 0; done && focus_terms_next(bill->terms, bill->json, &at, &term);)
        done = write_part_of_fee(bill, &term, err);
    return done;
}

static bool
write_item(FocusBill *bill, Json *item, const ItemKind *kind, size_t ordinal, Err *err)
{
    FocusRow row = bill->common;
    char unit[FOCUS_UNIT_BYTES];
    mpq_t amount, cost;
    mpq_inits(amount, cost, NULL);
    bool is_tax = strcmp(kind->kind, "tax") == 0;
    row.cells[FOCUS_CHARGE_CATEGORY] = kind->category;
    row.cells[FOCUS_CHARGE_FREQUENCY] = kind->frequency;
    row.cells[FOCUS_CHARGE_DESCRIPTION] = document_member(item, "description");
    row.cells[FOCUS_X_LINE] = document_member(item, "kind");
    if (strcmp(kind->kind, "adjustment") == 0)
        set_period(bill, &row, ordinal);
    bool done = read_cost(bill, item, is_tax, amount, cost, err) &&
                set_commitment(&row, kind, item, amount, bill->currency, unit, err) &&
                (strcmp(kind->category, "Purchase") == 0 ? write_purchase(bill, &row, item, amount, cost, err)
                                                         : focus_all_costs(bill, &row, cost, err));
    mpq_clears(amount, cost, NULL);
    return focus_write(bill->file, &row, err) && done;
}

/* Exchange, and rounding of the total where the price book rounds no line: what the rows lack to what is to be paid. */
static bool
write_rounding(FocusBill *bill, Err *err)
{
    Json *payable = json_member(bill->json, "payable");
    FocusRow row = bill->common;
    mpq_t total;
    mpq_init(total);
    bool done = figure_read(payable == NULL ? bill->json : payable, "total", total, err);
    mpq_sub(total, total, bill->billed);
    if (done && mpq_sgn(total) != 0) {
        row.cells[FOCUS_CHARGE_CATEGORY] = "Adjustment";
        row.cells[FOCUS_CHARGE_FREQUENCY] = "One-Time";
        row.cells[FOCUS_CHARGE_DESCRIPTION] = "Rounding of what is to be paid";
        row.cells[FOCUS_X_LINE] = "rounding";
        done = focus_all_costs(bill, &row, total, err);
        done = focus_write(bill->file, &row, err) && done;
    }
    mpq_clear(total);
    return done;
}

bool
focus_items(FocusBill *bill, Err *err)
{
    Json *items = json_member(bill->json, "statement");
    size_t adjustments = 0;
    bool done = true;
    for (size_t i = 0; done && items != NULL && i < json_object_array_length(items); i++) {
        Json *item = json_object_array_get_idx(items, i);
        if (strcmp(document_member(item, "kind"), "usage") == 0)
            continue; /* the sum of the lines */
        const ItemKind *kind = kind_of(item, err);
        done = kind != NULL && write_item(bill, item, kind, adjustments, err);
        adjustments += done && strcmp(kind->kind, "adjustment") == 0 ? 1 : 0;
    }
    return done && write_parts_of_fees(bill, err) && write_rounding(bill, err);
}
