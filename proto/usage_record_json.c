/* A record as JSON: the writing half of usage_record.h. */
#include "lib/utc.h"
#include "proto/usage_record.h"

static bool
write_string(Buffer *out, Text text, Err *err)
{
    bool done = buffer_append(out, "\"", 1, err);
    for (size_t i = 0; done && i < text.length; i++) {
        unsigned char c = (unsigned char) text.data[i];
        if (c == '"' || c == '\\')
            done = buffer_append(out, "\\", 1, err) && buffer_append(out, &c, 1, err);
        else if (c < 0x20)
            done = buffer_printf(out, err, "\\u%04x", c);
        else
            done = buffer_append(out, &c, 1, err);
    }
    return done && buffer_append(out, "\"", 1, err);
}

static bool
member_text(Buffer *out, const char *key, Text text, Err *err)
{
    return text.length == 0 || (buffer_printf(out, err, ",\"%s\":", key) && write_string(out, text, err));
}

static bool
member_number(Buffer *out, const char *key, int64_t value, Err *err)
{
    return value == USAGE_ABSENT || buffer_printf(out, err, ",\"%s\":%lld", key, (long long) value);
}

/* Milliseconds with the fewest digits that keep the microseconds, as decimal text. */
static bool
member_ms(Buffer *out, const char *key, int64_t value_us, Err *err)
{
    if (value_us == USAGE_ABSENT)
        return true;
    if (value_us % 1000 == 0)
        return buffer_printf(out, err, ",\"%s\":%lld", key, (long long) (value_us / 1000));
    return buffer_printf(out, err, ",\"%s\":%lld.%03lld", key, (long long) (value_us / 1000),
                         (long long) (value_us % 1000));
}

/* How long: milliseconds of an invocation; of capacity, the units and the seconds that they were ready. */
static bool
members_time(Buffer *out, const UsageRecord *record, Err *err)
{
    const long long second_us = 1000000;
    const long long ready_us = (long long) record->duration_us;
    if (!usage_record_is_capacity(record))
        return member_ms(out, "duration_ms", record->duration_us, err);
    if (!member_number(out, "capacity_units", record->capacity_units, err))
        return false;
    return ready_us % second_us == 0
               ? buffer_printf(out, err, ",\"ready_s\":%lld", ready_us / second_us)
               : buffer_printf(out, err, ",\"ready_s\":%lld.%06lld", ready_us / second_us, ready_us % second_us);
}

static bool
write_names(const UsageRecord *record, Buffer *out, Err *err)
{
    return buffer_append_text(out, "{\"request_id\":", err) && write_string(out, record->request_id, err) &&
           (record->attempt == 1 || member_number(out, "attempt", record->attempt, err)) &&
           member_text(out, "tenant", record->tenant, err) && member_text(out, "function", record->function, err) &&
           member_text(out, "version", record->version, err) && member_text(out, "region", record->region, err) &&
           member_text(out, "architecture", text_of(usage_architecture_name(record->architecture)), err);
}

static bool
write_facts(const UsageRecord *record, Buffer *out, Err *err)
{
    char started[UTC_TEXT_BYTES];
    return member_number(out, "memory_mb", record->memory_mb, err) &&
           member_number(out, "ephemeral_mb", record->ephemeral_mb, err) &&
           member_text(out, "started_at", text_of(utc_format(record->started_at_us, started)), err) &&
           members_time(out, record, err) && member_ms(out, "init_duration_ms", record->init_duration_us, err) &&
           member_number(out, "max_memory_used_mb", record->max_memory_used_mb, err) &&
           member_text(out, "status", text_of(usage_status_name(record->status)), err) &&
           member_text(out, "mode", text_of(usage_mode_name(record->mode)), err) &&
           member_text(out, "trigger", text_of(usage_trigger_name(record->trigger)), err) &&
           member_ms(out, "cpu_ms", record->cpu_us, err) &&
           member_number(out, "response_bytes", record->response_bytes, err) &&
           (!record->streamed || buffer_append_text(out, ",\"streamed\":true", err)) &&
           member_text(out, "package", text_of(usage_package_name(record->package)), err) &&
           member_number(out, "reported_billed_ms", record->reported_billed_ms, err);
}

bool
usage_record_to_json(const UsageRecord *record, Buffer *out, Err *err)
{
    return write_names(record, out, err) && write_facts(record, out, err) && buffer_append_text(out, "}", err);
}
