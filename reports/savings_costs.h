/**
 * savings_costs - what each function costs by rated documents, and what a right size of memory would save
 *
 * One walk over the documents' functions; everything by the position of the function in the usage.
 */
#ifndef REPORTS_SAVINGS_COSTS_H
#define REPORTS_SAVINGS_COSTS_H

#include <gmp.h>

#include "lib/json.h"
#include "reports/savings_usage.h"

typedef struct SavingsCost {
    mpq_t amount;            /* exact: its entries, added up */
    mpq_t right_size_saving; /* exact; at the unit price of its lines of duration, at most what each entry costs */
} SavingsCost;

/** One for each function of the usage; release with savings_costs_free(). NULL: ERR_INPUT (an entry without its figures), ERR_NOMEM. */
MUST_CHECK SavingsCost *
savings_costs_make(Json *const *documents, size_t document_count, const SavingsUsage *usage, Err *err);
void savings_costs_free(SavingsCost **self, size_t count);

#endif
