/**
 * statement_balances - what earlier final invoices used and what is brought forward, read from JSON
 *
 * {"used":[{"kind","name","amount","quantity","basis","items"}],"adjustments":[{"name","description","amount"}]}: the form of
 * `quote --balances` and of what the database sums up.
 */
#ifndef RATER_STATEMENT_BALANCES_H
#define RATER_STATEMENT_BALANCES_H

#include "lib/json.h"
#include "rater/statement.h"

typedef struct StatementBalances {
    Json *json; /* the texts stand here */
    StatementUsed *used;
    size_t used_count;
    StatementAdjustment *adjustments;
    size_t adjustment_count;
} StatementBalances;

/** Read. Freed with statement_balances_free() in any case. ERR_INPUT names the entry. */
MUST_CHECK bool statement_balances_read(StatementBalances *self, Text text, Err *err);
/** Add to what is used. Names are borrowed. ERR_NOMEM. */
MUST_CHECK bool statement_balances_add(StatementBalances *self, const StatementUsed *used, size_t count, Err *err);
void statement_balances_free(StatementBalances *self);

#endif
