/**
 * explain_line - from a line of an invoice down to its invocations, with the arithmetic of each step
 *
 * The evidence at the invoice's watermark is rated again by the pure core; each step is written as a formula whose figures the core
 * used and whose result the core found: a formula that does not give the core's result is left out, never printed. Reads one
 * snapshot and changes nothing. Memory: one row for each configuration of the account, and what is printed.
 */
#ifndef RATER_EXPLAIN_LINE_H
#define RATER_EXPLAIN_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "schema/db.h"

enum { EXPLAIN_ROWS_SHOWN = 10 };

typedef struct ExplainLineRequest {
    const char *invoice;  /* number, id or "latest" */
    const char *tenant;   /* NULL: whoever has it */
    int64_t line;         /* from 1 */
    const char *function; /* NULL: the line's functions; else the hours of this one */
    int64_t hour_us;      /* with `function`: the invocations of this hour; INT64_MIN: the hours */
    bool all;             /* everything, not EXPLAIN_ROWS_SHOWN */
} ExplainLineRequest;

/** `invoice`, `line`, `price_book`, `steps` (step, says, formula, result, unit); `functions`, or `hours`, or `segments` and
 *  `invocations` (each with formula and quantity), with what was left out. Caller releases. NULL: ERR_NOT_FOUND (invoice, line,
 *  function), ERR_CONFLICT (several tenants have that number), ERR_DIFFERENCE (the evidence does not give this line any
 *  more), ERR_CORRUPT, ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK Json *explain_line(Db *db, const ExplainLineRequest *request, Err *err);

/** The same for people; what came from outside is made harmless. ERR_NOMEM. */
MUST_CHECK bool explain_line_text(Json *explanation, Buffer *out, Err *err);

#endif
