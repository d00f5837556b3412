/**
 * rate_habit - the usage of a period that is under way, as it will be: by the weekdays of each tenant's history, or by a line
 *
 * Which tenant goes by which method is decided once for a run, from the first use in its last weeks (lib/forecast.h). A book that counts what hourly sums
 * do not hold knows no weekdays: its tenants go by the line.
 */
#ifndef RATER_RATE_HABIT_H
#define RATER_RATE_HABIT_H

#include "rater/rate_month_parts.h"
#include "schema/rollup_store.h"

/** Find how much history each tenant of a forecast has; nothing for a run that is none. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool rate_habit_find(RateMonth *self, Err *err);

/** Weeks of habit by which a tenant goes under the book at hand; 0: by the line, or not at all. */
int rate_habit_weeks(const RateMonth *self, const RateTenant *tenant);

/** Is the period at hand under way, and are its hourly sums to be drawn on? */
bool rate_habit_counts(const RateMonth *self);

/** The hourly sums of [start, end) of tenants at hand, in their order, with what their habit adds: rows say by how many weeks. With `only_left` what
 *  it adds alone. ERR_BUSY, ERR_DATABASE, ERR_NOMEM, and those of `visit`. */
MUST_CHECK bool rate_habit_stream(const RateMonth *self, Db *db, const RateTenant *const *tenants, size_t count,
                                  const RollupSpan *span, bool only_left, RollupVisit visit, void *context, Err *err);

#endif
