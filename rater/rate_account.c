#include "rater/rate_account.h"

#include <stdlib.h>

static bool
make_drafts(RateAccount *self, const RateMonth *run, const RateKnown *known, Err *err)
{
    RatedSlice slice = {0};
    size_t tenants = 0;
    while (rated_next_tenant(self->rated, &slice))
        tenants++;
    self->drafts = calloc(tenants + 1, sizeof *self->drafts);
    if (self->drafts == NULL)
        return err_set(err, ERR_NOMEM, "no memory for drafts");
    slice = (RatedSlice){0};
    while (rated_next_tenant(self->rated, &slice))
        if (!rate_draft_make(&self->drafts[self->draft_count++], run, known, self->rated, &slice, err))
            return false;
    return true;
}

/* That it cannot be rated is for the settling thread to say, when its turn comes. */
bool
rate_account_make(RateAccount *self, const RateMonth *run, const RateKnown *known, bool drafts, Err *err)
{
    const RateOptions options = rate_month_options(run, rate_tenants_find(&run->tenants, self->rows[0].tenant));
    Err reason = {0};
    self->rated = rate(self->rows, self->count, run->book, &options, &reason);
    self->is_rated = true;
    if (self->rated != NULL)
        return !drafts || make_drafts(self, run, known, err);
    self->reason = malloc(sizeof *self->reason);
    if (self->reason == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a rating");
    *self->reason = reason;
    return true;
}

void
rate_account_clear(RateAccount *self)
{
    for (size_t i = 0; i < self->draft_count; i++)
        rate_draft_free(&self->drafts[i]);
    free(self->drafts);
    free(self->reason);
    rated_free(&self->rated);
    *self = (RateAccount){.rows = NULL};
}
