#include "rater/rate_periods.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"

/* ---- one tenant ---- */

static bool
same_period(const BillingPeriod *left, const BillingPeriod *right)
{
    return left->start_us == right->start_us && left->end_us == right->end_us;
}

static bool
holds_before(const RateContract *contract, UtcMonth month)
{
    char before[UTC_TEXT_BYTES];
    return strcmp(contract->from, utc_month_format(utc_month_previous(month), before)) <= 0;
}

/* Contracts of the month before are looked at where they are others. */
static bool
read_before(RateContracts *before, const RateContracts *contracts, UtcMonth month, Db *db, Err *err)
{
    *before = (RateContracts){0};
    for (size_t i = 0; i < contracts->count; i++)
        if (!holds_before(&contracts->all[i], month))
            return rate_contracts_read_other(before, contracts, db, utc_month_previous(month), err);
    return true;
}

static bool
set_period(RateTenant *tenant, const RateContracts *contracts, const RateContracts *before, Err *reason)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    const UtcMonth month = tenant->period.month;
    const RateContract *contract = rate_contracts_find(contracts, tenant->tenant_id);
    if (contract == NULL)
        return true;
    const RateContract *earlier =
        holds_before(contract, month) ? contract : rate_contracts_find(before, tenant->tenant_id);
    if (contract->contract == NULL)
        return true; /* the contract says why it cannot be read, when it is asked whether it allows to bill */
    if (earlier != NULL && earlier->contract == NULL)
        return err_set(reason, ERR_INPUT, "%s", earlier->reason);
    const BillingPeriod period = {month, contract_period_start_us(earlier == NULL ? NULL : earlier->contract, month),
                                  contract_period_start_us(contract->contract, utc_month_next(month))};
    if (period.start_us >= period.end_us) {
        err_set(reason, ERR_INPUT, "the period of tenant '%s' would end at %s, before it starts at %s", tenant->name,
                utc_format(period.end_us, end), utc_format(period.start_us, start));
        return err_hint(reason, "give it a contract with a later billing day, or one from another month on");
    }
    tenant->period = period;
    return true;
}

/* ---- accounts ---- */

static bool
refuse(RatePeriods *self, const char *account, const Err *reason, Err *err)
{
    for (size_t i = 0; i < self->refused_count; i++)
        if (strcmp(self->refused[i].account, account) == 0)
            return true;
    if (!array_grow(&self->refused, &self->refused_capacity, self->refused_count, sizeof *self->refused, err))
        return false;
    RefusedAccount *refused = &self->refused[self->refused_count++];
    *refused = (RefusedAccount){strdup(account), *reason};
    return refused->account != NULL || err_set(err, ERR_NOMEM, "no memory for an account");
}

static bool
refuse_mixed(RatePeriods *self, const RateTenant *one, const RateTenant *other, Err *err)
{
    Err reason = {0};
    char times[4][UTC_TEXT_BYTES];
    err_set(&reason, ERR_INPUT,
            "its tenants share free tiers and tiers, but not one billing period: '%.60s' from %s until %s, '%.60s' "
            "from %s until %s",
            one->name, utc_format(one->period.start_us, times[0]), utc_format(one->period.end_us, times[1]),
            other->name, utc_format(other->period.start_us, times[2]), utc_format(other->period.end_us, times[3]));
    err_hint(&reason, "give all of them contracts with one billing day and time zone from the same month on, or move "
                      "one to another account");
    return refuse(self, one->account, &reason, err);
}

static bool
check_accounts(RatePeriods *self, RateTenants *tenants, Err *err)
{
    const RateTenant **order = calloc(tenants->count, sizeof(const RateTenant *));
    if (order == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", tenants->count);
    for (size_t i = 0; i < tenants->count; i++)
        order[i] = &tenants->all[i];
    qsort(order, tenants->count, sizeof(order[0]), rate_tenants_by_account);
    bool done = true;
    for (size_t i = 1; done && i < tenants->count; i++) {
        if (strcmp(order[i - 1]->account, order[i]->account) == 0 &&
            !same_period(&order[i - 1]->period, &order[i]->period))
            done = refuse_mixed(self, order[i - 1], order[i], err);
    }
    free(order);
    return done;
}

static bool
is_refused(const RatePeriods *self, const char *account)
{
    for (size_t i = 0; i < self->refused_count; i++)
        if (strcmp(self->refused[i].account, account) == 0)
            return true;
    return false;
}

/* ---- the whole ---- */

static int
compare_periods(const void *left, const void *right)
{
    const BillingPeriod *a = left;
    const BillingPeriod *b = right;
    int order = (a->start_us > b->start_us) - (a->start_us < b->start_us);
    return order != 0 ? order : (a->end_us > b->end_us) - (a->end_us < b->end_us);
}

static bool
add_period(RatePeriods *self, const BillingPeriod *period, Err *err)
{
    for (size_t i = 0; i < self->count; i++)
        if (same_period(&self->all[i], period))
            return true;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    self->all[self->count++] = *period;
    return true;
}

static bool
gather(RatePeriods *self, RateTenants *tenants, Err *err)
{
    const BillingPeriod month = billing_period_utc(tenants->month);
    bool done = true;
    for (size_t i = 0; done && i < tenants->count; i++)
        done = add_period(self, &tenants->all[i].period, err);
    if (done && self->count > 1)
        done = check_accounts(self, tenants, err);
    for (size_t i = 0; done && self->refused_count > 0 && i < tenants->count; i++)
        tenants->all[i].has_period = !is_refused(self, tenants->all[i].account);
    if (done && self->count == 0)
        done = add_period(self, &month, err);
    if (done)
        qsort(self->all, self->count, sizeof *self->all, compare_periods);
    return done;
}

bool
rate_periods_find(RatePeriods *self, RateTenants *tenants, const RateContracts *contracts, Db *db, Err *err)
{
    RateContracts before;
    rate_periods_free(self);
    bool done = read_before(&before, contracts, tenants->month, db, err);
    for (size_t i = 0; done && i < tenants->count; i++) {
        RateTenant *tenant = &tenants->all[i];
        Err reason = {0};
        tenant->period = billing_period_utc(tenants->month);
        tenant->has_period = true;
        done = set_period(tenant, contracts, &before, &reason) || refuse(self, tenant->account, &reason, err);
    }
    rate_contracts_free(&before);
    return done && gather(self, tenants, err);
}

void
rate_periods_free(RatePeriods *self)
{
    for (size_t i = 0; i < self->refused_count; i++)
        free(self->refused[i].account);
    free(self->refused);
    free(self->all);
    *self = (RatePeriods){0};
}

bool
rate_periods_read(RatePeriods *self, RateTenants *tenants, Db *db, Err *err)
{
    RateContracts contracts = {0};
    bool done = rate_contracts_read(&contracts, db, tenants->month, err) &&
                rate_periods_find(self, tenants, &contracts, db, err);
    rate_contracts_free(&contracts);
    return done;
}

bool
rate_periods_set(RateTenants *tenants, Db *db, Err *err)
{
    RatePeriods periods = {0};
    bool done = rate_periods_read(&periods, tenants, db, err);
    rate_periods_free(&periods);
    return done;
}

/* ---- when ---- */

static void
widen(const BillingPeriod *period, int64_t *start_us, int64_t *end_us)
{
    const int64_t from_us = utc_hour_floor_us(period->start_us);
    const int64_t until_us = utc_hour_ceiling_us(period->end_us);
    *start_us = from_us < *start_us ? from_us : *start_us;
    *end_us = until_us > *end_us ? until_us : *end_us;
}

void
rate_periods_hull(const RateTenants *tenants, const RateTenant *tenant, int64_t *start_us, int64_t *end_us)
{
    *start_us = utc_month_start_us(tenants->month);
    *end_us = utc_month_end_us(tenants->month);
    if (tenant != NULL)
        widen(&tenant->period, start_us, end_us);
    for (size_t i = 0; tenant == NULL && i < tenants->count; i++)
        widen(&tenants->all[i].period, start_us, end_us);
}

bool
rate_period_is_over(const BillingPeriod *period, int64_t now_us)
{
    return utc_hour_ceiling_us(period->end_us) <= now_us;
}

bool
rate_periods_span(const RatePeriods *self, int64_t now_us, int64_t *start_us, int64_t *end_us)
{
    int64_t next_us = INT64_MAX;
    *start_us = INT64_MAX;
    *end_us = INT64_MIN;
    for (size_t i = 0; i < self->count; i++) {
        const BillingPeriod *period = &self->all[i];
        const int64_t over_us = utc_hour_ceiling_us(period->end_us);
        if (over_us > now_us) {
            next_us = over_us < next_us ? over_us : next_us;
            continue;
        }
        *start_us = period->start_us < *start_us ? period->start_us : *start_us;
        *end_us = period->end_us > *end_us ? period->end_us : *end_us;
    }
    if (*start_us < *end_us)
        return true;
    *end_us = next_us;
    return false;
}

bool
rate_periods_not_over(UtcMonth month, int64_t end_us, Err *err)
{
    char text[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    err_set(err, ERR_CONFLICT, "%s is not over: it ends at %s", utc_month_format(month, text), utc_format(end_us, end));
    return err_hint(err, "millibill rate --preview shows what there is so far");
}
