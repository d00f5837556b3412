#include "rater/stack.h"

#include "lib/config.h"
#include "schema/migrate.h"

MUST_CHECK Db *
rater_connect(const char *data_option, const char *program, Err *err)
{
    Config config;
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_load(data_option, &config, err) || !config_conninfo(&config, "millibill_rater", conninfo, err))
        return NULL;
    Db *db = db_connect(conninfo, program, err);
    if (db != NULL && !migrate_check(db, err))
        db_free(&db);
    return db;
}
