/**
 * quote_contract - a quote under a contract: which book and period, and the statement
 */
#ifndef RATER_QUOTE_CONTRACT_H
#define RATER_QUOTE_CONTRACT_H

#include <stdio.h>

#include "rater/document.h"
#include "rater/statement_balances.h"

typedef struct QuoteContract {
    Contract *contract;
    StatementBalances balances;
    int64_t period_start_us;
    int64_t period_end_us;
} QuoteContract;

/** Read a contract and, unless NULL, the file of balances. Freed with quote_contract_free() in any case. */
MUST_CHECK bool
quote_contract_open(QuoteContract *self, const char *contract, const char *balances, UtcMonth month, Err *err);
void quote_contract_free(QuoteContract *self);

/** The answer as JSON, or the statement for people behind the table of lines. ERR_INPUT: usage of several tenants. */
MUST_CHECK Json *
quote_contract_answer(const QuoteContract *self, const Rated *rated, const PriceBook *book, bool free_tier, Err *err);
MUST_CHECK bool
quote_contract_print(const QuoteContract *self, FILE *out, const Rated *rated, const PriceBook *book, Err *err);

#endif
