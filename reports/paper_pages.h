/**
 * paper_pages - what stands where on each page, and the PDF of it
 *
 * The drawing side of paper.h. Lengths are Pango's units (1/1024 point); y grows downwards from the top of the page.
 */
#ifndef REPORTS_PAPER_PAGES_H
#define REPORTS_PAPER_PAGES_H

#include <cairo.h>
#include <pango/pango.h>
#include <stddef.h>
#include <stdint.h>

#include "reports/paper.h"

typedef struct PaperPages PaperPages;

PaperPages *paper_pages_new(void); /* never NULL: GLib ends the program without memory */
void paper_pages_free(PaperPages *self);

/** Add a page and select it. */
void paper_pages_add(PaperPages *self);
size_t paper_pages_count(const PaperPages *self);
/** Marks go to this page (from 0) from now on. */
void paper_pages_select(PaperPages *self, size_t page);

/** Marks. Text and picture are taken. The picture is scaled into width by height; returns its height. */
void paper_pages_text(PaperPages *self, int x, int y, PangoLayout *layout, uint32_t rgb);
void paper_pages_rule(PaperPages *self, int x, int y, int width, uint32_t rgb);
void paper_pages_box(PaperPages *self, int x, int y, int width, int height, uint32_t rgb);
/** A line through points, x and y in turn; copied. */
void paper_pages_line(PaperPages *self, const int *places, size_t count, uint32_t rgb);
int paper_pages_picture(PaperPages *self, int x, int y, int width, int height, cairo_surface_t *picture);

/** Append a PDF of the first `count` pages. ERR_NOMEM. */
MUST_CHECK bool paper_pages_write(const PaperPages *self, size_t count, int width, int height, const PaperFacts *facts,
                                  Buffer *out, Err *err);

#endif
