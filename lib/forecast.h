/**
 * forecast - what a period comes to if it goes on as it has gone so far
 *
 * The one method of all forecasts: a straight line through the start of the period. What was used by an instant grows in proportion to time. Pure, exact whole numbers;
 * a period that has run for less than a day says nothing about its end. See doc/alerts.md.
 */
#ifndef LIB_FORECAST_H
#define LIB_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

enum { FORECAST_LEAST_HOURS = 24 };

extern const char FORECAST_METHOD[]; /* for people: "a straight line: …" */

/** Whole ÷ elapsed time of a period, in seconds. */
typedef struct Forecast {
    int64_t whole_s;
    int64_t elapsed_s;
} Forecast;

/** The factor at an instant (UTC microseconds). False: the period is over, has not begun, or has run for less than a day. */
bool forecast_at(int64_t start_us, int64_t end_us, int64_t at_us, Forecast *out);

/** A sum at the period's end, rounded down. `sum` is at most 2^106. */
unsigned __int128 forecast_sum(const Forecast *self, unsigned __int128 sum);

#endif
