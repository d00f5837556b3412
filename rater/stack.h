/**
 * stack - the database that a command of the rater works on
 */
#ifndef RATER_STACK_H
#define RATER_STACK_H

#include "lib/config.h"
#include "lib/err.h"
#include "schema/db.h"

/** Connect as `role` to the database of a loaded configuration; its schema is as new as this program. Caller frees with
 *  db_free(). NULL: with a hint. */
MUST_CHECK Db *rater_connect_as(const char *role, const Config *config, const char *program, Err *err);

/** Find the stack (--data DIR or NULL), load its configuration into `config` and connect as the rater. As above. */
MUST_CHECK Db *rater_connect(const char *data_option, Config *config, const char *program, Err *err);

#endif
