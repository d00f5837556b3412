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
    *month = (UnbilledMonth){.tenant = strdup(row->tenant),
                             .records = row->records,
                             .first_us = row->first_us,
                             .last_us = row->last_us,
                             .late_months = -1};
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
unbilled_is_too_old(const UnbilledMonth *self, UtcMonth origin, UtcMonth month)
{
    const int64_t apart = (int64_t) (month.year - origin.year) * 12 + month.month - origin.month;
    return self->late_months >= 0 && apart > self->late_months;
}

/* How old late usage may be is said by the contract of the month that bills it. */
static bool
find_policies(Unbilled *self, const RateTenants *tenants, Db *db, UtcMonth month, Err *err)
{
    RateContracts contracts = {0};
    bool done = rate_contracts_read(&contracts, db, month, err);
    for (size_t i = 0; done && i < self->count; i++) {
        UtcMonth origin;
        UnbilledMonth *entry = &self->all[i];
        const RateTenant *tenant = rate_tenants_find(tenants, entry->tenant);
        const RateContract *contract = tenant == NULL ? NULL : rate_contracts_find(&contracts, tenant->tenant_id);
        if (contract != NULL && contract->contract != NULL)
            entry->late_months = contract->contract->late_months;
        done = utc_month_parse(entry->month, &origin, err);
        entry->too_old = done && unbilled_is_too_old(entry, origin, month);
    }
    rate_contracts_free(&contracts);
    return done;
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
        done = done && find_policies(self, &tenants, db, month, err);
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
                "  %s; millibill rate --month %s --final makes one\n",
                program, month->tenant, month->records, month->records == 1 ? "" : "s", month->month,
                month->too_old ? "they are older than what its contract still bills (late_usage)"
                               : "the next `millibill close` makes one for that month",
                month->month);
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
               json_add_text(entry, "month", month->month, err) &&
               json_add_int(entry, "records", month->records, err) &&
               json_add_bool(entry, "too_old", month->too_old, err);
    }
    return done;
}
