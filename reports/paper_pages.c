#include "reports/paper_pages.h"

#include <cairo-pdf.h>
#include <pango/pangocairo.h>

#include "lib/utc.h"

enum { RULE_THICKNESS = PANGO_SCALE / 2, LINE_THICKNESS = 3 * PANGO_SCALE / 2, COLOR_MAX = 255 };

/* A text, a picture, a line through places, or a box when all are NULL. */
typedef struct Mark {
    int x, y, width, height;
    uint32_t rgb;
    PangoLayout *layout;
    cairo_surface_t *picture;
    int *places; /* x and y in turn */
    size_t place_count;
} Mark;

struct PaperPages {
    GPtrArray *pages; /* of GArray of Mark */
    GArray *selected;
};

static void
mark_clear(gpointer pointer)
{
    Mark *mark = pointer;
    if (mark->layout != NULL)
        g_object_unref(mark->layout);
    if (mark->picture != NULL)
        cairo_surface_destroy(mark->picture);
    g_free(mark->places);
}

static void
page_free(gpointer page)
{
    g_array_free(page, TRUE);
}

PaperPages *
paper_pages_new(void)
{
    PaperPages *self = g_new0(PaperPages, 1);
    self->pages = g_ptr_array_new_with_free_func(page_free);
    return self;
}

void
paper_pages_free(PaperPages *self)
{
    if (self == NULL)
        return;
    g_ptr_array_free(self->pages, TRUE);
    g_free(self);
}

void
paper_pages_add(PaperPages *self)
{
    GArray *page = g_array_new(FALSE, FALSE, sizeof(Mark));
    g_array_set_clear_func(page, mark_clear);
    g_ptr_array_add(self->pages, page);
    self->selected = page;
}

size_t
paper_pages_count(const PaperPages *self)
{
    return self->pages->len;
}

void
paper_pages_select(PaperPages *self, size_t page)
{
    self->selected = g_ptr_array_index(self->pages, page);
}

void
paper_pages_text(PaperPages *self, int x, int y, PangoLayout *layout, uint32_t rgb)
{
    Mark mark = {.x = x, .y = y, .rgb = rgb, .layout = layout};
    g_array_append_val(self->selected, mark);
}

void
paper_pages_rule(PaperPages *self, int x, int y, int width, uint32_t rgb)
{
    paper_pages_box(self, x, y, width, RULE_THICKNESS, rgb);
}

void
paper_pages_box(PaperPages *self, int x, int y, int width, int height, uint32_t rgb)
{
    Mark mark = {.x = x, .y = y, .width = width, .height = height, .rgb = rgb};
    g_array_append_val(self->selected, mark);
}

void
paper_pages_line(PaperPages *self, const int *places, size_t count, uint32_t rgb)
{
    Mark mark = {.rgb = rgb, .places = g_memdup2(places, count * sizeof(*places)), .place_count = count};
    g_array_append_val(self->selected, mark);
}

int
paper_pages_picture(PaperPages *self, int x, int y, int width, int height, cairo_surface_t *picture)
{
    int64_t across = cairo_image_surface_get_width(picture);
    int64_t down = cairo_image_surface_get_height(picture);
    if (height * across > width * down)
        height = (int) (width * down / across);
    Mark mark = {.x = x, .y = y, .height = height, .picture = picture};
    g_array_append_val(self->selected, mark);
    return height;
}

/* ---- the PDF ---- */

static void
set_color(cairo_t *context, uint32_t rgb)
{
    int channel[3];
    for (int i = 0; i < 3; i++)
        channel[i] = (int) (rgb >> (16 - 8 * i) & COLOR_MAX) * PANGO_SCALE / COLOR_MAX;
    cairo_set_source_rgb(context, pango_units_to_double(channel[0]), pango_units_to_double(channel[1]),
                         pango_units_to_double(channel[2]));
}

static void
draw_picture(cairo_t *context, const Mark *mark)
{
    int down = cairo_image_surface_get_height(mark->picture);
    cairo_save(context);
    cairo_translate(context, pango_units_to_double(mark->x), pango_units_to_double(mark->y));
    cairo_scale(context, pango_units_to_double(mark->height) / down, pango_units_to_double(mark->height) / down);
    cairo_set_source_surface(context, mark->picture, 0, 0);
    cairo_paint(context);
    cairo_restore(context);
}

static void
draw_line(cairo_t *context, const Mark *mark)
{
    for (size_t i = 0; i + 1 < mark->place_count; i += 2)
        cairo_line_to(context, pango_units_to_double(mark->places[i]), pango_units_to_double(mark->places[i + 1]));
    cairo_set_line_width(context, pango_units_to_double(LINE_THICKNESS));
    cairo_stroke(context);
}

static void
draw_mark(cairo_t *context, const Mark *mark)
{
    if (mark->picture != NULL) {
        draw_picture(context, mark);
        return;
    }
    set_color(context, mark->rgb);
    if (mark->layout != NULL) {
        cairo_move_to(context, pango_units_to_double(mark->x), pango_units_to_double(mark->y));
        pango_cairo_show_layout(context, mark->layout);
        return;
    }
    if (mark->places != NULL) {
        draw_line(context, mark);
        return;
    }
    cairo_rectangle(context, pango_units_to_double(mark->x), pango_units_to_double(mark->y),
                    pango_units_to_double(mark->width), pango_units_to_double(mark->height));
    cairo_fill(context);
}

/* What cairo calls with each piece of the file. */
typedef struct Sink {
    Buffer *out;
    Err *err;
} Sink;

static cairo_status_t
take_piece(void *closure, const unsigned char *bytes, unsigned int length)
{
    Sink *sink = closure;
    return buffer_append(sink->out, bytes, length, sink->err) ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_NO_MEMORY;
}

static void
set_facts(cairo_surface_t *surface, const PaperFacts *facts)
{
    char made_at[UTC_TEXT_BYTES];
    utc_format(facts->made_at_us / 1000000 * 1000000, made_at);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, facts->title);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_AUTHOR, facts->author);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_SUBJECT, facts->subject);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_KEYWORDS, facts->keywords);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, "millibill");
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, made_at);
    cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_MOD_DATE, made_at);
}

bool
paper_pages_write(const PaperPages *self, size_t count, int width, int height, const PaperFacts *facts, Buffer *out,
                  Err *err)
{
    Sink sink = {out, err};
    cairo_surface_t *surface = cairo_pdf_surface_create_for_stream(take_piece, &sink, pango_units_to_double(width),
                                                                   pango_units_to_double(height));
    set_facts(surface, facts);
    cairo_t *context = cairo_create(surface);
    for (size_t i = 0; i < count; i++) {
        GArray *page = g_ptr_array_index(self->pages, i);
        for (guint j = 0; j < page->len; j++)
            draw_mark(context, &g_array_index(page, Mark, j));
        cairo_show_page(context);
    }
    cairo_destroy(context);
    cairo_surface_finish(surface);
    cairo_status_t status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    return status == CAIRO_STATUS_SUCCESS || err_is_set(err) ||
           err_set(err, ERR_NOMEM, "the PDF cannot be made: %s", cairo_status_to_string(status));
}
