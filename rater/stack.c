#include "rater/stack.h"

#include "rater/rate_stop.h"
#include "schema/migrate.h"

Db *
rater_connect_as(const char *role, const Config *config, const char *program, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_conninfo(config, role, conninfo, err))
        return NULL;
    Db *db = db_connect(conninfo, program, err);
    if (db != NULL)
        db_stop_when(db, rate_stop_catch());
    if (db != NULL && !migrate_check(db, err))
        db_free(&db);
    return db;
}

Db *
rater_connect(const char *data_option, Config *config, const char *program, Err *err)
{
    return config_load(data_option, config, err) ? rater_connect_as("millibill_rater", config, program, err) : NULL;
}
