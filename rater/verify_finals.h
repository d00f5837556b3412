/**
 * verify_finals - final invoices against the signed heads: none may be deleted or replaced once a head was signed over it
 *
 * Each invoice that the database has under a head must be there as it was signed. Where the database has lost the head as well,
 * or its list, the heads file names the invoices that are missed.
 */
#ifndef RATER_VERIFY_FINALS_H
#define RATER_VERIFY_FINALS_H

#include "rater/verify.h"
#include "schema/heads_line.h"
#include "schema/verify_seal_store.h"

typedef struct Finals Finals;

/** Caller frees with finals_free(). NULL: ERR_NOMEM. */
MUST_CHECK Finals *finals_new(Db *db, VerifyReport *report, Err *err);
void finals_free(Finals **self);

/** An invoice under a head of the database: is it still what was signed? */
MUST_CHECK bool finals_check_sealed(Finals *self, const VerifySealedInvoice *row, Err *err);

/** A line of the heads file whose head, or whose invoices, the database does not have: remember its invoices. */
MUST_CHECK bool finals_take_listed(Finals *self, const HeadsLine *line, Err *err);
/** The database was set back on purpose: what later heads covered is not missed. */
void finals_set_back(Finals *self, int64_t head_number);
/** After the file: those remembered must be there. */
MUST_CHECK bool finals_check_listed(Finals *self, Err *err);

/** A note, when there are final invoices that no head covers yet. */
MUST_CHECK bool finals_note_unsealed(Finals *self, Err *err);

#endif
