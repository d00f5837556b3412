/**
 * rate_free - the free tiers of a book, taken off the cells of an account
 */
#ifndef RATER_RATE_FREE_H
#define RATER_RATE_FREE_H

#include "rater/rate_cells.h"

/** Does this free tier cover the cell of a group? */
bool rate_free_covers(const FreeTier *tier, const Group *group, const Cell *cell);

/** What of a free tier's quantity of a period (`whole`) is left when `taken` was taken of it: never less than nothing, and of one that goes by
 *  whole units only these. */
void rate_free_left(const FreeTier *tier, const mpq_t whole, const mpq_t taken, mpq_t out);

/** What an account may take from a free tier in the period of the options: less in a partial month, and less what earlier parts of
 *  the period took. */
void rate_free_allowance(const Cells *cells, const char *account, const FreeTier *tier, mpq_t out);

/** Share one free tier among the groups [start, end) of an account: sets `free` of its cells. ERR_NOMEM. */
MUST_CHECK bool rate_free_apply(Cells *cells, const FreeTier *tier, size_t start, size_t end, Err *err);

#endif
