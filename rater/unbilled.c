#include "rater/unbilled.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/text.h"
#include "rater/rate_periods.h"
#include "rater/rate_tenants.h"
#include "schema/unbilled_store.h"

static bool
keep(void *context, const UnbilledRow *row, Err *err)
{
    Unbilled *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    UnbilledMonth *month = &self->all[self->count++];
    *month = (UnbilledMonth){.tenant = strdup(row->tenant), .records = row->records, .last_us = row->last_us};
    snprintf(month->month, sizeof month->month, "%s", row->month);
    return month->tenant != NULL || err_set(err, ERR_NOMEM, "no memory for usage that is on no invoice");
}

/* A contract's period may reach over from the UTC month before: that is what this run bills. */
static void
leave_out_this_period(Unbilled *self, const RateTenants *tenants)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        const RateTenant *tenant = rate_tenants_find(tenants, self->all[i].tenant);
        if (tenant != NULL && self->all[i].last_us >= tenant->period.start_us)
            free(self->all[i].tenant);
        else
            self->all[kept++] = self->all[i];
    }
    self->count = kept;
}

bool
unbilled_find(Unbilled *self, Db *db, UtcMonth month, int64_t receipt, Err *err)
{
    RateTenants tenants = {0};
    RatePeriods periods = {0};
    bool done = unbilled_visit(db, month, receipt, keep, self, err);
    if (done && self->count > 0) {
        done = rate_tenants_read(&tenants, db, NULL, month, err) && rate_periods_read(&periods, &tenants, db, err);
        if (done)
            leave_out_this_period(self, &tenants);
    }
    rate_periods_free(&periods);
    rate_tenants_free(&tenants);
    return done;
}

void
unbilled_free(Unbilled *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->all[i].tenant);
    free(self->all);
    *self = (Unbilled){0};
}

void
unbilled_warn(const Unbilled *self, const char *program)
{
    for (size_t i = 0; i < self->count; i++) {
        const UnbilledMonth *month = &self->all[i];
        fprintf(stderr,
                "%s: warning: tenant '%s': %" PRId64
                " record%s of %s came after that month was closed, and are on no invoice: its account has none\n"
                "  millibill rate --month %s --final makes it\n",
                program, month->tenant, month->records, month->records == 1 ? "" : "s", month->month, month->month);
    }
}

bool
unbilled_json(const Unbilled *self, Json *object, Err *err)
{
    Json *list = json_new_array(err);
    bool done = list != NULL && json_add(object, "unbilled", list, err);
    for (size_t i = 0; done && i < self->count; i++) {
        const UnbilledMonth *month = &self->all[i];
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(list, entry, err) && json_add_text(entry, "tenant", month->tenant, err) &&
               json_add_text(entry, "month", month->month, err) && json_add_int(entry, "records", month->records, err);
    }
    return done;
}
