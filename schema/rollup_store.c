#include "schema/rollup_store.h"

#include <stddef.h>
#include <string.h>

#include "lib/utc.h"
#include "schema/db_array.h"

/* ---- pure: what a record adds ---- */

int
rollup_key_compare(const RollupKey *a, const RollupKey *b)
{
    if (a->tenant_id != b->tenant_id)
        return a->tenant_id < b->tenant_id ? -1 : 1;
    if (a->hour_us != b->hour_us)
        return a->hour_us < b->hour_us ? -1 : 1;
    return (a->config_id > b->config_id) - (a->config_id < b->config_id);
}

static int64_t
ceiling(int64_t value, int64_t step)
{
    return (value + step - 1) / step;
}

static int64_t
present(int64_t value)
{
    return value == USAGE_ABSENT ? 0 : value;
}

static int64_t
greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t
streamed_above_free(const UsageRecord *record)
{
    if (!record->streamed)
        return 0;
    return greater(present(record->response_bytes) - ROLLUP_STREAMED_FREE_BYTES, 0);
}

/* Units times seconds, the time rounded up to `step_s`. A unit's hour is 3,600: a record's product always fits. */
static int64_t
capacity_seconds(const UsageRecord *record, int64_t step_s)
{
    return ceiling(record->duration_us, step_s * UTC_SECOND_US) * step_s * record->capacity_units;
}

static bool
add_capacity(RollupSums *sums, const UsageRecord *record)
{
    RollupSums next = *sums;
    if (__builtin_add_overflow(next.capacity_1s, capacity_seconds(record, 1), &next.capacity_1s) ||
        __builtin_add_overflow(next.capacity_300s, capacity_seconds(record, ROLLUP_CAPACITY_STEP_S),
                               &next.capacity_300s))
        return false;
    next.capacity_records++;
    *sums = next;
    return true;
}

MUST_CHECK bool
rollup_sums_add(RollupSums *sums, const UsageRecord *record)
{
    if (usage_record_is_capacity(record))
        return add_capacity(sums, record);
    int64_t init_us = present(record->init_duration_us);
    int64_t both_us = record->duration_us + init_us;
    RollupSums next = *sums;
    bool overflow = __builtin_add_overflow(next.duration_us, record->duration_us, &next.duration_us);
    overflow |= __builtin_add_overflow(next.init_us, init_us, &next.init_us);
    overflow |= __builtin_add_overflow(next.cpu_us, present(record->cpu_us), &next.cpu_us);
    overflow |= __builtin_add_overflow(next.streamed_bytes, streamed_above_free(record), &next.streamed_bytes);
    if (overflow)
        return false;
    next.invocations++;
    next.errors += record->status == USAGE_ERROR;
    next.timeouts += record->status == USAGE_TIMEOUT;
    next.initializations += record->init_duration_us != USAGE_ABSENT;
    next.duration_1ms += ceiling(record->duration_us, 1000);
    next.duration_100ms += ceiling(record->duration_us, 100000) * 100;
    next.with_init_1ms += ceiling(both_us, 1000);
    next.with_init_100ms += ceiling(both_us, 100000) * 100;
    next.max_memory_used_mb = greater(next.max_memory_used_mb, present(record->max_memory_used_mb));
    next.max_duration_us = greater(next.max_duration_us, record->duration_us);
    *sums = next;
    return true;
}

/* ---- writing ---- */

enum { KEY_ARRAYS = 3, SUM_ARRAYS = 17, ENTRY_ARRAYS = KEY_ARRAYS + SUM_ARRAYS };

static const char SQL_ADD[] =
    "SELECT rollup_add($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[],"
    " $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],"
    " $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[],"
    " $18::bigint[], $19::bigint[], $20::bigint[])";
static const char SQL_SUBTRACT[] =
    "SELECT rollup_subtract($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[],"
    " $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],"
    " $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[],"
    " $18::bigint[], $19::bigint[], $20::bigint[])";
static const char SQL_SET_GREATEST[] =
    "SELECT rollup_set_greatest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[])";

/** In the order of the functions' parameters. */
static const size_t SUM_OFFSETS[SUM_ARRAYS] = {
    offsetof(RollupSums, invocations),      offsetof(RollupSums, errors),
    offsetof(RollupSums, timeouts),         offsetof(RollupSums, initializations),
    offsetof(RollupSums, duration_us),      offsetof(RollupSums, init_us),
    offsetof(RollupSums, duration_1ms),     offsetof(RollupSums, duration_100ms),
    offsetof(RollupSums, with_init_1ms),    offsetof(RollupSums, with_init_100ms),
    offsetof(RollupSums, cpu_us),           offsetof(RollupSums, streamed_bytes),
    offsetof(RollupSums, capacity_records), offsetof(RollupSums, capacity_1s),
    offsetof(RollupSums, capacity_300s),    offsetof(RollupSums, max_memory_used_mb),
    offsetof(RollupSums, max_duration_us),
};

static int64_t
sum_at(const RollupSums *sums, size_t i)
{
    int64_t value;
    memcpy(&value, (const char *) sums + SUM_OFFSETS[i], sizeof value);
    return value;
}

static void
arrays_start(DbArray *arrays, size_t count)
{
    for (size_t i = 0; i < count; i++)
        arrays[i] = db_array_of(i == 1 ? DB_TIMESTAMPTZ : DB_BIGINT);
}

static bool
entry_to_arrays(DbArray *arrays, const RollupEntry *entry, size_t first_sum, Err *err)
{
    bool good = db_array_add_i64(&arrays[0], entry->key.tenant_id, err) &&
                db_array_add_time(&arrays[1], entry->key.hour_us, err) &&
                db_array_add_i64(&arrays[2], entry->key.config_id, err);
    for (size_t i = first_sum; good && i < SUM_ARRAYS; i++)
        good = db_array_add_i64(&arrays[KEY_ARRAYS + i - first_sum], sum_at(&entry->sums, i), err);
    return good;
}

/** Send keys and the sums from `first_sum` on; the number in the answer goes to `answer` (may be NULL). */
static bool
entries_send(Db *db, const char *sql, const RollupEntry *entries, size_t count, size_t first_sum, int64_t *answer,
             Err *err)
{
    DbArray arrays[ENTRY_ARRAYS];
    DbParam params[ENTRY_ARRAYS];
    size_t columns = ENTRY_ARRAYS - first_sum;
    arrays_start(arrays, columns);
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = entry_to_arrays(arrays, &entries[i], first_sum, err);
    DbResult *result = NULL;
    if (good && db_array_params(arrays, columns, params, err))
        result = db_query(db, sql, params, (int) columns, err);
    if (result != NULL && answer != NULL)
        *answer = db_i64(result, 0, 0);
    good = result != NULL;
    db_result_free(&result);
    db_array_free_all(arrays, columns);
    return good;
}

MUST_CHECK bool
rollup_add(Db *db, const RollupEntry *entries, size_t count, Err *err)
{
    return count == 0 || entries_send(db, SQL_ADD, entries, count, 0, NULL, err);
}

MUST_CHECK bool
rollup_subtract(Db *db, const RollupEntry *entries, size_t count, Err *err)
{
    int64_t found = 0;
    if (count == 0)
        return true;
    if (!entries_send(db, SQL_SUBTRACT, entries, count, 0, &found, err))
        return false;
    return found == (int64_t) count ||
           err_set(err, ERR_CORRUPT, "%zu rollup rows to correct, %lld found", count, (long long) found);
}

MUST_CHECK bool
rollup_set_greatest(Db *db, const RollupEntry *entries, size_t count, Err *err)
{
    return count == 0 || entries_send(db, SQL_SET_GREATEST, entries, count, SUM_ARRAYS - 2, NULL, err);
}

/* ---- days ---- */

bool
rollup_days_close(Db *db, int64_t quiet_s, const atomic_bool *stop, Err *err)
{
    DbParam quiet;
    db_set_i64(&quiet, quiet_s);
    for (bool more = true; more && (stop == NULL || !atomic_load(stop));) {
        DbResult *result = db_query(db, "SELECT rollup_days_close($1::integer)", &quiet, 1, err);
        if (result == NULL)
            return err_prefix(err, "sums of days: ");
        more = db_i64(result, 0, 0) > 0;
        db_result_free(&result);
    }
    return true;
}

/* ---- configurations ---- */

enum { CONFIG_ARRAYS = 8 };

static const char SQL_CONFIGS[] =
    "SELECT configs_ensure($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[],"
    " $6::bigint[], $7::text[], $8::text[])";

static bool
config_to_arrays(DbArray *arrays, const ConfigKey *key, Err *err)
{
    return db_array_add_i64(&arrays[0], key->tenant_id, err) && db_array_add_text(&arrays[1], key->function, err) &&
           db_array_add_text(&arrays[2], key->region, err) &&
           db_array_add_text(&arrays[3], text_of(usage_architecture_name(key->architecture)), err) &&
           db_array_add_i64(&arrays[4], key->memory_mb, err) && db_array_add_i64(&arrays[5], key->ephemeral_mb, err) &&
           db_array_add_text(&arrays[6], text_of(usage_mode_name(key->mode)), err) &&
           db_array_add_text(&arrays[7], text_of(usage_package_name(key->package)), err);
}

MUST_CHECK bool
config_ids_ensure(Db *db, const ConfigKey *keys, size_t count, int64_t *ids, Err *err)
{
    static const DbElement elements[CONFIG_ARRAYS] = {DB_BIGINT, DB_TEXT,   DB_TEXT, DB_TEXT,
                                                      DB_BIGINT, DB_BIGINT, DB_TEXT, DB_TEXT};
    if (count == 0)
        return true;
    DbArray arrays[CONFIG_ARRAYS];
    DbParam params[CONFIG_ARRAYS];
    for (size_t i = 0; i < CONFIG_ARRAYS; i++)
        arrays[i] = db_array_of(elements[i]);
    bool good = true;
    for (size_t i = 0; good && i < count; i++)
        good = config_to_arrays(arrays, &keys[i], err);
    DbResult *result = NULL;
    if (good && db_array_params(arrays, CONFIG_ARRAYS, params, err))
        result = db_query(db, SQL_CONFIGS, params, CONFIG_ARRAYS, err);
    good = result != NULL;
    if (good && (size_t) db_rows(result) != count)
        good = err_set(err, ERR_INTERNAL, "%zu configurations were asked for, %d came", count, db_rows(result));
    for (size_t i = 0; good && i < count; i++)
        ids[i] = db_i64(result, (int) i, 0);
    db_result_free(&result);
    db_array_free_all(arrays, CONFIG_ARRAYS);
    return good;
}
