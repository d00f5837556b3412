#include "rater/statement_document.h"

#include <stdlib.h>

#include "lib/decimal.h"

static bool
add_known(Json *object, const char *key, bool known, const mpq_t value, Err *err)
{
    return known ? document_add_exact(object, key, value, err) : json_add_text(object, key, NULL, err);
}

/* Members that came later stand only where a contract gives them, so that documents of before keep their bytes. */
static bool
add_given(Json *object, const char *key, const char *text, Err *err)
{
    return text == NULL || json_add_text(object, key, text, err);
}

static bool
add_party(Json *object, const char *key, const ContractParty *party, Err *err)
{
    if (party->name == NULL)
        return json_add_text(object, key, NULL, err);
    Json *member = json_new_object(err);
    if (member == NULL || !json_add(object, key, member, err) || !json_add_text(member, "name", party->name, err))
        return false;
    Json *address = json_new_array(err);
    if (address == NULL || !json_add(member, "address", address, err))
        return false;
    for (size_t i = 0; i < party->address_count; i++) {
        if (!json_append(address, json_object_new_string(party->address[i]), err))
            return false;
    }
    return json_add_text(member, "tax_id", party->tax_id, err) && json_add_text(member, "email", party->email, err) &&
           add_given(member, "postal_code", party->postal_code, err) && add_given(member, "city", party->city, err) &&
           add_given(member, "country", party->country, err) &&
           add_given(member, "registration", party->registration, err) && add_given(member, "iban", party->iban, err);
}

bool
statement_add_contract(Json *document, const DocumentTerms *terms, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    const Contract *contract = terms->contract;
    Json *object = json_new_object(err);
    return object != NULL && json_add(document, "contract", object, err) &&
           json_add_text(object, "name", contract->name, err) &&
           json_add_text(object, "version", contract->version, err) &&
           json_add_text(object, "sha256", digest_hex(&contract->digest, hex), err) &&
           (terms->from == NULL ? json_add_text(object, "revision", NULL, err)
                                : json_add_int(object, "revision", terms->revision, err)) &&
           json_add_text(object, "from", terms->from, err) &&
           json_add_text(object, "time_zone", zone_name(contract->zone), err) &&
           json_add_int(object, "billing_day", contract->billing_day, err) &&
           json_add_text(object, "purchase_order", contract->purchase_order, err) &&
           add_party(object, "seller", &contract->seller, err) && add_party(object, "buyer", &contract->buyer, err) &&
           add_given(object, "payment_terms", contract->payment_terms, err) &&
           (contract->payment_days < 0 || json_add_int(object, "payment_days", contract->payment_days, err)) &&
           add_given(object, "language", contract->language, err);
}

static bool
item_fields(Json *object, size_t number, const StatementItem *item, const PriceBook *book, Err *err)
{
    return json_add_int(object, "item", (int64_t) number, err) &&
           json_add_text(object, "kind", statement_kind_name(item->kind), err) &&
           json_add_text(object, "name", item->name, err) &&
           json_add_text(object, "description", item->description, err) &&
           add_known(object, "basis", item->has_basis, item->basis, err) &&
           add_known(object, "rate", item->has_rate, item->rate, err) &&
           add_known(object, "share", item->has_share, item->share, err) &&
           add_known(object, "quantity", item->has_quantity, item->quantity, err) &&
           json_add_text(object, "unit", item->unit, err) &&
           add_known(object, "left", item->has_left, item->left, err) &&
           document_add_money(object, "amount", item->amount, book, err) &&
           document_add_exact(object, "amount_exact", item->amount_exact, err);
}

static bool
add_items(Json *document, const Statement *statement, const PriceBook *book, Err *err)
{
    Json *items = json_new_array(err);
    if (items == NULL || !json_add(document, "statement", items, err))
        return false;
    for (size_t i = 0; i < statement->count; i++) {
        Json *object = json_new_object(err);
        if (object == NULL || !json_append(items, object, err) ||
            !item_fields(object, i + 1, &statement->items[i], book, err))
            return false;
    }
    return true;
}

static bool
add_spending_limit(Json *document, const DocumentTerms *terms, const PriceBook *book, Err *err)
{
    const Contract *contract = terms->contract;
    if (!contract->has_spending_limit)
        return true;
    Json *object = json_new_object(err);
    if (object == NULL || !json_add(document, "spending_limit", object, err) ||
        !document_add_exact(object, "limit", contract->spending_limit, err) ||
        !document_add_money(object, "spend", terms->statement->spend, book, err))
        return false;
    Json *reached = json_new_array(err);
    if (reached == NULL || !json_add(object, "reached", reached, err))
        return false;
    for (size_t i = 0; i < terms->statement->alerts_reached; i++) {
        char *percent = decimal_format_exact(contract->alerts[i], err);
        bool done = percent != NULL && json_append(reached, json_object_new_string(percent), err);
        free(percent);
        if (!done)
            return false;
    }
    return true;
}

/** An amount in the currency of the bill; its value has that many digits already. */
static bool
add_payable_amount(Json *object, const char *key, const Statement *statement, const mpq_t value, Err *err)
{
    char *text = decimal_format(value, statement->payable_scale, ROUND_HALF_UP, err);
    bool done = text != NULL && json_add_text(object, key, text, err);
    free(text);
    return done;
}

static bool
add_payable_tax(Json *taxes, const Statement *statement, const StatementItem *item, Err *err)
{
    Json *object = json_new_object(err);
    return object != NULL && json_append(taxes, object, err) && json_add_text(object, "name", item->name, err) &&
           json_add_text(object, "jurisdiction", item->entry->jurisdiction, err) &&
           document_add_exact(object, "percent", item->rate, err) &&
           json_add_text(object, "exempt", item->entry->exempt, err) &&
           add_payable_amount(object, "amount", statement, item->payable, err);
}

static bool
add_payable_taxes(Json *object, const Statement *statement, Err *err)
{
    Json *taxes = json_new_array(err);
    if (taxes == NULL || !json_add(object, "taxes", taxes, err))
        return false;
    for (size_t i = 0; i < statement->count; i++) {
        if (statement->items[i].kind == STATEMENT_TAX && !add_payable_tax(taxes, statement, &statement->items[i], err))
            return false;
    }
    return true;
}

static bool
add_payable(Json *document, const Statement *statement, Err *err)
{
    const ContractExchange *exchange = statement->exchange;
    Json *object = json_new_object(err);
    return object != NULL && json_add(document, "payable", object, err) &&
           json_add_text(object, "currency", statement->payable_currency, err) &&
           (exchange == NULL ? json_add_text(object, "rate", NULL, err)
                             : document_add_exact(object, "rate", exchange->rate, err)) &&
           json_add_text(object, "rate_from", exchange == NULL ? NULL : exchange->from, err) &&
           json_add_text(object, "source", exchange == NULL ? NULL : exchange->source, err) &&
           add_payable_amount(object, "net", statement, statement->payable_net, err) &&
           add_payable_taxes(object, statement, err) &&
           add_payable_amount(object, "tax", statement, statement->payable_tax, err) &&
           add_payable_amount(object, "total", statement, statement->payable_total, err);
}

bool
statement_add_to_document(Json *document, const DocumentTerms *terms, const PriceBook *book, Err *err)
{
    const Statement *statement = terms->statement;
    return (terms->unnamed || statement_add_contract(document, terms, err)) &&
           add_items(document, statement, book, err) && add_spending_limit(document, terms, book, err) &&
           document_add_money(document, "subtotal", statement->items[0].amount, book, err) &&
           document_add_money(document, "net", statement->net, book, err) &&
           document_add_money(document, "tax", statement->tax, book, err) &&
           document_add_money(document, "total", statement->total, book, err) && add_payable(document, statement, err);
}
