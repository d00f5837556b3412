#include "reports/savings_usage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "reports/digest_set.h"

/* The members of a quote row that a record has too, passed on as they are. */
static const char *const PASSED_ON[] = {"tenant",           "function",     "region", "architecture",
                                        "memory_mb",        "ephemeral_mb", "mode",   "init_duration_ms",
                                        "init_duration_us", "cpu_ms",       "cpu_us", "response_bytes",
                                        "streamed",         "package",      "status"};

/* When an execution starts (+1) or ends (-1). */
typedef struct Edge {
    int64_t time_us;
    int step;
} Edge;

typedef struct Reader {
    SavingsUsage *usage;
    Buffer *quote_rows;
    Edge *edges;
    size_t edge_count;
    size_t edge_capacity;
    size_t read;          /* rows or records, those left out too */
    DigestSet seen;       /* identities with their content */
    bool has_month;       /* usage->month is set */
    bool month_is_chosen; /* and not that of the first record */
    mpq_t duration_s;     /* scratch */
    mpq_t number;         /* scratch */
    mpq_t invocations;
} Reader;

UsageFunction *
savings_usage_function(SavingsUsage *self, Text name, Err *err)
{
    for (size_t i = 0; i < self->count; i++)
        if (text_is(name, self->functions[i].name))
            return &self->functions[i];
    UsageFunction *grown = reallocarray(self->functions, self->count + 1, sizeof(*grown));
    if (grown != NULL) {
        self->functions = grown;
        UsageFunction *function = &grown[self->count];
        function->name = text_duplicate(name);
        if (function->name != NULL) {
            mpq_inits(function->invocations, function->busy_s, function->longest_s, function->memory_gb_s, NULL);
            self->count++;
            return function;
        }
    }
    err_set(err, ERR_NOMEM, "no memory for %zu functions", self->count + 1);
    return NULL;
}

void
savings_usage_clear(SavingsUsage *self)
{
    for (size_t i = 0; i < self->count; i++) {
        UsageFunction *function = &self->functions[i];
        free(function->name);
        mpq_clears(function->invocations, function->busy_s, function->longest_s, function->memory_gb_s, NULL);
    }
    free(self->functions);
    memset(self, 0, sizeof(*self));
}

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

static bool
add_edges(Reader *reader, int64_t start_us, int64_t end_us, Err *err)
{
    if (reader->edge_count + 2 > reader->edge_capacity) {
        size_t capacity = reader->edge_capacity == 0 ? 1024 : reader->edge_capacity * 2;
        Edge *grown = reallocarray(reader->edges, capacity, sizeof(*grown));
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "no memory for %zu records", capacity / 2);
        reader->edges = grown;
        reader->edge_capacity = capacity;
    }
    reader->edges[reader->edge_count++] = (Edge){start_us, 1};
    reader->edges[reader->edge_count++] = (Edge){end_us, -1};
    return true;
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
    done = duration_ms != NULL && json_add_int(row, "invocations", 1, err) &&
           json_add_text(row, "duration_ms", duration_ms, err);
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

static bool
add_running(Reader *reader, int64_t start_us, Err *err)
{
    mpq_set_ui(reader->number, 1000000, 1);
    mpq_mul(reader->number, reader->duration_s, reader->number);
    mpz_t micros;
    mpz_init(micros);
    decimal_floor(micros, reader->number);
    bool in_range = mpz_cmp_ui(micros, 86400000000UL) <= 0;
    int64_t duration_us = in_range ? (int64_t) mpz_get_ui(micros) : 0;
    mpz_clear(micros);
    if (!in_range)
        return err_set(err, ERR_INPUT, "'duration_ms' is above 24 hours");
    return add_edges(reader, start_us, start_us + duration_us, err);
}

/* `*counts`: the record is neither a copy nor of another month. */
static bool
read_record(Reader *reader, Json *record, bool *counts, Err *err)
{
    int64_t start_us = 0;
    bool copy = false;
    bool outside = false;
    if (!read_started_at(record, &start_us, err))
        return err_hint(err, "a quote row has 'invocations', a usage record has 'started_at'");
    if (!is_outside(reader, start_us, &outside, err))
        return false;
    char *line = quote_row(reader, record, err);
    bool done = line != NULL && is_copy(reader, record, start_us, line, &copy, err);
    *counts = !copy && !outside;
    reader->usage->copies += copy ? 1 : 0;
    reader->usage->outside += outside && !copy ? 1 : 0;
    if (done && *counts)
        done = buffer_append_text(reader->quote_rows, line, err) && buffer_append(reader->quote_rows, "\n", 1, err) &&
               add_running(reader, start_us, err);
    free(line);
    mpq_set_ui(reader->invocations, 1, 1);
    return done;
}

static bool
add_to_function(Reader *reader, Json *row, Err *err)
{
    Text name;
    if (!json_text(json_member(row, "function"), &name))
        return err_set(err, ERR_INPUT, "'function' is missing; give the function's name");
    UsageFunction *function = savings_usage_function(reader->usage, name, err);
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
    return true;
}

static bool
read_row(Reader *reader, Json *row, Err *err)
{
    if (!json_object_is_type(row, json_type_object))
        return err_set(err, ERR_INPUT, "should be a JSON object: a quote row or a usage record");
    bool counted = false;
    if (!read_number(row, "invocations", reader->invocations, &counted, err) || !read_duration(reader, row, err))
        return false;
    if (reader->read > 0 && reader->usage->from_records != !counted)
        return err_set(err, ERR_INPUT, "quote rows and usage records stand in one file; give one kind");
    reader->usage->from_records = !counted;
    reader->read++;
    bool counts = true;
    if (!counted && !read_record(reader, row, &counts, err))
        return false;
    if (!counts)
        return true;
    reader->usage->rows++;
    return add_to_function(reader, row, err);
}

static bool
read_array(Reader *reader, Text text, const char *name, Err *err)
{
    Json *array = json_parse(text, err);
    if (array == NULL)
        return err_prefix(err, "%s: ", name);
    bool done = true;
    for (size_t i = 0; done && i < json_object_array_length(array); i++) {
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
    for (size_t number = 1; text.length > 0; number++) {
        const char *newline = memchr(text.data, '\n', text.length);
        size_t length = newline == NULL ? text.length : (size_t) (newline - text.data);
        if (!read_line(reader, (Text){text.data, length}, err))
            return err_prefix(err, "%s:%zu: ", name, number);
        size_t step = newline == NULL ? length : length + 1;
        text = (Text){text.data + step, text.length - step};
    }
    return true;
}

/* Ends before starts at the same instant: one after the other is not at the same time. */
static int
edge_compare(const void *a, const void *b)
{
    const Edge *left = a;
    const Edge *right = b;
    if (left->time_us != right->time_us)
        return left->time_us < right->time_us ? -1 : 1;
    return left->step - right->step;
}

static int64_t
peak_of(Edge *edges, size_t count)
{
    qsort(edges, count, sizeof(*edges), edge_compare);
    int64_t now = 0;
    int64_t peak = 0;
    for (size_t i = 0; i < count; i++) {
        now += edges[i].step;
        if (now > peak)
            peak = now;
    }
    return peak;
}

bool
savings_usage_read(Text text, const char *name, const UtcMonth *month, SavingsUsage *self, Buffer *quote_rows, Err *err)
{
    memset(self, 0, sizeof(*self));
    self->peak = -1;
    Reader reader = {
        .usage = self, .quote_rows = quote_rows, .has_month = month != NULL, .month_is_chosen = month != NULL};
    if (month != NULL)
        self->month = *month;
    mpq_inits(reader.duration_s, reader.number, reader.invocations, NULL);
    Text trimmed = text_trim(text);
    bool is_array = trimmed.length > 0 && trimmed.data[0] == '[';
    bool done = is_array ? read_array(&reader, trimmed, name, err) : read_lines(&reader, text, name, err);
    if (done && self->from_records)
        self->peak = peak_of(reader.edges, reader.edge_count);
    mpq_clears(reader.duration_s, reader.number, reader.invocations, NULL);
    free(reader.edges);
    digest_set_clear(&reader.seen);
    return done;
}
