/* An invoice as pages of a PDF; paper.h sets them, pdf_facts.h what stands above and below the tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/document.h"
#include "reports/figures.h"
#include "reports/paper.h"
#include "reports/pdf_facts.h"
#include "reports/words.h"

enum {
    QUANTITY_SCALE = 3,
    SHARE_SCALE = 6,
    TEXT_BYTES = 512,
    TITLE_BYTES = 2048,
    CELLS_MAX = 8,
    LOGO_PT = 42,
    GROUP_PT = 40,
    TOTAL_PT = 60
};

static char *
grouped(const PdfSheet *sheet, const char *decimal, Err *err)
{
    return words_figure(sheet->words, figure_grouped(decimal, err), err);
}

static char *
brief(const PdfSheet *sheet, const char *decimal, int scale, Err *err)
{
    return words_figure(sheet->words, figure_brief(decimal, scale, err), err);
}

static const char *
name_of(const PdfSheet *sheet, const Document *document, char out[TEXT_BYTES])
{
    if (document->is_final)
        snprintf(out, TEXT_BYTES, "%s %s", pdf_say(sheet, document->kind_title), document->number);
    else
        snprintf(out, TEXT_BYTES, "%s", pdf_say(sheet, "Preview of an invoice"));
    return out;
}

/* "Invoice 2026-11-000007, acme, 2026-11" */
static const char *
title_of(const PdfSheet *sheet, const Document *document, char out[TITLE_BYTES])
{
    char name[TEXT_BYTES];
    snprintf(out, TITLE_BYTES, "%s, %s, %.7s", name_of(sheet, document, name), document->tenant, document->month);
    return out;
}

/* ---- head ---- */

static bool
set_title(const PdfSheet *sheet, const Document *document, Err *err)
{
    static const PaperColumn columns[] = {{NULL, 0, PAPER_LEFT, PAPER_BODY}, {NULL, 200, PAPER_RIGHT, PAPER_BODY}};
    const bool converted = document->payable_currency[0] != '\0';
    char name[TEXT_BYTES];
    char owed[TEXT_BYTES];
    char *total = grouped(sheet, converted ? document->payable_total : document->total, err);
    if (total == NULL)
        return false;
    snprintf(owed, sizeof(owed), "%s %s", total, converted ? document->payable_currency : document->currency);
    free(total);
    const char *const above[] = {name_of(sheet, document, name), pdf_say(sheet, "Total")};
    const char *const below[] = {document->tenant, owed};
    return paper_table(sheet->paper, columns, 2, err) &&
           paper_row(sheet->paper, above, PAPER_ACCENT, PAPER_NO_RULE, err) &&
           paper_row(sheet->paper, below, PAPER_TITLE, PAPER_NO_RULE, err);
}

static bool
set_head(const PdfSheet *sheet, const Document *document, const Look *look, Err *err)
{
    bool done = look->logo[0] == '\0' || paper_picture(sheet->paper, look->logo, LOGO_PT, err);
    paper_skip(sheet->paper, 14);
    if (done && !document->is_final)
        done = paper_text(
            sheet->paper, PAPER_STRONG,
            pdf_say(sheet, "This is a preview. Its figures change while usage arrives, and it is not to be paid."),
            err);
    if (!document->is_final)
        paper_skip(sheet->paper, 10);
    done = done && set_title(sheet, document, err);
    paper_skip(sheet->paper, 12);
    return done && pdf_set_facts(sheet, document, look, err);
}

/* ---- usage ---- */

/** Takes the figures, NULL where one could not be made. */
static bool
set_row(const PdfSheet *sheet, char *figures[CELLS_MAX], const char *const *cells, size_t count, PaperStyle style,
        PaperRule rule, Err *err)
{
    bool done = true;
    for (size_t i = 0; i < count; i++)
        done = done && figures[i] != NULL;
    done = done && paper_row(sheet->paper, cells, style, rule, err);
    for (size_t i = 0; i < count; i++)
        free(figures[i]);
    return done;
}

static bool
is_same_place(const DocumentLine *a, const DocumentLine *b)
{
    return strcmp(a->region, b->region) == 0 && strcmp(a->architecture, b->architecture) == 0 &&
           strcmp(a->mode, b->mode) == 0 && strcmp(a->hours, b->hours) == 0;
}

static bool
set_place(const PdfSheet *sheet, const DocumentLine *line, Err *err)
{
    char place[TEXT_BYTES];
    const char *mode = pdf_say(sheet, strcmp(line->mode, "on_demand") == 0 ? "on demand" : line->mode);
    const char *const parts[] = {line->region, line->architecture, mode, line->hours};
    size_t length = 0;
    place[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && length < sizeof(place); i++)
        if (parts[i][0] != '\0')
            length +=
                (size_t) snprintf(place + length, sizeof(place) - length, "%s%s", length > 0 ? ", " : "", parts[i]);
    const char *const cells[] = {place, NULL, NULL, NULL, NULL, NULL, NULL};
    return place[0] == '\0' ||
           (paper_keep(sheet->paper, GROUP_PT, err) && paper_row(sheet->paper, cells, PAPER_LABEL, PAPER_RULE, err));
}

static bool
set_line(const PdfSheet *sheet, const DocumentLine *line, bool last, Err *err)
{
    char *figures[CELLS_MAX] = {brief(sheet, line->quantity, QUANTITY_SCALE, err),
                                brief(sheet, line->free_quantity, QUANTITY_SCALE, err),
                                brief(sheet, line->billed_quantity, QUANTITY_SCALE, err),
                                grouped(sheet, line->unit_price, err), grouped(sheet, line->amount, err)};
    const char *const cells[] = {pdf_say(sheet, line->description), figures[0], figures[1], figures[2],
                                 pdf_say(sheet, line->unit),        figures[3], figures[4]};
    return set_row(sheet, figures, cells, 5, PAPER_AS_COLUMN, last ? PAPER_INK_RULE : PAPER_FAINT_RULE, err);
}

static bool
set_sum(const PdfSheet *sheet, const char *what, const char *amount, PaperStyle style, Err *err)
{
    char *figures[CELLS_MAX] = {grouped(sheet, amount, err)};
    const char *const cells[] = {what, NULL, NULL, NULL, NULL, NULL, figures[0]};
    return set_row(sheet, figures, cells, 1, style, PAPER_NO_RULE, err);
}

static bool
set_item(const PdfSheet *sheet, const DocumentItem *item, Err *err)
{
    char *description = words_sentence(sheet->words, item->description, err);
    bool done = description != NULL && set_sum(sheet, description, item->amount, PAPER_AS_COLUMN, err);
    free(description);
    return done;
}

static bool
set_statement(const PdfSheet *sheet, const Document *document, Err *err)
{
    char payable[TEXT_BYTES];
    bool done = paper_keep(sheet->paper, TOTAL_PT, err) &&
                set_sum(sheet, pdf_say(sheet, "Subtotal"), document->subtotal, PAPER_AS_COLUMN, err);
    for (size_t i = 0; done && i < document->item_count; i++)
        done = set_item(sheet, &document->items[i], err);
    done = done && set_sum(sheet, pdf_say(sheet, "Total"), document->total, PAPER_STRONG, err);
    if (!done || document->payable_currency[0] == '\0')
        return done;
    char *rate = grouped(sheet, document->payable_rate, err);
    snprintf(payable, sizeof(payable), "%s %s, %s %s", pdf_say(sheet, "To be paid in"), document->payable_currency,
             pdf_say(sheet, "at the rate"), rate == NULL ? "" : rate);
    done = rate != NULL && set_sum(sheet, payable, document->payable_total, PAPER_STRONG, err);
    free(rate);
    return done;
}

static bool
set_lines(const PdfSheet *sheet, const Document *document, Err *err)
{
    const PaperColumn columns[] = {{pdf_say(sheet, "What"), 0, PAPER_LEFT, PAPER_BODY},
                                   {pdf_say(sheet, "Quantity"), 74, PAPER_RIGHT, PAPER_BODY},
                                   {pdf_say(sheet, "Free"), 56, PAPER_RIGHT, PAPER_BODY},
                                   {pdf_say(sheet, "Billed"), 74, PAPER_RIGHT, PAPER_BODY},
                                   {pdf_say(sheet, "Unit"), 50, PAPER_LEFT, PAPER_SOFT},
                                   {pdf_say(sheet, "Unit price"), 58, PAPER_RIGHT, PAPER_BODY},
                                   {document->currency, 54, PAPER_RIGHT, PAPER_BODY}};
    bool done = paper_table(sheet->paper, columns, sizeof(columns) / sizeof(columns[0]), err);
    for (size_t i = 0; done && i < document->line_count; i++) {
        const DocumentLine *line = &document->lines[i];
        if (i == 0 || !is_same_place(line, line - 1))
            done = set_place(sheet, line, err);
        done = done && set_line(sheet, line, i + 1 == document->line_count, err);
    }
    paper_skip(sheet->paper, 3);
    return done && set_statement(sheet, document, err);
}

/* ---- functions ---- */

static bool
set_function(const PdfSheet *sheet, const DocumentFunction *function, Err *err)
{
    char place[TEXT_BYTES];
    snprintf(place, sizeof(place), "%s, %s", function->region, function->architecture);
    char *figures[CELLS_MAX] = {grouped(sheet, function->memory_mb, err), grouped(sheet, function->invocations, err),
                                grouped(sheet, function->errors, err),
                                brief(sheet, function->gb_seconds, QUANTITY_SCALE, err),
                                brief(sheet, function->amount_exact, SHARE_SCALE, err)};
    const char *const cells[] = {function->name, place, figures[0], figures[1], figures[2], figures[3], figures[4]};
    return set_row(sheet, figures, cells, 5, PAPER_AS_COLUMN, PAPER_FAINT_RULE, err);
}

static bool
set_functions(const PdfSheet *sheet, const Document *document, Err *err)
{
    const PaperColumn columns[] = {{pdf_say(sheet, "Function"), 0, PAPER_LEFT, PAPER_BODY},
                                   {pdf_say(sheet, "Where"), 86, PAPER_LEFT, PAPER_SOFT},
                                   {pdf_say(sheet, "Memory, MB"), 46, PAPER_RIGHT, PAPER_BODY},
                                   {pdf_say(sheet, "Invocations"), 66, PAPER_RIGHT, PAPER_BODY},
                                   {pdf_say(sheet, "Errors"), 40, PAPER_RIGHT, PAPER_BODY},
                                   {pdf_say(sheet, "GB-seconds"), 72, PAPER_RIGHT, PAPER_BODY},
                                   {document->currency, 60, PAPER_RIGHT, PAPER_BODY}};
    if (document->function_count == 0)
        return true;
    paper_table_end(sheet->paper);
    paper_skip(sheet->paper, 20);
    bool done = paper_keep(sheet->paper, 3 * GROUP_PT, err) &&
                paper_text(sheet->paper, PAPER_HEADING, pdf_say(sheet, "Functions"), err) &&
                paper_text(sheet->paper, PAPER_SOFT,
                           pdf_say(sheet, "Each function's share of the lines above, before rounding."), err) &&
                paper_table(sheet->paper, columns, sizeof(columns) / sizeof(columns[0]), err);
    for (size_t i = 0; done && i < document->function_count; i++)
        done = set_function(sheet, &document->functions[i], err);
    return done;
}

/* ---- all of it ---- */

static bool
set_invoice(const PdfSheet *sheet, const Document *document, const Look *look, Err *err)
{
    char foot[TITLE_BYTES];
    if (!set_head(sheet, document, look, err))
        return false;
    paper_skip(sheet->paper, 16);
    if (!paper_text(sheet->paper, PAPER_HEADING, pdf_say(sheet, "Usage"), err) || !set_lines(sheet, document, err) ||
        !set_functions(sheet, document, err) || !pdf_set_proof(sheet, document, err))
        return false;
    paper_skip(sheet->paper, 14);
    return (look->foot[0] == '\0' || paper_text(sheet->paper, PAPER_SOFT, look->foot, err)) &&
           paper_end(sheet->paper, title_of(sheet, document, foot), err);
}

static bool
set_document(Paper *paper, const Document *document, const Look *look, char title[TITLE_BYTES], Err *err)
{
    const char *language = document->language[0] != '\0' ? document->language : look->language;
    const PdfSheet sheet = {paper, words_of(language, look->data, err)};
    if (sheet.words == NULL)
        return false;
    title_of(&sheet, document, title);
    return set_invoice(&sheet, document, look, err);
}

bool
render_pdf(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err)
{
    char title[TITLE_BYTES];
    int64_t made_at_us = 0;
    Paper *paper = paper_new(look->paper, look->accent_rgb, err);
    bool done = paper != NULL;
    for (size_t i = 0; done && i < count; i++) {
        done = set_document(paper, documents[i], look, title, err);
        made_at_us = made_at_us > documents[i]->issued_at_us ? made_at_us : documents[i]->issued_at_us;
    }
    if (count != 1)
        snprintf(title, sizeof(title), "%zu invoices", count);
    const PaperFacts facts = {.title = title,
                              .author = look->name,
                              .subject = count == 1 ? documents[0]->total : "",
                              .keywords = count == 1 ? documents[0]->sha256 : "",
                              .made_at_us = made_at_us};
    done = done && paper_write(paper, &facts, out, err);
    paper_free(&paper);
    return done;
}
