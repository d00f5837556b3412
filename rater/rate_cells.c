#include "rater/rate_cells.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"
#include "rater/meter.h"

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

static bool
place_rows(Cells *self, const RatingRow *rows, size_t count, Err *err)
{
    self->rows = calloc(count + 1, sizeof(*self->rows));
    if (self->rows == NULL)
        return err_set(err, ERR_NOMEM, "no memory to rate %zu rows", count);
    const char *fallback = self->book->default_region == NULL ? "" : self->book->default_region;
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
    self->cells = calloc(groups * self->book->meter_count + 1, sizeof(*self->cells));
    if (self->groups == NULL || self->cells == NULL)
        return err_set(err, ERR_NOMEM, "no memory to rate %zu groups", groups);
    for (size_t i = 0; i < self->row_count; i++) {
        if (i == 0 || compare_group_key(&self->rows[i - 1], &self->rows[i]) != 0)
            self->groups[self->group_count++] =
                (Group){.first = i, .row = self->rows[i].row, .region = self->rows[i].region};
        self->groups[self->group_count - 1].end = i + 1;
    }
    for (size_t i = 0; i < self->group_count * self->book->meter_count; i++)
        mpq_inits(self->cells[i].quantity, self->cells[i].free, self->cells[i].billed, self->cells[i].amount_exact,
                  NULL);
    return true;
}

Cell *
cells_at(const Cells *self, size_t group, size_t meter)
{
    return &self->cells[group * self->book->meter_count + meter];
}

static void
sum_cells(Cells *self)
{
    mpq_t quantity;
    mpq_init(quantity);
    for (size_t g = 0; g < self->group_count; g++) {
        for (size_t m = 0; m < self->book->meter_count; m++) {
            Cell *cell = cells_at(self, g, m);
            for (size_t i = self->groups[g].first; i < self->groups[g].end; i++) {
                meter_quantity(self->book, &self->book->meters[m], self->rows[i].row, self->options.month_start_us,
                               quantity);
                mpq_add(cell->quantity, cell->quantity, quantity);
            }
        }
    }
    mpq_clear(quantity);
}

static bool
is_known_region(const PriceBook *book, const char *region)
{
    for (size_t m = 0; m < book->meter_count; m++) {
        for (int a = 0; a < USAGE_ARCHITECTURE_COUNT; a++) {
            for (int mode = 0; mode < USAGE_MODE_COUNT; mode++) {
                if (price_book_price(&book->meters[m], region, (UsageArchitecture) a, (UsageMode) mode) != NULL)
                    return true;
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
fail_unpriced(const Cells *self, const Group *group, const Meter *meter, Err *err)
{
    const PriceBook *book = self->book;
    const RatingRow *row = self->rows[group->first].row;
    char known[400];
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

/* Usage without a price is an error, never a gift; a meter may leave out what cannot be used there. */
static bool
find_prices(Cells *self, size_t g, Err *err)
{
    const Group *group = &self->groups[g];
    bool any = false;
    for (size_t m = 0; m < self->book->meter_count; m++) {
        Cell *cell = cells_at(self, g, m);
        const Meter *meter = &self->book->meters[m];
        cell->price = price_book_price(meter, group->region, group->row->architecture, group->row->mode);
        any = any || cell->price != NULL;
        if (cell->price == NULL && mpq_sgn(cell->quantity) != 0)
            return fail_unpriced(self, group, meter, err);
    }
    return any || fail_unpriced(self, group, &self->book->meters[0], err);
}

bool
cells_fill(Cells *self, const RatingRow *rows, size_t count, Err *err)
{
    if (!place_rows(self, rows, count, err) || !make_groups(self, err))
        return false;
    sum_cells(self);
    for (size_t g = 0; g < self->group_count; g++) {
        if (!find_prices(self, g, err))
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

void
cells_free(Cells *self)
{
    for (size_t i = 0; i < self->ladder_count; i++) {
        for (size_t t = 0; self->ladders[i].in_tiers != NULL && t < self->ladders[i].price->tier_count; t++)
            mpq_clear(self->ladders[i].in_tiers[t]);
        free(self->ladders[i].in_tiers);
        mpq_clear(self->ladders[i].total);
    }
    for (size_t i = 0; i < self->group_count * self->book->meter_count; i++)
        mpq_clears(self->cells[i].quantity, self->cells[i].free, self->cells[i].billed, self->cells[i].amount_exact,
                   NULL);
    free(self->ladders);
    free(self->cells);
    free(self->groups);
    free(self->rows);
}
