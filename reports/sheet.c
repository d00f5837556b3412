#include "reports/sheet.h"

#include <glib.h>
#include <stdio.h>

#include "reports/sheet_blocks.h"

static void
block_free(gpointer pointer)
{
    Block *block = pointer;
    g_free(block->text);
    g_free(block->plot);
    for (size_t i = 0; i < block->column_count; i++)
        g_free(block->headings[i]);
    if (block->rows != NULL)
        g_ptr_array_free(block->rows, TRUE);
    g_free(block);
}

static void
row_free(gpointer pointer)
{
    Row *row = pointer;
    for (size_t i = 0; i < SHEET_COLUMNS_MAX; i++)
        g_free(row->cells[i]);
    g_free(row);
}

static Block *
add(Sheet *self, BlockKind kind, const char *text)
{
    Block *block = g_new0(Block, 1);
    block->kind = kind;
    block->text = g_strdup(text);
    g_ptr_array_add(self->blocks, block);
    return block;
}

void
sheet_language(Sheet *self, const char *language)
{
    (void) g_strlcpy(self->language, language, sizeof(self->language));
}

Sheet *
sheet_new(const char *title, const char *subtitle)
{
    Sheet *self = g_new0(Sheet, 1);
    self->title = g_strdup(title);
    self->subtitle = g_strdup(subtitle);
    sheet_language(self, "en");
    self->blocks = g_ptr_array_new_with_free_func(block_free);
    return self;
}

void
sheet_free(Sheet **self)
{
    if (*self == NULL)
        return;
    g_free((*self)->title);
    g_free((*self)->subtitle);
    g_ptr_array_free((*self)->blocks, TRUE);
    g_free(*self);
    *self = NULL;
}

void
sheet_heading(Sheet *self, const char *text)
{
    add(self, BLOCK_HEADING, text);
}

void
sheet_text(Sheet *self, SheetStyle style, const char *text)
{
    add(self, BLOCK_TEXT, text)->style = style;
}

void
sheet_table(Sheet *self, const SheetColumn *columns, size_t count)
{
    Block *block = add(self, BLOCK_TABLE, NULL);
    block->column_count = MIN(count, (size_t) SHEET_COLUMNS_MAX);
    block->rows = g_ptr_array_new_with_free_func(row_free);
    for (size_t i = 0; i < block->column_count; i++) {
        block->headings[i] = g_strdup(columns[i].heading);
        block->columns[i] = (PaperColumn){block->headings[i], columns[i].width_pt,
                                          columns[i].is_right ? PAPER_RIGHT : PAPER_LEFT, PAPER_BODY};
    }
}

void
sheet_row(Sheet *self, const char *const *cells, bool strong)
{
    Block *block = g_ptr_array_index(self->blocks, self->blocks->len - 1);
    Row *row = g_new0(Row, 1);
    row->strong = strong;
    for (size_t i = 0; i < block->column_count; i++)
        row->cells[i] = g_strdup(cells[i]);
    g_ptr_array_add(block->rows, row);
}

void
sheet_plot(Sheet *self, const Plot *plot)
{
    Block *block = add(self, BLOCK_PLOT, plot->title);
    block->plot = g_memdup2(plot, sizeof(*plot));
}

/* ---- on paper ---- */

enum { BLOCK_PT = 16, HEADING_PT = 60, PLOT_PT = 150, LOGO_PT = 42 };

static bool
set_table(Paper *paper, const Block *block, Err *err)
{
    bool done = paper_keep(paper, HEADING_PT, err) && paper_table(paper, block->columns, block->column_count, err);
    for (guint i = 0; done && i < block->rows->len; i++) {
        const Row *row = g_ptr_array_index(block->rows, i);
        done = paper_row(paper, (const char *const *) row->cells, row->strong ? PAPER_STRONG : PAPER_AS_COLUMN,
                         row->strong ? PAPER_NO_RULE : PAPER_FAINT_RULE, err);
    }
    paper_table_end(paper);
    return done;
}

/* What a heading needs below it, or it would stand alone at the end of a page: a table's head and first row, a whole plot; both also below
 * a line of text. */
static int
room_below_heading_pt(const Sheet *self, guint position)
{
    int room_pt = 0;
    const Block *next = NULL;
    for (guint i = position + 1; i < self->blocks->len && i <= position + 2; i++) {
        next = g_ptr_array_index(self->blocks, i);
        if (next->kind != BLOCK_TEXT)
            break;
        room_pt += BLOCK_PT;
    }
    return next == NULL                ? 0
           : next->kind == BLOCK_TABLE ? room_pt + HEADING_PT
           : next->kind == BLOCK_PLOT  ? room_pt + PLOT_PT + BLOCK_PT
                                       : 0;
}

static bool
set_block(Paper *paper, const Block *block, int follows_pt, Err *err)
{
    static const PaperStyle styles[] = {
        [SHEET_BODY] = PAPER_BODY, [SHEET_STRONG] = PAPER_STRONG, [SHEET_SOFT] = PAPER_SOFT};
    switch (block->kind) {
    case BLOCK_HEADING:
        paper_skip(paper, BLOCK_PT);
        return paper_keep(paper, HEADING_PT + follows_pt, err) && paper_text(paper, PAPER_HEADING, block->text, err);
    case BLOCK_TEXT:
        return paper_text(paper, styles[block->style], block->text, err);
    case BLOCK_PLOT:
        paper_skip(paper, BLOCK_PT / 2);
        return paper_plot(paper, block->plot, PLOT_PT, err);
    case BLOCK_TABLE:
        return set_table(paper, block, err);
    }
    return true;
}

static bool
set_head(Paper *paper, const Sheet *self, const Look *look, Err *err)
{
    bool done = look->logo[0] == '\0' || paper_picture(paper, look->logo, LOGO_PT, err);
    return done && paper_text(paper, PAPER_ACCENT, self->title, err) &&
           paper_text(paper, PAPER_TITLE, self->subtitle, err);
}

bool
sheet_pdf(const Sheet *self, const Look *look, int64_t made_at_us, Buffer *out, Err *err)
{
    g_autofree char *title = g_strdup_printf("%s, %s", self->title, self->subtitle);
    Paper *paper = paper_new(look->paper, look->accent_rgb, err);
    bool done = paper != NULL && set_head(paper, self, look, err);
    if (done)
        paper_skip(paper, BLOCK_PT);
    for (guint i = 0; done && i < self->blocks->len; i++)
        done = set_block(paper, g_ptr_array_index(self->blocks, i), room_below_heading_pt(self, i), err);
    const PaperFacts facts = {
        .title = title, .author = look->name, .subject = "", .keywords = "", .made_at_us = made_at_us};
    done = done && paper_end(paper, title, err) && paper_write(paper, &facts, out, err);
    paper_free(&paper);
    return done;
}
