/**
 * tenant_store - who is billed, and the accounts they belong to
 */
#ifndef SCHEMA_TENANT_STORE_H
#define SCHEMA_TENANT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"

/** Register a tenant (1..255 bytes of clean UTF-8); `account` NULL: its own account of the same name, else that account,
 *  made when it does not exist. ERR_EXISTS, ERR_INPUT. `*tenant_id` may be NULL. */
MUST_CHECK bool tenant_add(Db *db, const char *name, const char *account, int64_t *tenant_id, Err *err);

/** Register those of `names` that are unknown, each with its own account, inside the caller's transaction. `is_new` has
 *  `count` members. */
MUST_CHECK bool tenant_introduce(Db *db, const Text *names, size_t count, bool *is_new, Err *err);

/** Ids of tenants by name; 0 where there is none. `ids` has `count` members. */
MUST_CHECK bool tenant_ids(Db *db, const Text *names, size_t count, int64_t *ids, Err *err);

/** The id of one tenant. ERR_NOT_FOUND with a hint. */
MUST_CHECK bool tenant_id_of(Db *db, const char *name, int64_t *id, Err *err);

/** The account's name in SQL, for a tenant `t` left joined with its account `a`: the evidence of a tenant must not fall out of
 *  sight because somebody took away the row of its account. */
#define TENANT_ACCOUNT_NAME "coalesce(a.name, 'missing account ' || t.account_id)"

typedef struct TenantRow {
    int64_t tenant_id;
    const char *name; /* borrowed for the time of the callback */
    const char *account;
    const char *created_at;   /* RFC 3339 */
    int64_t service_start_us; /* of the account; 0: before all */
    int64_t service_end_us;   /* first instant without service; 0: after all */
} TenantRow;
typedef bool (*TenantVisit)(void *context, const TenantRow *row, Err *err);

/** Appended to `ids` (an array of int64_t): tenants that were made after this one. */
MUST_CHECK bool tenant_ids_after(Db *db, int64_t tenant_id, int64_t **ids, size_t *count, size_t *capacity, Err *err);

/** Every tenant with its account of this month, or of another; ordered by name. Streamed: the visitor uses another connection, if any. */
MUST_CHECK bool tenant_list(Db *db, TenantVisit visit, void *context, Err *err);
MUST_CHECK bool tenant_list_in(Db *db, UtcMonth month, TenantVisit visit, void *context, Err *err);
/** The same by the moves between accounts that were given before an instant (RFC 3339). */
MUST_CHECK bool
tenant_list_before(Db *db, UtcMonth month, const char *moved_before, TenantVisit visit, void *context, Err *err);

/** When tenants that ever belonged to an account were moved, from months up to this one: the latest first. Caller frees `*moves`. */
typedef struct TenantMove {
    char at[UTC_TEXT_BYTES]; /* RFC 3339 */
} TenantMove;
MUST_CHECK bool tenant_moves(Db *db, UtcMonth month, const char *account, TenantMove **moves, size_t *count, Err *err);

#endif
