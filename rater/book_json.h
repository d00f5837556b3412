/**
 * book_json - a price book as it was understood, in JSON
 */
#ifndef RATER_BOOK_JSON_H
#define RATER_BOOK_JSON_H

#include "lib/err.h"
#include "lib/json.h"
#include "rater/price_book.h"

/** Name, version, digest, title and currency. Caller releases. NULL: ERR_NOMEM. */
MUST_CHECK Json *book_json_summary(const PriceBook *book, Err *err);

/** Print all of it on standard output. ERR_NOMEM, ERR_IO. */
MUST_CHECK bool book_json_print(const PriceBook *book, Err *err);

#endif
