#include "reports/ubl_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "lib/harmless.h"

void
ubl_note(UblWriter *self, int result)
{
    if (result < 0 && !self->failed) {
        self->failed = true;
        err_set(self->err, ERR_NOMEM, "no memory for an electronic invoice");
    }
}

void
ubl_begin(UblWriter *self, const char *name)
{
    if (!self->failed)
        ubl_note(self, xmlTextWriterStartElement(self->xml, (const xmlChar *) name));
}

void
ubl_end(UblWriter *self)
{
    if (!self->failed)
        ubl_note(self, xmlTextWriterEndElement(self->xml));
}

void
ubl_attribute(UblWriter *self, const char *name, const char *value)
{
    if (!self->failed)
        ubl_note(self, xmlTextWriterWriteAttribute(self->xml, (const xmlChar *) name, (const xmlChar *) value));
}

void
ubl_content(UblWriter *self, const char *text)
{
    Buffer harmless = {0};
    if (!self->failed && !text_append_harmless(&harmless, text, self->err))
        self->failed = true;
    if (!self->failed && harmless.length > 0)
        ubl_note(self, xmlTextWriterWriteString(self->xml, (const xmlChar *) harmless.data));
    buffer_free(&harmless);
}

void
ubl_element(UblWriter *self, const char *name, const char *text)
{
    ubl_begin(self, name);
    ubl_content(self, text);
    ubl_end(self);
}

void
ubl_given(UblWriter *self, const char *name, const char *text)
{
    if (text[0] != '\0')
        ubl_element(self, name, text);
}

void
ubl_number(UblWriter *self, const char *name, const char *key, const char *value, char *digits)
{
    if (digits == NULL)
        self->failed = true;
    ubl_begin(self, name);
    if (key != NULL)
        ubl_attribute(self, key, value);
    if (digits != NULL)
        ubl_content(self, digits);
    ubl_end(self);
    free(digits);
}

void
ubl_amount(UblWriter *self, const char *name, const mpq_t value)
{
    ubl_number(self, name, "currencyID", self->ubl->currency,
               decimal_format(value, self->ubl->scale, ROUND_HALF_UP, self->err));
}

void
ubl_day(UblWriter *self, const char *name, const char *text)
{
    char out[UTC_TEXT_BYTES];
    snprintf(out, sizeof(out), "%.10s", text);
    ubl_element(self, name, out);
}

void
ubl_tax_scheme(UblWriter *self, const char *id)
{
    ubl_begin(self, "cac:TaxScheme");
    ubl_element(self, "cbc:ID", id);
    ubl_end(self);
}
