/**
 * alternative_functions - an alternative that is the same functions, rated in another way
 *
 * Another provider's price book, another architecture, other memory sizes, another granularity (a book's own): all of
 * them are the same invocations with the same run times, rated once more by the rater.
 */
#ifndef REPORTS_ALTERNATIVE_FUNCTIONS_H
#define REPORTS_ALTERNATIVE_FUNCTIONS_H

#include "reports/alternative.h"
#include "reports/savings_usage.h"

enum { MEMORY_MB_LEAST = 128 }; /* what the smallest function of the shipped books has */

/** Read `functions:` if it is there. ERR_INPUT "FILE:LINE: …", ERR_NOMEM. */
MUST_CHECK bool alternative_functions_read(const YamlNode *root, Alternative *self, Err *err);
void alternative_functions_free(AlternativeFunctions **self);

/** The least memory size that would have held all runs of this size that say what they used: whole MB, at least
 *  MEMORY_MB_LEAST. The size itself when not one of them says so, or when it is no larger. */
int64_t usage_size_right(const UsageSize *size);

/** What the rater has to suppose (`rate --suppose`): {"any_book", "architecture", "memory": [{"tenant", "function",
 *  "memory_mb", "as_mb"}…]}. Caller releases. NULL: ERR_NOMEM. */
MUST_CHECK Json *alternative_functions_supposed(const AlternativeFunctions *self, const SavingsUsage *usage, Err *err);

/** A quote row as it would be: architecture and memory changed. `row` is written to. ERR_NOMEM. */
MUST_CHECK bool
alternative_functions_change(const AlternativeFunctions *self, const SavingsUsage *usage, Json *row, Err *err);

/** Take the rater's answer (owned from now on) and make costs of its lines, each with the amount that it is billed. ERR_INPUT,
 *  ERR_NOMEM. `account`: as of rater_documents(). */
MUST_CHECK bool alternative_functions_take(Alternative *self, Json *answer, const char *account, Err *err);

/** The documents of a rater's answer: it is one, an array of them, or an object that holds the array as "invoices". `account`: those of
 *  this account alone; NULL: all. The array is the caller's, the documents are borrowed. NULL: ERR_NOMEM. */
MUST_CHECK Json **rater_documents(Json *answer, const char *account, size_t *count, Err *err);

#endif
