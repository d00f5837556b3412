#include "reports/ubl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/figures.h"

enum { SCALE_MAX = 2, EXTRA_LINES = 2 };

static const char NO_TAX[] = "Not subject to VAT";

void
ubl_free(Ubl *self)
{
    for (size_t i = 0; i < self->line_count; i++)
        mpq_clears(self->lines[i].quantity, self->lines[i].unit_price, self->lines[i].amount, self->lines[i].fee,
                   self->lines[i].rounding, NULL);
    for (size_t i = 0; i < self->charge_count; i++)
        mpq_clear(self->charges[i].amount);
    free(self->lines);
    free(self->charges);
    mpq_clears(self->rate, self->net, self->tax, self->total, NULL);
}

/* An amount of the document as the bill has it: exchanged, with the sign of a credit note, rounded to what is paid in. */
static bool
read_amount(const Ubl *self, Json *object, const char *key, mpq_t out, Err *err)
{
    if (!figure_read_optional(object, key, out, err))
        return false;
    mpq_mul(out, out, self->rate);
    if (self->is_credit)
        mpq_neg(out, out);
    decimal_round(out, self->scale, ROUND_HALF_UP);
    return true;
}

/* ---- lines and charges ---- */

static UblLine *
add_line(Ubl *self, const char *name, Json *usage)
{
    UblLine *line = &self->lines[self->line_count++];
    *line = (UblLine){.name = name, .usage = usage};
    mpq_inits(line->quantity, line->unit_price, line->amount, line->fee, line->rounding, NULL);
    return line;
}

/* An amount that was rounded in cents of the book's currency is not quantity times price to the last unit of a smaller currency. */
static void
find_rounding(const Ubl *self, UblLine *line)
{
    mpq_t rest, unit;
    mpq_inits(rest, unit, NULL);
    mpz_ui_pow_ui(mpq_denref(unit), 10, (unsigned long) self->scale);
    mpz_set_ui(mpq_numref(unit), 1);
    mpq_mul(rest, line->quantity, line->unit_price);
    mpq_add(rest, rest, line->fee);
    mpq_sub(rest, line->amount, rest);
    mpq_abs(line->rounding, rest);
    if (mpq_cmp(line->rounding, unit) > 0)
        mpq_set(line->rounding, rest);
    else
        mpq_set_ui(line->rounding, 0, 1);
    decimal_round(line->rounding, self->scale, ROUND_HALF_UP);
    mpq_clears(rest, unit, NULL);
}

static bool
add_usage(Ubl *self, Json *json, Err *err)
{
    UblLine *line = add_line(self, document_member(json, "description"), json);
    mpq_t adjustment;
    mpq_init(adjustment);
    bool done = figure_read(json, "billed_quantity", line->quantity, err) &&
                figure_read(json, "unit_price", line->unit_price, err) &&
                read_amount(self, json, "amount", line->amount, err) &&
                read_amount(self, json, "fee", line->fee, err) &&
                read_amount(self, json, "adjustment", adjustment, err);
    mpq_add(line->fee, line->fee, adjustment);
    mpq_mul(line->unit_price, line->unit_price, self->rate);
    if (self->is_credit)
        mpq_neg(line->quantity, line->quantity);
    if (done)
        find_rounding(self, line);
    mpq_clear(adjustment);
    return done;
}

/* What is sold beside usage: one piece at its price. A price is never negative, so the quantity is. */
static void
add_piece(Ubl *self, const char *name, const mpq_t amount)
{
    UblLine *line = add_line(self, name, NULL);
    mpq_set(line->amount, amount);
    mpq_abs(line->unit_price, amount);
    mpq_set_si(line->quantity, mpq_sgn(amount) < 0 ? -1 : 1, 1);
}

static void
add_charge(Ubl *self, const char *reason, const mpq_t amount)
{
    if (mpq_sgn(amount) == 0)
        return;
    UblCharge *charge = &self->charges[self->charge_count++];
    charge->reason = reason;
    mpq_init(charge->amount);
    mpq_set(charge->amount, amount);
}

static bool
add_item(Ubl *self, Json *item, Err *err)
{
    static const char *const pieces[] = {"minimum", "prepaid_fee", "adjustment"};
    const char *kind = document_member(item, "kind");
    const char *description = document_member(item, "description");
    bool is_piece = false;
    mpq_t amount;
    if (strcmp(kind, "usage") == 0 || strcmp(kind, "tax") == 0)
        return true;
    mpq_init(amount);
    bool done = read_amount(self, item, "amount", amount, err);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        is_piece = is_piece || strcmp(kind, pieces[i]) == 0;
    if (is_piece)
        add_piece(self, description, amount);
    else
        add_charge(self, description, amount);
    mpq_clear(amount);
    return done;
}

static bool
read_parts(Ubl *self, Err *err)
{
    Json *lines = json_member(self->document->json, "lines");
    Json *items = json_member(self->document->json, "statement");
    size_t count = document_length(lines) + document_length(items) + EXTRA_LINES;
    self->lines = calloc(count, sizeof(*self->lines));
    self->charges = calloc(count, sizeof(*self->charges));
    if (self->lines == NULL || self->charges == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an electronic invoice");
    for (size_t i = 0; i < document_length(lines); i++)
        if (!add_usage(self, json_object_array_get_idx(lines, i), err))
            return err_prefix(err, "line %zu: ", i + 1);
    for (size_t i = 0; i < document_length(items); i++)
        if (!add_item(self, json_object_array_get_idx(items, i), err))
            return err_prefix(err, "item %zu: ", i + 1);
    return true;
}

/* ---- totals ---- */

/* What lines and charges lack to the net amount that is to be paid: the rounding of each of them. */
static void
close_gap(Ubl *self)
{
    mpq_t gap;
    mpq_init(gap);
    mpq_set(gap, self->net);
    for (size_t i = 0; i < self->line_count; i++)
        mpq_sub(gap, gap, self->lines[i].amount);
    for (size_t i = 0; i < self->charge_count; i++)
        mpq_sub(gap, gap, self->charges[i].amount);
    if (self->line_count == 0)
        add_piece(self, "No usage", gap);
    else
        add_charge(self, "Rounding", gap);
    mpq_clear(gap);
}

static bool
read_totals(Ubl *self, Err *err)
{
    Json *json = self->document->json;
    Json *payable = json_member(json, "payable");
    bool done;
    if (payable == NULL)
        done = figure_read(json, "total", self->net, err) && figure_read(json, "total", self->total, err);
    else
        done = figure_read(payable, "net", self->net, err) && figure_read(payable, "tax", self->tax, err) &&
               figure_read(payable, "total", self->total, err);
    if (self->is_credit) {
        mpq_neg(self->net, self->net);
        mpq_neg(self->tax, self->tax);
        mpq_neg(self->total, self->total);
    }
    return done;
}

static bool
read_tax(Ubl *self, Err *err)
{
    Json *taxes = json_member(json_member(self->document->json, "payable"), "taxes");
    self->category = 'O';
    self->percent = "";
    self->exempt = NO_TAX;
    if (document_length(taxes) == 0)
        return true;
    if (document_length(taxes) > 1) {
        err_set(err, ERR_RANGE, "it has %zu taxes, and a line of EN 16931 has one", document_length(taxes));
        return err_hint(err, "use another format for bills with several taxes");
    }
    Json *tax = json_object_array_get_idx(taxes, 0);
    mpq_t percent;
    mpq_init(percent);
    bool done = figure_read(tax, "percent", percent, err);
    self->percent = document_member(tax, "percent");
    self->exempt = document_member(tax, "exempt");
    self->category = self->exempt[0] != '\0' ? 'E' : mpq_sgn(percent) == 0 ? 'Z' : 'S';
    mpq_clear(percent);
    return done;
}

/* ---- who, and when to pay ---- */

/* The country that is said, else the one that a VAT number begins with (Greece writes EL there); NULL: neither. */
static const char *
country_of(Json *party, char out[3])
{
    const char *country = document_member(party, "country");
    const char *tax_id = document_member(party, "tax_id");
    if (country[0] != '\0')
        return country;
    if (!isupper((unsigned char) tax_id[0]) || !isupper((unsigned char) tax_id[1]) ||
        !isalnum((unsigned char) tax_id[2]))
        return NULL;
    memcpy(out, strncmp(tax_id, "EL", 2) == 0 ? "GR" : tax_id, 2);
    out[2] = '\0';
    return out;
}

static bool
lacks(const Ubl *self, const char *what, const char *hint, Err *err)
{
    err_set(err, ERR_INPUT, "%s is not said in the contract of tenant '%s'", what, self->document->tenant);
    return err_hint(
        err, "add it: %s; a final invoice keeps the contract it was made under: void it and rate the month again",
        hint);
}

static bool
check_parties(Ubl *self, Err *err)
{
    Json *contract = json_member(self->document->json, "contract");
    Json *seller = json_member(contract, "seller");
    Json *buyer = json_member(contract, "buyer");
    if (seller == NULL)
        return lacks(self, "the seller", "seller: {name: Example Cloud, country: DE, tax_id: DE123456789}", err);
    if (buyer == NULL)
        return lacks(self, "the buyer", "buyer: {name: Acme, country: FR}", err);
    self->seller_country = country_of(seller, self->countries[0]);
    self->buyer_country = country_of(buyer, self->countries[1]);
    if (self->seller_country == NULL)
        return lacks(self, "the seller's country", "seller: {…, country: DE}", err);
    if (self->buyer_country == NULL)
        return lacks(self, "the buyer's country", "buyer: {…, country: FR}", err);
    if (self->category != 'O' && document_member(seller, "tax_id")[0] == '\0')
        return lacks(self, "the seller's VAT number", "seller: {…, tax_id: DE123456789}", err);
    if (document_member(seller, "tax_id")[0] == '\0' && document_member(seller, "registration")[0] == '\0')
        return lacks(self, "what identifies the seller", "seller: {…, tax_id: …} or {…, registration: …}", err);
    return true;
}

static bool
read_payment(Ubl *self, const Look *look, Err *err)
{
    Json *contract = json_member(self->document->json, "contract");
    const char *terms = document_member(contract, "payment_terms");
    self->payment_note = terms[0] != '\0' ? terms : look->foot;
    memcpy(self->due_on, self->document->due_on, sizeof(self->due_on));
    if (self->is_credit || mpq_sgn(self->total) <= 0 || self->due_on[0] != '\0' || self->payment_note[0] != '\0')
        return true;
    return lacks(self, "when to pay", "payment_days: 30, or payment_terms: …", err);
}

/* BR-CO-17, as validators have it: to less than one unit of the currency. The tax of a bill is that of its exact net amount, and what half a cent
 * of the book's currency comes to in a small one may be more than that. */
static bool
check_tax(const Ubl *self, Err *err)
{
    mpq_t expected, tax, hundred;
    if (self->percent[0] == '\0')
        return true;
    mpq_inits(expected, tax, hundred, NULL);
    mpq_set_ui(hundred, 100, 1);
    mpq_abs(tax, self->tax);
    bool done = decimal_parse(text_of(self->percent), expected, err);
    const bool lost = mpq_cmp_ui(expected, 1, 2) < 0 && mpq_cmp_ui(tax, 1, 2) >= 0;
    mpq_mul(expected, expected, self->net);
    mpq_div(expected, expected, hundred);
    decimal_round(expected, SCALE_MAX, ROUND_HALF_UP);
    mpq_sub(expected, expected, self->tax);
    mpq_abs(expected, expected);
    const bool far = mpq_cmp_ui(expected, 1, 1) >= 0;
    mpq_clears(expected, tax, hundred, NULL);
    if (done && lost) {
        err_set(err, ERR_RANGE,
                "a tax of %s %% rounds to none by EN 16931 (BR-CO-17), which allows less than half a unit of %s then",
                self->percent, self->currency);
        return err_hint(err, "send it as PDF");
    }
    if (!done || !far)
        return done;
    err_set(
        err, ERR_RANGE,
        "its tax is that of an amount before it was exchanged and rounded, and a unit of %s or more away from %s %% of "
        "the net amount, which EN 16931 does not allow",
        self->currency, self->percent);
    return err_hint(err, "bill in the currency of the price book, or use a price book in %s", self->currency);
}

bool
ubl_make(Ubl *self, const Document *document, const Look *look, Err *err)
{
    Json *payable = json_member(document->json, "payable");
    *self = (Ubl){.document = document,
                  .currency = payable == NULL ? document->currency : document_member(payable, "currency"),
                  .payment_note = ""};
    mpq_inits(self->rate, self->net, self->tax, self->total, NULL);
    mpq_set_ui(self->rate, 1, 1);
    self->scale = currency_scale(self->currency);
    if (!document->is_final) {
        err_set(err, ERR_INPUT, "a preview is no invoice");
        return err_hint(err, "make it final: millibill rate --month M --final");
    }
    if (self->scale > SCALE_MAX)
        return err_set(err, ERR_RANGE, "%s has %d decimals, and EN 16931 allows %d", self->currency, self->scale,
                       SCALE_MAX);
    mpq_t total;
    mpq_init(total);
    bool done = figure_read(payable == NULL ? document->json : payable, "total", total, err) &&
                (payable == NULL || figure_read_optional(payable, "rate", self->rate, err));
    bool corrects = strcmp(document->kind, "invoice") != 0;
    self->is_credit = corrects && mpq_sgn(total) <= 0;
    mpq_clear(total);
    done = done && read_totals(self, err) && read_tax(self, err) && check_parties(self, err) &&
           read_payment(self, look, err) && read_parts(self, err);
    if (done)
        close_gap(self);
    return done && check_tax(self, err);
}
