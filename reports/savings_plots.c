/* Plots of a savings report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/document.h"
#include "reports/figures.h"
#include "reports/savings_sheet_parts.h"

enum { BARS_MAX = 16 };

/* value / top in parts of PLOT_UNITS. */
static int
part_of(const mpq_t value, const mpq_t top)
{
    mpq_t part;
    mpz_t whole;
    mpq_init(part);
    mpz_init(whole);
    if (mpq_sgn(top) > 0) {
        mpq_set_ui(part, PLOT_UNITS, 1);
        mpq_mul(part, part, value);
        mpq_div(part, part, top);
    }
    decimal_floor(whole, part);
    long units = mpz_sgn(whole) < 0 ? 0 : mpz_cmp_ui(whole, PLOT_UNITS) > 0 ? PLOT_UNITS : mpz_get_si(whole);
    mpz_clear(whole);
    mpq_clear(part);
    return (int) units;
}

static bool
greatest(Json *points, const char *key, mpq_t top, Err *err)
{
    mpq_t value;
    mpq_init(value);
    bool done = true;
    for (size_t i = 0; done && i < document_length(points); i++) {
        done = figure_read(json_object_array_get_idx(points, i), key, value, err);
        if (mpq_cmp(value, top) > 0)
            mpq_set(top, value);
    }
    mpq_clear(value);
    return done;
}

static bool
take_series(PlotSeries *series, Json *points, const char *key, const mpq_t top, const mpq_t last, Err *err)
{
    mpq_t value;
    mpq_init(value);
    bool done = true;
    for (size_t i = 0; done && i < document_length(points) && i < PLOT_POINTS_MAX; i++) {
        Json *point = json_object_array_get_idx(points, i);
        done = figure_read(point, "requests_per_second", value, err);
        series->points[i].x = part_of(value, last);
        done = done && figure_read(point, key, value, err);
        series->points[i].y = part_of(value, top);
        series->count = i + 1;
    }
    mpq_clear(value);
    return done;
}

/* Takes the label (NULL: failed); what does not fit is cut at the end of a character. */
static void
take_label(SavingsSetting *self, char *out, size_t bytes, char *label)
{
    size_t length = label == NULL ? 0 : strlen(label);
    if (length >= bytes) {
        length = bytes - 1;
        while (length > 0 && !text_is_utf8((Text){label, length}))
            length--;
    }
    if (length > 0)
        memcpy(out, label, length);
    out[length] = '\0';
    self->failed = self->failed || label == NULL;
    free(label);
}

static char *
localized(SavingsSetting *self, char *figure)
{
    return words_figure(self->words, figure, self->err);
}

static void
label_plot(SavingsSetting *self, Plot *plot, Json *alternative, const mpq_t top, const mpq_t last)
{
    mpq_t even;
    mpq_init(even);
    take_label(self, plot->title, sizeof(plot->title),
               savings_sentence(self, "{1} a month by requests a second: functions in colour, {2} in black",
                                SAID_WITH(SAID_NAME(self->currency), SAID_NAME(document_member(alternative, "name")))));
    take_label(self, plot->top, sizeof(plot->top), localized(self, figure_people(top, 2, self->err)));
    take_label(self, plot->right, sizeof(plot->right), localized(self, figure_rate(last, self->err)));
    snprintf(plot->left, sizeof(plot->left), "0");
    plot->mark = -1;
    if (json_member(alternative, "break_even_requests_per_second") != NULL &&
        figure_read(alternative, "break_even_requests_per_second", even, self->err)) {
        char *rate = localized(self, figure_rate(even, self->err));
        plot->mark = part_of(even, last);
        take_label(self, plot->middle, sizeof(plot->middle),
                   rate == NULL ? NULL : savings_sentence(self, "break-even {1}", SAID_WITH(SAID_NAME(rate))));
        free(rate);
    }
    mpq_clear(even);
}

void
savings_set_break_even(SavingsSetting *self, Json *alternative)
{
    Json *points = json_member(alternative, "cost_by_load");
    Plot plot = {.series_count = 2};
    mpq_t top, last;
    if (document_length(points) < 2)
        return;
    mpq_inits(top, last, NULL);
    bool done = greatest(points, "serverless", top, self->err) && greatest(points, "alternative", top, self->err) &&
                greatest(points, "requests_per_second", last, self->err) &&
                take_series(&plot.series[0], points, "serverless", top, last, self->err) &&
                take_series(&plot.series[1], points, "alternative", top, last, self->err);
    if (done) {
        label_plot(self, &plot, alternative, top, last);
        sheet_plot(self->sheet, &plot);
    }
    self->failed = self->failed || !done;
    mpq_clears(top, last, NULL);
}

/* Hours of the month by how many executions ran at a time; more levels than bars: the last one is all above. */
void
savings_set_histogram(SavingsSetting *self, Json *histogram)
{
    Plot plot = {.series_count = 1, .mark = -1};
    mpq_t top, value;
    size_t count = document_length(histogram);
    if (count == 0)
        return;
    mpq_inits(top, value, NULL);
    bool done = greatest(histogram, "percent", top, self->err);
    for (size_t i = 0; done && i < count && i < BARS_MAX; i++) {
        Json *bar = json_object_array_get_idx(histogram, i);
        bool one = strcmp(document_member(bar, "from"), "") == 0 ||
                   json_object_get_int64(json_member(bar, "from")) == json_object_get_int64(json_member(bar, "to"));
        done = figure_read(bar, "percent", value, self->err);
        plot.series[0].points[i].y = part_of(value, top);
        (void) snprintf(plot.bars[i], sizeof(plot.bars[i]), "%s%s%s", document_member(bar, "from"), one ? "" : "–",
                        one ? "" : document_member(bar, "to"));
        plot.series[0].count = plot.bar_count = i + 1;
    }
    char *highest = localized(self, figure_people(top, 2, self->err));
    take_label(self, plot.title, sizeof(plot.title),
               text_duplicate(text_of(savings_word(self, "Share of the month by executions at a time"))));
    snprintf(plot.top, sizeof(plot.top), "%s %%", highest == NULL ? "" : highest);
    if (done)
        sheet_plot(self->sheet, &plot);
    self->failed = self->failed || !done || highest == NULL;
    free(highest);
    mpq_clears(top, value, NULL);
}
