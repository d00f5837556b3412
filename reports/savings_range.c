/* The range of a saving, with what it assumes. */
#include <stdarg.h>
#include <stdio.h>

#include "lib/decimal.h"
#include "reports/savings_parts.h"

static void PRINTF_LIKE(2, 3) assume(SavingsRange *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(self->assumptions[self->assumption_count++], SAVINGS_REASON_BYTES, format, arguments);
    va_end(arguments);
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

static void
say_assumptions(SavingsComparison *self, const SavingsReport *report, bool ranged)
{
    SavingsRange *range = &self->range;
    const Alternative *alternative = self->alternative;
    if (alternative->functions != NULL)
        assume(range, "the same invocations with the same run times");
    else if (alternative->fleet != NULL)
        assume(range, "servers: from the cheapest purchase with no headroom to the dearest with the headroom stated");
    else if (ranged)
        assume(range, "alternative: from the low to the high prices that its file gives");
    else
        assume(range, "alternative: as its file prices it, which gives no low and high prices");
    if (mpq_sgn(report->free_value.exact) > 0)
        assume(range, "functions: from the free tier used up by others of the account to all of it taken off here");
    else if (!report->has_free_tier)
        assume(range, "functions: without a free tier");
}

void
savings_range(SavingsComparison *self, const SavingsReport *report)
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
}
