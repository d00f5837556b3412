/**
 * migrate - the schema from numbered files, its functions, views, grants and roles
 *
 * schema/migrations/NNNN_name.sql are applied in order, each in one transaction, and remembered with their digest in
 * millibill.migrations: an applied file that was edited since is an error. Functions and views (schema/views/NN_*.sql) and
 * grants (schema/grants.sql) are no history: they are made anew, in one transaction, whenever a file changed. An
 * advisory lock lets one run at a time.
 */
#ifndef SCHEMA_MIGRATE_H
#define SCHEMA_MIGRATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"

typedef struct MigrateReport {
    int known;            /* migrations that were there */
    int applied;          /* migrations that this run applied */
    int last_number;      /* of the newest one now */
    bool views_refreshed; /* functions, views and grants were made anew */
    char last_name[128];  /* "0002_billing" */
} MigrateReport;

/** As a superuser (or a role with CREATEROLE and CREATE on the database): make the roles and the schema, owned by
 *  millibill_owner. May be run again. */
MUST_CHECK bool migrate_roles(Db *superuser, Err *err);

/** As millibill_owner: bring the schema up to date, make the installation's row and the partitions of this month and of
 *  the next three. May be run again. ERR_CORRUPT names an edited file; ERR_CONFLICT a database newer than this program. */
MUST_CHECK bool migrate_run(Db *owner, MigrateReport *report, Err *err);

/** Make the installation's row (a random incarnation) when it is missing. Part of migrate_run. */
MUST_CHECK bool installation_ensure(Db *owner, Err *err);

/** As any role: is every migration of this program applied? ERR_CONFLICT with a hint otherwise. */
MUST_CHECK bool migrate_check(Db *db, Err *err);

#endif
