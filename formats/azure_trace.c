#include "formats/azure_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/decimal.h"

enum { MS_SCALE = 3, SECONDS_SCALE = 6, HASH_BYTES_MAX = 128, TRACE_DAYS_MAX = 366 };

static const char INVOCATIONS_HEAD[] = "HashOwner,HashApp,HashFunction,Trigger,";
static const char DURATIONS_HEADER[] =
    "HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum,percentile_Average_0,percentile_Average_1,"
    "percentile_Average_25,percentile_Average_50,percentile_Average_75,percentile_Average_99,percentile_Average_100";
#define MEMORY_COLUMNS                                                                                         \
    "SampleCount,AverageAllocatedMb,AverageAllocatedMb_pct1,AverageAllocatedMb_pct5,AverageAllocatedMb_pct25," \
    "AverageAllocatedMb_pct50,AverageAllocatedMb_pct75,AverageAllocatedMb_pct95,AverageAllocatedMb_pct99,"     \
    "AverageAllocatedMb_pct100"
static const char MEMORY_HEADER[] = "HashOwner,HashApp,HashFunction," MEMORY_COLUMNS;
static const char APP_MEMORY_HEADER[] = "HashOwner,HashApp," MEMORY_COLUMNS;
static const char INVOCATION_HEADER[] = "app,func,end_timestamp,duration";

static const int DURATION_PERCENT[] = {0, 1, 25, 50, 75, 99, 100};
static const int MEMORY_PERCENT[] = {1, 5, 25, 50, 75, 95, 99, 100};
enum {
    DURATION_POINTS = sizeof(DURATION_PERCENT) / sizeof(DURATION_PERCENT[0]),
    MEMORY_POINTS = sizeof(MEMORY_PERCENT) / sizeof(MEMORY_PERCENT[0]),
    BEFORE_DURATIONS = 4, /* Average, Count, Minimum, Maximum */
    BEFORE_MEMORY = 2     /* SampleCount, AverageAllocatedMb */
};

/* ---- cells ---- */

/* The next cell, taken off the line; `*more` tells whether a comma stood behind it. */
static Text
next_cell(Text *line, bool *more)
{
    const char *comma = line->length == 0 ? NULL : memchr(line->data, ',', line->length);
    Text cell = {line->data, comma == NULL ? line->length : (size_t) (comma - line->data)};
    *more = comma != NULL;
    size_t step = cell.length + (comma == NULL ? 0 : 1);
    if (step > 0)
        *line = (Text){line->data + step, line->length - step};
    return cell;
}

typedef struct Cells {
    Text line;
    bool more;
    size_t column; /* of the cell taken last, from 1 */
} Cells;

static bool
take_cell(Cells *self, Text *cell, Err *err)
{
    if (!self->more)
        return err_set(err, ERR_INPUT, "the row ends after %zu columns", self->column);
    *cell = next_cell(&self->line, &self->more);
    self->column++;
    return true;
}

static bool
at_end(const Cells *self, Err *err)
{
    return !self->more || err_set(err, ERR_INPUT, "the row goes on behind its %zu columns", self->column);
}

static bool
take_name(Cells *self, Text *name, Err *err)
{
    if (!take_cell(self, name, err))
        return false;
    return (!text_is_empty(*name) && name->length <= HASH_BYTES_MAX && text_is_clean_utf8(*name)) ||
           err_set(err, ERR_INPUT, "column %zu should be a name of 1 to %d bytes", self->column, HASH_BYTES_MAX);
}

static bool
take_names(Cells *self, AzureNames *names, bool owner, bool function, Err *err)
{
    *names = (AzureNames){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    return (!owner || take_name(self, &names->owner, err)) && take_name(self, &names->app, err) &&
           (!function || take_name(self, &names->function, err));
}

/* A decimal number from `least` to `most` once it is scaled by 10^scale. */
static bool
take_number(Cells *self, int scale, RoundingMode mode, int64_t least, int64_t most, int64_t *out, Err *err)
{
    Text cell = {NULL, 0};
    Err wrong = {0};
    if (!take_cell(self, &cell, err))
        return false;
    return (decimal_parse_scaled(text_trim(cell), scale, mode, out, NULL, &wrong) && *out >= least && *out <= most) ||
           err_set(err, ERR_INPUT, "column %zu: '%.*s' is not a number that is allowed here", self->column,
                   cell.length < HASH_BYTES_MAX ? (int) cell.length : HASH_BYTES_MAX,
                   cell.data == NULL ? "" : cell.data);
}

/* ---- headers ---- */

static bool
is_invocations(Text header)
{
    size_t length = sizeof(INVOCATIONS_HEAD) - 1;
    if (header.length < length || memcmp(header.data, INVOCATIONS_HEAD, length) != 0)
        return false;
    Text rest = {header.data + length, header.length - length};
    bool more = true;
    for (int minute = 1; minute <= AZURE_MINUTES; minute++) {
        char expected[16];
        (void) snprintf(expected, sizeof(expected), "%d", minute);
        if (!more || !text_is(next_cell(&rest, &more), expected))
            return false;
    }
    return !more;
}

AzureFile
azure_file_of(Text header)
{
    if (text_is(header, INVOCATION_HEADER))
        return AZURE_2021;
    if (text_is(header, DURATIONS_HEADER))
        return AZURE_2019_DURATIONS;
    if (text_is(header, MEMORY_HEADER))
        return AZURE_2019_MEMORY;
    if (text_is(header, APP_MEMORY_HEADER))
        return AZURE_2019_APP_MEMORY;
    return is_invocations(header) ? AZURE_2019_INVOCATIONS : AZURE_UNKNOWN;
}

/* ---- rows ---- */

static UsageTrigger
trigger_of(Text name)
{
    static const struct {
        const char *name;
        UsageTrigger trigger;
    } KNOWN[] = {{"http", USAGE_TRIGGER_HTTP},
                 {"timer", USAGE_TRIGGER_TIMER},
                 {"queue", USAGE_TRIGGER_PUBSUB},
                 {"event", USAGE_TRIGGER_PUBSUB},
                 {"storage", USAGE_TRIGGER_DATASOURCE}};
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++)
        if (text_is(name, KNOWN[i].name))
            return KNOWN[i].trigger;
    return USAGE_TRIGGER_OTHER;
}

MUST_CHECK bool
azure_minutes_decode(Text line, AzureMinutes *out, Err *err)
{
    Cells cells = {line, true, 0};
    Text trigger = {NULL, 0};
    out->total = 0;
    if (!take_names(&cells, &out->names, true, true, err) || !take_cell(&cells, &trigger, err))
        return false;
    out->trigger = trigger_of(trigger);
    for (int minute = 0; minute < AZURE_MINUTES; minute++) {
        Text cell = {NULL, 0};
        uint64_t count = 0;
        if (!take_cell(&cells, &cell, err))
            return false;
        if (!text_to_u64(cell, AZURE_COUNT_MAX, &count))
            return err_set(err, ERR_INPUT, "column %zu should be a number of invocations", cells.column);
        out->counts[minute] = (uint32_t) count;
        out->total += (int64_t) count;
    }
    return at_end(&cells, err);
}

MUST_CHECK bool
azure_curve_decode(AzureFile kind, Text line, AzureCurve *out, Err *err)
{
    Cells cells = {line, true, 0};
    bool durations = kind == AZURE_2019_DURATIONS;
    Text ignored = {NULL, 0};
    if (!take_names(&cells, &out->names, true, kind != AZURE_2019_APP_MEMORY, err))
        return false;
    for (int i = 0; i < (durations ? BEFORE_DURATIONS : BEFORE_MEMORY); i++)
        if (!take_cell(&cells, &ignored, err))
            return false;
    out->percent = durations ? DURATION_PERCENT : MEMORY_PERCENT;
    out->points = durations ? DURATION_POINTS : MEMORY_POINTS;
    for (size_t i = 0; i < out->points; i++) {
        if (!take_number(&cells, durations ? MS_SCALE : 0, durations ? ROUND_HALF_UP : ROUND_UP, 0,
                         durations ? USAGE_DURATION_US_MAX : USAGE_MEMORY_MB_MAX, &out->values[i], err))
            return false;
        if (i > 0 && out->values[i] < out->values[i - 1])
            return err_set(err, ERR_INPUT, "column %zu is below the percentile before it", cells.column);
    }
    return at_end(&cells, err);
}

MUST_CHECK bool
azure_invocation_decode(Text line, AzureInvocation *out, Err *err)
{
    Cells cells = {line, true, 0};
    int64_t end_us = 0;
    if (!take_names(&cells, &out->names, false, true, err) ||
        !take_number(&cells, SECONDS_SCALE, ROUND_HALF_UP, 0, TRACE_DAYS_MAX * INT64_C(86400000000), &end_us, err) ||
        !take_number(&cells, SECONDS_SCALE, ROUND_HALF_UP, 0, USAGE_DURATION_US_MAX, &out->duration_us, err))
        return false;
    out->start_us = end_us - out->duration_us;
    return at_end(&cells, err);
}

int64_t
azure_curve_at(const AzureCurve *curve, uint32_t place)
{
    const uint64_t scaled = (uint64_t) place * 100; /* per cent x 2^32 */
    size_t above = 0;
    while (above + 1 < curve->points && (uint64_t) curve->percent[above] << 32 <= scaled)
        above++;
    if (above == 0)
        return curve->values[0];
    uint64_t from = (uint64_t) curve->percent[above - 1] << 32;
    uint64_t width = ((uint64_t) curve->percent[above] << 32) - from;
    unsigned __int128 rise = (unsigned __int128) (uint64_t) (curve->values[above] - curve->values[above - 1]) *
                             (scaled - from < width ? scaled - from : width);
    return curve->values[above - 1] + (int64_t) (rise / width);
}
