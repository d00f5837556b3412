#include "rater/void_document.h"

#include <stdlib.h>
#include <string.h>

#include "lib/digest.h"

/* What stands in a line, an item or the totals: these change their sign, the others stay. */
static const char *const SIGNED[] = {
    "quantity", "free_quantity", "billed_quantity", "fee", "adjustment", "amount", "amount_exact", "basis", "subtotal",
    "net",      "tax",           "total",           NULL};
/* What is about that document and not about its amounts. A balance that was left is not left after its void. */
static const char *const DROPPED[] = {"left", "before", "after", NULL};

static bool
is_one_of(const char *key, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (strcmp(key, *keys) == 0)
            return true;
    return false;
}

bool
void_reason_check(const char *reason, Err *err)
{
    size_t length = strlen(reason);
    if (length > 0 && length <= VOID_REASON_BYTES_MAX && text_is_clean_utf8(text_of(reason)))
        return true;
    err_set(err, ERR_USAGE, "--reason: expected one line of text, at most %d bytes", VOID_REASON_BYTES_MAX);
    return err_hint(err, "say why the document is taken back: it is printed on the void");
}

/* "-0.00" does not exist. */
static bool
add_opposite(Json *object, const char *key, const char *number, Err *err)
{
    Buffer text = {0};
    bool is_zero = strspn(number, "-0.") == strlen(number);
    bool done = is_zero            ? buffer_append_text(&text, number, err)
                : number[0] == '-' ? buffer_append_text(&text, number + 1, err)
                                   : buffer_printf(&text, err, "-%s", number);
    done = done && json_add_text(object, key, text.data, err);
    buffer_free(&text);
    return done;
}

static Json *opposite_of(Json *value, Err *err);

static bool
add_member(Json *object, const char *key, Json *value, Err *err)
{
    if (is_one_of(key, DROPPED))
        return true;
    if (json_object_is_type(value, json_type_string) && is_one_of(key, SIGNED))
        return add_opposite(object, key, json_object_get_string(value), err);
    if (!json_object_is_type(value, json_type_object) && !json_object_is_type(value, json_type_array))
        return json_add(object, key, json_object_get(value), err);
    Json *opposite = opposite_of(value, err);
    return opposite != NULL && json_add(object, key, opposite, err);
}

/* An object or a list of objects with the signs of their amounts changed. */
static Json *
opposite_of(Json *value, Err *err)
{
    bool is_list = json_object_is_type(value, json_type_array);
    Json *made = is_list ? json_new_array(err) : json_new_object(err);
    bool done = made != NULL;
    for (size_t i = 0; done && is_list && i < json_object_array_length(value); i++) {
        Json *entry = opposite_of(json_object_array_get_idx(value, i), err);
        done = entry != NULL && json_append(made, entry, err);
    }
    if (done && !is_list) {
        json_object_object_foreach(value, key, member)
        {
            done = done && add_member(made, key, member, err);
        }
    }
    if (done)
        return made;
    json_object_put(made);
    return NULL;
}

static bool
add_reference(Json *head, Json *other, Text document, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    Text number;
    Digest digest = digest_of(document.data, document.length);
    Json *kind = json_member(other, "kind");
    Json *object = json_new_object(err);
    return object != NULL && json_add(head, "refers_to", object, err) &&
           (json_text(json_member(other, "number"), &number) ||
            err_set(err, ERR_INPUT, "the document has no number: it is no final one")) &&
           json_add_slice(object, "number", number, err) &&
           json_add_text(object, "kind", kind == NULL ? "invoice" : json_object_get_string(kind), err) &&
           json_add_text(object, "sha256", digest_hex(&digest, hex), err);
}

static bool
add_head(Json *made, Json *source, Text document, const char *number, const char *reason, Err *err)
{
    static const char *const kept[] = {"state",      "tenant", "account",          "period_start",
                                       "period_end", "month",  "receipt_watermark"};
    Json *other = json_member(source, "invoice");
    Json *head = json_new_object(err);
    bool done = head != NULL && json_add(made, "invoice", head, err) &&
                (other != NULL || err_set(err, ERR_INPUT, "the document has no head")) &&
                json_add_text(head, "number", number, err) && json_add_text(head, "kind", "void", err);
    for (size_t i = 0; done && i < sizeof kept / sizeof kept[0]; i++)
        done = (strcmp(kept[i], "month") == 0 && json_member(other, kept[i]) == NULL) ||
               json_add(head, kept[i], json_object_get(json_member(other, kept[i])), err);
    return done && add_reference(head, other, document, err) && json_add_text(head, "reason", reason, err);
}

static bool
add_as_it_is(Json *made, Json *source, const char *const *keys, Err *err)
{
    bool done = true;
    for (; done && *keys != NULL; keys++)
        done = json_member(source, *keys) == NULL ||
               json_add(made, *keys, json_object_get(json_member(source, *keys)), err);
    return done;
}

static bool
add_turned(Json *made, Json *source, const char *const *keys, Err *err)
{
    bool done = true;
    for (; done && *keys != NULL; keys++)
        done = json_member(source, *keys) == NULL || add_member(made, *keys, json_member(source, *keys), err);
    return done;
}

/* Usage is not taken back, money is: there are no functions and free tiers. */
static bool
add_body(Json *made, Json *source, Err *err)
{
    static const char *const given[] = {"currency", "price_book", "free_tier", "rounding", NULL};
    static const char *const lines[] = {"lines", NULL};
    static const char *const contract[] = {"contract", NULL};
    static const char *const money[] = {"statement", "subtotal", "net", "tax", "total", "payable", NULL};
    return add_as_it_is(made, source, given, err) && add_turned(made, source, lines, err) &&
           json_add(made, "functions", json_object_new_array(), err) &&
           json_add(made, "free_tiers", json_object_new_array(), err) && add_as_it_is(made, source, contract, err) &&
           add_turned(made, source, money, err);
}

Json *
void_document(Text document, const char *number, const char *reason, Err *err)
{
    Json *source = json_parse(document, err);
    Json *made = source == NULL ? NULL : json_new_object(err);
    bool done = made != NULL && add_head(made, source, document, number, reason, err) && add_body(made, source, err);
    json_object_put(source);
    if (done)
        return made;
    json_object_put(made);
    return NULL;
}
