#include "rater/rate_carry.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"

/* What one item of an earlier part had on its counter. */
typedef struct CarriedItem {
    const char *account;
    const char *tenant;
    const char *region;
    UsageArchitecture architecture;
    UsageMode mode;
    const char *sku;
    const char *functions_of; /* the name of a price for some functions only; NULL: for all */
    bool entered;             /* its price charges what is due at zero */
    mpq_t quantity;           /* less what free tiers took */
    mpq_t included;           /* of it: freed by a percentage */
    mpq_t free_events;
} CarriedItem;

typedef struct CarriedFree {
    const char *account;
    const char *name;
    mpq_t taken;
} CarriedFree;

void
rate_carry_free(RateCarry *self)
{
    for (size_t i = 0; i < self->item_count; i++)
        mpq_clears(self->items[i].quantity, self->items[i].included, self->items[i].free_events, NULL);
    for (size_t i = 0; i < self->free_count; i++)
        mpq_clear(self->free[i].taken);
    free(self->items);
    free(self->free);
    *self = (RateCarry){0};
}

static const char *
functions_of(const Price *price)
{
    return price->function_count > 0 ? price->name : NULL;
}

static bool
take_item(RateCarry *self, const Cells *cells, const Group *group, const Cell *cell, Err *err)
{
    if (!array_grow(&self->items, &self->item_capacity, self->item_count, sizeof *self->items, err))
        return false;
    CarriedItem *item = &self->items[self->item_count++];
    *item = (CarriedItem){.account = group->row->account,
                          .tenant = group->row->tenant,
                          .region = group->region,
                          .architecture = group->row->architecture,
                          .mode = group->row->mode,
                          .sku = cells->book->meters[cell->meter].sku,
                          .functions_of = functions_of(cell->price),
                          .entered = cell->price->fee_at_zero};
    mpq_inits(item->quantity, item->included, item->free_events, NULL);
    mpq_sub(item->quantity, cell->quantity, cell->free);
    if (cell->price->model == PRICE_PERCENTAGE)
        mpq_set(item->included, cell->included);
    decimal_set_u128(mpq_numref(item->free_events), cell->events);
    mpq_mul(item->free_events, item->free_events, cells->counters[cell->counter].free_share);
    return true;
}

static bool
take_free(RateCarry *self, const char *account, const char *name, const mpq_t taken, Err *err)
{
    for (size_t i = 0; i < self->free_count; i++) {
        if (strcmp(self->free[i].account, account) == 0 && strcmp(self->free[i].name, name) == 0) {
            mpq_add(self->free[i].taken, self->free[i].taken, taken);
            return true;
        }
    }
    if (!array_grow(&self->free, &self->free_capacity, self->free_count, sizeof *self->free, err))
        return false;
    CarriedFree *entry = &self->free[self->free_count++];
    *entry = (CarriedFree){.account = account, .name = name};
    mpq_init(entry->taken);
    mpq_set(entry->taken, taken);
    return true;
}

static bool
take_cell(RateCarry *self, const Cells *cells, const Group *group, const Cell *cell, Err *err)
{
    const PriceBook *book = cells->book;
    if (!cell->used || cell->price->model == PRICE_FLAT)
        return true;
    for (size_t i = 0; mpq_sgn(cell->free) > 0 && i < book->free_tier_count; i++) {
        const FreeTier *tier = &book->free_tiers[i];
        if ((tier->meters & UINT64_C(1) << cell->meter) != 0 &&
            !take_free(self, group->row->account, tier->name, cell->free, err))
            return false;
    }
    return take_item(self, cells, group, cell, err);
}

bool
rate_carry_take(RateCarry *self, const Cells *cells, Err *err)
{
    for (size_t g = 0; g < cells->group_count; g++) {
        for (size_t i = cells->groups[g].first_cell; i < cells->groups[g].end_cell; i++) {
            if (!take_cell(self, cells, &cells->groups[g], &cells->cells[i], err))
                return false;
        }
    }
    return true;
}

/* Would the new book have put it on this counter? */
static bool
belongs(const CarriedItem *item, const char *sku, const Counter *counter)
{
    const Price *price = counter->price;
    const Group *group = counter->first;
    const char *name = functions_of(price);
    const CountedOver scope = price->counted_over;
    const bool own_region = scope == COUNT_ACCOUNT_REGION || scope == COUNT_TENANT_REGION;
    const bool own_tenant = scope == COUNT_TENANT || scope == COUNT_TENANT_REGION;
    return strcmp(item->sku, sku) == 0 && strcmp(item->account, group->row->account) == 0 &&
           (item->functions_of == NULL) == (name == NULL) && (name == NULL || strcmp(item->functions_of, name) == 0) &&
           price_fits(price, item->region, item->architecture, item->mode) &&
           (!own_region || strcmp(item->region, group->region) == 0) &&
           (!own_tenant || strcmp(item->tenant, group->row->tenant) == 0);
}

void
rate_carry_counter(const RateCarry *self, const char *sku, Counter *counter)
{
    for (size_t i = 0; self != NULL && i < self->item_count; i++) {
        const CarriedItem *item = &self->items[i];
        if (!belongs(item, sku, counter))
            continue;
        mpq_add(counter->before, counter->before, item->quantity);
        mpq_add(counter->before_included, counter->before_included, item->included);
        mpq_add(counter->before_events, counter->before_events, item->free_events);
        counter->entered = counter->entered || item->entered;
    }
}

void
rate_carry_taken(const RateCarry *self, const char *account, const char *free_tier, mpq_t out)
{
    for (size_t i = 0; self != NULL && i < self->free_count; i++) {
        if (strcmp(self->free[i].account, account) == 0 && strcmp(self->free[i].name, free_tier) == 0)
            mpq_add(out, out, self->free[i].taken);
    }
}
