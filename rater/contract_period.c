#include "rater/contract_period.h"

#include "rater/rate_periods.h"
#include "schema/contract_store.h"

typedef struct Before {
    UtcMonth month;
    int64_t start_us; /* of the month, by the contract of the one before */
} Before;

static bool
take_before(void *context, const ContractRow *row, Err *err)
{
    Before *self = context;
    Contract *contract = contract_parse(row->source, "the contract of the month before", err);
    if (contract == NULL)
        return false;
    self->start_us = contract_period_start_us(contract, self->month);
    contract_free(&contract);
    return true;
}

bool
contract_first_period(Db *db, const char *tenant, const Contract *contract, UtcMonth from, BillingPeriod *period,
                      Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    Before before = {from, utc_month_start_us(from)};
    if (!contract_store_in_force(db, tenant, utc_month_previous(from), take_before, &before, err))
        return false;
    *period = (BillingPeriod){from, before.start_us, contract_period_start_us(contract, utc_month_next(from))};
    if (period->start_us < period->end_us)
        return true;
    err_set(err, ERR_INPUT, "contract '%s': its first period would end at %s, before it starts at %s", contract->name,
            utc_format(period->end_us, end), utc_format(period->start_us, start));
    return err_hint(err, "the period starts by the contract before; give a later billing_day");
}

bool
contract_account_refused(Db *db, const char *tenant, UtcMonth month, Err *reason, Err *err)
{
    RateTenants members = {0};
    RatePeriods periods = {0};
    bool done = rate_tenants_read(&members, db, tenant, month, err) && rate_periods_read(&periods, &members, db, err);
    if (done && periods.refused_count > 0)
        *reason = periods.refused[0].reason;
    rate_periods_free(&periods);
    rate_tenants_free(&members);
    return done;
}
