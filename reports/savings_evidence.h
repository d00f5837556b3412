/**
 * savings_evidence - usage of a month as the stack holds it
 *
 * Sums come from rollups; single executions, for what ran at a time, from the segments themselves, less exclusions. Both are
 * read in one snapshot. What started on the last day of the month before and ran into the month counts in the sweep.
 */
#ifndef REPORTS_SAVINGS_EVIDENCE_H
#define REPORTS_SAVINGS_EVIDENCE_H

#include "reports/savings_usage.h"
#include "schema/db.h"

/** Whose usage is read. */
typedef struct SavingsTenants {
    const char *const *names; /* borrowed */
    size_t count;
} SavingsTenants;

/** Read the usage of some tenants (NULL: of all) into an empty usage. Shows its progress on a terminal. ERR_NOT_FOUND (no
 *  such tenant), ERR_CORRUPT (a segment cannot be read), ERR_DATABASE, ERR_BUSY, ERR_IO, ERR_NOMEM. Caller clears `usage`
 *  in any case. */
MUST_CHECK bool
savings_evidence_read(Db *db, const SavingsTenants *only, UtcMonth month, SavingsUsage *usage, Err *err);

#endif
