/* An invoice as pages of a PDF; paper.h sets them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/document.h"
#include "reports/figures.h"
#include "reports/paper.h"
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

/* Pages being set, and the language they are in. */
typedef struct Sheet {
    Paper *paper;
    const Words *words;
} Sheet;

static const char *
say(const Sheet *sheet, const char *english)
{
    return words_say(sheet->words, english);
}

static char *
grouped(const Sheet *sheet, const char *decimal, Err *err)
{
    return words_figure(sheet->words, figure_grouped(decimal, err), err);
}

static char *
brief(const Sheet *sheet, const char *decimal, int scale, Err *err)
{
    return words_figure(sheet->words, figure_brief(decimal, scale, err), err);
}

static const char *
name_of(const Sheet *sheet, const Document *document, char out[TEXT_BYTES])
{
    if (document->is_final)
        snprintf(out, TEXT_BYTES, "%s %s", say(sheet, document->kind_title), document->number);
    else
        snprintf(out, TEXT_BYTES, "%s", say(sheet, "Preview of an invoice"));
    return out;
}

/* "Invoice 2026-11-000007, acme, 2026-11" */
static const char *
title_of(const Sheet *sheet, const Document *document, char out[TITLE_BYTES])
{
    char name[TEXT_BYTES];
    snprintf(out, TITLE_BYTES, "%s, %s, %.7s", name_of(sheet, document, name), document->tenant, document->month);
    return out;
}

/* ---- head ---- */

static bool
set_title(const Sheet *sheet, const Document *document, Err *err)
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
    const char *const above[] = {name_of(sheet, document, name), say(sheet, "Total")};
    const char *const below[] = {document->tenant, owed};
    return paper_table(sheet->paper, columns, 2, err) &&
           paper_row(sheet->paper, above, PAPER_ACCENT, PAPER_NO_RULE, err) &&
           paper_row(sheet->paper, below, PAPER_TITLE, PAPER_NO_RULE, err);
}

typedef struct Fact {
    const char *label;
    const char *text;
} Fact;

/** Facts in three columns, a row of labels above each row of texts. */
static bool
set_facts(const Sheet *sheet, const Fact *facts, size_t count, Err *err)
{
    static const PaperColumn columns[] = {
        {NULL, 0, PAPER_LEFT, PAPER_BODY}, {NULL, 160, PAPER_LEFT, PAPER_BODY}, {NULL, 150, PAPER_LEFT, PAPER_BODY}};
    if (!paper_table(sheet->paper, columns, 3, err))
        return false;
    for (size_t i = 0; i < count; i += 3) {
        const char *labels[3] = {"", "", ""};
        const char *texts[3] = {"", "", ""};
        for (size_t j = i; j < count && j < i + 3; j++) {
            labels[j - i] = facts[j].label;
            texts[j - i] = facts[j].text;
        }
        if (!paper_row(sheet->paper, labels, PAPER_LABEL, PAPER_NO_RULE, err) ||
            !paper_row(sheet->paper, texts, PAPER_BODY, i + 3 < count ? PAPER_NO_RULE : PAPER_RULE, err))
            return false;
        paper_skip(sheet->paper, i + 3 < count ? 3 : 0);
    }
    return true;
}

static bool
set_head(const Sheet *sheet, const Document *document, const Look *look, Err *err)
{
    char period[TEXT_BYTES];
    char sender[2 * CONFIG_TEXT_BYTES + 2];
    if (document->month == document->period_start)
        snprintf(period, sizeof(period), "%.10s %s %.10s", document->period_start, say(sheet, "to"),
                 document->period_end);
    else /* no UTC month: it may start at any time of the day */
        snprintf(period, sizeof(period), "%.10s %.5s %s %.10s %.5s", document->period_start,
                 document->period_start + sizeof "2026-07-01", say(sheet, "to"), document->period_end,
                 document->period_end + sizeof "2026-07-01");
    snprintf(sender, sizeof(sender), "%s%s%s", look->name, look->address[0] != '\0' ? ", " : "", look->address);
    const Fact all[] = {
        {say(sheet, "Period (UTC, end excluded)"), period},
        {say(sheet, "Invoice date"), document->is_final ? document->issued_on : ""},
        {say(sheet, "Due on"), document->is_final ? document->due_on : ""},
        {say(sheet, "Payment"), document->payment_terms},
        {say(sheet, "Account"), document->account},
        {say(sheet, "Refers to"), document->refers_to},
        {say(sheet, "Reason"), document->reason},
        {say(sheet, "Seller"), document->seller[0] != '\0' ? document->seller : sender},
        {say(sheet, "Buyer"), document->buyer},
        {say(sheet, "Your order"), document->purchase_order},
        {say(sheet, "Free tier"), say(sheet, document->free_tier)},
    };
    Fact given[sizeof(all) / sizeof(all[0])];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].text[0] != '\0')
            given[count++] = all[i];
    bool done = look->logo[0] == '\0' || paper_picture(sheet->paper, look->logo, LOGO_PT, err);
    paper_skip(sheet->paper, 14);
    if (done && !document->is_final)
        done = paper_text(
            sheet->paper, PAPER_STRONG,
            say(sheet, "This is a preview. Its figures change while usage arrives, and it is not to be paid."), err);
    done = done && set_title(sheet, document, err);
    paper_skip(sheet->paper, 12);
    return done && set_facts(sheet, given, count, err);
}

/* ---- usage ---- */

/** Takes the figures, NULL where one could not be made. */
static bool
set_row(const Sheet *sheet, char *figures[CELLS_MAX], const char *const *cells, size_t count, PaperStyle style,
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
set_place(const Sheet *sheet, const DocumentLine *line, Err *err)
{
    char place[TEXT_BYTES];
    const char *mode = say(sheet, strcmp(line->mode, "on_demand") == 0 ? "on demand" : line->mode);
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
set_line(const Sheet *sheet, const DocumentLine *line, bool last, Err *err)
{
    char *figures[CELLS_MAX] = {brief(sheet, line->quantity, QUANTITY_SCALE, err),
                                brief(sheet, line->free_quantity, QUANTITY_SCALE, err),
                                brief(sheet, line->billed_quantity, QUANTITY_SCALE, err),
                                grouped(sheet, line->unit_price, err), grouped(sheet, line->amount, err)};
    const char *const cells[] = {say(sheet, line->description), figures[0], figures[1], figures[2],
                                 say(sheet, line->unit),        figures[3], figures[4]};
    return set_row(sheet, figures, cells, 5, PAPER_AS_COLUMN, last ? PAPER_INK_RULE : PAPER_FAINT_RULE, err);
}

static bool
set_sum(const Sheet *sheet, const char *what, const char *amount, PaperStyle style, Err *err)
{
    char *figures[CELLS_MAX] = {grouped(sheet, amount, err)};
    const char *const cells[] = {what, NULL, NULL, NULL, NULL, NULL, figures[0]};
    return set_row(sheet, figures, cells, 1, style, PAPER_NO_RULE, err);
}

static bool
set_item(const Sheet *sheet, const DocumentItem *item, Err *err)
{
    char *description = words_sentence(sheet->words, item->description, err);
    bool done = description != NULL && set_sum(sheet, description, item->amount, PAPER_AS_COLUMN, err);
    free(description);
    return done;
}

static bool
set_statement(const Sheet *sheet, const Document *document, Err *err)
{
    char payable[TEXT_BYTES];
    bool done = paper_keep(sheet->paper, TOTAL_PT, err) &&
                set_sum(sheet, say(sheet, "Subtotal"), document->subtotal, PAPER_AS_COLUMN, err);
    for (size_t i = 0; done && i < document->item_count; i++)
        done = set_item(sheet, &document->items[i], err);
    done = done && set_sum(sheet, say(sheet, "Total"), document->total, PAPER_STRONG, err);
    if (!done || document->payable_currency[0] == '\0')
        return done;
    char *rate = grouped(sheet, document->payable_rate, err);
    snprintf(payable, sizeof(payable), "%s %s, %s %s", say(sheet, "To be paid in"), document->payable_currency,
             say(sheet, "at the rate"), rate == NULL ? "" : rate);
    done = rate != NULL && set_sum(sheet, payable, document->payable_total, PAPER_STRONG, err);
    free(rate);
    return done;
}

static bool
set_lines(const Sheet *sheet, const Document *document, Err *err)
{
    const PaperColumn columns[] = {
        {say(sheet, "What"), 0, PAPER_LEFT, PAPER_BODY},   {say(sheet, "Quantity"), 74, PAPER_RIGHT, PAPER_BODY},
        {say(sheet, "Free"), 56, PAPER_RIGHT, PAPER_BODY}, {say(sheet, "Billed"), 74, PAPER_RIGHT, PAPER_BODY},
        {say(sheet, "Unit"), 50, PAPER_LEFT, PAPER_SOFT},  {say(sheet, "Unit price"), 58, PAPER_RIGHT, PAPER_BODY},
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
set_function(const Sheet *sheet, const DocumentFunction *function, Err *err)
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
set_functions(const Sheet *sheet, const Document *document, Err *err)
{
    const PaperColumn columns[] = {{say(sheet, "Function"), 0, PAPER_LEFT, PAPER_BODY},
                                   {say(sheet, "Where"), 86, PAPER_LEFT, PAPER_SOFT},
                                   {say(sheet, "Memory, MB"), 46, PAPER_RIGHT, PAPER_BODY},
                                   {say(sheet, "Invocations"), 66, PAPER_RIGHT, PAPER_BODY},
                                   {say(sheet, "Errors"), 40, PAPER_RIGHT, PAPER_BODY},
                                   {say(sheet, "GB-seconds"), 72, PAPER_RIGHT, PAPER_BODY},
                                   {document->currency, 60, PAPER_RIGHT, PAPER_BODY}};
    if (document->function_count == 0)
        return true;
    paper_table_end(sheet->paper);
    paper_skip(sheet->paper, 20);
    bool done = paper_keep(sheet->paper, 3 * GROUP_PT, err) &&
                paper_text(sheet->paper, PAPER_HEADING, say(sheet, "Functions"), err) &&
                paper_text(sheet->paper, PAPER_SOFT,
                           say(sheet, "Each function's share of the lines above, before rounding."), err) &&
                paper_table(sheet->paper, columns, sizeof(columns) / sizeof(columns[0]), err);
    for (size_t i = 0; done && i < document->function_count; i++)
        done = set_function(sheet, &document->functions[i], err);
    return done;
}

/* ---- proof ---- */

static bool
set_proof_row(const Sheet *sheet, const char *label, const char *text, PaperStyle style, Err *err)
{
    static const PaperColumn plain[] = {{NULL, 96, PAPER_LEFT, PAPER_LABEL}, {NULL, 0, PAPER_LEFT, PAPER_BODY}};
    static const PaperColumn code[] = {{NULL, 96, PAPER_LEFT, PAPER_LABEL}, {NULL, 0, PAPER_LEFT, PAPER_CODE}};
    const char *const cells[] = {label, text};
    return text[0] == '\0' || (paper_table(sheet->paper, style == PAPER_CODE ? code : plain, 2, err) &&
                               paper_row(sheet->paper, cells, PAPER_AS_COLUMN, PAPER_NO_RULE, err));
}

static bool
set_proof(const Sheet *sheet, const Document *document, Err *err)
{
    char book[TEXT_BYTES];
    char contract[TEXT_BYTES];
    char counted[TEXT_BYTES];
    char seals[TEXT_BYTES];
    char from[TEXT_BYTES];
    snprintf(from, sizeof(from), "%s: millibill invoice render --format json",
             say(sheet, "SHA-256 of the canonical document that these pages were made from"));
    const bool sealed = document->evidence_root[0] != '\0';
    snprintf(book, sizeof(book), "%s %s", document->book_name, document->book_version);
    snprintf(contract, sizeof(contract), "%s %s", document->contract_name, document->contract_version);
    snprintf(counted, sizeof(counted), "%s %s", say(sheet, "all that was received up to receipt"),
             document->receipt_watermark);
    snprintf(seals, sizeof(seals), "%s %s, %s %s, %s:", document->evidence_seals, say(sheet, "seals"),
             say(sheet, "head"), document->evidence_head, say(sheet, "root and signing key"));
    paper_table_end(sheet->paper);
    paper_skip(sheet->paper, 20);
    return paper_keep(sheet->paper, 3 * GROUP_PT, err) &&
           paper_text(sheet->paper, PAPER_HEADING, say(sheet, "How this can be checked"), err) &&
           set_proof_row(sheet, say(sheet, "Price book"), book, PAPER_BODY, err) &&
           set_proof_row(sheet, "", document->book_sha256, PAPER_CODE, err) &&
           (document->contract_name[0] == '\0' ||
            (set_proof_row(sheet, say(sheet, "Contract"), contract, PAPER_BODY, err) &&
             set_proof_row(sheet, "", document->contract_sha256, PAPER_CODE, err))) &&
           set_proof_row(sheet, say(sheet, "Rounding"), document->rounding, PAPER_BODY, err) &&
           set_proof_row(sheet, say(sheet, "Usage counted"), counted, PAPER_BODY, err) &&
           (!sealed || (set_proof_row(sheet, say(sheet, "Evidence sealed"), seals, PAPER_BODY, err) &&
                        set_proof_row(sheet, "", document->evidence_root, PAPER_CODE, err) &&
                        set_proof_row(sheet, "", document->evidence_public_key, PAPER_CODE, err))) &&
           set_proof_row(sheet, say(sheet, "Document"), document->sha256, PAPER_CODE, err) &&
           set_proof_row(sheet, "", from, PAPER_BODY, err);
}

static bool
set_invoice(const Sheet *sheet, const Document *document, const Look *look, Err *err)
{
    char foot[TITLE_BYTES];
    if (!set_head(sheet, document, look, err))
        return false;
    paper_skip(sheet->paper, 16);
    if (!paper_text(sheet->paper, PAPER_HEADING, say(sheet, "Usage"), err) || !set_lines(sheet, document, err) ||
        !set_functions(sheet, document, err) || !set_proof(sheet, document, err))
        return false;
    paper_skip(sheet->paper, 14);
    return (look->foot[0] == '\0' || paper_text(sheet->paper, PAPER_SOFT, look->foot, err)) &&
           paper_end(sheet->paper, title_of(sheet, document, foot), err);
}

static bool
set_document(Paper *paper, const Document *document, const Look *look, char title[TITLE_BYTES], Err *err)
{
    const char *language = document->language[0] != '\0' ? document->language : look->language;
    const Sheet sheet = {paper, words_of(language, look->data, err)};
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
