/**
 * paper_parts - what the files that set pages share
 */
#ifndef REPORTS_PAPER_PARTS_H
#define REPORTS_PAPER_PARTS_H

#include <pango/pango.h>

#include "reports/paper.h"
#include "reports/paper_pages.h"

/* Lengths inside are Pango's units, so that nothing here is a fraction. */
enum {
    POINT = PANGO_SCALE,
    MARGIN = 40 * POINT,
    MARGIN_TOP = 42 * POINT,
    MARGIN_BOTTOM = 58 * POINT, /* the foot stands in it */
    FOOT = 30 * POINT,          /* its top, from the end of the page */
    GUTTER = 9 * POINT,
    ROW_ABOVE = 5 * POINT / 2,
    ROW_BELOW = 5 * POINT / 2,
    FLEXIBLE_MIN = 60 * POINT,
    PICTURE_WIDTH = 200 * POINT
};

struct Paper {
    PangoContext *context;
    PaperPages *pages;
    uint32_t accent_rgb;
    int width, height; /* of a page */
    int y;
    bool empty; /* nothing stands on the page but headings */
    size_t part_start;
    const PaperColumn *columns;
    size_t column_count;
    int left[PAPER_COLUMNS_MAX], right[PAPER_COLUMNS_MAX];
};

enum { INK = 0x1b1f24, GREY = 0x5c6570, LINE = 0xc9ced5, FAINT = 0xe6e9ed };

/** A text of one style in a width (-1: as wide as it is); made harmless. NULL when there is no memory. Caller owns. */
MUST_CHECK PangoLayout *
paper_set_text(const Paper *self, PaperStyle style, PaperAlign align, int width, const char *text, Err *err);

#endif
