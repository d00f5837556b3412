#include "rater/adjust_difference.h"

#include <string.h>

#include "lib/decimal.h"
#include "rater/document.h"

/* ---- lines ---- */

static bool
same_place(const RatedLine *a, const RatedLine *b)
{
    return strcmp(a->region, b->region) == 0 && a->architecture == b->architecture && a->mode == b->mode &&
           a->meter == b->meter && a->price == b->price && a->tier == b->tier;
}

/* The line of a side that stands where `line` does; NULL: none. */
static const RatedLine *
find_line(const AdjustSide *side, const RatedLine *line)
{
    for (size_t i = side->slice.line; i < side->slice.line_end; i++)
        if (same_place(&side->rated->lines[i], line))
            return &side->rated->lines[i];
    return NULL;
}

/* `other` NULL: there is nothing on the other side. */
static bool
number_differs(const mpq_t number, const mpq_t *other)
{
    return other == NULL ? mpq_sgn(number) != 0 : mpq_equal(number, *other) == 0;
}

static bool
line_differs(const RatedLine *line, const RatedLine *other)
{
    return number_differs(line->quantity, other == NULL ? NULL : &other->quantity) ||
           number_differs(line->free_quantity, other == NULL ? NULL : &other->free_quantity) ||
           number_differs(line->amount_exact, other == NULL ? NULL : &other->amount_exact) ||
           number_differs(line->amount, other == NULL ? NULL : &other->amount);
}

static bool
any_differs(const AdjustSide *side, const AdjustSide *other)
{
    for (size_t i = side->slice.line; i < side->slice.line_end; i++)
        if (line_differs(&side->rated->lines[i], find_line(other, &side->rated->lines[i])))
            return true;
    return false;
}

bool
adjust_differs(const AdjustSide *before, const AdjustSide *after)
{
    return any_differs(after, before) || any_differs(before, after);
}

/* Within one step usage is only added or only taken away, so that a sum tells. */
static void
sum_usage(const AdjustSide *side, mpq_t out)
{
    mpq_t count;
    mpq_init(count);
    mpq_set_ui(out, 0, 1);
    for (size_t i = side->slice.line; i < side->slice.line_end; i++)
        mpq_add(out, out, side->rated->lines[i].quantity);
    for (size_t i = side->slice.function; i < side->slice.function_end; i++) {
        const RatedFunction *function = &side->rated->functions[i];
        decimal_set_u128(mpq_numref(count), function->invocations + function->capacity_records);
        mpq_add(out, out, count);
    }
    mpq_clear(count);
}

bool
adjust_own_differs(const AdjustSide *before, const AdjustSide *after)
{
    mpq_t was, is;
    mpq_inits(was, is, NULL);
    sum_usage(before, was);
    sum_usage(after, is);
    bool differs = mpq_equal(was, is) == 0;
    mpq_clears(was, is, NULL);
    return differs;
}

static bool
add_difference(Json *object, const char *key, const mpq_t before, const mpq_t after, Err *err)
{
    mpq_t difference;
    mpq_init(difference);
    mpq_sub(difference, after, before);
    bool done = document_add_exact(object, key, difference, err);
    mpq_clear(difference);
    return done;
}

static bool
add_side(Json *object, const char *key, const RatedLine *line, const PriceBook *book, Err *err)
{
    Json *side = json_new_object(err);
    return side != NULL && json_add(object, key, side, err) &&
           document_add_exact(side, "quantity", line->quantity, err) &&
           document_add_exact(side, "free_quantity", line->free_quantity, err) &&
           document_add_exact(side, "billed_quantity", line->billed_quantity, err) &&
           document_add_money(side, "amount", line->amount, book, err) &&
           document_add_exact(side, "amount_exact", line->amount_exact, err);
}

static bool
add_money_difference(Json *object, const RatedLine *before, const RatedLine *after, const PriceBook *book, Err *err)
{
    mpq_t difference;
    mpq_init(difference);
    mpq_sub(difference, after->amount, before->amount);
    bool done = document_add_money(object, "amount", difference, book, err);
    mpq_clear(difference);
    return done;
}

static bool
add_line(Json *lines, const RatedLine *line, const RatedLine *before, const RatedLine *after, const PriceBook *book,
         Err *err)
{
    Json *object = json_new_object(err);
    return object != NULL && json_append(lines, object, err) &&
           (book->part_count == 0 || json_add_int(object, "book", (int64_t) line->part + 1, err)) &&
           json_add_text(object, "region", line->region, err) &&
           json_add_text(object, "architecture", usage_architecture_name(line->architecture), err) &&
           json_add_text(object, "mode", usage_mode_name(line->mode), err) &&
           json_add_text(object, "sku", line->meter->sku, err) &&
           json_add_text(object, "description", line->meter->description, err) &&
           add_difference(object, "quantity", before->quantity, after->quantity, err) &&
           add_difference(object, "free_quantity", before->free_quantity, after->free_quantity, err) &&
           add_difference(object, "billed_quantity", before->billed_quantity, after->billed_quantity, err) &&
           json_add_text(object, "unit", line->meter->unit, err) &&
           document_add_exact(object, "unit_price", line->unit_price, err) &&
           json_add_int(object, "tier", line->tier, err) && add_money_difference(object, before, after, book, err) &&
           add_difference(object, "amount_exact", before->amount_exact, after->amount_exact, err) &&
           add_side(object, "before", before, book, err) && add_side(object, "after", after, book, err);
}

Json *
adjust_lines(const AdjustSide *before, const AdjustSide *after, const PriceBook *book, Err *err)
{
    RatedLine nothing = {.account = NULL};
    mpq_inits(nothing.quantity, nothing.free_quantity, nothing.billed_quantity, nothing.amount, nothing.amount_exact,
              NULL);
    Json *lines = json_new_array(err);
    bool done = lines != NULL;
    for (size_t i = after->slice.line; done && i < after->slice.line_end; i++) {
        const RatedLine *line = &after->rated->lines[i];
        const RatedLine *was = find_line(before, line);
        if (line_differs(line, was))
            done = add_line(lines, line, was == NULL ? &nothing : was, line, book, err);
    }
    for (size_t i = before->slice.line; done && i < before->slice.line_end; i++) {
        const RatedLine *line = &before->rated->lines[i];
        if (find_line(after, line) == NULL && line_differs(line, NULL))
            done = add_line(lines, line, line, &nothing, book, err);
    }
    mpq_clears(nothing.quantity, nothing.free_quantity, nothing.billed_quantity, nothing.amount, nothing.amount_exact,
               NULL);
    if (done)
        return lines;
    json_object_put(lines);
    return NULL;
}

/* ---- items ---- */

const StatementItem *
adjust_find_item(const Statement *statement, StatementKind kind, const char *name)
{
    for (size_t i = 0; i < statement->count; i++) {
        const StatementItem *item = &statement->items[i];
        bool same_name = name == NULL || item->name == NULL ? name == item->name : strcmp(name, item->name) == 0;
        if (item->kind == kind && same_name)
            return item;
    }
    return NULL;
}

void
adjust_net(const Statement *statement, mpq_t out)
{
    mpq_set_ui(out, 0, 1);
    for (size_t i = 0; i < statement->count; i++)
        if (statement->items[i].kind < STATEMENT_ADJUSTMENT)
            mpq_add(out, out, statement->items[i].value);
}
