/* The range of a saving, with what it assumes. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/decimal.h"
#include "reports/savings_parts.h"

static void
assume(SavingsRange *self, const char *form, const SaidValue *values)
{
    self->assumptions[self->assumption_count++] = said_of(form, values);
}

/* sum += an end of the item's range as it would be printed, or the item's amount */
static void
add_end(mpq_t sum, const SavingsItem *item, const mpq_t end, int scale)
{
    mpq_t printed;
    mpq_init(printed);
    mpq_set(printed, item->item->has_range ? end : item->amount.printed);
    if (item->item->has_range)
        decimal_round(printed, scale, ROUND_HALF_UP);
    mpq_add(sum, sum, printed);
    mpq_clear(printed);
}

static bool
free_value_of(const Alternative *alternative, int scale, Amount *value, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < alternative->functions->document_count; i++) {
        Json *lines = json_member(alternative->functions->documents[i], "lines");
        for (size_t l = 0; done && l < json_object_array_length(lines); l++)
            done = savings_add_free_value(json_object_array_get_idx(lines, l), scale, value, err);
    }
    return done;
}

/* The same functions, rated in another way: both sides have their free tier, or neither has. */
static bool
range_of_functions(SavingsComparison *self, const SavingsReport *report, Err *err)
{
    SavingsRange *range = &self->range;
    Amount value;
    amount_init(&value);
    bool done = free_value_of(self->alternative, report->currency_scale, &value, err);
    mpq_add(range->alternative_high, range->alternative_low, value.printed);
    mpq_sub(range->saving_low, range->alternative_low, range->serverless_low);
    mpq_sub(range->saving_high, range->alternative_high, range->serverless_high);
    if (mpq_cmp(range->saving_low, range->saving_high) > 0)
        mpq_swap(range->saving_low, range->saving_high);
    amount_clear(&value);
    return done;
}

static void
say_assumptions(SavingsComparison *self, const SavingsReport *report, bool ranged)
{
    SavingsRange *range = &self->range;
    const Alternative *alternative = self->alternative;
    if (alternative->functions != NULL)
        assume(range, "the same invocations with the same run times", SAID_PLAINLY);
    else if (alternative->fleet != NULL)
        assume(range, "servers: from the cheapest purchase with no headroom to the dearest with the headroom stated",
               SAID_PLAINLY);
    else if (ranged)
        assume(range, "alternative: from the low to the high prices that its file gives", SAID_PLAINLY);
    else
        assume(range, "alternative: as its file prices it, which gives no low and high prices", SAID_PLAINLY);
    if (alternative->fleet != NULL && alternative->fleet->short_hours > 0) {
        char hours[24];
        (void) snprintf(hours, sizeof(hours), "%" PRId64, alternative->fleet->short_hours);
        assume(range, "CPU credits run out in {1} hours: what then takes longer is not in the price",
               SAID_WITH(SAID_FIGURE(hours)));
    }
    if (mpq_sgn(report->free_value.exact) > 0 && alternative->functions != NULL)
        assume(range, "on both sides: from the free tier used up by others of the account to all of it taken off here",
               SAID_PLAINLY);
    else if (mpq_sgn(report->free_value.exact) > 0)
        assume(range, "functions: from the free tier used up by others of the account to all of it taken off here",
               SAID_PLAINLY);
    else if (!report->has_free_tier)
        assume(range, "functions: without a free tier", SAID_PLAINLY);
}

bool
savings_range(SavingsComparison *self, const SavingsReport *report, Err *err)
{
    SavingsRange *range = &self->range;
    const SavingsReading *all = savings_reading(self);
    bool ranged = false;
    mpq_set(range->serverless_low, all->serverless.printed);
    mpq_add(range->serverless_high, all->serverless.printed, report->free_value.printed);
    for (size_t i = 0; i < self->item_count; i++) {
        const SavingsItem *item = &self->items[i];
        ranged = ranged || item->item->has_range;
        add_end(range->alternative_low, item, item->item->low, report->currency_scale);
        add_end(range->alternative_high, item, item->item->high, report->currency_scale);
    }
    mpq_sub(range->saving_low, range->alternative_low, range->serverless_high);
    mpq_sub(range->saving_high, range->alternative_high, range->serverless_low);
    say_assumptions(self, report, ranged);
    return self->alternative->functions == NULL || range_of_functions(self, report, err);
}
