/* A sheet as one page for a browser: no file beside it, nothing fetched. */
#include <glib.h>
#include <stdio.h>

#include "lib/harmless.h"
#include "reports/sheet_blocks.h"

enum { PLOT_WIDTH = 720, PLOT_HEIGHT = 220, INSET = 8 };

static const char STYLE[] =
    "*{box-sizing:border-box}body{margin:0;background:#f4f5f7;color:#1b1f24;font:15px/1.5 \"Inter\",\"Noto Sans\",\"Segoe UI\",Arial,sans-serif;"
    "font-variant-numeric:tabular-nums lining-nums}main{max-width:60rem;margin:2.5rem auto;padding:3rem 3.5rem;background:#fff;border:1px solid #d9dde2;"
    "border-radius:3px}h1{margin:0;font-size:1.9rem;line-height:1.15;font-weight:600;overflow-wrap:anywhere}h1 small{display:block;font-size:.8rem;"
    "line-height:1.5;color:var(--accent)}h2{margin:2.25rem 0 .5rem;font-size:1.05rem;font-weight:600}p{margin:.3rem 0;overflow-wrap:anywhere}"
    ".soft{color:#5c6570;font-size:.87rem}.strong{font-weight:600}table{width:100%;border-collapse:collapse;font-size:.87rem;margin:.4rem 0}"
    "th{padding:.4rem 0 .4rem 1rem;color:#5c6570;font-weight:500;text-align:left;border-bottom:1px solid #1b1f24;vertical-align:bottom}"
    "td{padding:.4rem 0 .4rem 1rem;border-bottom:1px solid #eef0f3;vertical-align:top;overflow-wrap:anywhere}th:first-child,td:first-child{padding-left:0}"
    ".n{text-align:right;white-space:nowrap}tr.strong td{border-bottom:0}svg{width:100%;height:auto;margin-top:.5rem;font-size:12px}"
    "@page{margin:16mm 15mm}@media print{body{background:#fff;font-size:9pt}main{max-width:none;margin:0;padding:0;border:0}tr,svg{break-inside:avoid}"
    "thead{display:table-header-group}h2{break-after:avoid}}";

/* Text between tags, or in an attribute. */
static bool
append_text(Buffer *out, const char *text, Err *err)
{
    Buffer harmless = {0};
    bool done = text_append_harmless(&harmless, text, err) && buffer_append_text(&harmless, "", err);
    g_autofree char *escaped = done && harmless.data != NULL ? g_markup_escape_text(harmless.data, -1) : NULL;
    done = done && (escaped == NULL || buffer_append_text(out, escaped, err));
    buffer_free(&harmless);
    return done;
}

static bool
append_element(Buffer *out, const char *open, const char *text, const char *close, Err *err)
{
    return buffer_append_text(out, open, err) && append_text(out, text == NULL ? "" : text, err) &&
           buffer_append_text(out, close, err);
}

static bool
append_table(const Block *block, Buffer *out, Err *err)
{
    static const char *const heads[] = {[PAPER_LEFT] = "<th>", [PAPER_RIGHT] = "<th class=\"n\">"};
    static const char *const cells[] = {[PAPER_LEFT] = "<td>", [PAPER_RIGHT] = "<td class=\"n\">"};
    bool done = buffer_append_text(out, "<table><thead><tr>", err);
    for (size_t i = 0; done && i < block->column_count; i++)
        done = append_element(out, heads[block->columns[i].align], block->headings[i], "</th>", err);
    done = done && buffer_append_text(out, "</tr></thead><tbody>\n", err);
    for (guint r = 0; done && r < block->rows->len; r++) {
        const Row *row = g_ptr_array_index(block->rows, r);
        done = buffer_append_text(out, row->strong ? "<tr class=\"strong\">" : "<tr>", err);
        for (size_t i = 0; done && i < block->column_count; i++)
            done = append_element(out, cells[block->columns[i].align], row->cells[i], "</td>", err);
        done = done && buffer_append_text(out, "</tr>\n", err);
    }
    return done && buffer_append_text(out, "</tbody></table>\n", err);
}

/* ---- plots ---- */

/* In tenths, which lines are drawn in. */
static int
across_tenths(int x)
{
    return 10 * INSET + (int) ((int64_t) x * 10 * (PLOT_WIDTH - 2 * INSET) / PLOT_UNITS);
}

static int
down_tenths(int y)
{
    return 20 * INSET + (int) ((int64_t) (PLOT_UNITS - y) * 10 * PLOT_HEIGHT / PLOT_UNITS);
}

static int
across(int x)
{
    return across_tenths(x) / 10;
}

static int
down(int y)
{
    return down_tenths(y) / 10;
}

static bool
append_label(Buffer *out, int x, int y, const char *anchor, const char *text, Err *err)
{
    return buffer_printf(out, err, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\" fill=\"#5c6570\">", x, y, anchor) &&
           append_element(out, "", text, "</text>\n", err);
}

static bool
append_line(Buffer *out, const PlotSeries *series, const char *color, Err *err)
{
    bool done = buffer_printf(out, err, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"", color);
    for (size_t i = 0; done && i < series->count; i++) {
        int x = across_tenths(series->points[i].x);
        int y = down_tenths(series->points[i].y);
        done = buffer_printf(out, err, "%d.%d,%d.%d ", x / 10, x % 10, y / 10, y % 10);
    }
    return done && buffer_append_text(out, "\"/>\n", err);
}

static bool
append_bars(Buffer *out, const Plot *plot, Err *err)
{
    bool done = true;
    int step = PLOT_UNITS / (int) plot->bar_count;
    for (size_t i = 0; done && i < plot->bar_count; i++) {
        int left = across((int) i * step + step / 8);
        int right = across((int) i * step + step - step / 8);
        int top = down(plot->series[0].points[i].y);
        done = buffer_printf(out, err, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"var(--accent)\"/>\n",
                             left, top, right - left, down(0) - top) &&
               append_label(out, (left + right) / 2, down(0) + 16, "middle", plot->bars[i], err);
    }
    return done;
}

static bool
append_lines(Buffer *out, const Plot *plot, Err *err)
{
    static const char *const colors[PLOT_SERIES_MAX] = {"var(--accent)", "#1b1f24"};
    bool done = true;
    for (size_t i = 0; done && i < plot->series_count && i < PLOT_SERIES_MAX; i++)
        done = append_line(out, &plot->series[i], colors[i], err);
    if (done && plot->mark >= 0)
        done = buffer_printf(
                   out, err,
                   "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#c9ced5\" stroke-dasharray=\"4 3\"/>\n",
                   across(plot->mark), down(PLOT_UNITS), across(plot->mark), down(0)) &&
               append_label(out, across(plot->mark), down(0) + 16, "middle", plot->middle, err);
    return done && append_label(out, across(0), down(0) + 16, "start", plot->left, err) &&
           append_label(out, across(PLOT_UNITS), down(0) + 16, "end", plot->right, err);
}

static bool
append_plot(Buffer *out, const Plot *plot, Err *err)
{
    return append_element(out, "<p class=\"soft\">", plot->title, "</p>\n", err) &&
           buffer_printf(out, err, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", PLOT_WIDTH,
                         PLOT_HEIGHT + 5 * INSET) &&
           append_element(out, "", plot->title, "\">\n", err) &&
           buffer_printf(out, err, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#1b1f24\"/>\n", across(0),
                         down(0), across(PLOT_UNITS), down(0)) &&
           append_label(out, across(0), down(PLOT_UNITS) - 4, "start", plot->top, err) &&
           (plot->bar_count > 0 ? append_bars(out, plot, err) : append_lines(out, plot, err)) &&
           buffer_append_text(out, "</svg>\n", err);
}

static bool
append_block(const Block *block, Buffer *out, Err *err)
{
    static const char *const opens[] = {
        [SHEET_BODY] = "<p>", [SHEET_STRONG] = "<p class=\"strong\">", [SHEET_SOFT] = "<p class=\"soft\">"};
    switch (block->kind) {
    case BLOCK_HEADING:
        return append_element(out, "<h2>", block->text, "</h2>\n", err);
    case BLOCK_TEXT:
        return append_element(out, opens[block->style], block->text, "</p>\n", err);
    case BLOCK_PLOT:
        return append_plot(out, block->plot, err);
    case BLOCK_TABLE:
        return append_table(block, out, err);
    }
    return true;
}

bool
sheet_html(const Sheet *self, const Look *look, Buffer *out, Err *err)
{
    bool done = append_element(out, "<!DOCTYPE html>\n<html lang=\"", self->language, "\">", err) &&
                buffer_append_text(out,
                                   "<head><meta charset=\"utf-8\">\n"
                                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
                                   err) &&
                append_text(out, self->title, err) &&
                append_element(out, ", ", self->subtitle, "</title>\n<style>:root{--accent:", err) &&
                buffer_printf(out, err, "#%06x}", (unsigned) look->accent_rgb) && buffer_append_text(out, STYLE, err) &&
                append_element(out, "</style></head>\n<body><main>\n<h1><small>", self->title, "</small>", err) &&
                append_element(out, "", self->subtitle, "</h1>\n", err);
    for (guint i = 0; done && i < self->blocks->len; i++)
        done = append_block(g_ptr_array_index(self->blocks, i), out, err);
    return done && (look->foot[0] == '\0' || append_element(out, "<p class=\"soft\">", look->foot, "</p>\n", err)) &&
           buffer_append_text(out, "</main></body></html>\n", err);
}
