/**
 * remake - a document, draft or final, made again from what it names and compared byte for byte
 *
 * A document says its tenant, its account, its period, the receipt up to which usage was looked at, its price book by digest, its
 * contract by revision, and what it carries of earlier periods from receipt to receipt. With these its canonical JSON
 * follows from the evidence at any later time, whether the database still has the document or not: drafts are replaced
 * by the next one. All is read in one snapshot and nothing is changed.
 */
#ifndef RATER_REMAKE_H
#define RATER_REMAKE_H

#include "lib/json.h"
#include "rater/verify.h"

/** A document as it is given, in canonical form. */
typedef struct RemakeRequest {
    Json *document;        /* borrowed */
    const char *canonical; /* the same as text */
} RemakeRequest;

/** Make a draft again. `*made` is its canonical JSON (the caller frees it), and differences are noted in `report` under VERIFY_INVOICES.
 *  ERR_NOT_FOUND and ERR_INPUT: what it names is not there, or it is no draft of an invoice or credit note; ERR_CORRUPT, ERR_DATABASE, ERR_BUSY, ERR_NOMEM. */
MUST_CHECK bool remake_draft(Db *db, const RemakeRequest *request, VerifyReport *report, char **made, Err *err);

/** Check the final document that has its number against the evidence, and this one against it. As above. */
MUST_CHECK bool remake_final(Db *db, const RemakeRequest *request, VerifyReport *report, char **made, Err *err);

#endif
