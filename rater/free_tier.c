#include "rater/free_tier.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"

/* Which turn: dearest first, then by the names of region and architecture; or the earliest hour; or one for all. */
static int
compare_turn(Allocation allocation, const FreeClaim *a, const FreeClaim *b)
{
    if (allocation == ALLOCATE_USAGE_ORDER)
        return (a->hour_us > b->hour_us) - (a->hour_us < b->hour_us);
    if (allocation == ALLOCATE_PROPORTIONAL)
        return 0;
    int order = mpq_cmp(b->unit_price, a->unit_price);
    if (order == 0)
        order = strcmp(a->region, b->region);
    return order != 0 ? order
                      : strcmp(usage_architecture_name(a->architecture), usage_architecture_name(b->architecture));
}

/* The order within a turn, which decides ties: with dearest_first region and architecture are equal there. */
static int
compare_claims(const void *left, const void *right, void *context)
{
    const Allocation *allocation = context;
    const FreeClaim *a = left;
    const FreeClaim *b = right;
    int order = compare_turn(*allocation, a, b);
    if (order == 0)
        order = strcmp(a->region, b->region);
    if (order == 0)
        order = strcmp(usage_architecture_name(a->architecture), usage_architecture_name(b->architecture));
    if (order == 0)
        order = strcmp(a->tenant, b->tenant);
    if (order == 0)
        order = (int) a->mode - (int) b->mode;
    return order != 0 ? order : (a->price > b->price) - (a->price < b->price);
}

/* A claim's fraction of a unit, for the largest remainder. */
typedef struct Remainder {
    mpq_t fraction;
    size_t claim;
} Remainder;

static int
compare_remainders(const void *left, const void *right)
{
    const Remainder *a = left;
    const Remainder *b = right;
    int order = mpq_cmp(b->fraction, a->fraction);
    return order != 0 ? order : (a->claim > b->claim) - (a->claim < b->claim);
}

static void
share_proportionally(const mpq_t available, const mpq_t total, FreeClaim *claims, size_t count)
{
    mpq_t ratio;
    mpq_init(ratio);
    mpq_div(ratio, available, total);
    for (size_t i = 0; i < count; i++)
        mpq_mul(claims[i].free, claims[i].quantity, ratio);
    mpq_clear(ratio);
}

/* Cut every share down to a whole number; hand the units that are left over to the largest fractions. */
static bool
make_whole(FreeClaim *claims, size_t count, Err *err)
{
    Remainder *remainders = calloc(count + 1, sizeof(*remainders));
    if (remainders == NULL)
        return err_set(err, ERR_NOMEM, "no memory to share a free tier among %zu", count);
    mpq_t left, whole;
    mpz_t floor;
    mpq_inits(left, whole, NULL);
    mpz_init(floor);
    for (size_t i = 0; i < count; i++) {
        mpq_init(remainders[i].fraction);
        remainders[i].claim = i;
        decimal_floor(floor, claims[i].free);
        mpq_set_z(whole, floor);
        mpq_sub(remainders[i].fraction, claims[i].free, whole);
        mpq_add(left, left, remainders[i].fraction);
        mpq_set(claims[i].free, whole);
    }
    qsort(remainders, count, sizeof(*remainders), compare_remainders);
    mpq_set_ui(whole, 1, 1);
    for (size_t i = 0; i < count && mpq_cmp(left, whole) >= 0; i++) {
        mpq_ptr share = claims[remainders[i].claim].free;
        mpq_add(share, share, whole);
        mpq_sub(left, left, whole);
    }
    for (size_t i = 0; i < count; i++)
        mpq_clear(remainders[i].fraction);
    free(remainders);
    mpq_clears(left, whole, NULL);
    mpz_clear(floor);
    return true;
}

/* One turn. Takes from `rest`. */
static bool
share_turn(mpq_t rest, bool whole_units, FreeClaim *claims, size_t count, Err *err)
{
    mpq_t total;
    mpq_init(total);
    bool done = true;
    for (size_t i = 0; i < count; i++)
        mpq_add(total, total, claims[i].quantity);
    if (mpq_cmp(total, rest) <= 0) {
        for (size_t i = 0; i < count; i++)
            mpq_set(claims[i].free, claims[i].quantity);
        mpq_sub(rest, rest, total);
    } else {
        share_proportionally(rest, total, claims, count);
        mpq_set_ui(rest, 0, 1);
        if (whole_units)
            done = make_whole(claims, count, err);
    }
    mpq_clear(total);
    return done;
}

bool
free_tier_share(const mpq_t allowance, Allocation allocation, bool whole_units, FreeClaim *claims, size_t count,
                Err *err)
{
    mpq_t rest;
    mpq_init(rest);
    mpq_set(rest, allowance);
    if (count > 0)
        qsort_r(claims, count, sizeof(*claims), compare_claims, &allocation);
    bool done = true;
    for (size_t start = 0, end = 0; done && start < count; start = end) {
        while (end < count && compare_turn(allocation, &claims[start], &claims[end]) == 0)
            end++;
        done = share_turn(rest, whole_units, claims + start, end - start, err);
    }
    mpq_clear(rest);
    return done;
}
