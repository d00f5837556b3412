/**
 * document - an invoice as its canonical JSON says it, ready for any renderer
 *
 * Parsed once and checked here; renderers only set type. Texts are borrowed from the parsed JSON and live as long as the
 * Document. Nothing is calculated: every figure is the text that stands in the canonical document.
 */
#ifndef REPORTS_DOCUMENT_H
#define REPORTS_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "reports/look.h"

typedef struct DocumentLine {
    const char *region;
    const char *architecture;
    const char *mode;
    const char *sku;
    const char *tier;
    const char *description;
    const char *quantity;
    const char *free_quantity;
    const char *billed_quantity;
    const char *unit;
    const char *unit_price;
    const char *amount;
    const char *amount_exact;
    const char *hours; /* "2026-05-16 – 2026-06-01": the days of its price book, where several were in force; else "" */
} DocumentLine;

typedef struct DocumentFunction {
    const char *name;
    const char *region;
    const char *architecture;
    const char *memory_mb;
    const char *mode;
    const char *invocations;
    const char *errors;
    const char *timeouts;
    const char *gb_seconds;
    const char *amount_exact;
} DocumentFunction;

/** An item of the statement of an invoice under a contract, from the subtotal to the total. */
typedef struct DocumentItem {
    const char *kind;
    const char *name;
    const char *description;
    const char *amount;
    const char *amount_exact;
} DocumentItem;

typedef struct Document {
    char *source; /* the canonical JSON as stored; its digest is `sha256` */
    Json *json;
    char **hours; /* of each of several price books */
    size_t hours_count;
    char sha256[DIGEST_HEX_BYTES];
    int64_t issued_at_us;           /* when its row was written; set by document_issued() */
    char issued_on[UTC_TEXT_BYTES]; /* that day */
    char due_on[UTC_TEXT_BYTES];    /* by the contract's payment_days after it; "" when not said */
    const char *number;             /* "" for a preview */
    const char *state;
    const char *kind;       /* "invoice", "credit_note", "void" */
    const char *kind_title; /* "Invoice" */
    const char *refers_to;  /* number of the document that a credit note or void is about, else "" */
    const char *reason;     /* of a void, else "" */
    const char *tenant;
    const char *account;
    const char *month; /* in which the period starts: "2026-07", or more of a time */
    const char *period_start;
    const char *period_end;
    const char *receipt_watermark;
    const char *currency;
    const char *book_name;
    const char *book_version;
    const char *book_sha256;
    const char *rounding;      /* in words */
    const char *free_tier;     /* in words */
    const char *evidence_root; /* "" when the document names no seals; the rest then too */
    const char *evidence_head;
    const char *evidence_seals;
    const char *evidence_public_key;
    const char *evidence_signature;
    bool is_final;
    DocumentLine *lines;
    size_t line_count;
    DocumentFunction *functions;
    size_t function_count;
    const char *subtotal;
    const char *total;
    DocumentItem *items; /* what follows the subtotal; none without a contract, and the rest is "" then */
    size_t item_count;
    const char *contract_name;
    const char *contract_version;
    const char *contract_sha256;
    const char *purchase_order;
    const char *payment_terms;
    const char *language; /* of the contract; "" when not said */
    char *seller;         /* "Name, address, tax id": "" when not said */
    char *buyer;
    char *seller_lines; /* the same as on an envelope, harmless, '\n' between the lines */
    char *buyer_lines;
    const char *payable_currency; /* "" when it is the currency of the lines */
    const char *payable_total;
    const char *payable_rate;
} Document;

/** Read a canonical document. Caller frees with document_free(). NULL: ERR_INPUT names the member that is missing or
 *  wrong; ERR_NOMEM. */
MUST_CHECK Document *document_parse(Text text, Err *err);

void document_free(Document **self);

/** A member's text or digits, "" where it is absent or null. Borrowed. */
const char *document_member(Json *object, const char *key);

/** Length of an array; 0 for anything else. */
size_t document_length(Json *array);

/** Say when it was issued: it is no part of what was signed, and stands in the database beside it. */
void document_issued(Document *self, int64_t issued_at_us);

/** A renderer appends any number of documents to `out`. */
typedef bool (*DocumentRender)(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err);

/** For a terminal: fits 80 columns, numbers to the right, thousands separated. */
MUST_CHECK bool render_text(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err);
/** "seal" or "seals", for how many there are. */
const char *document_seals_word(const Document *self);

/** The canonical document, byte for byte (so that its SHA-256 can be checked); several become an array. */
MUST_CHECK bool render_json(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err);
/** RFC 4180, one row for each line, header first; items of a statement follow, with their kind in the
 *  place of the sku. A text that a spreadsheet would take for a formula gets a leading '. */
MUST_CHECK bool render_csv(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err);
/** One self-contained page by an XSLT stylesheet over the XML that render_html.c describes. */
MUST_CHECK bool render_html(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err);

/** UBL 2.1, after EN 16931: one final document. ERR_INPUT names what its contract has to say. */
MUST_CHECK bool render_ubl(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err);

/** Pages: one PDF of them all, each document beginning on a page of its own. The same documents and look make the same bytes. */
MUST_CHECK bool render_pdf(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err);

typedef struct DocumentFormat {
    const char *name;
    const char *extension;
    DocumentRender render;
    bool is_issued; /* goes to a customer as it is: the first bytes of a final document stay */
} DocumentFormat;

/** The format of that name; ERR_USAGE lists the names there are. */
MUST_CHECK const DocumentFormat *document_format(const char *name, Err *err);

#endif
