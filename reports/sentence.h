/**
 * sentence - a line of a report whose figures are made on the spot
 */
#ifndef REPORTS_SENTENCE_H
#define REPORTS_SENTENCE_H

#include "lib/err.h"
#include "lib/text.h"

enum { FIGURES_MAX = 4 };
#define FIGURES(...) ((char *[FIGURES_MAX + 1]){__VA_ARGS__, NULL})

/** Append `format`: each `%s` takes the next figure, at most FIGURES_MAX. Takes the figures; one that could not be made
 *  (NULL) ends them, and `err` says why. */
MUST_CHECK bool sentence(Buffer *out, Err *err, const char *format, char *figures[FIGURES_MAX + 1]);

#endif
