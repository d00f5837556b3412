/* Final invoices: document, lines, and the whole rated again from the evidence. See verify.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "rater/document.h"
#include "rater/rate.h"
#include "rater/rate_contracts.h"
#include "rater/verify_parts.h"
#include "schema/seal_store.h"

/* ---- invoices ---- */

typedef struct Invoices {
    Db *db;
    const RateTenants *tenants;
    VerifyReport *report;
    VerifyInvoice invoice; /* the present one */
    /* the account rated last: its invoices follow one another */
    int64_t run_id;
    char *account;
    PriceBook *book; /* NULL: cannot be read */
    RatingRows *rows;
    Rated *rated; /* NULL: cannot be rated; `reason` says why */
    Err reason;
} Invoices;

static bool
note(Invoices *self, const char *what, const char *expected, const char *found, Err *err)
{
    char subject[96];
    char month[UTC_TEXT_BYTES];
    const VerifyInvoice *invoice = &self->invoice;
    snprintf(subject, sizeof subject, "invoice %s of %s", invoice->number,
             utc_month_format(utc_month_of(invoice->period_start_us), month));
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
compare_member(Invoices *self, Json *object, const char *prefix, const char *member, bool number, const char *value,
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
    bool done = note(self, what, expected, value, err);
    free(expected);
    return done;
}

/* ---- the document and its tables ---- */

static bool
check_sha256(Invoices *self, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    Digest digest = digest_of(self->invoice.document.data, self->invoice.document.length);
    return strcmp(digest_hex(&digest, hex), self->invoice.sha256) == 0 ||
           note(self, "SHA-256 of the document", self->invoice.sha256, hex, err);
}

typedef struct Lines {
    Invoices *invoices;
    Json *lines; /* of the document */
    size_t at;
} Lines;

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
        if (!compare_member(lines->invoices, line, prefix, VERIFY_LINE_MEMBERS[i], i >= VERIFY_LINE_NUMBERS, values[i],
                            err))
            return false;
    return true;
}

static bool
check_lines(Invoices *self, Json *document, Err *err)
{
    char expected[24];
    char found[24];
    Lines lines = {self, json_member(document, "lines"), 0};
    if (lines.lines == NULL || !json_object_is_type(lines.lines, json_type_array))
        return note(self, "lines of the document", "a list", "none", err);
    if (!verify_lines(self->db, self->invoice.tenant_id, self->invoice.invoice_id, compare_line, &lines, err))
        return false;
    snprintf(expected, sizeof expected, "%zu", (size_t) json_object_array_length(lines.lines));
    snprintf(found, sizeof found, "%zu", lines.at);
    return strcmp(expected, found) == 0 || note(self, "number of lines in the table", expected, found, err);
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
check_free_tiers(Invoices *self, Json *document, Err *err)
{
    char expected[24];
    char found[24];
    Lines tiers = {self, json_member(document, "free_tiers"), 0};
    if (tiers.lines == NULL || !json_object_is_type(tiers.lines, json_type_array))
        return note(self, "free tiers of the document", "a list", "none", err);
    if (!verify_free_tiers(self->db, self->invoice.tenant_id, self->invoice.invoice_id, compare_free_tier, &tiers, err))
        return false;
    snprintf(expected, sizeof expected, "%zu", (size_t) json_object_array_length(tiers.lines));
    snprintf(found, sizeof found, "%zu", tiers.at);
    return strcmp(expected, found) == 0 || note(self, "number of free tiers in the table", expected, found, err);
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
check_items(Invoices *self, Json *document, Err *err)
{
    char expected[24];
    char found[24];
    Lines items = {self, json_member(document, "statement"), 0};
    bool is_list = items.lines != NULL && json_object_is_type(items.lines, json_type_array);
    if (!is_list)
        return !self->invoice.has_contract || note(self, "statement of the document", "a list", "none", err);
    if (!verify_items(self->db, self->invoice.tenant_id, self->invoice.invoice_id, compare_item, &items, err))
        return false;
    snprintf(expected, sizeof expected, "%zu", (size_t) json_object_array_length(items.lines));
    snprintf(found, sizeof found, "%zu", items.at);
    return strcmp(expected, found) == 0 || note(self, "number of items in the table", expected, found, err);
}

/** The table's number of invocations is the sum over the document's functions. */
static bool
check_invocations(Invoices *self, Json *document, Err *err)
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
    bool done =
        expected != NULL && (same_number(text_of(expected), text_of(self->invoice.invocations)) ||
                             note(self, "table invoices, invocations", expected, self->invoice.invocations, err));
    free(expected);
    return done;
}

static bool
check_row(Invoices *self, Json *document, Err *err)
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

/* ---- rating again ---- */

static void
forget_account(Invoices *self)
{
    rated_free(&self->rated);
    price_book_free(&self->book);
    free(self->account);
    self->account = NULL;
    rating_rows_clear(self->rows);
    err_clear(&self->reason);
}

static bool
read_book(Invoices *self)
{
    char hex[DIGEST_HEX_BYTES];
    if (self->invoice.book.data == NULL)
        return err_set(&self->reason, ERR_CORRUPT, "price book %s is not kept", self->invoice.book_sha256);
    self->book = price_book_parse(self->invoice.book, "price_books.source", &self->reason);
    if (self->book == NULL)
        return false;
    if (strcmp(digest_hex(&self->book->digest, hex), self->invoice.book_sha256) != 0)
        return err_set(&self->reason, ERR_CORRUPT, "price book '%s' has SHA-256 %s, expected %s", self->book->name, hex,
                       self->invoice.book_sha256);
    return true;
}

/** Usage of every tenant of the account from its segments, and its price. */
static bool
derive_account(Invoices *self)
{
    const VerifyInvoice *invoice = &self->invoice;
    const VerifyPeriod period = {invoice->period_start_us, invoice->period_end_us};
    for (size_t i = 0; i < self->tenants->count; i++) {
        const RateTenant *tenant = &self->tenants->all[i];
        if (strcmp(tenant->account, invoice->account) == 0 &&
            !verify_derive(self->db, tenant, &period, invoice->receipt_watermark, self->book, self->rows,
                           &self->reason))
            return err_prefix(&self->reason, "tenant '%s': ", tenant->name);
    }
    const RateOptions options = {.month_start_us = invoice->period_start_us, .free_tier = invoice->free_tier};
    self->rated = rate(rating_rows_all(self->rows), rating_rows_count(self->rows), self->book, &options, &self->reason);
    return self->rated != NULL;
}

/** Rate the account of the present invoice, unless the one before was of the same. What cannot be rated because of what
 *  the tables say is a difference; all else is an error. */
static bool
rate_account(Invoices *self, Err *err)
{
    const VerifyInvoice *invoice = &self->invoice;
    if (self->account != NULL && self->run_id == invoice->run_id && strcmp(self->account, invoice->account) == 0)
        return true;
    forget_account(self);
    self->run_id = invoice->run_id;
    self->account = strdup(invoice->account);
    if (self->account == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an account");
    if (read_book(self) && derive_account(self))
        return true;
    ErrCode code = self->reason.code;
    if (code == ERR_CORRUPT || code == ERR_INPUT || code == ERR_RANGE)
        return true;
    return err_set(err, code, "%s", self->reason.message);
}

static bool
find_slice(const Rated *rated, const char *tenant, RatedSlice *slice)
{
    *slice = (RatedSlice){0};
    while (rated_next_tenant(rated, slice))
        if (strcmp(rated->functions[slice->function].tenant, tenant) == 0)
            return true;
    return false;
}

/** Note each member that a document and its derivation say differently: plain values here, objects and lists inside.
 *  `*noted` counts. */
static bool
compare_json(Invoices *self, const char *path, Json *derived, Json *stored, int *noted, Err *err)
{
    enum { PATH_BYTES = 128 };
    char inner[PATH_BYTES];
    if (json_object_equal(derived, stored))
        return true;
    if (json_object_is_type(derived, json_type_object) && json_object_is_type(stored, json_type_object)) {
        json_object_object_foreach(derived, key, value)
        {
            snprintf(inner, sizeof inner, "%s.%s", path, key);
            if (!compare_json(self, inner, value, json_object_object_get(stored, key), noted, err))
                return false;
        }
        return true;
    }
    if (json_object_is_type(derived, json_type_array) && json_object_is_type(stored, json_type_array) &&
        json_object_array_length(derived) == json_object_array_length(stored)) {
        for (size_t i = 0; i < json_object_array_length(derived); i++) {
            snprintf(inner, sizeof inner, "%s[%zu]", path, i);
            if (!compare_json(self, inner, json_object_array_get_idx(derived, i), json_object_array_get_idx(stored, i),
                              noted, err))
                return false;
        }
        return true;
    }
    (*noted)++;
    return note(self, path, json_object_to_json_string_ext(derived, JSON_C_TO_STRING_PLAIN),
                json_object_to_json_string_ext(stored, JSON_C_TO_STRING_PLAIN), err);
}

static bool
compare_derived(Invoices *self, Json *derived, Json *stored, Err *err)
{
    int noted = 0;
    char *canonical = json_canonical(derived, err);
    if (canonical == NULL)
        return false;
    bool done = true;
    if (!text_is(self->invoice.document, canonical)) {
        done = compare_json(self, "document rated again from segments: ", derived, stored, &noted, err);
        if (done && noted == 0)
            done =
                note(self, "document rated again from segments", "the same bytes", "the same values, other bytes", err);
    }
    free(canonical);
    return done;
}

/** The root that the document names, as the table has it; all zero, and so different, when it is not there. */
static bool
find_root(Invoices *self, Json *stored, SealRoot *root, Err *err)
{
    int64_t revision = json_object_get_int64(json_member(json_member(stored, "evidence"), "revision"));
    return seal_root_find(self->db, self->invoice.tenant_id, utc_month_of(self->invoice.period_start_us),
                          revision > 0 && revision < INT32_MAX ? revision : 0, root, err);
}

/** The document of a head and slice under the contract of the invoice. NULL without an error: it cannot be made, `reason` says
 *  why. */
static Json *
derive_under_contract(Invoices *self, const InvoiceHead *head, const RatedSlice *slice, Err *reason, Err *err)
{
    const VerifyInvoice *invoice = &self->invoice;
    RateContracts contracts;
    RateTerms terms;
    Json *derived = NULL;
    StatementInput input = {.book = self->book,
                            .rated = self->rated,
                            .slice = *slice,
                            .period_start_us = invoice->period_start_us,
                            .period_end_us = invoice->period_end_us};
    bool done = rate_contracts_of_invoice(&contracts, self->db, invoice->tenant_id, invoice->invoice_id, err);
    if (done && (contracts.count == 0 || contracts.all[0].contract == NULL)) {
        err_set(reason, ERR_CORRUPT, "%s",
                contracts.count == 0 ? "its contract is gone" : contracts.all[0].reason.message);
    } else if (done && rate_terms_make(&terms, self->db, &contracts.all[0], invoice->invoice_id, &input, reason)) {
        derived = document_invoice(head, self->rated, slice, self->book, invoice->free_tier, &terms.document, err);
        rate_terms_free(&terms);
    } else if (done && reason->code != ERR_INPUT) {
        err_set(err, reason->code, "%s", reason->message);
    }
    rate_contracts_free(&contracts);
    return derived;
}

static bool
check_rating(Invoices *self, Json *stored, Err *err)
{
    static const char what[] = "rated again from segments";
    const VerifyInvoice *invoice = &self->invoice;
    RatedSlice slice;
    Err reason = {0};
    bool sealed = invoice->document_version > 1;
    if (!invoice->has_run)
        return true; /* the check of references says so */
    if (!rate_account(self, err))
        return false;
    if (self->rated == NULL)
        return note(self, what, "the same document", self->reason.message, err);
    if (!find_slice(self->rated, invoice->tenant, &slice)) {
        if (!invoice->has_contract)
            return note(self, what, "the same document", "no usage of this tenant", err);
        slice = (RatedSlice){0}; /* a contract bills without usage too; then there may be nothing that is sealed */
        sealed = sealed && json_member(stored, "evidence") != NULL;
    }
    SealRoot root;
    if (sealed && !find_root(self, stored, &root, err))
        return false;
    const InvoiceHead head = {invoice->number,          invoice->tenant,        invoice->account,
                              invoice->period_start_us, invoice->period_end_us, invoice->receipt_watermark,
                              sealed ? &root : NULL};
    Json *derived = invoice->has_contract
                        ? derive_under_contract(self, &head, &slice, &reason, err)
                        : document_invoice(&head, self->rated, &slice, self->book, invoice->free_tier, NULL, err);
    bool done = derived != NULL ? compare_derived(self, derived, stored, err)
                                : !err_is_set(err) && note(self, what, "the same document", reason.message, err);
    json_object_put(derived);
    return done;
}

static bool
check_invoice(Invoices *self, Err *err)
{
    Err reason = {0};
    self->report->checks[VERIFY_INVOICES].checked++;
    if (!check_sha256(self, err))
        return false;
    Json *document = json_parse(self->invoice.document, &reason);
    if (document == NULL)
        return reason.code == ERR_NOMEM ? err_set(err, reason.code, "%s", reason.message)
                                        : note(self, "document", "JSON", reason.message, err);
    bool done = check_row(self, document, err) && check_lines(self, document, err) &&
                check_free_tiers(self, document, err) && check_items(self, document, err) &&
                check_invocations(self, document, err) && check_rating(self, document, err);
    json_object_put(document);
    return done;
}

MUST_CHECK bool
verify_invoices(Db *db, const char *tenant, const RateTenants *tenants, const VerifyPeriod *period,
                VerifyReport *report, Err *err)
{
    Invoices self = {.db = db, .tenants = tenants, .report = report, .rows = rating_rows_new(err)};
    VerifyCursor *cursor = self.rows == NULL ? NULL : verify_invoices_open(db, tenant, period, err);
    bool more = true;
    bool done = cursor != NULL;
    while (done && more) {
        done = verify_invoices_next(cursor, &self.invoice, &more, err);
        if (done && more)
            done = check_invoice(&self, err);
    }
    if (self.rows != NULL)
        forget_account(&self);
    rating_rows_free(&self.rows);
    verify_cursor_close(&cursor);
    return done;
}
