/**
 * rate_cells - the working tables of rate: rows in order, groups, and one cell for each group, meter and price
 *
 * A cell is what doc/price-books.md calls an item. Cells of a group stand by meter, then price, as in the book.
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
    size_t first_cell;
    size_t end_cell;
    const RatingRow *row; /* any of them: account, tenant, architecture, mode */
    const char *region;
} Group;

/** What the cells of one price share in its scope (counted_over): see rate_counters.h. */
typedef struct Counter {
    const Price *price;
    const Group *first; /* of its groups: account, and tenant and region where the scope has them */
    const Group *last;
    size_t cells;
    size_t tenants;
    bool entered;          /* earlier parts of the period charged what is due at zero */
    mpq_t before;          /* what earlier parts of the period had on it */
    mpq_t before_included; /* of it: freed by percentages */
    mpq_t before_events;   /* events of earlier parts that were free */
    mpq_t total;           /* quantity less what the free tiers took */
    mpq_t events;          /* invocations */
    mpq_t included;        /* of the total: free by the price itself */
    mpq_t free_share;      /* percentage: the part of quantity and events that is free */
    mpq_t *in_tiers;       /* price->tier_count: quantity that each holds */
    mpq_t *fees;           /* price->tier_count; NULL: none */
} Counter;

/** What one group uses of one meter at one price. */
typedef struct Cell {
    size_t meter;
    const Price *price; /* NULL: nothing to bill here, the quantity is 0 */
    bool used;          /* a row of the group goes by this price */
    bool shared;        /* a row has been given its share of the amount */
    size_t counter;
    UsageSum events; /* invocations of its rows */
    mpq_t quantity;
    mpq_t free;        /* by free tiers */
    mpq_t included;    /* free by the price itself */
    mpq_t billed;      /* quantity less both */
    mpq_t event_costs; /* of a price that limits single events: what its events cost, before what is free */
    mpq_t minimum_adds;
    mpq_t maximum_part; /* lines are multiplied by it; 1: no maximum was reached */
    mpq_t amount_exact;
} Cell;

typedef struct Cells {
    const PriceBook *book;
    RateOptions options;
    PlacedRow *rows;
    size_t row_count;
    Group *groups;
    size_t group_count;
    Cell *cells;
    size_t cell_count;
    Counter *counters;
    size_t counter_count;
    size_t counter_capacity;
} Cells;

/** Sort, group and sum; find every price. Errors as of rate(). Freed with cells_free() in any case. */
MUST_CHECK bool cells_fill(Cells *self, const RatingRow *rows, size_t count, Err *err);
void cells_free(Cells *self);

/** The cell of `group` that a row of it belongs to for a meter; NULL when no price fits it. */
Cell *cells_pick(const Cells *self, const Group *group, size_t meter, const RatingRow *row);

/** The end of the groups that belong to the account (or the tenant) of group `start`. */
size_t cells_account_end(const Cells *self, size_t start);
size_t cells_tenant_end(const Cells *self, size_t start);

#endif
