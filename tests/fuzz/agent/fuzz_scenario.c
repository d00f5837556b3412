/* A scenario that somebody wrote: refused with a message, or records of a month in the order of time, all within it. */
#include <stdint.h>
#include <stdlib.h>

#include "agent/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const UtcMonth FEBRUARY = {2027, 2};
enum { RECORDS_MAX = 2000 };

static void
simulate(const Scenario *scenario)
{
    Err err = {0};
    UsageRecord record;
    int64_t count = scenario->invocations < RECORDS_MAX ? scenario->invocations : RECORDS_MAX;
    int64_t last_us = utc_month_start_us(FEBRUARY);
    Simulation *simulation = simulation_new(scenario, "acme", FEBRUARY, 7, count, &err);
    if (simulation == NULL)
        abort();
    for (; simulation_next(simulation, &record); count--) {
        if (record.started_at_us < last_us || record.started_at_us >= utc_month_end_us(FEBRUARY) ||
            record.duration_us < 0)
            abort();
        last_us = record.started_at_us;
    }
    if (count != 0)
        abort();
    simulation_free(&simulation);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Scenario *scenario = scenario_parse((Text){(const char *) data, size}, "folder/fuzz.yaml", &err);
    if ((scenario == NULL) != err_is_set(&err))
        abort();
    if (scenario != NULL)
        simulate(scenario);
    scenario_free(&scenario);
    return 0;
}
