#include "rater/rate_cells.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "rater/meter.h"
#include "rater/tally.h"

static int
compare_group_key(const PlacedRow *a, const PlacedRow *b)
{
    int order = strcmp(a->row->account, b->row->account);
    if (order == 0)
        order = strcmp(a->row->tenant, b->row->tenant);
    if (order == 0)
        order = strcmp(a->region, b->region);
    if (order == 0)
        order = (int) a->row->architecture - (int) b->row->architecture;
    return order != 0 ? order : (int) a->row->mode - (int) b->row->mode;
}

static int
compare_rows(const void *left, const void *right)
{
    const PlacedRow *a = left;
    const PlacedRow *b = right;
    int order = compare_group_key(a, b);
    if (order == 0)
        order = strcmp(a->row->function, b->row->function);
    if (order == 0)
        order = (a->row->memory_mb > b->row->memory_mb) - (a->row->memory_mb < b->row->memory_mb);
    return order != 0 ? order : (a->row->number > b->row->number) - (a->row->number < b->row->number);
}

static const char *
region_of_nowhere(const Cells *self)
{
    if (self->book->default_region != NULL)
        return self->book->default_region;
    return self->options.region != NULL ? self->options.region : "";
}

static bool
place_rows(Cells *self, const RatingRow *rows, size_t count, Err *err)
{
    self->rows = calloc(count + 1, sizeof(*self->rows));
    if (self->rows == NULL)
        return err_set(err, ERR_NOMEM, "no memory to rate %zu rows", count);
    const char *fallback = region_of_nowhere(self);
    for (size_t i = 0; i < count; i++)
        self->rows[i] = (PlacedRow){&rows[i], rows[i].region[0] == '\0' ? fallback : rows[i].region};
    self->row_count = count;
    qsort(self->rows, count, sizeof(*self->rows), compare_rows);
    return true;
}

static bool
make_groups(Cells *self, Err *err)
{
    size_t groups = 0;
    for (size_t i = 0; i < self->row_count; i++)
        groups += i == 0 || compare_group_key(&self->rows[i - 1], &self->rows[i]) != 0;
    self->groups = calloc(groups + 1, sizeof(*self->groups));
    if (self->groups == NULL)
        return err_set(err, ERR_NOMEM, "no memory to rate %zu groups", groups);
    for (size_t i = 0; i < self->row_count; i++) {
        if (i == 0 || compare_group_key(&self->rows[i - 1], &self->rows[i]) != 0)
            self->groups[self->group_count++] =
                (Group){.first = i, .row = self->rows[i].row, .region = self->rows[i].region};
        self->groups[self->group_count - 1].end = i + 1;
    }
    return true;
}

/* ---- cells ---- */

static bool
cell_add(Cells *self, size_t *capacity, size_t meter, const Price *price, Err *err)
{
    if (!array_grow(&self->cells, capacity, self->cell_count, sizeof(*self->cells), err))
        return false;
    Cell *cell = &self->cells[self->cell_count++];
    *cell = (Cell){.meter = meter, .price = price};
    mpq_inits(cell->quantity, cell->free, cell->included, cell->billed, cell->event_costs, cell->minimum_adds,
              cell->maximum_part, cell->amount_exact, NULL);
    mpq_set_ui(cell->maximum_part, 1, 1);
    return true;
}

/* A cell for each price that may fit a row of the group. */
static bool
make_cells(Cells *self, Group *group, size_t *capacity, Err *err)
{
    const PriceBook *book = self->book;
    assert(group->row != NULL);
    group->first_cell = self->cell_count;
    for (size_t m = 0; m < book->meter_count; m++) {
        for (size_t i = 0; i < book->meters[m].price_count; i++) {
            const Price *price = &book->meters[m].prices[i];
            if (price_fits(price, group->region, group->row->architecture, group->row->mode) &&
                !cell_add(self, capacity, m, price, err))
                return false;
        }
    }
    group->end_cell = self->cell_count;
    return true;
}

Cell *
cells_pick(const Cells *self, const Group *group, size_t meter, const RatingRow *row)
{
    Cell *general = NULL;
    for (size_t i = group->first_cell; i < group->end_cell; i++) {
        Cell *cell = &self->cells[i];
        if (cell->meter != meter)
            continue;
        if (cell->price->function_count == 0)
            general = cell;
        else if (price_fits_function(cell->price, row->function))
            return cell;
    }
    return general;
}

static bool
is_known_region(const PriceBook *book, const char *region)
{
    for (size_t m = 0; m < book->meter_count; m++) {
        for (int a = 0; a < USAGE_ARCHITECTURE_COUNT; a++) {
            for (int mode = 0; mode < USAGE_MODE_COUNT; mode++) {
                for (size_t i = 0; i < book->meters[m].price_count; i++) {
                    if (price_fits(&book->meters[m].prices[i], region, (UsageArchitecture) a, (UsageMode) mode))
                        return true;
                }
            }
        }
    }
    return false;
}

/* The regions that a book names, in its order, each once. */
static void
list_regions(const PriceBook *book, char *out, size_t room)
{
    size_t length = 0;
    out[0] = '\0';
    for (size_t m = 0; m < book->meter_count; m++) {
        for (size_t p = 0; p < book->meters[m].price_count; p++) {
            const Price *price = &book->meters[m].prices[p];
            for (size_t r = 0; r < price->region_count; r++) {
                const char *found = strstr(out, price->regions[r]);
                size_t name = strlen(price->regions[r]);
                if (length + name + 3 > room || (found != NULL && (found[name] == ',' || found[name] == '\0') &&
                                                 (found == out || found[-1] == ' ')))
                    continue;
                length +=
                    (size_t) snprintf(out + length, room - length, "%s%s", length == 0 ? "" : ", ", price->regions[r]);
            }
        }
    }
}

static bool
fail_unpriced(const Cells *self, const Group *group, const RatingRow *row, const Meter *meter, Err *err)
{
    const PriceBook *book = self->book;
    char known[640];
    if (!is_known_region(book, group->region)) {
        list_regions(book, known, sizeof(known));
        err_set(err, ERR_INPUT,
                "tenant '%s', function '%s': region: '%s' has no prices in price book %s %s; regions known: %s",
                row->tenant, row->function, group->region, book->name, book->version, known);
        err_hint(err, "correct the region, or add its prices to a copy of the book and name it with --price-book FILE");
    } else {
        err_set(err, ERR_INPUT,
                "tenant '%s', function '%s': price book %s %s has no price of %s for %s, mode %s, in region %s",
                row->tenant, row->function, book->name, book->version, meter->sku,
                usage_architecture_name(row->architecture), usage_mode_name(row->mode), group->region);
        err_hint(err, "correct the row, or add this price to a copy of the book and name it with --price-book FILE");
    }
    return row->number > 0 ? err_prefix(err, "row %lld: ", (long long) row->number) : false;
}

/* Hourly sums hold some bases only: a book that counts otherwise would bill something else from them. */
static bool
check_row(const Cells *self, const RatingRow *row, const char *beyond_rollups, Err *err)
{
    if (beyond_rollups == NULL || row->tallies != NULL || row->each != NULL)
        return true;
    err_set(err, ERR_INPUT, "price book %s %s counts %s, which hourly sums do not hold", self->book->name,
            self->book->version, beyond_rollups);
    return err_hint(err,
                    "rate with a book that hourly sums can answer (doc/price-books.md names what they hold), or quote");
}

/* Usage without a price is an error, never a gift; a meter may leave out what cannot be used there. */
static bool
sum_row(Cells *self, const Group *group, const RatingRow *row, mpq_t quantity, Err *err)
{
    int64_t month_start_us = self->options.month_start_us;
    bool any = false;
    for (size_t m = 0; m < self->book->meter_count; m++) {
        const Meter *meter = &self->book->meters[m];
        Cell *cell = cells_pick(self, group, m, row);
        meter_quantity(self->book, meter, row, month_start_us, quantity);
        if (cell == NULL && mpq_sgn(quantity) != 0)
            return fail_unpriced(self, group, row, meter, err);
        if (cell == NULL)
            continue;
        any = cell->used = true;
        cell->events += row->invocations;
        mpq_add(cell->quantity, cell->quantity, quantity);
        if (cell->price->event_tally != 0) {
            meter_event_costs(self->book, meter, cell->price, row, month_start_us, quantity);
            mpq_add(cell->event_costs, cell->event_costs, quantity);
        }
    }
    return any || fail_unpriced(self, group, row, &self->book->meters[0], err);
}

static bool
sum_group(Cells *self, const Group *group, const char *beyond_rollups, Err *err)
{
    bool done = true;
    mpq_t quantity;
    mpq_init(quantity);
    for (size_t i = group->first; done && i < group->end; i++) {
        const RatingRow *row = self->rows[i].row;
        done = check_row(self, row, beyond_rollups, err) && sum_row(self, group, row, quantity, err);
    }
    mpq_clear(quantity);
    return done;
}

bool
cells_fill(Cells *self, const RatingRow *rows, size_t count, Err *err)
{
    size_t capacity = 0;
    const char *beyond_rollups = tally_beyond_rollups(self->book);
    if (!place_rows(self, rows, count, err) || !make_groups(self, err))
        return false;
    for (size_t g = 0; g < self->group_count; g++) {
        if (!make_cells(self, &self->groups[g], &capacity, err))
            return false;
    }
    for (size_t g = 0; g < self->group_count; g++) {
        if (!sum_group(self, &self->groups[g], beyond_rollups, err))
            return false;
    }
    return true;
}

size_t
cells_account_end(const Cells *self, size_t start)
{
    size_t end = start;
    while (end < self->group_count && strcmp(self->groups[end].row->account, self->groups[start].row->account) == 0)
        end++;
    return end;
}

size_t
cells_tenant_end(const Cells *self, size_t start)
{
    size_t end = start;
    while (end < self->group_count && strcmp(self->groups[end].row->account, self->groups[start].row->account) == 0 &&
           strcmp(self->groups[end].row->tenant, self->groups[start].row->tenant) == 0)
        end++;
    return end;
}

static void
counter_clear(Counter *counter)
{
    for (size_t t = 0; counter->in_tiers != NULL && t < counter->price->tier_count; t++)
        mpq_clear(counter->in_tiers[t]);
    for (size_t t = 0; counter->fees != NULL && t < counter->price->tier_count; t++)
        mpq_clear(counter->fees[t]);
    free(counter->in_tiers);
    free(counter->fees);
    mpq_clears(counter->before, counter->before_included, counter->before_events, counter->total, counter->events,
               counter->included, counter->free_share, NULL);
}

void
cells_free(Cells *self)
{
    for (size_t i = 0; i < self->counter_count; i++)
        counter_clear(&self->counters[i]);
    for (size_t i = 0; i < self->cell_count; i++) {
        Cell *cell = &self->cells[i];
        mpq_clears(cell->quantity, cell->free, cell->included, cell->billed, cell->event_costs, cell->minimum_adds,
                   cell->maximum_part, cell->amount_exact, NULL);
    }
    free(self->counters);
    free(self->cells);
    free(self->groups);
    free(self->rows);
}
