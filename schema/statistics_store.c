#include "schema/statistics_store.h"

bool
statistics_keep(Db *db, Err *err)
{
    return db_run(db, "SELECT statistics_keep()", NULL, 0, NULL, err) || err_prefix(err, "statistics of tables: ");
}
