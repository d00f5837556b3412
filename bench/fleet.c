/* How long fleets of every type are replayed, against the sweep over the same executions: bench/fleet [EXECUTIONS].
 *
 * A month of executions, busier by day than by night, is added and swept (bench/concurrency measures that), then the shipped catalogue is sized:
 * each execution is placed on every size of instance, on fleets that scale themselves, and on the credits of burstable ones. The
 * figure is the time of that for each execution and type, in parts of what the sweep takes for it. Both run in turns; the best of
 * each counts. Ends with 1 when an execution takes more on a type than MOST_TIMES what the sweep took for it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "reports/fleet.h"

enum { EXECUTIONS = 300000, TURNS = 3, DAYS = 30, MOST_TIMES = 8 };

static const UtcMonth SEPTEMBER = {2026, 9};

static uint64_t
next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 20;
}

static Execution
draw(uint64_t *state)
{
    int64_t day = (int64_t) (next(state) % DAYS) * UTC_DAY_US;
    int64_t time = (int64_t) ((next(state) % (uint64_t) UTC_DAY_US + next(state) % (uint64_t) UTC_DAY_US) / 2);
    uint64_t duration = next(state);
    int64_t memory_mb = 128 << (next(state) % 4);
    return (Execution){utc_month_start_us(SEPTEMBER) + day + time,
                       (int64_t) (duration % 1000 == 0 ? duration % (uint64_t) (300 * UTC_SECOND_US)
                                                       : duration % (uint64_t) (40 * UTC_SECOND_US)),
                       memory_mb, memory_mb / 2};
}

typedef struct Measure {
    int64_t sweep_us;
    int64_t fleet_us;
    int64_t peak;
    size_t types;
} Measure;

static Measure
measure(const Catalogue *catalogue, size_t count)
{
    Err err = {0};
    SavingsUsage usage = {0};
    uint64_t state = 1;
    const FleetRules rules = fleet_rules_default();
    int64_t began_us = utc_monotonic_us();
    for (size_t i = 0; i < count; i++) {
        Execution execution = draw(&state);
        if (!savings_usage_execution(&usage, SEPTEMBER, &execution, &err))
            exit(err_report(&err, "bench/fleet"));
    }
    if (!savings_usage_sweep(&usage, &err))
        exit(err_report(&err, "bench/fleet"));
    int64_t swept_us = utc_monotonic_us();
    FleetPlan *plan = fleet_plan_make(catalogue, &rules, &usage, SEPTEMBER, NULL, &err);
    if (plan == NULL)
        exit(err_report(&err, "bench/fleet"));
    Measure result = {swept_us - began_us, utc_monotonic_us() - swept_us, plan->peak, plan->count};
    fleet_plan_free(&plan);
    savings_usage_clear(&usage);
    return result;
}

int
main(int argc, char **argv)
{
    Err err = {0};
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : EXECUTIONS;
    Catalogue *catalogue = catalogue_open("reports/catalogues/aws-us-east-1.yaml", &err);
    if (catalogue == NULL || count == 0)
        return catalogue == NULL ? err_report(&err, "bench/fleet") : 2;
    Measure best = measure(catalogue, count);
    for (int turn = 1; turn < TURNS; turn++) {
        Measure again = measure(catalogue, count);
        best.sweep_us = again.sweep_us < best.sweep_us ? again.sweep_us : best.sweep_us;
        best.fleet_us = again.fleet_us < best.fleet_us ? again.fleet_us : best.fleet_us;
    }
    int64_t each = best.fleet_us * 100 / (int64_t) best.types / (best.sweep_us > 0 ? best.sweep_us : 1);
    printf("%zu executions, %" PRId64 " at most at a time: sweep %" PRId64 " ms, %zu fleets %" PRId64 " ms: %" PRId64
           ".%02" PRId64 " of the sweep for each\n",
           count, best.peak, best.sweep_us / 1000, best.types, best.fleet_us / 1000, each / 100, each % 100);
    catalogue_free(&catalogue);
    return each <= 100L * MOST_TIMES ? 0 : 1;
}
