#include "rater/rate_counters.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "rater/price.h"
#include "rater/rate_carry.h"
#include "rater/rate_models.h"
#include "rater/rate_partial.h"

/* The meter that is being priced for the groups [start, end) of an account. */
typedef struct Pass {
    Cells *cells;
    size_t meter;
    size_t start;
    size_t end;
    size_t first_counter; /* counters of this pass */
    size_t capacity;
} Pass;

static bool
in_scope(const Counter *counter, const Price *price, const Group *group)
{
    const Group *first = counter->first;
    if (counter->price != price)
        return false;
    switch (price->counted_over) {
    case COUNT_ACCOUNT_REGION:
        return strcmp(first->region, group->region) == 0;
    case COUNT_TENANT_REGION:
        return strcmp(first->region, group->region) == 0 && strcmp(first->row->tenant, group->row->tenant) == 0;
    case COUNT_TENANT:
        return strcmp(first->row->tenant, group->row->tenant) == 0;
    case COUNT_ACCOUNT:
    case COUNTED_OVER_COUNT:
        break;
    }
    return true;
}

static bool
counter_allocate(Counter *counter, Err *err)
{
    const Price *price = counter->price;
    mpq_inits(counter->before, counter->before_included, counter->before_events, counter->total, counter->events,
              counter->included, counter->free_share, NULL);
    counter->in_tiers = calloc(price->tier_count, sizeof(mpq_t));
    for (size_t t = 0; counter->in_tiers != NULL && t < price->tier_count; t++)
        mpq_init(counter->in_tiers[t]);
    if (!price->plain)
        counter->fees = calloc(price->tier_count, sizeof(mpq_t));
    for (size_t t = 0; counter->fees != NULL && t < price->tier_count; t++)
        mpq_init(counter->fees[t]);
    return (counter->in_tiers != NULL && (price->plain || counter->fees != NULL)) ||
           err_set(err, ERR_NOMEM, "no memory for a counter of tiers");
}

/* The counter of a cell, found or made. Groups come by tenant: what a tenant's own counters are stands at the end. */
static Counter *
counter_of(Pass *self, const Group *group, const Cell *cell, Err *err)
{
    Cells *cells = self->cells;
    bool own = cell->price->counted_over == COUNT_TENANT || cell->price->counted_over == COUNT_TENANT_REGION;
    for (size_t i = cells->counter_count; i > self->first_counter; i--) {
        Counter *counter = &cells->counters[i - 1];
        if (in_scope(counter, cell->price, group))
            return counter;
        if (own && strcmp(counter->last->row->tenant, group->row->tenant) != 0)
            break;
    }
    if (!array_grow(&cells->counters, &self->capacity, cells->counter_count, sizeof(*cells->counters), err))
        return NULL;
    Counter *counter = &cells->counters[cells->counter_count++];
    *counter = (Counter){.price = cell->price, .first = group, .last = group};
    if (!counter_allocate(counter, err))
        return NULL;
    rate_carry_counter(cells->options.carry, cells->book->meters[self->meter].sku, counter);
    return counter;
}

/* The next used cell of the pass's meter, at or behind `*at` in the group. */
static Cell *
next_cell(const Pass *self, const Group *group, size_t *at)
{
    for (; *at < group->end_cell; (*at)++) {
        Cell *cell = &self->cells->cells[*at];
        if (cell->meter == self->meter && cell->used)
            return cell;
    }
    return NULL;
}

/* ---- quantities that come from other meters, or from nothing ---- */

static void
sum_amounts(const Pass *self, const Group *group, Cell *cell)
{
    uint64_t of = self->cells->book->meters[self->meter].of;
    for (size_t i = group->first_cell; i < group->end_cell; i++) {
        const Cell *other = &self->cells->cells[i];
        if ((of & UINT64_C(1) << other->meter) != 0)
            mpq_add(cell->quantity, cell->quantity, other->amount_exact);
    }
}

/* A flat fee stands on the first item of each tenant of its counter. */
static bool
find_flat(Pass *self, Err *err)
{
    for (size_t g = self->start; g < self->end; g++) {
        const Group *group = &self->cells->groups[g];
        Cell *cell = NULL;
        for (size_t i = group->first_cell; (cell = next_cell(self, group, &i)) != NULL; i++) {
            Counter *counter = counter_of(self, group, cell, err);
            if (counter == NULL)
                return false;
            bool first = counter->tenants == 0 || strcmp(counter->last->row->tenant, group->row->tenant) != 0;
            counter->tenants += first ? 1 : 0;
            counter->last = group;
            cell->counter = (size_t) (counter - self->cells->counters);
            cell->used = first;
        }
    }
    return true;
}

static void
share_flat(const Pass *self, const Counter *counter, Cell *cell)
{
    mpq_t tenants;
    mpq_init(tenants);
    mpq_set_ui(tenants, counter->tenants, 1);
    rate_fee_part(&self->cells->options, cell->price->partial_month, cell->quantity);
    mpq_div(cell->quantity, cell->quantity, tenants);
    mpq_clear(tenants);
}

/* ---- counters ---- */

static bool
count_cell(Pass *self, const Group *group, Cell *cell, Err *err)
{
    Cells *cells = self->cells;
    bool found = cell->price->model == PRICE_FLAT; /* by find_flat */
    Counter *counter = found ? &cells->counters[cell->counter] : counter_of(self, group, cell, err);
    if (counter == NULL)
        return false;
    if (cells->book->meters[self->meter].measure == MEASURE_AMOUNT)
        sum_amounts(self, group, cell);
    if (cell->price->model == PRICE_FLAT)
        share_flat(self, counter, cell);
    cell->counter = (size_t) (counter - cells->counters);
    counter->last = group;
    counter->cells++;
    mpq_sub(cell->billed, cell->quantity, cell->free);
    mpq_add(counter->total, counter->total, cell->billed);
    if (cell->price->model == PRICE_PERCENTAGE) {
        mpq_t events;
        mpq_init(events);
        decimal_set_u128(mpq_numref(events), cell->events);
        mpq_add(counter->events, counter->events, events);
        mpq_clear(events);
    }
    return true;
}

/* ---- what a cell has of it ---- */

/* What the events of a cell that are not free pay, beyond the rate on its quantity. */
static void
event_fees(const Counter *counter, const Cell *cell, mpq_t out)
{
    mpq_t paid;
    mpq_init(paid);
    mpq_set_ui(paid, 1, 1);
    mpq_sub(paid, paid, counter->free_share);
    if (cell->price->event_tally != 0) {
        mpq_mul(out, paid, cell->event_costs);
        mpq_mul(paid, cell->billed, cell->price->tiers[0].unit_price);
        mpq_sub(out, out, paid);
    } else {
        decimal_set_u128(mpq_numref(out), cell->events);
        mpz_set_ui(mpq_denref(out), 1);
        mpq_mul(out, out, paid);
        mpq_mul(out, out, cell->price->event_fee);
    }
    mpq_clear(paid);
}

/* The part of something on the counter that belongs to the cell: by quantity; of a counter at 0, equal parts. */
static void
share_of(const Counter *counter, const Cell *cell, const mpq_t whole, mpq_t out)
{
    mpq_t own;
    mpq_init(own);
    if (mpq_sgn(whole) == 0) {
        mpq_set_ui(out, 0, 1);
    } else if (mpq_sgn(counter->total) == 0) {
        mpq_set_ui(own, counter->cells, 1);
        mpq_div(out, whole, own);
    } else {
        mpq_sub(own, cell->quantity, cell->free);
        price_part(whole, own, counter->total, out);
    }
    mpq_clear(own);
}

void
counters_part(const Cells *cells, const Cell *cell, size_t tier, mpq_t quantity, mpq_t fee)
{
    const Counter *counter = &cells->counters[cell->counter];
    share_of(counter, cell, counter->in_tiers[tier], quantity);
    if (cell->price->model == PRICE_PERCENTAGE)
        event_fees(counter, cell, fee);
    else if (counter->fees != NULL)
        share_of(counter, cell, counter->fees[tier], fee);
    else
        mpq_set_ui(fee, 0, 1);
}

bool
counters_has_tier(const Cells *cells, const Cell *cell, size_t tier)
{
    const Counter *counter = &cells->counters[cell->counter];
    if (cell->price->model == PRICE_VOLUME)
        return tier == counter_volume_tier(counter);
    return tier == 0 || (mpq_sgn(counter->in_tiers[tier]) > 0 && mpq_sgn(cell->billed) > 0);
}

/* Does anything of the cell have to be paid, so that its minimum is due? */
static bool
is_billed(const Counter *counter, const Cell *cell)
{
    mpq_t one;
    mpq_init(one);
    mpq_set_ui(one, 1, 1);
    bool events = cell->price->model == PRICE_PERCENTAGE && cell->events > 0 && mpq_cmp(counter->free_share, one) < 0;
    mpq_clear(one);
    return events || cell->price->fee_at_zero || mpq_sgn(cell->billed) > 0;
}

/* A least or most of the whole period, for the time in which the book is in force. */
static void
limit_of(const Cells *cells, const Limit *limit, mpq_t out)
{
    rate_book_part(&cells->options, out);
    mpq_mul(out, out, limit->value);
}

static void
apply_limits(const Cells *cells, const Counter *counter, Cell *cell)
{
    const Price *price = cell->price;
    mpq_t limit;
    mpq_init(limit);
    limit_of(cells, &price->minimum, limit);
    if (price->minimum.given && is_billed(counter, cell) && mpq_cmp(cell->amount_exact, limit) < 0) {
        mpq_sub(cell->minimum_adds, limit, cell->amount_exact);
        mpq_set(cell->amount_exact, limit);
    }
    limit_of(cells, &price->maximum, limit);
    if (price->maximum.given && mpq_cmp(cell->amount_exact, limit) > 0) {
        mpq_div(cell->maximum_part, limit, cell->amount_exact);
        mpq_set(cell->amount_exact, limit);
    }
    mpq_clear(limit);
}

static void
price_cell(const Pass *self, Cell *cell)
{
    const Counter *counter = &self->cells->counters[cell->counter];
    mpq_t quantity, fee;
    mpq_inits(quantity, fee, NULL);
    share_of(counter, cell, counter->included, cell->included);
    mpq_sub(cell->billed, cell->billed, cell->included);
    for (size_t t = 0; t < cell->price->tier_count; t++) {
        if (!counters_has_tier(self->cells, cell, t))
            continue;
        counters_part(self->cells, cell, t, quantity, fee);
        mpq_mul(quantity, quantity, cell->price->tiers[t].unit_price);
        mpq_add(cell->amount_exact, cell->amount_exact, quantity);
        mpq_add(cell->amount_exact, cell->amount_exact, fee);
    }
    mpq_clears(quantity, fee, NULL);
    if (cell->price->minimum.given || cell->price->maximum.given)
        apply_limits(self->cells, counter, cell);
}

static bool
price_meter(Pass *self, Err *err)
{
    Cells *cells = self->cells;
    Cell *cell = NULL;
    if (cells->book->meters[self->meter].measure == MEASURE_MONTH && !find_flat(self, err))
        return false;
    for (size_t g = self->start; g < self->end; g++) {
        for (size_t i = cells->groups[g].first_cell; (cell = next_cell(self, &cells->groups[g], &i)) != NULL; i++) {
            if (!count_cell(self, &cells->groups[g], cell, err))
                return false;
        }
    }
    for (size_t i = self->first_counter; i < cells->counter_count; i++) {
        if (!counter_settle(&cells->counters[i], err))
            return false;
    }
    for (size_t g = self->start; g < self->end; g++) {
        for (size_t i = cells->groups[g].first_cell; (cell = next_cell(self, &cells->groups[g], &i)) != NULL; i++)
            price_cell(self, cell);
    }
    return true;
}

bool
counters_price(Cells *cells, size_t start, size_t end, Err *err)
{
    Pass pass = {.cells = cells, .start = start, .end = end, .capacity = cells->counter_capacity};
    bool done = true;
    for (pass.meter = 0; done && pass.meter < cells->book->meter_count; pass.meter++) {
        pass.first_counter = cells->counter_count;
        done = price_meter(&pass, err);
    }
    cells->counter_capacity = pass.capacity;
    return done;
}
