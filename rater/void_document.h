/**
 * void_document - the document that takes a final document back: every quantity and amount with the opposite sign
 *
 * Pure: it follows from the stored document, the number and the reason alone, so that verification can make it again.
 */
#ifndef RATER_VOID_DOCUMENT_H
#define RATER_VOID_DOCUMENT_H

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"

enum { VOID_REASON_BYTES_MAX = 500 };

/** Is this a reason: text of 1 to VOID_REASON_BYTES_MAX bytes without control characters? ERR_USAGE. */
MUST_CHECK bool void_reason_check(const char *reason, Err *err);

/** The void of a document given as its canonical JSON. Caller releases with json_object_put(). NULL: ERR_INPUT (not a document of ours),
 *  ERR_NOMEM. */
MUST_CHECK Json *void_document(Text document, const char *number, const char *reason, Err *err);

#endif
