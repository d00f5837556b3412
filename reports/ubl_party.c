/* The seller and the buyer of an electronic invoice: name, address, tax number, registration, e-mail. */
#include <string.h>

#include "reports/ubl_writer.h"

static void
country(UblWriter *self, const char *code)
{
    ubl_begin(self, "cac:Country");
    ubl_element(self, "cbc:IdentificationCode", code);
    ubl_end(self);
}

static void
postal_address(UblWriter *self, Json *party, const char *code)
{
    Json *address = json_member(party, "address");
    size_t count = json_object_is_type(address, json_type_array) ? json_object_array_length(address) : 0;
    ubl_begin(self, "cac:PostalAddress");
    for (size_t i = 0; i < count && i < 2; i++)
        ubl_element(self, i == 0 ? "cbc:StreetName" : "cbc:AdditionalStreetName",
                    json_object_get_string(json_object_array_get_idx(address, i)));
    ubl_given(self, "cbc:CityName", document_member(party, "city"));
    ubl_given(self, "cbc:PostalZone", document_member(party, "postal_code"));
    for (size_t i = 2; i < count && i < 3; i++) {
        ubl_begin(self, "cac:AddressLine");
        ubl_element(self, "cbc:Line", json_object_get_string(json_object_array_get_idx(address, i)));
        ubl_end(self);
    }
    country(self, code);
    ubl_end(self);
}

/* A VAT number begins with the letters of its country; another number of the seller is a tax registration of its own kind. */
static bool
is_vat_number(const char *tax_id, const char *code)
{
    return strncmp(tax_id, strcmp(code, "GR") == 0 ? "EL" : code, 2) == 0;
}

/* What is not subject to VAT may name no VAT number. */
static void
party_tax(UblWriter *self, const char *tax_id, const char *code, bool is_seller)
{
    bool is_vat = is_vat_number(tax_id, code);
    if (tax_id[0] == '\0' || self->ubl->category == 'O' || (!is_vat && !is_seller))
        return;
    ubl_begin(self, "cac:PartyTaxScheme");
    ubl_element(self, "cbc:CompanyID", tax_id);
    ubl_tax_scheme(self, is_vat ? "VAT" : "TAX");
    ubl_end(self);
}

void
ubl_write_party(UblWriter *self, const char *role, Json *party, const char *code, bool is_seller)
{
    const char *tax_id = document_member(party, "tax_id");
    const char *registration = document_member(party, "registration");
    const char *email = document_member(party, "email");
    ubl_begin(self, role);
    ubl_begin(self, "cac:Party");
    if (email[0] != '\0') {
        ubl_begin(self, "cbc:EndpointID");
        ubl_attribute(self, "schemeID", "EM");
        ubl_content(self, email);
        ubl_end(self);
    }
    ubl_begin(self, "cac:PartyName");
    ubl_element(self, "cbc:Name", document_member(party, "name"));
    ubl_end(self);
    postal_address(self, party, code);
    party_tax(self, tax_id, code, is_seller);
    ubl_begin(self, "cac:PartyLegalEntity");
    ubl_element(self, "cbc:RegistrationName", document_member(party, "name"));
    ubl_given(self, "cbc:CompanyID", registration[0] != '\0' ? registration : self->ubl->category == 'O' ? tax_id : "");
    ubl_end(self);
    if (email[0] != '\0') {
        ubl_begin(self, "cac:Contact");
        ubl_element(self, "cbc:ElectronicMail", email);
        ubl_end(self);
    }
    ubl_end(self);
    ubl_end(self);
}
