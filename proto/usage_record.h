/**
 * usage_record - the facts of one invocation as a plain struct
 *
 * Or of capacity: units of a function that were kept ready for a time, which is no invocation (capacity_units).
 *
 * Every source decodes into this; every consumer reads it. Texts are borrowed slices: they live as long as the
 * decoder's line or the unpacked batch they came from.
 */
#ifndef PROTO_USAGE_RECORD_H
#define PROTO_USAGE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"

enum {
    USAGE_NAME_BYTES_MAX = 255, /* tenant, function, version */
    USAGE_REGION_BYTES_MAX = 64,
    USAGE_ID_BYTES_MAX = 128, /* request_id */
    USAGE_MEMORY_MB_MAX = 16777216,
    USAGE_EPHEMERAL_MB_DEFAULT = 512,
    USAGE_CAPACITY_UNITS_MAX = 1000000000,
    USAGE_ABSENT = -1 /* an optional quantity that the source did not give */
};
#define USAGE_DURATION_US_MAX INT64_C(86400000000) /* 24 hours */

typedef enum UsageArchitecture { USAGE_X86_64, USAGE_ARM64, USAGE_ARCHITECTURE_COUNT } UsageArchitecture;
typedef enum UsagePackage { USAGE_MANAGED, USAGE_CUSTOM, USAGE_IMAGE, USAGE_PACKAGE_COUNT } UsagePackage;
typedef enum UsageMode { USAGE_ON_DEMAND, USAGE_PROVISIONED, USAGE_MODE_COUNT } UsageMode;
typedef enum UsageTrigger {
    USAGE_TRIGGER_OTHER,
    USAGE_TRIGGER_HTTP,
    USAGE_TRIGGER_PUBSUB,
    USAGE_TRIGGER_DATASOURCE,
    USAGE_TRIGGER_TIMER,
    USAGE_TRIGGER_COUNT
} UsageTrigger;
typedef enum UsageStatus { USAGE_OK, USAGE_ERROR, USAGE_TIMEOUT, USAGE_STATUS_COUNT } UsageStatus;

/** Why something is in quarantine. The names are stable: they stand in the database. */
typedef enum UsageReason {
    USAGE_REASON_NONE,
    USAGE_REASON_MALFORMED,      /* "malformed": not a line of its format */
    USAGE_REASON_MISSING,        /* "missing_field" */
    USAGE_REASON_OUT_OF_RANGE,   /* "out_of_range" */
    USAGE_REASON_UNKNOWN_FIELD,  /* "unknown_field" */
    USAGE_REASON_UNKNOWN_TENANT, /* "unknown_tenant" */
    USAGE_REASON_FORGED_TENANT,  /* "forged_tenant": the agent's key may not speak for it */
    USAGE_REASON_TOO_OLD,        /* "too_old": a live record too far back */
    USAGE_REASON_IN_FUTURE,      /* "in_future" */
    USAGE_REASON_CONFLICT,       /* "conflict": the same identity with other content */
    USAGE_REASON_NOT_COMMITTED,  /* "not_committed": the database could not take the batch that it came in */
    USAGE_REASON_COUNT
} UsageReason;

typedef struct UsageRecord {
    Text tenant;      /* 1..255 bytes */
    Text function;    /* 1..255 bytes */
    Text version;     /* 0..255 bytes */
    Text region;      /* 0..64 bytes */
    Text request_id;  /* 1..128 bytes */
    uint32_t attempt; /* 1.. */
    UsageArchitecture architecture;
    UsagePackage package;
    UsageMode mode;
    UsageTrigger trigger;
    UsageStatus status;
    bool streamed;
    int64_t memory_mb;          /* 1..USAGE_MEMORY_MB_MAX */
    int64_t ephemeral_mb;       /* 0..USAGE_MEMORY_MB_MAX */
    int64_t started_at_us;      /* UTC */
    int64_t duration_us;        /* 0..USAGE_DURATION_US_MAX; of capacity: how long it was ready, inside one UTC hour */
    int64_t init_duration_us;   /* 0..USAGE_DURATION_US_MAX or USAGE_ABSENT */
    int64_t max_memory_used_mb; /* or USAGE_ABSENT */
    int64_t cpu_us;             /* or USAGE_ABSENT */
    int64_t response_bytes;     /* or USAGE_ABSENT */
    int64_t reported_billed_ms; /* or USAGE_ABSENT */
    int64_t capacity_units;     /* 1..USAGE_CAPACITY_UNITS_MAX, or USAGE_ABSENT: an invocation */
} UsageRecord;

/** What is wrong with a record: code, field name (static) and a sentence with what was expected and what to do. */
typedef struct UsageFault {
    UsageReason reason;
    const char *field;
    char message[256];
} UsageFault;

/** A record with every optional quantity absent, attempt 1, ephemeral 512 MB, region empty; required fields are left
 *  empty / USAGE_ABSENT so that usage_record_check finds them missing. */
UsageRecord usage_record_empty(void);

/** Is every field present and within its limits? False with the first fault. `request_id` may be empty only if
 *  `id_required` is false, `tenant` only if `tenant_required` is false. */
MUST_CHECK bool
usage_record_check(const UsageRecord *record, bool tenant_required, bool id_required, UsageFault *fault);

/** Set a fault; returns false. */
bool
usage_fault_set(UsageFault *fault, UsageReason reason, const char *field, const char *format, ...) PRINTF_LIKE(4, 5);

const char *usage_reason_name(UsageReason reason);
const char *usage_architecture_name(UsageArchitecture value); /* "x86_64", "arm64" */
const char *usage_package_name(UsagePackage value);           /* "managed", "custom", "image" */
const char *usage_mode_name(UsageMode value);                 /* "on_demand", "provisioned" */
const char *usage_trigger_name(UsageTrigger value);
const char *usage_status_name(UsageStatus value); /* "ok", "error", "timeout" */
MUST_CHECK bool usage_architecture_parse(Text text, UsageArchitecture *out);
MUST_CHECK bool usage_package_parse(Text text, UsagePackage *out);
MUST_CHECK bool usage_mode_parse(Text text, UsageMode *out);
MUST_CHECK bool usage_trigger_parse(Text text, UsageTrigger *out);
MUST_CHECK bool usage_status_parse(Text text, UsageStatus *out);

/** Units kept ready, and no invocation? */
bool usage_record_is_capacity(const UsageRecord *record);

/** A canonical lower-case UUID ("8-4-4-4-12")? Then its 16 bytes. */
MUST_CHECK bool usage_id_to_uuid(Text id, uint8_t out[16]);

/** SHA-256 over every fact of the record in a fixed binary form: two records with the same digest say the same.
 *  `without_id`: request_id and attempt are left out (the content digest that names a line without id). */
Digest usage_record_digest(const UsageRecord *record, bool without_id);

/** The record as one JSON object on one line (no newline), the form that `emit` and `import ndjson` read; absent fields
 *  are left out. Appends to `out`. */
MUST_CHECK bool usage_record_to_json(const UsageRecord *record, Buffer *out, Err *err);

#endif
