#include "rater/rate_evidence.h"

#include <stdlib.h>
#include <string.h>

#include "rater/verify_parts.h"

static int
compare_accounts(const void *left, const void *right)
{
    const RateTenant *a = *(const RateTenant *const *) left;
    const RateTenant *b = *(const RateTenant *const *) right;
    int order = strcmp(a->account, b->account);
    return order != 0 ? order : strcmp(a->name, b->name);
}

bool
rate_rows_from_evidence(RateMonth *self, Err *err)
{
    const RateTenants *tenants = &self->tenants;
    const VerifyPeriod period = {self->period.start_us, self->period.end_us};
    const RateTenant **order = calloc(tenants->count + 1, sizeof(const RateTenant *));
    size_t count = 0;
    if (order == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", tenants->count);
    for (size_t i = 0; i < tenants->count; i++)
        if (rate_is_at_hand(self, &tenants->all[i]))
            order[count++] = &tenants->all[i];
    if (count > 1)
        qsort(order, count, sizeof(order[0]), compare_accounts);
    bool done = true;
    for (size_t i = 0; done && i < count; i++)
        done = verify_derive(self->db, order[i], &period, self->watermark, self->book, self->rows, err) ||
               err_prefix(err, "tenant '%s': ", order[i]->name);
    free(order);
    return done;
}
