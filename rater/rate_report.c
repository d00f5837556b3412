#include "rater/rate_report.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "rater/rate_habit.h"

bool
rate_report_no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for the report of a rating run");
}

static void
free_skips(RateSkip **skips, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        free((*skips)[i].account);
        free((*skips)[i].message);
        free((*skips)[i].hint);
    }
    free(*skips);
    *skips = NULL;
    *count = 0;
}

void
rate_report_free(RateReport *report)
{
    for (size_t i = 0; i < report->outcome_count; i++)
        json_object_put(report->outcomes[i].document);
    arena_free(&report->texts);
    free_skips(&report->skips, &report->skip_count);
    free_skips(&report->waits, &report->wait_count);
    free(report->outcomes);
    report->outcomes = NULL;
    report->outcome_count = report->outcome_capacity = 0;
    report->receipt_watermark = 0;
}

RateOutcome *
rate_outcome_add(RateMonth *self, const char *account, const char *tenant, Err *err)
{
    RateReport *report = self->report;
    if (!array_grow(&report->outcomes, &report->outcome_capacity, report->outcome_count, sizeof *report->outcomes, err))
        return NULL;
    RateOutcome *outcome = &report->outcomes[report->outcome_count++];
    *outcome = (RateOutcome){.tenant = NULL};
    if (self->request->forecast_at_us != 0)
        outcome->habit_weeks = rate_habit_weeks(self, rate_tenants_find(&self->tenants, tenant));
    if (!rate_report_keep(self, &outcome->tenant, tenant, err))
        return NULL;
    outcome->account = outcome->tenant;
    return strcmp(tenant, account) == 0 || rate_report_keep(self, &outcome->account, account, err) ? outcome : NULL;
}

bool
rate_report_keep(RateMonth *self, const char **to, const char *text, Err *err)
{
    RateReport *report = self->report;
    if (report->texts == NULL)
        report->texts = arena_new(SIZE_MAX);
    *to = text == NULL || report->texts == NULL ? NULL : arena_pack(report->texts, text_of(text));
    return text == NULL || *to != NULL || rate_report_no_memory(err);
}

/* Most outcomes say here what the one before says. */
bool
rate_report_keep_again(RateMonth *self, const char **to, size_t member, const char *text, Err *err)
{
    const RateReport *report = self->report;
    const char *before = NULL;
    if (report->outcome_count > 1)
        memcpy(&before, (const char *) &report->outcomes[report->outcome_count - 2] + member, sizeof before);
    if (before == NULL || strcmp(before, text) != 0)
        return rate_report_keep(self, to, text, err);
    *to = before;
    return true;
}

bool
rate_report_keep_made(RateMonth *self, const char **to, char *text, Err *err)
{
    bool done = text != NULL && rate_report_keep(self, to, text, err);
    free(text);
    return done;
}

static bool
add_skip(RateSkip **skips, size_t *count, const char *account, const Err *reason, Err *err)
{
    RateSkip *grown = reallocarray(*skips, *count + 1, sizeof(*grown));
    if (grown == NULL)
        return rate_report_no_memory(err);
    *skips = grown;
    RateSkip *skip = &grown[(*count)++];
    *skip = (RateSkip){strdup(account), strdup(reason->message), strdup(reason->hint)};
    return (skip->account != NULL && skip->message != NULL && skip->hint != NULL) || rate_report_no_memory(err);
}

bool
rate_skip_add(RateMonth *self, const char *account, const Err *reason, Err *err)
{
    return add_skip(&self->report->skips, &self->report->skip_count, account, reason, err);
}

bool
rate_wait_add(RateMonth *self, const char *account, const Err *reason, Err *err)
{
    return add_skip(&self->report->waits, &self->report->wait_count, account, reason, err);
}

static int
compare_outcomes(const void *left, const void *right)
{
    const RateOutcome *a = left;
    const RateOutcome *b = right;
    int order = strcmp(a->account, b->account);
    if (order == 0)
        order = strcmp(a->tenant, b->tenant);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

void
rate_report_sort(RateReport *report)
{
    for (size_t i = 0; i < report->outcome_count; i++)
        report->outcomes[i].place = i;
    if (report->outcome_count > 1)
        qsort(report->outcomes, report->outcome_count, sizeof *report->outcomes, compare_outcomes);
}
