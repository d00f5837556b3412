/**
 * stack - the database that a command of the rater reads
 */
#ifndef RATER_STACK_H
#define RATER_STACK_H

#include "lib/err.h"
#include "schema/db.h"

/** Find the stack (--data DIR or NULL) and connect as the rater; its schema is as new as this program. Caller frees with
 *  db_free(). NULL: with a hint. */
MUST_CHECK Db *rater_connect(const char *data_option, const char *program, Err *err);

#endif
