/**
 * statistics_store - what PostgreSQL's planner knows of our tables
 *
 * A table that was filled since autovacuum came by is one row to the planner. Whoever wrote much, or is about to read much, asks first; it
 * costs a look at the sizes of the tables' files where nothing has grown.
 */
#ifndef SCHEMA_STATISTICS_STORE_H
#define SCHEMA_STATISTICS_STORE_H

#include "lib/err.h"
#include "schema/db.h"

/** As the compactor or the rater: ANALYZE each table that has more than doubled since it was last analyzed. Outside of a transaction, for
 *  the statistics of others to be seen at once and locks to be short. Nothing on a server that is read only. ERR_BUSY, ERR_DATABASE. */
MUST_CHECK bool statistics_keep(Db *db, Err *err);

#endif
