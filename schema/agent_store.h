/**
 * agent_store - CURVE public keys that may speak to a collector, and for which tenants
 */
#ifndef SCHEMA_AGENT_STORE_H
#define SCHEMA_AGENT_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"

enum { AGENT_KEY_BYTES = 40 }; /* Z85 */

/** Register a key. Registering the same name with the same key again changes nothing; another key for a name that is in
 *  use, or a key in use by another name, is ERR_EXISTS. A revoked key stays revoked: ERR_CONFLICT. */
MUST_CHECK bool agent_add(Db *db, const char *name, const char *public_key, bool all_tenants, Err *err);

/** Let an agent speak for a tenant. ERR_NOT_FOUND. */
MUST_CHECK bool agent_allow_tenant(Db *db, const char *name, const char *tenant, Err *err);

/** Take a tenant from it again, from the next batch on. ERR_NOT_FOUND; ERR_CONFLICT (it speaks for all). */
MUST_CHECK bool agent_deny_tenant(Db *db, const char *name, const char *tenant, Err *err);

/** Give an agent a new key in place of its present one, which is refused after `grace_s` seconds (0: at once). Its streams
 *  and watermarks go on. A transaction of its own; giving it the key that it has changes nothing. ERR_NOT_FOUND;
 *  ERR_CONFLICT (revoked); ERR_EXISTS (the key is or was somebody's); ERR_INPUT. */
MUST_CHECK bool agent_rotate(Db *db, const char *name, const char *public_key, int64_t grace_s, Err *err);

/** From now on the key is refused, on open connections too. ERR_NOT_FOUND. */
MUST_CHECK bool agent_revoke(Db *db, const char *name, Err *err);

typedef struct AgentRow {
    int64_t agent_id;
    const char *name;       /* borrowed for the time of the callback */
    const char *public_key; /* AGENT_KEY_BYTES characters */
    bool all_tenants;
    bool revoked;
} AgentRow;
typedef bool (*AgentVisit)(void *context, const AgentRow *row, Err *err);

/** Every agent, ordered by name. */
MUST_CHECK bool agent_list(Db *db, AgentVisit visit, void *context, Err *err);

/** Every key that is good now, in no order: one row for each, former keys in their time of grace included. */
MUST_CHECK bool agent_keys(Db *db, AgentVisit visit, void *context, Err *err);

#endif
