#include "rater/rate.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "rater/free_tier.h"
#include "rater/meter.h"
#include "rater/price.h"
#include "rater/rate_cells.h"

/* Share one free tier of the book among the groups [start, end) of an account. */
static bool
apply_free_tier(Cells *cells, const FreeTier *tier, size_t start, size_t end, Err *err)
{
    size_t count = 0;
    FreeClaim *claims = calloc((end - start) * cells->book->meter_count + 1, sizeof(*claims));
    if (claims == NULL)
        return err_set(err, ERR_NOMEM, "no memory to share a free tier");
    for (size_t g = start; g < end; g++) {
        const Group *group = &cells->groups[g];
        for (size_t m = 0; m < cells->book->meter_count; m++) {
            Cell *cell = cells_at(cells, g, m);
            bool covered = (tier->meters & UINT64_C(1) << m) != 0 && (tier->modes & 1u << group->row->mode) != 0;
            if (covered && cell->price != NULL)
                claims[count++] = (FreeClaim){.tenant = group->row->tenant,
                                              .region = group->region,
                                              .architecture = group->row->architecture,
                                              .mode = group->row->mode,
                                              .unit_price = cell->price->tiers[0].unit_price,
                                              .quantity = cell->quantity,
                                              .free = cell->free};
        }
    }
    bool done = free_tier_share(tier->quantity, tier->whole_units, claims, count, err);
    free(claims);
    return done;
}

static Ladder *
ladder_find(Cells *cells, size_t first, const Price *price, const char *region)
{
    for (size_t i = first; i < cells->ladder_count; i++) {
        if (cells->ladders[i].price == price && strcmp(cells->ladders[i].region, region) == 0)
            return &cells->ladders[i];
    }
    Ladder *ladder = &cells->ladders[cells->ladder_count++]; /* there is room for one a cell */
    *ladder = (Ladder){.price = price, .region = region};
    mpq_init(ladder->total);
    return ladder;
}

static bool
ladder_split(Ladder *ladder, Err *err)
{
    ladder->in_tiers = calloc(ladder->price->tier_count, sizeof(mpq_t));
    if (ladder->in_tiers == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a tier ladder");
    for (size_t i = 0; i < ladder->price->tier_count; i++)
        mpq_init(ladder->in_tiers[i]);
    price_split(ladder->price, ladder->total, ladder->in_tiers);
    return true;
}

/* What is billed of every cell of an account, summed on its ladders. */
static bool
climb_ladders(Cells *cells, size_t start, size_t end, Err *err)
{
    size_t first_ladder = cells->ladder_count;
    for (size_t g = start; g < end; g++) {
        for (size_t m = 0; m < cells->book->meter_count; m++) {
            Cell *cell = cells_at(cells, g, m);
            if (cell->price == NULL)
                continue;
            mpq_sub(cell->billed, cell->quantity, cell->free);
            Ladder *ladder = ladder_find(cells, first_ladder, cell->price, cells->groups[g].region);
            mpq_add(ladder->total, ladder->total, cell->billed);
            cell->ladder = (size_t) (ladder - cells->ladders);
        }
    }
    for (size_t i = first_ladder; i < cells->ladder_count; i++) {
        if (!ladder_split(&cells->ladders[i], err))
            return false;
    }
    return true;
}

static bool
price_accounts(Cells *cells, Err *err)
{
    cells->ladders = calloc(cells->group_count * cells->book->meter_count + 1, sizeof(*cells->ladders));
    if (cells->ladders == NULL)
        return err_set(err, ERR_NOMEM, "no memory for tier ladders");
    for (size_t start = 0, end = 0; start < cells->group_count; start = end) {
        end = cells_account_end(cells, start);
        for (size_t i = 0; cells->options.free_tier && i < cells->book->free_tier_count; i++) {
            if (!apply_free_tier(cells, &cells->book->free_tiers[i], start, end, err))
                return false;
        }
        if (!climb_ladders(cells, start, end, err))
            return false;
    }
    return true;
}

static void
line_fill(RatedLine *line, const Cells *cells, const Group *group, Cell *cell, int tier)
{
    const Ladder *ladder = &cells->ladders[cell->ladder];
    mpq_inits(line->quantity, line->free_quantity, line->billed_quantity, line->unit_price, line->amount,
              line->amount_exact, NULL);
    line->account = group->row->account;
    line->tenant = group->row->tenant;
    line->region = group->region;
    line->architecture = group->row->architecture;
    line->mode = group->row->mode;
    line->tier = tier + 1;
    price_part(ladder->in_tiers[tier], cell->billed, ladder->total, line->billed_quantity);
    if (tier == 0)
        mpq_set(line->free_quantity, cell->free);
    mpq_add(line->quantity, line->free_quantity, line->billed_quantity);
    mpq_set(line->unit_price, cell->price->tiers[tier].unit_price);
    mpq_mul(line->amount_exact, line->billed_quantity, line->unit_price);
    mpq_set(line->amount, line->amount_exact);
    decimal_round(line->amount, cells->book->rounding_scale, cells->book->rounding);
    mpq_add(cell->amount_exact, cell->amount_exact, line->amount_exact);
}

/* Tier 1 always, further tiers when the ladder reaches them and this cell has a part. */
static bool
has_line(const Cells *cells, const Cell *cell, size_t tier)
{
    return tier == 0 || (mpq_sgn(cells->ladders[cell->ladder].in_tiers[tier]) > 0 && mpq_sgn(cell->billed) > 0);
}

static bool
make_lines(Cells *cells, Rated *rated, Err *err)
{
    size_t most = 1;
    for (size_t i = 0; i < cells->group_count * cells->book->meter_count; i++)
        most += cells->cells[i].price == NULL ? 0 : cells->cells[i].price->tier_count;
    rated->lines = calloc(most, sizeof(*rated->lines));
    if (rated->lines == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu lines", most);
    for (size_t g = 0; g < cells->group_count; g++) {
        for (size_t m = 0; m < cells->book->meter_count; m++) {
            Cell *cell = cells_at(cells, g, m);
            for (size_t t = 0; cell->price != NULL && t < cell->price->tier_count; t++) {
                if (!has_line(cells, cell, t))
                    continue;
                RatedLine *line = &rated->lines[rated->line_count++];
                line->meter = &cells->book->meters[m];
                line_fill(line, cells, &cells->groups[g], cell, (int) t);
            }
        }
    }
    return true;
}

/* The row's proportional share of what its group's lines cost. */
static void
function_add_cost(RatedFunction *function, const Cells *cells, size_t g, const RatingRow *row)
{
    mpq_t share;
    mpq_init(share);
    for (size_t m = 0; m < cells->book->meter_count; m++) {
        const Cell *cell = cells_at(cells, g, m);
        if (mpq_sgn(cell->amount_exact) == 0)
            continue;
        meter_quantity(cells->book, &cells->book->meters[m], row, cells->options.month_start_us, share);
        mpq_div(share, share, cell->quantity);
        mpq_mul(share, share, cell->amount_exact);
        mpq_add(function->amount_exact, function->amount_exact, share);
    }
    meter_gb_seconds(cells->book, row, cells->options.month_start_us, share);
    mpq_add(function->gb_seconds, function->gb_seconds, share);
    mpq_clear(share);
}

static bool
same_function(const RatedFunction *function, const RatingRow *row)
{
    return function->memory_mb == row->memory_mb && strcmp(function->function, row->function) == 0;
}

static void
add_to_functions(Rated *rated, const Cells *cells, size_t g, const PlacedRow *placed, bool first)
{
    const RatingRow *row = placed->row;
    RatedFunction *function = rated->function_count == 0 ? NULL : &rated->functions[rated->function_count - 1];
    if (first || function == NULL || !same_function(function, row)) {
        function = &rated->functions[rated->function_count++];
        *function = (RatedFunction){.tenant = row->tenant,
                                    .function = row->function,
                                    .region = placed->region,
                                    .architecture = row->architecture,
                                    .mode = row->mode,
                                    .memory_mb = row->memory_mb};
        mpq_inits(function->gb_seconds, function->amount_exact, NULL);
    }
    function->invocations += row->invocations;
    function->errors += row->errors;
    function->timeouts += row->timeouts;
    function_add_cost(function, cells, g, row);
}

static bool
make_functions(const Cells *cells, Rated *rated, Err *err)
{
    rated->functions = calloc(cells->row_count + 1, sizeof(*rated->functions));
    if (rated->functions == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu functions", cells->row_count);
    for (size_t g = 0; g < cells->group_count; g++) {
        const Group *group = &cells->groups[g];
        for (size_t i = group->first; i < group->end; i++)
            add_to_functions(rated, cells, g, &cells->rows[i], i == group->first);
    }
    return true;
}

/* What the groups [start, end) took from a free tier, added to `out`. */
static void
sum_free(const Cells *cells, const FreeTier *tier, size_t start, size_t end, mpq_t out)
{
    for (size_t g = start; g < end; g++) {
        for (size_t m = 0; m < cells->book->meter_count; m++) {
            if ((tier->meters & UINT64_C(1) << m) != 0)
                mpq_add(out, out, cells_at(cells, g, m)->free);
        }
    }
}

static bool
make_free_tiers(const Cells *cells, Rated *rated, Err *err)
{
    const PriceBook *book = cells->book;
    rated->free_tiers = calloc(cells->group_count * book->free_tier_count + 1, sizeof(*rated->free_tiers));
    if (rated->free_tiers == NULL)
        return err_set(err, ERR_NOMEM, "no memory for free tiers");
    size_t account_start = 0;
    for (size_t start = 0, end = 0; cells->options.free_tier && start < cells->group_count; start = end) {
        end = cells_tenant_end(cells, start);
        if (strcmp(cells->groups[account_start].row->account, cells->groups[start].row->account) != 0)
            account_start = start;
        for (size_t i = 0; i < book->free_tier_count; i++) {
            RatedFreeTier *taken = &rated->free_tiers[rated->free_tier_count++];
            taken->account = cells->groups[start].row->account;
            taken->tenant = cells->groups[start].row->tenant;
            taken->tier = &book->free_tiers[i];
            taken->unit = book->meters[__builtin_ctzll(taken->tier->meters)].unit; /* it covers at least one */
            mpq_inits(taken->used, taken->account_used, NULL);
            sum_free(cells, taken->tier, start, end, taken->used);
            if (start == account_start)
                sum_free(cells, taken->tier, start, cells_account_end(cells, start), taken->account_used);
            else
                mpq_set(taken->account_used, taken[-(ptrdiff_t) book->free_tier_count].account_used);
        }
    }
    return true;
}

Rated *
rate(const RatingRow *rows, size_t count, const PriceBook *book, const RateOptions *options, Err *err)
{
    Cells cells = {.book = book, .options = *options};
    Rated *rated = calloc(1, sizeof(*rated));
    if (rated == NULL)
        err_set(err, ERR_NOMEM, "no memory to rate");
    bool done = rated != NULL && cells_fill(&cells, rows, count, err) && price_accounts(&cells, err) &&
                make_lines(&cells, rated, err) && make_functions(&cells, rated, err) &&
                make_free_tiers(&cells, rated, err);
    cells_free(&cells);
    if (!done)
        rated_free(&rated);
    return rated;
}

bool
rated_next_tenant(const Rated *rated, RatedSlice *slice)
{
    slice->line = slice->line_end;
    slice->function = slice->function_end;
    slice->free_tier = slice->free_tier_end;
    if (slice->function == rated->function_count)
        return false;
    const char *tenant = rated->functions[slice->function].tenant;
    while (slice->function_end < rated->function_count &&
           strcmp(rated->functions[slice->function_end].tenant, tenant) == 0)
        slice->function_end++;
    while (slice->line_end < rated->line_count && strcmp(rated->lines[slice->line_end].tenant, tenant) == 0)
        slice->line_end++;
    while (slice->free_tier_end < rated->free_tier_count &&
           strcmp(rated->free_tiers[slice->free_tier_end].tenant, tenant) == 0)
        slice->free_tier_end++;
    return true;
}

RatedSlice
rated_whole(const Rated *rated)
{
    return (RatedSlice){
        .line_end = rated->line_count, .function_end = rated->function_count, .free_tier_end = rated->free_tier_count};
}

void
rated_total(const Rated *rated, const RatedSlice *slice, mpq_t out)
{
    mpq_set_ui(out, 0, 1);
    for (size_t i = slice->line; i < slice->line_end; i++)
        mpq_add(out, out, rated->lines[i].amount);
}

void
rated_free(Rated **self)
{
    Rated *rated = *self;
    if (rated == NULL)
        return;
    for (size_t i = 0; i < rated->line_count; i++) {
        RatedLine *line = &rated->lines[i];
        mpq_clears(line->quantity, line->free_quantity, line->billed_quantity, line->unit_price, line->amount,
                   line->amount_exact, NULL);
    }
    for (size_t i = 0; i < rated->function_count; i++)
        mpq_clears(rated->functions[i].gb_seconds, rated->functions[i].amount_exact, NULL);
    for (size_t i = 0; i < rated->free_tier_count; i++)
        mpq_clears(rated->free_tiers[i].used, rated->free_tiers[i].account_used, NULL);
    free(rated->lines);
    free(rated->functions);
    free(rated->free_tiers);
    free(rated);
    *self = NULL;
}
