#include "agent/socket_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/source_socket.h"
#include "formats/json_line.h"
#include "lib/digest.h"

enum { DERIVED_ID_BYTES = 16, DERIVED_ID_HEX_BYTES = 2 * DERIVED_ID_BYTES + 1 };

static void
take_control(SocketControl *out, Text name, JsonLineKind kind, Text value)
{
    uint64_t from = 0;
    if (text_is(name, "ack"))
        out->wants_ack = kind == JSON_LINE_BOOLEAN && text_is(value, "true");
    else if (text_is(name, "session") && kind == JSON_LINE_STRING && value.length <= SOCKET_SESSION_BYTES_MAX &&
             text_is_clean_utf8(value))
        snprintf(out->session, sizeof(out->session), "%.*s", TEXT_ARG(value));
    else if (text_is(name, "from") && kind == JSON_LINE_NUMBER && text_to_u64(value, INT64_MAX, &from))
        out->from = from;
}

/* Without an allocation, as the lines that follow it: a request that is not understood would be taken for a record. */
bool
socket_control_parse(Text line, SocketControl *out)
{
    JsonLine outer;
    JsonLine inner;
    JsonLineKind kind;
    Text name;
    Text value;
    char room[SOCKET_LINE_BYTES_MAX];
    bool is_object = false;
    *out = (SocketControl){.wants_ack = false};
    if (line.length > sizeof room || memmem(line.data, line.length, "\"millibill\"", 11) == NULL ||
        !json_line_start(&outer, line, room, sizeof room, &is_object) || !is_object)
        return false;
    while (json_line_next(&outer, &name, &kind, &value))
        if (text_is(name, "millibill") && kind == JSON_LINE_NESTED &&
            json_line_start(&inner, value, room, sizeof room, &is_object) && is_object) {
            while (json_line_next(&inner, &name, &kind, &value))
                take_control(out, name, kind, value);
            if (out->session[0] == '\0')
                out->from = 0;
            return true;
        }
    return false;
}

/* When what the packer holds now, or would hold, will be durable. */
static uint64_t
generation_needed(const Packer *packer)
{
    return packer_generation(packer) + (packer_is_empty(packer) ? 0 : 1);
}

static bool
refuse(const LineIntake *self, const LineOrigin *origin, Text line, const UsageFault *fault, Text tenant,
       int64_t now_us, uint64_t *generation, Err *err)
{
    const UsageRejected rejected = {
        .raw = {line.data, line.length < USAGE_REJECTED_RAW_BYTES_MAX ? line.length : USAGE_REJECTED_RAW_BYTES_MAX},
        .format = TEXT_LITERAL("ndjson"),
        .reason = text_of(usage_reason_name(fault->reason)),
        .field = text_of(fault->field),
        .message = text_of(fault->message),
        .source = text_of(origin->path),
        .line = origin->line,
        .tenant = origin->who->bound ? origin->who->tenant : tenant, /* not whom a forged line names */
    };
    if (!packer_reject(self->packer, &rejected, now_us, err))
        return false;
    *generation = generation_needed(self->packer);
    return true;
}

bool
line_refuse_long(const LineIntake *self, const LineOrigin *origin, Text start, int bytes_max, int64_t now_us,
                 uint64_t *generation, Err *err)
{
    UsageFault fault = {0};
    (void) usage_fault_set(&fault, USAGE_REASON_MALFORMED, "",
                           "line longer than %d bytes (cut here to %d): one record has to fit", bytes_max,
                           USAGE_REJECTED_RAW_BYTES_MAX);
    return refuse(self, origin, start, &fault, (Text){NULL, 0}, now_us, generation, err);
}

static const char *
make_id(const LineOrigin *origin, char out[37])
{
    uint8_t uuid[16];
    if (origin->session[0] == '\0') {
        uuid_make(uuid);
        return uuid_format(uuid, out);
    }
    char named[SOCKET_SESSION_BYTES_MAX + 32];
    char hex[DERIVED_ID_HEX_BYTES];
    int length = snprintf(named, sizeof(named), "%s/%" PRIu64, origin->session, origin->session_line);
    Digest digest = digest_of(named, (size_t) length);
    snprintf(out, 37, "s-%s", bytes_hex(digest.bytes, DERIVED_ID_BYTES, hex));
    return out;
}

/* The record is in the packer, or was taken before: then its copy is not needed again. */
static bool
add_record(const LineIntake *self, const UsageRecord *record, bool may_be_known, int64_t now_us, Err *err)
{
    Identity identity;
    IdentityResult result = IDENTITY_NEW;
    bool remembers = may_be_known && self->window != NULL;
    if (remembers && !identity_window_ask(self->window, record, &identity, &result, err))
        return false;
    if (result == IDENTITY_KNOWN)
        return true;
    return packer_add(self->packer, record, now_us, err) &&
           (!remembers || result == IDENTITY_DIFFERS || identity_window_add(self->window, &identity, err));
}

bool
line_take(const LineIntake *self, const LineOrigin *origin, Text line, int64_t now_us, uint64_t *generation, Err *err)
{
    const DecodeDefaults defaults = {
        .tenant = origin->who->tenant, .tenant_bound = origin->who->bound, .at_us = USAGE_ABSENT};
    UsageRecord record = usage_record_empty();
    UsageFault fault = {0};
    char id[37];
    if (!decode_ndjson(self->scratch, line, &defaults, &record, &fault)) {
        bool named = record.tenant.length <= USAGE_NAME_BYTES_MAX && text_is_clean_utf8(record.tenant);
        return refuse(self, origin, line, &fault, named ? record.tenant : (Text){NULL, 0}, now_us, generation, err);
    }
    bool resendable = !text_is_empty(record.request_id) || origin->session[0] != '\0';
    if (text_is_empty(record.request_id))
        record.request_id = text_of(make_id(origin, id));
    if (!add_record(self, &record, resendable, now_us, err))
        return false;
    *generation = generation_needed(self->packer);
    return true;
}
