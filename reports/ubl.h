/**
 * ubl - an invoice or credit note as the electronic invoices of EN 16931 see it: lines, charges, allowances, one tax, totals
 *
 * Read from a document and made to add up in the currency of the bill (BR-CO-10 to BR-CO-17); render_ubl.c writes it as UBL 2.1. A credit
 * note has the amounts of its document with the opposite sign. Nothing here is part of what was signed.
 */
#ifndef REPORTS_UBL_H
#define REPORTS_UBL_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/utc.h"
#include "reports/document.h"

/** Texts are borrowed from the document. */
typedef struct UblLine {
    const char *name;
    Json *usage; /* the line of the document; NULL: an item of its statement */
    mpq_t quantity, unit_price, amount;
    mpq_t fee;      /* beside quantity times price: a charge of the line, an allowance where it is negative */
    mpq_t rounding; /* likewise, where the amount was rounded in a currency of greater units; else 0 */
} UblLine;

/** A charge on the whole document; an allowance where it is negative. Never 0. */
typedef struct UblCharge {
    const char *reason;
    mpq_t amount;
} UblCharge;

typedef struct Ubl {
    const Document *document;
    bool is_credit; /* a CreditNote: what a document takes back */
    const char *currency;
    int scale; /* digits of its amounts */
    mpq_t rate;
    UblLine *lines;
    size_t line_count;
    UblCharge *charges;
    size_t charge_count;
    char category;               /* of tax: S (standard), Z (zero), E (exempt), O (none) */
    const char *percent;         /* "" for O */
    const char *exempt;          /* why, of E and O */
    mpq_t net, tax, total;       /* as they are to be paid */
    const char *payment_note;    /* "" none */
    char due_on[UTC_TEXT_BYTES]; /* "" not said */
    const char *seller_country, *buyer_country;
    char countries[2][3];
} Ubl;

/** Make it of a final document. Freed with ubl_free(), once, in any case. ERR_INPUT names what the tenant's contract has to say, ERR_RANGE
 *  (what EN 16931 cannot hold), ERR_NOMEM. */
MUST_CHECK bool ubl_make(Ubl *self, const Document *document, const Look *look, Err *err);
void ubl_free(Ubl *self);

#endif
