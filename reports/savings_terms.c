#include "reports/savings_terms.h"

#include "lib/text.h"
#include "reports/figures.h"

static const char *const COMPARED[] = {"markup",      "discount", "minimum",     "prepaid",
                                       "prepaid_fee", "overage",  "tax_included"};

static bool
is_compared(Text kind)
{
    for (size_t i = 0; i < sizeof(COMPARED) / sizeof(COMPARED[0]); i++)
        if (text_is(kind, COMPARED[i]))
            return true;
    return false;
}

static Json *
statement_of(Json *document)
{
    Json *statement = json_member(document, "statement");
    return json_object_is_type(statement, json_type_array) ? statement : NULL;
}

MUST_CHECK bool
savings_terms_visit(Json *document, SavingsTermVisit visit, void *context, Err *err)
{
    Json *statement = statement_of(document);
    size_t count = statement == NULL ? 0 : json_object_array_length(statement);
    for (size_t i = 0; i < count; i++) {
        Text kind;
        Json *item = json_object_array_get_idx(statement, i);
        if (!json_text(json_member(item, "kind"), &kind))
            return err_set(err, ERR_INPUT, "item %zu of the rater's statement has no 'kind'", i + 1);
        if (!text_is(kind, "usage") && !visit(context, item, is_compared(kind), err))
            return false;
    }
    return true;
}

bool
savings_term_grows(Json *item)
{
    Text kind;
    Text rate;
    return json_text(json_member(item, "kind"), &kind) && (text_is(kind, "markup") || text_is(kind, "discount")) &&
           json_text(json_member(item, "rate"), &rate);
}

static bool
add_item(void *context, Json *item, bool compared, Err *err)
{
    Amount *sum = context;
    Amount amount;
    if (!compared)
        return true;
    amount_init(&amount);
    bool done =
        figure_read(item, "amount", amount.printed, err) && figure_read(item, "amount_exact", amount.exact, err);
    amount_add(sum, &amount);
    amount_clear(&amount);
    return done;
}

MUST_CHECK bool
savings_terms_sum(Json *document, Amount *sum, Err *err)
{
    bool contract = statement_of(document) != NULL;
    mpq_t total;
    mpq_t subtotal;
    mpq_inits(total, subtotal, NULL);
    bool done = figure_read(document, "total", total, err) && figure_read(document, "subtotal", subtotal, err);
    mpq_add(sum->printed, sum->printed, contract ? subtotal : total);
    if (!contract) { /* a book that rounds the sum */
        mpq_sub(total, total, subtotal);
        mpq_add(sum->exact, sum->exact, total);
    }
    mpq_clears(total, subtotal, NULL);
    return done && savings_terms_visit(document, add_item, sum, err);
}
