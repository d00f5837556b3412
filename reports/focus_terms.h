/**
 * focus_terms - fees of prepaid units by term, and what of them each billing period bears
 *
 * A fee is billed once, and covers the time from the start of the period that billed it to the end of its term: it is spread over that by time, to 12
 * decimals, in such a way that the parts of all periods add up to it exactly. What was billed is read from the final documents, voids included.
 */
#ifndef REPORTS_FOCUS_TERMS_H
#define REPORTS_FOCUS_TERMS_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "schema/db.h"

typedef struct FocusTerms FocusTerms;

/** Read them, of one tenant or all (NULL). Caller frees. NULL: errors of rater_call() and of the database. */
MUST_CHECK FocusTerms *focus_terms_read(Db *db, const char *data, const char *tenant, Err *err);
void focus_terms_free(FocusTerms **self);

/** A term of the contract that a document was made under; its name stands in the set. */
typedef struct FocusTerm {
    const char *name;
    size_t place;
} FocusTerm;

/** Is an item of this document the fee of a term? */
bool focus_terms_is_fee(const FocusTerms *self, Json *document, const char *name);

/** The next term of a document, `*at` from 0 on; false: no more. */
bool focus_terms_next(const FocusTerms *self, Json *document, size_t *at, FocusTerm *out);

/** What of its fee the document's period bears, in the currency that is paid in; 0 outside of the term, or while no final document has billed it. A
 *  preview bears its part of the fee that it bills itself. ERR_INPUT. */
MUST_CHECK bool focus_terms_part(const FocusTerms *self, const FocusTerm *term, Json *document, mpq_t out, Err *err);

#endif
