/**
 * figures - exact numbers between JSON, rationals and a reader's eye
 *
 * Every quantity and amount of a report is a rational; these are the few ways in and out that all reports share.
 */
#ifndef REPORTS_FIGURES_H
#define REPORTS_FIGURES_H

#include <gmp.h>
#include <stdbool.h>

#include "lib/decimal.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"

/** Read member `key` (a number or a decimal string) into `out` (initialised by the caller). A missing member is
 *  ERR_INPUT. */
MUST_CHECK bool figure_read(Json *object, const char *key, mpq_t out, Err *err);

/** The same, but a missing or null member leaves `out` untouched. */
MUST_CHECK bool figure_read_optional(Json *object, const char *key, mpq_t out, Err *err);

/** Add a member as a decimal string: rounded half up to `scale` digits / with as many digits as it takes. */
MUST_CHECK bool figure_add(Json *object, const char *key, const mpq_t value, int scale, Err *err);
MUST_CHECK bool figure_add_exact(Json *object, const char *key, const mpq_t value, Err *err);

/** The same with six digits, and as many more (12 at most) as show three that say something: a rate of a tiny load is not 0. */
MUST_CHECK bool figure_add_rate(Json *object, const char *key, const mpq_t value, Err *err);

/** For people: "1,234,567.89", rounded half up to `scale` digits. Caller frees. */
MUST_CHECK char *figure_people(const mpq_t value, int scale, Err *err);

/** For people: a rate, with three digits after the point, and as many more as show three that say something. Caller frees. */
MUST_CHECK char *figure_rate(const mpq_t value, Err *err);

/** For people: a decimal as a document holds it, with thousands separators and all its digits ("" for NULL). Text
 *  that is not a decimal comes back unchanged. Caller frees. */
MUST_CHECK char *figure_grouped(const char *decimal, Err *err);

/** For people: a decimal as a document holds it, a whole number without a point, any other rounded half up to `scale`
 *  digits after it (so that a column lines up), with thousands separators. Text that is not a decimal comes back unchanged. Caller frees. */
MUST_CHECK char *figure_brief(const char *decimal, int scale, Err *err);

#endif
