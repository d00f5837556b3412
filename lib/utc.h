/**
 * utc - points in time and months, in UTC only
 *
 * A point in time is int64_t microseconds since 1970-01-01T00:00:00Z (no leap seconds, as in POSIX).
 * Supported range: 1970-01-01 to 9999-12-31. Pure code takes times as parameters; only utc_now_us and
 * utc_monotonic_us read a clock.
 */
#ifndef LIB_UTC_H
#define LIB_UTC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

#define UTC_SECOND_US INT64_C(1000000)
#define UTC_HOUR_US (INT64_C(3600) * UTC_SECOND_US)
#define UTC_DAY_US (INT64_C(24) * UTC_HOUR_US)

enum { UTC_TEXT_BYTES = 32 }; /* "2026-10-01T12:00:00.123456Z" and its NUL */

/** A month of the Gregorian calendar. */
typedef struct UtcMonth {
    int year;  /* 1970..9999 */
    int month; /* 1..12 */
} UtcMonth;

int64_t utc_now_us(void);       /* wall clock */
int64_t utc_monotonic_us(void); /* CLOCK_MONOTONIC, for intervals only */

/** Parse RFC 3339 (`2026-10-01T12:00:00.123Z`, `…+02:00`; 't', 'z' and a blank for 'T' are accepted; digits
 *  after the sixth of the fraction are cut off; second 60 counts as the next minute). ERR_INPUT. */
MUST_CHECK bool utc_parse(Text text, int64_t *time_us, Err *err);

/** Write RFC 3339 with 'Z' and the fewest of 0, 3 or 6 fraction digits. Returns `out`. */
const char *utc_format(int64_t time_us, char out[UTC_TEXT_BYTES]);
/** "2026-10-01". Returns `out`. */
const char *utc_format_day(int64_t time_us, char out[UTC_TEXT_BYTES]);

/** Parse "YYYY-MM", as command lines give it. ERR_USAGE with the expected form. */
MUST_CHECK bool utc_month_parse(const char *text, UtcMonth *month, Err *err);
const char *utc_month_format(UtcMonth month, char out[UTC_TEXT_BYTES]);
UtcMonth utc_month_of(int64_t time_us);
UtcMonth utc_month_next(UtcMonth month);
UtcMonth utc_month_previous(UtcMonth month);
bool utc_month_is_before(UtcMonth month, UtcMonth other);
int64_t utc_month_start_us(UtcMonth month); /* first instant; the month ends where the next one starts */
int64_t utc_month_end_us(UtcMonth month);   /* first instant after it */
int utc_month_days(UtcMonth month);
int64_t utc_hour_floor_us(int64_t time_us);
int64_t utc_hour_ceiling_us(int64_t time_us);

#endif
