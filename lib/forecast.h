/**
 * forecast - what a period comes to if it goes on as before
 *
 * Two methods, pure, in whole numbers (doc/alerts.md):
 *  - by weekday, where at least FORECAST_WEEKS_LEAST whole weeks of history are known: each hour to come brings the mean of the same hour of the same
 *    weekday in the last whole weeks, FORECAST_WEEKS_MOST at most;
 *  - a straight line through the start of the period, otherwise: what was used by an instant grows in proportion to time. A period that has run for
 *    less than a day says nothing about its end.
 */
#ifndef LIB_FORECAST_H
#define LIB_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

enum {
    FORECAST_LEAST_HOURS = 24,
    FORECAST_SLOTS = 168, /* hours of a week, in UTC; slot 0 is Thursday 00:00, as 1970-01-01 was */
    FORECAST_WEEKS_LEAST = 2,
    FORECAST_WEEKS_MOST = 4
};

extern const char FORECAST_METHOD_LINE[]; /* for people: "a straight line: …" */
extern const char FORECAST_METHOD_WEEKDAY[];

/** Whole ÷ elapsed time of a period, in seconds. */
typedef struct Forecast {
    int64_t whole_s;
    int64_t elapsed_s;
} Forecast;

/** The factor at an instant (UTC microseconds) that makes what was used in [start, at) that of [start, end). False: the period is over, has not begun,
 *  or has run for less than a day. */
bool forecast_at(int64_t start_us, int64_t end_us, int64_t at_us, Forecast *out);

/** A sum at the period's end, rounded down. `sum` is at most 2^106. */
unsigned __int128 forecast_sum(const Forecast *self, unsigned __int128 sum);

/** History is looked at from here: a week more than counts, to know whether the first of them is whole. */
int64_t forecast_history_start_us(int64_t at_us);

/** Whole weeks before the hour of `at_us` since the hour of the first use in the history (INT64_MAX: none), at most FORECAST_WEEKS_MOST; 0: too few to
 *  know a weekday from. */
int forecast_weeks(int64_t first_us, int64_t at_us);

/** The slot of the hour in which an instant lies. */
int forecast_slot(int64_t time_us);

/** Seconds of each slot that lie in [from, end). A sum over `weeks` weeks of a slot goes on in it as sum × seconds ÷ (weeks × 3600). */
void forecast_left(int64_t from_us, int64_t end_us, int64_t left_s[FORECAST_SLOTS]);

#endif
