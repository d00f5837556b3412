#include "reports/document.h"

#include <stdlib.h>
#include <string.h>

#include "lib/harmless.h"

static const DocumentFormat FORMATS[] = {
    {"text", "txt", render_text, false},  {"json", "json", render_json, false}, {"csv", "csv", render_csv, false},
    {"html", "html", render_html, false}, {"pdf", "pdf", render_pdf, true},     {"ubl", "xml", render_ubl, true},
};

const DocumentFormat *
document_format(const char *name, Err *err)
{
    for (size_t i = 0; i < sizeof(FORMATS) / sizeof(FORMATS[0]); i++)
        if (strcmp(name, FORMATS[i].name) == 0)
            return &FORMATS[i];
    err_set(err, ERR_USAGE, "there is no format '%s'", name);
    err_hint(err, "give one of text, json, csv, html, pdf, ubl");
    return NULL;
}

const char *
document_member(Json *object, const char *key)
{
    Json *value = json_member(object, key);
    Text text;
    if (json_object_is_type(value, json_type_string))
        return json_object_get_string(value);
    return value != NULL && json_number_text(value, &text) ? text.data : "";
}

size_t
document_length(Json *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

/* A member as text: a string's characters, a number's digits, "" where it is absent and may be. */
static bool
take(Json *object, const char *key, bool required, const char **out, Err *err)
{
    Json *value = json_member(object, key);
    *out = "";
    if (value == NULL)
        return !required || err_set(err, ERR_INPUT, "'%s' is missing", key);
    if (json_object_is_type(value, json_type_string)) {
        *out = json_object_get_string(value);
        return strlen(*out) == (size_t) json_object_get_string_len(value) ||
               err_set(err, ERR_INPUT, "'%s' holds a NUL character", key);
    }
    Text digits;
    if (!json_number_text(value, &digits))
        return err_set(err, ERR_INPUT, "'%s' should be text or a number", key);
    *out = digits.data;
    return true;
}

static bool
take_line(Json *line, DocumentLine *out, Err *err)
{
    return take(line, "region", false, &out->region, err) &&
           take(line, "architecture", false, &out->architecture, err) && take(line, "mode", false, &out->mode, err) &&
           take(line, "sku", true, &out->sku, err) && take(line, "tier", false, &out->tier, err) &&
           take(line, "description", true, &out->description, err) &&
           take(line, "quantity", true, &out->quantity, err) &&
           take(line, "free_quantity", false, &out->free_quantity, err) &&
           take(line, "billed_quantity", false, &out->billed_quantity, err) &&
           take(line, "unit", false, &out->unit, err) && take(line, "unit_price", true, &out->unit_price, err) &&
           take(line, "amount", true, &out->amount, err) && take(line, "amount_exact", true, &out->amount_exact, err);
}

static bool
take_function(Json *function, DocumentFunction *out, Err *err)
{
    return take(function, "function", true, &out->name, err) && take(function, "region", false, &out->region, err) &&
           take(function, "architecture", false, &out->architecture, err) &&
           take(function, "memory_mb", false, &out->memory_mb, err) && take(function, "mode", false, &out->mode, err) &&
           take(function, "invocations", true, &out->invocations, err) &&
           take(function, "errors", false, &out->errors, err) &&
           take(function, "timeouts", false, &out->timeouts, err) &&
           take(function, "gb_seconds", false, &out->gb_seconds, err) &&
           take(function, "amount_exact", false, &out->amount_exact, err);
}

static bool
array_length(Json *root, const char *key, Json **array, size_t *length, Err *err)
{
    *array = json_member(root, key);
    if (!json_object_is_type(*array, json_type_array))
        return err_set(err, ERR_INPUT, "'%s' should be an array", key);
    *length = json_object_array_length(*array);
    return true;
}

/* "2026-05-16", or with the time where it is no midnight. */
static int
day_length(const char *time)
{
    const char *clock = strchr(time, 'T');
    return (int) (clock != NULL && strcmp(clock, "T00:00:00Z") == 0 ? (size_t) (clock - time) : strlen(time));
}

static bool
take_hours(Document *self, Err *err)
{
    Json *books = json_member(self->json, "price_books");
    const size_t count =
        books != NULL && json_object_is_type(books, json_type_array) ? json_object_array_length(books) : 0;
    self->hours = calloc(count + 1, sizeof(char *));
    if (self->hours == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an invoice");
    for (; self->hours_count < count; self->hours_count++) {
        Json *book = json_object_array_get_idx(books, self->hours_count);
        const char *from = NULL;
        const char *until = NULL;
        if (!take(book, "from", true, &from, err) || !take(book, "until", true, &until, err))
            return err_prefix(err, "price_books: ");
        if (asprintf(&self->hours[self->hours_count], "%.*s \u2013 %.*s", day_length(from), from, day_length(until),
                     until) < 0) {
            self->hours[self->hours_count] = NULL;
            return err_set(err, ERR_NOMEM, "no memory for an invoice");
        }
    }
    return true;
}

static const char *
hours_of(const Document *self, Json *line)
{
    const int64_t book = json_object_get_int64(json_member(line, "book"));
    return book >= 1 && (uint64_t) book <= self->hours_count ? self->hours[book - 1] : "";
}

static bool
take_lines(Document *self, Err *err)
{
    Json *array;
    size_t length = 0;
    if (!array_length(self->json, "lines", &array, &length, err))
        return false;
    self->lines = calloc(length + 1, sizeof(*self->lines));
    if (self->lines == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an invoice");
    for (; self->line_count < length; self->line_count++) {
        Json *line = json_object_array_get_idx(array, self->line_count);
        if (!take_line(line, &self->lines[self->line_count], err))
            return err_prefix(err, "line %zu: ", self->line_count + 1);
        self->lines[self->line_count].hours = hours_of(self, line);
    }
    return true;
}

static bool
take_functions(Document *self, Err *err)
{
    Json *array;
    size_t length = 0;
    if (!array_length(self->json, "functions", &array, &length, err))
        return false;
    self->functions = calloc(length + 1, sizeof(*self->functions));
    if (self->functions == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an invoice");
    for (; self->function_count < length; self->function_count++)
        if (!take_function(json_object_array_get_idx(array, self->function_count),
                           &self->functions[self->function_count], err))
            return err_prefix(err, "function %zu: ", self->function_count + 1);
    return true;
}

const char *
document_seals_word(const Document *self)
{
    return strcmp(self->evidence_seals, "1") == 0 ? "seal" : "seals";
}

/* Documents of before seals have none. */
static bool
take_evidence(Document *self, Err *err)
{
    Json *evidence = json_member(self->json, "evidence");
    self->evidence_root = self->evidence_head = self->evidence_seals = "";
    self->evidence_public_key = self->evidence_signature = "";
    return evidence == NULL || (take(evidence, "root", true, &self->evidence_root, err) &&
                                take(evidence, "head", true, &self->evidence_head, err) &&
                                take(evidence, "seals", true, &self->evidence_seals, err) &&
                                take(evidence, "public_key", true, &self->evidence_public_key, err) &&
                                take(evidence, "signature", true, &self->evidence_signature, err));
}

static bool
take_kind(Document *self, Json *head, Err *err)
{
    static const char *const kinds[][2] = {{"invoice", "Invoice"}, {"credit_note", "Credit note"}, {"void", "Void"}};
    Json *other = json_member(head, "refers_to");
    self->refers_to = "";
    if (!take(head, "kind", false, &self->kind, err) || !take(head, "reason", false, &self->reason, err) ||
        (other != NULL && !take(other, "number", true, &self->refers_to, err)))
        return false;
    if (self->kind[0] == '\0')
        self->kind = kinds[0][0];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        self->kind_title = kinds[i][1];
        if (strcmp(self->kind, kinds[i][0]) == 0)
            return true;
    }
    return err_set(err, ERR_INPUT, "'kind' should be invoice, credit_note or void");
}

static bool
take_head(Document *self, Err *err)
{
    Json *head = json_member(self->json, "invoice");
    Json *book = json_member(self->json, "price_book");
    Json *free_tier = json_member(self->json, "free_tier");
    if (!json_object_is_type(head, json_type_object) || !json_object_is_type(book, json_type_object))
        return err_set(err, ERR_INPUT, "'invoice' or 'price_book' is missing");
    if (!take_kind(self, head, err) || !take(head, "number", false, &self->number, err) ||
        !take(head, "state", true, &self->state, err) || !take(head, "tenant", true, &self->tenant, err) ||
        !take(head, "account", false, &self->account, err) ||
        !take(head, "period_start", true, &self->period_start, err) ||
        !take(head, "period_end", true, &self->period_end, err) || !take(head, "month", false, &self->month, err) ||
        !take(head, "receipt_watermark", false, &self->receipt_watermark, err) ||
        !take(self->json, "currency", true, &self->currency, err) || !take(book, "name", true, &self->book_name, err) ||
        !take(book, "version", false, &self->book_version, err) ||
        !take(book, "sha256", true, &self->book_sha256, err) ||
        !take(self->json, "subtotal", true, &self->subtotal, err) ||
        !take(self->json, "total", true, &self->total, err))
        return false;
    if (self->month[0] == '\0') /* a UTC month */
        self->month = self->period_start;
    Json *rounding = json_member(self->json, "rounding");
    self->rounding = rounding == NULL ? ""
                     : json_object_is_type(rounding, json_type_string)
                         ? json_object_get_string(rounding)
                         : json_object_to_json_string_ext(rounding, JSON_C_TO_STRING_PLAIN);
    self->is_final = strcmp(self->state, "final") == 0;
    self->free_tier = json_object_is_type(free_tier, json_type_boolean) && !json_object_get_boolean(free_tier)
                          ? "not applied"
                          : "applied, shared by the account";
    return true;
}

/* A part and what separates it from the one before, where there is one. */
static bool
append_given(Buffer *text, const char *between, const char *part, Err *err)
{
    return part[0] == '\0' ||
           (buffer_append_text(text, text->length > 0 ? between : "", err) && text_append_harmless(text, part, err));
}

/* "Name, 1 Main St, 10115 Berlin, DE, DE123", or with lines between the parts: a buyer or seller. */
static bool
party_text(Json *party, const char *between, Buffer *text, Err *err)
{
    Json *address = json_member(party, "address");
    size_t lines = json_object_is_type(address, json_type_array) ? json_object_array_length(address) : 0;
    const char *name = "";
    const char *postal_code = document_member(party, "postal_code");
    bool done = take(party, "name", true, &name, err) && append_given(text, between, name, err);
    for (size_t i = 0; done && i < lines; i++)
        done = append_given(text, between, json_object_get_string(json_object_array_get_idx(address, i)), err);
    if (!done || !append_given(text, between, postal_code, err) ||
        !append_given(text, postal_code[0] != '\0' ? " " : between, document_member(party, "city"), err) ||
        !append_given(text, ", ", document_member(party, "country"), err) ||
        !append_given(text, between, document_member(party, "tax_id"), err) ||
        !append_given(text, between, document_member(party, "registration"), err))
        return false;
    const char *iban = document_member(party, "iban");
    return iban[0] == '\0' || (buffer_append_text(text, between, err) && buffer_append_text(text, "IBAN ", err) &&
                               text_append_harmless(text, iban, err));
}

static bool
take_party_as(Json *party, const char *between, char **out, Err *err)
{
    Buffer text = {0};
    bool done = party == NULL || party_text(party, between, &text, err);
    *out = done ? text_duplicate(buffer_text(&text)) : NULL;
    buffer_free(&text);
    return done && (*out != NULL || err_set(err, ERR_NOMEM, "no memory for an invoice"));
}

static bool
take_party(Json *contract, const char *key, char **line, char **lines, Err *err)
{
    Json *party = json_member(contract, key);
    return take_party_as(party, ", ", line, err) && take_party_as(party, "\n", lines, err);
}

static bool
take_payable(Document *self, Err *err)
{
    Json *payable = json_member(self->json, "payable");
    if (payable == NULL || json_member(payable, "rate") == NULL)
        return true;
    return take(payable, "currency", true, &self->payable_currency, err) &&
           take(payable, "total", true, &self->payable_total, err) &&
           take(payable, "rate", true, &self->payable_rate, err);
}

static bool
take_item(Json *item, DocumentItem *out, Err *err)
{
    return take(item, "kind", true, &out->kind, err) && take(item, "name", false, &out->name, err) &&
           take(item, "description", true, &out->description, err) && take(item, "amount", true, &out->amount, err) &&
           take(item, "amount_exact", true, &out->amount_exact, err);
}

/* The first item is the sum of the lines, which the subtotal is too. */
static bool
take_items(Document *self, Err *err)
{
    Json *array;
    size_t length = 0;
    if (!array_length(self->json, "statement", &array, &length, err))
        return false;
    self->items = calloc(length + 1, sizeof(*self->items));
    if (self->items == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an invoice");
    for (; self->item_count + 1 < length; self->item_count++)
        if (!take_item(json_object_array_get_idx(array, self->item_count + 1), &self->items[self->item_count], err))
            return err_prefix(err, "item %zu: ", self->item_count + 2);
    return true;
}

static bool
take_contract(Document *self, Err *err)
{
    Json *contract = json_member(self->json, "contract");
    self->contract_name = self->contract_version = self->contract_sha256 = self->purchase_order = "";
    self->payment_terms = self->language = "";
    self->payable_currency = self->payable_total = self->payable_rate = "";
    return take_party(contract, "seller", &self->seller, &self->seller_lines, err) &&
           take_party(contract, "buyer", &self->buyer, &self->buyer_lines, err) &&
           (contract == NULL || (take(contract, "name", true, &self->contract_name, err) &&
                                 take(contract, "version", true, &self->contract_version, err) &&
                                 take(contract, "sha256", true, &self->contract_sha256, err) &&
                                 take(contract, "purchase_order", false, &self->purchase_order, err) &&
                                 take(contract, "payment_terms", false, &self->payment_terms, err) &&
                                 take(contract, "language", false, &self->language, err))) &&
           (json_member(self->json, "statement") == NULL || (take_items(self, err) && take_payable(self, err)));
}

static bool
document_read(Document *self, Text text, Err *err)
{
    self->source = text_duplicate(text);
    if (self->source == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an invoice");
    Digest digest = digest_of(text.data, text.length);
    digest_hex(&digest, self->sha256);
    self->json = json_parse(text, err);
    if (self->json == NULL || !take_head(self, err) || !take_evidence(self, err) || !take_hours(self, err) ||
        !take_lines(self, err) || !take_functions(self, err) || !take_contract(self, err))
        return err_prefix(err, "invoice document: ");
    return true;
}

Document *
document_parse(Text text, Err *err)
{
    Document *self = calloc(1, sizeof(*self));
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory for an invoice");
    else if (!document_read(self, text, err))
        document_free(&self);
    return self;
}

void
document_issued(Document *self, int64_t issued_at_us)
{
    self->issued_at_us = issued_at_us;
    utc_format_day(issued_at_us, self->issued_on);
    Json *days = json_member(json_member(self->json, "contract"), "payment_days");
    if (days != NULL)
        utc_format_day(issued_at_us + json_object_get_int(days) * UTC_DAY_US, self->due_on);
}

void
document_free(Document **self)
{
    if (*self == NULL)
        return;
    free((*self)->source);
    for (size_t i = 0; i < (*self)->hours_count; i++)
        free((*self)->hours[i]);
    free((*self)->hours);
    free((*self)->lines);
    free((*self)->functions);
    free((*self)->items);
    free((*self)->seller);
    free((*self)->buyer);
    free((*self)->seller_lines);
    free((*self)->buyer_lines);
    json_object_put((*self)->json);
    free(*self);
    *self = NULL;
}
