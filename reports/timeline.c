#include "reports/timeline.h"

#include <gmp.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/sentence.h"
#include "reports/table.h"

enum { JSON_BARS = 32, TEXT_BARS = 8, PERCENT_SCALE = 2, BAR_WIDTH = 40 };

/* The time spent at levels `from` to `to`. */
typedef struct Bar {
    int64_t from;
    int64_t to;
    int64_t us;
} Bar;

/* Level 0 by itself, the others in at most `bars` bars of the same width. The last level holds what is above it too. */
static bool
next_bar(const ConcurrencyReport *self, size_t bars, Bar *bar)
{
    int64_t levels = (int64_t) self->level_count;
    int64_t width = (levels - 1 + (int64_t) bars - 1) / (int64_t) bars;
    bar->from = bar->to + 1;
    bar->to = bar->from == 0 ? 0 : bar->from + width - 1;
    bar->to = bar->to < levels ? bar->to : levels - 1;
    bar->us = 0;
    for (int64_t level = bar->from; level <= bar->to; level++)
        bar->us += self->level_us[level];
    return bar->from < levels;
}

static void
set_quotient(mpq_t out, int64_t value, int64_t by)
{
    mpq_t divisor;
    mpq_init(divisor);
    decimal_set_i64(out, value);
    decimal_set_i64(divisor, by);
    mpq_div(out, out, divisor);
    mpq_clear(divisor);
}

static void
set_percent(const ConcurrencyReport *self, mpq_t out, int64_t us)
{
    mpq_t hundred;
    mpq_init(hundred);
    mpq_set_ui(hundred, 100, 1);
    set_quotient(out, us, self->end_us - self->start_us);
    mpq_mul(out, out, hundred);
    mpq_clear(hundred);
}

/* ---- JSON ---- */

static bool
add_peak_time(Json *object, const char *key, const Peak *peak, Err *err)
{
    char time[UTC_TEXT_BYTES];
    return json_add_text(object, key, peak->value == 0 ? NULL : utc_format(peak->at_us, time), err);
}

static bool
add_bar(const ConcurrencyReport *self, Json *array, const Bar *bar, Err *err)
{
    mpq_t figure;
    mpq_init(figure);
    Json *entry = json_new_object(err);
    set_quotient(figure, bar->us, UTC_SECOND_US);
    bool made = entry != NULL && json_add_int(entry, "from", bar->from, err) &&
                json_add_int(entry, "to", bar->to, err) && figure_add_exact(entry, "seconds", figure, err);
    set_percent(self, figure, bar->us);
    made = made && figure_add(entry, "percent", figure, PERCENT_SCALE, err);
    mpq_clear(figure);
    return json_adopt_item(array, entry, made, err);
}

static bool
add_histogram(const ConcurrencyReport *self, Json *object, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    Bar bar = {-1, -1, 0};
    while (done && next_bar(self, JSON_BARS, &bar))
        done = add_bar(self, array, &bar, err);
    return json_adopt(object, "histogram", array, done, err);
}

MUST_CHECK bool
timeline_json(const ConcurrencyReport *self, Json *object, Err *err)
{
    mpq_t figure;
    mpq_init(figure);
    bool done = json_add_int(object, "executions", self->executions, err) &&
                add_peak_time(object, "peak_at", &self->peak, err) &&
                json_add_int(object, "peak_memory_mb", self->memory_mb.value, err) &&
                add_peak_time(object, "peak_memory_at", &self->memory_mb, err) &&
                json_add_int(object, "peak_memory_used_mb", self->used_mb.value, err) &&
                add_peak_time(object, "peak_memory_used_at", &self->used_mb, err);
    set_quotient(figure, self->level_us[0], UTC_SECOND_US);
    done = done && figure_add_exact(object, "idle_seconds", figure, err);
    set_percent(self, figure, self->level_us[0]);
    done = done && figure_add(object, "idle_percent", figure, PERCENT_SCALE, err);
    mpq_clear(figure);
    return done && add_histogram(self, object, err);
}

/* ---- text ---- */

static char *
figure_of(int64_t value, Err *err)
{
    mpq_t figure;
    mpq_init(figure);
    decimal_set_i64(figure, value);
    char *text = figure_people(figure, 0, err);
    mpq_clear(figure);
    return text;
}

static bool
bar_row(const ConcurrencyReport *self, Table *table, const Bar *bar, Err *err)
{
    char levels[64];
    char line[BAR_WIDTH + 1] = "";
    mpq_t figure;
    mpq_init(figure);
    if (bar->from == bar->to)
        (void) snprintf(levels, sizeof(levels), "%" PRId64, bar->from);
    else
        (void) snprintf(levels, sizeof(levels), "%" PRId64 " to %" PRId64, bar->from, bar->to);
    for (int64_t i = 0; i < (int64_t) ((__int128) bar->us * BAR_WIDTH / (self->end_us - self->start_us)); i++)
        line[i] = '#';
    set_quotient(figure, bar->us, UTC_HOUR_US);
    char *hours = figure_people(figure, 2, err);
    set_percent(self, figure, bar->us);
    char *percent = figure_people(figure, PERCENT_SCALE, err);
    mpq_clear(figure);
    const char *cells[] = {levels, hours, percent, line};
    bool done = hours != NULL && percent != NULL && table_row(table, cells, err);
    free(hours);
    free(percent);
    return done;
}

static bool
print_histogram(const ConcurrencyReport *self, Buffer *out, Err *err)
{
    static const TableColumn columns[] = {
        {"At a time", TABLE_RIGHT}, {"hours", TABLE_RIGHT}, {"%", TABLE_RIGHT}, {"of the month", TABLE_LEFT}};
    Table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]), err);
    bool done = table != NULL;
    Bar bar = {-1, -1, 0};
    while (done && next_bar(self, TEXT_BARS, &bar))
        done = bar_row(self, table, &bar, err);
    done = done && table_print(table, TABLE_WIDTH, out, err) && buffer_append_text(out, "\n", err);
    table_free(&table);
    return done;
}

MUST_CHECK bool
timeline_text(const ConcurrencyReport *self, Buffer *out, Err *err)
{
    char at[UTC_TEXT_BYTES] = "";
    if (self->peak.value > 0)
        utc_format(self->peak.at_us, at);
    return sentence(out, err, ", %s at most", FIGURES(figure_of(self->peak.value, err))) &&
           buffer_printf(out, err, " (%s)\n", at) &&
           sentence(out, err,
                    "  Memory at a time: %s MB at most as configured, %s MB as used where that was measured\n\n",
                    FIGURES(figure_of(self->memory_mb.value, err), figure_of(self->used_mb.value, err))) &&
           print_histogram(self, out, err);
}
