/**
 * rate_tenants - the tenants that a rating run is about, found by name
 */
#ifndef RATER_RATE_TENANTS_H
#define RATER_RATE_TENANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "rater/period.h"
#include "rater/rate.h"
#include "schema/db.h"

typedef struct RateTenant {
    int64_t tenant_id;
    const char *name; /* these stand in the set */
    const char *account;
    BillingPeriod period;     /* of the month that was read; the UTC month until rate_periods_find() says otherwise */
    bool has_period;          /* false: its account cannot be rated, its members' periods or price books differ */
    int64_t service_start_us; /* of its account; 0: before all */
    int64_t service_end_us;   /* 0: after all */
    const char *price_book;   /* borrowed, set by rate_books_assign(); NULL: not yet */
    int habit_weeks;          /* of a forecast, set by rate_habit_find(): whole weeks of history, 0: too few */
} RateTenant;

typedef struct RateTenants {
    RateTenant *all; /* by name, bytewise */
    size_t count;
    size_t capacity;
    UtcMonth month;
    int64_t last_id; /* the greatest that was read, also of those left out since */
    Arena *texts;
} RateTenants;

/** Read all tenants, or the members of the account of `tenant`, as accounts are in a month. ERR_NOT_FOUND. Freed with
 *  rate_tenants_free() in any case. */
MUST_CHECK bool rate_tenants_read(RateTenants *self, Db *db, const char *tenant, UtcMonth month, Err *err);
/** The same by the moves between accounts that were given before an instant (RFC 3339; NULL: by all). */
MUST_CHECK bool rate_tenants_read_before(RateTenants *self, Db *db, const char *tenant, UtcMonth month,
                                         const char *moved_before, Err *err);
/** Leave out the tenants of these accounts. */
void rate_tenants_leave_out(RateTenants *self, const char *const *accounts, size_t count);
/** Leave out all others. */
void rate_tenants_keep(RateTenants *self, const char *const *accounts, size_t count);
void rate_tenants_free(RateTenants *self);

/** NULL when there is none of that name. */
const RateTenant *rate_tenants_find(const RateTenants *self, const char *name);
const RateTenant *rate_tenants_find_text(const RateTenants *self, Text name);

/** For qsort() of pointers to tenants: by account, then by name, bytewise. */
int rate_tenants_by_account(const void *left, const void *right);

/** How a tenant's account is rated over a period. `tenant` NULL: as one that is always in service. */
RateOptions rate_options_of(const RateTenant *tenant, int64_t start_us, int64_t end_us, bool free_tier);
/** Any member of an account; NULL: it has none. */
const RateTenant *rate_tenants_member(const RateTenants *self, const char *account);

#endif
