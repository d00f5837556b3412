#include "reports/savings_verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/alternative_functions.h"
#include "reports/figures.h"
#include "reports/savings_costs.h"

enum {
    RUN_TIME_MAX_S = 900,
    CONSTANT_LOAD = 1,
    IDLE_PERCENT = 5,
    MEMORY_FAR_ABOVE = 2,        /* times what is used */
    EPHEMERAL_MB_INCLUDED = 512, /* of local storage, with every function */
    COLD_PERCENT = 1             /* of runs: what those who wait notice */
};

enum { WHOLE_BYTES = 24 };

/* What a function costs and how busy it is. */
typedef struct FunctionCost {
    mpq_t amount;      /* its share of the lines, and by invocations of the extras that grow with requests */
    mpq_t per_request; /* the part of it that the extras are */
    mpq_t mean;        /* executions at a time, averaged over the month */
} FunctionCost;

/* Everything that verdicts are made from. */
typedef struct Court {
    const SavingsReport *report;
    const SavingsInput *input;
    const SavingsComparison *servers; /* the cheapest that is not the same functions; NULL */
    SavingsCost *costs;
    SavingsCost **other; /* of each alternative that is the same functions, else NULL */
} Court;

static void
reason(SavingsVerdict *verdict, const char *form, const SaidValue *values)
{
    if (verdict->reason_count < SAVINGS_REASONS_MAX)
        verdict->reasons[verdict->reason_count++] = said_of(form, values);
}

static void
whole(int64_t value, char out[WHOLE_BYTES])
{
    (void) snprintf(out, WHOLE_BYTES, "%" PRId64, value);
}

static void
cost_of_function(const Court *court, const UsageFunction *function, FunctionCost *cost)
{
    const SavingsReport *report = court->report;
    mpq_set(cost->amount, court->costs[function - court->input->usage->functions].amount);
    mpq_t share;
    mpq_init(share);
    if (mpq_sgn(report->invocations) > 0)
        mpq_div(share, function->invocations, report->invocations);
    for (size_t i = 0; i < report->extra_count; i++) {
        if (!report->extras[i].item->per_invocations)
            continue;
        mpq_mul(cost->mean, report->extras[i].amount.exact, share);
        mpq_add(cost->amount, cost->amount, cost->mean);
        mpq_add(cost->per_request, cost->per_request, cost->mean);
    }
    int64_t period_us = utc_month_end_us(report->month) - utc_month_start_us(report->month);
    decimal_set_i64(cost->mean, period_us / UTC_SECOND_US);
    mpq_div(cost->mean, function->busy_s, cost->mean);
    mpq_clear(share);
}

static const SavingsComparison *
cheapest_servers(const SavingsReport *report)
{
    const SavingsComparison *best = NULL;
    for (size_t i = 0; i < report->comparison_count; i++) {
        const SavingsComparison *comparison = &report->comparisons[i];
        if (comparison->alternative->functions == NULL &&
            (best == NULL ||
             mpq_cmp(savings_reading(comparison)->alternative.exact, savings_reading(best)->alternative.exact) < 0))
            best = comparison;
    }
    return best;
}

/* Does what is paid for each request beside the function make most of its cost? */
static bool
judge_requests(const SavingsReport *report, const FunctionCost *cost, SavingsVerdict *verdict, Err *err)
{
    mpq_t twice;
    mpq_init(twice);
    mpq_add(twice, cost->per_request, cost->per_request);
    bool most = mpq_cmp(twice, cost->amount) > 0;
    mpq_clear(twice);
    char *part = most ? figure_people(cost->per_request, report->currency_scale, err) : NULL;
    if (part != NULL)
        reason(verdict, "{1} of that is paid for each request besides the function itself",
               SAID_WITH(SAID_FIGURE(part)));
    bool done = !most || part != NULL;
    free(part);
    return done;
}

/* The side that is cheaper if the alternative were kept for this function alone, and whether people's work turns it. */
static bool
judge_cost(const Court *court, const FunctionCost *cost, SavingsVerdict *verdict, Err *err)
{
    const SavingsComparison *best = court->servers;
    if (best == NULL)
        return true;
    const SavingsReading *all = savings_reading(best);
    const mpq_t *machines = &best->readings[COST_AROUND].alternative.exact;
    verdict->side = mpq_cmp(cost->amount, all->alternative.exact) <= 0 ? SIDE_SERVERLESS : SIDE_ALTERNATIVE;
    int scale = court->report->currency_scale;
    char *own = figure_people(cost->amount, scale, err);
    char *other = figure_people(all->alternative.exact, scale, err);
    char *bare = figure_people(*machines, scale, err);
    bool done = own != NULL && other != NULL && bare != NULL;
    if (done) {
        reason(verdict, "costs {1} a month as a function, {2} as {3}",
               SAID_WITH(SAID_FIGURE(own), SAID_FIGURE(other), SAID_NAME(best->alternative->name)));
        if (verdict->side == SIDE_SERVERLESS && mpq_cmp(cost->amount, *machines) > 0)
            reason(verdict, "operations decide: the infrastructure alone would cost {1}, less than the function",
                   SAID_WITH(SAID_FIGURE(bare)));
    }
    free(own);
    free(other);
    free(bare);
    return done && judge_requests(court->report, cost, verdict, err);
}

/* The same function, rated in another way. */
static bool
judge_other_rating(const Court *court, size_t position, SavingsVerdict *verdict, Err *err)
{
    const SavingsReport *report = court->report;
    const mpq_t *own = &court->costs[position].amount;
    bool done = true;
    for (size_t i = 0; done && i < report->comparison_count; i++) {
        if (court->other[i] == NULL)
            continue;
        const mpq_t *other = &court->other[i][position].amount;
        int order = mpq_cmp(*other, *own);
        if (order < 0 && court->servers == NULL)
            verdict->side = SIDE_ALTERNATIVE;
        char *before = figure_people(*own, report->currency_scale, err);
        char *after = figure_people(*other, report->currency_scale, err);
        done = before != NULL && after != NULL;
        if (done && order != 0)
            reason(verdict, "with {1} its lines come to {2} instead of {3}",
                   SAID_WITH(SAID_NAME(report->comparisons[i].alternative->name), SAID_FIGURE(after),
                             SAID_FIGURE(before)));
        free(before);
        free(after);
    }
    return done;
}

/* Do the instances hold the memory that the function has in use on average? Not known of all of them: nothing said. */
static bool
judge_memory(const Court *court, const UsageFunction *function, SavingsVerdict *verdict, Err *err)
{
    const SavingsReport *report = court->report;
    const SavingsComparison *best = court->servers;
    if (best == NULL)
        return true;
    mpq_t has_gb;
    mpq_t uses_gb;
    mpq_inits(has_gb, uses_gb, NULL);
    bool known = best->has_utilization; /* there are instances, and each says its memory */
    for (size_t i = 0; i < best->item_count; i++) {
        const CostItem *item = best->items[i].item;
        known = known && (mpq_sgn(item->slots) == 0 || mpq_sgn(item->memory_gb) > 0);
        mpq_add(has_gb, has_gb, item->memory_gb);
    }
    int64_t period_us = utc_month_end_us(report->month) - utc_month_start_us(report->month);
    decimal_set_i64(uses_gb, period_us / UTC_SECOND_US);
    mpq_div(uses_gb, function->memory_gb_s, uses_gb);
    bool short_of = known && mpq_cmp(uses_gb, has_gb) > 0;
    char *has = short_of ? figure_people(has_gb, 1, err) : NULL;
    char *uses = short_of ? figure_people(uses_gb, 1, err) : NULL;
    mpq_clears(has_gb, uses_gb, NULL);
    bool done = !short_of || (has != NULL && uses != NULL);
    if (short_of && done)
        reason(verdict, "has {1} GB in use on average; {2} has {3} GB: it would need more of them",
               SAID_WITH(SAID_FIGURE(uses), SAID_NAME(best->alternative->name), SAID_FIGURE(has)));
    free(has);
    free(uses);
    return done;
}

static bool
judge_load(const UsageFunction *function, const FunctionCost *cost, SavingsVerdict *verdict, Err *err)
{
    mpq_t hours;
    mpq_init(hours);
    mpq_set_ui(hours, 3600, 1);
    mpq_div(hours, function->busy_s, hours);
    char *ran = figure_people(hours, 1, err);
    char *mean = figure_people(cost->mean, 1, err);
    mpq_clear(hours);
    bool done = ran != NULL && mean != NULL;
    if (done && mpq_cmp_ui(cost->mean, CONSTANT_LOAD, 1) >= 0)
        reason(verdict, "constant load: on average {1} run at once, which is what instances are good at",
               SAID_WITH(SAID_FIGURE(mean)));
    else if (done && mpq_cmp_ui(cost->mean, IDLE_PERCENT, 100) < 0)
        reason(verdict, "runs {1} hours a month: an instance would stand idle most of the time",
               SAID_WITH(SAID_FIGURE(ran)));
    free(ran);
    free(mean);
    if (done && mpq_cmp_ui(function->longest_s, RUN_TIME_MAX_S, 1) > 0) {
        verdict->side = SIDE_ALTERNATIVE;
        reason(verdict, "runs longer than 15 minutes, where functions are stopped: needs an instance, or smaller steps",
               SAID_PLAINLY);
    }
    return done;
}

/* ---- what single records say ---- */

static void
take_facts(const Court *court, const UsageFunction *function, SavingsVerdict *verdict)
{
    int64_t right_mb = -1;
    verdict->memory_mb = verdict->used_mb = verdict->right_size_mb = -1;
    for (size_t i = 0; i < function->size_count; i++) {
        const UsageSize *size = &function->sizes[i];
        if (size->measured > 0 && size->used_mb_max > verdict->used_mb)
            verdict->used_mb = size->used_mb_max;
        if (size->memory_mb > verdict->memory_mb) {
            verdict->memory_mb = size->memory_mb;
            right_mb = usage_size_right(size);
        }
    }
    if (right_mb < verdict->memory_mb)
        verdict->right_size_mb = right_mb;
    mpq_set(verdict->right_size_saving, court->costs[function - court->input->usage->functions].right_size_saving);
    verdict->records = function->records;
    verdict->cold_starts = function->cold_starts;
    verdict->init_us_max = function->init_us_max;
    verdict->init_us_mean =
        function->cold_starts == 0 ? 0 : (int64_t) (function->init_us / (unsigned __int128) function->cold_starts);
}

/* Memory that is far above what is used. */
static bool
judge_right_size(const Court *court, SavingsVerdict *verdict, Err *err)
{
    if (verdict->right_size_mb < 0 || verdict->right_size_mb * MEMORY_FAR_ABOVE > verdict->memory_mb)
        return true;
    char has[WHOLE_BYTES];
    char used[WHOLE_BYTES];
    char right[WHOLE_BYTES];
    char *saving = figure_people(verdict->right_size_saving, court->report->currency_scale, err);
    const char *form =
        mpq_sgn(verdict->right_size_saving) > 0
            ? "memory far above what is used: has {1} MB, used {2} MB at most; {3} MB would have held and save {4}, if it runs no longer with that size's CPU"
            : "memory far above what is used: has {1} MB, used {2} MB at most; {3} MB would have held, if it runs no longer with that size's CPU";
    whole(verdict->memory_mb, has);
    whole(verdict->used_mb, used);
    whole(verdict->right_size_mb, right);
    if (saving != NULL)
        reason(verdict, form, SAID_WITH(SAID_FIGURE(has), SAID_FIGURE(used), SAID_FIGURE(right), SAID_FIGURE(saving)));
    free(saving);
    return saving != NULL;
}

/* Somebody waits for the answer, and now and then for an initialization too. */
static void
judge_cold_starts(const UsageFunction *function, SavingsVerdict *verdict)
{
    if (function->over_http == 0 || function->cold_starts * 100 < function->records * COLD_PERCENT)
        return;
    char share[WHOLE_BYTES];
    char mean[WHOLE_BYTES];
    char most[WHOLE_BYTES];
    int64_t thousandths = function->cold_starts * 1000 / function->records;
    (void) snprintf(share, sizeof(share), "%" PRId64 ".%" PRId64, thousandths / 10, thousandths % 10);
    whole(verdict->init_us_mean / 1000, mean);
    whole(verdict->init_us_max / 1000, most);
    reason(
        verdict,
        function->over_http == function->records
            ? "latency-critical with cold starts: somebody waits for all of its answers, and {1} % of the runs initialize first, for {2} ms on average and {3} ms at most: keep some ready, or use instances"
            : "latency-critical with cold starts: somebody waits for some of its answers, and {1} % of the runs initialize first, for {2} ms on average and {3} ms at most: keep some ready, or use instances",
        SAID_WITH(SAID_FIGURE(share), SAID_FIGURE(mean), SAID_FIGURE(most)));
}

static void
judge_state(const UsageFunction *function, SavingsVerdict *verdict)
{
    char most[WHOLE_BYTES];
    whole(function->ephemeral_mb_max, most);
    if (function->ephemeral_mb_max > EPHEMERAL_MB_INCLUDED)
        reason(
            verdict,
            "state: keeps up to {1} MB in local storage, which goes with the instance; what has to last belongs in a store",
            SAID_WITH(SAID_FIGURE(most)));
}

static bool
judge_records(const Court *court, const UsageFunction *function, SavingsVerdict *verdict, Err *err)
{
    take_facts(court, function, verdict);
    judge_cold_starts(function, verdict);
    judge_state(function, verdict);
    return judge_right_size(court, verdict, err);
}

/* ---- all together ---- */

static bool
judge(const Court *court, const UsageFunction *function, SavingsVerdict *verdict, Err *err)
{
    FunctionCost cost;
    mpq_inits(cost.amount, cost.per_request, cost.mean, NULL);
    verdict->tenant = function->tenant;
    verdict->function = function->name;
    cost_of_function(court, function, &cost);
    mpq_set(verdict->cost, cost.amount);
    bool done = judge_cost(court, &cost, verdict, err) &&
                judge_other_rating(court, (size_t) (function - court->input->usage->functions), verdict, err) &&
                judge_load(function, &cost, verdict, err) && judge_memory(court, function, verdict, err) &&
                judge_records(court, function, verdict, err);
    if (done && mpq_sgn(cost.amount) == 0)
        reason(verdict, "the free tier covers all of it", SAID_PLAINLY);
    else if (done && mpq_cmp_ui(cost.amount, 1, 1) < 0)
        reason(verdict, "tiny usage: less than 1 {1} a month", SAID_WITH(SAID_NAME(court->report->currency)));
    mpq_clears(cost.amount, cost.per_request, cost.mean, NULL);
    return done;
}

static void
court_clear(Court *court)
{
    size_t count = court->input->usage->count;
    savings_costs_free(&court->costs, count);
    for (size_t i = 0; court->other != NULL && i < court->report->comparison_count; i++)
        savings_costs_free(&court->other[i], count);
    free(court->other);
}

static bool
court_make(Court *court, Err *err)
{
    const SavingsInput *input = court->input;
    court->other = calloc(court->report->comparison_count + 1, sizeof(SavingsCost *));
    if (court->other == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    court->costs = savings_costs_make(input->documents, input->document_count, input->usage, err);
    bool done = court->costs != NULL;
    for (size_t i = 0; done && i < court->report->comparison_count; i++) {
        const AlternativeFunctions *functions = court->report->comparisons[i].alternative->functions;
        if (functions == NULL)
            continue;
        court->other[i] = savings_costs_make(functions->documents, functions->document_count, input->usage, err);
        done = court->other[i] != NULL;
    }
    return done;
}

bool
savings_verdicts(SavingsReport *report, const SavingsInput *input, Err *err)
{
    Court court = {.report = report, .input = input, .servers = cheapest_servers(report)};
    report->verdicts = calloc(input->usage->count + 1, sizeof(*report->verdicts));
    if (report->verdicts == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    bool done = court_make(&court, err);
    for (size_t i = 0; done && i < input->usage->count; i++) {
        SavingsVerdict *verdict = &report->verdicts[report->verdict_count++];
        mpq_inits(verdict->cost, verdict->right_size_saving, NULL);
        done = judge(&court, &input->usage->functions[i], verdict, err);
    }
    court_clear(&court);
    return done;
}
