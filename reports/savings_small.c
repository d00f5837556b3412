/* Hours in which instances would have been too small, from the month's sweep. */
#include <stdlib.h>

#include "lib/decimal.h"
#include "reports/savings_parts.h"

static void
add_capacity(SavingsComparison *self)
{
    bool any = false;
    self->has_memory = true;
    for (size_t i = 0; i < self->item_count; i++) {
        const CostItem *item = self->items[i].item;
        if (item->kind != COST_INSTANCES || mpq_sgn(item->slots) == 0) /* one that takes no executions */
            continue;
        any = true;
        mpq_add(self->slots, self->slots, item->slots);
        mpq_add(self->memory_gb, self->memory_gb, item->memory_gb);
        self->has_memory = self->has_memory && mpq_sgn(item->memory_gb) > 0;
    }
    self->has_small_hours = any;
    self->has_memory = self->has_memory && any;
}

static bool
is_too_small(const SavingsComparison *self, const ConcurrencyHour *hour, mpq_t scratch)
{
    decimal_set_i64(scratch, hour->peak);
    if (mpq_cmp(scratch, self->slots) > 0)
        return true;
    mpq_set_si(scratch, hour->peak_used_mb, 1024);
    mpq_canonicalize(scratch);
    return self->has_memory && mpq_cmp(scratch, self->memory_gb) > 0;
}

MUST_CHECK bool
savings_small_hours(SavingsComparison *self, const SavingsReport *report, Err *err)
{
    const ConcurrencyReport *timeline = report->timeline;
    add_capacity(self);
    self->has_small_hours = self->has_small_hours && timeline != NULL;
    if (!self->has_small_hours)
        return true;
    self->small_hours = calloc(timeline->hour_count, sizeof(*self->small_hours));
    if (self->small_hours == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu hours", timeline->hour_count);
    mpq_t scratch;
    mpq_init(scratch);
    for (size_t i = 0; i < timeline->hour_count; i++)
        if (is_too_small(self, &timeline->hours[i], scratch))
            self->small_hours[self->small_hour_count++] = i;
    mpq_clear(scratch);
    return true;
}
