/**
 * words - the words of documents in a language, and how it writes numbers
 *
 * A language is a file NAME.yaml (two letters by ISO 639-1), of the stack (DATA/languages) or shipped (reports/languages): English text to
 * translation, and `decimal` and `thousands` for figures. What a file leaves out stays English; so does everything where there is no such file.
 * Names, addresses and titles that a contract gives are never translated.
 */
#ifndef REPORTS_WORDS_H
#define REPORTS_WORDS_H

#include <stddef.h>

#include "lib/err.h"

typedef struct Words Words;

/** The words of a language ("", "en" and one without a file: English), read once in a process and never freed. `data`: the stack's
 *  directory, or NULL. NULL: ERR_INPUT (FILE:LINE), ERR_NOMEM. */
MUST_CHECK const Words *words_of(const char *language, const char *data, Err *err);

/** A text in that language; the text itself where there is no translation. Borrowed. */
const char *words_say(const Words *self, const char *english);

/** A figure with separators ("1,234.50") as the language writes it ("1.234,50"). Takes the figure; NULL stays NULL. Caller frees. */
MUST_CHECK char *words_figure(const Words *self, char *figure, Err *err);

/** How lines were rounded ("half up, 2 digits, each line"), in that language; what is no such text comes back as it is. Caller frees. NULL:
 *  ERR_NOMEM. */
MUST_CHECK char *words_rounding(const Words *self, const char *english, Err *err);

/** A description of an item ("vat: Germany, 19 % of 400.00") with the words in it that are ours, and its figure, in that language. Caller
 *  frees. NULL: ERR_NOMEM. */
MUST_CHECK char *words_sentence(const Words *self, const char *english, Err *err);

/** What is said on invoices, and what else on savings reports, NULL-terminated: a language file is checked against both. A text may have
 *  places, {1} to {9}, which its translation has too (said.h fills them). */
extern const char *const WORDS_ALL[];
extern const char *const WORDS_SAVINGS[];

/** The language's two letters. */
const char *words_language(const Words *self);

#endif
