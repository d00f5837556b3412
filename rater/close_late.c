/* Usage of earlier months of accounts that have no invoice of them. See close_parts.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "rater/close_parts.h"
#include "rater/rate_periods.h"
#include "rater/rate_tenants.h"
#include "schema/invoice_store.h"

/** Accounts of one earlier month (the names are the tenants'). */
typedef struct LateAccounts {
    const char **all;
    size_t count, capacity;
} LateAccounts;

static bool
take_account(LateAccounts *self, const char *account, Err *err)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->all[i], account) == 0)
            return true;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof(const char *), err))
        return false;
    self->all[self->count++] = account;
    return true;
}

/* Is any of this usage of the tenant's period? Two periods touch a UTC month: where its first or its last hour is. */
static bool
has_usage(const RateTenant *tenant, const UnbilledMonth *usage)
{
    const int64_t hours[] = {usage->first_us, usage->last_us};
    for (int i = 0; i < 2; i++)
        if (tenant->period.start_us < hours[i] + UTC_HOUR_US && tenant->period.end_us > hours[i])
            return true;
    return false;
}

static bool
find_accounts(const Close *self, const Unbilled *late, const RateTenants *tenants, LateAccounts *accounts, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < late->count; i++) {
        const UnbilledMonth *usage = &late->all[i];
        const RateTenant *tenant = rate_tenants_find(tenants, usage->tenant);
        if (tenant != NULL && tenant->has_period && has_usage(tenant, usage) &&
            rate_period_is_over(&tenant->period, utc_now_us()) && !close_is_held(self, tenant->account) &&
            !unbilled_is_too_old(usage, tenants->month, self->request->month))
            done = take_account(accounts, tenant->account, err);
    }
    return done;
}

/* Evidence or a price that is wrong is these accounts' trouble alone. */
static bool
hold_all(Close *self, const LateAccounts *accounts, const Err *reason, Err *err)
{
    for (size_t i = 0; i < accounts->count; i++)
        if (!close_hold(self, CLOSE_LATE, accounts->all[i], reason->message, reason->hint, err))
            return false;
    return true;
}

static bool
bill(Close *self, UtcMonth month, const LateAccounts *accounts, Err *err)
{
    Err reason = {0};
    const RateRequest request = {
        .month = month,
        .final = true,
        .free_tier = self->request->free_tier,
        .calendar = self->request->calendar,
        .price_book = self->request->price_book,
        .config = self->request->config,
        .closing = self->request->month,
        .only = accounts->all,
        .only_count = accounts->count,
        .stop = self->request->stop,
    };
    if (!array_grow(&self->late, &self->late_capacity, self->late_count, sizeof *self->late, err))
        return false;
    CloseLate *made = &self->late[self->late_count];
    *made = (CloseLate){.month = month};
    if (rate_month(self->db, self->compactor, &request, &made->report, &reason)) {
        self->late_count++;
        return true;
    }
    rate_report_free(&made->report); /* nothing of it was committed */
    if (reason.code == ERR_CORRUPT || reason.code == ERR_INPUT || reason.code == ERR_NOT_FOUND)
        return hold_all(self, accounts, &reason, err);
    *err = reason;
    return false;
}

static bool
bill_month(Close *self, const Unbilled *late, UtcMonth month, Err *err)
{
    RateTenants tenants = {0};
    RatePeriods periods = {0};
    LateAccounts accounts = {0};
    bool done = rate_tenants_read(&tenants, self->db, NULL, month, err) &&
                rate_periods_read(&periods, &tenants, self->db, err) &&
                find_accounts(self, late, &tenants, &accounts, err) &&
                (accounts.count == 0 || bill(self, month, &accounts, err));
    free(accounts.all);
    rate_periods_free(&periods);
    rate_tenants_free(&tenants);
    return done;
}

/* A contract's period that holds an hour of a UTC month is of this month, of the one before (a billing day), or of the next (a zone). */
static bool
may_hold(const UnbilledMonth *usage, UtcMonth month)
{
    return utc_month_end_us(utc_month_next(month)) > usage->first_us &&
           utc_month_start_us(utc_month_previous(month)) <= usage->last_us;
}

/* The first month after `month` of whose periods usage can be; false: none before that of this run. */
static bool
next_month(const Close *self, const Unbilled *late, UtcMonth *month)
{
    bool found = false;
    UtcMonth next = self->request->month;
    for (size_t i = 0; i < late->count; i++) {
        UtcMonth at = utc_month_previous(utc_month_of(late->all[i].first_us));
        at = utc_month_is_before(*month, at) ? at : utc_month_next(*month);
        if (may_hold(&late->all[i], at) && utc_month_is_before(at, next)) {
            next = at;
            found = true;
        }
    }
    *month = next;
    return found;
}

static void
tell(const Close *self, CloseStep *step)
{
    size_t made = 0;
    int length = 0;
    char month[UTC_TEXT_BYTES];
    Buffer numbers = {0};
    Err ignored = {0};
    for (size_t i = 0; i < self->late_count; i++) {
        const RateReport *report = &self->late[i].report;
        for (size_t j = 0; j < report->outcome_count; j++) {
            if (report->outcomes[j].was_final || report->outcomes[j].is_credit_note)
                continue;
            made++;
            if (length < CLOSE_DETAIL_BYTES / 2)
                length += buffer_printf(&numbers, &ignored, ", %s of %s", report->outcomes[j].number,
                                        utc_month_format(self->late[i].month, month))
                              ? (int) strlen(report->outcomes[j].number)
                              : 0;
        }
    }
    snprintf(step->detail, sizeof step->detail,
             "%zu invoice%s of earlier months, whose usage came after they were closed%.*s", made, made == 1 ? "" : "s",
             (int) numbers.length, numbers.length == 0 ? "" : numbers.data);
    buffer_free(&numbers);
}

bool
close_late(Close *self, CloseStep *step, Err *err)
{
    int64_t receipt = 0;
    Unbilled late = {0};
    UtcMonth month = {0, 1};
    bool done = receipt_watermark(self->db, &receipt, err) &&
                unbilled_find(&late, self->db, self->request->month, receipt, err);
    while (done && next_month(self, &late, &month))
        done = bill_month(self, &late, month, err);
    unbilled_free(&late);
    if (done)
        tell(self, step);
    return done;
}
