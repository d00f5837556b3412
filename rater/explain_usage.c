#include "rater/explain_usage.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "rater/counted.h"
#include "rater/document.h"
#include "rater/explain_formula.h"
#include "rater/meter.h"
#include "rater/record_row.h"
#include "rater/tally.h"
#include "schema/rollup_store.h"

/** One entry of a list: the usage of a configuration, in an hour or over the month. */
typedef struct Part {
    int64_t hour_us;
    const char *function;
    RatingRow row;
    UsageSum in_rollup; /* of what the line counts: invocations or capacity records */
    bool has_rollup;
    UsageSum *tallies; /* of the book, where the row was made from records */
    mpq_t quantity;
} Part;

typedef struct Parts {
    Part *all;
    size_t count, capacity;
} Parts;

static void
parts_free(Parts *self)
{
    for (size_t i = 0; i < self->count; i++) {
        mpq_clear(self->all[i].quantity);
        free(self->all[i].tallies);
    }
    free(self->all);
}

static Part *
parts_add(Parts *self, const RatingRow *row, int64_t hour_us, const char *function, Err *err)
{
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof(*self->all), err))
        return NULL;
    Part *part = &self->all[self->count++];
    *part = (Part){.hour_us = hour_us, .function = function, .row = *row};
    mpq_init(part->quantity);
    return part;
}

static int
compare_parts(const void *left, const void *right)
{
    const Part *a = left;
    const Part *b = right;
    int order = mpq_cmp(b->quantity, a->quantity);
    if (order == 0)
        order = (a->hour_us > b->hour_us) - (a->hour_us < b->hour_us);
    if (order == 0)
        order = strcmp(a->function, b->function);
    return order != 0 ? order : (a->row.memory_mb > b->row.memory_mb) - (a->row.memory_mb < b->row.memory_mb);
}

bool
line_usage_is_capacity(const LineUsage *usage)
{
    return usage->line->meter->measure == MEASURE_CAPACITY_GB_SECONDS;
}

/* ---- telling ---- */

/** Of an hour in the midst of which the period starts or ends: from when on, or until when it counts. */
static bool
tell_edges(const LineUsage *usage, int64_t hour_us, Json *entry, Err *err)
{
    char time[UTC_TEXT_BYTES];
    const VerifyPeriod *period = &usage->period;
    return (period->start_us <= hour_us || json_add_text(entry, "from", utc_format(period->start_us, time), err)) &&
           (period->end_us >= hour_us + UTC_HOUR_US ||
            json_add_text(entry, "until", utc_format(period->end_us, time), err));
}

static bool
tell_part(const LineUsage *usage, const Part *part, bool by_hour, Json *list, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    mpq_t quantity, count;
    Json *entry = json_new_object(err);
    if (entry == NULL || !json_append(list, entry, err))
        return false;
    mpq_inits(quantity, count, NULL);
    bool capacity = line_usage_is_capacity(usage);
    const char *in_rollup = capacity ? "rollup_capacity_records" : "rollup_invocations";
    decimal_set_u128(mpq_numref(count), capacity ? part->row.capacity_records : part->row.invocations);
    bool done = (!by_hour || json_add_text(entry, "hour", utc_format(part->hour_us, hour), err)) &&
                json_add_text(entry, "function", part->function, err) &&
                json_add_int(entry, "memory_mb", part->row.memory_mb, err) &&
                json_add_int(entry, "ephemeral_mb", part->row.ephemeral_mb, err) &&
                json_add_text(entry, "package", usage_package_name(part->row.package), err) &&
                document_add_exact(entry, capacity ? "capacity_records" : "invocations", count, err) &&
                formula_add_usage(entry, usage->book, usage->line->meter, &part->row, usage->start_us, quantity, err);
    if (done && by_hour)
        done = tell_edges(usage, part->hour_us, entry, err);
    if (done && by_hour) {
        decimal_set_u128(mpq_numref(count), part->in_rollup);
        done =
            part->has_rollup ? document_add_exact(entry, in_rollup, count, err) : json_add(entry, in_rollup, NULL, err);
    }
    mpq_clears(quantity, count, NULL);
    return done;
}

/** The greatest entries, and what they leave out. */
static bool
tell_parts(const LineUsage *usage, Parts *parts, const char *key, bool by_hour, Json *answer, Err *err)
{
    Json *list = json_new_array(err);
    Json *left = json_new_object(err);
    mpq_t rest;
    mpq_init(rest);
    for (size_t i = 0; i < parts->count; i++)
        meter_quantity(usage->book, usage->line->meter, &parts->all[i].row, usage->start_us, parts->all[i].quantity);
    if (parts->count > 0)
        qsort(parts->all, parts->count, sizeof(*parts->all), compare_parts);
    bool done =
        list != NULL && json_add(answer, key, list, err) && left != NULL && json_add(answer, "left_out", left, err);
    size_t shown = parts->count < usage->most ? parts->count : usage->most;
    for (size_t i = 0; done && i < shown; i++)
        done = tell_part(usage, &parts->all[i], by_hour, list, err);
    for (size_t i = shown; i < parts->count; i++)
        mpq_add(rest, rest, parts->all[i].quantity);
    done = done && json_add_int(left, "entries", (int64_t) (parts->count - shown), err) &&
           document_add_exact(left, "quantity", rest, err);
    mpq_clear(rest);
    return done;
}

/* ---- functions ---- */

static void
row_add(RatingRow *row, const RatingRow *more)
{
    row->invocations += more->invocations;
    row->duration_1ms += more->duration_1ms;
    row->duration_100ms += more->duration_100ms;
    row->with_init_1ms += more->with_init_1ms;
    row->with_init_100ms += more->with_init_100ms;
    row->cpu_us += more->cpu_us;
    row->streamed_bytes += more->streamed_bytes;
    row->capacity_records += more->capacity_records;
    row->capacity_1s += more->capacity_1s;
    row->capacity_300s += more->capacity_300s;
}

static int
compare_configs(const void *left, const void *right)
{
    const Part *a = left;
    const Part *b = right;
    int order = strcmp(a->function, b->function);
    if (order == 0)
        order = (a->row.memory_mb > b->row.memory_mb) - (a->row.memory_mb < b->row.memory_mb);
    if (order == 0)
        order = (a->row.ephemeral_mb > b->row.ephemeral_mb) - (a->row.ephemeral_mb < b->row.ephemeral_mb);
    return order != 0 ? order : (int) a->row.package - (int) b->row.package;
}

/** Add `more` to `part`; the part's tallies become its own. */
static bool
part_add(const PriceBook *book, Part *part, const RatingRow *more, Err *err)
{
    row_add(&part->row, more);
    if (more->tallies == NULL)
        return true;
    if (part->tallies == NULL) {
        part->tallies = calloc(book->tally_count + 1, sizeof(*part->tallies));
        if (part->tallies == NULL)
            return err_set(err, ERR_NOMEM, "no memory for a function");
        memcpy(part->tallies, part->row.tallies, book->tally_count * sizeof(*part->tallies));
        part->row.tallies = part->tallies;
    }
    for (size_t i = 0; i < book->tally_count; i++)
        part->tallies[i] += more->tallies[i];
    return true;
}

/** Rows of one configuration are one part: some books are rated by rows of hours. */
static bool
merge_configs(const PriceBook *book, Parts *parts, Err *err)
{
    size_t kept = 0;
    bool done = true;
    if (parts->count > 0)
        qsort(parts->all, parts->count, sizeof(*parts->all), compare_configs);
    for (size_t i = 1; done && i < parts->count; i++) {
        if (compare_configs(&parts->all[kept], &parts->all[i]) != 0) {
            Part *to = &parts->all[++kept];
            to->function = parts->all[i].function;
            to->row = parts->all[i].row; /* nothing is its own before something is added */
        } else {
            done = part_add(book, &parts->all[kept], &parts->all[i].row, err);
        }
    }
    while (done && parts->count > kept + 1)
        mpq_clear(parts->all[--parts->count].quantity);
    return done;
}

MUST_CHECK bool
explain_functions(const LineUsage *usage, const RatingRows *rows, Json *answer, Err *err)
{
    Parts parts = {0};
    bool done = true;
    for (size_t i = 0; done && i < rating_rows_count(rows); i++) {
        const RatingRow *row = &rating_rows_all(rows)[i];
        if (row->part == usage->part && strcmp(row->tenant, usage->tenant->name) == 0 &&
            explain_is_at(usage->book, usage->line, row->region, row->architecture, row->mode, row->function) &&
            (line_usage_is_capacity(usage) ? row->capacity_records : row->invocations) > 0)
            done = parts_add(&parts, row, 0, row->function, err) != NULL;
    }
    done =
        done && merge_configs(usage->book, &parts, err) && tell_parts(usage, &parts, "functions", false, answer, err);
    parts_free(&parts);
    return done;
}

/* ---- hours of a function ---- */

bool
line_usage_wants(const LineUsage *usage, const char *function, const UsageRecord *record)
{
    char region[USAGE_REGION_BYTES_MAX + 1];
    size_t length = record->region.length;
    if (length > 0)
        memcpy(region, record->region.data, length);
    region[length] = '\0';
    return usage_record_is_capacity(record) == line_usage_is_capacity(usage) && text_is(record->function, function) &&
           explain_is_at(usage->book, usage->line, region, record->architecture, record->mode, function);
}

typedef struct Hours {
    const LineUsage *usage;
    const char *function;
    Parts parts; /* of the present hour at the end */
} Hours;

static bool
same_config(const RatingRow *a, const RatingRow *b)
{
    return a->memory_mb == b->memory_mb && a->ephemeral_mb == b->ephemeral_mb && a->package == b->package;
}

/** The part of the present hour with this configuration; a new one with nothing in it. */
static Part *
part_of_hour(Hours *self, const RatingRow *row, int64_t hour_us, Err *err)
{
    for (size_t i = self->parts.count; i > 0 && self->parts.all[i - 1].hour_us == hour_us; i--)
        if (same_config(&self->parts.all[i - 1].row, row))
            return &self->parts.all[i - 1];
    const RatingRow empty = {.architecture = row->architecture,
                             .mode = row->mode,
                             .package = row->package,
                             .memory_mb = row->memory_mb,
                             .ephemeral_mb = row->ephemeral_mb};
    Part *part = parts_add(&self->parts, &empty, hour_us, self->function, err);
    if (part == NULL)
        return NULL;
    part->tallies = calloc(self->usage->book->tally_count + 1, sizeof(*part->tallies));
    part->row.tallies = part->tallies;
    if (part->tallies == NULL)
        err_set(err, ERR_NOMEM, "no memory for an hour");
    return part->tallies == NULL ? NULL : part;
}

static bool
add_to_hour(void *context, const CountedRecord *counted, Err *err)
{
    Hours *self = context;
    RatingRow row;
    if (!line_usage_wants(self->usage, self->function, &counted->record))
        return true;
    Part *part = record_row(&counted->record, &row, err) ? part_of_hour(self, &row, counted->place.hour_us, err) : NULL;
    if (part == NULL)
        return false;
    row_add(&part->row, &row);
    tally_add(self->usage->book, &counted->record, self->usage->start_us, part->tallies);
    return true;
}

/** A rollup row beside the hour that was read from evidence. */
static bool
set_rollup(void *context, const RollupRow *rollup, Err *err)
{
    (void) err;
    Hours *self = context;
    const RatingRow row = {
        .memory_mb = rollup->memory_mb, .ephemeral_mb = rollup->ephemeral_mb, .package = rollup->package};
    UsageRecord like = {.function = rollup->function,
                        .region = rollup->region,
                        .architecture = rollup->architecture,
                        .mode = rollup->mode,
                        .capacity_units = line_usage_is_capacity(self->usage) ? 1 : USAGE_ABSENT};
    if (!line_usage_wants(self->usage, self->function, &like))
        return true;
    size_t low = 0;
    for (size_t high = self->parts.count; low < high;) { /* the first part of the hour: they are in its order */
        size_t middle = low + (high - low) / 2;
        if (self->parts.all[middle].hour_us < rollup->hour_us)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < self->parts.count && self->parts.all[low].hour_us == rollup->hour_us; low++) {
        Part *part = &self->parts.all[low];
        if (same_config(&part->row, &row)) {
            part->in_rollup += line_usage_is_capacity(self->usage) ? rollup->capacity_records : rollup->invocations;
            part->has_rollup = true;
        }
    }
    return true;
}

bool
line_usage_missing(const LineUsage *usage, const char *function, Err *err)
{
    err_set(err, ERR_NOT_FOUND, "function '%s' of tenant '%s' has nothing on this line there", function,
            usage->tenant->name);
    return err_hint(err, "leave out --function to see the line's functions, --hour to see a function's hours");
}

MUST_CHECK bool
explain_hours(const LineUsage *usage, const char *function, Json *answer, Err *err)
{
    Hours hours = {.usage = usage, .function = function};
    const RollupSpan span = {usage->month, usage->period.start_us, usage->period.end_us};
    bool done = counted_records(usage->db, usage->tenant->tenant_id, &usage->period, 0, usage->watermark, add_to_hour,
                                &hours, err);
    if (done && hours.parts.count == 0)
        done = line_usage_missing(usage, function, err);
    done = done && rollup_stream_hours(usage->db, usage->tenant->name, &span, set_rollup, &hours, err) &&
           tell_parts(usage, &hours.parts, "hours", true, answer, err);
    parts_free(&hours.parts);
    return done;
}
