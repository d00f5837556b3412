#include "rater/rate_books.h"

#include <stdlib.h>
#include <string.h>

#include "rater/rate_book.h"
#include "rater/rate_report.h"

const char *
rate_books_name(const RateContract *contract, const char *name)
{
    return contract == NULL || contract->contract == NULL || contract->contract->price_book == NULL
               ? name
               : contract->contract->price_book;
}

/* ---- who goes by which ---- */

static bool
refuse_mixed(RateMonth *self, const RateTenant *one, const RateTenant *other, Err *err)
{
    Err reason = {0};
    err_set(&reason, ERR_INPUT,
            "its tenants share free tiers and tiers, but not one price book: '%.60s' goes by %.64s, '%.60s' by %.64s",
            one->name, one->price_book, other->name, other->price_book);
    err_hint(&reason, "give all of them contracts that name one, or move one to another account");
    return rate_skip_add(self, one->account, &reason, err);
}

/* Tenants from `first` until `end` are of one account. */
static bool
check_account(RateMonth *self, RateTenant *const *first, RateTenant *const *end, Err *err)
{
    for (RateTenant *const *at = first + 1; at < end; at++) {
        if (strcmp((*at)->price_book, (*first)->price_book) == 0)
            continue;
        const bool told = !(*first)->has_period;
        for (RateTenant *const *member = first; member < end; member++)
            (*member)->has_period = false;
        return told || refuse_mixed(self, *first, *at, err);
    }
    return true;
}

static bool
check_accounts(RateMonth *self, Err *err)
{
    const size_t count = self->tenants.count;
    RateTenant **order = calloc(count + 1, sizeof(RateTenant *));
    if (order == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", count);
    for (size_t i = 0; i < count; i++)
        order[i] = &self->tenants.all[i];
    if (count > 1)
        qsort(order, count, sizeof(order[0]), rate_tenants_by_account);
    bool done = true;
    for (size_t start = 0, end = 0; done && start < count; start = end) {
        while (end < count && strcmp(order[end]->account, order[start]->account) == 0)
            end++;
        done = check_account(self, order + start, order + end, err);
    }
    free(order);
    return done;
}

bool
rate_books_assign(RateMonth *self, Err *err)
{
    const RateRequest *request = self->request;
    bool several = false;
    for (size_t i = 0; i < self->tenants.count; i++) {
        RateTenant *tenant = &self->tenants.all[i];
        const RateContract *contract =
            request->any_book ? NULL : rate_contracts_find(&self->contracts, tenant->tenant_id);
        tenant->price_book = rate_books_name(contract, request->price_book);
        several = several || strcmp(tenant->price_book, request->price_book) != 0;
    }
    return !several || check_accounts(self, err);
}

/* ---- one after the other ---- */

/* The least name after the present one among tenants with the period at hand. */
static const char *
next_name(const RateMonth *self)
{
    const char *next = NULL;
    for (size_t i = 0; i < self->tenants.count; i++) {
        const RateTenant *tenant = &self->tenants.all[i];
        if (rate_has_period(self, tenant) &&
            (self->book_name == NULL || strcmp(tenant->price_book, self->book_name) > 0) &&
            (next == NULL || strcmp(tenant->price_book, next) < 0))
            next = tenant->price_book;
    }
    return next;
}

static bool
skip_all(RateMonth *self, const Err *reason, Err *err)
{
    const char *last = "";
    for (size_t i = 0; i < self->tenants.count; i++) {
        const RateTenant *tenant = &self->tenants.all[i];
        if (!rate_is_at_hand(self, tenant) || strcmp(tenant->account, last) == 0)
            continue;
        last = tenant->account;
        if (!rate_skip_add(self, tenant->account, reason, err))
            return false;
    }
    return true;
}

bool
rate_books_next(RateMonth *self, bool *more, Err *err)
{
    while ((self->book_name = next_name(self)) != NULL) {
        Err reason = {0};
        *more = true;
        self->book = rate_book_of(self->request->calendar, self->book_name, &self->period, &reason);
        if (self->book != NULL)
            return true;
        if (strcmp(self->book_name, self->request->price_book) == 0 || reason.code == ERR_NOMEM ||
            reason.code == ERR_DATABASE || reason.code == ERR_BUSY) {
            *err = reason;
            return false;
        }
        if (!skip_all(self, &reason, err))
            return false;
    }
    *more = false;
    return true;
}
