/**
 * verify_conservation - the summary of verify: what became of all records of each source and stream
 *
 * No check of its own: the checks streams and ledger prove it batch by batch. It shows the sums.
 */
#ifndef RATER_VERIFY_CONSERVATION_H
#define RATER_VERIFY_CONSERVATION_H

#include "lib/err.h"
#include "lib/json.h"
#include "schema/db.h"

/** An array with one object for each stream and source. NULL on failure; freed with json_object_put(). */
MUST_CHECK Json *conservation_read(Db *db, Err *err);
/** As a table. */
void conservation_print(Json *rows);

#endif
