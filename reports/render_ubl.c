/* An invoice as UBL 2.1 (Invoice or CreditNote), after EN 16931; ubl.h makes its figures add up. Elements stand in the order of the schema. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/ubl_writer.h"

#define NAMESPACE(name) "urn:oasis:names:specification:ubl:schema:xsd:" name "-2"

static const char CUSTOMIZATION[] = "urn:cen.eu:en16931:2017";
static const char PROFILE[] = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0";

enum { PLACE_BYTES = 512, NOTE_BYTES = 512 };

/* ---- tax, charges, totals ---- */

static void
tax_category(UblWriter *self, const char *name, bool with_reason)
{
    const Ubl *ubl = self->ubl;
    const char id[] = {ubl->category, '\0'};
    ubl_begin(self, name);
    ubl_element(self, "cbc:ID", id);
    ubl_given(self, "cbc:Percent", ubl->percent);
    if (with_reason)
        ubl_given(self, "cbc:TaxExemptionReason", ubl->exempt);
    ubl_tax_scheme(self, "VAT");
    ubl_end(self);
}

/* An amount that is added, or taken off where it is negative. `taxed`: it is one on the whole document. */
static void
write_charge(UblWriter *self, const char *reason, const mpq_t value, bool taxed)
{
    mpq_t size;
    mpq_init(size);
    mpq_abs(size, value);
    ubl_begin(self, "cac:AllowanceCharge");
    ubl_element(self, "cbc:ChargeIndicator", mpq_sgn(value) > 0 ? "true" : "false");
    ubl_element(self, "cbc:AllowanceChargeReason", reason);
    ubl_amount(self, "cbc:Amount", size);
    if (taxed)
        tax_category(self, "cac:TaxCategory", false);
    ubl_end(self);
    mpq_clear(size);
}

static void
write_tax(UblWriter *self)
{
    ubl_begin(self, "cac:TaxTotal");
    ubl_amount(self, "cbc:TaxAmount", self->ubl->tax);
    ubl_begin(self, "cac:TaxSubtotal");
    ubl_amount(self, "cbc:TaxableAmount", self->ubl->net);
    ubl_amount(self, "cbc:TaxAmount", self->ubl->tax);
    tax_category(self, "cac:TaxCategory", true);
    ubl_end(self);
    ubl_end(self);
}

static void
write_totals(UblWriter *self)
{
    const Ubl *ubl = self->ubl;
    mpq_t lines, allowances, charges;
    mpq_inits(lines, allowances, charges, NULL);
    for (size_t i = 0; i < ubl->line_count; i++)
        mpq_add(lines, lines, ubl->lines[i].amount);
    for (size_t i = 0; i < ubl->charge_count; i++) {
        if (mpq_sgn(ubl->charges[i].amount) > 0)
            mpq_add(charges, charges, ubl->charges[i].amount);
        else
            mpq_sub(allowances, allowances, ubl->charges[i].amount);
    }
    ubl_begin(self, "cac:LegalMonetaryTotal");
    ubl_amount(self, "cbc:LineExtensionAmount", lines);
    ubl_amount(self, "cbc:TaxExclusiveAmount", ubl->net);
    ubl_amount(self, "cbc:TaxInclusiveAmount", ubl->total);
    if (mpq_sgn(allowances) != 0)
        ubl_amount(self, "cbc:AllowanceTotalAmount", allowances);
    if (mpq_sgn(charges) != 0)
        ubl_amount(self, "cbc:ChargeTotalAmount", charges);
    ubl_amount(self, "cbc:PayableAmount", ubl->total);
    ubl_end(self);
    mpq_clears(lines, allowances, charges, NULL);
}

/* ---- lines ---- */

static void
property(UblWriter *self, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    ubl_begin(self, "cac:AdditionalItemProperty");
    ubl_element(self, "cbc:Name", name);
    ubl_element(self, "cbc:Value", value);
    ubl_end(self);
}

static void
write_item(UblWriter *self, const UblLine *line)
{
    Json *usage = line->usage;
    char place[PLACE_BYTES];
    snprintf(place, sizeof(place), "%s, %s, %s", document_member(usage, "region"),
             document_member(usage, "architecture"), document_member(usage, "mode"));
    ubl_begin(self, "cac:Item");
    if (usage != NULL)
        ubl_element(self, "cbc:Description", place);
    ubl_element(self, "cbc:Name", line->name);
    if (usage != NULL) {
        ubl_begin(self, "cac:SellersItemIdentification");
        ubl_element(self, "cbc:ID", document_member(usage, "sku"));
        ubl_end(self);
    }
    tax_category(self, "cac:ClassifiedTaxCategory", false);
    property(self, "unit", document_member(usage, "unit"));
    property(self, "quantity used", document_member(usage, "quantity"));
    property(self, "quantity free", document_member(usage, "free_quantity"));
    property(self, "tier", document_member(usage, "tier"));
    ubl_end(self);
}

/* So many units at a time that the price is one to read: 0.0000002 a request is 0.2 a million. */
static unsigned long
base_of(const mpq_t unit_price)
{
    static const unsigned long bases[] = {1, 1000, 1000000};
    mpq_t limit;
    unsigned long base = 1;
    mpq_init(limit);
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        base = bases[i];
        mpq_set_ui(limit, 1, 100 * base);
        mpq_canonicalize(limit);
        if (mpq_sgn(unit_price) == 0 || mpq_cmp(unit_price, limit) >= 0)
            break;
    }
    mpq_clear(limit);
    return base;
}

static void
write_price(UblWriter *self, const UblLine *line)
{
    mpq_t price, base;
    mpq_inits(price, base, NULL);
    mpq_set_ui(base, base_of(line->unit_price), 1);
    mpq_mul(price, line->unit_price, base);
    ubl_begin(self, "cac:Price");
    ubl_number(self, "cbc:PriceAmount", "currencyID", self->ubl->currency, decimal_format_exact(price, self->err));
    ubl_number(self, "cbc:BaseQuantity", "unitCode", "C62", decimal_format_exact(base, self->err));
    ubl_end(self);
    mpq_clears(price, base, NULL);
}

static void
write_line(UblWriter *self, const UblLine *line, size_t ordinal)
{
    char id[24];
    const bool is_credit = self->ubl->is_credit;
    snprintf(id, sizeof(id), "%zu", ordinal);
    ubl_begin(self, is_credit ? "cac:CreditNoteLine" : "cac:InvoiceLine");
    ubl_element(self, "cbc:ID", id);
    ubl_number(self, is_credit ? "cbc:CreditedQuantity" : "cbc:InvoicedQuantity", "unitCode", "C62",
               decimal_format_exact(line->quantity, self->err));
    ubl_amount(self, "cbc:LineExtensionAmount", line->amount);
    if (mpq_sgn(line->fee) != 0)
        write_charge(self, "Fee", line->fee, false);
    if (mpq_sgn(line->rounding) != 0)
        write_charge(self, "Rounding", line->rounding, false);
    write_item(self, line);
    write_price(self, line);
    ubl_end(self);
}

/* ---- the document ---- */

static void
write_head(UblWriter *self)
{
    const Ubl *ubl = self->ubl;
    char digest[NOTE_BYTES];
    snprintf(digest, sizeof(digest), "SHA-256 of the canonical document: %s", ubl->document->sha256);
    ubl_element(self, "cbc:CustomizationID", CUSTOMIZATION);
    ubl_element(self, "cbc:ProfileID", PROFILE);
    ubl_element(self, "cbc:ID", ubl->document->number);
    ubl_element(self, "cbc:IssueDate", ubl->document->issued_on);
    if (!ubl->is_credit)
        ubl_given(self, "cbc:DueDate", ubl->due_on);
    ubl_element(self, ubl->is_credit ? "cbc:CreditNoteTypeCode" : "cbc:InvoiceTypeCode",
                ubl->is_credit ? "381" : "380");
    ubl_given(self, "cbc:Note", ubl->document->reason);
    ubl_element(self, "cbc:Note", digest);
    ubl_element(self, "cbc:DocumentCurrencyCode", ubl->currency);
    ubl_given(self, "cbc:BuyerReference",
              ubl->document->purchase_order[0] != '\0' ? ubl->document->purchase_order : ubl->document->tenant);
}

/* The last day belongs to the period here, its end to the next one in ours. */
static void
write_references(UblWriter *self)
{
    const Document *document = self->ubl->document;
    int64_t end_us = 0;
    char last[UTC_TEXT_BYTES];
    if (!utc_parse(text_of(document->period_end), &end_us, self->err))
        self->failed = true;
    ubl_begin(self, "cac:InvoicePeriod");
    ubl_day(self, "cbc:StartDate", document->period_start);
    ubl_element(self, "cbc:EndDate", utc_format_day(end_us - 1, last));
    ubl_end(self);
    if (document->purchase_order[0] != '\0') {
        ubl_begin(self, "cac:OrderReference");
        ubl_element(self, "cbc:ID", document->purchase_order);
        ubl_end(self);
    }
    if (document->refers_to[0] != '\0') {
        ubl_begin(self, "cac:BillingReference");
        ubl_begin(self, "cac:InvoiceDocumentReference");
        ubl_element(self, "cbc:ID", document->refers_to);
        ubl_end(self);
        ubl_end(self);
    }
    if (document->contract_name[0] != '\0') {
        ubl_begin(self, "cac:ContractDocumentReference");
        ubl_element(self, "cbc:ID", document->contract_name);
        ubl_end(self);
    }
}

static void
write_payment(UblWriter *self, Json *seller)
{
    const char *iban = document_member(seller, "iban");
    if (iban[0] != '\0') {
        ubl_begin(self, "cac:PaymentMeans");
        ubl_element(self, "cbc:PaymentMeansCode", "30"); /* credit transfer */
        ubl_element(self, "cbc:PaymentID", self->ubl->document->number);
        ubl_begin(self, "cac:PayeeFinancialAccount");
        ubl_element(self, "cbc:ID", iban);
        ubl_end(self);
        ubl_end(self);
    }
    if (self->ubl->payment_note[0] != '\0') {
        ubl_begin(self, "cac:PaymentTerms");
        ubl_element(self, "cbc:Note", self->ubl->payment_note);
        ubl_end(self);
    }
}

static void
write_document(UblWriter *self)
{
    const Ubl *ubl = self->ubl;
    Json *contract = json_member(ubl->document->json, "contract");
    Json *seller = json_member(contract, "seller");
    ubl_note(self, xmlTextWriterSetIndent(self->xml, 1));
    ubl_note(self, xmlTextWriterStartDocument(self->xml, "1.0", "UTF-8", NULL));
    ubl_begin(self, ubl->is_credit ? "CreditNote" : "Invoice");
    ubl_attribute(self, "xmlns", ubl->is_credit ? NAMESPACE("CreditNote") : NAMESPACE("Invoice"));
    ubl_attribute(self, "xmlns:cac", NAMESPACE("CommonAggregateComponents"));
    ubl_attribute(self, "xmlns:cbc", NAMESPACE("CommonBasicComponents"));
    write_head(self);
    write_references(self);
    ubl_write_party(self, "cac:AccountingSupplierParty", seller, ubl->seller_country, true);
    ubl_write_party(self, "cac:AccountingCustomerParty", json_member(contract, "buyer"), ubl->buyer_country, false);
    write_payment(self, seller);
    for (size_t i = 0; i < ubl->charge_count; i++)
        write_charge(self, ubl->charges[i].reason, ubl->charges[i].amount, true);
    write_tax(self);
    write_totals(self);
    for (size_t i = 0; i < ubl->line_count; i++)
        write_line(self, &ubl->lines[i], i + 1);
    ubl_end(self);
    ubl_note(self, xmlTextWriterEndDocument(self->xml));
}

static bool
render_one(const Document *document, const Look *look, Buffer *out, Err *err)
{
    Ubl ubl;
    bool done = ubl_make(&ubl, document, look, err);
    xmlBuffer *bytes = done ? xmlBufferCreate() : NULL;
    UblWriter writer = {.xml = bytes == NULL ? NULL : xmlNewTextWriterMemory(bytes, 0), .ubl = &ubl, .err = err};
    if (done && writer.xml == NULL)
        done = err_set(err, ERR_NOMEM, "no memory for an electronic invoice");
    if (done)
        write_document(&writer);
    done = done && !writer.failed;
    if (writer.xml != NULL)
        xmlFreeTextWriter(writer.xml);
    done = done && buffer_append(out, xmlBufferContent(bytes), (size_t) xmlBufferLength(bytes), err);
    if (bytes != NULL)
        xmlBufferFree(bytes);
    ubl_free(&ubl);
    return done;
}

bool
render_ubl(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err)
{
    if (count != 1) {
        err_set(err, ERR_USAGE, "an electronic invoice is a file of its own, and there are %zu", count);
        return err_hint(err, "write a file each with --output-dir DIR");
    }
    return render_one(documents[0], look, out, err) ||
           err_prefix(err, "%s of tenant %s as UBL: ", documents[0]->is_final ? documents[0]->number : "the preview",
                      documents[0]->tenant);
}
