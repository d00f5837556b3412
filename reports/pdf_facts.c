#include "reports/pdf_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an invoice says of itself, in how many columns; of its proof all that it takes is kept on one page. */
enum { TEXT_BYTES = 512, FACTS_A_ROW = 3, PROOF_PT = 140 };

typedef struct Fact {
    const char *label;
    const char *text;
    bool is_lines; /* harmless already, '\n' between its lines */
} Fact;

/** Facts that are given, three to a row, a row of labels above each row of texts. `columns` lives until the table ends. */
static bool
set_facts(const PdfSheet *sheet, const Fact *facts, size_t count, PaperColumn columns[FACTS_A_ROW], Err *err)
{
    static const int widths_pt[FACTS_A_ROW] = {0, 160, 150};
    for (size_t i = 0; i < count; i++) {
        const char *labels[FACTS_A_ROW] = {"", "", ""};
        const char *texts[FACTS_A_ROW] = {"", "", ""};
        size_t filled = 0;
        for (; i < count && filled < FACTS_A_ROW; i++) {
            if (facts[i].text[0] == '\0')
                continue;
            labels[filled] = facts[i].label;
            texts[filled] = facts[i].text;
            columns[filled] =
                (PaperColumn){NULL, widths_pt[filled], PAPER_LEFT, facts[i].is_lines ? PAPER_LINES : PAPER_BODY};
            filled++;
        }
        i--;
        if (filled == 0)
            return true;
        for (; filled < FACTS_A_ROW; filled++)
            columns[filled] = (PaperColumn){NULL, widths_pt[filled], PAPER_LEFT, PAPER_BODY};
        if (!paper_table(sheet->paper, columns, FACTS_A_ROW, err) ||
            !paper_row(sheet->paper, labels, PAPER_LABEL, PAPER_NO_RULE, err) ||
            !paper_row(sheet->paper, texts, PAPER_AS_COLUMN, PAPER_NO_RULE, err))
            return false;
        paper_skip(sheet->paper, 3);
    }
    return true;
}

static void
period_text(const PdfSheet *sheet, const Document *document, char out[TEXT_BYTES])
{
    if (document->month == document->period_start)
        snprintf(out, TEXT_BYTES, "%.10s %s %.10s", document->period_start, pdf_say(sheet, "to"), document->period_end);
    else /* no UTC month: it may start at any time of the day */
        snprintf(out, TEXT_BYTES, "%.10s %.5s %s %.10s %.5s", document->period_start,
                 document->period_start + sizeof "2026-07-01", pdf_say(sheet, "to"), document->period_end,
                 document->period_end + sizeof "2026-07-01");
}

/* Who sells to whom, then when, then on what terms: a row or more for each. */
bool
pdf_set_facts(const PdfSheet *sheet, const Document *document, const Look *look, Err *err)
{
    char period[TEXT_BYTES];
    char sender[2 * CONFIG_TEXT_BYTES + 2];
    PaperColumn columns[FACTS_A_ROW];
    period_text(sheet, document, period);
    snprintf(sender, sizeof(sender), "%s%s%s", look->name, look->address[0] != '\0' ? ", " : "", look->address);
    const bool is_owed = strcmp(document->kind, "invoice") == 0; /* what gives back is not due */
    const bool is_named = document->seller[0] != '\0';
    const Fact who[] = {
        {pdf_say(sheet, "Seller"), is_named ? document->seller_lines : sender, is_named},
        {pdf_say(sheet, "Buyer"), document->buyer_lines, true},
        {pdf_say(sheet, "Your order"), document->purchase_order, false},
    };
    const Fact when[] = {
        {pdf_say(sheet, "Period (UTC, end excluded)"), period, false},
        {pdf_say(sheet, "Invoice date"), document->is_final ? document->issued_on : "", false},
        {pdf_say(sheet, "Due on"), document->is_final && is_owed ? document->due_on : "", false},
    };
    const Fact terms[] = {
        {pdf_say(sheet, "Account"), document->account, false},
        {pdf_say(sheet, "Free tier"), pdf_say(sheet, document->free_tier), false},
        {pdf_say(sheet, "Payment"), is_owed ? document->payment_terms : "", false},
        {pdf_say(sheet, "Refers to"), document->refers_to, false},
        {pdf_say(sheet, "Reason"), document->reason, false},
    };
    bool done = set_facts(sheet, who, sizeof(who) / sizeof(who[0]), columns, err) &&
                set_facts(sheet, when, sizeof(when) / sizeof(when[0]), columns, err) &&
                set_facts(sheet, terms, sizeof(terms) / sizeof(terms[0]), columns, err);
    paper_table_end(sheet->paper);
    paper_line(sheet->paper, PAPER_RULE);
    return done;
}

/* ---- proof ---- */

/* What it is, its name or number, and its digest; either may be missing. */
static bool
set_proof_row(const PdfSheet *sheet, const char *label, const char *text, const char *digest, Err *err)
{
    static const PaperColumn columns[] = {
        {NULL, 96, PAPER_LEFT, PAPER_LABEL}, {NULL, 0, PAPER_LEFT, PAPER_BODY}, {NULL, 278, PAPER_RIGHT, PAPER_CODE}};
    const char *const cells[] = {label, text, digest};
    return paper_table(sheet->paper, columns, 3, err) &&
           paper_row(sheet->paper, cells, PAPER_AS_COLUMN, PAPER_NO_RULE, err);
}

/* A name and a version, nothing where there is no name. */
static bool
set_proof_version(const PdfSheet *sheet, const char *label, const char *name, const char *version, const char *digest,
                  Err *err)
{
    char text[TEXT_BYTES];
    char labelled[TEXT_BYTES];
    snprintf(text, sizeof(text), "%s %s", name, version);
    snprintf(labelled, sizeof(labelled), "%s, SHA-256", label);
    return name[0] == '\0' || set_proof_row(sheet, labelled, text, digest, err);
}

static bool
set_proof_seals(const PdfSheet *sheet, const Document *document, Err *err)
{
    char seals[TEXT_BYTES];
    snprintf(seals, sizeof(seals), "%s %s, %s %s", document->evidence_seals,
             pdf_say(sheet, document_seals_word(document)), pdf_say(sheet, "head"), document->evidence_head);
    return document->evidence_root[0] == '\0' ||
           (set_proof_row(sheet, pdf_say(sheet, "Evidence sealed"), seals, document->evidence_root, err) &&
            set_proof_row(sheet, "", pdf_say(sheet, "signing key"), document->evidence_public_key, err));
}

static bool
set_rounding(const PdfSheet *sheet, const Document *document, Err *err)
{
    char *rounding = words_rounding(sheet->words, document->rounding, err);
    bool done = rounding != NULL && set_proof_row(sheet, pdf_say(sheet, "Rounding"), rounding, NULL, err);
    free(rounding);
    return done;
}

bool
pdf_set_proof(const PdfSheet *sheet, const Document *document, Err *err)
{
    char counted[TEXT_BYTES];
    snprintf(counted, sizeof(counted), "%s %s", pdf_say(sheet, "all that was received up to receipt"),
             document->receipt_watermark);
    paper_table_end(sheet->paper);
    paper_skip(sheet->paper, 20);
    return paper_keep(sheet->paper, PROOF_PT, err) &&
           paper_text(sheet->paper, PAPER_HEADING, pdf_say(sheet, "How this can be checked"), err) &&
           set_rounding(sheet, document, err) &&
           set_proof_row(sheet, pdf_say(sheet, "Usage counted"), counted, NULL, err) &&
           set_proof_version(sheet, pdf_say(sheet, "Price book"), document->book_name, document->book_version,
                             document->book_sha256, err) &&
           set_proof_version(sheet, pdf_say(sheet, "Contract"), document->contract_name, document->contract_version,
                             document->contract_sha256, err) &&
           set_proof_seals(sheet, document, err) &&
           set_proof_version(sheet, pdf_say(sheet, "Document"), pdf_say(sheet, "its JSON form"), "", document->sha256,
                             err);
}
