/**
 * savings - what the same work costs as functions and as something else
 *
 * Pure: rated lines, facts about the usage and alternatives in, a report out; no clock, no file, no rounding but that of
 * printed amounts. Definitions, all of them printed with the report:
 *   busy hours   the wall time that functions ran, added up (no initialization)
 *   utilization  busy hours / (instances x hours x executions that an instance takes at a time, 1 unless told)
 *   idle amount  the part of the instances' cost that falls on the idle hours
 *   saving       the difference of the printed totals; positive: serverless is cheaper
 *   saving %     (alternative - serverless) / alternative, from exact values
 *   horizon      the same over the alternative's months: totals of amounts each rounded once, after they are multiplied
 *   break-even   requests a second, over the alternative's hours, at which both cost the same: what grows with requests
 *                is scaled at this mix and at the lines' unit prices; the free tier counts as far as it goes
 *   too small    an hour in which more ran at a time than the instances take, or used more memory than they have
 *   readings     the comparison with instances alone, with all infrastructure, and with people's work
 *   range        from the alternative at its cheapest against functions whose free tier others have used up, to the
 *                alternative at its dearest against functions with the free tier taken off (the same functions rated in another way: both with it, or
 *                both without). No saving is ever more than what
 *                the dearer side costs
 *   right size   the least memory that would have held every measured run; what it saves is at today's unit price of
 *                duration, the same run times supposed, and never more than the function costs
 */
#ifndef REPORTS_SAVINGS_H
#define REPORTS_SAVINGS_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "reports/alternative.h"
#include "reports/amount.h"
#include "reports/said.h"
#include "reports/savings_usage.h"

enum { SAVINGS_READINGS = 3, SAVINGS_REASONS_MAX = 12, SAVINGS_ASSUMPTIONS_MAX = 4, SAVINGS_CURVE_POINTS = 61 };

typedef enum SavingsSide { SIDE_SERVERLESS, SIDE_ALTERNATIVE } SavingsSide;

/** The serverless side as the rater answered: one document, or one for each tenant. All borrowed. */
typedef struct SavingsInput {
    UtcMonth month;
    Json *const *documents; /* each has lines, functions, currency, total */
    size_t document_count;
    const SavingsUsage *usage;
    const Alternative *const *alternatives;
    size_t alternative_count; /* at least 1; their fleets are sized, their functions are rated */
    const FleetPlan *fleet;   /* sized and replayed (--fleet); NULL: not asked for */
} SavingsInput;

typedef struct SavingsItem {
    const CostItem *item; /* borrowed from its alternative */
    mpq_t quantity;
    Amount amount;
} SavingsItem;

typedef struct SavingsReading {
    Amount serverless;
    Amount alternative;
    mpq_t saving;
    mpq_t saving_percent; /* meaningless when the alternative costs nothing */
    SavingsSide cheaper;
} SavingsReading;

/** What the comparison may come to instead, all in printed amounts. */
typedef struct SavingsRange {
    mpq_t serverless_low;  /* with the free tier, as in the comparison */
    mpq_t serverless_high; /* without it */
    mpq_t alternative_low;
    mpq_t alternative_high;
    mpq_t saving_low;  /* alternative_low - serverless_high */
    mpq_t saving_high; /* alternative_high - serverless_low */
    Said assumptions[SAVINGS_ASSUMPTIONS_MAX];
    size_t assumption_count;
} SavingsRange;

/** What both sides cost at a load. */
typedef struct SavingsPoint {
    mpq_t rate; /* requests a second over the alternative's hours, at this mix */
    mpq_t serverless;
} SavingsPoint;

typedef struct SavingsComparison {
    const Alternative *alternative; /* borrowed */
    SavingsItem *items;
    size_t item_count;
    SavingsReading readings[SAVINGS_READINGS]; /* cumulative, by CostKind; the last one is the comparison */
    mpq_t hours;                               /* instance-hours; 0 when there are no instances */
    mpq_t utilization_percent;
    mpq_t idle_hours;
    mpq_t idle_amount;
    bool has_utilization;     /* there are instances and usage */
    mpq_t horizon_serverless; /* printed totals over the alternative's months; over one month those of the comparison */
    mpq_t horizon_alternative;
    mpq_t break_even;
    bool has_break_even;
    mpq_t rate_now; /* requests a second, as measured, over the same hours */
    SavingsPoint *
        curve; /* SAVINGS_CURVE_POINTS, evenly from no load to twice the break-even; NULL: there are no requests, or the
                            alternative's cost grows with them too. The alternative costs the same at each */
    SavingsRange range;
    /* against the hours of report->timeline */
    mpq_t slots;         /* executions that all instances take at a time */
    mpq_t memory_gb;     /* of all of them; meaningless unless has_memory */
    bool has_memory;     /* each says its own */
    size_t *small_hours; /* positions of the hours in which they would have been too small */
    size_t small_hour_count;
    bool has_small_hours; /* there are instances and a timeline */
} SavingsComparison;

typedef struct SavingsVerdict {
    const char *tenant;   /* borrowed from the usage */
    const char *function; /* borrowed from the usage */
    SavingsSide side;
    mpq_t cost; /* exact: its lines, and its part of what grows with requests */
    /* from single records; -1 where they do not say */
    int64_t memory_mb;       /* the largest size that it ran with */
    int64_t used_mb;         /* the most that a run used */
    int64_t right_size_mb;   /* the least size that would have held them; -1 also when it is no less than memory_mb */
    mpq_t right_size_saving; /* exact; over all of its sizes */
    int64_t cold_starts;
    int64_t records; /* that the figures come from */
    int64_t init_us_mean;
    int64_t init_us_max;
    Said reasons[SAVINGS_REASONS_MAX];
    size_t reason_count;
} SavingsVerdict;

typedef struct SavingsReport {
    UtcMonth month;
    char currency[8];
    int currency_scale;
    Json *lines; /* all lines, owned */
    Json *
        terms; /* what contracts add and take: items {tenant, kind, name, description, rate, amount, amount_exact, compared}, owned */
    Json *free_tiers;       /* what documents say of free tiers and what is left of them, owned */
    bool several_tenants;   /* among the lines */
    bool several_places;    /* regions or architectures */
    bool has_free_tier;     /* it was taken off */
    Amount free_value;      /* what the free quantities would cost at their lines' unit prices, each line rounded */
    const FleetPlan *fleet; /* borrowed; NULL: not asked for */
    SavingsItem *extras;
    size_t extra_count;
    Amount lines_total; /* and the terms that are compared */
    Amount total;       /* lines and extras */
    mpq_t invocations;
    mpq_t busy_hours;
    bool has_usage;
    mpq_t concurrency_mean;
    const ConcurrencyReport *timeline; /* borrowed from the usage; NULL: only sums are known */
    SavingsComparison *comparisons;
    size_t comparison_count;
    SavingsVerdict *verdicts;
    size_t verdict_count;
} SavingsReport;

/** Compare. Caller frees with savings_free(); `input`'s usage and alternatives must live as long. NULL: ERR_INPUT (a
 *  document without what it should hold, currencies that differ, two alternatives whose serverless sections differ),
 *  ERR_NOMEM. */
MUST_CHECK SavingsReport *savings_make(const SavingsInput *input, Err *err);

void savings_free(SavingsReport **self);

const SavingsReading *savings_reading(const SavingsComparison *comparison); /* the complete one */
const char *savings_side_name(SavingsSide side);

/** The report as one JSON document (architecture, section 8). Its sentences (assumptions, reasons) are in `words`, NULL: English, as scripts read
 *  them. Caller releases. NULL: ERR_NOMEM. */
MUST_CHECK Json *savings_json(const SavingsReport *self, const Words *words, Err *err);

/** The report for a person, appended to `out`. */
MUST_CHECK bool savings_text(const SavingsReport *self, Buffer *out, Err *err);

#endif
