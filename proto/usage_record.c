#include "proto/usage_record.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/utc.h"

static const char *const REASONS[USAGE_REASON_COUNT] = {
    "none",          "malformed", "missing_field", "out_of_range", "unknown_field", "unknown_tenant",
    "forged_tenant", "too_old",   "in_future",     "conflict",     "not_committed",
};
static const char *const ARCHITECTURES[USAGE_ARCHITECTURE_COUNT] = {"x86_64", "arm64"};
static const char *const PACKAGES[USAGE_PACKAGE_COUNT] = {"managed", "custom", "image"};
static const char *const MODES[USAGE_MODE_COUNT] = {"on_demand", "provisioned"};
static const char *const TRIGGERS[USAGE_TRIGGER_COUNT] = {"other", "http", "pubsub", "datasource", "timer"};
static const char *const STATUSES[USAGE_STATUS_COUNT] = {"ok", "error", "timeout"};

/* Times before this are mistakes of a clock: 2000-01-01 and 2100-01-01. */
static const int64_t EARLIEST_US = INT64_C(946684800000000);
static const int64_t LATEST_US = INT64_C(4102444800000000);

UsageRecord
usage_record_empty(void)
{
    return (UsageRecord){.attempt = 1,
                         .memory_mb = USAGE_ABSENT,
                         .ephemeral_mb = USAGE_EPHEMERAL_MB_DEFAULT,
                         .started_at_us = USAGE_ABSENT,
                         .duration_us = USAGE_ABSENT,
                         .init_duration_us = USAGE_ABSENT,
                         .max_memory_used_mb = USAGE_ABSENT,
                         .cpu_us = USAGE_ABSENT,
                         .response_bytes = USAGE_ABSENT,
                         .reported_billed_ms = USAGE_ABSENT,
                         .capacity_units = USAGE_ABSENT};
}

bool
usage_fault_set(UsageFault *fault, UsageReason reason, const char *field, const char *format, ...)
{
    fault->reason = reason;
    fault->field = field;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault->message, sizeof(fault->message), format, arguments);
    va_end(arguments);
    return false;
}

static bool
check_name(Text text, bool required, size_t maximum, const char *field, UsageFault *fault)
{
    if (text.length == 0 && required)
        return usage_fault_set(fault, USAGE_REASON_MISSING, field, "is missing: every record needs one");
    if (text.length > maximum)
        return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, field, "%zu bytes long, at most %zu allowed",
                               text.length, maximum);
    if (!text_is_clean_utf8(text))
        return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, field,
                               "holds bytes that are not UTF-8 text, or control characters");
    return true;
}

/* A required quantity from minimum to maximum. USAGE_ABSENT means missing when the minimum is above it. */
static bool
check_quantity(int64_t value, int64_t minimum, int64_t maximum, const char *field, UsageFault *fault)
{
    if (value >= minimum && value <= maximum)
        return true;
    return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, field, "is %lld, expected %lld to %lld", (long long) value,
                           (long long) minimum, (long long) maximum);
}

static bool
check_required(int64_t value, int64_t minimum, int64_t maximum, const char *field, UsageFault *fault)
{
    if (value == USAGE_ABSENT)
        return usage_fault_set(fault, USAGE_REASON_MISSING, field, "is missing: every record needs it");
    return check_quantity(value, minimum, maximum, field, fault);
}

static bool
check_optional(int64_t value, int64_t maximum, const char *field, UsageFault *fault)
{
    return value == USAGE_ABSENT || check_quantity(value, 0, maximum, field, fault);
}

static bool
check_duration(int64_t value, const char *field, UsageFault *fault)
{
    if (value >= 0 && value <= USAGE_DURATION_US_MAX)
        return true;
    return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, field,
                           "is %lld microseconds, expected 0 to 24 hours (86400000000)", (long long) value);
}

static bool
check_names(const UsageRecord *record, bool tenant_required, bool id_required, UsageFault *fault)
{
    return check_name(record->tenant, tenant_required, USAGE_NAME_BYTES_MAX, "tenant", fault) &&
           check_name(record->function, true, USAGE_NAME_BYTES_MAX, "function", fault) &&
           check_name(record->version, false, USAGE_NAME_BYTES_MAX, "version", fault) &&
           check_name(record->region, false, USAGE_REGION_BYTES_MAX, "region", fault) &&
           check_name(record->request_id, id_required, USAGE_ID_BYTES_MAX, "request_id", fault);
}

static bool
check_enums(const UsageRecord *record, UsageFault *fault)
{
    return check_quantity(record->architecture, 0, USAGE_ARCHITECTURE_COUNT - 1, "architecture", fault) &&
           check_quantity(record->package, 0, USAGE_PACKAGE_COUNT - 1, "package", fault) &&
           check_quantity(record->mode, 0, USAGE_MODE_COUNT - 1, "mode", fault) &&
           check_quantity(record->trigger, 0, USAGE_TRIGGER_COUNT - 1, "trigger", fault) &&
           check_quantity(record->status, 0, USAGE_STATUS_COUNT - 1, "status", fault);
}

bool
usage_record_is_capacity(const UsageRecord *record)
{
    return record->capacity_units > 0;
}

/* What only an invocation has. */
static bool
check_no_invocation(const UsageRecord *record, UsageFault *fault)
{
    const struct {
        const char *field;
        bool given;
    } facts[] = {
        {"init_duration", record->init_duration_us != USAGE_ABSENT},
        {"max_memory_used_mb", record->max_memory_used_mb != USAGE_ABSENT},
        {"cpu_ms", record->cpu_us != USAGE_ABSENT},
        {"response_bytes", record->response_bytes != USAGE_ABSENT},
        {"streamed", record->streamed},
        {"reported_billed_ms", record->reported_billed_ms != USAGE_ABSENT},
        {"status", record->status != USAGE_OK},
    };
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (facts[i].given)
            return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, facts[i].field,
                                   "belongs to an invocation; leave it out of a record with capacity_units");
    }
    return true;
}

/* Capacity lies inside one hour, so that it is billed where it was: a month never pays for another. */
static bool
check_capacity(const UsageRecord *record, UsageFault *fault)
{
    if (record->capacity_units == USAGE_ABSENT)
        return true;
    if (!check_quantity(record->capacity_units, 1, USAGE_CAPACITY_UNITS_MAX, "capacity_units", fault) ||
        !check_no_invocation(record, fault))
        return false;
    if (record->duration_us == 0)
        return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, "ready_s",
                               "is 0, expected more: units kept ready for "
                               "no time are no capacity");
    if (utc_hour_floor_us(record->started_at_us) != utc_hour_floor_us(record->started_at_us + record->duration_us - 1))
        return usage_fault_set(fault, USAGE_REASON_OUT_OF_RANGE, "ready_s",
                               "reaches over a full hour (UTC); split capacity there, one record for each hour");
    return true;
}

bool
usage_record_check(const UsageRecord *record, bool tenant_required, bool id_required, UsageFault *fault)
{
    if (!check_names(record, tenant_required, id_required, fault) || !check_enums(record, fault))
        return false;
    if (record->duration_us == USAGE_ABSENT)
        return usage_fault_set(fault, USAGE_REASON_MISSING, "duration", "is missing: give duration_ms or duration_us");
    return check_required(record->memory_mb, 1, USAGE_MEMORY_MB_MAX, "memory_mb", fault) &&
           check_required(record->started_at_us, EARLIEST_US, LATEST_US, "started_at", fault) &&
           check_duration(record->duration_us, "duration", fault) &&
           (record->init_duration_us == USAGE_ABSENT ||
            check_duration(record->init_duration_us, "init_duration", fault)) &&
           check_quantity(record->ephemeral_mb, 0, USAGE_MEMORY_MB_MAX, "ephemeral_mb", fault) &&
           check_quantity(record->attempt, 1, 1000000, "attempt", fault) &&
           check_optional(record->max_memory_used_mb, USAGE_MEMORY_MB_MAX, "max_memory_used_mb", fault) &&
           check_optional(record->cpu_us, USAGE_DURATION_US_MAX * 1024, "cpu_ms", fault) &&
           check_optional(record->response_bytes, INT64_C(1) << 50, "response_bytes", fault) &&
           check_optional(record->reported_billed_ms, INT64_C(1) << 40, "reported_billed_ms", fault) &&
           check_capacity(record, fault);
}

const char *
usage_reason_name(UsageReason reason)
{
    return reason < USAGE_REASON_COUNT ? REASONS[reason] : "none";
}

/* Index of a name in a table, -1 when it is not there. */
static int
find_name(Text text, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        if (text_is(text, names[i]))
            return i;
    }
    return -1;
}

/* The name of a value and the value of a name, by one table. A type cannot stand in parentheses. */
/* NOLINTBEGIN(bugprone-macro-parentheses) */
#define ENUM_TEXT(Type, lower, TABLE)                                                   \
    const char *usage_##lower##_name(Type value)                                        \
    {                                                                                   \
        return (TABLE)[value];                                                          \
    }                                                                                   \
    bool usage_##lower##_parse(Text text, Type *out)                                    \
    {                                                                                   \
        int found = find_name(text, TABLE, (int) (sizeof(TABLE) / sizeof((TABLE)[0]))); \
        if (found >= 0)                                                                 \
            *out = (Type) found;                                                        \
        return found >= 0;                                                              \
    }

/* NOLINTEND(bugprone-macro-parentheses) */
ENUM_TEXT(UsageArchitecture, architecture, ARCHITECTURES)
ENUM_TEXT(UsagePackage, package, PACKAGES)
ENUM_TEXT(UsageMode, mode, MODES)
ENUM_TEXT(UsageTrigger, trigger, TRIGGERS)
ENUM_TEXT(UsageStatus, status, STATUSES)

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
usage_id_to_uuid(Text id, uint8_t out[16])
{
    if (id.length != 36)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (id.data[i] != '-')
                return false;
            continue;
        }
        int digit = hex_digit(id.data[i]);
        if (digit < 0)
            return false;
        out[at / 2] = (uint8_t) (at % 2 == 0 ? digit << 4 : out[at / 2] | digit);
        at++;
    }
    return true;
}

static void
hash_text(crypto_hash_sha256_state *state, Text text)
{
    uint8_t length[4] = {(uint8_t) (text.length >> 24), (uint8_t) (text.length >> 16), (uint8_t) (text.length >> 8),
                         (uint8_t) text.length};
    crypto_hash_sha256_update(state, length, sizeof(length));
    crypto_hash_sha256_update(state, (const unsigned char *) (text.data == NULL ? "" : text.data), text.length);
}

static void
hash_numbers(crypto_hash_sha256_state *state, const int64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[8];
        for (int j = 0; j < 8; j++)
            bytes[j] = (uint8_t) ((uint64_t) numbers[i] >> (56 - 8 * j));
        crypto_hash_sha256_update(state, bytes, sizeof(bytes));
    }
}

Digest
usage_record_digest(const UsageRecord *record, bool without_id)
{
    static const unsigned char DOMAIN[] = "millibill record 1";
    const int64_t numbers[] = {
        without_id ? 0 : record->attempt,
        record->architecture,
        record->package,
        record->mode,
        record->trigger,
        record->status,
        record->streamed,
        record->memory_mb,
        record->ephemeral_mb,
        record->started_at_us,
        record->duration_us,
        record->init_duration_us,
        record->max_memory_used_mb,
        record->cpu_us,
        record->response_bytes,
        record->reported_billed_ms,
        record->capacity_units,
    };
    /* Invocations hash as they did before there was capacity. */
    const size_t count = sizeof(numbers) / sizeof(numbers[0]) - (usage_record_is_capacity(record) ? 0 : 1);
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, DOMAIN, sizeof(DOMAIN));
    hash_text(&state, record->tenant);
    hash_text(&state, record->function);
    hash_text(&state, record->version);
    hash_text(&state, record->region);
    hash_text(&state, without_id ? (Text){"", 0} : record->request_id);
    hash_numbers(&state, numbers, count);
    Digest digest;
    crypto_hash_sha256_final(&state, digest.bytes);
    return digest;
}
