/**
 * rollup_store - hourly sums of a function configuration: added to by commits, read by rating and reports
 *
 * Rollups always equal segments less exclusions. Sums travel as text and are held in 128 bits: a month's sum of
 * microseconds cannot overflow.
 */
#ifndef SCHEMA_ROLLUP_STORE_H
#define SCHEMA_ROLLUP_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/utc.h"
#include "proto/usage_record.h"
#include "schema/db.h"

enum {
    ROLLUP_STREAMED_FREE_BYTES = 6291456, /* 6 MB of a streamed response are not counted */
    ROLLUP_CAPACITY_STEP_S = 300          /* the coarser of the two roundings of capacity */
};

/** What one hour of one configuration adds up to. */
typedef struct RollupSums {
    int64_t invocations;
    int64_t errors;
    int64_t timeouts;
    int64_t initializations; /* records that had an initialization */
    int64_t duration_us;
    int64_t init_us;
    int64_t duration_1ms;   /* each rounded up to 1 ms, in ms */
    int64_t duration_100ms; /* each rounded up to 100 ms, in ms */
    int64_t with_init_1ms;  /* duration + initialization, rounded up once, in ms */
    int64_t with_init_100ms;
    int64_t cpu_us;
    int64_t streamed_bytes;   /* above 6 MB of each streamed response */
    int64_t capacity_records; /* which are no invocations, and count in the two sums below only */
    int64_t capacity_1s;      /* units x seconds that they were ready, each record's time rounded up to 1 s */
    int64_t capacity_300s;    /* … to 300 s, in units x seconds */
    int64_t max_memory_used_mb;
    int64_t max_duration_us;
} RollupSums;

/** Which rollup row. Rows are written in the order (tenant_id, hour_us, config_id) by everyone: no deadlocks. */
typedef struct RollupKey {
    int64_t tenant_id;
    int64_t hour_us;
    int64_t config_id;
} RollupKey;

typedef struct RollupEntry {
    RollupKey key;
    RollupSums sums;
} RollupEntry;

int rollup_key_compare(const RollupKey *a, const RollupKey *b);

/** Pure: add one record's share. False, and nothing changed, when a sum would not fit 64 bits. */
MUST_CHECK bool rollup_sums_add(RollupSums *sums, const UsageRecord *record);

/** Add entries (sorted by key, no key twice) to the database in one statement: sums are added, greatest values merged. */
MUST_CHECK bool rollup_add(Db *db, const RollupEntry *entries, size_t count, Err *err);

/** Take the sums of excluded records (sorted by key, no key twice, positive) out of existing rows, and keep those rows
 *  locked. The greatest values stay until rollup_set_greatest. ERR_CORRUPT when a row is missing. */
MUST_CHECK bool rollup_subtract(Db *db, const RollupEntry *entries, size_t count, Err *err);

/** Set the greatest values of rows to those of the entries (the other sums are not looked at); rows without invocations
 *  and without capacity are removed. */
MUST_CHECK bool rollup_set_greatest(Db *db, const RollupEntry *entries, size_t count, Err *err);

/** A function configuration as rollups distinguish it (texts borrowed). */
typedef struct ConfigKey {
    int64_t tenant_id;
    Text function;
    Text region;
    UsageArchitecture architecture;
    UsageMode mode;
    UsagePackage package;
    int64_t memory_mb;
    int64_t ephemeral_mb;
} ConfigKey;

/** Find or make the ids of configurations; `ids` has `count` members. */
MUST_CHECK bool config_ids_ensure(Db *db, const ConfigKey *keys, size_t count, int64_t *ids, Err *err);

typedef unsigned __int128 RollupTotal;

/** Sums of one (tenant, function, region, architecture, memory, ephemeral, mode, package) over a period. Texts are
 *  borrowed for the time of the callback. */
typedef struct RollupRow {
    int64_t tenant_id;
    Text tenant;
    Text account;
    Text function;
    Text region;
    UsageArchitecture architecture;
    UsageMode mode;
    UsagePackage package;
    int64_t memory_mb;
    int64_t ephemeral_mb;
    int64_t hour_us; /* rollup_stream_hours: the hour; else the start of the period */
    RollupTotal invocations;
    RollupTotal errors;
    RollupTotal timeouts;
    RollupTotal initializations;
    RollupTotal duration_us;
    RollupTotal init_us;
    RollupTotal duration_1ms;
    RollupTotal duration_100ms;
    RollupTotal with_init_1ms;
    RollupTotal with_init_100ms;
    RollupTotal cpu_us;
    RollupTotal streamed_bytes;
    RollupTotal capacity_records;
    RollupTotal capacity_1s;
    RollupTotal capacity_300s;
    int64_t max_memory_used_mb;
    int64_t max_duration_us;
    int weeks; /* rollup_stream_going_on: of the tenant's habit; 0 otherwise */
} RollupRow;

/** Called for each row; returns false (with err set) to stop. */
typedef bool (*RollupVisit)(void *context, const RollupRow *row, Err *err);

/** Whole hours of a billing period: an hour in the midst of which it starts or ends is not among them. */
typedef struct RollupSpan {
    UtcMonth month; /* in which it starts: whose accounts hold */
    int64_t start_us;
    int64_t end_us;
} RollupSpan;

/** Every configuration's sums, ordered by account, tenant, function, region, architecture, memory, ephemeral, mode, package.
 *  `tenant` may be NULL for all. Runs inside the caller's transaction if there is one. */
MUST_CHECK bool
rollup_stream(Db *db, const char *tenant, const RollupSpan *span, RollupVisit visit, void *context, Err *err);
/** For a transaction that calls rollup_stream_of() many times: each reads its own rows by index, and never the whole month. */
MUST_CHECK bool rollup_stream_by_index(Db *db, Err *err);
/** The same of these tenants, each once, in the order in which they are given. */
MUST_CHECK bool rollup_stream_of(Db *db, const int64_t *tenants, size_t count, const RollupSpan *span,
                                 RollupVisit visit, void *context, Err *err);
/** The same, one row for each hour, ordered by hour after the tenant. */
MUST_CHECK bool
rollup_stream_hours(Db *db, const char *tenant, const RollupSpan *span, RollupVisit visit, void *context, Err *err);

/** Those hours again, with the functions of one memory and mode added up: invocations, duration_1ms, duration_100ms, with_init_1ms and with_init_100ms;
 *  all else of a row is empty, 0, or the first of its kind. Ordered by account and tenant. */
MUST_CHECK bool rollup_stream_memory_hours(Db *db, const char *tenant, const RollupSpan *span, RollupVisit visit,
                                           void *context, Err *err);

/** How the use of tenants goes on: what the hours of their last weeks were, and how much time of each hour of the week is still to come. */
typedef struct RollupHabits {
    const int64_t *tenants; /* each once */
    const int64_t *weeks;   /* of each: how many count; 0: nothing is added */
    size_t count;
    int64_t end_us;        /* a whole hour: the weeks are those before it */
    const int64_t *left_s; /* FORECAST_SLOTS: see lib/forecast.h */
} RollupHabits;

/** rollup_stream_of(), with what is to come: every sum is that of the span and, for each hour of the week, its sum over the weeks × left_s ÷ (weeks × 3600);
 *  rounded down, once. The greatest values are those of the weeks too. */
MUST_CHECK bool rollup_stream_going_on(Db *db, const RollupHabits *habits, const RollupSpan *span, RollupVisit visit,
                                       void *context, Err *err);

/** Called with the place of a tenant among those asked for (from 0) and its first hour of use. */
typedef bool (*RollupFirstVisit)(void *context, size_t place, int64_t hour_us, Err *err);
/** The first hour in [start, end), whole hours, in which each of these tenants used anything; who used nothing is left out. */
MUST_CHECK bool rollup_first_hours(Db *db, const int64_t *tenants, size_t count, int64_t start_us, int64_t end_us,
                                   RollupFirstVisit visit, void *context, Err *err);

/** Add up the hours of UTC days that ended `quiet_s` seconds ago or earlier and changed since (schema/views/05_days.sql), so that
 *  views by day need not. As millibill_compactor, outside of a transaction; in steps of a transaction each, until nothing more can
 *  be done now, or `stop` (may be NULL) says so. ERR_BUSY may be tried again. */
MUST_CHECK bool rollup_days_close(Db *db, int64_t quiet_s, const atomic_bool *stop, Err *err);

#endif
