/**
 * rate - the pure core: usage rows + price book + options -> priced lines
 *
 * No I/O, no clock, no locale. Preview, final, what-if and quote all call this one function; the same arguments give the
 * same result, in the same order. Steps (doc/price-books.md has the formulas): rows are summed to one quantity for each item
 * (tenant, region, architecture, mode, sku, price); the free tiers of each account are taken off; what is left is put on
 * the counter of its price, over the account and region unless the book says otherwise; every item gets its proportional
 * part of every tier; minimum and maximum; lines are rounded once, as the book says.
 */
#ifndef RATER_RATE_H
#define RATER_RATE_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "rater/price_book.h"
#include "rater/usage.h"

/** What earlier parts of the period used: see rate_carry.h. */
typedef struct RateCarry RateCarry;

typedef struct RateOptions {
    int64_t month_start_us; /* start of the period: decides which dated rules of the book hold */
    bool free_tier;
    const char *region; /* of usage that names none, where the book has no default_region either; NULL: "" */
    /* For books that reduce fees and allowances in partial months. */
    int64_t period_end_us;    /* 0: the end of the UTC month that holds the start */
    int64_t service_start_us; /* when the account's service began; 0: before the period */
    int64_t service_end_us;   /* first instant without service; 0: after the period */
    /* Where the book is in force for a part of the period only: see rate_parts.h, which sets these. */
    int64_t part_start_us;
    int64_t part_end_us; /* 0: the whole period */
    RateCarry *carry;    /* read, and added to; NULL: none */
} RateOptions;

/** One tier of an item (tenant, region, architecture, mode, sku, price). quantity = free + billed, and the sum of `quantity`
 *  over the lines of an item is what was used; free_quantity stands on its first line. An item has a line even at zero,
 *  unless its meter omits that. amount_exact = billed_quantity x unit_price + fee + adjustment. */
typedef struct RatedLine {
    const char *account;
    const char *tenant;
    const char *region;
    UsageArchitecture architecture;
    UsageMode mode;
    const Meter *meter;
    const Price *price;
    int tier;    /* 1.. */
    size_t part; /* place of its book among several: see rate_parts.h */
    mpq_t quantity;
    mpq_t free_quantity;
    mpq_t billed_quantity;
    mpq_t unit_price;
    mpq_t fee;        /* of tiers, of events, of what is missing to a whole package; 0 when price->plain */
    mpq_t adjustment; /* what a minimum adds or a maximum takes away; 0 when price->plain */
    mpq_t amount;     /* rounded */
    mpq_t amount_exact;
} RatedLine;

/** What one function configuration contributes; amount_exact is its proportional share of each line, unrounded. */
typedef struct RatedFunction {
    const char *tenant;
    const char *function;
    const char *region;
    UsageArchitecture architecture;
    UsageMode mode;
    int64_t memory_mb;
    UsageSum invocations;
    UsageSum errors;
    UsageSum timeouts;
    UsageSum capacity_records;
    mpq_t gb_seconds;
    mpq_t capacity_gb_seconds; /* as the book's meters of capacity count it */
    mpq_t amount_exact;
} RatedFunction;

/** What a tenant and its account took from one free tier. */
typedef struct RatedFreeTier {
    const char *account;
    const char *tenant;
    const FreeTier *tier;
    const char *unit;
    mpq_t allowance; /* of the account in this period */
    mpq_t used;
    mpq_t account_used;
} RatedFreeTier;

/** Texts, meters and free tiers are borrowed from the rows and the book. */
typedef struct Rated {
    RatedLine *lines; /* by account, tenant, region, architecture, mode, meter and price of the book, tier */
    size_t line_count;
    RatedFunction *functions; /* by account, tenant, region, architecture, mode, function, memory */
    size_t function_count;
    RatedFreeTier *free_tiers; /* by account, tenant, free tier of the book; none when switched off */
    size_t free_tier_count;
    const BookPart *parts; /* several books were in force; NULL: one. Borrowed */
    size_t part_count;
} Rated;

/** Rate; where `book` binds several, each row by the book of its part (rate_parts.h). Caller frees with rated_free(). NULL: ERR_INPUT (usage that the book has no price for: names row, tenant, function
 *  and what is known; hourly sums that do not hold what the book counts), ERR_NOMEM. */
MUST_CHECK Rated *
rate(const RatingRow *rows, size_t count, const PriceBook *book, const RateOptions *options, Err *err);
void rated_free(Rated **self);

/** A run of a result's lines, functions and free tiers: [line, line_end) and so on. */
typedef struct RatedSlice {
    size_t line, line_end;
    size_t function, function_end;
    size_t free_tier, free_tier_end;
} RatedSlice;

/** Move `slice` (all zero at first) to the next tenant; false after the last. A tenant has at least one function. */
bool rated_next_tenant(const Rated *rated, RatedSlice *slice);
RatedSlice rated_whole(const Rated *rated);

/** The sum of the rounded amounts. `out` is initialised by the caller. */
void rated_total(const Rated *rated, const RatedSlice *slice, mpq_t out);

#endif
