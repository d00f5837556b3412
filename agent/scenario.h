/**
 * scenario - a described workload, and the invocations it makes of a month
 *
 * Pure after scenario_open: the same scenario, month, seed and count give the same records to the last bit, ids and times
 * included, in the order of time. The pattern spreads the invocations over the month's hours; each has exactly the duration
 * that the scenario names, so that the month's sums are known beforehand.
 */
#ifndef AGENT_SCENARIO_H
#define AGENT_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "proto/usage_record.h"

enum { SCENARIO_HOURS_MAX = 31 * 24, SCENARIO_INVOCATIONS_MAX = 1000000000, SCENARIO_WEIGHT_MAX = 1000000 };

typedef enum ScenarioPattern {
    PATTERN_UNIFORM,      /* around the clock */
    PATTERN_DAILY,        /* a curve over the hours of a day, low at night */
    PATTERN_OFFICE_HOURS, /* Monday to Friday, 08:00 to 18:00 UTC */
    PATTERN_HOURLY,       /* at full hours; evenly where there are more invocations than hours */
    PATTERN_WEIGHTS       /* each hour by the weight of its hour of the day and its day of the month */
} ScenarioPattern;

typedef struct Scenario {
    char name[64]; /* of the file, without folder and ending */
    char *title;
    char *tenant;
    char *function;
    char *region;
    UsageArchitecture architecture;
    UsageTrigger trigger;
    int64_t memory_mb;
    int64_t invocations; /* in a month */
    int64_t duration_us;
    ScenarioPattern pattern;
    uint32_t hour_weights
        [24]; /* of PATTERN_WEIGHTS: 0..SCENARIO_WEIGHT_MAX, 1 each where the file does not say; in each kind one */
    uint32_t day_weights[31]; /* is above 0, and of the days one of the first 28 */
} Scenario;

/** Read and check a scenario file. Caller frees. NULL: ERR_INPUT "FILE:LINE: …", ERR_IO, ERR_NOMEM. */
MUST_CHECK Scenario *scenario_open(const char *path, Err *err);
/** The same from text; `path` stands for the file in messages and gives the scenario its name. */
MUST_CHECK Scenario *scenario_parse(Text text, const char *path, Err *err);
void scenario_free(Scenario **self);

typedef struct Simulation Simulation;

/** The records of `month`: `count` of them for `tenant` (both texts borrowed). Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK Simulation *
simulation_new(const Scenario *scenario, const char *tenant, UtcMonth month, int64_t seed, int64_t count, Err *err);
void simulation_free(Simulation **self);

/** The next record, borrowed texts valid until the next call; false when there is none left. */
bool simulation_next(Simulation *self, UsageRecord *out);

#endif
