/**
 * period - billing periods: half-open spans of UTC, from a time zone, a billing day and a month
 *
 * Pure but for the time zone database of the system (tzdata, read by GLib), which only zones other than UTC need. A zone is
 * read once and does not change afterwards. See doc/contracts.md, "Billing periods".
 */
#ifndef RATER_PERIOD_H
#define RATER_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"

typedef struct Zone Zone;

enum { ZONE_NAME_BYTES_MAX = 63 };

/** Open a zone by its IANA name; "UTC" always exists. Caller frees with zone_free(). NULL: ERR_NOT_FOUND, ERR_NOMEM. */
MUST_CHECK Zone *zone_open(const char *name, Err *err);
void zone_free(Zone **self);
const char *zone_name(const Zone *self);

/** A day of the calendar. */
typedef struct Day {
    int year, month, day;
} Day;

/** "2026-07-01", a day that exists. ERR_INPUT. */
MUST_CHECK bool day_parse(Text text, Day *day, Err *err);

/** The first instant at which the zone's clock shows `day` or a later one. */
int64_t zone_day_start_us(const Zone *self, Day day);

/** The regular start of the period of a month: `billing_day` (1..31, clamped to the month) in this zone. */
int64_t period_start_us(const Zone *zone, int billing_day, UtcMonth month);

/** A billing period: [start_us, end_us). It starts in `month` by the clock of its zone. */
typedef struct BillingPeriod {
    UtcMonth month;
    int64_t start_us;
    int64_t end_us;
} BillingPeriod;

BillingPeriod billing_period_utc(UtcMonth month);
bool billing_period_is_utc(const BillingPeriod *self);

#endif
