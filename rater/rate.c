#include "rater/rate.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/meter.h"
#include "rater/rate_carry.h"
#include "rater/rate_cells.h"
#include "rater/rate_counters.h"
#include "rater/rate_free.h"
#include "rater/rate_parts.h"
#include "rater/rate_round.h"

static bool
price_accounts(Cells *cells, Err *err)
{
    for (size_t start = 0, end = 0; start < cells->group_count; start = end) {
        end = cells_account_end(cells, start);
        for (size_t i = 0; cells->options.free_tier && i < cells->book->free_tier_count; i++) {
            if (!rate_free_apply(cells, &cells->book->free_tiers[i], start, end, err))
                return false;
        }
        if (!counters_price(cells, start, end, err))
            return false;
    }
    return true;
}

/* ---- lines ---- */

/* What minimum and maximum do to a line whose amount is known without them. */
static void
line_adjust(RatedLine *line, const Cell *cell, bool first)
{
    mpq_t one;
    mpq_init(one);
    mpq_set_ui(one, 1, 1);
    mpq_sub(line->adjustment, cell->maximum_part, one);
    mpq_mul(line->adjustment, line->adjustment, line->amount_exact);
    if (first)
        mpq_add(line->adjustment, line->adjustment, cell->minimum_adds);
    mpq_add(line->amount_exact, line->amount_exact, line->adjustment);
    mpq_clear(one);
}

static void
line_fill(RatedLine *line, const Cells *cells, const Group *group, const Cell *cell, size_t tier, bool first)
{
    mpq_inits(line->quantity, line->free_quantity, line->billed_quantity, line->unit_price, line->fee, line->adjustment,
              line->amount, line->amount_exact, NULL);
    line->account = group->row->account;
    line->tenant = group->row->tenant;
    line->region = group->region;
    line->architecture = group->row->architecture;
    line->mode = group->row->mode;
    line->meter = &cells->book->meters[cell->meter];
    line->price = cell->price;
    line->tier = (int) tier + 1;
    counters_part(cells, cell, tier, line->billed_quantity, line->fee);
    if (first)
        mpq_add(line->free_quantity, cell->free, cell->included);
    mpq_add(line->quantity, line->free_quantity, line->billed_quantity);
    mpq_set(line->unit_price, cell->price->tiers[tier].unit_price);
    mpq_mul(line->amount_exact, line->billed_quantity, line->unit_price);
    mpq_add(line->amount_exact, line->amount_exact, line->fee);
    if (!line->price->plain)
        line_adjust(line, cell, first);
}

static bool
is_omitted(const Cells *cells, const Cell *cell)
{
    return cells->book->meters[cell->meter].omit_zero && mpq_sgn(cell->quantity) == 0 &&
           mpq_sgn(cell->amount_exact) == 0;
}

static void
cell_lines(const Cells *cells, const Group *group, const Cell *cell, Rated *rated)
{
    bool first = true;
    for (size_t t = 0; t < cell->price->tier_count; t++) {
        if (!counters_has_tier(cells, cell, t))
            continue;
        line_fill(&rated->lines[rated->line_count++], cells, group, cell, t, first);
        first = false;
    }
}

static bool
make_lines(const Cells *cells, Rated *rated, Err *err)
{
    size_t most = 1;
    for (size_t i = 0; i < cells->cell_count; i++)
        most += cells->cells[i].used ? cells->cells[i].price->tier_count : 0;
    rated->lines = calloc(most, sizeof(*rated->lines));
    if (rated->lines == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu lines", most);
    for (size_t g = 0; g < cells->group_count; g++) {
        const Group *group = &cells->groups[g];
        for (size_t i = group->first_cell; i < group->end_cell; i++) {
            if (cells->cells[i].used && !is_omitted(cells, &cells->cells[i]))
                cell_lines(cells, group, &cells->cells[i], rated);
        }
    }
    return true;
}

/* ---- functions ---- */

/* The part of a cell's amount that one of its rows makes: by quantity; where that is 0, or comes from no row, by
 * invocations; where they are 0 too, all goes to the first row. `costs` has what the row cost by meter so far. */
static void
row_part(const Cells *cells, const Cell *cell, const RatingRow *row, const mpq_t *costs, mpq_t out)
{
    const Meter *meter = &cells->book->meters[cell->meter];
    mpq_t whole;
    mpq_init(whole);
    mpq_set(whole, cell->quantity);
    mpq_set_ui(out, 0, 1);
    if (meter->measure == MEASURE_AMOUNT) {
        for (size_t m = 0; m < cell->meter; m++) {
            if ((meter->of & UINT64_C(1) << m) != 0)
                mpq_add(out, out, costs[m]);
        }
    } else if (meter->measure != MEASURE_MONTH) {
        meter_quantity(cells->book, meter, row, cells->options.month_start_us, out);
    }
    if (mpq_sgn(whole) == 0 || meter->measure == MEASURE_MONTH) {
        decimal_set_u128(mpq_numref(out), row->invocations);
        mpz_set_ui(mpq_denref(out), 1);
        decimal_set_u128(mpq_numref(whole), cell->events);
        mpz_set_ui(mpq_denref(whole), 1);
    }
    if (mpq_sgn(whole) != 0)
        mpq_div(out, out, whole);
    else
        mpq_set_ui(out, cell->shared ? 0 : 1, 1);
    mpq_clear(whole);
}

/* The row's share of what its group's items cost. */
static void
function_add_cost(RatedFunction *function, const Cells *cells, const Group *group, const RatingRow *row, mpq_t *costs)
{
    for (size_t m = 0; m < cells->book->meter_count; m++) {
        mpq_set_ui(costs[m], 0, 1);
        Cell *cell = cells_pick(cells, group, m, row);
        if (cell == NULL || mpq_sgn(cell->amount_exact) == 0)
            continue;
        row_part(cells, cell, row, (const mpq_t *) costs, costs[m]);
        mpq_mul(costs[m], costs[m], cell->amount_exact);
        cell->shared = true;
        mpq_add(function->amount_exact, function->amount_exact, costs[m]);
    }
    mpq_ptr own = costs[cells->book->meter_count];
    meter_gb_seconds(cells->book, row, cells->options.month_start_us, own);
    mpq_add(function->gb_seconds, function->gb_seconds, own);
    meter_capacity_gb_seconds(cells->book, row, own);
    mpq_add(function->capacity_gb_seconds, function->capacity_gb_seconds, own);
}

static bool
same_function(const RatedFunction *function, const RatingRow *row)
{
    return function->memory_mb == row->memory_mb && strcmp(function->function, row->function) == 0;
}

static void
add_to_functions(Rated *rated, const Cells *cells, const Group *group, const PlacedRow *placed, bool first,
                 mpq_t *costs)
{
    const RatingRow *row = placed->row;
    if (first || !same_function(&rated->functions[rated->function_count - 1], row)) {
        RatedFunction *added = &rated->functions[rated->function_count++];
        *added = (RatedFunction){.tenant = row->tenant,
                                 .function = row->function,
                                 .region = placed->region,
                                 .architecture = row->architecture,
                                 .mode = row->mode,
                                 .memory_mb = row->memory_mb};
        mpq_inits(added->gb_seconds, added->capacity_gb_seconds, added->amount_exact, NULL);
    }
    RatedFunction *function = &rated->functions[rated->function_count - 1];
    function->invocations += row->invocations;
    function->errors += row->errors;
    function->timeouts += row->timeouts;
    function->capacity_records += row->capacity_records;
    function_add_cost(function, cells, group, row, costs);
}

static bool
make_functions(const Cells *cells, Rated *rated, Err *err)
{
    size_t scratch = cells->book->meter_count + 1;
    mpq_t *costs = calloc(scratch, sizeof(*costs));
    rated->functions = calloc(cells->row_count + 1, sizeof(*rated->functions));
    if (rated->functions == NULL || costs == NULL) {
        free(costs);
        return err_set(err, ERR_NOMEM, "no memory for %zu functions", cells->row_count);
    }
    for (size_t i = 0; i < scratch; i++)
        mpq_init(costs[i]);
    for (size_t g = 0; g < cells->group_count; g++) {
        const Group *group = &cells->groups[g];
        for (size_t i = group->first; i < group->end; i++)
            add_to_functions(rated, cells, group, &cells->rows[i], i == group->first, costs);
    }
    for (size_t i = 0; i < scratch; i++)
        mpq_clear(costs[i]);
    free(costs);
    return true;
}

/* ---- free tiers ---- */

/* What the groups [start, end) took from a free tier, added to `out`. */
static void
sum_free(const Cells *cells, const FreeTier *tier, size_t start, size_t end, mpq_t out)
{
    for (size_t g = start; g < end; g++) {
        for (size_t i = cells->groups[g].first_cell; i < cells->groups[g].end_cell; i++) {
            if ((tier->meters & UINT64_C(1) << cells->cells[i].meter) != 0)
                mpq_add(out, out, cells->cells[i].free);
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
            mpq_inits(taken->allowance, taken->used, taken->account_used, NULL);
            rate_free_allowance(cells, taken->account, taken->tier, taken->allowance);
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
    if (book->part_count > 0)
        return rate_parts(rows, count, book->parts, book->part_count, options, err);
    Cells cells = {.book = book, .options = *options};
    Rated *rated = calloc(1, sizeof(*rated));
    if (rated == NULL)
        err_set(err, ERR_NOMEM, "no memory to rate");
    bool done = rated != NULL && cells_fill(&cells, rows, count, err) && price_accounts(&cells, err) &&
                make_lines(&cells, rated, err) && rate_round(rated, book, err) && make_functions(&cells, rated, err) &&
                make_free_tiers(&cells, rated, err) &&
                (options->carry == NULL || rate_carry_take(options->carry, &cells, err));
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
        mpq_clears(line->quantity, line->free_quantity, line->billed_quantity, line->unit_price, line->fee,
                   line->adjustment, line->amount, line->amount_exact, NULL);
    }
    for (size_t i = 0; i < rated->function_count; i++)
        mpq_clears(rated->functions[i].gb_seconds, rated->functions[i].capacity_gb_seconds,
                   rated->functions[i].amount_exact, NULL);
    for (size_t i = 0; i < rated->free_tier_count; i++)
        mpq_clears(rated->free_tiers[i].allowance, rated->free_tiers[i].used, rated->free_tiers[i].account_used, NULL);
    free(rated->lines);
    free(rated->functions);
    free(rated->free_tiers);
    free(rated);
    *self = NULL;
}
