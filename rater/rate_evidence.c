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
rate_rows_from_evidence(Db *db, const RateTenants *tenants, const VerifyPeriod *period, int64_t watermark,
                        const PriceBook *book, RatingRows *rows, Err *err)
{
    const RateTenant **order = calloc(tenants->count + 1, sizeof(const RateTenant *));
    if (order == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", tenants->count);
    for (size_t i = 0; i < tenants->count; i++)
        order[i] = &tenants->all[i];
    qsort(order, tenants->count, sizeof(order[0]), compare_accounts);
    bool done = true;
    for (size_t i = 0; done && i < tenants->count; i++)
        done = verify_derive(db, order[i], period, watermark, book, rows, err) ||
               err_prefix(err, "tenant '%s': ", order[i]->name);
    free(order);
    return done;
}
