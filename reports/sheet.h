/**
 * sheet - a report on its way to paper or to a browser: headings, texts, tables and plots, in the order in which they are read
 *
 * Made once, set by sheet_pdf() on the pages of paper.h and by sheet_html() as one page that works offline. Texts are copied as they are
 * given; both make them harmless.
 */
#ifndef REPORTS_SHEET_H
#define REPORTS_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "reports/look.h"
#include "reports/paper.h"

enum { SHEET_COLUMNS_MAX = PAPER_COLUMNS_MAX };

typedef struct SheetColumn {
    const char *heading;
    int width_pt; /* on paper; 0 (one column): what the others leave */
    bool is_right;
} SheetColumn;

typedef enum SheetStyle { SHEET_BODY, SHEET_STRONG, SHEET_SOFT } SheetStyle;

typedef struct Sheet Sheet;

/** Begin; never NULL: GLib ends the program without memory. Caller frees with sheet_free(). */
Sheet *sheet_new(const char *title, const char *subtitle);
void sheet_free(Sheet **self);

/** The language that it is in (ISO 639-1); English unless told. */
void sheet_language(Sheet *self, const char *language);

void sheet_heading(Sheet *self, const char *text);
void sheet_text(Sheet *self, SheetStyle style, const char *text);
void sheet_table(Sheet *self, const SheetColumn *columns, size_t count);
/** A row of the last table: a cell for each column, NULL for none. */
void sheet_row(Sheet *self, const char *const *cells, bool strong);
/** A plot; copied. */
void sheet_plot(Sheet *self, const Plot *plot);

/** Append a PDF, dated `made_at_us` (the same sheet, look and date make the same bytes) / an HTML page. Errors as of paper.h. */
MUST_CHECK bool sheet_pdf(const Sheet *self, const Look *look, int64_t made_at_us, Buffer *out, Err *err);
MUST_CHECK bool sheet_html(const Sheet *self, const Look *look, Buffer *out, Err *err);

#endif
