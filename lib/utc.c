#include "lib/utc.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

/* Days since 1970-01-01 of a Gregorian date and back: Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms", http://howardhinnant.github.io/date_algorithms.html (days_from_civil, civil_from_days). */
static int64_t
days_of_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

typedef struct Date {
    int year, month, day;
} Date;

static Date
date_of_days(int64_t days)
{
    days += 719468;
    int64_t era = days / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
    int64_t month = shifted + (shifted < 10 ? 3 : -9);
    int64_t year = year_of_era + era * 400 + (month <= 2);
    return (Date){(int) year, (int) month, (int) day};
}

int64_t
utc_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t) now.tv_sec * UTC_SECOND_US + now.tv_nsec / 1000;
}

int64_t
utc_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * UTC_SECOND_US + now.tv_nsec / 1000;
}

/* A cursor over the text of a time. */
typedef struct Cursor {
    const char *at;
    const char *end;
} Cursor;

static bool
take_digits(Cursor *cursor, int count, int *value)
{
    int total = 0;
    for (int i = 0; i < count; i++) {
        if (cursor->at == cursor->end || *cursor->at < '0' || *cursor->at > '9')
            return false;
        total = total * 10 + (*cursor->at++ - '0');
    }
    *value = total;
    return true;
}

static bool
take_one_of(Cursor *cursor, const char *choices)
{
    if (cursor->at == cursor->end)
        return false;
    for (; *choices != '\0'; choices++) {
        if (*cursor->at == *choices) {
            cursor->at++;
            return true;
        }
    }
    return false;
}

/* An optional fraction; digits after the sixth are cut off. */
static bool
take_fraction(Cursor *cursor, int64_t *fraction_us)
{
    *fraction_us = 0;
    if (!take_one_of(cursor, "."))
        return true;
    int digits = 0;
    for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++, digits++) {
        if (digits < 6)
            *fraction_us = *fraction_us * 10 + (*cursor->at - '0');
    }
    for (int i = digits; i < 6; i++)
        *fraction_us *= 10;
    return digits > 0 && digits <= 18;
}

static bool
take_zone(Cursor *cursor, int64_t *offset_us)
{
    *offset_us = 0;
    if (take_one_of(cursor, "Zz"))
        return true;
    int sign = take_one_of(cursor, "+") ? 1 : take_one_of(cursor, "-") ? -1 : 0;
    int hours = 0;
    int minutes = 0;
    if (sign == 0 || !take_digits(cursor, 2, &hours))
        return false;
    take_one_of(cursor, ":");
    if (!take_digits(cursor, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_us = sign * ((int64_t) hours * 3600 + (int64_t) minutes * 60) * UTC_SECOND_US;
    return true;
}

static bool
parse_parts(Text text, int64_t *time_us)
{
    Cursor cursor = {text.data, text.data + text.length};
    int year, month, day, hour, minute, second;
    int64_t fraction_us, offset_us;
    if (!take_digits(&cursor, 4, &year) || !take_one_of(&cursor, "-") || !take_digits(&cursor, 2, &month) ||
        !take_one_of(&cursor, "-") || !take_digits(&cursor, 2, &day) || !take_one_of(&cursor, "Tt ") ||
        !take_digits(&cursor, 2, &hour) || !take_one_of(&cursor, ":") || !take_digits(&cursor, 2, &minute) ||
        !take_one_of(&cursor, ":") || !take_digits(&cursor, 2, &second) || !take_fraction(&cursor, &fraction_us) ||
        !take_zone(&cursor, &offset_us) || cursor.at != cursor.end)
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60)
        return false;
    if (day > utc_month_days((UtcMonth){year, month}))
        return false;
    int64_t seconds = days_of_date(year, month, day) * 86400 + (int64_t) hour * 3600 + (int64_t) minute * 60 + second;
    *time_us = seconds * UTC_SECOND_US + fraction_us - offset_us;
    return *time_us >= 0;
}

bool
utc_parse(Text text, int64_t *time_us, Err *err)
{
    if (text.length == 0 || text.length > 64 || !parse_parts(text, time_us))
        return err_set(err, ERR_INPUT, "'%.*s' is not a time: use RFC 3339, for instance 2026-10-01T12:00:00.123Z",
                       (int) (text.length > 64 ? 64 : text.length), text.data == NULL ? "" : text.data);
    return true;
}

/* Divide toward minus infinity, so that times before 1970 print sensibly too. */
static int64_t
floor_divide(int64_t value, int64_t divisor)
{
    int64_t quotient = value / divisor;
    return value % divisor < 0 ? quotient - 1 : quotient;
}

const char *
utc_format(int64_t time_us, char out[UTC_TEXT_BYTES])
{
    int64_t days = floor_divide(time_us, UTC_DAY_US);
    int64_t rest = time_us - days * UTC_DAY_US;
    Date date = date_of_days(days);
    int seconds = (int) (rest / UTC_SECOND_US);
    int fraction_us = (int) (rest % UTC_SECOND_US);
    int length = snprintf(out, UTC_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d", date.year, date.month, date.day,
                          seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (length < 0 || length >= UTC_TEXT_BYTES)
        return out;
    size_t left = UTC_TEXT_BYTES - (size_t) length;
    if (fraction_us == 0)
        snprintf(out + length, left, "Z");
    else if (fraction_us % 1000 == 0)
        snprintf(out + length, left, ".%03dZ", fraction_us / 1000);
    else
        snprintf(out + length, left, ".%06dZ", fraction_us);
    return out;
}

const char *
utc_format_day(int64_t time_us, char out[UTC_TEXT_BYTES])
{
    Date date = date_of_days(floor_divide(time_us, UTC_DAY_US));
    snprintf(out, UTC_TEXT_BYTES, "%04d-%02d-%02d", date.year, date.month, date.day);
    return out;
}

bool
utc_month_parse(const char *text, UtcMonth *month, Err *err)
{
    Text whole = text_of(text);
    Cursor cursor = {whole.data, whole.data + whole.length};
    UtcMonth parsed;
    if (text == NULL || !take_digits(&cursor, 4, &parsed.year) || !take_one_of(&cursor, "-") ||
        !take_digits(&cursor, 2, &parsed.month) || cursor.at != cursor.end || parsed.year < 1970 || parsed.month < 1 ||
        parsed.month > 12)
        return err_set(err, ERR_USAGE, "'%s' is not a month: use YYYY-MM, for instance 2026-10",
                       text == NULL ? "" : text);
    *month = parsed;
    return true;
}

const char *
utc_month_format(UtcMonth month, char out[UTC_TEXT_BYTES])
{
    snprintf(out, UTC_TEXT_BYTES, "%04d-%02d", month.year, month.month);
    return out;
}

UtcMonth
utc_month_of(int64_t time_us)
{
    Date date = date_of_days(floor_divide(time_us, UTC_DAY_US));
    return (UtcMonth){date.year, date.month};
}

UtcMonth
utc_month_next(UtcMonth month)
{
    return month.month == 12 ? (UtcMonth){month.year + 1, 1} : (UtcMonth){month.year, month.month + 1};
}

UtcMonth
utc_month_previous(UtcMonth month)
{
    return month.month == 1 ? (UtcMonth){month.year - 1, 12} : (UtcMonth){month.year, month.month - 1};
}

bool
utc_month_is_before(UtcMonth month, UtcMonth other)
{
    return month.year < other.year || (month.year == other.year && month.month < other.month);
}

int64_t
utc_month_start_us(UtcMonth month)
{
    return days_of_date(month.year, month.month, 1) * UTC_DAY_US;
}

int64_t
utc_month_end_us(UtcMonth month)
{
    return utc_month_start_us(utc_month_next(month));
}

int
utc_month_days(UtcMonth month)
{
    return (int) ((utc_month_end_us(month) - utc_month_start_us(month)) / UTC_DAY_US);
}

int64_t
utc_hour_floor_us(int64_t time_us)
{
    return floor_divide(time_us, UTC_HOUR_US) * UTC_HOUR_US;
}

int64_t
utc_hour_ceiling_us(int64_t time_us)
{
    return utc_hour_floor_us(time_us + UTC_HOUR_US - 1);
}
