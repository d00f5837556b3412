#include "reports/savings_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/json.h"
#include "lib/progress.h"
#include "lib/utc.h"
#include "proto/usage_record.h"
#include "reports/digest_set.h"

/* The members of a quote row that a record has too, passed on as they are. */
static const char *const PASSED_ON[] = {"tenant",           "function",     "region", "architecture",
                                        "memory_mb",        "ephemeral_mb", "mode",   "init_duration_ms",
                                        "init_duration_us", "cpu_ms",       "cpu_us", "response_bytes",
                                        "streamed",         "package",      "status", "max_memory_used_mb",
                                        "capacity_units",   "ready_s"};

enum { PROGRESS_ROWS = 1024 };

typedef struct Reader {
    SavingsUsage *usage;
    Buffer *quote_rows;
    size_t read;          /* rows or records, those left out too */
    DigestSet seen;       /* identities with their content */
    bool has_month;       /* usage->month is set */
    bool month_is_chosen; /* and not that of the first record */
    mpq_t duration_s;     /* scratch */
    mpq_t number;         /* scratch */
    mpq_t invocations;
    Progress progress;
} Reader;

static bool
read_number(Json *row, const char *key, mpq_t out, bool *present, Err *err)
{
    Json *value = json_member(row, key);
    *present = value != NULL;
    if (value == NULL)
        return true;
    Text digits;
    if (!json_number_text(value, &digits) || !decimal_parse(digits, out, err) || mpq_sgn(out) < 0) {
        err_clear(err);
        return err_set(err, ERR_INPUT, "'%s' should be a decimal number, 0 or more", key);
    }
    return true;
}

/* duration_ms or duration_us, in seconds. */
static bool
read_duration(Reader *reader, Json *row, Err *err)
{
    bool in_ms = false;
    bool in_us = false;
    if (!read_number(row, "duration_ms", reader->duration_s, &in_ms, err))
        return false;
    if (!in_ms && !read_number(row, "duration_us", reader->duration_s, &in_us, err))
        return false;
    if (!in_ms && !in_us)
        return err_set(err, ERR_INPUT, "'duration_ms' is missing; give the run time of each invocation");
    mpq_set_ui(reader->number, in_ms ? 1000 : 1000000, 1);
    mpq_div(reader->duration_s, reader->duration_s, reader->number);
    return true;
}

/* Units kept ready: in a quote row, or as a record. They are paid for, and nothing runs. */
static bool
is_capacity(Json *row)
{
    return json_member(row, "capacity_units") != NULL || json_member(row, "ready_s") != NULL;
}

static bool
read_started_at(Json *row, int64_t *start_us, Err *err)
{
    Text text;
    Json *started = json_member(row, "started_at");
    if (json_text(started, &text) && utc_parse(text, start_us, err))
        return true;
    err_clear(err);
    Json *micros = started != NULL ? started : json_member(row, "started_at_us");
    if (json_object_is_type(micros, json_type_int)) {
        *start_us = json_object_get_int64(micros);
        if (*start_us >= 0 && *start_us < utc_month_end_us((UtcMonth){9998, 12}))
            return true;
    }
    return err_set(err, ERR_INPUT, "'started_at' should be an RFC 3339 time");
}

/* The record as a quote row of one invocation; caller frees. */
static char *
quote_row(Reader *reader, Json *record, Err *err)
{
    Json *row = json_new_object(err);
    bool done = row != NULL;
    for (size_t i = 0; done && i < sizeof(PASSED_ON) / sizeof(PASSED_ON[0]); i++) {
        Json *value = json_member(record, PASSED_ON[i]);
        if (value != NULL)
            done = json_add(row, PASSED_ON[i], json_object_get(value), err);
    }
    mpq_set_ui(reader->number, 1000, 1);
    mpq_mul(reader->number, reader->duration_s, reader->number);
    char *duration_ms = done ? decimal_format_exact(reader->number, err) : NULL;
    done = duration_ms != NULL && (is_capacity(record) || (json_add_int(row, "invocations", 1, err) &&
                                                           json_add_text(row, "duration_ms", duration_ms, err)));
    char *line = done ? json_canonical(row, err) : NULL;
    free(duration_ms);
    json_object_put(row);
    return line;
}

/* Did the same identity come before with the same content? `line` has the tenant and all that is billed by. */
static bool
is_copy(Reader *reader, Json *record, int64_t start_us, const char *line, bool *copy, Err *err)
{
    Text id;
    Text attempt;
    *copy = false;
    if (!json_text(json_member(record, "request_id"), &id) || text_is_empty(id))
        return true;
    if (!json_number_text(json_member(record, "attempt"), &attempt))
        attempt = TEXT_LITERAL("1");
    Buffer identity = {0};
    bool is_new = true;
    bool done = buffer_printf(&identity, err, "%zu:", id.length) && buffer_append(&identity, id.data, id.length, err) &&
                buffer_printf(&identity, err, " %.*s %" PRId64 " ", TEXT_ARG(attempt), start_us) &&
                buffer_append_text(&identity, line, err);
    if (done) {
        Digest digest = digest_of(identity.data, identity.length);
        done = digest_set_add(&reader->seen, &digest, &is_new, err);
    }
    buffer_free(&identity);
    *copy = !is_new;
    return done;
}

/* Does the record lie in the month that was chosen, or else in the month of the records before it? */
static bool
is_outside(Reader *reader, int64_t start_us, bool *outside, Err *err)
{
    UtcMonth *month = &reader->usage->month;
    if (!reader->has_month)
        *month = utc_month_of(start_us);
    reader->has_month = true;
    *outside = start_us < utc_month_start_us(*month) || start_us >= utc_month_end_us(*month);
    if (!*outside || reader->month_is_chosen)
        return true;
    char first[UTC_TEXT_BYTES];
    char other[UTC_TEXT_BYTES];
    err_set(err, ERR_INPUT, "the records lie in more than one month: %s and %s", utc_month_format(*month, first),
            utc_month_format(utc_month_of(start_us), other));
    return err_hint(err, "choose one with --month YYYY-MM");
}

/* An optional quantity in whole units of 1/`scale`, rounded down; -1: the record does not say. */
static bool
read_whole(Reader *reader, Json *record, const char *key, unsigned scale, int64_t maximum, int64_t *out, Err *err)
{
    bool present = false;
    *out = -1;
    if (!read_number(record, key, reader->number, &present, err) || !present)
        return !err_is_set(err);
    mpz_t whole;
    mpz_init(whole);
    mpz_mul_ui(mpq_numref(reader->number), mpq_numref(reader->number), scale);
    mpz_fdiv_q(whole, mpq_numref(reader->number), mpq_denref(reader->number));
    bool in_range = mpz_cmp_ui(whole, (unsigned long) maximum) <= 0;
    *out = in_range ? (int64_t) mpz_get_ui(whole) : 0;
    mpz_clear(whole);
    return in_range || err_set(err, ERR_INPUT, "'%s' is above %" PRId64, key, maximum / (int64_t) scale);
}

static bool
read_facts(Reader *reader, Json *record, UsageFacts *facts, Err *err)
{
    Text trigger;
    facts->over_http = json_text(json_member(record, "trigger"), &trigger) && text_is(trigger, "http");
    return read_whole(reader, record, "memory_mb", 1, USAGE_MEMORY_MB_MAX, &facts->memory_mb, err) &&
           read_whole(reader, record, "max_memory_used_mb", 1, USAGE_MEMORY_MB_MAX, &facts->used_mb, err) &&
           read_whole(reader, record, "ephemeral_mb", 1, USAGE_MEMORY_MB_MAX, &facts->ephemeral_mb, err) &&
           read_whole(reader, record, "init_duration_us", 1, USAGE_DURATION_US_MAX, &facts->init_us, err) &&
           (facts->init_us >= 0 ||
            read_whole(reader, record, "init_duration_ms", 1000, USAGE_DURATION_US_MAX, &facts->init_us, err));
}

/* A record for the sweep: what it ran in the month counts there, whenever it started. */
static bool
add_execution(Reader *reader, int64_t start_us, const UsageFacts *facts, Err *err)
{
    mpz_t micros;
    mpz_init(micros);
    mpq_set_ui(reader->number, 1000000, 1);
    mpq_mul(reader->number, reader->duration_s, reader->number);
    decimal_floor(micros, reader->number);
    bool in_range = mpz_cmp_ui(micros, (unsigned long) USAGE_DURATION_US_MAX) <= 0;
    const Execution execution = {start_us, in_range ? (int64_t) mpz_get_ui(micros) : 0,
                                 facts->memory_mb < 0 ? 0 : facts->memory_mb, facts->used_mb};
    mpz_clear(micros);
    if (!in_range)
        return err_set(err, ERR_INPUT, "'duration_ms' is above 24 hours");
    return savings_usage_execution(reader->usage, reader->usage->month, &execution, err);
}

/* `*counts`: the record is neither a copy nor of another month. */
static bool
read_record(Reader *reader, Json *record, bool *counts, UsageFacts *facts, Err *err)
{
    int64_t start_us = 0;
    bool copy = false;
    bool outside = false;
    if (!read_started_at(record, &start_us, err))
        return err_hint(err, "a quote row has 'invocations', a usage record has 'started_at'");
    if (!is_outside(reader, start_us, &outside, err) || !read_facts(reader, record, facts, err))
        return false;
    char *line = quote_row(reader, record, err);
    bool done = line != NULL && is_copy(reader, record, start_us, line, &copy, err);
    *counts = !copy && !outside;
    reader->usage->copies += copy ? 1 : 0;
    reader->usage->outside += outside && !copy ? 1 : 0;
    if (done && !copy && !is_capacity(record))
        done = add_execution(reader, start_us, facts, err);
    if (done && *counts)
        done = buffer_append_text(reader->quote_rows, line, err) && buffer_append(reader->quote_rows, "\n", 1, err);
    free(line);
    mpq_set_ui(reader->invocations, 1, 1);
    return done;
}

/* `facts`: NULL when the row is no record. */
static bool
add_to_function(Reader *reader, Json *row, const UsageFacts *facts, Err *err)
{
    Text name;
    Text tenant;
    if (!json_text(json_member(row, "function"), &name))
        return err_set(err, ERR_INPUT, "'function' is missing; give the function's name");
    if (!json_text(json_member(row, "tenant"), &tenant))
        tenant = TEXT_LITERAL(SAVINGS_TENANT_DEFAULT);
    UsageFunction *function = savings_usage_function(reader->usage, tenant, name, err);
    bool present = false;
    mpq_set_ui(reader->number, 0, 1);
    if (function == NULL || !read_number(row, "memory_mb", reader->number, &present, err))
        return false;
    mpq_t busy;
    mpq_init(busy);
    mpq_mul(busy, reader->invocations, reader->duration_s);
    mpq_add(function->busy_s, function->busy_s, busy);
    mpq_mul(busy, busy, reader->number);
    mpq_set_ui(reader->number, 1024, 1);
    mpq_div(busy, busy, reader->number);
    mpq_add(function->memory_gb_s, function->memory_gb_s, busy);
    mpq_clear(busy);
    mpq_add(function->invocations, function->invocations, reader->invocations);
    if (mpq_sgn(reader->invocations) > 0 && mpq_cmp(reader->duration_s, function->longest_s) > 0)
        mpq_set(function->longest_s, reader->duration_s);
    return facts == NULL || usage_function_record(function, facts, err);
}

static bool
read_row(Reader *reader, Json *row, Err *err)
{
    if (!json_object_is_type(row, json_type_object))
        return err_set(err, ERR_INPUT, "should be a JSON object: a quote row or a usage record");
    bool counted = false;
    if (!read_number(row, "invocations", reader->invocations, &counted, err))
        return false;
    bool capacity = is_capacity(row);
    counted =
        counted || (capacity && json_member(row, "started_at") == NULL && json_member(row, "started_at_us") == NULL);
    if (!capacity && !read_duration(reader, row, err))
        return false;
    if (capacity)
        mpq_set_ui(reader->duration_s, 0, 1);
    if (reader->read > 0 && reader->usage->from_records != !counted)
        return err_set(err, ERR_INPUT, "quote rows and usage records stand in one file; give one kind");
    reader->usage->from_records = !counted;
    reader->read++;
    bool counts = true;
    UsageFacts facts;
    if (!counted && !read_record(reader, row, &counts, &facts, err))
        return false;
    if (!counts)
        return true;
    reader->usage->rows++;
    return capacity || add_to_function(reader, row, counted ? NULL : &facts, err);
}

static bool
read_array(Reader *reader, Text text, const char *name, Err *err)
{
    Json *array = json_parse(text, err);
    if (array == NULL)
        return err_prefix(err, "%s: ", name);
    bool done = true;
    size_t count = json_object_array_length(array);
    for (size_t i = 0; done && i < count; i++) {
        if (i % PROGRESS_ROWS == 0)
            progress_show(&reader->progress, (int64_t) i, (int64_t) count);
        done = read_row(reader, json_object_array_get_idx(array, i), err);
        if (!done)
            err_prefix(err, "%s: row %zu: ", name, i + 1);
    }
    json_object_put(array);
    return done;
}

static bool
read_line(Reader *reader, Text line, Err *err)
{
    if (text_is_empty(text_trim(line)))
        return true;
    Json *row = json_parse(line, err);
    if (row == NULL)
        return false;
    bool done = read_row(reader, row, err);
    json_object_put(row);
    return done;
}

static bool
read_lines(Reader *reader, Text text, const char *name, Err *err)
{
    const int64_t whole = (int64_t) text.length;
    for (size_t number = 1; text.length > 0; number++) {
        if (number % PROGRESS_ROWS == 1)
            progress_show(&reader->progress, whole - (int64_t) text.length, whole);
        const char *newline = memchr(text.data, '\n', text.length);
        size_t length = newline == NULL ? text.length : (size_t) (newline - text.data);
        if (!read_line(reader, (Text){text.data, length}, err))
            return err_prefix(err, "%s:%zu: ", name, number);
        size_t step = newline == NULL ? length : length + 1;
        text = (Text){text.data + step, text.length - step};
    }
    return true;
}

bool
savings_file_read(Text text, const char *name, const UtcMonth *month, SavingsUsage *self, Buffer *quote_rows, Err *err)
{
    memset(self, 0, sizeof(*self));
    Reader reader = {
        .usage = self, .quote_rows = quote_rows, .has_month = month != NULL, .month_is_chosen = month != NULL};
    if (month != NULL)
        self->month = *month;
    mpq_inits(reader.duration_s, reader.number, reader.invocations, NULL);
    reader.progress = progress_start("usage");
    Text trimmed = text_trim(text);
    bool is_array = trimmed.length > 0 && trimmed.data[0] == '[';
    bool done = is_array ? read_array(&reader, trimmed, name, err) : read_lines(&reader, text, name, err);
    progress_end(&reader.progress);
    done = done && savings_usage_sweep(self, err);
    mpq_clears(reader.duration_s, reader.number, reader.invocations, NULL);
    digest_set_clear(&reader.seen);
    return done;
}
