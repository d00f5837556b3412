/* One JSON object a line, read without an allocation: memory that is refused can neither lose a member nor crash. */
#include <stdlib.h>
#include <string.h>

#include "formats/decode.h"
#include "formats/decode_field.h"
#include "formats/json_line.h"

enum { UNKNOWN_NAME_BYTES = 64, ROOM_BYTES = 128 << 10 }; /* sources hand out lines of 64 KiB at most */

struct DecodeScratch {
    char unknown[UNKNOWN_NAME_BYTES];
    char room[ROOM_BYTES]; /* of the last line: the record's texts lie in it */
};

MUST_CHECK DecodeScratch *
decode_scratch_new(Err *err)
{
    DecodeScratch *self = calloc(1, sizeof *self); /* of pages that are not memory before a line has escapes */
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory to decode JSON");
    return self;
}

void
decode_scratch_free(DecodeScratch **self)
{
    free(*self);
    *self = NULL;
}

static bool
start_object(DecodeScratch *self, JsonLine *json, Text line, UsageFault *fault)
{
    bool is_object = false;
    if (line.length > sizeof self->room)
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, "", "a line of %zu bytes, at most %zu expected",
                               line.length, sizeof self->room);
    if (json_line_start(json, line, self->room, sizeof self->room, &is_object))
        return is_object || usage_fault_set(fault, USAGE_REASON_MALFORMED, "",
                                            "is JSON but no object: expected {\"function\":…,\"started_at\":…,…}");
    if (json->wrong[0] == '\0')
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, "",
                               "the JSON is cut off after %zu bytes: expected one whole object on the line",
                               line.length);
    return usage_fault_set(fault, USAGE_REASON_MALFORMED, "",
                           "not JSON at byte %zu (%s): expected one object on the line", json->at + 1, json->wrong);
}

static bool
unknown_field(DecodeScratch *self, Text name, UsageFault *fault)
{
    size_t length = 0;
    for (; length < name.length && length < sizeof self->unknown - 1; length++)
        self->unknown[length] = (unsigned char) name.data[length] < 0x20 ? '?' : name.data[length];
    while (length > 0 && length < name.length && ((unsigned char) self->unknown[length - 1] & 0x80) != 0)
        length--;
    self->unknown[length] = '\0';
    return usage_fault_set(fault, USAGE_REASON_UNKNOWN_FIELD, self->unknown,
                           "is no field of a usage record: remove it or correct its name");
}

static bool
set_member(DecodeScratch *self, FieldTarget *target, Text name, JsonLineKind kind, Text value, UsageFault *fault)
{
    int field = field_find(name);
    if (field < 0)
        return unknown_field(self, name, fault);
    switch (kind) {
    case JSON_LINE_NULL:
        return true; /* says no more than leaving it out */
    case JSON_LINE_BOOLEAN:
        return field_set(target, field, value, FIELD_BOOLEAN, fault);
    case JSON_LINE_STRING:
        return field_set(target, field, value, FIELD_STRING, fault);
    case JSON_LINE_NUMBER:
        return field_set(target, field, value, FIELD_NUMBER, fault);
    default:
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, field_name(field),
                               "is a list or an object, expected one value");
    }
}

MUST_CHECK bool
decode_ndjson(DecodeScratch *scratch, Text line, const DecodeDefaults *defaults, UsageRecord *out, UsageFault *fault)
{
    JsonLine json;
    Text name;
    Text value;
    JsonLineKind kind;
    FieldTarget target;
    if (!start_object(scratch, &json, line, fault))
        return false;
    field_target_start(&target);
    while (json_line_next(&json, &name, &kind, &value))
        if (!set_member(scratch, &target, name, kind, value, fault)) {
            *out = target.record; /* the tenant, where it was read, helps whoever looks into quarantine */
            return false;
        }
    return field_target_finish(&target, defaults, out, fault);
}
