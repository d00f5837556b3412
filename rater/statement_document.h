/**
 * statement_document - a contract and its statement as members of a document
 */
#ifndef RATER_STATEMENT_DOCUMENT_H
#define RATER_STATEMENT_DOCUMENT_H

#include "rater/document.h"

/** Add contract, statement, spending_limit (when there is one), subtotal, net, tax, total, payable. ERR_NOMEM. */
MUST_CHECK bool statement_add_to_document(Json *document, const DocumentTerms *terms, const PriceBook *book, Err *err);
/** Add the contract alone. ERR_NOMEM. */
MUST_CHECK bool statement_add_contract(Json *document, const DocumentTerms *terms, Err *err);

#endif
