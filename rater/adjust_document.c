#include "rater/adjust_document.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/document.h"

typedef enum Cause { CAUSE_COPIES, CAUSE_CONFLICTS, CAUSE_REVERSALS, CAUSE_LATE, CAUSE_SHARE, CAUSE_COUNT } Cause;

static const struct {
    const char *name;
    const char *title;
} CAUSES[CAUSE_COUNT] = {{"duplicate", "duplicates"},
                         {"conflict", "conflicts"},
                         {"reversal", "reversals"},
                         {"late_usage", "late usage"},
                         {"account_share", "share of the account"}};

/* ---- causes ---- */

/* Where the tenant itself used nothing else, what changed is its share of what its account used. */
static void
sum_causes(const AdjustDocument *input, mpq_t sums[CAUSE_COUNT], bool present[CAUSE_COUNT])
{
    mpq_t difference;
    mpq_init(difference);
    for (int step = (int) input->first + 1; step <= (int) input->last; step++) {
        const AdjustSide *before = &input->sides[step - 1];
        const AdjustSide *after = &input->sides[step];
        if (!adjust_differs(before, after))
            continue;
        Cause cause = adjust_own_differs(before, after) ? (Cause) (step - ADJUST_COPIES) : CAUSE_SHARE;
        mpq_sub(difference, input->nets[step], input->nets[step - 1]);
        mpq_add(sums[cause], sums[cause], difference);
        present[cause] = true;
    }
    mpq_clear(difference);
}

static bool
add_causes(Json *document, const AdjustDocument *input, Err *err)
{
    mpq_t sums[CAUSE_COUNT];
    bool present[CAUSE_COUNT] = {false};
    for (int i = 0; i < CAUSE_COUNT; i++)
        mpq_init(sums[i]);
    sum_causes(input, sums, present);
    Json *causes = json_new_array(err);
    bool done = causes != NULL && json_add(document, "causes", causes, err);
    for (int i = 0; done && i < CAUSE_COUNT; i++) {
        Json *object = present[i] ? json_new_object(err) : NULL;
        done = !present[i] || (object != NULL && json_append(causes, object, err) &&
                               json_add_text(object, "cause", CAUSES[i].name, err) &&
                               document_add_money(object, "amount", sums[i], input->book, err) &&
                               document_add_exact(object, "amount_exact", sums[i], err));
    }
    for (int i = 0; i < CAUSE_COUNT; i++)
        mpq_clear(sums[i]);
    return done;
}

/* ---- records ---- */

static void
add_counted(const AdjustSide *side, mpq_t sum, int sign)
{
    mpq_t count;
    mpq_init(count);
    for (size_t i = side->slice.function; i < side->slice.function_end; i++) {
        const RatedFunction *function = &side->rated->functions[i];
        decimal_set_u128(mpq_numref(count), function->invocations + function->capacity_records);
        if (sign < 0)
            mpq_neg(count, count);
        mpq_add(sum, sum, count);
        mpq_set_ui(count, 0, 1);
    }
    mpq_clear(count);
}

static bool
add_records(Json *document, const AdjustDocument *input, Err *err)
{
    mpq_t records;
    mpq_init(records);
    if (input->last == ADJUST_LATE) {
        add_counted(&input->sides[ADJUST_LATE], records, 1);
        add_counted(&input->sides[ADJUST_REVERSALS], records, -1);
    }
    bool done = document_add_exact(document, "records", records, err);
    mpq_clear(records);
    return done;
}

/* ---- items ---- */

static bool
add_item(Json *items, const StatementItem *item, const StatementItem *before, const StatementItem *after,
         const PriceBook *book, Err *err)
{
    mpq_t amount, exact, quantity, basis;
    mpq_inits(amount, exact, quantity, basis, NULL);
    for (int side = 0; side < 2; side++) {
        const StatementItem *one = side == 0 ? before : after;
        void (*apply)(mpq_ptr, mpq_srcptr, mpq_srcptr) = side == 0 ? mpq_sub : mpq_add;
        if (one == NULL)
            continue;
        apply(amount, amount, one->amount);
        apply(exact, exact, one->amount_exact);
        apply(quantity, quantity, one->quantity);
        apply(basis, basis, one->basis);
    }
    bool same = mpq_sgn(amount) == 0 && mpq_sgn(exact) == 0 && mpq_sgn(quantity) == 0 && mpq_sgn(basis) == 0;
    Json *object = same ? NULL : json_new_object(err);
    bool done =
        same ||
        (object != NULL && json_append(items, object, err) &&
         json_add_text(object, "kind", statement_kind_name(item->kind), err) &&
         json_add_text(object, "name", item->name, err) && document_add_exact(object, "quantity", quantity, err) &&
         document_add_exact(object, "basis", basis, err) && document_add_money(object, "amount", amount, book, err) &&
         document_add_exact(object, "amount_exact", exact, err));
    mpq_clears(amount, exact, quantity, basis, NULL);
    return done;
}

/* Steps 1 to 5 of the statement; their exact differences add up to the adjustment where the book rounds each line. */
static bool
add_items(Json *document, const AdjustDocument *input, Err *err)
{
    const Statement *before = input->sides[input->first].statement;
    const Statement *after = input->sides[input->last].statement;
    Json *items = json_new_array(err);
    bool done = items != NULL && json_add(document, "items", items, err);
    for (size_t i = 0; done && i < after->count; i++) {
        const StatementItem *item = &after->items[i];
        if (item->kind < STATEMENT_ADJUSTMENT)
            done = add_item(items, item, adjust_find_item(before, item->kind, item->name), item, input->book, err);
    }
    for (size_t i = 0; done && i < before->count; i++) {
        const StatementItem *item = &before->items[i];
        if (item->kind < STATEMENT_ADJUSTMENT && adjust_find_item(after, item->kind, item->name) == NULL)
            done = add_item(items, item, item, NULL, input->book, err);
    }
    return done;
}

/* ---- the document ---- */

static bool
add_contract(Json *document, const RateContract *contract, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    if (contract == NULL)
        return json_add_text(document, "contract", NULL, err);
    Json *object = json_new_object(err);
    return object != NULL && json_add(document, "contract", object, err) &&
           json_add_text(object, "name", contract->contract->name, err) &&
           json_add_text(object, "version", contract->contract->version, err) &&
           json_add_text(object, "sha256", digest_hex(&contract->contract->digest, hex), err) &&
           json_add_int(object, "revision", contract->revision, err);
}

static bool
add_head(Json *document, const AdjustDocument *input, Err *err)
{
    char month[UTC_TEXT_BYTES];
    const AdjustBase *base = input->request->base;
    const BillingPeriod period = {base->month, base->start_us, base->end_us};
    Json *book = NULL;
    return json_add_text(document, "tenant", input->request->tenant->name, err) &&
           json_add_text(document, "account", input->request->tenant->account, err) &&
           document_add_period(document, &period, err) &&
           json_add_text(document, "invoice", base->number[0] == '\0' ? NULL : base->number, err) &&
           json_add_int(document, "from_receipt", base->from_receipt, err) &&
           json_add_int(document, "to_receipt", input->request->to_receipt, err) &&
           json_add_text(document, "settled_for", utc_month_format(input->month, month), err) &&
           (input->late_months < 0 ? json_add_text(document, "late_usage_months", NULL, err)
                                   : json_add_int(document, "late_usage_months", input->late_months, err)) &&
           (book = document_price_book(input->book, err)) != NULL && json_add(document, "price_book", book, err) &&
           json_add_bool(document, "free_tier", base->free_tier, err) && add_contract(document, input->contract, err) &&
           json_add_text(document, "currency", input->book->currency, err);
}

static bool
add_amounts(Json *document, const AdjustDocument *input, Err *err)
{
    mpq_t amount;
    mpq_init(amount);
    mpq_sub(amount, input->nets[input->last], input->nets[input->first]);
    bool done = document_add_money(document, "amount", amount, input->book, err) &&
                document_add_exact(document, "amount_exact", amount, err);
    mpq_clear(amount);
    return done;
}

Json *
adjust_document(const AdjustDocument *input, Err *err)
{
    Json *document = json_new_object(err);
    bool done = document != NULL && add_head(document, input, err) && add_records(document, input, err) &&
                add_causes(document, input, err);
    Json *lines = done ? adjust_lines(&input->sides[input->first], &input->sides[input->last], input->book, err) : NULL;
    if (lines != NULL && json_add(document, "lines", lines, err) && add_items(document, input, err) &&
        add_amounts(document, input, err))
        return document;
    json_object_put(document);
    return NULL;
}

static const char *
cause_title(const char *name)
{
    for (int i = 0; i < CAUSE_COUNT; i++)
        if (strcmp(CAUSES[i].name, name) == 0)
            return CAUSES[i].title;
    return name;
}

/* A period that is no UTC month says which month it is: it may start in the one before. */
static const char *
month_of(Json *document)
{
    Json *month = json_member(document, "month");
    return json_object_get_string(month == NULL ? json_member(document, "period_start") : month);
}

char *
adjust_description(Json *document, Err *err)
{
    Buffer text = {0};
    Json *number = json_member(document, "invoice");
    Json *causes = json_member(document, "causes");
    bool done = buffer_printf(&text, err, "Usage of %.7s", month_of(document)) &&
                (number == NULL || buffer_printf(&text, err, " (invoice %s)", json_object_get_string(number)));
    for (size_t i = 0; done && i < json_object_array_length(causes); i++) {
        Json *cause = json_object_array_get_idx(causes, i);
        done = buffer_printf(&text, err, "%s %s %s", i == 0 ? ":" : ",",
                             cause_title(json_object_get_string(json_member(cause, "cause"))),
                             json_object_get_string(json_member(cause, "amount")));
    }
    if (done)
        return text.data;
    buffer_free(&text);
    return NULL;
}
