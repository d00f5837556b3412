/* An invoice as UBL 2.1 (Invoice or CreditNote), after EN 16931; ubl.h makes its figures add up. Elements stand in the order of the schema. */
#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/harmless.h"
#include "reports/ubl.h"

#define NAMESPACE(name) "urn:oasis:names:specification:ubl:schema:xsd:" name "-2"

static const char CUSTOMIZATION[] = "urn:cen.eu:en16931:2017";
static const char PROFILE[] = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0";

enum { PLACE_BYTES = 512, NOTE_BYTES = 512 };

typedef struct Writer {
    xmlTextWriter *xml;
    const Ubl *ubl;
    Err *err;
    bool failed; /* the first failure stays; what follows is not written */
} Writer;

/* ---- elements ---- */

static void
note(Writer *self, int result)
{
    if (result < 0 && !self->failed) {
        self->failed = true;
        err_set(self->err, ERR_NOMEM, "no memory for an electronic invoice");
    }
}

static void
begin(Writer *self, const char *name)
{
    if (!self->failed)
        note(self, xmlTextWriterStartElement(self->xml, (const xmlChar *) name));
}

static void
end(Writer *self)
{
    if (!self->failed)
        note(self, xmlTextWriterEndElement(self->xml));
}

static void
attribute(Writer *self, const char *name, const char *value)
{
    if (!self->failed)
        note(self, xmlTextWriterWriteAttribute(self->xml, (const xmlChar *) name, (const xmlChar *) value));
}

/* XML holds no control characters at all. */
static void
content(Writer *self, const char *text)
{
    Buffer harmless = {0};
    if (!self->failed && !text_append_harmless(&harmless, text, self->err))
        self->failed = true;
    if (!self->failed && harmless.length > 0)
        note(self, xmlTextWriterWriteString(self->xml, (const xmlChar *) harmless.data));
    buffer_free(&harmless);
}

static void
element(Writer *self, const char *name, const char *text)
{
    begin(self, name);
    content(self, text);
    end(self);
}

/* The same, but none where there is no text. */
static void
given(Writer *self, const char *name, const char *text)
{
    if (text[0] != '\0')
        element(self, name, text);
}

/* Takes the digits, NULL where they could not be made. */
static void
number(Writer *self, const char *name, const char *key, const char *value, char *digits)
{
    if (digits == NULL)
        self->failed = true;
    begin(self, name);
    if (key != NULL)
        attribute(self, key, value);
    if (digits != NULL)
        content(self, digits);
    end(self);
    free(digits);
}

static void
amount(Writer *self, const char *name, const mpq_t value)
{
    number(self, name, "currencyID", self->ubl->currency,
           decimal_format(value, self->ubl->scale, ROUND_HALF_UP, self->err));
}

static void
day(Writer *self, const char *name, const char *text)
{
    char out[UTC_TEXT_BYTES];
    snprintf(out, sizeof(out), "%.10s", text);
    element(self, name, out);
}

/* ---- parties ---- */

static void
country(Writer *self, const char *code)
{
    begin(self, "cac:Country");
    element(self, "cbc:IdentificationCode", code);
    end(self);
}

static void
postal_address(Writer *self, Json *party, const char *code)
{
    Json *address = json_member(party, "address");
    size_t count = json_object_is_type(address, json_type_array) ? json_object_array_length(address) : 0;
    begin(self, "cac:PostalAddress");
    for (size_t i = 0; i < count && i < 2; i++)
        element(self, i == 0 ? "cbc:StreetName" : "cbc:AdditionalStreetName",
                json_object_get_string(json_object_array_get_idx(address, i)));
    given(self, "cbc:CityName", document_member(party, "city"));
    given(self, "cbc:PostalZone", document_member(party, "postal_code"));
    for (size_t i = 2; i < count && i < 3; i++) {
        begin(self, "cac:AddressLine");
        element(self, "cbc:Line", json_object_get_string(json_object_array_get_idx(address, i)));
        end(self);
    }
    country(self, code);
    end(self);
}

/* A VAT number begins with the letters of its country; another number of the seller is a tax registration of its own kind. */
static bool
is_vat_number(const char *tax_id, const char *code)
{
    return strncmp(tax_id, strcmp(code, "GR") == 0 ? "EL" : code, 2) == 0;
}

static void
tax_scheme(Writer *self, const char *id)
{
    begin(self, "cac:TaxScheme");
    element(self, "cbc:ID", id);
    end(self);
}

/* What is not subject to VAT may name no VAT number. */
static void
party_tax(Writer *self, const char *tax_id, const char *code, bool is_seller)
{
    bool is_vat = is_vat_number(tax_id, code);
    if (tax_id[0] == '\0' || self->ubl->category == 'O' || (!is_vat && !is_seller))
        return;
    begin(self, "cac:PartyTaxScheme");
    element(self, "cbc:CompanyID", tax_id);
    tax_scheme(self, is_vat ? "VAT" : "TAX");
    end(self);
}

static void
write_party(Writer *self, const char *role, Json *party, const char *code, bool is_seller)
{
    const char *tax_id = document_member(party, "tax_id");
    const char *registration = document_member(party, "registration");
    const char *email = document_member(party, "email");
    begin(self, role);
    begin(self, "cac:Party");
    if (email[0] != '\0') {
        begin(self, "cbc:EndpointID");
        attribute(self, "schemeID", "EM");
        content(self, email);
        end(self);
    }
    begin(self, "cac:PartyName");
    element(self, "cbc:Name", document_member(party, "name"));
    end(self);
    postal_address(self, party, code);
    party_tax(self, tax_id, code, is_seller);
    begin(self, "cac:PartyLegalEntity");
    element(self, "cbc:RegistrationName", document_member(party, "name"));
    given(self, "cbc:CompanyID", registration[0] != '\0' ? registration : self->ubl->category == 'O' ? tax_id : "");
    end(self);
    if (email[0] != '\0') {
        begin(self, "cac:Contact");
        element(self, "cbc:ElectronicMail", email);
        end(self);
    }
    end(self);
    end(self);
}

/* ---- tax, charges, totals ---- */

static void
tax_category(Writer *self, const char *name, bool with_reason)
{
    const Ubl *ubl = self->ubl;
    const char id[] = {ubl->category, '\0'};
    begin(self, name);
    element(self, "cbc:ID", id);
    given(self, "cbc:Percent", ubl->percent);
    if (with_reason)
        given(self, "cbc:TaxExemptionReason", ubl->exempt);
    tax_scheme(self, "VAT");
    end(self);
}

/* An amount that is added, or taken off where it is negative. `taxed`: it is one on the whole document. */
static void
write_charge(Writer *self, const char *reason, const mpq_t value, bool taxed)
{
    mpq_t size;
    mpq_init(size);
    mpq_abs(size, value);
    begin(self, "cac:AllowanceCharge");
    element(self, "cbc:ChargeIndicator", mpq_sgn(value) > 0 ? "true" : "false");
    element(self, "cbc:AllowanceChargeReason", reason);
    amount(self, "cbc:Amount", size);
    if (taxed)
        tax_category(self, "cac:TaxCategory", false);
    end(self);
    mpq_clear(size);
}

static void
write_tax(Writer *self)
{
    begin(self, "cac:TaxTotal");
    amount(self, "cbc:TaxAmount", self->ubl->tax);
    begin(self, "cac:TaxSubtotal");
    amount(self, "cbc:TaxableAmount", self->ubl->net);
    amount(self, "cbc:TaxAmount", self->ubl->tax);
    tax_category(self, "cac:TaxCategory", true);
    end(self);
    end(self);
}

static void
write_totals(Writer *self)
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
    begin(self, "cac:LegalMonetaryTotal");
    amount(self, "cbc:LineExtensionAmount", lines);
    amount(self, "cbc:TaxExclusiveAmount", ubl->net);
    amount(self, "cbc:TaxInclusiveAmount", ubl->total);
    if (mpq_sgn(allowances) != 0)
        amount(self, "cbc:AllowanceTotalAmount", allowances);
    if (mpq_sgn(charges) != 0)
        amount(self, "cbc:ChargeTotalAmount", charges);
    amount(self, "cbc:PayableAmount", ubl->total);
    end(self);
    mpq_clears(lines, allowances, charges, NULL);
}

/* ---- lines ---- */

static void
property(Writer *self, const char *name, const char *value)
{
    if (value[0] == '\0')
        return;
    begin(self, "cac:AdditionalItemProperty");
    element(self, "cbc:Name", name);
    element(self, "cbc:Value", value);
    end(self);
}

static void
write_item(Writer *self, const UblLine *line)
{
    Json *usage = line->usage;
    char place[PLACE_BYTES];
    snprintf(place, sizeof(place), "%s, %s, %s", document_member(usage, "region"),
             document_member(usage, "architecture"), document_member(usage, "mode"));
    begin(self, "cac:Item");
    if (usage != NULL)
        element(self, "cbc:Description", place);
    element(self, "cbc:Name", line->name);
    if (usage != NULL) {
        begin(self, "cac:SellersItemIdentification");
        element(self, "cbc:ID", document_member(usage, "sku"));
        end(self);
    }
    tax_category(self, "cac:ClassifiedTaxCategory", false);
    property(self, "unit", document_member(usage, "unit"));
    property(self, "quantity used", document_member(usage, "quantity"));
    property(self, "quantity free", document_member(usage, "free_quantity"));
    property(self, "tier", document_member(usage, "tier"));
    end(self);
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
write_price(Writer *self, const UblLine *line)
{
    mpq_t price, base;
    mpq_inits(price, base, NULL);
    mpq_set_ui(base, base_of(line->unit_price), 1);
    mpq_mul(price, line->unit_price, base);
    begin(self, "cac:Price");
    number(self, "cbc:PriceAmount", "currencyID", self->ubl->currency, decimal_format_exact(price, self->err));
    number(self, "cbc:BaseQuantity", "unitCode", "C62", decimal_format_exact(base, self->err));
    end(self);
    mpq_clears(price, base, NULL);
}

static void
write_line(Writer *self, const UblLine *line, size_t ordinal)
{
    char id[24];
    const bool is_credit = self->ubl->is_credit;
    snprintf(id, sizeof(id), "%zu", ordinal);
    begin(self, is_credit ? "cac:CreditNoteLine" : "cac:InvoiceLine");
    element(self, "cbc:ID", id);
    number(self, is_credit ? "cbc:CreditedQuantity" : "cbc:InvoicedQuantity", "unitCode", "C62",
           decimal_format_exact(line->quantity, self->err));
    amount(self, "cbc:LineExtensionAmount", line->amount);
    if (mpq_sgn(line->fee) != 0)
        write_charge(self, "Fee", line->fee, false);
    if (mpq_sgn(line->rounding) != 0)
        write_charge(self, "Rounding", line->rounding, false);
    write_item(self, line);
    write_price(self, line);
    end(self);
}

/* ---- the document ---- */

static void
write_head(Writer *self)
{
    const Ubl *ubl = self->ubl;
    char digest[NOTE_BYTES];
    snprintf(digest, sizeof(digest), "SHA-256 of the canonical document: %s", ubl->document->sha256);
    element(self, "cbc:CustomizationID", CUSTOMIZATION);
    element(self, "cbc:ProfileID", PROFILE);
    element(self, "cbc:ID", ubl->document->number);
    element(self, "cbc:IssueDate", ubl->document->issued_on);
    if (!ubl->is_credit)
        given(self, "cbc:DueDate", ubl->due_on);
    element(self, ubl->is_credit ? "cbc:CreditNoteTypeCode" : "cbc:InvoiceTypeCode", ubl->is_credit ? "381" : "380");
    given(self, "cbc:Note", ubl->document->reason);
    element(self, "cbc:Note", digest);
    element(self, "cbc:DocumentCurrencyCode", ubl->currency);
    given(self, "cbc:BuyerReference",
          ubl->document->purchase_order[0] != '\0' ? ubl->document->purchase_order : ubl->document->tenant);
}

/* The last day belongs to the period here, its end to the next one in ours. */
static void
write_references(Writer *self)
{
    const Document *document = self->ubl->document;
    int64_t end_us = 0;
    char last[UTC_TEXT_BYTES];
    if (!utc_parse(text_of(document->period_end), &end_us, self->err))
        self->failed = true;
    begin(self, "cac:InvoicePeriod");
    day(self, "cbc:StartDate", document->period_start);
    element(self, "cbc:EndDate", utc_format_day(end_us - 1, last));
    end(self);
    if (document->purchase_order[0] != '\0') {
        begin(self, "cac:OrderReference");
        element(self, "cbc:ID", document->purchase_order);
        end(self);
    }
    if (document->refers_to[0] != '\0') {
        begin(self, "cac:BillingReference");
        begin(self, "cac:InvoiceDocumentReference");
        element(self, "cbc:ID", document->refers_to);
        end(self);
        end(self);
    }
    if (document->contract_name[0] != '\0') {
        begin(self, "cac:ContractDocumentReference");
        element(self, "cbc:ID", document->contract_name);
        end(self);
    }
}

static void
write_payment(Writer *self, Json *seller)
{
    const char *iban = document_member(seller, "iban");
    if (iban[0] != '\0') {
        begin(self, "cac:PaymentMeans");
        element(self, "cbc:PaymentMeansCode", "30"); /* credit transfer */
        element(self, "cbc:PaymentID", self->ubl->document->number);
        begin(self, "cac:PayeeFinancialAccount");
        element(self, "cbc:ID", iban);
        end(self);
        end(self);
    }
    if (self->ubl->payment_note[0] != '\0') {
        begin(self, "cac:PaymentTerms");
        element(self, "cbc:Note", self->ubl->payment_note);
        end(self);
    }
}

static void
write_document(Writer *self)
{
    const Ubl *ubl = self->ubl;
    Json *contract = json_member(ubl->document->json, "contract");
    Json *seller = json_member(contract, "seller");
    note(self, xmlTextWriterSetIndent(self->xml, 1));
    note(self, xmlTextWriterStartDocument(self->xml, "1.0", "UTF-8", NULL));
    begin(self, ubl->is_credit ? "CreditNote" : "Invoice");
    attribute(self, "xmlns", ubl->is_credit ? NAMESPACE("CreditNote") : NAMESPACE("Invoice"));
    attribute(self, "xmlns:cac", NAMESPACE("CommonAggregateComponents"));
    attribute(self, "xmlns:cbc", NAMESPACE("CommonBasicComponents"));
    write_head(self);
    write_references(self);
    write_party(self, "cac:AccountingSupplierParty", seller, ubl->seller_country, true);
    write_party(self, "cac:AccountingCustomerParty", json_member(contract, "buyer"), ubl->buyer_country, false);
    write_payment(self, seller);
    for (size_t i = 0; i < ubl->charge_count; i++)
        write_charge(self, ubl->charges[i].reason, ubl->charges[i].amount, true);
    write_tax(self);
    write_totals(self);
    for (size_t i = 0; i < ubl->line_count; i++)
        write_line(self, &ubl->lines[i], i + 1);
    end(self);
    note(self, xmlTextWriterEndDocument(self->xml));
}

static bool
render_one(const Document *document, const Look *look, Buffer *out, Err *err)
{
    Ubl ubl;
    bool done = ubl_make(&ubl, document, look, err);
    xmlBuffer *bytes = done ? xmlBufferCreate() : NULL;
    Writer writer = {.xml = bytes == NULL ? NULL : xmlNewTextWriterMemory(bytes, 0), .ubl = &ubl, .err = err};
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
