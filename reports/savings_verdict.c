#include "reports/savings_verdict.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/decimal.h"
#include "reports/figures.h"

enum { RUN_TIME_MAX_S = 900, CONSTANT_LOAD = 1, IDLE_PERCENT = 5 };

/* What a function costs and how busy it is. */
typedef struct FunctionCost {
    mpq_t amount;      /* its share of the lines, and by invocations of the extras that grow with requests */
    mpq_t per_request; /* the part of it that the extras are */
    mpq_t mean;        /* executions at a time, averaged over the month */
} FunctionCost;

static void PRINTF_LIKE(2, 3) reason(SavingsVerdict *verdict, const char *format, ...)
{
    if (verdict->reason_count == SAVINGS_REASONS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void) vsnprintf(verdict->reasons[verdict->reason_count++], SAVINGS_REASON_BYTES, format, arguments);
    va_end(arguments);
}

/* Sum of amount_exact over the documents' entries of this function. */
static bool
sum_of_function(const SavingsInput *input, const char *name, mpq_t sum, Err *err)
{
    mpq_t amount;
    mpq_init(amount);
    bool done = true;
    for (size_t d = 0; done && d < input->document_count; d++) {
        Json *functions = json_member(input->documents[d], "functions");
        size_t count = json_object_is_type(functions, json_type_array) ? json_object_array_length(functions) : 0;
        for (size_t i = 0; done && i < count; i++) {
            Json *entry = json_object_array_get_idx(functions, i);
            Text function;
            if (!json_text(json_member(entry, "function"), &function) || !text_is(function, name))
                continue;
            done = figure_read(entry, "amount_exact", amount, err);
            mpq_add(sum, sum, amount);
        }
    }
    mpq_clear(amount);
    return done;
}

static bool
cost_of_function(const SavingsReport *report, const SavingsInput *input, const UsageFunction *function,
                 FunctionCost *cost, Err *err)
{
    if (!sum_of_function(input, function->name, cost->amount, err))
        return false;
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
    return true;
}

static const SavingsComparison *
cheapest(const SavingsReport *report)
{
    const SavingsComparison *best = &report->comparisons[0];
    for (size_t i = 1; i < report->comparison_count; i++)
        if (mpq_cmp(savings_reading(&report->comparisons[i])->alternative.exact,
                    savings_reading(best)->alternative.exact) < 0)
            best = &report->comparisons[i];
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
        reason(verdict, "%s of that is paid for each request besides the function itself", part);
    bool done = !most || part != NULL;
    free(part);
    return done;
}

/* The side that is cheaper if the alternative were kept for this function alone, and whether people's work turns it. */
static bool
judge_cost(const SavingsReport *report, const FunctionCost *cost, SavingsVerdict *verdict, Err *err)
{
    const SavingsComparison *best = cheapest(report);
    const SavingsReading *all = savings_reading(best);
    const mpq_t *machines = &best->readings[COST_AROUND].alternative.exact;
    verdict->side = mpq_cmp(cost->amount, all->alternative.exact) <= 0 ? SIDE_SERVERLESS : SIDE_ALTERNATIVE;
    int scale = report->currency_scale;
    char *own = figure_people(cost->amount, scale, err);
    char *other = figure_people(all->alternative.exact, scale, err);
    char *bare = figure_people(*machines, scale, err);
    bool done = own != NULL && other != NULL && bare != NULL;
    if (done) {
        reason(verdict, "costs %s a month as a function, %s as %s", own, other, best->alternative->name);
        if (verdict->side == SIDE_SERVERLESS && mpq_cmp(cost->amount, *machines) > 0)
            reason(verdict, "operations decide: the infrastructure alone would cost %s, less than the function", bare);
    }
    free(own);
    free(other);
    free(bare);
    return done && judge_requests(report, cost, verdict, err);
}

/* Do the instances hold the memory that the function has in use on average? Not known of all of them: nothing said. */
static bool
judge_memory(const SavingsReport *report, const UsageFunction *function, SavingsVerdict *verdict, Err *err)
{
    const SavingsComparison *best = cheapest(report);
    mpq_t has_gb;
    mpq_t uses_gb;
    mpq_inits(has_gb, uses_gb, NULL);
    bool known = best->has_utilization; /* there are instances, and each says its memory */
    for (size_t i = 0; i < best->item_count; i++) {
        const CostItem *item = best->items[i].item;
        known = known && (item->kind != COST_INSTANCES || mpq_sgn(item->memory_gb) > 0);
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
        reason(verdict, "has %s GB in use on average; %s has %s GB: it would need more of them", uses,
               best->alternative->name, has);
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
        reason(verdict, "constant load: on average %s run at once, which is what instances are good at", mean);
    else if (done && mpq_cmp_ui(cost->mean, IDLE_PERCENT, 100) < 0)
        reason(verdict, "runs %s hours a month: an instance would stand idle most of the time", ran);
    free(ran);
    free(mean);
    if (done && mpq_cmp_ui(function->longest_s, RUN_TIME_MAX_S, 1) > 0) {
        verdict->side = SIDE_ALTERNATIVE;
        reason(verdict,
               "runs longer than 15 minutes, where functions are stopped: needs an instance, or smaller steps");
    }
    return done;
}

static bool
judge(const SavingsReport *report, const SavingsInput *input, const UsageFunction *function, SavingsVerdict *verdict,
      Err *err)
{
    FunctionCost cost;
    mpq_inits(cost.amount, cost.per_request, cost.mean, NULL);
    verdict->function = function->name;
    bool done = cost_of_function(report, input, function, &cost, err) && judge_cost(report, &cost, verdict, err) &&
                judge_load(function, &cost, verdict, err) && judge_memory(report, function, verdict, err);
    if (done && mpq_sgn(cost.amount) == 0)
        reason(verdict, "the free tier covers all of it");
    else if (done && mpq_cmp_ui(cost.amount, 1, 1) < 0)
        reason(verdict, "tiny usage: less than 1 %s a month", report->currency);
    mpq_clears(cost.amount, cost.per_request, cost.mean, NULL);
    return done;
}

bool
savings_verdicts(SavingsReport *report, const SavingsInput *input, Err *err)
{
    report->verdicts = calloc(input->usage->count + 1, sizeof(*report->verdicts));
    if (report->verdicts == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a savings report");
    for (size_t i = 0; i < input->usage->count; i++) {
        if (!judge(report, input, &input->usage->functions[i], &report->verdicts[i], err))
            return false;
        report->verdict_count++;
    }
    return true;
}
