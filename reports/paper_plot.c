/* Plots on the pages of paper.h. */
#include "reports/paper_parts.h"

enum { LABEL_ROOM = 14 * POINT, MARK_DASH = 3 * POINT };

typedef struct Box {
    Paper *paper;
    int top, height; /* of the box */
} Box;

static int
across(const Box *box, int x)
{
    return MARGIN + (int) ((int64_t) x * (box->paper->width - 2 * MARGIN) / PLOT_UNITS);
}

static int
down(const Box *box, int y)
{
    return box->top + (int) ((int64_t) (PLOT_UNITS - y) * box->height / PLOT_UNITS);
}

/* A small text: `middle` of it, its left (0) or its right (2 * middle) end stands at x. */
static bool
put_label(const Box *box, const char *text, int x, int part, int y, Err *err)
{
    PangoLayout *layout = paper_set_text(box->paper, PAPER_LABEL, PAPER_LEFT, -1, text, err);
    int width = 0;
    if (layout == NULL)
        return false;
    pango_layout_get_size(layout, &width, NULL);
    int left = x - width * part / 2;
    left = MIN(MAX(left, MARGIN), box->paper->width - MARGIN - width);
    paper_pages_text(box->paper->pages, left, y, layout, GREY);
    return true;
}

static bool
put_bars(const Box *box, const Plot *plot, Err *err)
{
    bool done = true;
    int step = PLOT_UNITS / (int) plot->bar_count;
    for (size_t i = 0; done && i < plot->bar_count; i++) {
        int left = across(box, (int) i * step + step / 8);
        int right = across(box, (int) i * step + step - step / 8);
        int top = down(box, plot->series[0].points[i].y);
        paper_pages_box(box->paper->pages, left, top, right - left, down(box, 0) - top, box->paper->accent_rgb);
        done = put_label(box, plot->bars[i], (left + right) / 2, 1, down(box, 0) + 2 * POINT, err);
    }
    return done;
}

static void
put_line(const Box *box, const PlotSeries *series, uint32_t rgb)
{
    int places[2 * PLOT_POINTS_MAX];
    for (size_t i = 0; i < series->count; i++) {
        places[2 * i] = across(box, series->points[i].x);
        places[2 * i + 1] = down(box, series->points[i].y);
    }
    paper_pages_line(box->paper->pages, places, 2 * series->count, rgb);
}

static bool
put_lines(const Box *box, const Plot *plot, Err *err)
{
    int below = down(box, 0) + 2 * POINT;
    for (int y = down(box, PLOT_UNITS); plot->mark >= 0 && y < down(box, 0); y += 2 * MARK_DASH)
        paper_pages_box(box->paper->pages, across(box, plot->mark), y, POINT / 2, MARK_DASH, LINE);
    for (size_t i = plot->series_count; i-- > 0;)
        put_line(box, &plot->series[i], i == 0 ? box->paper->accent_rgb : INK);
    return put_label(box, plot->left, across(box, 0), 0, below, err) &&
           put_label(box, plot->right, across(box, PLOT_UNITS), 2, below, err) &&
           (plot->mark < 0 || put_label(box, plot->middle, across(box, plot->mark), 1, below, err));
}

bool
paper_plot(Paper *self, const Plot *plot, int height_pt, Err *err)
{
    if (!paper_keep(self, height_pt + 4 * LABEL_ROOM / POINT, err) || !paper_text(self, PAPER_SOFT, plot->title, err))
        return false;
    Box box = {self, self->y + LABEL_ROOM, height_pt * POINT};
    paper_pages_rule(self->pages, MARGIN, down(&box, 0), self->width - 2 * MARGIN, INK);
    bool done = put_label(&box, plot->top, across(&box, 0), 0, self->y, err) &&
                (plot->bar_count > 0 ? put_bars(&box, plot, err) : put_lines(&box, plot, err));
    self->y = down(&box, 0) + LABEL_ROOM + LABEL_ROOM / 2;
    self->empty = false;
    return done;
}
