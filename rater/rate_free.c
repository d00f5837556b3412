#include "rater/rate_free.h"

#include <stdlib.h>

#include "lib/array.h"
#include "lib/utc.h"
#include "rater/free_tier.h"
#include "rater/meter.h"
#include "rater/rate_carry.h"
#include "rater/rate_partial.h"

/* Claims of an account; `quantities` and `shares` are owned where claims are made hour by hour. */
typedef struct Claims {
    FreeClaim *all;
    size_t count;
    size_t capacity;
} Claims;

bool
rate_free_covers(const FreeTier *tier, const Group *group, const Cell *cell)
{
    return cell->used && (tier->meters & UINT64_C(1) << cell->meter) != 0 &&
           (tier->modes & 1u << group->row->mode) != 0;
}

void
rate_free_left(const FreeTier *tier, const mpq_t whole, const mpq_t taken, mpq_t out)
{
    mpq_sub(out, whole, taken);
    if (mpq_sgn(out) < 0)
        mpq_set_ui(out, 0, 1);
    if (!tier->whole_units)
        return;
    mpz_fdiv_q(mpq_numref(out), mpq_numref(out), mpq_denref(out));
    mpz_set_ui(mpq_denref(out), 1);
}

void
rate_free_allowance(const Cells *cells, const char *account, const FreeTier *tier, mpq_t out)
{
    mpq_t whole, taken;
    mpq_inits(whole, taken, NULL);
    rate_period_part(&cells->options, tier->partial_month, whole);
    mpq_mul(whole, tier->quantity, whole);
    rate_carry_taken(cells->options.carry, account, tier->name, taken);
    rate_free_left(tier, whole, taken, out);
    mpq_clears(whole, taken, NULL);
}

static bool
claim_add(Claims *self, const Cells *cells, const Group *group, size_t at, int64_t hour_us, Err *err)
{
    Cell *cell = &cells->cells[at];
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof(*self->all), err))
        return false;
    self->all[self->count++] = (FreeClaim){.tenant = group->row->tenant,
                                           .region = group->region,
                                           .architecture = group->row->architecture,
                                           .mode = group->row->mode,
                                           .price = at - group->first_cell,
                                           .hour_us = hour_us,
                                           .cell = at,
                                           .unit_price = cell->price->tiers[0].unit_price,
                                           .quantity = cell->quantity,
                                           .free = cell->free};
    return true;
}

static bool
claim_cells(Claims *self, const Cells *cells, const FreeTier *tier, const Group *group, Err *err)
{
    for (size_t i = group->first_cell; i < group->end_cell; i++) {
        if (rate_free_covers(tier, group, &cells->cells[i]) && !claim_add(self, cells, group, i, 0, err))
            return false;
    }
    return true;
}

/* ---- hour by hour ---- */

/* What a cell used in one hour, and what of it is free. */
typedef struct HourUse {
    size_t cell;
    int64_t hour_us;
    const Group *group;
    mpq_t quantity;
    mpq_t free;
} HourUse;

static int
compare_hours(const void *left, const void *right)
{
    const HourUse *a = left;
    const HourUse *b = right;
    int order = (a->cell > b->cell) - (a->cell < b->cell);
    return order != 0 ? order : (a->hour_us > b->hour_us) - (a->hour_us < b->hour_us);
}

typedef struct Hours {
    HourUse *all;
    size_t count;
    size_t capacity;
} Hours;

static bool
hours_of_row(Hours *self, const Cells *cells, const FreeTier *tier, const Group *group, const RatingRow *row, Err *err)
{
    for (size_t m = 0; m < cells->book->meter_count; m++) {
        const Cell *cell = (tier->meters & UINT64_C(1) << m) == 0 ? NULL : cells_pick(cells, group, m, row);
        if (cell == NULL || !rate_free_covers(tier, group, cell))
            continue;
        if (!array_grow(&self->all, &self->capacity, self->count, sizeof(*self->all), err))
            return false;
        HourUse *use = &self->all[self->count++];
        *use = (HourUse){
            .cell = (size_t) (cell - cells->cells), .hour_us = utc_hour_floor_us(row->hour_us), .group = group};
        mpq_inits(use->quantity, use->free, NULL);
        meter_quantity(cells->book, &cells->book->meters[m], row, cells->options.month_start_us, use->quantity);
    }
    return true;
}

/* Rows of one cell and hour are one claim, however the usage was cut into rows. */
static void
hours_merge(Hours *self)
{
    size_t kept = 0;
    if (self->count > 1)
        qsort(self->all, self->count, sizeof(*self->all), compare_hours);
    for (size_t i = 1; i < self->count; i++) {
        if (compare_hours(&self->all[kept], &self->all[i]) == 0) {
            mpq_add(self->all[kept].quantity, self->all[kept].quantity, self->all[i].quantity);
            mpq_clears(self->all[i].quantity, self->all[i].free, NULL);
        } else {
            self->all[++kept] = self->all[i];
        }
    }
    self->count = self->count == 0 ? 0 : kept + 1;
}

static bool
hours_claim(const Hours *self, Claims *claims, const Cells *cells, Err *err)
{
    for (size_t i = 0; i < self->count; i++) {
        HourUse *use = &self->all[i];
        if (!claim_add(claims, cells, use->group, use->cell, use->hour_us, err))
            return false;
        claims->all[claims->count - 1].quantity = use->quantity;
        claims->all[claims->count - 1].free = use->free;
    }
    return true;
}

static void
hours_settle(Hours *self, const Cells *cells)
{
    for (size_t i = 0; i < self->count; i++) {
        Cell *cell = &cells->cells[self->all[i].cell];
        mpq_add(cell->free, cell->free, self->all[i].free);
        mpq_clears(self->all[i].quantity, self->all[i].free, NULL);
    }
    free(self->all);
}

static bool
apply_by_hours(Cells *cells, const FreeTier *tier, const mpq_t allowance, size_t start, size_t end, Err *err)
{
    Hours hours = {0};
    Claims claims = {0};
    bool done = true;
    for (size_t g = start; done && g < end; g++) {
        const Group *group = &cells->groups[g];
        for (size_t i = group->first; done && i < group->end; i++)
            done = hours_of_row(&hours, cells, tier, group, cells->rows[i].row, err);
    }
    hours_merge(&hours);
    done = done && hours_claim(&hours, &claims, cells, err) &&
           free_tier_share(allowance, tier->allocation, tier->whole_units, claims.all, claims.count, err);
    hours_settle(&hours, cells);
    free(claims.all);
    return done;
}

bool
rate_free_apply(Cells *cells, const FreeTier *tier, size_t start, size_t end, Err *err)
{
    mpq_t allowance;
    mpq_init(allowance);
    rate_free_allowance(cells, cells->groups[start].row->account, tier, allowance);
    Claims claims = {0};
    bool done = true;
    if (tier->allocation == ALLOCATE_USAGE_ORDER) {
        done = apply_by_hours(cells, tier, allowance, start, end, err);
    } else {
        for (size_t g = start; done && g < end; g++)
            done = claim_cells(&claims, cells, tier, &cells->groups[g], err);
        done = done && free_tier_share(allowance, tier->allocation, tier->whole_units, claims.all, claims.count, err);
    }
    free(claims.all);
    mpq_clear(allowance);
    return done;
}
