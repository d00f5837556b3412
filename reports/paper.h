/**
 * paper - pages being set: rows of text that flow down a page and on to the next one, then a PDF of them
 *
 * Everything is a row of a table; a table with headings has them again on each page that it reaches. Lengths are points (1/72 inch).
 * Fonts come from declared packages alone (see paper_fonts.h), so that the same rows make the same bytes wherever these are
 * installed; they are embedded. Texts are made harmless on the way in. A row is never torn: one that is taller than the
 * room goes to the next page whole, and a cell ends with an ellipsis after PAPER_LINES_MAX lines.
 */
#ifndef REPORTS_PAPER_H
#define REPORTS_PAPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "reports/plot.h"

enum { PAPER_COLUMNS_MAX = 12, PAPER_LINES_MAX = 8 };

typedef enum PaperSize { PAPER_A4, PAPER_LETTER } PaperSize;

typedef enum PaperStyle {
    PAPER_AS_COLUMN, /* of a row: each cell as its column says */
    PAPER_BODY,
    PAPER_LINES,  /* body whose line ends are kept; the caller has made each line harmless */
    PAPER_SOFT,   /* body in grey */
    PAPER_STRONG, /* body, bold */
    PAPER_LABEL,  /* small and grey, above or beside what it names */
    PAPER_ACCENT, /* small, bold, in the accent colour */
    PAPER_HEADING,
    PAPER_TITLE,
    PAPER_CODE, /* digests */
    PAPER_STYLE_COUNT
} PaperStyle;

typedef enum PaperAlign { PAPER_LEFT, PAPER_RIGHT } PaperAlign;

/** The line below a row. */
typedef enum PaperRule { PAPER_NO_RULE, PAPER_FAINT_RULE, PAPER_RULE, PAPER_INK_RULE } PaperRule;

typedef struct PaperColumn {
    const char *heading; /* NULL in all columns: no row of headings */
    int width_pt;        /* 0 (one column): what the others leave */
    PaperAlign align;
    PaperStyle style;
} PaperColumn;

/** What the PDF says of itself. Texts may be "". */
typedef struct PaperFacts {
    const char *title;
    const char *author;
    const char *subject;
    const char *keywords;
    int64_t made_at_us; /* UTC; the same value makes the same bytes */
} PaperFacts;

typedef struct Paper Paper;

/** Begin. `accent_rgb` is 0xRRGGBB. Caller frees with paper_free(). NULL: ERR_NOT_FOUND (a font package is missing; the
 *  hint names it). */
MUST_CHECK Paper *paper_new(PaperSize size, uint32_t accent_rgb, Err *err);
void paper_free(Paper **self);

/** Begin a table and set its headings; `columns` is borrowed until the next table. A flexible column is at least 60 points wide. */
MUST_CHECK bool paper_table(Paper *self, const PaperColumn *columns, size_t count, Err *err);

/** End a table, so that its headings do not come again with what follows it. */
void paper_table_end(Paper *self);

/** Set a row: a cell for each column, NULL for none. A left-aligned cell spreads over the empty ones that
 *  follow it; of several it leaves the last to a figure behind them. */
MUST_CHECK bool paper_row(Paper *self, const char *const *cells, PaperStyle style, PaperRule rule, Err *err);

/** Set one text over the whole width. */
MUST_CHECK bool paper_text(Paper *self, PaperStyle style, const char *text, Err *err);

/** A line over the whole width. */
void paper_line(Paper *self, PaperRule rule);

/** Leave room; none at the top of a page. */
void paper_skip(Paper *self, int points);

/** Begin a new page (with the table's headings) unless `points` are left on this one. */
MUST_CHECK bool paper_keep(Paper *self, int points, Err *err);

/** Set a PNG picture at the left, at most so tall and 200 points wide, and leave its room. ERR_INPUT (no PNG). */
MUST_CHECK bool paper_picture(Paper *self, const char *path, int height_pt, Err *err);

/** Set a plot over the whole width with its title and labels; the box is `height_pt` tall. */
MUST_CHECK bool paper_plot(Paper *self, const Plot *plot, int height_pt, Err *err);

/** End a document: its pages get `foot` and "page i of n", and what follows begins a new page. */
MUST_CHECK bool paper_end(Paper *self, const char *foot, Err *err);

/** Append the PDF of all ended documents. */
MUST_CHECK bool paper_write(const Paper *self, const PaperFacts *facts, Buffer *out, Err *err);

#endif
