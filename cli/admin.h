/**
 * admin - what the administration commands share
 */
#ifndef CLI_ADMIN_H
#define CLI_ADMIN_H

#include "lib/config.h"
#include "lib/err.h"
#include "schema/db.h"

/** Find the stack and connect to its database in a role. Caller frees. NULL: a hint says how to start it. */
MUST_CHECK Db *admin_connect(const char *data_option, const char *role, Config *config, Err *err);

/** May this be the name of a tenant or an account (`what`)? ERR_USAGE. */
MUST_CHECK bool tenant_name_check(const char *what, const char *name, Err *err);

/** May this be an agent's name? It is part of the name of a file. ERR_USAGE. */
MUST_CHECK bool agent_name_check(const char *name, Err *err);

#endif
