/* Lines of the heads file as JSON: writing and reading. See heads_line.h. */
#include "schema/heads_line.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { SIGNATURE_HEX = 2 * SEAL_SIGNATURE_BYTES + 1 };

Digest
heads_restored_digest(const HeadsRestored *restored)
{
    char from[DIGEST_HEX_BYTES];
    char to[DIGEST_HEX_BYTES];
    char at[UTC_TEXT_BYTES];
    char text[HEADS_REASON_BYTES + 512];
    int length = snprintf(
        text, sizeof text, "millibill restore 1\nfrom %" PRId64 " %s\nto %" PRId64 " %s\nat %s\nreason %zu %s\n",
        restored->from, digest_hex(&restored->from_digest, from), restored->to, digest_hex(&restored->to_digest, to),
        utc_format(restored->at_us, at), strlen(restored->reason), restored->reason);
    return digest_of(text, (size_t) length);
}

/* ---- writing ---- */

static bool
add_hex(Json *object, const char *key, const void *bytes, size_t length, Err *err)
{
    char hex[SIGNATURE_HEX];
    return json_add_text(object, key, bytes_hex(bytes, length, hex), err);
}

static bool
add_time(Json *object, const char *key, int64_t time_us, Err *err)
{
    char text[UTC_TEXT_BYTES];
    return json_add_text(object, key, utc_format(time_us, text), err);
}

static bool
add_root(Json *array, const SealRoot *root, Err *err)
{
    char month[UTC_TEXT_BYTES];
    Json *object = json_new_object(err);
    return object != NULL && json_append(array, object, err) && json_add_slice(object, "tenant", root->tenant, err) &&
           json_add_int(object, "tenant_id", root->tenant_id, err) &&
           json_add_text(object, "month", utc_month_format(root->month, month), err) &&
           json_add_int(object, "revision", root->revision, err) && json_add_int(object, "seals", root->seals, err) &&
           add_hex(object, "root", root->digest.bytes, DIGEST_BYTES, err) &&
           add_hex(object, "signature", root->signature, SEAL_SIGNATURE_BYTES, err);
}

static bool
add_head(Json *object, const SealHead *head, Err *err)
{
    return json_add_int(object, "head", head->number, err) &&
           add_hex(object, "digest", head->digest.bytes, DIGEST_BYTES, err) &&
           add_hex(object, "previous", head->previous.bytes, DIGEST_BYTES, err) &&
           add_hex(object, "database", head->incarnation, SEAL_INCARNATION_BYTES, err) &&
           json_add_int(object, "receipt_from", head->receipt_from, err) &&
           json_add_int(object, "receipt_to", head->receipt_to, err) &&
           json_add_int(object, "books", head->books, err) &&
           add_hex(object, "books_digest", head->books_digest.bytes, DIGEST_BYTES, err) &&
           json_add_int(object, "seals", head->seals, err) &&
           add_hex(object, "seals_digest", head->seals_digest.bytes, DIGEST_BYTES, err) &&
           json_add_int(object, "roots", head->roots, err) &&
           add_hex(object, "roots_digest", head->roots_digest.bytes, DIGEST_BYTES, err) &&
           (head->version < 2 ||
            (json_add_int(object, "version", head->version, err) &&
             json_add_int(object, "invoices", head->invoices, err) &&
             add_hex(object, "invoices_digest", head->invoices_digest.bytes, DIGEST_BYTES, err))) &&
           add_time(object, "signed_at", head->signed_at_us, err) &&
           add_hex(object, "public_key", head->public_key, SEAL_PUBLIC_BYTES, err) &&
           add_hex(object, "signature", head->signature, SEAL_SIGNATURE_BYTES, err);
}

static bool
add_invoice(Json *array, const SealInvoice *invoice, Err *err)
{
    Json *object = json_new_object(err);
    return object != NULL && json_append(array, object, err) &&
           json_add_slice(object, "tenant", invoice->tenant, err) &&
           json_add_int(object, "tenant_id", invoice->tenant_id, err) &&
           json_add_int(object, "invoice_id", invoice->invoice_id, err) &&
           json_add_slice(object, "number", invoice->number, err) &&
           add_hex(object, "sha256", invoice->document.bytes, DIGEST_BYTES, err);
}

/** An empty list is left out. NULL: no memory, or none asked for. */
static Json *
add_list(Json *object, const char *key, size_t count, Err *err)
{
    Json *array = count == 0 ? NULL : json_new_array(err);
    return array != NULL && json_add(object, key, array, err) ? array : NULL;
}

Json *
heads_line_of_head(const SealHead *head, const HeadsMade *made, Err *err)
{
    Json *object = json_new_object(err);
    bool done = object != NULL && add_head(object, head, err);
    Json *months = done ? add_list(object, "months", made->root_count, err) : NULL;
    for (size_t i = 0; done && i < made->root_count; i++)
        done = months != NULL && add_root(months, &made->roots[i], err);
    Json *finals = done ? add_list(object, "finals", made->invoice_count, err) : NULL;
    for (size_t i = 0; done && i < made->invoice_count; i++)
        done = finals != NULL && add_invoice(finals, &made->invoices[i], err);
    if (done)
        return object;
    json_object_put(object);
    return NULL;
}

Json *
heads_line_of_restored(const HeadsRestored *restored, Err *err)
{
    Json *object = json_new_object(err);
    bool done = object != NULL && json_add_text(object, "restored", restored->reason, err) &&
                json_add_int(object, "from", restored->from, err) &&
                add_hex(object, "from_digest", restored->from_digest.bytes, DIGEST_BYTES, err) &&
                json_add_int(object, "to", restored->to, err) &&
                add_hex(object, "to_digest", restored->to_digest.bytes, DIGEST_BYTES, err) &&
                add_time(object, "at", restored->at_us, err) &&
                add_hex(object, "public_key", restored->public_key, SEAL_PUBLIC_BYTES, err) &&
                add_hex(object, "signature", restored->signature, SEAL_SIGNATURE_BYTES, err);
    if (done)
        return object;
    json_object_put(object);
    return NULL;
}

/* ---- reading ---- */

static bool
get_hex(Json *object, const char *key, void *out, size_t length)
{
    Text text;
    size_t bytes = 0;
    return json_text(json_member(object, key), &text) && text.length == 2 * length &&
           sodium_hex2bin(out, length, text.data, text.length, NULL, &bytes, NULL) == 0 && bytes == length;
}

static bool
get_number(Json *object, const char *key, int64_t *out)
{
    Json *value = json_member(object, key);
    *out = json_object_get_int64(value);
    return json_object_is_type(value, json_type_int) && *out >= 0;
}

static bool
get_time(Json *object, const char *key, int64_t *out)
{
    Text text;
    Err ignored = {0};
    return json_text(json_member(object, key), &text) && utc_parse(text, out, &ignored);
}

/** Heads of the first form know nothing of invoices, nor of forms. */
static bool
get_version(Json *object, SealHead *head)
{
    head->version = 1;
    if (json_member(object, "version") == NULL)
        return true;
    return get_number(object, "version", &head->version) && get_number(object, "invoices", &head->invoices) &&
           get_hex(object, "invoices_digest", head->invoices_digest.bytes, DIGEST_BYTES);
}

static bool
get_head(Json *object, SealHead *head)
{
    return get_number(object, "head", &head->number) && get_hex(object, "digest", head->digest.bytes, DIGEST_BYTES) &&
           get_hex(object, "previous", head->previous.bytes, DIGEST_BYTES) &&
           get_hex(object, "database", head->incarnation, SEAL_INCARNATION_BYTES) &&
           get_number(object, "receipt_from", &head->receipt_from) &&
           get_number(object, "receipt_to", &head->receipt_to) && get_number(object, "books", &head->books) &&
           get_hex(object, "books_digest", head->books_digest.bytes, DIGEST_BYTES) &&
           get_number(object, "seals", &head->seals) &&
           get_hex(object, "seals_digest", head->seals_digest.bytes, DIGEST_BYTES) &&
           get_number(object, "roots", &head->roots) &&
           get_hex(object, "roots_digest", head->roots_digest.bytes, DIGEST_BYTES) && get_version(object, head) &&
           get_time(object, "signed_at", &head->signed_at_us) &&
           get_hex(object, "public_key", head->public_key, SEAL_PUBLIC_BYTES) &&
           get_hex(object, "signature", head->signature, SEAL_SIGNATURE_BYTES);
}

static bool
get_restored(Json *object, HeadsRestored *restored)
{
    Text reason;
    if (!json_text(json_member(object, "restored"), &reason) || reason.length >= HEADS_REASON_BYTES)
        return false;
    snprintf(restored->reason, sizeof restored->reason, "%.*s", TEXT_ARG(reason));
    return get_number(object, "from", &restored->from) &&
           get_hex(object, "from_digest", restored->from_digest.bytes, DIGEST_BYTES) &&
           get_number(object, "to", &restored->to) &&
           get_hex(object, "to_digest", restored->to_digest.bytes, DIGEST_BYTES) &&
           get_time(object, "at", &restored->at_us) &&
           get_hex(object, "public_key", restored->public_key, SEAL_PUBLIC_BYTES) &&
           get_hex(object, "signature", restored->signature, SEAL_SIGNATURE_BYTES);
}

void
heads_line_parse(Text text, HeadsLine *line)
{
    Err ignored = {0};
    Json *object = json_parse(text, &ignored);
    int64_t number = line->number;
    heads_line_free(line);
    *line = (HeadsLine){.number = number, .kind = HEADS_BROKEN};
    if (object != NULL && get_head(object, &line->head))
        line->kind = HEADS_HEAD;
    else if (object != NULL && get_restored(object, &line->restored))
        line->kind = HEADS_RESTORED;
    line->json = object;
}

void
heads_line_free(HeadsLine *line)
{
    json_object_put(line->json);
    line->json = NULL;
}

/* ---- final invoices of a line ---- */

size_t
heads_line_invoices(const HeadsLine *line)
{
    Json *finals = line->json == NULL ? NULL : json_member(line->json, "finals");
    return finals == NULL || !json_object_is_type(finals, json_type_array) ? 0 : json_object_array_length(finals);
}

bool
heads_line_invoice(const HeadsLine *line, size_t i, SealInvoice *invoice)
{
    Json *object = json_object_array_get_idx(json_member(line->json, "finals"), i);
    *invoice = (SealInvoice){.head_number = line->head.number};
    return object != NULL && get_number(object, "tenant_id", &invoice->tenant_id) &&
           get_number(object, "invoice_id", &invoice->invoice_id) &&
           json_text(json_member(object, "tenant"), &invoice->tenant) &&
           json_text(json_member(object, "number"), &invoice->number) &&
           get_hex(object, "sha256", invoice->document.bytes, DIGEST_BYTES);
}
