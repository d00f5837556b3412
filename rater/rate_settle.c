#include "rater/rate_settle.h"

#include <string.h>

#include "rater/rate_report.h"
#include "rater/rate_write.h"
#include "schema/invoice_store.h"

/* Of an account's tenants with usage: how many there are, have their final invoice, and had one that is void. */
typedef struct Finals {
    size_t tenants, in_force, taken_back;
} Finals;

static bool
count_finals(RateMonth *self, const Rated *rated, Finals *finals, Err *err)
{
    RatedSlice slice = {0};
    *finals = (Finals){0};
    while (rated_next_tenant(rated, &slice)) {
        const RateTenant *tenant = rate_tenants_find(&self->tenants, rated->functions[slice.function].tenant);
        FinalInvoice found = {0};
        if (tenant != NULL && !rate_find_final(self, tenant, &found, NULL, err))
            return false;
        finals->tenants++;
        finals->in_force += found.exists ? 1 : 0;
        finals->taken_back += !found.exists && found.was_void ? 1 : 0;
    }
    return true;
}

/* An account's tenants share one free tier and one ladder of tiers: they become final together or not at all. Where `which` is not all
 * that was asked for, `reason` says why: one without an invoice, where others have theirs, waits for an adjustment; those whose
 * invoice is void are issued again. Where none is in force the month is open again for all of them. */
static bool
may_settle(RateMonth *self, const Rated *rated, RateWhich *which, Err *reason, Err *err)
{
    Finals finals;
    *which = RATE_ALL;
    if (self->request->dry_run)
        return true;
    if (!count_finals(self, rated, &finals, err))
        return false;
    if (finals.in_force > 0 && finals.in_force + finals.taken_back < finals.tenants) {
        *which = RATE_TAKEN_BACK;
        err_set(reason, ERR_CONFLICT,
                "its month is final for %zu of its %zu tenants, and their shares of the free tier and "
                "the tiers are settled; usage of the others arrived later",
                finals.in_force + finals.taken_back, finals.tenants);
        err_hint(reason, "the next month's final run bills it as an adjustment; the final invoices stay as they are");
    } else if (self->request->final && self->request->tenant != NULL && finals.tenants > 1 && finals.in_force == 0 &&
               finals.taken_back < finals.tenants) {
        *which = RATE_NONE;
        err_set(reason, ERR_CONFLICT, "tenant '%s' shares its free tier and tiers with %zu other%s usage",
                self->request->tenant, finals.tenants - 1, finals.tenants == 2 ? " that has" : "s that have");
        err_hint(reason, "make the whole account final: leave out --tenant");
    }
    return true;
}

/* Nothing is final before its period is over. */
static bool
is_over(const RateMonth *self, Err *reason)
{
    char end[UTC_TEXT_BYTES];
    const BillingPeriod *period = &self->period;
    if (!self->request->final || self->request->dry_run || rate_period_is_over(period, utc_now_us()))
        return true;
    err_set(reason, ERR_CONFLICT, "its period is not over: it ends at %s", utc_format(period->end_us, end));
    return err_hint(reason, "give the command again then; --preview shows what there is so far");
}

/* Can every tenant with a contract be billed under it? False with `reason` set otherwise. Where a draft was made its statement was. */
static bool
contracts_allow(RateMonth *self, const RateAccount *account, const Rated *rated, Err *reason, Err *err)
{
    const RateRequest *request = self->request;
    RatedSlice slice = {0};
    for (size_t place = 0; rated_next_tenant(rated, &slice); place++) {
        const RateTenant *tenant = rate_tenants_find(&self->tenants, rated->functions[slice.function].tenant);
        const RateContract *contract = tenant == NULL ? NULL : rate_contracts_find(&self->contracts, tenant->tenant_id);
        if (contract == NULL)
            continue;
        if (!rate_contract_allows(contract, self->period.end_us, request->final && !request->dry_run, utc_now_us(),
                                  reason))
            return false;
        if (account->drafts != NULL && account->drafts[place].tenant != NULL)
            continue;
        StatementInput input = rate_draft_input(self, rated, &slice);
        RateTerms terms;
        if (!rate_make_terms(self, contract, &input, &terms, reason)) {
            if (reason->code != ERR_INPUT)
                err_set(err, reason->code, "%s", reason->message);
            return false;
        }
        rate_terms_free(&terms);
    }
    return true;
}

/* Each tenant of an account that was asked for. */
static bool
settle_tenants(RateMonth *self, const RateAccount *account, const Rated *rated, RateWhich which, Err *err)
{
    bool done = true;
    size_t place = 0;
    RatedSlice slice = {0};
    while (done && rated_next_tenant(rated, &slice)) {
        RateDraft *draft = account->drafts == NULL ? NULL : &account->drafts[place++];
        const char *name = rated->functions[slice.function].tenant;
        const RateTenant *tenant = rate_tenants_find(&self->tenants, name);
        if (tenant == NULL)
            done = err_set(err, ERR_BUSY, "tenant '%s' appeared while rating", name);
        else if (self->request->tenant == NULL || strcmp(self->request->tenant, name) == 0)
            done = rate_write_tenant(self, tenant, rated, &slice, draft, which, err);
    }
    return done;
}

static void
see_tenants(RateMonth *self, const RateAccount *account)
{
    for (size_t i = 0; i < account->count; i++) {
        const char *name = account->rows[i].tenant;
        const RateTenant *tenant =
            i > 0 && strcmp(name, account->rows[i - 1].tenant) == 0 ? NULL : rate_tenants_find(&self->tenants, name);
        if (tenant != NULL)
            self->seen[tenant - self->tenants.all] = true;
    }
}

static bool
settle_rated(RateMonth *self, const RateAccount *account, const Rated *rated, const Err *why_not, Err *err)
{
    Err reason = {0};
    if (rated == NULL)
        return why_not->code == ERR_INPUT ? rate_skip_add(self, account->rows[0].account, why_not, err)
                                          : err_set(err, why_not->code, "%s", why_not->message);
    see_tenants(self, account);
    RateWhich which = RATE_NONE;
    if (is_over(self, &reason) && contracts_allow(self, account, rated, &reason, err) &&
        !may_settle(self, rated, &which, &reason, err))
        return false;
    return !err_is_set(err) && settle_tenants(self, account, rated, which, err) &&
           (!err_is_set(&reason) ||
            (which == RATE_TAKEN_BACK ? rate_wait_add : rate_skip_add)(self, account->rows[0].account, &reason, err));
}

/* One account: rated here, unless another thread did it. */
bool
rate_settle_account(RateMonth *self, const RateAccount *account, Err *err)
{
    const RateOptions options = rate_month_options(self, rate_tenants_find(&self->tenants, account->rows[0].tenant));
    Err reason = {0};
    if (account->is_rated)
        return settle_rated(self, account, account->rated, account->reason, err);
    Rated *rated = rate(account->rows, account->count, self->book, &options, &reason);
    bool done = settle_rated(self, account, rated, &reason, err);
    rated_free(&rated);
    return done;
}

/* A contract may bill a tenant that has used nothing; what arrived for earlier periods may be all there is. */
bool
rate_settle_unused(RateMonth *self, const RateTenant *tenant, const RateContract *contract, bool billed, Err *err)
{
    const RateOptions options = rate_month_options(self, tenant);
    const RateRequest *request = self->request;
    const RatedSlice nothing = {0};
    Err reason = {0};
    if (!is_over(self, &reason))
        return rate_skip_add(self, tenant->account, &reason, err);
    if (contract != NULL && !rate_contract_allows(contract, self->period.end_us, request->final && !request->dry_run,
                                                  utc_now_us(), &reason))
        return rate_skip_add(self, tenant->account, &reason, err);
    Rated *rated = rate(NULL, 0, self->book, &options, err);
    bool done = rated != NULL && (billed ? rate_write_tenant(self, tenant, rated, &nothing, NULL, RATE_ALL, err)
                                         : rate_write_earlier(self, tenant, rated, &nothing, err));
    rated_free(&rated);
    return done;
}
