/* An invoice as pages of a PDF; paper.h sets them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reports/document.h"
#include "reports/figures.h"
#include "reports/paper.h"

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

static const char *
name_of(const Document *document, char out[TEXT_BYTES])
{
    if (document->is_final)
        snprintf(out, TEXT_BYTES, "%s %s", document->kind_title, document->number);
    else
        snprintf(out, TEXT_BYTES, "Preview of an invoice");
    return out;
}

/* "Invoice 2026-11-000007, acme, 2026-11" */
static const char *
title_of(const Document *document, char out[TITLE_BYTES])
{
    char name[TEXT_BYTES];
    snprintf(out, TITLE_BYTES, "%s, %s, %.7s", name_of(document, name), document->tenant, document->period_start);
    return out;
}

/* ---- head ---- */

static bool
set_title(Paper *paper, const Document *document, Err *err)
{
    static const PaperColumn columns[] = {{NULL, 0, PAPER_LEFT, PAPER_BODY}, {NULL, 200, PAPER_RIGHT, PAPER_BODY}};
    const bool converted = document->payable_currency[0] != '\0';
    char name[TEXT_BYTES];
    char owed[TEXT_BYTES];
    char *total = figure_grouped(converted ? document->payable_total : document->total, err);
    if (total == NULL)
        return false;
    snprintf(owed, sizeof(owed), "%s %s", total, converted ? document->payable_currency : document->currency);
    free(total);
    const char *const above[] = {name_of(document, name), "Total"};
    const char *const below[] = {document->tenant, owed};
    return paper_table(paper, columns, 2, err) && paper_row(paper, above, PAPER_ACCENT, PAPER_NO_RULE, err) &&
           paper_row(paper, below, PAPER_TITLE, PAPER_NO_RULE, err);
}

typedef struct Fact {
    const char *label;
    const char *text;
} Fact;

/** Facts in three columns, a row of labels above each row of texts. */
static bool
set_facts(Paper *paper, const Fact *facts, size_t count, Err *err)
{
    static const PaperColumn columns[] = {
        {NULL, 0, PAPER_LEFT, PAPER_BODY}, {NULL, 160, PAPER_LEFT, PAPER_BODY}, {NULL, 150, PAPER_LEFT, PAPER_BODY}};
    if (!paper_table(paper, columns, 3, err))
        return false;
    for (size_t i = 0; i < count; i += 3) {
        const char *labels[3] = {"", "", ""};
        const char *texts[3] = {"", "", ""};
        for (size_t j = i; j < count && j < i + 3; j++) {
            labels[j - i] = facts[j].label;
            texts[j - i] = facts[j].text;
        }
        if (!paper_row(paper, labels, PAPER_LABEL, PAPER_NO_RULE, err) ||
            !paper_row(paper, texts, PAPER_BODY, i + 3 < count ? PAPER_NO_RULE : PAPER_RULE, err))
            return false;
        paper_skip(paper, i + 3 < count ? 3 : 0);
    }
    return true;
}

static bool
set_head(Paper *paper, const Document *document, const Look *look, Err *err)
{
    char period[TEXT_BYTES];
    char sender[2 * CONFIG_TEXT_BYTES + 2];
    snprintf(period, sizeof(period), "%.10s to %.10s", document->period_start, document->period_end);
    snprintf(sender, sizeof(sender), "%s%s%s", look->name, look->address[0] != '\0' ? ", " : "", look->address);
    const Fact all[] = {
        {"Period (UTC, end excluded)", period},
        {"Invoice date", document->is_final ? document->issued_on : ""},
        {"Account", document->account},
        {"Refers to", document->refers_to},
        {"Reason", document->reason},
        {"Seller", document->seller[0] != '\0' ? document->seller : sender},
        {"Buyer", document->buyer},
        {"Your order", document->purchase_order},
        {"Free tier", document->free_tier},
    };
    Fact given[sizeof(all) / sizeof(all[0])];
    size_t count = 0;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].text[0] != '\0')
            given[count++] = all[i];
    bool done = look->logo[0] == '\0' || paper_picture(paper, look->logo, LOGO_PT, err);
    paper_skip(paper, 14);
    if (done && !document->is_final)
        done = paper_text(paper, PAPER_STRONG,
                          "This is a preview. Its figures change while usage arrives, and it is not to be paid.", err);
    done = done && set_title(paper, document, err);
    paper_skip(paper, 12);
    return done && set_facts(paper, given, count, err);
}

/* ---- usage ---- */

/** Takes the figures, NULL where one could not be made. */
static bool
set_row(Paper *paper, char *figures[CELLS_MAX], const char *const *cells, size_t count, PaperStyle style,
        PaperRule rule, Err *err)
{
    bool done = true;
    for (size_t i = 0; i < count; i++)
        done = done && figures[i] != NULL;
    done = done && paper_row(paper, cells, style, rule, err);
    for (size_t i = 0; i < count; i++)
        free(figures[i]);
    return done;
}

static bool
is_same_place(const DocumentLine *a, const DocumentLine *b)
{
    return strcmp(a->region, b->region) == 0 && strcmp(a->architecture, b->architecture) == 0 &&
           strcmp(a->mode, b->mode) == 0;
}

static bool
set_place(Paper *paper, const DocumentLine *line, Err *err)
{
    char place[TEXT_BYTES];
    const char *mode = strcmp(line->mode, "on_demand") == 0 ? "on demand" : line->mode;
    const char *const parts[] = {line->region, line->architecture, mode};
    size_t length = 0;
    place[0] = '\0';
    for (size_t i = 0; i < 3 && length < sizeof(place); i++)
        if (parts[i][0] != '\0')
            length +=
                (size_t) snprintf(place + length, sizeof(place) - length, "%s%s", length > 0 ? ", " : "", parts[i]);
    const char *const cells[] = {place, NULL, NULL, NULL, NULL, NULL, NULL};
    return place[0] == '\0' ||
           (paper_keep(paper, GROUP_PT, err) && paper_row(paper, cells, PAPER_LABEL, PAPER_RULE, err));
}

static bool
set_line(Paper *paper, const DocumentLine *line, bool last, Err *err)
{
    char *figures[CELLS_MAX] = {figure_brief(line->quantity, QUANTITY_SCALE, err),
                                figure_brief(line->free_quantity, QUANTITY_SCALE, err),
                                figure_brief(line->billed_quantity, QUANTITY_SCALE, err),
                                figure_grouped(line->unit_price, err), figure_grouped(line->amount, err)};
    const char *const cells[] = {line->description, figures[0], figures[1], figures[2],
                                 line->unit,        figures[3], figures[4]};
    return set_row(paper, figures, cells, 5, PAPER_AS_COLUMN, last ? PAPER_INK_RULE : PAPER_FAINT_RULE, err);
}

static bool
set_sum(Paper *paper, const char *what, const char *amount, PaperStyle style, Err *err)
{
    char *figures[CELLS_MAX] = {figure_grouped(amount, err)};
    const char *const cells[] = {what, NULL, NULL, NULL, NULL, NULL, figures[0]};
    return set_row(paper, figures, cells, 1, style, PAPER_NO_RULE, err);
}

static bool
set_statement(Paper *paper, const Document *document, Err *err)
{
    char payable[TEXT_BYTES];
    bool done =
        paper_keep(paper, TOTAL_PT, err) && set_sum(paper, "Subtotal", document->subtotal, PAPER_AS_COLUMN, err);
    for (size_t i = 0; done && i < document->item_count; i++)
        done = set_sum(paper, document->items[i].description, document->items[i].amount, PAPER_AS_COLUMN, err);
    done = done && set_sum(paper, "Total", document->total, PAPER_STRONG, err);
    if (!done || document->payable_currency[0] == '\0')
        return done;
    snprintf(payable, sizeof(payable), "To be paid in %s, at %s", document->payable_currency, document->payable_rate);
    return set_sum(paper, payable, document->payable_total, PAPER_STRONG, err);
}

static bool
set_lines(Paper *paper, const Document *document, Err *err)
{
    const PaperColumn columns[] = {{"What", 0, PAPER_LEFT, PAPER_BODY},
                                   {"Quantity", 74, PAPER_RIGHT, PAPER_BODY},
                                   {"Free", 56, PAPER_RIGHT, PAPER_BODY},
                                   {"Billed", 74, PAPER_RIGHT, PAPER_BODY},
                                   {"Unit", 50, PAPER_LEFT, PAPER_SOFT},
                                   {"Unit price", 58, PAPER_RIGHT, PAPER_BODY},
                                   {document->currency, 54, PAPER_RIGHT, PAPER_BODY}};
    bool done = paper_table(paper, columns, sizeof(columns) / sizeof(columns[0]), err);
    for (size_t i = 0; done && i < document->line_count; i++) {
        const DocumentLine *line = &document->lines[i];
        if (i == 0 || !is_same_place(line, line - 1))
            done = set_place(paper, line, err);
        done = done && set_line(paper, line, i + 1 == document->line_count, err);
    }
    paper_skip(paper, 3);
    return done && set_statement(paper, document, err);
}

/* ---- functions ---- */

static bool
set_function(Paper *paper, const DocumentFunction *function, Err *err)
{
    char place[TEXT_BYTES];
    snprintf(place, sizeof(place), "%s, %s", function->region, function->architecture);
    char *figures[CELLS_MAX] = {figure_grouped(function->memory_mb, err), figure_grouped(function->invocations, err),
                                figure_grouped(function->errors, err),
                                figure_brief(function->gb_seconds, QUANTITY_SCALE, err),
                                figure_brief(function->amount_exact, SHARE_SCALE, err)};
    const char *const cells[] = {function->name, place, figures[0], figures[1], figures[2], figures[3], figures[4]};
    return set_row(paper, figures, cells, 5, PAPER_AS_COLUMN, PAPER_FAINT_RULE, err);
}

static bool
set_functions(Paper *paper, const Document *document, Err *err)
{
    const PaperColumn columns[] = {
        {"Function", 0, PAPER_LEFT, PAPER_BODY},          {"Where", 86, PAPER_LEFT, PAPER_SOFT},
        {"Memory, MB", 46, PAPER_RIGHT, PAPER_BODY},      {"Invocations", 66, PAPER_RIGHT, PAPER_BODY},
        {"Errors", 40, PAPER_RIGHT, PAPER_BODY},          {"GB-seconds", 72, PAPER_RIGHT, PAPER_BODY},
        {document->currency, 60, PAPER_RIGHT, PAPER_BODY}};
    if (document->function_count == 0)
        return true;
    paper_skip(paper, 20);
    bool done = paper_keep(paper, 3 * GROUP_PT, err) && paper_text(paper, PAPER_HEADING, "Functions", err) &&
                paper_text(paper, PAPER_SOFT, "Each function's share of the lines above, before rounding.", err) &&
                paper_table(paper, columns, sizeof(columns) / sizeof(columns[0]), err);
    for (size_t i = 0; done && i < document->function_count; i++)
        done = set_function(paper, &document->functions[i], err);
    return done;
}

/* ---- proof ---- */

static bool
set_proof_row(Paper *paper, const char *label, const char *text, PaperStyle style, Err *err)
{
    static const PaperColumn plain[] = {{NULL, 96, PAPER_LEFT, PAPER_LABEL}, {NULL, 0, PAPER_LEFT, PAPER_BODY}};
    static const PaperColumn code[] = {{NULL, 96, PAPER_LEFT, PAPER_LABEL}, {NULL, 0, PAPER_LEFT, PAPER_CODE}};
    const char *const cells[] = {label, text};
    return text[0] == '\0' || (paper_table(paper, style == PAPER_CODE ? code : plain, 2, err) &&
                               paper_row(paper, cells, PAPER_AS_COLUMN, PAPER_NO_RULE, err));
}

static bool
set_proof(Paper *paper, const Document *document, Err *err)
{
    char book[TEXT_BYTES];
    char contract[TEXT_BYTES];
    char counted[TEXT_BYTES];
    char seals[TEXT_BYTES];
    const bool sealed = document->evidence_root[0] != '\0';
    snprintf(book, sizeof(book), "%s %s", document->book_name, document->book_version);
    snprintf(contract, sizeof(contract), "%s %s", document->contract_name, document->contract_version);
    snprintf(counted, sizeof(counted), "all that was received up to receipt %s", document->receipt_watermark);
    snprintf(seals, sizeof(seals), "%s seals, head %s, root and key of its signature:", document->evidence_seals,
             document->evidence_head);
    paper_skip(paper, 20);
    return paper_keep(paper, 3 * GROUP_PT, err) && paper_text(paper, PAPER_HEADING, "How this can be checked", err) &&
           set_proof_row(paper, "Price book", book, PAPER_BODY, err) &&
           set_proof_row(paper, "", document->book_sha256, PAPER_CODE, err) &&
           (document->contract_name[0] == '\0' ||
            (set_proof_row(paper, "Contract", contract, PAPER_BODY, err) &&
             set_proof_row(paper, "", document->contract_sha256, PAPER_CODE, err))) &&
           set_proof_row(paper, "Rounding", document->rounding, PAPER_BODY, err) &&
           set_proof_row(paper, "Usage counted", counted, PAPER_BODY, err) &&
           (!sealed || (set_proof_row(paper, "Evidence sealed", seals, PAPER_BODY, err) &&
                        set_proof_row(paper, "", document->evidence_root, PAPER_CODE, err) &&
                        set_proof_row(paper, "", document->evidence_public_key, PAPER_CODE, err))) &&
           set_proof_row(paper, "Document", document->sha256, PAPER_CODE, err) &&
           set_proof_row(
               paper, "",
               "SHA-256 of the canonical document that these pages were made from: millibill invoice render --format json",
               PAPER_BODY, err);
}

static bool
set_invoice(Paper *paper, const Document *document, const Look *look, Err *err)
{
    char foot[TITLE_BYTES];
    if (!set_head(paper, document, look, err))
        return false;
    paper_skip(paper, 16);
    if (!paper_text(paper, PAPER_HEADING, "Usage", err) || !set_lines(paper, document, err) ||
        !set_functions(paper, document, err) || !set_proof(paper, document, err))
        return false;
    paper_skip(paper, 14);
    return (look->foot[0] == '\0' || paper_text(paper, PAPER_SOFT, look->foot, err)) &&
           paper_end(paper, title_of(document, foot), err);
}

bool
render_pdf(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err)
{
    char title[TITLE_BYTES];
    int64_t made_at_us = 0;
    Paper *paper = paper_new(look->paper, look->accent_rgb, err);
    bool done = paper != NULL;
    for (size_t i = 0; done && i < count; i++) {
        done = set_invoice(paper, documents[i], look, err);
        made_at_us = made_at_us > documents[i]->issued_at_us ? made_at_us : documents[i]->issued_at_us;
    }
    if (count == 1)
        title_of(documents[0], title);
    else
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
