#include <inttypes.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "lib/harmless.h"
#include "reports/chart.h"
#include "reports/figures.h"
#include "reports/savings_parts.h"
#include "reports/sentence.h"
#include "reports/table.h"
#include "reports/timeline.h"

/* One side of the side-by-side table: what, and its amount as text. */
typedef struct Column {
    char **what;
    char **amount;
    size_t count;
} Column;

static bool
column_make(Column *column, size_t capacity, Err *err)
{
    column->what = calloc(capacity + 1, sizeof(*column->what));
    column->amount = calloc(capacity + 1, sizeof(*column->amount));
    return (column->what != NULL && column->amount != NULL) || err_set(err, ERR_NOMEM, "no memory for a table");
}

static void
column_clear(Column *column)
{
    for (size_t i = 0; i < column->count; i++) {
        free(column->what[i]);
        free(column->amount[i]);
    }
    free(column->what);
    free(column->amount);
}

/* Takes `amount`, NULL when it could not be made. */
static bool
column_add(Column *column, Text what, char *amount, Err *err)
{
    column->what[column->count] = text_duplicate(what);
    column->amount[column->count] = amount;
    if (column->what[column->count++] == NULL)
        err_set(err, ERR_NOMEM, "no memory for a table");
    return !err_is_set(err);
}

/* Did anybody use what this line meters? */
static bool
line_is_used(Json *line)
{
    Err ignored = {0};
    mpq_t quantity;
    mpq_init(quantity);
    bool used = !figure_read(line, "quantity", quantity, &ignored) || mpq_sgn(quantity) != 0;
    mpq_clear(quantity);
    return used;
}

static bool
fill_line(const SavingsReport *self, Json *line, Column *column, Err *err)
{
    Text what;
    Text tenant = TEXT_LITERAL("");
    Text region = TEXT_LITERAL("");
    Text architecture = TEXT_LITERAL("");
    mpq_t rounded;
    if (!json_text(json_member(line, "description"), &what))
        return err_set(err, ERR_INPUT, "a line of the rater's answer has no description");
    bool placed = json_text(json_member(line, "region"), &region) &&
                  json_text(json_member(line, "architecture"), &architecture) && self->several_places;
    bool named = json_text(json_member(line, "tenant"), &tenant) && self->several_tenants;
    Buffer label = {0};
    mpq_init(rounded);
    bool done = figure_read(line, "amount", rounded, err) &&
                (!named || buffer_printf(&label, err, "%.*s: ", TEXT_ARG(tenant))) &&
                buffer_append(&label, what.data, what.length, err) &&
                (!placed || buffer_printf(&label, err, ", %.*s %.*s", TEXT_ARG(region), TEXT_ARG(architecture))) &&
                column_add(column, buffer_text(&label), figure_people(rounded, self->currency_scale, err), err);
    mpq_clear(rounded);
    buffer_free(&label);
    return done;
}

static bool
fill_lines(const SavingsReport *self, Column *column, Err *err)
{
    for (size_t i = 0; i < json_object_array_length(self->lines); i++) {
        Json *line = json_object_array_get_idx(self->lines, i);
        if (line_is_used(line) && !fill_line(self, line, column, err))
            return false;
    }
    return true;
}

/* Terms of contracts that are compared. */
static bool
fill_terms(const SavingsReport *self, Column *column, Err *err)
{
    for (size_t i = 0; i < json_object_array_length(self->terms); i++) {
        Json *term = json_object_array_get_idx(self->terms, i);
        if (!json_object_get_boolean(json_member(term, "compared")))
            continue;
        Buffer label = {0};
        bool done = savings_term_label(self, term, &label, err);
        mpq_t amount;
        mpq_init(amount);
        done = done && figure_read(term, "amount", amount, err) &&
               column_add(column, buffer_text(&label), figure_people(amount, self->currency_scale, err), err);
        mpq_clear(amount);
        buffer_free(&label);
        if (!done)
            return false;
    }
    return true;
}

static bool
fill_items(const SavingsItem *items, size_t count, int scale, Column *column, Err *err)
{
    for (size_t i = 0; i < count; i++)
        if (!column_add(column, text_of(items[i].item->what), figure_people(items[i].amount.printed, scale, err), err))
            return false;
    return true;
}

static bool
print_columns(const SavingsReport *self, const SavingsComparison *comparison, const Column *left, const Column *right,
              Buffer *out, Err *err)
{
    const TableColumn columns[] = {{"Serverless", TABLE_FLEXIBLE},
                                   {self->currency, TABLE_RIGHT},
                                   {comparison->alternative->name, TABLE_FLEXIBLE},
                                   {self->currency, TABLE_RIGHT}};
    const SavingsReading *reading = savings_reading(comparison);
    Table *table = table_new(columns, 4, err);
    bool done = table != NULL;
    for (size_t i = 0; done && (i < left->count || i < right->count); i++) {
        const char *cells[4] = {i < left->count ? left->what[i] : NULL, i < left->count ? left->amount[i] : NULL,
                                i < right->count ? right->what[i] : NULL, i < right->count ? right->amount[i] : NULL};
        done = table_row(table, cells, err);
    }
    char *ours = figure_people(reading->serverless.printed, self->currency_scale, err);
    char *theirs = figure_people(reading->alternative.printed, self->currency_scale, err);
    const char *totals[4] = {"Total", ours, "Total", theirs};
    done = done && ours != NULL && theirs != NULL && table_rule(table, err) && table_row(table, totals, err) &&
           table_print(table, TABLE_WIDTH, out, err);
    free(ours);
    free(theirs);
    table_free(&table);
    return done;
}

static bool
print_sides(const SavingsReport *self, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    Column left = {0};
    Column right = {0};
    bool done =
        column_make(&left,
                    json_object_array_length(self->lines) + json_object_array_length(self->terms) + self->extra_count,
                    err) &&
        column_make(&right, comparison->item_count, err) && fill_lines(self, &left, err) &&
        fill_terms(self, &left, err) && fill_items(self->extras, self->extra_count, self->currency_scale, &left, err) &&
        fill_items(comparison->items, comparison->item_count, self->currency_scale, &right, err) &&
        print_columns(self, comparison, &left, &right, out, err);
    column_clear(&left);
    column_clear(&right);
    return done;
}

static bool
print_saving(const SavingsReport *self, const SavingsReading *reading, const char *label, Buffer *out, Err *err)
{
    mpq_t saving;
    mpq_t percent;
    mpq_inits(saving, percent, NULL);
    mpq_abs(saving, reading->saving);
    mpq_abs(percent, reading->saving_percent);
    bool priced = mpq_sgn(reading->alternative.exact) != 0;
    bool done = buffer_printf(out, err, "  %-20sserverless %s ", label,
                              reading->cheaper == SIDE_SERVERLESS ? "saves" : "costs more by") &&
                sentence(out, err, "%s ", FIGURES(figure_people(saving, self->currency_scale, err))) &&
                buffer_append_text(out, self->currency, err) &&
                (!priced || sentence(out, err, " (%s %)", FIGURES(figure_people(percent, 1, err)))) &&
                buffer_append_text(out, " a month\n", err);
    mpq_clears(saving, percent, NULL);
    return done;
}

/* The readings that say something else than the complete one, or cost something else. */
static bool
print_readings(const SavingsReport *self, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    static const char *const labels[SAVINGS_READINGS] = {"Instances alone", "Infrastructure", "All in all"};
    const SavingsReading *all = savings_reading(comparison);
    if (!print_saving(self, all, labels[SAVINGS_READINGS - 1], out, err))
        return false;
    for (size_t i = SAVINGS_READINGS - 1; i-- > 0;) {
        const SavingsReading *reading = &comparison->readings[i];
        const SavingsReading *next = &comparison->readings[i + 1];
        bool differs = !mpq_equal(reading->alternative.exact, next->alternative.exact) ||
                       !mpq_equal(reading->serverless.exact, next->serverless.exact);
        if (differs && !print_saving(self, reading, labels[i], out, err))
            return false;
    }
    return true;
}

/* "costs 3.10 more to saves 14.35", "saves 4.85 to 27.59" */
static bool
print_ends(const SavingsReport *self, const SavingsRange *range, Buffer *out, Err *err)
{
    mpq_t low;
    mpq_t high;
    mpq_inits(low, high, NULL);
    mpq_abs(low, range->saving_low);
    mpq_abs(high, range->saving_high);
    const char *form = mpq_sgn(range->saving_low) >= 0    ? "serverless saves %s to %s"
                       : mpq_sgn(range->saving_high) <= 0 ? "serverless costs %s to %s more"
                                                          : "serverless costs %s more to saves %s";
    bool done = sentence(
        out, err, form,
        FIGURES(figure_people(low, self->currency_scale, err), figure_people(high, self->currency_scale, err)));
    mpq_clears(low, high, NULL);
    return done;
}

/* From the worst to the best for serverless, with what that assumes. */
static bool
print_range(const SavingsReport *self, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    const SavingsRange *range = &comparison->range;
    if (mpq_equal(range->saving_low, range->saving_high))
        return true;
    if (!buffer_append_text(out, "  Range               ", err) || !print_ends(self, range, out, err) ||
        !buffer_printf(out, err, ", %s a month\n", self->currency))
        return false;
    for (size_t i = 0; i < range->assumption_count; i++)
        if (!buffer_append_text(out, "                      ", err) ||
            !said_append(&range->assumptions[i], NULL, out, err) || !buffer_append(out, "\n", 1, err))
            return false;
    return true;
}

static bool
print_horizon(const SavingsReport *self, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    int64_t count = comparison->alternative->months;
    if (count == 1)
        return true;
    return buffer_printf(out, err, "  Over %-3" PRId64 "months      ", count) &&
           sentence(out, err, "%s against %s ",
                    FIGURES(figure_people(comparison->horizon_serverless, self->currency_scale, err),
                            figure_people(comparison->horizon_alternative, self->currency_scale, err))) &&
           buffer_printf(out, err, "%s\n", self->currency);
}

static bool
print_idle(const SavingsReport *self, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    mpq_t idle_percent;
    mpq_init(idle_percent);
    mpq_set_ui(idle_percent, 100, 1);
    mpq_sub(idle_percent, idle_percent, comparison->utilization_percent);
    bool idle = mpq_sgn(idle_percent) > 0;
    bool done =
        idle ? sentence(out, err, "  Idle                %s hours (%s %), %s ",
                        FIGURES(figure_people(comparison->idle_hours, 1, err), figure_people(idle_percent, 2, err),
                                figure_people(comparison->idle_amount, self->currency_scale, err))) &&
                   buffer_printf(out, err, "%s of the instances' cost\n", self->currency)
             : buffer_append_text(out, "  Idle                never: they have to take several executions at a time\n",
                                  err);
    mpq_clear(idle_percent);
    return done;
}

static bool
print_utilization(const SavingsReport *self, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    if (!comparison->has_utilization)
        return true;
    return sentence(out, err, "  Utilization         %s % (functions ran %s hours; the instances are there for %s)\n",
                    FIGURES(figure_people(comparison->utilization_percent, 2, err),
                            figure_people(self->busy_hours, 1, err), figure_people(comparison->hours, 1, err))) &&
           print_idle(self, comparison, out, err);
}

static bool
print_small_hours(const SavingsReport *self, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    char first[UTC_TEXT_BYTES];
    if (!comparison->has_small_hours)
        return true;
    if (comparison->small_hour_count == 0)
        return buffer_append_text(out, "  Too small           never\n", err);
    utc_format(self->timeline->start_us + (int64_t) comparison->small_hours[0] * UTC_HOUR_US, first);
    return buffer_printf(out, err,
                         "  Too small           in %zu of %zu hours, first at %s: ", comparison->small_hour_count,
                         self->timeline->hour_count, first) &&
           sentence(out, err, "the instances take %s at a time", FIGURES(figure_people(comparison->slots, 0, err))) &&
           (!comparison->has_memory ||
            sentence(out, err, " and have %s GB", FIGURES(figure_people(comparison->memory_gb, 1, err)))) &&
           buffer_append_text(out, "\n", err);
}

static bool
print_break_even(const SavingsComparison *comparison, Buffer *out, Err *err)
{
    if (comparison->alternative->functions != NULL)
        return true;
    if (!comparison->has_break_even)
        return buffer_append_text(out, "  Break-even          none: requests do not change who is cheaper\n", err);
    return sentence(out, err, "  Break-even          %s requests a second at this mix, all month (now: %s)\n",
                    FIGURES(figure_rate(comparison->break_even, err), figure_rate(comparison->rate_now, err)));
}

static bool
print_comparison(const SavingsReport *self, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    bool requests = mpq_sgn(self->invocations) > 0;
    return print_sides(self, comparison, out, err) && buffer_append(out, "\n", 1, err) &&
           print_readings(self, comparison, out, err) && print_range(self, comparison, out, err) &&
           print_horizon(self, comparison, out, err) && print_utilization(self, comparison, out, err) &&
           print_small_hours(self, comparison, out, err) && (!requests || print_break_even(comparison, out, err)) &&
           (!comparison->has_break_even || chart_break_even(self, comparison, out, err)) &&
           buffer_append(out, "\n", 1, err);
}

static bool
print_concurrency(const SavingsReport *self, Buffer *out, Err *err)
{
    if (!self->has_usage)
        return true;
    if (!sentence(out, err, "  Executions at a time: %s on average", FIGURES(figure_rate(self->concurrency_mean, err))))
        return false;
    if (self->timeline != NULL)
        return timeline_text(self->timeline, out, err);
    return buffer_append_text(out, " (the peak needs usage records)\n\n", err);
}

static const char DEFINITIONS[] =
    "\n  Utilization is the functions' wall time over instances x hours x executions that an instance takes at a "
    "time;\n"
    "  idle cost is the instances' cost for the rest. Savings are differences of the printed totals, per cent of the\n"
    "  alternative from exact values. The break-even scales today's mix at today's unit prices.\n";

bool
savings_text(const SavingsReport *self, Buffer *out, Err *err)
{
    char period[UTC_TEXT_BYTES];
    if (!buffer_printf(out, err, "Savings report, %s%s\n\n", utc_month_format(self->month, period),
                       self->has_free_tier ? ", free tier taken off" : ""))
        return false;
    for (size_t i = 0; i < self->comparison_count; i++)
        if (!print_comparison(self, &self->comparisons[i], out, err))
            return false;
    return savings_terms_text(self, out, err) && savings_free_tiers_text(self, out, err) &&
           print_concurrency(self, out, err) && (self->fleet == NULL || fleet_text(self->fleet, out, err)) &&
           savings_verdicts_text(self, out, err) && buffer_append_text(out, DEFINITIONS, err);
}
