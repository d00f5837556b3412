/**
 * pdf_facts - what stands above and below the tables of an invoice's pages: who, when and on what terms; and by what it can
 * be checked
 */
#ifndef REPORTS_PDF_FACTS_H
#define REPORTS_PDF_FACTS_H

#include <stdbool.h>

#include "lib/err.h"
#include "reports/document.h"
#include "reports/paper.h"
#include "reports/words.h"

/** Pages being set (borrowed), and the language they are in. */
typedef struct PdfSheet {
    Paper *paper;
    const Words *words;
} PdfSheet;

/** An English text in the language of the pages; borrowed from its words. */
static inline const char *
pdf_say(const PdfSheet *sheet, const char *english)
{
    return words_say(sheet->words, english);
}

/** Seller, buyer and order, then the period and its dates, then account and terms, three to a row; what is not said takes no
 *  room. ERR_NOMEM. */
MUST_CHECK bool pdf_set_facts(const PdfSheet *sheet, const Document *document, const Look *look, Err *err);

/** Rounding, receipt, and the digests of price book, contract, evidence and document: on one page. ERR_NOMEM. */
MUST_CHECK bool pdf_set_proof(const PdfSheet *sheet, const Document *document, Err *err);

#endif
