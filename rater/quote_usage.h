/**
 * quote_usage - usage rows for quote: a JSON array, or one JSON object a line
 *
 * Each row says how many invocations of one duration there were. Numbers keep their digits. Every mistake names file, line
 * (of NDJSON) or row (of an array, from 1), field and what to do.
 */
#ifndef RATER_QUOTE_USAGE_H
#define RATER_QUOTE_USAGE_H

#include "lib/err.h"
#include "lib/text.h"
#include "rater/usage.h"

enum { QUOTE_USAGE_BYTES_MAX = 512 << 20 };
#define QUOTE_INVOCATIONS_MAX UINT64_C(1000000000000000000)

/** Read rows from a file ("-": standard input) and add them to `rows`, all under one account: the tenant's name if there
 *  is one tenant, else "default". ERR_IO, ERR_INPUT, ERR_NOMEM. */
MUST_CHECK bool quote_usage_read(const char *path, RatingRows *rows, Err *err);

/** The same from text; `file` stands for the file in messages. */
MUST_CHECK bool quote_usage_parse(Text text, const char *file, RatingRows *rows, Err *err);

#endif
