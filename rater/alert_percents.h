/**
 * alert_percents - "50, 80, 100": the thresholds of an installation
 */
#ifndef RATER_ALERT_PERCENTS_H
#define RATER_ALERT_PERCENTS_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

enum { ALERT_PERCENTS_MAX = 16, ALERT_PERCENT_GREATEST = 1000 };

typedef struct AlertPercents {
    mpq_t all[ALERT_PERCENTS_MAX]; /* ascending */
    size_t count;
} AlertPercents;

/** Parse the value of a setting: decimals with commas between them, ascending, above 0 to 1000; "" gives none. Cleared with alert_percents_clear() in any
 *  case. ERR_INPUT. */
MUST_CHECK bool alert_percents_parse(const char *setting, const char *text, AlertPercents *self, Err *err);
void alert_percents_clear(AlertPercents *self);

#endif
