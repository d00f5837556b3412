/**
 * book_binding - several price books bound to one: a billing period in which the book in force changes
 *
 * Whatever is billed names one price book by its digest. Where several were in force in a period, that is a **binding**: a
 * text that says which book holds from which hour on, and has every one of them whole, byte for byte. It is kept beside the
 * books, read like one, and named for ever by the SHA-256 of its bytes; so an invoice can be rated again from what it names.
 * Canonical JSON (which is YAML too): {"name", "parts": [{"from", "until", "sha256", "source"}, …]}.
 */
#ifndef RATER_BOOK_BINDING_H
#define RATER_BOOK_BINDING_H

#include "rater/book_reader.h"
#include "rater/price_book.h"

/** Bind the books of a period's parts (2 or more, in order, without a gap, with one currency and one way of rounding). Caller frees
 *  with price_book_free(); nothing of `parts` is kept. NULL: ERR_NOMEM, ERR_INPUT. */
MUST_CHECK PriceBook *price_book_bind(const BookPart *parts, size_t count, Err *err);

/** Read the parts of a binding into `book`, and what they share. ERR_INPUT ("FILE:LINE: …"). */
MUST_CHECK bool book_read_parts(const Place *root, PriceBook *book, Err *err);
void book_free_parts(PriceBook *book);

/** The place in `parts` of what is in force at an instant of the period; 0 for a book that is not a binding. */
size_t price_book_part_at(const PriceBook *book, int64_t time_us);

/** The book of a part; of a book that is not a binding itself. */
const PriceBook *price_book_of_part(const PriceBook *book, size_t part);

/** The meter of a sku, of the first part that has it; NULL: none. */
const Meter *price_book_meter(const PriceBook *book, const char *sku);

/** May one bill have lines of both: have they one currency and one way of rounding? */
bool books_share_a_bill(const PriceBook *left, const PriceBook *right);

#endif
