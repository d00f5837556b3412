/**
 * rater_call - ask the rater, which is a program of its own
 *
 * The parts never include one another: what a report needs rated, it has rated by `millibill-rater` as a person would.
 * The rater's messages go to standard error as they are.
 */
#ifndef REPORTS_RATER_CALL_H
#define REPORTS_RATER_CALL_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"

enum { RATER_ANSWER_BYTES_MAX = 256 << 20, RATER_ARGUMENTS_MAX = 32 };

/** Run millibill-rater with `arguments` (NULL-terminated, without the program's own name), `input` (may be empty) on its
 *  standard input, and parse what it prints; `partial`: also when it ends with 1 for something that it skipped. Caller releases. NULL: ERR_NOT_FOUND (no such program beside this one), ERR_IO,
 *  ERR_INPUT (it failed, and said why itself; or its answer is not JSON). */
MUST_CHECK Json *rater_call(const char *const *arguments, Text input, bool partial, Err *err);

/** The same of another report of this part, as it prints it with --json: what stands on two pages comes from one place. */
MUST_CHECK Json *report_call(const char *const *arguments, Err *err);

#endif
