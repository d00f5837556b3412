#include "reports/focus.h"

#include <stdio.h>
#include <string.h>

#include "reports/figures.h"

bool
focus_effective(const FocusBill *bill, FocusRow *row, const mpq_t cost, Err *err)
{
    mpq_t
        before_exchange; /* a cost is a multiple of the rate, but for taxes and roundings, which the bill itself rounds */
    mpq_init(before_exchange);
    mpq_div(before_exchange, cost, bill->rate);
    bool done = focus_figure(row, FOCUS_EFFECTIVE_COST, cost, err) &&
                focus_figure(row, FOCUS_PRICING_CURRENCY_EFFECTIVE_COST, before_exchange, err);
    mpq_clear(before_exchange);
    return done;
}

bool
focus_billed_before(FocusBill *bill, FocusRow *row, const mpq_t cost, Err *err)
{
    mpq_t none;
    mpq_init(none);
    mpq_add(bill->billed, bill->billed, cost);
    bool done = focus_figure(row, FOCUS_BILLED_COST, cost, err) && focus_effective(bill, row, none, err);
    mpq_clear(none);
    return done;
}

bool
focus_billed(FocusBill *bill, FocusRow *row, const mpq_t cost, Err *err)
{
    mpq_add(bill->billed, bill->billed, cost);
    return focus_figure(row, FOCUS_BILLED_COST, cost, err) && focus_effective(bill, row, cost, err);
}

bool
focus_all_costs(FocusBill *bill, FocusRow *row, const mpq_t cost, Err *err)
{
    return focus_billed(bill, row, cost, err) && focus_figure(row, FOCUS_LIST_COST, cost, err) &&
           focus_figure(row, FOCUS_CONTRACTED_COST, cost, err);
}

/* A price is never below 0: what is taken back at one has a quantity below 0. */
bool
focus_priced(FocusBill *bill, FocusRow *row, const mpq_t quantity, const char *unit, const mpq_t unit_price, Err *err)
{
    mpq_t list_price, number, price, cost;
    mpq_inits(list_price, number, price, cost, NULL);
    mpq_abs(list_price, unit_price);
    mpq_set(number, quantity);
    if (mpq_sgn(unit_price) < 0)
        mpq_neg(number, number);
    mpq_mul(price, list_price, bill->rate);
    mpq_mul(cost, price, number);
    row->cells[FOCUS_PRICING_UNIT] = unit;
    bool done = focus_figure(row, FOCUS_PRICING_QUANTITY, number, err) &&
                focus_figure(row, FOCUS_LIST_UNIT_PRICE, price, err) &&
                focus_figure(row, FOCUS_CONTRACTED_UNIT_PRICE, price, err) &&
                focus_figure(row, FOCUS_PRICING_CURRENCY_LIST_UNIT_PRICE, list_price, err) &&
                focus_figure(row, FOCUS_PRICING_CURRENCY_CONTRACTED_UNIT_PRICE, list_price, err) &&
                focus_figure(row, FOCUS_LIST_COST, cost, err) && focus_figure(row, FOCUS_CONTRACTED_COST, cost, err);
    mpq_clears(list_price, number, price, cost, NULL);
    return done;
}

/* Who sends the bill: the contract's seller, the brand of the settings, else the program's name. */
static const char *
issuer_of(const FocusSource *source)
{
    const char *seller = document_member(json_member(json_member(source->json, "contract"), "seller"), "name");
    return seller[0] != '\0' ? seller : source->issuer[0] != '\0' ? source->issuer : "millibill";
}

static void
set_common(FocusBill *bill, const FocusSource *source)
{
    Json *head = json_member(source->json, "invoice");
    const char **cells = bill->common.cells;
    const char *kind = document_member(head, "kind");
    const char *issuer = issuer_of(source);
    cells[FOCUS_BILLING_ACCOUNT_ID] = cells[FOCUS_BILLING_ACCOUNT_NAME] = document_member(head, "account");
    cells[FOCUS_BILLING_ACCOUNT_TYPE] = "Account";
    cells[FOCUS_SUB_ACCOUNT_ID] = cells[FOCUS_SUB_ACCOUNT_NAME] = document_member(head, "tenant");
    cells[FOCUS_SUB_ACCOUNT_TYPE] = "Tenant";
    cells[FOCUS_BILLING_CURRENCY] = bill->paid_in;
    cells[FOCUS_PRICING_CURRENCY] = bill->currency;
    cells[FOCUS_INVOICE_ISSUER_NAME] = cells[FOCUS_PROVIDER_NAME] = cells[FOCUS_PUBLISHER_NAME] = issuer;
    cells[FOCUS_SERVICE_CATEGORY] = "Compute";
    cells[FOCUS_SERVICE_SUBCATEGORY] = "Serverless Compute";
    cells[FOCUS_SERVICE_NAME] = "Functions";
    cells[FOCUS_TAGS] = "{}";
    cells[FOCUS_INVOICE_ID] = document_member(head, "number");
    cells[FOCUS_CHARGE_PERIOD_START] = cells[FOCUS_BILLING_PERIOD_START] = document_member(head, "period_start");
    cells[FOCUS_CHARGE_PERIOD_END] = cells[FOCUS_BILLING_PERIOD_END] = document_member(head, "period_end");
    cells[FOCUS_X_DOCUMENT_KIND] = kind[0] == '\0' ? "invoice" : kind;
    cells[FOCUS_X_DOCUMENT_SHA256] = source->sha256;
    cells[FOCUS_X_REFERS_TO] = document_member(json_member(head, "refers_to"), "number");
}

/* A credit note or void is charged in the month in which it was issued, for a period that is over. */
static void
set_correction(FocusBill *bill, const FocusSource *source)
{
    const char **cells = bill->common.cells;
    UtcMonth month = utc_month_of(source->issued_at_us);
    if (strcmp(cells[FOCUS_X_DOCUMENT_KIND], "invoice") == 0)
        return;
    cells[FOCUS_CHARGE_CLASS] = "Correction";
    cells[FOCUS_BILLING_PERIOD_START] = utc_format(utc_month_start_us(month), bill->billing_start);
    cells[FOCUS_BILLING_PERIOD_END] = utc_format(utc_month_end_us(month), bill->billing_end);
}

bool
focus_document(FocusFile *file, const FocusSource *source, Err *err)
{
    FocusBill bill = {.file = file, .json = source->json, .terms = source->terms};
    Json *payable = json_member(source->json, "payable");
    bill.currency = document_member(source->json, "currency");
    bill.paid_in = payable == NULL ? bill.currency : document_member(payable, "currency");
    mpq_inits(bill.rate, bill.billed, NULL);
    mpq_set_ui(bill.rate, 1, 1);
    set_common(&bill, source);
    set_correction(&bill, source);
    bool done = (payable == NULL || figure_read_optional(payable, "rate", bill.rate, err)) && focus_lines(&bill, err) &&
                focus_items(&bill, err);
    mpq_clears(bill.rate, bill.billed, NULL);
    return done;
}
