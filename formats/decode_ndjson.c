/* One JSON object a line; json-c keeps the digits of numbers, and its parser is kept between lines. */
#include <stdlib.h>
#include <string.h>

#include "formats/decode.h"
#include "formats/decode_field.h"
#include "lib/json.h"

enum { UNKNOWN_NAME_BYTES = 64 };

struct DecodeScratch {
    struct json_tokener *tokener;
    Json *value; /* of the last line: the record's texts lie in it */
    char unknown[UNKNOWN_NAME_BYTES];
};

MUST_CHECK DecodeScratch *
decode_scratch_new(Err *err)
{
    DecodeScratch *self = calloc(1, sizeof *self);
    if (self != NULL)
        self->tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    if (self == NULL || self->tokener == NULL) {
        decode_scratch_free(&self);
        err_set(err, ERR_NOMEM, "no memory to decode JSON");
        return NULL;
    }
    json_tokener_set_flags(self->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    return self;
}

void
decode_scratch_free(DecodeScratch **self)
{
    if (*self == NULL)
        return;
    json_object_put((*self)->value);
    if ((*self)->tokener != NULL)
        json_tokener_free((*self)->tokener);
    free(*self);
    *self = NULL;
}

static bool
parse_object(DecodeScratch *self, Text line, UsageFault *fault)
{
    json_object_put(self->value);
    self->value = NULL;
    json_tokener_reset(self->tokener);
    self->value = json_tokener_parse_ex(self->tokener, line.data, (int) line.length);
    enum json_tokener_error code = json_tokener_get_error(self->tokener);
    if (code == json_tokener_continue)
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, "",
                               "the JSON is cut off after %zu bytes: expected one whole object on the line",
                               line.length);
    if (code != json_tokener_success)
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, "",
                               "not JSON at byte %zu (%s): expected one object on the line",
                               json_tokener_get_parse_end(self->tokener) + 1, json_tokener_error_desc(code));
    if (!json_object_is_type(self->value, json_type_object))
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, "",
                               "is JSON but no object: expected {\"function\":…,\"started_at\":…,…}");
    return true;
}

static bool
unknown_field(DecodeScratch *self, const char *name, UsageFault *fault)
{
    size_t length = 0;
    for (; name[length] != '\0' && length < sizeof self->unknown - 1; length++)
        self->unknown[length] = (unsigned char) name[length] < 0x20 ? '?' : name[length];
    while (length > 0 && name[length] != '\0' && ((unsigned char) self->unknown[length - 1] & 0x80) != 0)
        length--;
    self->unknown[length] = '\0';
    return usage_fault_set(fault, USAGE_REASON_UNKNOWN_FIELD, self->unknown,
                           "is no field of a usage record: remove it or correct its name");
}

static bool
set_member(DecodeScratch *self, FieldTarget *target, const char *name, Json *value, UsageFault *fault)
{
    int field = field_find(text_of(name));
    if (field < 0)
        return unknown_field(self, name, fault);
    if (value == NULL)
        return true; /* null says no more than leaving it out */
    Text text;
    if (json_object_is_type(value, json_type_boolean)) {
        text = json_object_get_boolean(value) ? TEXT_LITERAL("true") : TEXT_LITERAL("false");
        return field_set(target, field, text, FIELD_BOOLEAN, fault);
    }
    if (json_text(value, &text))
        return field_set(target, field, text, FIELD_STRING, fault);
    if (json_number_text(value, &text))
        return field_set(target, field, text, FIELD_NUMBER, fault);
    return usage_fault_set(fault, USAGE_REASON_MALFORMED, field_name(field),
                           "is a list or an object, expected one value");
}

MUST_CHECK bool
decode_ndjson(DecodeScratch *scratch, Text line, const DecodeDefaults *defaults, UsageRecord *out, UsageFault *fault)
{
    if (!parse_object(scratch, line, fault))
        return false;
    FieldTarget target;
    field_target_start(&target);
    struct json_object_iterator at = json_object_iter_begin(scratch->value);
    struct json_object_iterator end = json_object_iter_end(scratch->value);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
        if (!set_member(scratch, &target, json_object_iter_peek_name(&at), json_object_iter_peek_value(&at), fault)) {
            *out = target.record; /* the tenant, where it was read, helps whoever looks into quarantine */
            return false;
        }
    return field_target_finish(&target, defaults, out, fault);
}
