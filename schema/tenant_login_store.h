/**
 * tenant_login_store - database roles of tenants: millibill_tenant_ID
 *
 * The role's name holds the tenant's id, and policies ask the name: there is nothing that a tenant could set. What such a
 * role may do comes from the group millibill_tenant; that it may look into this database's schema at all is granted to the
 * role itself, so that the same name made for another database of the same cluster opens nothing here.
 */
#ifndef SCHEMA_TENANT_LOGIN_STORE_H
#define SCHEMA_TENANT_LOGIN_STORE_H

#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"

enum { TENANT_ROLE_BYTES = 48 };

void tenant_login_role(int64_t tenant_id, char role[TENANT_ROLE_BYTES]);

/** As a role that may create roles: make the tenant's role, or give it a new password. The server gets a verifier (SCRAM)
 *  only. ERR_EXISTS: the role belongs to another database of this cluster. */
MUST_CHECK bool tenant_login_make(Db *db, int64_t tenant_id, const char *password, Err *err);

/** Take the role away. ERR_NOT_FOUND, ERR_CONFLICT (it is logged in). */
MUST_CHECK bool tenant_login_drop(Db *db, int64_t tenant_id, Err *err);

#endif
