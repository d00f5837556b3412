/**
 * rate_cells - the working tables of rate: rows in order, groups, and one cell for each group and meter
 */
#ifndef RATER_RATE_CELLS_H
#define RATER_RATE_CELLS_H

#include "rater/rate.h"

/** A row with its region settled. */
typedef struct PlacedRow {
    const RatingRow *row;
    const char *region;
} PlacedRow;

/** Rows [first, end) of one (account, tenant, region, architecture, mode). */
typedef struct Group {
    size_t first;
    size_t end;
    const RatingRow *row; /* any of them: account, tenant, architecture, mode */
    const char *region;
} Group;

/** The tier ladder of (account, region, price). */
typedef struct Ladder {
    const Price *price;
    const char *region;
    mpq_t total;
    mpq_t *in_tiers; /* price->tier_count */
} Ladder;

/** What one group uses of one meter. */
typedef struct Cell {
    const Price *price; /* NULL: nothing to bill here, the quantity is 0 */
    size_t ladder;
    mpq_t quantity;
    mpq_t free;
    mpq_t billed;
    mpq_t amount_exact;
} Cell;

typedef struct Cells {
    const PriceBook *book;
    RateOptions options;
    PlacedRow *rows;
    size_t row_count;
    Group *groups;
    size_t group_count;
    Cell *cells; /* group_count x meter_count */
    Ladder *ladders;
    size_t ladder_count;
} Cells;

/** Sort, group and sum; find every price. Errors as of rate(). Freed with cells_free() in any case. */
MUST_CHECK bool cells_fill(Cells *self, const RatingRow *rows, size_t count, Err *err);
void cells_free(Cells *self);

Cell *cells_at(const Cells *self, size_t group, size_t meter);

/** The end of the groups that belong to the account (or the tenant) of group `start`. */
size_t cells_account_end(const Cells *self, size_t start);
size_t cells_tenant_end(const Cells *self, size_t start);

#endif
