/**
 * stack - the database that a report reads
 */
#ifndef REPORTS_STACK_H
#define REPORTS_STACK_H

#include "lib/err.h"
#include "lib/utc.h"
#include "schema/db.h"

/** Find the stack (--data DIR or NULL) and connect as the reader. Caller frees with db_free(). NULL: with a hint how to
 *  start it. */
MUST_CHECK Db *stack_connect(const char *data_option, Err *err);

/** The same as the rater, who alone reads evidence: for reports that need single invocations. */
MUST_CHECK Db *stack_connect_evidence(const char *data_option, Err *err);

/** Parse --month; NULL gives the current UTC month. ERR_USAGE. */
MUST_CHECK bool stack_month(const char *option, UtcMonth *month, Err *err);

/** Is the tenant known? ERR_NOT_FOUND with a hint otherwise. NULL is always known. */
MUST_CHECK bool stack_tenant_check(Db *db, const char *tenant, Err *err);

#endif
