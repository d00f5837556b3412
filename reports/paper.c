#include "reports/paper.h"

#include <pango/pangocairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harmless.h"
#include "reports/paper_fonts.h"
#include "reports/paper_pages.h"
#include "reports/paper_parts.h"

typedef struct StyleFacts {
    const char *family;
    int size; /* quarters of a point */
    PangoWeight weight;
    uint32_t rgb;
} StyleFacts;

static const StyleFacts STYLES[PAPER_STYLE_COUNT] = {
    [PAPER_AS_COLUMN] = {PAPER_FONT, 33, PANGO_WEIGHT_NORMAL, INK},
    [PAPER_BODY] = {PAPER_FONT, 33, PANGO_WEIGHT_NORMAL, INK},
    [PAPER_LINES] = {PAPER_FONT, 33, PANGO_WEIGHT_NORMAL, INK},
    [PAPER_SOFT] = {PAPER_FONT, 33, PANGO_WEIGHT_NORMAL, GREY},
    [PAPER_STRONG] = {PAPER_FONT, 37, PANGO_WEIGHT_SEMIBOLD, INK},
    [PAPER_LABEL] = {PAPER_FONT, 30, PANGO_WEIGHT_NORMAL, GREY},
    [PAPER_ACCENT] = {PAPER_FONT, 34, PANGO_WEIGHT_SEMIBOLD, 0},
    [PAPER_HEADING] = {PAPER_FONT, 44, PANGO_WEIGHT_SEMIBOLD, INK},
    [PAPER_TITLE] = {PAPER_FONT, 76, PANGO_WEIGHT_SEMIBOLD, INK},
    [PAPER_CODE] = {PAPER_FONT_CODE, 28, PANGO_WEIGHT_NORMAL, INK},
};

static uint32_t
color_of(const Paper *self, PaperStyle style)
{
    return style == PAPER_ACCENT ? self->accent_rgb : STYLES[style].rgb;
}

PangoLayout *
paper_set_text(const Paper *self, PaperStyle style, PaperAlign align, int width, const char *text, Err *err)
{
    const StyleFacts *facts = &STYLES[style];
    Buffer harmless = {0};
    if (!(style == PAPER_LINES ? buffer_append_text(&harmless, text, err)
                               : text_append_harmless(&harmless, text, err))) {
        buffer_free(&harmless);
        return NULL;
    }
    PangoLayout *layout = pango_layout_new(self->context);
    PangoFontDescription *font = pango_font_description_new();
    pango_font_description_set_family_static(font, facts->family);
    pango_font_description_set_size(font, facts->size * POINT / 4);
    pango_font_description_set_weight(font, facts->weight);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_width(layout, width);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_height(layout, -PAPER_LINES_MAX);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_auto_dir(layout, FALSE);
    pango_layout_set_alignment(layout, align == PAPER_RIGHT ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
    pango_layout_set_text(layout, harmless.length == 0 ? "" : harmless.data, (int) harmless.length);
    buffer_free(&harmless);
    return layout;
}

static int
height_of(PangoLayout *layout)
{
    int height = 0;
    pango_layout_get_size(layout, NULL, &height);
    return height;
}

/* ---- rows ---- */

static bool
has_headings(const Paper *self)
{
    for (size_t i = 0; i < self->column_count; i++)
        if (self->columns[i].heading != NULL)
            return true;
    return false;
}

/* The last column over which a left-aligned cell spreads: all empty ones that follow it, but for one that it leaves to the
   figure behind them, which may be as long as a total. */
static size_t
last_of(const Paper *self, const char *const *cells, size_t column)
{
    size_t last = column;
    while (last + 1 < self->column_count && cells[last + 1] == NULL)
        last++;
    return last + 1 < self->column_count && last > column + 1 ? last - 1 : last;
}

/** The texts of a row, NULL where a cell is empty, where they begin, and the height of the tallest. */
static bool
set_cells(const Paper *self, const char *const *cells, PaperStyle style, PangoLayout *out[PAPER_COLUMNS_MAX],
          int left[PAPER_COLUMNS_MAX], int *height, Err *err)
{
    for (size_t i = 0; i < self->column_count; i++) {
        const PaperColumn *column = &self->columns[i];
        size_t first = i;
        size_t last = i;
        if (cells[i] == NULL || cells[i][0] == '\0')
            continue;
        if (column->align == PAPER_LEFT)
            last = last_of(self, cells, i);
        else if (i >= 2 && cells[i - 1] == NULL && cells[i - 2] == NULL)
            first = i - 1;
        out[i] = paper_set_text(self, style == PAPER_AS_COLUMN ? column->style : style, column->align,
                                self->right[last] - self->left[first], cells[i], err);
        left[i] = self->left[first];
        if (out[i] == NULL)
            return false;
        *height = MAX(*height, height_of(out[i]));
    }
    return true;
}

static uint32_t
rule_color(PaperRule rule)
{
    return rule == PAPER_FAINT_RULE ? FAINT : rule == PAPER_RULE ? LINE : INK;
}

/** Put a row that fits where the page has come to. The texts are taken. */
static void
place_row(Paper *self, PangoLayout *layouts[PAPER_COLUMNS_MAX], const int left[PAPER_COLUMNS_MAX], int height,
          PaperStyle style, PaperRule rule)
{
    int baseline = 0; /* texts of several sizes stand on one line */
    for (size_t i = 0; i < self->column_count; i++)
        if (layouts[i] != NULL)
            baseline = MAX(baseline, pango_layout_get_baseline(layouts[i]));
    for (size_t i = 0; i < self->column_count; i++) {
        if (layouts[i] == NULL)
            continue;
        PaperStyle of = style == PAPER_AS_COLUMN ? self->columns[i].style : style;
        int y = self->y + ROW_ABOVE + baseline - pango_layout_get_baseline(layouts[i]);
        paper_pages_text(self->pages, left[i], y, layouts[i], color_of(self, of));
        layouts[i] = NULL;
    }
    self->y += ROW_ABOVE + height + ROW_BELOW;
    if (rule != PAPER_NO_RULE)
        paper_pages_rule(self->pages, MARGIN, self->y, self->width - 2 * MARGIN, rule_color(rule));
}

static bool
place_headings(Paper *self, Err *err)
{
    const char *cells[PAPER_COLUMNS_MAX];
    PangoLayout *layouts[PAPER_COLUMNS_MAX] = {NULL};
    int left[PAPER_COLUMNS_MAX] = {0};
    int height = 0;
    for (size_t i = 0; i < self->column_count; i++)
        cells[i] = self->columns[i].heading == NULL ? "" : self->columns[i].heading;
    bool done = set_cells(self, cells, PAPER_LABEL, layouts, left, &height, err);
    if (done)
        place_row(self, layouts, left, height, PAPER_LABEL, PAPER_INK_RULE);
    for (size_t i = 0; i < self->column_count; i++)
        if (layouts[i] != NULL)
            g_object_unref(layouts[i]);
    return done;
}

static bool
next_page(Paper *self, Err *err)
{
    paper_pages_add(self->pages);
    self->y = MARGIN_TOP;
    self->empty = true;
    return !has_headings(self) || place_headings(self, err);
}

static int
room(const Paper *self)
{
    return self->height - MARGIN_BOTTOM - self->y;
}

bool
paper_row(Paper *self, const char *const *cells, PaperStyle style, PaperRule rule, Err *err)
{
    PangoLayout *layouts[PAPER_COLUMNS_MAX] = {NULL};
    int left[PAPER_COLUMNS_MAX] = {0};
    int height = 0;
    bool done = set_cells(self, cells, style, layouts, left, &height, err);
    if (done && !self->empty && ROW_ABOVE + height + ROW_BELOW > room(self))
        done = next_page(self, err);
    if (done) {
        place_row(self, layouts, left, height, style, rule);
        self->empty = false;
    }
    for (size_t i = 0; i < self->column_count; i++)
        if (layouts[i] != NULL)
            g_object_unref(layouts[i]);
    return done;
}

/** Where the columns stand: those of a fixed width as they are, the flexible one with the rest. */
static void
measure_columns(Paper *self)
{
    int fixed = 0;
    for (size_t i = 0; i < self->column_count; i++)
        fixed += self->columns[i].width_pt * POINT + (i > 0 ? GUTTER : 0);
    int x = MARGIN;
    for (size_t i = 0; i < self->column_count; i++) {
        int width = self->columns[i].width_pt * POINT;
        self->left[i] = x;
        self->right[i] = x + (width > 0 ? width : MAX(self->width - 2 * MARGIN - fixed, FLEXIBLE_MIN));
        x = self->right[i] + GUTTER;
    }
}

bool
paper_table(Paper *self, const PaperColumn *columns, size_t count, Err *err)
{
    if (count == 0 || count > PAPER_COLUMNS_MAX)
        return err_set(err, ERR_RANGE, "a table of %zu columns; 1 to %d are possible", count, PAPER_COLUMNS_MAX);
    self->columns = columns;
    self->column_count = count;
    measure_columns(self);
    return !has_headings(self) || place_headings(self, err);
}

void
paper_table_end(Paper *self)
{
    self->columns = NULL;
    self->column_count = 0;
}

bool
paper_text(Paper *self, PaperStyle style, const char *text, Err *err)
{
    static const PaperColumn whole[] = {{NULL, 0, PAPER_LEFT, PAPER_BODY}};
    return paper_table(self, whole, 1, err) && paper_row(self, &text, style, PAPER_NO_RULE, err);
}

void
paper_line(Paper *self, PaperRule rule)
{
    paper_pages_rule(self->pages, MARGIN, self->y, self->width - 2 * MARGIN, rule_color(rule));
}

void
paper_skip(Paper *self, int points)
{
    if (!self->empty)
        self->y += points * POINT;
}

bool
paper_keep(Paper *self, int points, Err *err)
{
    return self->empty || room(self) >= points * POINT || next_page(self, err);
}

bool
paper_picture(Paper *self, const char *path, int height_pt, Err *err)
{
    cairo_surface_t *picture = cairo_image_surface_create_from_png(path);
    if (cairo_surface_status(picture) != CAIRO_STATUS_SUCCESS) {
        err_set(err, ERR_INPUT, "%s: no PNG picture: %s", path, cairo_status_to_string(cairo_surface_status(picture)));
        cairo_surface_destroy(picture);
        return false;
    }
    int height = paper_pages_picture(self->pages, MARGIN, self->y, PICTURE_WIDTH, height_pt * POINT, picture);
    self->y += height;
    self->empty = false;
    return true;
}

/* ---- documents ---- */

static bool
place_foot(Paper *self, const char *foot, size_t page, size_t count, Err *err)
{
    char number[64];
    snprintf(number, sizeof(number), "%zu / %zu", page + 1, count);
    int width = self->width - 2 * MARGIN;
    PangoLayout *left = paper_set_text(self, PAPER_LABEL, PAPER_LEFT, width - 50 * POINT, foot, err);
    PangoLayout *right = left == NULL ? NULL : paper_set_text(self, PAPER_LABEL, PAPER_RIGHT, width, number, err);
    if (right != NULL) {
        pango_layout_set_height(left, 0);
        int y = self->height - FOOT - height_of(right) / 2;
        paper_pages_select(self->pages, self->part_start + page);
        paper_pages_text(self->pages, MARGIN, y, left, GREY);
        paper_pages_text(self->pages, MARGIN, y, right, GREY);
    } else if (left != NULL)
        g_object_unref(left);
    return right != NULL;
}

bool
paper_end(Paper *self, const char *foot, Err *err)
{
    size_t count = paper_pages_count(self->pages) - self->part_start;
    for (size_t i = 0; i < count; i++)
        if (!place_foot(self, foot, i, count, err))
            return false;
    self->part_start += count;
    paper_table_end(self);
    return next_page(self, err);
}

bool
paper_write(const Paper *self, const PaperFacts *facts, Buffer *out, Err *err)
{
    return paper_pages_write(self->pages, self->part_start, self->width, self->height, facts, out, err);
}

Paper *
paper_new(PaperSize size, uint32_t accent_rgb, Err *err)
{
    PangoFontMap *fonts = paper_fonts(err);
    Paper *self = fonts == NULL ? NULL : calloc(1, sizeof(*self));
    if (self == NULL) {
        if (fonts != NULL)
            err_set(err, ERR_NOMEM, "no memory for pages");
        return NULL;
    }
    /* ISO 216 A4 in points, 595.276 by 841.890, and US Letter */
    self->width = size == PAPER_A4 ? 609563 : 612 * POINT;
    self->height = size == PAPER_A4 ? 862095 : 792 * POINT;
    self->accent_rgb = accent_rgb;
    self->context = pango_font_map_create_context(fonts);
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(self->context, options);
    cairo_font_options_destroy(options);
    pango_context_set_round_glyph_positions(self->context, FALSE);
    pango_context_set_language(self->context, pango_language_from_string("en"));
    self->pages = paper_pages_new();
    if (!next_page(self, err))
        paper_free(&self);
    return self;
}

void
paper_free(Paper **self)
{
    if (*self == NULL)
        return;
    paper_pages_free((*self)->pages);
    g_object_unref((*self)->context);
    free(*self);
    *self = NULL;
}
