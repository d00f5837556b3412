/**
 * book_facts - all that a price book says, as a sorted list of single facts, so that two books can be compared
 *
 * A fact is (what, region, field, value), as ("duration x86_64 on_demand", "eu-west-1", "unit_price", "0.0000166667"). A price for
 * several regions, architectures and modes makes facts for each of them: how entries are grouped in a file changes nothing. Titles,
 * sources and comments are no facts.
 */
#ifndef RATER_BOOK_FACTS_H
#define RATER_BOOK_FACTS_H

#include <stddef.h>

#include "lib/err.h"
#include "rater/price_book.h"

typedef struct BookFact {
    char *what;
    char *region; /* "": not of a region, or of every region */
    char *field;
    char *value;
} BookFact;

typedef struct BookFacts {
    BookFact *all; /* by what, field, region */
    size_t count;
    size_t capacity;
} BookFacts;

/** List the facts of a book; freed with book_facts_free() in any case. ERR_NOMEM. */
MUST_CHECK bool book_facts(const PriceBook *book, BookFacts *out, Err *err);
void book_facts_free(BookFacts *self);

/** The order of the list: by what, field and region. */
int book_fact_compare(const BookFact *a, const BookFact *b);

#endif
