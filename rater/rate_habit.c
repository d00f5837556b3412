#include "rater/rate_habit.h"

#include <stdlib.h>

#include "lib/forecast.h"
#include "rater/tally.h"

enum { BATCH_TENANTS = 1000 };

typedef struct Finding {
    RateTenant *tenants; /* of the batch */
    int64_t at_us;
} Finding;

static bool
take_first(void *context, size_t place, int64_t hour_us, Err *err)
{
    (void) err;
    const Finding *self = context;
    self->tenants[place].habit_weeks = forecast_weeks(hour_us, self->at_us);
    return true;
}

bool
rate_habit_find(RateMonth *self, Err *err)
{
    RateTenants *tenants = &self->tenants;
    const int64_t at_us = self->request->forecast_at_us;
    int64_t ids[BATCH_TENANTS];
    bool done = true;
    for (size_t at = 0; at_us != 0 && done && at < tenants->count;) {
        Finding finding = {&tenants->all[at], at_us};
        size_t count = 0;
        for (; at < tenants->count && count < BATCH_TENANTS; at++) {
            tenants->all[at].habit_weeks = 0;
            ids[count++] = tenants->all[at].tenant_id;
        }
        done = rollup_first_hours(self->db, ids, count, forecast_history_start_us(at_us), utc_hour_floor_us(at_us),
                                  take_first, &finding, err);
    }
    return done;
}

bool
rate_habit_counts(const RateMonth *self)
{
    const int64_t at_us = self->request->forecast_at_us;
    return at_us != 0 && at_us >= self->period.start_us && at_us < self->period.end_us &&
           tally_beyond_rollups(self->book) == NULL;
}

int
rate_habit_weeks(const RateMonth *self, const RateTenant *tenant)
{
    return tenant != NULL && rate_habit_counts(self) ? tenant->habit_weeks : 0;
}

static int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

bool
rate_habit_stream(const RateMonth *self, Db *db, const RateTenant *const *tenants, size_t count, const RollupSpan *span,
                  bool only_left, RollupVisit visit, void *context, Err *err)
{
    int64_t left_s[FORECAST_SLOTS];
    const int64_t at_us = self->request->forecast_at_us;
    const RollupSpan there = {span->month, span->start_us, only_left ? span->start_us : span->end_us};
    int64_t *ids = calloc(count + 1, sizeof *ids);
    int64_t *weeks = calloc(count + 1, sizeof *weeks);
    const RollupHabits habits = {ids, weeks, count, utc_hour_floor_us(at_us), left_s};
    forecast_left(later(at_us, span->start_us), span->end_us, left_s);
    bool done = ids != NULL && weeks != NULL;
    for (size_t i = 0; done && i < count; i++) {
        ids[i] = tenants[i]->tenant_id;
        weeks[i] = rate_habit_weeks(self, tenants[i]);
    }
    done = done ? rollup_stream_going_on(db, &habits, &there, visit, context, err)
                : err_set(err, ERR_NOMEM, "no memory for %zu tenants", count);
    free(ids);
    free(weeks);
    return done;
}
