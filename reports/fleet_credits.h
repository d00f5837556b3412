/**
 * fleet_credits - CPU credits of burstable instances, over time
 *
 * Pure. A credit is a minute of a whole vCPU. An instance earns what the baselines of its vCPU carry, all the time, and spends what runs on
 * it; at most what it earns in 24 hours is kept. The load is spread evenly over the instances, so that their credits are one pot. It
 * begins empty: T3 and T4g get no credits at launch. An instance that goes takes its part with it.
 *   standard   without credits only the baselines are there: what more was wanted is counted as lacking, and since when
 *   unlimited  goes on with credits that it has not earned yet, up to what it earns in 24 hours; what is spent beyond that is charged,
 *              and so is what is owed when an instance goes, and at the end
 * Whole numbers: thousandths of a MB of configured memory (what mb_per_vcpu are a vCPU of), times microseconds.
 */
#ifndef REPORTS_FLEET_CREDITS_H
#define REPORTS_FLEET_CREDITS_H

#include <stdbool.h>
#include <stdint.h>

enum { FLEET_CREDIT_PARTS = 1000, FLEET_CREDIT_HOURS_MAX = 31 * 24 };

/** What became of it. */
typedef struct FleetShort {
    unsigned __int128 charged; /* parts of a MB x us, unlimited mode */
    unsigned __int128 lacking; /* the same, standard mode */
    int64_t short_us;          /* for so long */
    int64_t hours;             /* in so many hours of the period */
    int64_t first_us;          /* meaningless while short_us is 0 */
} FleetShort;

typedef struct FleetCredits {
    bool unlimited;
    int64_t earn_parts; /* a us, of one instance; 0: not burstable, nothing is counted */
    int64_t start_us;
    int64_t now_us;
    int64_t last_hour; /* that is counted */
    __int128 balance;  /* below 0: owed */
    FleetShort outcome;
} FleetCredits;

FleetCredits fleet_credits_begin(bool unlimited, int64_t earn_parts, int64_t start_us);

/** Until `until_us` (not before the last one) `instances` carried `load_mb` all the time. */
void fleet_credits_pass(FleetCredits *self, int64_t until_us, int64_t load_mb, int64_t instances);

/** One of `instances` goes, now. */
void fleet_credits_leave(FleetCredits *self, int64_t instances);

/** The end, at the last instant passed to. */
FleetShort fleet_credits_end(FleetCredits *self);

#endif
