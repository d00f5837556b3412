/**
 * ubl_writer - elements of an electronic invoice, one after the other, as XML
 *
 * The first failure stays (`failed`, and its reason in `err`); what follows is not written. Names are qualified ("cbc:ID") and borrowed for the call.
 */
#ifndef REPORTS_UBL_WRITER_H
#define REPORTS_UBL_WRITER_H

#include <gmp.h>
#include <libxml/xmlwriter.h>
#include <stdbool.h>

#include "lib/err.h"
#include "reports/ubl.h"

typedef struct UblWriter {
    xmlTextWriter *xml;
    const Ubl *ubl;
    Err *err;
    bool failed;
} UblWriter;

/** Take the result of a call of libxml: below 0 is a failure, ERR_NOMEM. */
void ubl_note(UblWriter *self, int result);

void ubl_begin(UblWriter *self, const char *name);
void ubl_end(UblWriter *self);
void ubl_attribute(UblWriter *self, const char *name, const char *value);
/** Text, without the control characters that XML cannot hold. */
void ubl_content(UblWriter *self, const char *text);

/** An element that holds text alone. */
void ubl_element(UblWriter *self, const char *name, const char *text);
/** The same, but none where there is no text. */
void ubl_given(UblWriter *self, const char *name, const char *text);
/** An element of a number with an attribute (`key` NULL: none). Takes the digits; NULL, where they could not be made, is a failure. */
void ubl_number(UblWriter *self, const char *name, const char *key, const char *value, char *digits);
/** An amount in the document's currency and digits. */
void ubl_amount(UblWriter *self, const char *name, const mpq_t value);
/** The day of a point in time in RFC 3339. */
void ubl_day(UblWriter *self, const char *name, const char *text);
/** cac:TaxScheme: VAT, or TAX for another number of the seller. */
void ubl_tax_scheme(UblWriter *self, const char *id);

/** The seller or buyer under the element `role`; `code` is its country, ISO 3166-1. */
void ubl_write_party(UblWriter *self, const char *role, Json *party, const char *code, bool is_seller);

#endif
