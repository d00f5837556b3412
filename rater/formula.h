/**
 * formula - arithmetic written out for people, figure by figure
 *
 * A formula that memory was refused for is marked, and step_add says so.
 */
#ifndef RATER_FORMULA_H
#define RATER_FORMULA_H

#include <gmp.h>
#include <stdbool.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"

/** A formula on its way: text with figures in it. */
typedef struct Formula {
    Buffer text;
    bool failed;
} Formula;
void formula_text(Formula *self, const char *text);
void formula_figure(Formula *self, const mpq_t figure);
/** a OPERATOR1 b OPERATOR2 c; without `operator2` the third is left out. Freed with formula_free(). */
Formula formula_of(const mpq_t a, const char *operator1, const mpq_t b, const char *operator2, const mpq_t c);
void formula_free(Formula *self);

/** Append {"step", "says", "formula" (NULL: none), "result", "unit"} to `steps`. */
MUST_CHECK bool step_add(Json *steps, const char *step, const char *says, Formula *formula, const mpq_t result,
                         const char *unit, Err *err);

#endif
