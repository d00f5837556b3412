#include "rater/document.h"

#include <stdlib.h>
#include <string.h>

#include "lib/utc.h"
#include "rater/rate_parts.h"
#include "rater/statement_document.h"

/* Add `text` and free it; NULL means that it could not be made (err is set). */
static bool
add_owned(Json *object, const char *key, char *text, Err *err)
{
    bool done = text != NULL && json_add_text(object, key, text, err);
    free(text);
    return done;
}

bool
document_add_exact(Json *object, const char *key, const mpq_t value, Err *err)
{
    return add_owned(object, key, decimal_format_exact(value, err), err);
}

bool
document_add_money(Json *object, const char *key, const mpq_t value, const PriceBook *book, Err *err)
{
    return add_owned(object, key, decimal_format(value, book->rounding_scale, book->rounding, err), err);
}

/* A count as a JSON number; beyond 64 bits as a decimal string. */
static bool
add_count(Json *object, const char *key, UsageSum count, Err *err)
{
    if (count <= INT64_MAX)
        return json_add_int(object, key, (int64_t) count, err);
    mpq_t value;
    mpq_init(value);
    decimal_set_u128(mpq_numref(value), count);
    bool done = document_add_exact(object, key, value, err);
    mpq_clear(value);
    return done;
}

char *
document_rounding(const PriceBook *book, Err *err)
{
    Buffer text = {0};
    if (!buffer_printf(&text, err, "%s, %d digits, %s", rounding_mode_name(book->rounding), book->rounding_scale,
                       book->rounding_place == ROUND_EACH_LINE ? "each line" : "the total"))
        return NULL;
    for (char *underscore = strchr(text.data, '_'); underscore != NULL; underscore = strchr(underscore, '_'))
        *underscore = ' ';
    return text.data;
}

Json *
document_price_book(const PriceBook *book, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    Json *object = json_new_object(err);
    if (object != NULL && json_add_text(object, "name", book->name, err) &&
        json_add_text(object, "version", book->version, err) &&
        json_add_text(object, "sha256", digest_hex(&book->digest, hex), err))
        return object;
    json_object_put(object);
    return NULL;
}

/* What a plain price has not: its model and what comes beside the unit price. */
static bool
line_extras(Json *object, const RatedLine *line, Err *err)
{
    if (line->price->name != NULL && !json_add_text(object, "price", line->price->name, err))
        return false;
    return line->price->plain || (json_add_text(object, "model", price_model_name(line->price->model), err) &&
                                  document_add_exact(object, "fee", line->fee, err) &&
                                  document_add_exact(object, "adjustment", line->adjustment, err));
}

static bool
line_fields(Json *object, const Rated *rated, const RatedLine *line, const PriceBook *book, Err *err)
{
    return (rated->part_count < 2 || json_add_int(object, "book", (int64_t) line->part + 1, err)) &&
           json_add_text(object, "account", line->account, err) && json_add_text(object, "tenant", line->tenant, err) &&
           json_add_text(object, "region", line->region, err) &&
           json_add_text(object, "architecture", usage_architecture_name(line->architecture), err) &&
           json_add_text(object, "mode", usage_mode_name(line->mode), err) &&
           json_add_text(object, "sku", line->meter->sku, err) &&
           json_add_text(object, "description", line->meter->description, err) &&
           document_add_exact(object, "quantity", line->quantity, err) &&
           document_add_exact(object, "free_quantity", line->free_quantity, err) &&
           document_add_exact(object, "billed_quantity", line->billed_quantity, err) &&
           json_add_text(object, "unit", line->meter->unit, err) &&
           document_add_exact(object, "unit_price", line->unit_price, err) &&
           json_add_int(object, "tier", line->tier, err) &&
           document_add_money(object, "amount", line->amount, book, err) &&
           document_add_exact(object, "amount_exact", line->amount_exact, err) && line_extras(object, line, err);
}

static bool
function_fields(Json *object, const RatedFunction *function, Err *err)
{
    return json_add_text(object, "tenant", function->tenant, err) &&
           json_add_text(object, "function", function->function, err) &&
           json_add_text(object, "region", function->region, err) &&
           json_add_text(object, "architecture", usage_architecture_name(function->architecture), err) &&
           json_add_int(object, "memory_mb", function->memory_mb, err) &&
           json_add_text(object, "mode", usage_mode_name(function->mode), err) &&
           add_count(object, "invocations", function->invocations, err) &&
           add_count(object, "errors", function->errors, err) &&
           add_count(object, "timeouts", function->timeouts, err) &&
           document_add_exact(object, "gb_seconds", function->gb_seconds, err) &&
           (mpq_sgn(function->capacity_gb_seconds) == 0 ||
            document_add_exact(object, "capacity_gb_seconds", function->capacity_gb_seconds, err)) &&
           document_add_exact(object, "amount_exact", function->amount_exact, err);
}

static bool
free_tier_fields(Json *object, const RatedFreeTier *taken, Err *err)
{
    mpq_t left;
    mpq_init(left);
    mpq_sub(left, taken->allowance, taken->account_used);
    bool done =
        json_add_text(object, "account", taken->account, err) && json_add_text(object, "tenant", taken->tenant, err) &&
        json_add_text(object, "name", taken->tier->name, err) && json_add_text(object, "unit", taken->unit, err) &&
        json_add_text(object, "allocation", allocation_name(taken->tier->allocation), err) &&
        document_add_exact(object, "allowance", taken->allowance, err) &&
        document_add_exact(object, "used", taken->used, err) &&
        document_add_exact(object, "account_used", taken->account_used, err) &&
        document_add_exact(object, "left", left, err);
    mpq_clear(left);
    return done;
}

static bool
add_lines(Json *document, const Rated *rated, const RatedSlice *slice, const PriceBook *book, Err *err)
{
    Json *array = json_new_array(err);
    if (array == NULL || !json_add(document, "lines", array, err))
        return false;
    for (size_t i = slice->line; i < slice->line_end; i++) {
        Json *object = json_new_object(err);
        if (object == NULL || !json_append(array, object, err) ||
            !line_fields(object, rated, &rated->lines[i], book, err))
            return false;
    }
    return true;
}

static bool
add_functions(Json *document, const Rated *rated, const RatedSlice *slice, Err *err)
{
    Json *array = json_new_array(err);
    if (array == NULL || !json_add(document, "functions", array, err))
        return false;
    for (size_t i = slice->function; i < slice->function_end; i++) {
        Json *object = json_new_object(err);
        if (object == NULL || !json_append(array, object, err) || !function_fields(object, &rated->functions[i], err))
            return false;
    }
    return true;
}

static bool
add_free_tiers(Json *document, const Rated *rated, const RatedSlice *slice, Err *err)
{
    Json *array = json_new_array(err);
    if (array == NULL || !json_add(document, "free_tiers", array, err))
        return false;
    for (size_t i = slice->free_tier; i < slice->free_tier_end; i++) {
        Json *object = json_new_object(err);
        if (object == NULL || !json_append(array, object, err) || !free_tier_fields(object, &rated->free_tiers[i], err))
            return false;
    }
    return true;
}

static bool
add_totals(Json *document, const Rated *rated, const RatedSlice *slice, const PriceBook *book, Err *err)
{
    mpq_t total;
    mpq_init(total);
    rated_total(rated, slice, total);
    bool done = document_add_money(document, "subtotal", total, book, err) &&
                document_add_money(document, "total", total, book, err);
    mpq_clear(total);
    return done;
}

/* Which book was in force for which part of the period: what `book` on a line counts through. */
static bool
add_price_books(Json *document, const Rated *rated, Err *err)
{
    char time[UTC_TEXT_BYTES];
    if (rated->part_count < 2)
        return true;
    Json *array = json_new_array(err);
    bool done = array != NULL && json_add(document, "price_books", array, err);
    for (size_t i = 0; done && i < rated->part_count; i++) {
        const BookPart *part = &rated->parts[i];
        Json *object = document_price_book(part->book, err);
        done = object != NULL && json_append(array, object, err) &&
               json_add_text(object, "from", utc_format(part->start_us, time), err) &&
               json_add_text(object, "until", utc_format(part->end_us, time), err);
    }
    return done;
}

static bool
add_body(Json *document, const Rated *rated, const RatedSlice *slice, const PriceBook *book, bool free_tier,
         const DocumentTerms *terms, Err *err)
{
    Json *price_book = NULL;
    return json_add_text(document, "currency", book->currency, err) &&
           (price_book = document_price_book(book, err)) != NULL && json_add(document, "price_book", price_book, err) &&
           add_price_books(document, rated, err) && json_add_bool(document, "free_tier", free_tier, err) &&
           add_owned(document, "rounding", document_rounding(book, err), err) &&
           add_lines(document, rated, slice, book, err) && add_functions(document, rated, slice, err) &&
           add_free_tiers(document, rated, slice, err) &&
           (terms == NULL ? add_totals(document, rated, slice, book, err)
                          : statement_add_to_document(document, terms, book, err));
}

static bool
add_service(Json *invoice, const InvoiceHead *head, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    const bool begins = head->service_start_us > head->period.start_us;
    const bool ends = head->service_end_us != 0 && head->service_end_us < head->period.end_us;
    return (!begins || json_add_text(invoice, "service_from", utc_format(head->service_start_us, start), err)) &&
           (!ends || json_add_text(invoice, "service_until", utc_format(head->service_end_us, end), err));
}

bool
document_add_period(Json *object, const BillingPeriod *period, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char month[UTC_TEXT_BYTES];
    return json_add_text(object, "period_start", utc_format(period->start_us, start), err) &&
           json_add_text(object, "period_end", utc_format(period->end_us, end), err) &&
           (billing_period_is_utc(period) ||
            json_add_text(object, "month", utc_month_format(period->month, month), err));
}

static bool
add_head(Json *document, const InvoiceHead *head, Err *err)
{
    Json *invoice = json_new_object(err);
    return invoice != NULL && json_add(document, "invoice", invoice, err) &&
           json_add_text(invoice, "number", head->number, err) &&
           json_add_text(invoice, "state", head->number == NULL ? "preview" : "final", err) &&
           json_add_text(invoice, "tenant", head->tenant, err) &&
           json_add_text(invoice, "account", head->account, err) && document_add_period(invoice, &head->period, err) &&
           json_add_int(invoice, "receipt_watermark", head->receipt_watermark, err) && add_service(invoice, head, err);
}

static bool
add_hex(Json *object, const char *key, const uint8_t *bytes, size_t length, Err *err)
{
    char hex[2 * SEAL_SIGNATURE_BYTES + 1];
    return json_add_text(object, key, bytes_hex(bytes, length, hex), err);
}

static bool
add_root(Json *object, const SealRoot *root, bool with_month, Err *err)
{
    char month[UTC_TEXT_BYTES];
    return add_hex(object, "root", root->digest.bytes, DIGEST_BYTES, err) &&
           json_add_int(object, "revision", root->revision, err) && json_add_int(object, "seals", root->seals, err) &&
           json_add_int(object, "head", root->head_number, err) &&
           json_add_int(object, "receipt", root->receipt_to, err) &&
           add_hex(object, "public_key", root->public_key, SEAL_PUBLIC_BYTES, err) &&
           add_hex(object, "signature", root->signature, SEAL_SIGNATURE_BYTES, err) &&
           (!with_month || json_add_text(object, "month", utc_month_format(root->month, month), err));
}

/* What was billed from: the signed roots over the seals of the months that the period touches, the last one first. */
static bool
add_evidence(Json *document, const InvoiceHead *head, Err *err)
{
    const bool is_utc = billing_period_is_utc(&head->period);
    if (head->root_count == 0)
        return true;
    Json *evidence = json_new_object(err);
    if (evidence == NULL || !json_add(document, "evidence", evidence, err) ||
        !add_root(evidence, &head->roots[head->root_count - 1], !is_utc, err))
        return false;
    if (is_utc)
        return true;
    Json *earlier = json_new_array(err);
    bool done = earlier != NULL && json_add(evidence, "earlier", earlier, err);
    for (size_t i = 0; done && i + 1 < head->root_count; i++) {
        Json *object = json_new_object(err);
        done = object != NULL && json_append(earlier, object, err) && add_root(object, &head->roots[i], true, err);
    }
    return done;
}

Json *
document_quote_terms(const Rated *rated, const PriceBook *book, bool free_tier, const DocumentTerms *terms, Err *err)
{
    RatedSlice whole = rated_whole(rated);
    Json *document = json_new_object(err);
    if (document != NULL && add_body(document, rated, &whole, book, free_tier, terms, err))
        return document;
    json_object_put(document);
    return NULL;
}

Json *
document_quote(const Rated *rated, const PriceBook *book, bool free_tier, Err *err)
{
    return document_quote_terms(rated, book, free_tier, NULL, err);
}

Json *
document_invoice(const InvoiceHead *head, const Rated *rated, const RatedSlice *slice, const PriceBook *book,
                 bool free_tier, const DocumentTerms *terms, Err *err)
{
    Json *document = json_new_object(err);
    if (document != NULL && add_head(document, head, err) &&
        add_body(document, rated, slice, book, free_tier, terms, err) && add_evidence(document, head, err))
        return document;
    json_object_put(document);
    return NULL;
}

char *
document_invoice_body(const Rated *rated, const RatedSlice *slice, const PriceBook *book, bool free_tier,
                      const DocumentTerms *terms, Err *err)
{
    Json *document = json_new_object(err);
    char *text = document != NULL && add_body(document, rated, slice, book, free_tier, terms, err)
                     ? json_canonical(document, err)
                     : NULL;
    json_object_put(document);
    if (text == NULL)
        return NULL;
    const size_t length = strlen(text) - 2; /* without the braces */
    memmove(text, text + 1, length);
    text[length] = '\0';
    return text;
}

char *
document_invoice_around(const InvoiceHead *head, Text body, Err *err)
{
    Json *before = json_new_object(err);
    Json *after = json_new_object(err);
    Buffer text = {0};
    char *first = before != NULL && add_head(before, head, err) ? json_canonical(before, err) : NULL;
    char *last = first != NULL && after != NULL && add_evidence(after, head, err) ? json_canonical(after, err) : NULL;
    bool done = last != NULL && buffer_append(&text, first, strlen(first) - 1, err) &&
                buffer_append(&text, ",", 1, err) && buffer_append(&text, body.data, body.length, err) &&
                (head->root_count == 0 || buffer_append(&text, ",", 1, err)) &&
                buffer_append(&text, last + 1, strlen(last), err);
    free(first);
    free(last);
    json_object_put(before);
    json_object_put(after);
    if (!done)
        buffer_free(&text);
    return text.data;
}
