/**
 * account_store - which account a tenant belongs to from which month on
 *
 * Rows are only added. The account that a tenant was registered with is the one before all.
 */
#ifndef SCHEMA_ACCOUNT_STORE_H
#define SCHEMA_ACCOUNT_STORE_H

#include "lib/err.h"
#include "lib/utc.h"
#include "schema/db.h"

/** The account in SQL of a tenant `t` in the billing period of `month` (a date, its first day): what to join accounts on. */
#define ACCOUNT_IN_MONTH(month) "account_in(t.tenant_id, t.account_id, " month ")"

/** Move a tenant to an account (made when it does not exist) from a month on, as the next revision, in a transaction of its own that
 *  waits for rating runs. ERR_CONFLICT: an invoice of that month or a later one is final for a tenant of the account that it
 *  leaves or joins; ERR_EXISTS: it belongs to it already. As the owner. */
MUST_CHECK bool account_store_move(Db *db, const char *tenant, const char *account, UtcMonth from, const char *by,
                                   int64_t *revision, Err *err);

/** One change (borrowed for the time of the callback). */
typedef struct AccountMove {
    int64_t revision; /* 0: as the tenant was registered */
    const char *from; /* "2026-07"; "" of the first */
    const char *account;
    const char *set_at; /* RFC 3339 */
    const char *set_by; /* "" of the first */
} AccountMove;
typedef bool (*AccountMoveVisit)(void *context, const AccountMove *move, Err *err);

/** All that was said of a tenant, from the first. */
MUST_CHECK bool account_store_history(Db *db, const char *tenant, AccountMoveVisit visit, void *context, Err *err);

/** The service of an account. */
typedef struct AccountService {
    int64_t start_us; /* 0: before all */
    int64_t end_us;   /* first instant without service; 0: after all */
    int64_t revision; /* 0: nothing was said */
} AccountService;

/** What holds of an account. ERR_NOT_FOUND: there is none of that name. */
MUST_CHECK bool account_store_service(Db *db, const char *account, AccountService *service, Err *err);

/** Say when an account's service begins and ends, as its next revision, which is set; in a transaction of its own that waits for rating runs.
 *  ERR_CONFLICT: a period of the account that is final would have another part in service. ERR_NOT_FOUND. As the owner. */
MUST_CHECK bool
account_store_set_service(Db *db, const char *account, AccountService *service, const char *by, Err *err);

#endif
