#include "rater/rate_known.h"

#include <string.h>

void
rate_known_forget(RateMonth *self)
{
    invoice_finals_clear(&self->finals);
    contract_used_clear(&self->used);
    rate_seals_begin(&self->seals, &self->period);
}

void
rate_known_free(RateMonth *self)
{
    invoice_finals_free(&self->finals);
    contract_used_free(&self->used);
    rate_seals_free(&self->seals);
}

static bool
makes_finals(const RateMonth *self)
{
    return self->request->final && !self->request->dry_run;
}

static bool
want(RateMonth *self, const RateTenant *tenant, Err *err)
{
    return invoice_finals_want(&self->finals, tenant->tenant_id, err) &&
           (rate_contracts_find(&self->contracts, tenant->tenant_id) == NULL ||
            contract_used_want(&self->used, tenant->tenant_id, err)) &&
           (!makes_finals(self) || rate_seals_want(&self->seals, tenant->tenant_id, err));
}

static bool
read_wanted(RateMonth *self, Err *err)
{
    return invoice_finals_read(&self->finals, self->db, self->period.month, err) &&
           contract_used_read(&self->used, self->db, err) &&
           (!makes_finals(self) || rate_seals_read(&self->seals, self->db, self->watermark, err));
}

bool
rate_known_find(RateMonth *self, const RateAccount *accounts, size_t count, Err *err)
{
    const char *last = NULL;
    bool done = true;
    rate_known_forget(self);
    for (size_t i = 0; i < count; i++) {
        for (size_t r = 0; done && r < accounts[i].count; r++) {
            const char *name = accounts[i].rows[r].tenant;
            if (last != NULL && strcmp(last, name) == 0)
                continue;
            const RateTenant *tenant = rate_tenants_find(&self->tenants, name);
            done = tenant == NULL || want(self, tenant, err);
            last = name;
        }
    }
    return done && read_wanted(self, err);
}

bool
rate_known_find_tenants(RateMonth *self, const RateTenant *const *tenants, size_t count, Err *err)
{
    bool done = true;
    rate_known_forget(self);
    for (size_t i = 0; done && i < count; i++)
        done = want(self, tenants[i], err);
    return done && read_wanted(self, err);
}
