/* A final invoice's document beside its tables. See verify_invoice_parts.h. */
#include "rater/verify_invoice_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"

MUST_CHECK bool
invoice_note(InvoiceCheck *self, const char *what, const char *expected, const char *found, Err *err)
{
    char subject[96];
    char month[UTC_TEXT_BYTES];
    const VerifyInvoice *invoice = &self->invoice;
    snprintf(subject, sizeof subject, "invoice %s of %s", invoice->number, utc_month_format(invoice->month, month));
    const VerifyFinding finding = {
        .tenant = invoice->tenant, .subject = subject, .what = what, .expected = expected, .found = found};
    return verify_note(self->report, VERIFY_INVOICES, &finding, err);
}

static bool
same_number(Text a, Text b)
{
    Err ignored = {0};
    mpq_t left;
    mpq_t right;
    mpq_inits(left, right, NULL);
    bool same = decimal_parse(a, left, &ignored) && decimal_parse(b, right, &ignored) && mpq_equal(left, right) != 0;
    mpq_clears(left, right, NULL);
    return same;
}

/** Note where a member of an object differs from a value. Numbers are compared by value. */
static bool
compare_member(InvoiceCheck *self, Json *object, const char *prefix, const char *member, bool number, const char *value,
               Err *err)
{
    char what[128];
    Text text = {0};
    Json *json = object == NULL ? NULL : json_member(object, member);
    bool given = json != NULL && (number ? json_number_text(json, &text) : json_text(json, &text));
    if (given && (text_is(text, value) || (number && same_number(text, text_of(value)))))
        return true;
    char *expected = text_duplicate(given ? text : text_of("nothing"));
    if (expected == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a difference");
    snprintf(what, sizeof what, "%s%s", prefix, member);
    bool done = invoice_note(self, what, expected, value, err);
    free(expected);
    return done;
}

MUST_CHECK bool
invoice_check_digest(InvoiceCheck *self, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    Digest digest = digest_of(self->invoice.document.data, self->invoice.document.length);
    return strcmp(digest_hex(&digest, hex), self->invoice.sha256) == 0 ||
           invoice_note(self, "SHA-256 of the document", self->invoice.sha256, hex, err);
}

typedef struct Lines {
    InvoiceCheck *invoices;
    Json *lines; /* of the document */
    size_t at;
} Lines;

/** A document by one price book does not number it. */
static bool
is_only_book(Json *line, const char *member, const char *value)
{
    return strcmp(member, "book") == 0 && json_member(line, member) == NULL && strcmp(value, "1") == 0;
}

static bool
compare_line(void *context, const char *const *values, Err *err)
{
    Lines *lines = context;
    char prefix[64];
    Json *line =
        lines->at < json_object_array_length(lines->lines) ? json_object_array_get_idx(lines->lines, lines->at) : NULL;
    lines->at++;
    if (line == NULL)
        return true; /* the number of lines tells */
    snprintf(prefix, sizeof prefix, "line %zu in the table, %s ", lines->at, values[3]);
    for (int i = 0; i < VERIFY_LINE_MEMBER_COUNT; i++)
        if (!is_only_book(line, VERIFY_LINE_MEMBERS[i], values[i]) &&
            !compare_member(lines->invoices, line, prefix, VERIFY_LINE_MEMBERS[i], i >= VERIFY_LINE_NUMBERS, values[i],
                            err))
            return false;
    return true;
}

static bool
check_lines(InvoiceCheck *self, Json *document, Err *err)
{
    char expected[24];
    char found[24];
    Lines lines = {self, json_member(document, "lines"), 0};
    if (lines.lines == NULL || !json_object_is_type(lines.lines, json_type_array))
        return invoice_note(self, "lines of the document", "a list", "none", err);
    if (!verify_lines(self->db, self->invoice.tenant_id, self->invoice.invoice_id, compare_line, &lines, err))
        return false;
    snprintf(expected, sizeof expected, "%zu", (size_t) json_object_array_length(lines.lines));
    snprintf(found, sizeof found, "%zu", lines.at);
    return strcmp(expected, found) == 0 || invoice_note(self, "number of lines in the table", expected, found, err);
}

static bool
compare_free_tier(void *context, const char *const *values, Err *err)
{
    Lines *tiers = context;
    char prefix[USAGE_NAME_BYTES_MAX];
    Json *found = NULL;
    tiers->at++;
    for (size_t i = 0; i < json_object_array_length(tiers->lines) && found == NULL; i++) {
        Text name;
        Json *tier = json_object_array_get_idx(tiers->lines, i);
        if (json_text(json_member(tier, "name"), &name) && text_is(name, values[0]))
            found = tier;
    }
    snprintf(prefix, sizeof prefix, "free tier %s in the table, ", values[0]);
    for (int i = 0; i < VERIFY_FREE_TIER_MEMBER_COUNT; i++)
        if (!compare_member(tiers->invoices, found, prefix, VERIFY_FREE_TIER_MEMBERS[i], i >= VERIFY_FREE_TIER_NUMBERS,
                            values[i], err))
            return false;
    return true;
}

static bool
check_free_tiers(InvoiceCheck *self, Json *document, Err *err)
{
    char expected[24];
    char found[24];
    Lines tiers = {self, json_member(document, "free_tiers"), 0};
    if (tiers.lines == NULL || !json_object_is_type(tiers.lines, json_type_array))
        return invoice_note(self, "free tiers of the document", "a list", "none", err);
    if (!verify_free_tiers(self->db, self->invoice.tenant_id, self->invoice.invoice_id, compare_free_tier, &tiers, err))
        return false;
    snprintf(expected, sizeof expected, "%zu", (size_t) json_object_array_length(tiers.lines));
    snprintf(found, sizeof found, "%zu", tiers.at);
    return strcmp(expected, found) == 0 ||
           invoice_note(self, "number of free tiers in the table", expected, found, err);
}

static bool
compare_item(void *context, const char *const *values, Err *err)
{
    Lines *items = context;
    char prefix[64];
    Json *item =
        items->at < json_object_array_length(items->lines) ? json_object_array_get_idx(items->lines, items->at) : NULL;
    items->at++;
    if (item == NULL)
        return true; /* the number of items tells */
    snprintf(prefix, sizeof prefix, "item %zu in the table, ", items->at);
    for (int i = 0; i < VERIFY_ITEM_MEMBER_COUNT; i++)
        if (!compare_member(items->invoices, item, prefix, VERIFY_ITEM_MEMBERS[i], i >= VERIFY_ITEM_NUMBERS, values[i],
                            err))
            return false;
    return true;
}

/** The statement of an invoice under a contract; what balances are summed from. */
static bool
check_items(InvoiceCheck *self, Json *document, Err *err)
{
    char expected[24];
    char found[24];
    Lines items = {self, json_member(document, "statement"), 0};
    bool is_list = items.lines != NULL && json_object_is_type(items.lines, json_type_array);
    if (!is_list)
        return !self->invoice.has_contract || invoice_note(self, "statement of the document", "a list", "none", err);
    if (!verify_items(self->db, self->invoice.tenant_id, self->invoice.invoice_id, compare_item, &items, err))
        return false;
    snprintf(expected, sizeof expected, "%zu", (size_t) json_object_array_length(items.lines));
    snprintf(found, sizeof found, "%zu", items.at);
    return strcmp(expected, found) == 0 || invoice_note(self, "number of items in the table", expected, found, err);
}

/** The table's number of invocations is the sum over the document's functions. */
static bool
check_invocations(InvoiceCheck *self, Json *document, Err *err)
{
    Err ignored = {0};
    Json *functions = json_member(document, "functions");
    bool is_list = functions != NULL && json_object_is_type(functions, json_type_array);
    mpq_t sum;
    mpq_t one;
    mpq_inits(sum, one, NULL);
    for (size_t i = 0; is_list && i < json_object_array_length(functions); i++) {
        Text digits;
        if (json_number_text(json_member(json_object_array_get_idx(functions, i), "invocations"), &digits) &&
            decimal_parse(digits, one, &ignored))
            mpq_add(sum, sum, one);
    }
    char *expected = decimal_format_exact(sum, err);
    mpq_clears(sum, one, NULL);
    bool done = expected != NULL &&
                (same_number(text_of(expected), text_of(self->invoice.invocations)) ||
                 invoice_note(self, "table invoices, invocations", expected, self->invoice.invocations, err));
    free(expected);
    return done;
}

static bool
check_row(InvoiceCheck *self, Json *document, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char watermark[24];
    const VerifyInvoice *invoice = &self->invoice;
    static const char prefix[] = "table invoices, ";
    Json *head = json_member(document, "invoice");
    snprintf(watermark, sizeof watermark, "%" PRId64, invoice->receipt_watermark);
    return compare_member(self, head, prefix, "number", false, invoice->number, err) &&
           compare_member(self, head, prefix, "tenant", false, invoice->tenant, err) &&
           compare_member(self, head, prefix, "period_start", false, utc_format(invoice->period_start_us, start),
                          err) &&
           compare_member(self, head, prefix, "period_end", false, utc_format(invoice->period_end_us, end), err) &&
           compare_member(self, head, prefix, "receipt_watermark", true, watermark, err) &&
           compare_member(self, json_member(document, "price_book"), prefix, "sha256", false, invoice->book_sha256,
                          err) &&
           compare_member(self, document, prefix, "currency", false, invoice->currency, err) &&
           compare_member(self, document, prefix, "subtotal", true, invoice->subtotal, err) &&
           compare_member(self, document, prefix, "total", true, invoice->total, err);
}

MUST_CHECK bool
invoice_check_tables(InvoiceCheck *self, Json *document, Err *err)
{
    return check_row(self, document, err) && check_lines(self, document, err) &&
           check_free_tiers(self, document, err) && check_items(self, document, err) &&
           check_invocations(self, document, err);
}
