#include "rater/formula.h"

#include <stdlib.h>

#include "lib/decimal.h"
#include "rater/document.h"

void
formula_text(Formula *self, const char *text)
{
    Err ignored = {0};
    self->failed = self->failed || !buffer_append_text(&self->text, text, &ignored);
}

void
formula_figure(Formula *self, const mpq_t figure)
{
    Err ignored = {0};
    char *text = decimal_format_exact(figure, &ignored);
    self->failed = self->failed || text == NULL;
    formula_text(self, text == NULL ? "" : text);
    free(text);
}

void
formula_free(Formula *self)
{
    buffer_free(&self->text);
}

MUST_CHECK bool
step_add(Json *steps, const char *step, const char *says, Formula *formula, const mpq_t result, const char *unit,
         Err *err)
{
    if (formula != NULL && formula->failed)
        return err_set(err, ERR_NOMEM, "no memory for a formula");
    Json *entry = json_new_object(err);
    return entry != NULL && json_append(steps, entry, err) && json_add_text(entry, "step", step, err) &&
           json_add_text(entry, "says", says, err) &&
           json_add_text(entry, "formula", formula == NULL ? NULL : formula->text.data, err) &&
           document_add_exact(entry, "result", result, err) && json_add_text(entry, "unit", unit, err);
}

Formula
formula_of(const mpq_t a, const char *operator1, const mpq_t b, const char *operator2, const mpq_t c)
{
    Formula formula = {{0}, false};
    formula_figure(&formula, a);
    formula_text(&formula, operator1);
    formula_figure(&formula, b);
    if (operator2 != NULL) {
        formula_text(&formula, operator2);
        formula_figure(&formula, c);
    }
    return formula;
}
