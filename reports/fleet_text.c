/* A fleet plan for a person. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/harmless.h"
#include "reports/figures.h"
#include "reports/fleet.h"
#include "reports/sentence.h"
#include "reports/table.h"

enum { ROWS_MAX = 12, NAME_BYTES = 128 };

static const char *
name_of(const FleetOption *option, char out[NAME_BYTES])
{
    const char *burst = FLEET_BURST_NAMES[option->burst];
    (void) snprintf(out, NAME_BYTES, "%s%s%s", option->type->name, burst != NULL ? ", " : "",
                    burst != NULL ? burst : "");
    return out;
}

static char *
count_text(int64_t count, Err *err)
{
    mpq_t value;
    mpq_init(value);
    decimal_set_i64(value, count);
    char *text = figure_people(value, 0, err);
    mpq_clear(value);
    return text;
}

/* Adds a row of cells that were made for it, and takes them. One that could not be made (`err` says why) fails. */
static bool
take_row(Table *table, char **cells, size_t count, Err *err)
{
    bool done = true;
    for (size_t i = 0; i < count; i++)
        done = done && cells[i] != NULL;
    const char *borrowed[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        borrowed[i] = cells[i];
    done = done && table_row(table, borrowed, err);
    for (size_t i = 0; i < count; i++)
        free(cells[i]);
    return done || err_set(err, ERR_NOMEM, "no memory for a table");
}

/* "" where the catalogue knows no such price */
static char *
price_text(const FleetPlan *self, const FleetOption *option, Purchase purchase, Err *err)
{
    if (!option->type->prices[purchase].known)
        return text_duplicate(text_of("-"));
    return figure_people(option->fixed[purchase].printed, self->currency_scale, err);
}

static char *
hours_text(int64_t hours, Err *err)
{
    return hours == 0 ? text_duplicate(text_of("-")) : count_text(hours, err);
}

static bool
fixed_row(const FleetPlan *self, const FleetOption *option, Table *table, Err *err)
{
    char name[NAME_BYTES];
    char *cells[] = {text_duplicate(text_of(name_of(option, name))),
                     decimal_format_exact(option->type->vcpu, err),
                     decimal_format_exact(option->type->memory_gb, err),
                     count_text(option->instances, err),
                     price_text(self, option, ON_DEMAND, err),
                     price_text(self, option, RESERVED_1Y, err),
                     price_text(self, option, RESERVED_3Y, err),
                     figure_people(option->fixed_low.printed, self->currency_scale, err),
                     figure_people(option->fixed_high.printed, self->currency_scale, err),
                     hours_text(option->burst_fixed.hours, err)};
    return take_row(table, cells, sizeof(cells) / sizeof(cells[0]), err);
}

/* part / whole in per cent, "never" for 0 */
static char *
percent_text(int64_t part, int64_t whole, Err *err)
{
    if (part == 0 || whole == 0)
        return text_duplicate(text_of("-"));
    mpq_t percent;
    mpq_init(percent);
    mpq_set_si(percent, part, (unsigned long) whole);
    mpq_canonicalize(percent);
    mpz_mul_ui(mpq_numref(percent), mpq_numref(percent), 100);
    mpq_canonicalize(percent);
    char *text = figure_people(percent, 2, err);
    mpq_clear(percent);
    return text;
}

static char *
seconds_text(int64_t us, Err *err)
{
    if (us == 0)
        return text_duplicate(text_of("-"));
    mpq_t seconds;
    mpq_init(seconds);
    mpq_set_si(seconds, us, UTC_SECOND_US);
    mpq_canonicalize(seconds);
    char *text = figure_people(seconds, 1, err);
    mpq_clear(seconds);
    return text;
}

static bool
scaled_row(const FleetPlan *self, const FleetOption *option, Table *table, Err *err)
{
    char name[NAME_BYTES];
    const FleetOutcome *outcome = &option->outcome;
    mpq_t mean;
    mpq_init(mean);
    mpq_div(mean, option->scaled_hours, self->catalogue->hours);
    char *cells[] = {text_duplicate(text_of(name_of(option, name))),
                     figure_people(mean, 2, err),
                     count_text(outcome->most, err),
                     figure_people(option->scaled.printed, self->currency_scale, err),
                     figure_people(option->scaled_low.printed, self->currency_scale, err),
                     percent_text(outcome->waited, outcome->requests, err),
                     seconds_text(outcome->longest_us, err),
                     percent_text(outcome->refused, outcome->requests, err),
                     count_text(outcome->hours, err),
                     hours_text(fleet_option_scaled_short(option)->hours, err)};
    mpq_clear(mean);
    return take_row(table, cells, sizeof(cells) / sizeof(cells[0]), err);
}

typedef bool (*RowMake)(const FleetPlan *self, const FleetOption *option, Table *table, Err *err);

/* The first rows of `order`, and how many are left. */
static bool
print_table(const FleetPlan *self, const TableColumn *columns, size_t count, const FleetOption *const *order,
            size_t fitting, RowMake make, Buffer *out, Err *err)
{
    Table *table = table_new(columns, count, err);
    bool done = table != NULL;
    for (size_t i = 0; done && i < fitting && i < ROWS_MAX; i++)
        done = make(self, order[i], table, err);
    done = done && table_print(table, TABLE_WIDTH, out, err);
    table_free(&table);
    if (done && fitting > ROWS_MAX)
        done = buffer_printf(out, err, "  and %zu dearer ones (--json lists them)\n", fitting - ROWS_MAX);
    return done && buffer_append(out, "\n", 1, err);
}

static int
by_scaled_cost(const void *a, const void *b)
{
    const FleetOption *left = *(const FleetOption *const *) a;
    const FleetOption *right = *(const FleetOption *const *) b;
    int order = mpq_cmp(left->scaled.exact, right->scaled.exact);
    return order != 0 ? order : (left > right) - (left < right);
}

static bool
print_tables(const FleetPlan *self, const FleetOption **order, size_t fitting, Buffer *out, Err *err)
{
    static const TableColumn fixed[] = {
        {"Fixed fleet", TABLE_FLEXIBLE}, {"vCPU", TABLE_RIGHT},      {"GB", TABLE_RIGHT},
        {"instances", TABLE_RIGHT},      {"on demand", TABLE_RIGHT}, {"1 year", TABLE_RIGHT},
        {"3 years", TABLE_RIGHT},        {"from", TABLE_RIGHT},      {"to", TABLE_RIGHT},
        {"short h", TABLE_RIGHT}};
    static const TableColumn scaled[] = {{"Autoscaled fleet", TABLE_FLEXIBLE},
                                         {"mean", TABLE_RIGHT},
                                         {"most", TABLE_RIGHT},
                                         {"on demand", TABLE_RIGHT},
                                         {"from", TABLE_RIGHT},
                                         {"waited %", TABLE_RIGHT},
                                         {"max s", TABLE_RIGHT},
                                         {"refused %", TABLE_RIGHT},
                                         {"hours", TABLE_RIGHT},
                                         {"short h", TABLE_RIGHT}};
    if (!print_table(self, fixed, sizeof(fixed) / sizeof(fixed[0]), order, fitting, fixed_row, out, err))
        return false;
    qsort(order, fitting, sizeof(FleetOption *), by_scaled_cost);
    return print_table(self, scaled, sizeof(scaled) / sizeof(scaled[0]), order, fitting, scaled_row, out, err);
}

static bool
print_unfit(const FleetPlan *self, size_t fitting, Buffer *out, Err *err)
{
    if (fitting == self->count)
        return true;
    char name[NAME_BYTES];
    const FleetOption *first = &self->options[fitting];
    return buffer_printf(out, err, "  Left out: %zu that would not do, such as %s: %s\n", self->count - fitting,
                         name_of(first, name), first->reason);
}

static bool
print_note(const Catalogue *catalogue, Buffer *out, Err *err)
{
    return catalogue->note == NULL ||
           (buffer_append_text(out, "  ", err) && text_append_harmless(out, catalogue->note, err) &&
            buffer_append(out, "\n", 1, err));
}

static bool
print_assumptions(const FleetPlan *self, Buffer *out, Err *err)
{
    const FleetRules *rules = &self->rules;
    return buffer_printf(out, err, "  Prices: %s, %s, %s; %s.\n", self->catalogue->title, self->catalogue->currency,
                         self->catalogue->date, "infrastructure alone, no load balancer, no work") &&
           print_note(self->catalogue, out, err) &&
           buffer_printf(out, err,
                         "  Sized with %" PRId64 " %% of headroom in memory as used and in vCPU (%" PRId64
                         " MB configured are one); from: cheapest purchase and\n  no headroom, to: dearest purchase.",
                         rules->headroom_percent, rules->mb_per_vcpu) &&
           buffer_printf(out, err,
                         " Scaled between %" PRId64 " and %" PRId64 ": alarm after %" PRId64 " s, %" PRId64
                         " s until the launch,\n  %" PRId64 " s to boot, %" PRId64 " s of cooldown, in after %" PRId64
                         " s; who waits longer than %" PRId64 " s is refused.\n",
                         rules->minimum, rules->maximum, rules->alarm_s, rules->scale_out_delay_s, rules->boot_s,
                         rules->cooldown_s, rules->scale_in_s, rules->wait_s) &&
           (!self->has_burstable ||
            buffer_append_text(
                out,
                "  Burstable types: baseline counts on no credits; standard has credits (none at first, at most those of 24 hours),\n"
                "  and short h are the hours in which they ran out; unlimited pays for what was spent and never earned.\n",
                err));
}

MUST_CHECK bool
fleet_text(const FleetPlan *self, Buffer *out, Err *err)
{
    size_t fitting = 0;
    const FleetOption **order = calloc(self->count + 1, sizeof(FleetOption *));
    if (order == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu types", self->count);
    for (; fitting < self->count && self->options[fitting].fits; fitting++)
        order[fitting] = &self->options[fitting];
    bool done = (fitting == 0 || print_tables(self, order, fitting, out, err)) &&
                print_unfit(self, fitting, out, err) && print_assumptions(self, out, err) &&
                buffer_append(out, "\n", 1, err);
    free(order);
    return done;
}
