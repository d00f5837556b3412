#include "reports/chart.h"

#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/figures.h"
#include "reports/sentence.h"

enum { ROWS = 9, LABEL_COLUMNS = 14, BLANK = 0, DOT = 1, LEVEL = 2, BOTH = 3 };

typedef struct Canvas {
    unsigned char cells[ROWS][SAVINGS_CURVE_POINTS]; /* the first row is the lowest */
    mpq_t top;                                       /* the cost at the highest row */
} Canvas;

/* The row of a cost, to the nearest. */
static size_t
row_of(const Canvas *canvas, const mpq_t cost)
{
    mpq_t place;
    mpz_t row;
    mpq_init(place);
    mpz_init(row);
    if (mpq_sgn(canvas->top) > 0) {
        mpq_t rows;
        mpq_init(rows);
        mpq_set_ui(rows, ROWS - 1, 1);
        mpq_mul(place, cost, rows);
        mpq_div(place, place, canvas->top);
        mpq_clear(rows);
    }
    decimal_round(place, 0, ROUND_HALF_UP);
    decimal_floor(row, place);
    size_t out = mpz_sgn(row) < 0 ? 0 : mpz_get_ui(row);
    mpz_clear(row);
    mpq_clear(place);
    return out < ROWS ? out : ROWS - 1;
}

static void
draw(Canvas *canvas, const SavingsComparison *comparison)
{
    const mpq_t *level = &savings_reading(comparison)->alternative.exact;
    const SavingsPoint *last = &comparison->curve[SAVINGS_CURVE_POINTS - 1];
    mpq_set(canvas->top, mpq_cmp(last->serverless, *level) > 0 ? last->serverless : *level);
    for (size_t i = 0; i < SAVINGS_CURVE_POINTS; i++) {
        canvas->cells[row_of(canvas, *level)][i] |= LEVEL;
        canvas->cells[row_of(canvas, comparison->curve[i].serverless)][i] |= DOT;
    }
}

static bool
print_row(const Canvas *canvas, size_t row, const char *label, Buffer *out, Err *err)
{
    static const char *const GLYPHS[] = {" ", "•", "─", "•"};
    if (!buffer_printf(out, err, "  %*s │", LABEL_COLUMNS, label))
        return false;
    size_t end = SAVINGS_CURVE_POINTS;
    while (end > 0 && canvas->cells[row][end - 1] == BLANK)
        end--;
    for (size_t i = 0; i < end; i++)
        if (!buffer_append_text(out, GLYPHS[canvas->cells[row][i]], err))
            return false;
    return buffer_append(out, "\n", 1, err);
}

static bool
print_rows(const Canvas *canvas, const SavingsReport *report, const SavingsComparison *comparison, Buffer *out,
           Err *err)
{
    const mpq_t *level = &savings_reading(comparison)->alternative.exact;
    size_t level_row = row_of(canvas, *level);
    char *top = figure_people(canvas->top, report->currency_scale, err);
    char *middle = figure_people(*level, report->currency_scale, err);
    bool done = top != NULL && middle != NULL;
    for (size_t row = ROWS; done && row-- > 0;) {
        const char *label = row == level_row ? middle : row == ROWS - 1 ? top : row == 0 ? "0" : "";
        done = print_row(canvas, row, label, out, err);
    }
    free(top);
    free(middle);
    return done;
}

static bool
print_axis(const SavingsComparison *comparison, Buffer *out, Err *err)
{
    bool done = buffer_printf(out, err, "  %*s └", LABEL_COLUMNS, "");
    for (size_t i = 0; done && i < SAVINGS_CURVE_POINTS; i++)
        done = buffer_append_text(out, "─", err);
    char *end = figure_rate(comparison->curve[SAVINGS_CURVE_POINTS - 1].rate, err);
    char *middle = comparison->has_break_even ? figure_rate(comparison->break_even, err) : text_duplicate(text_of(""));
    done = done && end != NULL && middle != NULL;
    /* the middle under the middle, the end under the end */
    int half = SAVINGS_CURVE_POINTS / 2;
    if (done) {
        int before = half - (int) strlen(middle) / 2 - 1;
        int after = SAVINGS_CURVE_POINTS - 1 - before - (int) strlen(middle);
        done = buffer_printf(out, err, "\n  %*s  0%*s%s%*s\n", LABEL_COLUMNS, "", before, "", middle, after, end);
    }
    free(end);
    free(middle);
    return done;
}

MUST_CHECK bool
chart_break_even(const SavingsReport *report, const SavingsComparison *comparison, Buffer *out, Err *err)
{
    if (comparison->curve == NULL)
        return true;
    Canvas canvas;
    memset(canvas.cells, BLANK, sizeof(canvas.cells));
    mpq_init(canvas.top);
    draw(&canvas, comparison);
    bool done = buffer_printf(out, err, "\n  %s a month by requests a second: • functions, ─ the alternative\n\n",
                              report->currency) &&
                print_rows(&canvas, report, comparison, out, err) && print_axis(comparison, out, err);
    mpq_clear(canvas.top);
    return done;
}
