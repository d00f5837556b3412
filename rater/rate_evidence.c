#include "rater/rate_evidence.h"

#include <stdlib.h>

#include "rater/verify_parts.h"

/* The tenants at hand by account; the caller frees the array. NULL: ERR_NOMEM. */
static const RateTenant **
at_hand(const RateMonth *self, size_t *count, Err *err)
{
    const RateTenants *tenants = &self->tenants;
    const RateTenant **order = calloc(tenants->count + 1, sizeof(const RateTenant *));
    *count = 0;
    if (order == NULL) {
        err_set(err, ERR_NOMEM, "no memory for %zu tenants", tenants->count);
        return NULL;
    }
    for (size_t i = 0; i < tenants->count; i++)
        if (rate_is_at_hand(self, &tenants->all[i]))
            order[(*count)++] = &tenants->all[i];
    if (*count > 1)
        qsort(order, *count, sizeof(order[0]), rate_tenants_by_account);
    return order;
}

static bool
derive_spans(RateMonth *self, const VerifyPeriod *spans, size_t span_count, Err *err)
{
    size_t count = 0;
    const RateTenant **order = at_hand(self, &count, err);
    bool done = order != NULL;
    for (size_t i = 0; done && i < count; i++) {
        for (size_t span = 0; done && span < span_count; span++)
            done = verify_derive(self->db, order[i], &spans[span], self->watermark, self->book, self->rows, err) ||
                   err_prefix(err, "tenant '%s': ", order[i]->name);
    }
    free(order);
    return done;
}

bool
rate_rows_from_evidence(RateMonth *self, Err *err)
{
    const VerifyPeriod period = {self->period.start_us, self->period.end_us};
    return derive_spans(self, &period, 1, err);
}

bool
rate_rows_have_edges(const BillingPeriod *period)
{
    return utc_hour_floor_us(period->start_us) != period->start_us ||
           utc_hour_floor_us(period->end_us) != period->end_us;
}

bool
rate_rows_of_edges(RateMonth *self, Err *err)
{
    const int64_t start_us = self->period.start_us;
    const int64_t end_us = self->period.end_us;
    const int64_t first_us = utc_hour_ceiling_us(start_us); /* whole hours, from … */
    const int64_t after_us = utc_hour_floor_us(end_us);     /* … until before */
    VerifyPeriod spans[2];
    size_t count = 0;
    if (first_us > after_us) {
        spans[count++] = (VerifyPeriod){start_us, end_us};
    } else {
        if (start_us < first_us)
            spans[count++] = (VerifyPeriod){start_us, first_us};
        if (after_us < end_us)
            spans[count++] = (VerifyPeriod){after_us, end_us};
    }
    if (count == 0)
        return true;
    if (!derive_spans(self, spans, count, err))
        return false;
    rating_rows_sort(self->rows);
    return true;
}
