/**
 * azure_trace - rows of the public Azure Functions traces
 *
 * 2019: three files for each day. Invocations by minute (`HashOwner,HashApp,HashFunction,Trigger,1,…,1440`), durations
 * (`Average,Count,Minimum,Maximum` and percentiles, in milliseconds), and memory (`SampleCount` and percentiles of
 * `AverageAllocatedMb`), by function or by application. 2021: one row an invocation (`app,func,end_timestamp,duration`), in
 * seconds from the beginning of the trace. A file is known by its header row, whose columns stand in one order.
 *
 * Pure: a line in, a row or an error out; texts are borrowed from the line. Cells have no quotes; numbers are decimal text
 * and never pass through a double.
 */
#ifndef FORMATS_AZURE_TRACE_H
#define FORMATS_AZURE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

enum { AZURE_MINUTES = 1440, AZURE_POINTS_MAX = 8, AZURE_COUNT_MAX = 100000000 };

typedef enum AzureFile {
    AZURE_UNKNOWN,
    AZURE_2019_INVOCATIONS,
    AZURE_2019_DURATIONS,
    AZURE_2019_MEMORY,     /* by function */
    AZURE_2019_APP_MEMORY, /* by application */
    AZURE_2021
} AzureFile;

/** Which file begins with this line? */
AzureFile azure_file_of(Text header);

/** Who it is about; `function` is empty where a row is about an application. */
typedef struct AzureNames {
    Text owner; /* empty in 2021 */
    Text app;
    Text function;
} AzureNames;

typedef struct AzureMinutes {
    AzureNames names;
    UsageTrigger trigger;
    uint32_t counts[AZURE_MINUTES];
    int64_t total;
} AzureMinutes;

/** Values at given per cent of the runs, rising. */
typedef struct AzureCurve {
    AzureNames names;
    const int *percent;               /* static */
    int64_t values[AZURE_POINTS_MAX]; /* microseconds, or MB rounded up */
    size_t points;
} AzureCurve;

typedef struct AzureInvocation {
    AzureNames names;
    int64_t start_us; /* from the beginning of the trace; a run that began before it is below 0 */
    int64_t duration_us;
} AzureInvocation;

/** Decode a row of a file of that kind. ERR_INPUT says which column is wrong; `out` is then meaningless. */
MUST_CHECK bool azure_minutes_decode(Text line, AzureMinutes *out, Err *err);
MUST_CHECK bool azure_curve_decode(AzureFile kind, Text line, AzureCurve *out, Err *err);
MUST_CHECK bool azure_invocation_decode(Text line, AzureInvocation *out, Err *err);

/** The value of a curve at `place` / 2^32 of the runs: between two points on the straight line, rounded down. */
int64_t azure_curve_at(const AzureCurve *curve, uint32_t place);

#endif
