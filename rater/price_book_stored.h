/**
 * price_book_stored - price books in the database: put in force, and listed
 */
#ifndef RATER_PRICE_BOOK_STORED_H
#define RATER_PRICE_BOOK_STORED_H

#include <stdbool.h>

#include "lib/err.h"

/** price-book add */
int price_book_add_command(int argc, char **argv);

/** Print what the stack in `data` has stored. Errors of the database, ERR_IO. */
MUST_CHECK bool price_book_list_stored(const char *data, bool json, Err *err);

#endif
