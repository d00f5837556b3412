#include "rater/rate_known.h"

#include "rater/rate_month_parts.h"

void
rate_known_begin(RateKnown *self, const RateMonth *run)
{
    invoice_finals_clear(&self->finals);
    contract_used_clear(&self->used);
    rate_seals_begin(&self->seals, &run->period);
}

static bool
makes_finals(const RateMonth *run)
{
    return run->request->final && !run->request->dry_run;
}

bool
rate_known_want(RateKnown *self, const RateMonth *run, const RateTenant *tenant, Err *err)
{
    return invoice_finals_want(&self->finals, tenant->tenant_id, err) &&
           (rate_contracts_find(&run->contracts, tenant->tenant_id) == NULL ||
            contract_used_want(&self->used, tenant->tenant_id, err)) &&
           (!makes_finals(run) || rate_seals_want(&self->seals, tenant->tenant_id, err));
}

bool
rate_known_read(RateKnown *self, const RateMonth *run, Db *db, Err *err)
{
    return invoice_finals_read(&self->finals, db, run->period.month, err) &&
           (run->request->dry_run ||
            invoice_finals_find_late(&self->finals, db, run->period.start_us, run->period.end_us, err)) &&
           contract_used_read(&self->used, db, err) &&
           (!makes_finals(run) || rate_seals_read(&self->seals, db, run->watermark, err));
}

bool
rate_known_find(RateKnown *self, const RateMonth *run, Db *db, const RateTenant *const *tenants, size_t count, Err *err)
{
    bool done = true;
    rate_known_begin(self, run);
    for (size_t i = 0; done && i < count; i++)
        done = rate_known_want(self, run, tenants[i], err);
    return done && rate_known_read(self, run, db, err);
}

void
rate_known_free(RateKnown *self)
{
    invoice_finals_free(&self->finals);
    contract_used_free(&self->used);
    rate_seals_free(&self->seals);
}
