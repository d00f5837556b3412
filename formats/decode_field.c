#include "formats/decode_field.h"

#include <stddef.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/utc.h"

typedef enum Kind {
    KIND_TEXT,
    KIND_COUNT, /* whole number */
    KIND_MS,    /* milliseconds into microseconds */
    KIND_US,    /* whole microseconds */
    KIND_S,     /* seconds into microseconds */
    KIND_TIME,  /* RFC 3339 */
    KIND_TIME_US,
    KIND_ATTEMPT,
    KIND_BOOLEAN,
    KIND_ARCHITECTURE,
    KIND_PACKAGE,
    KIND_MODE,
    KIND_TRIGGER,
    KIND_STATUS
} Kind;

typedef struct Field {
    const char *name;
    Kind kind;
    size_t offset; /* in UsageRecord */
} Field;

#define FIELD(name, kind, member)                 \
    {                                             \
        name, kind, offsetof(UsageRecord, member) \
    }

static const Field FIELDS[] = {
    FIELD("request_id", KIND_TEXT, request_id),
    FIELD("attempt", KIND_ATTEMPT, attempt),
    FIELD("tenant", KIND_TEXT, tenant),
    FIELD("function", KIND_TEXT, function),
    FIELD("version", KIND_TEXT, version),
    FIELD("region", KIND_TEXT, region),
    FIELD("architecture", KIND_ARCHITECTURE, architecture),
    FIELD("memory_mb", KIND_COUNT, memory_mb),
    FIELD("ephemeral_mb", KIND_COUNT, ephemeral_mb),
    FIELD("started_at", KIND_TIME, started_at_us),
    FIELD("started_at_us", KIND_TIME_US, started_at_us),
    FIELD("duration_ms", KIND_MS, duration_us),
    FIELD("duration_us", KIND_US, duration_us),
    FIELD("ready_s", KIND_S, duration_us),
    FIELD("capacity_units", KIND_COUNT, capacity_units),
    FIELD("init_duration_ms", KIND_MS, init_duration_us),
    FIELD("init_duration_us", KIND_US, init_duration_us),
    FIELD("max_memory_used_mb", KIND_COUNT, max_memory_used_mb),
    FIELD("status", KIND_STATUS, status),
    FIELD("mode", KIND_MODE, mode),
    FIELD("trigger", KIND_TRIGGER, trigger),
    FIELD("cpu_ms", KIND_MS, cpu_us),
    FIELD("cpu_us", KIND_US, cpu_us),
    FIELD("response_bytes", KIND_COUNT, response_bytes),
    FIELD("streamed", KIND_BOOLEAN, streamed),
    FIELD("package", KIND_PACKAGE, package),
    FIELD("reported_billed_ms", KIND_COUNT, reported_billed_ms),
};
enum { FIELD_COUNT = sizeof FIELDS / sizeof FIELDS[0], FIELD_ARCHITECTURE = 6, SHOWN_BYTES = 40 };

void
field_target_start(FieldTarget *target)
{
    target->record = usage_record_empty();
    target->given = 0;
}

int
field_find(Text name)
{
    for (int i = 0; i < FIELD_COUNT; i++)
        if (strlen(FIELDS[i].name) == name.length && memcmp(FIELDS[i].name, name.data, name.length) == 0)
            return i;
    return -1;
}

const char *
field_name(int field)
{
    return FIELDS[field].name;
}

const char *
field_names(void)
{
    return "request_id, attempt, tenant, function, version, region, architecture, memory_mb, ephemeral_mb, started_at, "
           "started_at_us, duration_ms, duration_us, init_duration_ms, init_duration_us, max_memory_used_mb, status, "
           "mode, "
           "trigger, cpu_ms, cpu_us, response_bytes, streamed, package, reported_billed_ms, capacity_units, ready_s";
}

/* "is 'VALUE', expected WHAT", with a long or dirty value cut. */
static bool
unexpected(const Field *field, Text value, UsageReason reason, const char *expected, UsageFault *fault)
{
    char shown[SHOWN_BYTES + 1];
    size_t length = value.length < SHOWN_BYTES ? value.length : SHOWN_BYTES;
    for (size_t i = 0; i < length; i++)
        shown[i] = value.data[i];
    while (length > 0 && length < value.length && ((unsigned char) shown[length - 1] & 0x80) != 0)
        length--; /* do not cut a character in two */
    for (size_t i = 0; i < length; i++)
        shown[i] = (unsigned char) shown[i] < 0x20 || shown[i] == 0x7F ? '?' : shown[i];
    shown[length] = '\0';
    return usage_fault_set(fault, reason, field->name, "is '%s'%s, expected %s", shown,
                           length < value.length ? " (cut)" : "", expected);
}

static bool
set_quantity(const Field *field, void *member, Text value, int scale, bool whole, const char *expected,
             UsageFault *fault)
{
    int64_t number = 0;
    bool exact = true;
    Err err;
    err_clear(&err);
    if (!decimal_parse_scaled(value, scale, ROUND_UP, &number, &exact, &err))
        return unexpected(field, value, err.code == ERR_RANGE ? USAGE_REASON_OUT_OF_RANGE : USAGE_REASON_MALFORMED,
                          expected, fault);
    /* "-0.0001" would round to nothing: the sign alone makes it negative, and -1 must not pass for absent. */
    if ((whole && !exact) || number < 0 || (value.length > 0 && value.data[0] == '-' && !(exact && number == 0)))
        return unexpected(field, value, USAGE_REASON_OUT_OF_RANGE, expected, fault);
    memcpy(member, &number, sizeof number);
    return true;
}

static bool
set_attempt(const Field *field, void *member, Text value, UsageFault *fault)
{
    int64_t number = 0;
    const char *expected = "a whole number from 1";
    if (!set_quantity(field, &number, value, 0, true, expected, fault))
        return false;
    if (number < 1 || number > UINT32_MAX)
        return unexpected(field, value, USAGE_REASON_OUT_OF_RANGE, expected, fault);
    uint32_t attempt = (uint32_t) number;
    memcpy(member, &attempt, sizeof attempt);
    return true;
}

static bool
set_time(const Field *field, void *member, Text value, UsageFault *fault)
{
    int64_t time_us = 0;
    if (!utc_parse(value, &time_us, NULL))
        return unexpected(field, value, USAGE_REASON_MALFORMED, "an RFC 3339 time such as 2026-10-01T12:00:00.123Z",
                          fault);
    memcpy(member, &time_us, sizeof time_us);
    return true;
}

static bool
set_boolean(const Field *field, void *member, Text value, UsageFault *fault)
{
    bool is_true = text_is(value, "true");
    if (!is_true && !text_is(value, "false"))
        return unexpected(field, value, USAGE_REASON_MALFORMED, "true or false", fault);
    memcpy(member, &is_true, sizeof is_true);
    return true;
}

static bool
set_choice(const Field *field, UsageRecord *record, Text value, UsageFault *fault)
{
    bool known = false;
    const char *expected = "";
    switch (field->kind) {
    case KIND_ARCHITECTURE:
        known = usage_architecture_parse(value, &record->architecture);
        expected = "x86_64 or arm64";
        break;
    case KIND_PACKAGE:
        known = usage_package_parse(value, &record->package);
        expected = "managed, custom or image";
        break;
    case KIND_MODE:
        known = usage_mode_parse(value, &record->mode);
        expected = "on_demand or provisioned";
        break;
    case KIND_TRIGGER:
        known = usage_trigger_parse(value, &record->trigger);
        expected = "http, pubsub, datasource, timer or other";
        break;
    default:
        known = usage_status_parse(value, &record->status);
        expected = "ok, error or timeout";
        break;
    }
    return known || unexpected(field, value, USAGE_REASON_OUT_OF_RANGE, expected, fault);
}

/* May a value of this form be read as this kind? */
static bool
form_fits(const Field *field, Text value, FieldForm form, UsageFault *fault)
{
    if (form == FIELD_CELL)
        return true;
    switch (field->kind) {
    case KIND_COUNT:
    case KIND_MS:
    case KIND_US:
    case KIND_S:
    case KIND_TIME_US:
    case KIND_ATTEMPT:
        return form != FIELD_BOOLEAN ||
               unexpected(field, value, USAGE_REASON_MALFORMED, "a number, or its digits in quotes", fault);
    case KIND_BOOLEAN:
        return form != FIELD_NUMBER || unexpected(field, value, USAGE_REASON_MALFORMED, "true or false", fault);
    default:
        return form == FIELD_STRING || unexpected(field, value, USAGE_REASON_MALFORMED, "text in quotes", fault);
    }
}

static bool
set_value(FieldTarget *target, const Field *field, Text value, UsageFault *fault)
{
    void *member = (char *) &target->record + field->offset;
    switch (field->kind) {
    case KIND_TEXT:
        memcpy(member, &value, sizeof value);
        return true;
    case KIND_COUNT:
        return set_quantity(field, member, value, 0, true, "a whole number, not negative", fault);
    case KIND_US:
        return set_quantity(field, member, value, 0, true, "whole microseconds, not negative", fault);
    case KIND_TIME_US:
        return set_quantity(field, member, value, 0, true, "whole microseconds since 1970-01-01T00:00:00Z", fault);
    case KIND_MS:
        return set_quantity(field, member, value, 3, false, "milliseconds, not negative, such as 469.4", fault);
    case KIND_S:
        return set_quantity(field, member, value, 6, false, "seconds, not negative, such as 3600", fault);
    case KIND_TIME:
        return set_time(field, member, value, fault);
    case KIND_ATTEMPT:
        return set_attempt(field, member, value, fault);
    case KIND_BOOLEAN:
        return set_boolean(field, member, value, fault);
    default:
        return set_choice(field, &target->record, value, fault);
    }
}

MUST_CHECK bool
field_set(FieldTarget *target, int field, Text value, FieldForm form, UsageFault *fault)
{
    const Field *found = &FIELDS[field];
    /* Names of one fact stand together in the table and share the bit of the first. */
    int fact = field;
    while (fact > 0 && FIELDS[fact - 1].offset == found->offset)
        fact--;
    if ((target->given & (UINT64_C(1) << fact)) != 0)
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, found->name, "is given twice: keep one of the two");
    target->given |= UINT64_C(1) << fact | UINT64_C(1) << field;
    return form_fits(found, value, form, fault) && set_value(target, found, value, fault);
}

MUST_CHECK bool
decode_apply_defaults(UsageRecord *record, const DecodeDefaults *defaults, UsageFault *fault)
{
    if (record->tenant.length == 0)
        record->tenant = defaults->tenant;
    else if (defaults->tenant_bound && !text_equal(record->tenant, defaults->tenant))
        return usage_fault_set(fault, USAGE_REASON_FORGED_TENANT, "tenant",
                               "is not '%.*s', the only tenant that this source may speak for",
                               TEXT_ARG(defaults->tenant));
    if (record->function.length == 0)
        record->function = defaults->function;
    if (record->region.length == 0)
        record->region = defaults->region;
    return true;
}

static bool
is_given(const FieldTarget *target, const char *name)
{
    return (target->given & (UINT64_C(1) << field_find(text_of(name)))) != 0;
}

/* Capacity says how long it was ready, an invocation how long it ran. */
static bool
finish_capacity(const FieldTarget *target, UsageRecord *record, UsageFault *fault)
{
    bool ready = is_given(target, "ready_s");
    if (record->capacity_units == USAGE_ABSENT)
        return !ready || usage_fault_set(fault, USAGE_REASON_MISSING, "capacity_units",
                                         "is missing beside ready_s: say how many units were ready");
    if (!ready && record->duration_us != USAGE_ABSENT)
        return usage_fault_set(fault, USAGE_REASON_MALFORMED, "duration",
                               "belongs to an invocation: a record with capacity_units has ready_s instead");
    if (!ready)
        return usage_fault_set(fault, USAGE_REASON_MISSING, "ready_s",
                               "is missing beside capacity_units: say how many seconds they were ready");
    if (!is_given(target, "mode"))
        record->mode = USAGE_PROVISIONED;
    return true;
}

MUST_CHECK bool
field_target_finish(FieldTarget *target, const DecodeDefaults *defaults, UsageRecord *out, UsageFault *fault)
{
    UsageRecord *record = &target->record;
    bool allowed = decode_apply_defaults(record, defaults, fault);
    if (defaults->has_architecture && (target->given & (UINT64_C(1) << FIELD_ARCHITECTURE)) == 0)
        record->architecture = defaults->architecture;
    if (record->started_at_us == USAGE_ABSENT)
        record->started_at_us = defaults->at_us;
    allowed = allowed && finish_capacity(target, record, fault);
    *out = *record;
    return allowed && usage_record_check(record, true, false, fault);
}
