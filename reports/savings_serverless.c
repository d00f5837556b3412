#include "reports/savings_parts.h"

#include <string.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/savings_terms.h"

enum { SECONDS_OF_AN_HOUR = 3600 };
static const char A_DOCUMENT[] = "the price book of a tenant";

static bool
take_currency(SavingsReport *report, Text currency, const char *who, Err *err)
{
    if (currency.length != 3)
        return err_set(err, ERR_INPUT, "%s: the currency should be an ISO 4217 code", who);
    if (report->currency[0] == '\0') {
        memcpy(report->currency, currency.data, 3);
        report->currency_scale = currency_scale(report->currency);
    }
    if (!text_is(currency, report->currency)) {
        bool ours = strcmp(who, A_DOCUMENT) == 0;
        err_set(err, ERR_INPUT, "%s is in %.*s, the comparison in %s", who, TEXT_ARG(currency), report->currency);
        return err_hint(err,
                        ours ? "tenants that are billed in different currencies are compared one at a time: --tenant"
                             : "give an alternative in the price book's currency");
    }
    return true;
}

/* Do both say the same of `key` (or one of them nothing)? */
static bool
same_member(Json *a, Json *b, const char *key)
{
    Text left;
    Text right;
    return !json_text(json_member(a, key), &left) || !json_text(json_member(b, key), &right) || text_equal(left, right);
}

static bool
take_line(SavingsReport *report, Json *line, Err *err)
{
    Json *first = json_object_array_get_idx(report->lines, 0);
    report->several_tenants = report->several_tenants || !same_member(first, line, "tenant");
    report->several_places =
        report->several_places || !same_member(first, line, "region") || !same_member(first, line, "architecture");
    mpq_t amount;
    mpq_init(amount);
    bool done =
        figure_read(line, "amount_exact", amount, err) && json_append(report->lines, json_object_get(line), err);
    if (done)
        mpq_add(report->lines_total.exact, report->lines_total.exact, amount);
    mpq_clear(amount);
    return done;
}

bool
savings_add_free_value(Json *line, int scale, Amount *sum, Err *err)
{
    mpq_t value;
    mpq_t price;
    Amount amount;
    mpq_inits(value, price, NULL);
    amount_init(&amount);
    bool done =
        figure_read_optional(line, "free_quantity", value, err) && figure_read_optional(line, "unit_price", price, err);
    mpq_mul(value, value, price);
    amount_round(&amount, value, scale);
    amount_add(sum, &amount);
    amount_clear(&amount);
    mpq_clears(value, price, NULL);
    return done;
}

/* Takes the items of one document's statement. */
typedef struct TermTaker {
    SavingsReport *report;
    Json *document;
} TermTaker;

static bool
take_term(void *context, Json *item, bool compared, Err *err)
{
    static const char *const MEMBERS[] = {"kind", "name", "description", "rate", "amount", "amount_exact"};
    const TermTaker *self = context;
    Json *term = json_new_object(err);
    Json *tenant = json_member(json_member(self->document, "invoice"), "tenant");
    bool done = term != NULL && json_add(term, "tenant", json_object_get(tenant), err);
    for (size_t i = 0; done && i < sizeof(MEMBERS) / sizeof(MEMBERS[0]); i++)
        done = json_add(term, MEMBERS[i], json_object_get(json_member(item, MEMBERS[i])), err);
    return json_adopt_item(self->report->terms, term, done && json_add_bool(term, "compared", compared, err), err);
}

/* Lines, and what a contract makes of their sum. */
static bool
take_document(SavingsReport *report, Json *document, Err *err)
{
    Text currency;
    Json *lines = json_member(document, "lines");
    if (!json_text(json_member(document, "currency"), &currency) || !json_object_is_type(lines, json_type_array))
        return err_set(err, ERR_INPUT, "the rater's answer has no 'currency' or no 'lines'");
    if (!take_currency(report, currency, A_DOCUMENT, err))
        return false;
    for (size_t i = 0; i < json_object_array_length(lines); i++)
        if (!take_line(report, json_object_array_get_idx(lines, i), err) ||
            !savings_add_free_value(json_object_array_get_idx(lines, i), report->currency_scale, &report->free_value,
                                    err))
            return err_prefix(err, "line %zu of the rater's answer: ", i + 1);
    bool done = savings_terms_sum(document, &report->lines_total, err) &&
                savings_terms_visit(document, take_term, &(TermTaker){report, document}, err);
    report->has_free_tier = report->has_free_tier || json_object_get_boolean(json_member(document, "free_tier"));
    Json *free_tiers = json_member(document, "free_tiers");
    size_t count = json_object_is_type(free_tiers, json_type_array) ? json_object_array_length(free_tiers) : 0;
    for (size_t i = 0; done && i < count; i++)
        done = json_append(report->free_tiers, json_object_get(json_object_array_get_idx(free_tiers, i)), err);
    return done;
}

bool
savings_take_documents(SavingsReport *report, const SavingsInput *input, Err *err)
{
    report->lines = json_object_new_array();
    report->free_tiers = json_object_new_array();
    report->terms = json_object_new_array();
    if (report->lines == NULL || report->free_tiers == NULL || report->terms == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    for (size_t i = 0; i < input->document_count; i++)
        if (!take_document(report, input->documents[i], err))
            return false;
    return true;
}

void
savings_take_usage(SavingsReport *report, const SavingsInput *input)
{
    mpq_t busy_s;
    mpq_init(busy_s);
    for (size_t i = 0; i < input->usage->count; i++) {
        mpq_add(report->invocations, report->invocations, input->usage->functions[i].invocations);
        mpq_add(busy_s, busy_s, input->usage->functions[i].busy_s);
    }
    report->has_usage = input->usage->count > 0;
    report->timeline = input->usage->timeline.hour_count > 0 ? &input->usage->timeline : NULL;
    int64_t period_us = utc_month_end_us(input->month) - utc_month_start_us(input->month);
    decimal_set_i64(report->concurrency_mean, period_us / UTC_SECOND_US);
    mpq_div(report->concurrency_mean, busy_s, report->concurrency_mean);
    mpq_set_ui(report->busy_hours, SECONDS_OF_AN_HOUR, 1);
    mpq_div(report->busy_hours, busy_s, report->busy_hours);
    mpq_clear(busy_s);
}

static bool
same_items(const CostItems *a, const CostItems *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const CostItem *left = &a->items[i];
        const CostItem *right = &b->items[i];
        if (left->kind != right->kind || left->per_invocations != right->per_invocations ||
            strcmp(left->what, right->what) != 0 || strcmp(left->unit, right->unit) != 0 ||
            !mpq_equal(left->quantity, right->quantity) || !mpq_equal(left->unit_price, right->unit_price))
            return false;
    }
    return true;
}

/* The serverless side is one: the alternatives that describe it have to describe the same. */
bool
savings_take_extras(SavingsReport *report, const SavingsInput *input, Err *err)
{
    static const CostItems NONE = {NULL, 0};
    const Alternative *said = NULL;
    for (size_t i = 0; i < input->alternative_count; i++) {
        const Alternative *alternative = input->alternatives[i];
        if (!take_currency(report, text_of(alternative->currency), alternative->name, err))
            return false;
        if (!alternative->has_extras)
            continue;
        if (said != NULL && !same_items(&said->extras, &alternative->extras)) {
            err_set(err, ERR_INPUT, "alternatives '%s' and '%s' have different 'serverless' sections", said->name,
                    alternative->name);
            return err_hint(err, "compare with one of them at a time, or give both the same section");
        }
        said = alternative;
    }
    const CostItems *extras = said == NULL ? &NONE : &said->extras;
    if (!savings_items_make(extras, report, &report->extras, &report->extra_count, err))
        return false;
    amount_add(&report->total, &report->lines_total);
    for (size_t i = 0; i < report->extra_count; i++)
        amount_add(&report->total, &report->extras[i].amount);
    return true;
}
