/**
 * savings_file - usage from a file: quote rows or usage records
 *
 * A quote row is so many invocations of this duration each; a usage record is one invocation with its start, so that it
 * is known what ran at a time. A JSON array or NDJSON.
 */
#ifndef REPORTS_SAVINGS_FILE_H
#define REPORTS_SAVINGS_FILE_H

#include "reports/savings_usage.h"

enum { SAVINGS_USAGE_BYTES_MAX = 512 << 20 };

/** Read rows or records into an empty usage (`name` stands for the file in messages). When they are records, `quote_rows`
 *  gets the same usage as quote rows in NDJSON; else it stays empty and the text itself can be quoted. Of records with the
 *  same identity (tenant, request_id, attempt) and the same content one counts; those without a request_id all count.
 *  `month`: records that started in another one are left out, but what they ran inside it counts in the sweep; NULL: all have
 *  to lie in one month. On failure: ERR_INPUT with the row's number. Caller clears `self` in any case. */
MUST_CHECK bool
savings_file_read(Text text, const char *name, const UtcMonth *month, SavingsUsage *self, Buffer *quote_rows, Err *err);

#endif
