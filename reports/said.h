/**
 * said - a sentence that is said later, in whatever language: its form, and what stands in the form's places
 *
 * A form is English with places {1} to {9}; its translations have the same places, in their own order (words.h).
 */
#ifndef REPORTS_SAID_H
#define REPORTS_SAID_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/text.h"
#include "reports/words.h"

enum { SAID_BYTES = 256, SAID_VALUES_MAX = 9 };

/** What stands in a place; borrowed. */
typedef struct SaidValue {
    const char *text;
    bool is_figure; /* "1,234.5", which a language writes in its own way */
} SaidValue;

/** Values for said_of(), in the order of the places. */
#define SAID_NAME(text) ((SaidValue){(text), false})
#define SAID_FIGURE(text) ((SaidValue){(text), true})
#define SAID_WITH(...) ((const SaidValue[]){__VA_ARGS__, {NULL, false}})
#define SAID_PLAINLY ((const SaidValue[]){{NULL, false}})

typedef struct Said {
    const char *form;        /* borrowed: a literal */
    char values[SAID_BYTES]; /* one behind the other, each with its NUL */
    size_t length;
    unsigned count;
    unsigned figures; /* a bit for each value: it is a figure */
} Said;

/** Copies the values up to the first NULL; what does not fit is cut, at the end of a character. */
Said said_of(const char *form, const SaidValue *values);

/** Append the sentence in that language; `words` NULL: in English. ERR_NOMEM. */
MUST_CHECK bool said_append(const Said *self, const Words *words, Buffer *out, Err *err);

#endif
