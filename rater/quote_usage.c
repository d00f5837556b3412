#include "rater/quote_usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "rater/tally.h"

#define CAPACITY_US_MAX (INT64_C(366) * UTC_DAY_US)

static const char DEFAULT_NAME[] = "default";

/* A row as it is read: the facts of one invocation, and how many of them there were. */
typedef struct QuoteRow {
    UsageRecord record;
    bool has_invocations;
    uint64_t invocations;
    bool has_mode;
    int64_t capacity_units; /* USAGE_ABSENT: no capacity row */
    int64_t ready_us;
    int64_t hour_us; /* some instant of the hour; 0: the row gives no time */
} QuoteRow;

typedef bool (*ReadField)(QuoteRow *row, const char *key, Json *value, Err *err);

static bool
read_name(QuoteRow *row, const char *key, Json *value, Err *err)
{
    Text *target = strcmp(key, "tenant") == 0     ? &row->record.tenant
                   : strcmp(key, "function") == 0 ? &row->record.function
                   : strcmp(key, "region") == 0   ? &row->record.region
                                                  : &row->record.version;
    if (json_text(value, target))
        return true;
    return err_set(err, ERR_INPUT, "expected text, as \"name\"");
}

static bool
read_choice(QuoteRow *row, const char *key, Json *value, Err *err)
{
    Text text = {0};
    UsageRecord *record = &row->record;
    if (!json_text(value, &text))
        return err_set(err, ERR_INPUT, "expected text");
    row->has_mode = row->has_mode || strcmp(key, "mode") == 0;
    if (strcmp(key, "architecture") == 0)
        return usage_architecture_parse(text, &record->architecture) ||
               err_set(err, ERR_INPUT, "'%.*s' is not known; write x86_64 or arm64", TEXT_ARG(text));
    if (strcmp(key, "mode") == 0)
        return usage_mode_parse(text, &record->mode) ||
               err_set(err, ERR_INPUT, "'%.*s' is not known; write on_demand or provisioned", TEXT_ARG(text));
    if (strcmp(key, "package") == 0)
        return usage_package_parse(text, &record->package) ||
               err_set(err, ERR_INPUT, "'%.*s' is not known; write managed, custom or image", TEXT_ARG(text));
    if (strcmp(key, "status") == 0)
        return usage_status_parse(text, &record->status) ||
               err_set(err, ERR_INPUT, "'%.*s' is not known; write ok, error or timeout", TEXT_ARG(text));
    return usage_trigger_parse(text, &record->trigger) ||
           err_set(err, ERR_INPUT, "'%.*s' is not known; write http, pubsub, datasource, timer or other",
                   TEXT_ARG(text));
}

/* A number of 0 or more, scaled by 10^scale to a whole one. A time finer than a microsecond rounds up, which never changes
 * a billed millisecond; a count must be whole. */
static bool
read_scaled(Json *value, int scale, int64_t *out, Err *err)
{
    Text text = {0};
    bool exact = true;
    if (!json_number_text(value, &text))
        return err_set(err, ERR_INPUT, "expected a number");
    if (!decimal_parse_scaled(text, scale, ROUND_UP, out, &exact, err))
        return false;
    if (*out < 0 || (text.length > 0 && text.data[0] == '-'))
        return err_set(err, ERR_INPUT, "'%.*s' is negative; write 0 or more", TEXT_ARG(text));
    return exact || scale > 0 || err_set(err, ERR_INPUT, "'%.*s' is not a whole number; round it", TEXT_ARG(text));
}

static bool
read_milliseconds(QuoteRow *row, const char *key, Json *value, Err *err)
{
    int64_t *target = strcmp(key, "duration_ms") == 0        ? &row->record.duration_us
                      : strcmp(key, "init_duration_ms") == 0 ? &row->record.init_duration_us
                                                             : &row->record.cpu_us;
    if (*target != USAGE_ABSENT)
        return err_set(err, ERR_INPUT, "stands beside the same in microseconds; keep one of them");
    return read_scaled(value, 3, target, err);
}

static bool
read_whole(QuoteRow *row, const char *key, Json *value, Err *err)
{
    UsageRecord *record = &row->record;
    int64_t *target = strcmp(key, "memory_mb") == 0            ? &record->memory_mb
                      : strcmp(key, "ephemeral_mb") == 0       ? &record->ephemeral_mb
                      : strcmp(key, "duration_us") == 0        ? &record->duration_us
                      : strcmp(key, "init_duration_us") == 0   ? &record->init_duration_us
                      : strcmp(key, "cpu_us") == 0             ? &record->cpu_us
                      : strcmp(key, "max_memory_used_mb") == 0 ? &record->max_memory_used_mb
                      : strcmp(key, "response_bytes") == 0     ? &record->response_bytes
                                                               : &record->reported_billed_ms;
    if (strstr(key, "_us") == key + strlen(key) - 3 && *target != USAGE_ABSENT)
        return err_set(err, ERR_INPUT, "stands beside the same in milliseconds; keep one of them");
    return read_scaled(value, 0, target, err);
}

static bool
read_capacity(QuoteRow *row, const char *key, Json *value, Err *err)
{
    bool units = strcmp(key, "capacity_units") == 0;
    int64_t *target = units ? &row->capacity_units : &row->ready_us;
    int64_t most = units ? USAGE_CAPACITY_UNITS_MAX : CAPACITY_US_MAX;
    return read_scaled(value, units ? 0 : 6, target, err) &&
           ((*target > 0 && *target <= most) ||
            err_set(err, ERR_INPUT, "is not possible; write a number above 0, at most %" PRId64,
                    units ? most : most / UTC_SECOND_US));
}

static bool
read_started(QuoteRow *row, const char *key, Json *value, Err *err)
{
    Text text = {0};
    if (strcmp(key, "started_at_us") == 0)
        return read_scaled(value, 0, &row->record.started_at_us, err);
    if (!json_text(value, &text))
        return err_set(err, ERR_INPUT, "expected text, as \"2026-10-01T12:00:00Z\"");
    return utc_parse(text, &row->record.started_at_us, err);
}

static bool
read_invocations(QuoteRow *row, const char *key, Json *value, Err *err)
{
    (void) key;
    int64_t count = 0;
    if (!read_scaled(value, 0, &count, err))
        return false;
    if ((uint64_t) count > QUOTE_INVOCATIONS_MAX)
        return err_set(err, ERR_INPUT, "more than %" PRIu64 " in one row; split it", QUOTE_INVOCATIONS_MAX);
    row->invocations = (uint64_t) count;
    row->has_invocations = true;
    return true;
}

static bool
read_streamed(QuoteRow *row, const char *key, Json *value, Err *err)
{
    (void) key;
    if (!json_object_is_type(value, json_type_boolean))
        return err_set(err, ERR_INPUT, "expected true or false");
    row->record.streamed = json_object_get_boolean(value) != 0;
    return true;
}

/* What tells one invocation from another says nothing about a row, which stands for many. */
static bool
pass_over(QuoteRow *row, const char *key, Json *value, Err *err)
{
    (void) row;
    (void) key;
    (void) value;
    (void) err;
    return true;
}

static const struct {
    const char *key;
    ReadField read;
} FIELDS[] = {
    {"tenant", read_name},
    {"function", read_name},
    {"version", read_name},
    {"region", read_name},
    {"architecture", read_choice},
    {"memory_mb", read_whole},
    {"ephemeral_mb", read_whole},
    {"mode", read_choice},
    {"package", read_choice},
    {"status", read_choice},
    {"trigger", read_choice},
    {"streamed", read_streamed},
    {"invocations", read_invocations},
    {"duration_ms", read_milliseconds},
    {"duration_us", read_whole},
    {"init_duration_ms", read_milliseconds},
    {"init_duration_us", read_whole},
    {"cpu_ms", read_milliseconds},
    {"cpu_us", read_whole},
    {"max_memory_used_mb", read_whole},
    {"response_bytes", read_whole},
    {"reported_billed_ms", read_whole},
    {"request_id", pass_over},
    {"attempt", pass_over},
    {"started_at", read_started},
    {"started_at_us", read_started},
    {"capacity_units", read_capacity},
    {"ready_s", read_capacity},
};
enum { FIELD_COUNT = sizeof(FIELDS) / sizeof(FIELDS[0]) };

static bool
unknown_field(const char *key, Err *err)
{
    char known[640] = "";
    size_t length = 0;
    for (size_t i = 0; i < FIELD_COUNT && length < sizeof(known); i++)
        length += (size_t) snprintf(known + length, sizeof(known) - length, "%s%s", i == 0 ? "" : ", ", FIELDS[i].key);
    return err_set(err, ERR_INPUT, "%.80s: unknown field; known are: %s", key, known);
}

static bool
read_field(QuoteRow *row, const char *key, Json *value, Err *err)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(FIELDS[i].key, key) != 0)
            continue;
        if (value == NULL) /* null: as if it were not there */
            return true;
        return FIELDS[i].read(row, key, value, err) || err_prefix(err, "%s: ", key);
    }
    return unknown_field(key, err);
}

/* A capacity row has no invocations, and is in provisioned mode unless it says otherwise. */
static bool
capacity_check(QuoteRow *row, Err *err)
{
    if (row->capacity_units == USAGE_ABSENT || row->ready_us == USAGE_ABSENT)
        return err_set(err, ERR_INPUT, "%s: is missing beside %s; a capacity row has both",
                       row->capacity_units == USAGE_ABSENT ? "capacity_units" : "ready_s",
                       row->capacity_units == USAGE_ABSENT ? "ready_s" : "capacity_units");
    if (row->has_invocations || row->record.duration_us != USAGE_ABSENT)
        return err_set(err, ERR_INPUT,
                       "capacity_units: a row of capacity has no invocations and no duration; put them into a row of "
                       "their own");
    row->record.duration_us = 0;
    if (!row->has_mode)
        row->record.mode = USAGE_PROVISIONED;
    return true;
}

static bool
row_check(QuoteRow *row, Err *err)
{
    UsageFault fault = {0};
    UsageRecord *record = &row->record;
    bool is_capacity = row->capacity_units != USAGE_ABSENT || row->ready_us != USAGE_ABSENT;
    if (is_capacity && !capacity_check(row, err))
        return false;
    if (!is_capacity && !row->has_invocations)
        return err_set(err, ERR_INPUT, "invocations: is missing; say how many there were, as \"invocations\":300000");
    if (record->tenant.length == 0)
        record->tenant = TEXT_LITERAL(DEFAULT_NAME);
    if (record->function.length == 0)
        record->function = TEXT_LITERAL(DEFAULT_NAME);
    row->hour_us = record->started_at_us == USAGE_ABSENT ? 0 : record->started_at_us;
    record->started_at_us = UTC_DAY_US * 20000; /* a row need not have a time: any that passes the check */
    if (!usage_record_check(record, true, false, &fault))
        return err_set(err, ERR_INPUT, "%s: %s", fault.field, fault.message);
    return true;
}

static bool
row_add(const QuoteRow *from, int64_t number, RatingRows *rows, Err *err)
{
    const UsageRecord *record = &from->record;
    const UsageSum count = from->invocations;
    UsageFacts each = tally_facts(record);
    if (from->capacity_units != USAGE_ABSENT) {
        each.capacity_units = from->capacity_units;
        each.ready_us = from->ready_us;
    }
    const RatingRow row = {
        .architecture = record->architecture,
        .mode = record->mode,
        .package = record->package,
        .memory_mb = record->memory_mb,
        .ephemeral_mb = record->ephemeral_mb,
        .number = number,
        .invocations = count,
        .errors = record->status == USAGE_ERROR ? count : 0,
        .timeouts = record->status == USAGE_TIMEOUT ? count : 0,
        .capacity_records = each.capacity_units > 0 ? 1 : 0,
        .hour_us = from->hour_us,
        .each = &each,
    };
    const RatingNames names = {TEXT_LITERAL(DEFAULT_NAME), record->tenant, record->function, record->region};
    return rating_rows_add(rows, &names, &row, err);
}

static bool
read_row(Json *object, int64_t number, RatingRows *rows, Err *err)
{
    QuoteRow row = {.record = usage_record_empty(), .capacity_units = USAGE_ABSENT, .ready_us = USAGE_ABSENT};
    if (!json_object_is_type(object, json_type_object))
        return err_set(err, ERR_INPUT,
                       "expected an object, as {\"memory_mb\":512,\"invocations\":1000,\"duration_ms\":\"120\"}");
    json_object_object_foreach(object, key, value)
    {
        if (!read_field(&row, key, value, err))
            return false;
    }
    return row_check(&row, err) && row_add(&row, number, rows, err);
}

static bool
read_array(Json *array, const char *file, RatingRows *rows, Err *err)
{
    size_t count = json_object_array_length(array);
    for (size_t i = 0; i < count; i++) {
        if (!read_row(json_object_array_get_idx(array, i), (int64_t) i + 1, rows, err))
            return err_prefix(err, "%s: row %zu: ", file, i + 1);
    }
    return true;
}

static bool
read_line(Text line, int64_t number, RatingRows *rows, Err *err)
{
    Json *object = json_parse(line, err);
    bool done = object != NULL && read_row(object, number, rows, err);
    json_object_put(object);
    return done;
}

static bool
read_lines(Text text, const char *file, RatingRows *rows, Err *err)
{
    int64_t number = 0;
    while (text.length > 0) {
        const char *newline = memchr(text.data, '\n', text.length);
        size_t length = newline == NULL ? text.length : (size_t) (newline - text.data);
        Text line = text_trim((Text){text.data, length});
        size_t step = newline == NULL ? length : length + 1;
        text = (Text){text.data + step, text.length - step};
        number++;
        if (line.length > 0 && !read_line(line, number, rows, err))
            return err_prefix(err, "%s:%" PRId64 ": ", file, number);
    }
    return true;
}

/* All rows of one quote are one account. */
static bool
name_account(RatingRows *rows, Err *err)
{
    const RatingRow *all = rating_rows_all(rows);
    size_t count = rating_rows_count(rows);
    const char *account = count > 0 ? all[0].tenant : DEFAULT_NAME;
    for (size_t i = 1; i < count; i++) {
        if (strcmp(all[i].tenant, account) != 0)
            account = DEFAULT_NAME;
    }
    return rating_rows_set_account(rows, account, err);
}

bool
quote_usage_parse(Text text, const char *file, RatingRows *rows, Err *err)
{
    Text content = text_trim(text);
    Err not_one = {0};
    if (text_is_empty(content))
        return err_set(err, ERR_INPUT, "%s: holds no usage rows; write a JSON array or one object a line", file);
    bool is_array = content.data[0] == '[';
    Json *document = json_parse(content, is_array ? err : &not_one);
    bool done = false;
    if (is_array)
        done = document == NULL ? err_prefix(err, "%s: ", file) : read_array(document, file, rows, err);
    else if (document != NULL && memchr(content.data, '\n', content.length) != NULL) /* one object over several lines */
        done = read_row(document, 1, rows, err) || err_prefix(err, "%s: row 1: ", file);
    else
        done = read_lines(text, file, rows, err);
    json_object_put(document);
    return done && name_account(rows, err);
}

bool
quote_usage_read(const char *path, RatingRows *rows, Err *err)
{
    Buffer content = {0};
    bool done = file_read(path, QUOTE_USAGE_BYTES_MAX, &content, err) &&
                quote_usage_parse(buffer_text(&content), strcmp(path, "-") == 0 ? "standard input" : path, rows, err);
    buffer_free(&content);
    return done;
}
