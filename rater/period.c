#include "rater/period.h"

#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct Zone {
    char name[ZONE_NAME_BYTES_MAX + 1];
    GTimeZone *rules; /* NULL: UTC */
};

enum { DAY_SECONDS = 86400, REACH_SECONDS = 2 * DAY_SECONDS }; /* no clock is further from UTC than that */

/* GLib takes offsets and rules as identifiers too; only what stands in the database is a name here. */
static bool
is_in_database(const char *name)
{
    static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char path[PATH_MAX];
    const char *folder = getenv("TZDIR");
    size_t length = strlen(name);
    if (length == 0 || length > ZONE_NAME_BYTES_MAX || strchr(LETTERS, name[0]) == NULL || strstr(name, "//") != NULL)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (strchr(LETTERS, name[i]) == NULL && strchr("0123456789_+-/", name[i]) == NULL)
            return false;
    }
    snprintf(path, sizeof path, "%s/%s", folder == NULL ? "/usr/share/zoneinfo" : folder, name);
    return name[length - 1] != '/' && access(path, R_OK) == 0;
}

MUST_CHECK Zone *
zone_open(const char *name, Err *err)
{
    bool utc = strcmp(name, "UTC") == 0;
    GTimeZone *rules = utc || !is_in_database(name) ? NULL : g_time_zone_new_identifier(name);
    if (!utc && rules == NULL) {
        err_set(err, ERR_NOT_FOUND, "'%.80s' is not a time zone; write a name of the IANA database, as Europe/Berlin",
                name);
        err_hint(err, "the database is the package tzdata; UTC needs none");
        return NULL;
    }
    Zone *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a time zone");
        if (rules != NULL)
            g_time_zone_unref(rules);
        return NULL;
    }
    snprintf(self->name, sizeof self->name, "%s", name);
    self->rules = rules;
    return self;
}

void
zone_free(Zone **self)
{
    if (*self != NULL && (*self)->rules != NULL)
        g_time_zone_unref((*self)->rules);
    free(*self);
    *self = NULL;
}

const char *
zone_name(const Zone *self)
{
    return self->name;
}

MUST_CHECK bool
day_parse(Text text, Day *day, Err *err)
{
    char time[UTC_TEXT_BYTES];
    int64_t start_us = 0;
    Err ignored = {0};
    snprintf(time, sizeof time, "%.*sT00:00:00Z", text.length == 10 ? 10 : 0, text.length == 10 ? text.data : "");
    if (!utc_parse(text_of(time), &start_us, &ignored))
        return err_set(err, ERR_INPUT, "'%.*s' is not a day; write it as 2026-07-01",
                       (int) (text.length < 40 ? text.length : 40), text.data);
    UtcMonth month = utc_month_of(start_us);
    *day = (Day){month.year, month.month, 1 + (int) ((start_us - utc_month_start_us(month)) / UTC_DAY_US)};
    return true;
}

/* The first second at which the zone is in interval `wanted` or a later one; between `low` (before) and `high` (in it). */
static int64_t
interval_start(GTimeZone *rules, int wanted, int64_t low, int64_t high)
{
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (g_time_zone_find_interval(rules, G_TIME_TYPE_UNIVERSAL, middle) >= wanted)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* The clock of an interval shows `local` at local - offset, if that is in the interval; the first interval that shows it, or
 * begins behind it, has the answer. */
static int64_t
first_second(GTimeZone *rules, int64_t local)
{
    int64_t low = local - REACH_SECONDS;
    int64_t high = local + REACH_SECONDS;
    int last = g_time_zone_find_interval(rules, G_TIME_TYPE_UNIVERSAL, high);
    int64_t start = low;
    for (int i = g_time_zone_find_interval(rules, G_TIME_TYPE_UNIVERSAL, low);; i++) {
        int64_t next = i >= last ? INT64_MAX : interval_start(rules, i + 1, low, high);
        int64_t shown = local - g_time_zone_get_offset(rules, i);
        if (shown < start)
            shown = start;
        if (shown < next)
            return shown;
        start = next;
    }
}

int64_t
zone_day_start_us(const Zone *self, Day day)
{
    int64_t local_us = utc_month_start_us((UtcMonth){day.year, day.month}) + (day.day - 1) * UTC_DAY_US;
    return self->rules == NULL ? local_us : first_second(self->rules, local_us / UTC_SECOND_US) * UTC_SECOND_US;
}

int64_t
period_start_us(const Zone *zone, int billing_day, UtcMonth month)
{
    int days = utc_month_days(month);
    return zone_day_start_us(zone, (Day){month.year, month.month, billing_day > days ? days : billing_day});
}

BillingPeriod
billing_period_utc(UtcMonth month)
{
    return (BillingPeriod){month, utc_month_start_us(month), utc_month_end_us(month)};
}

bool
billing_period_is_utc(const BillingPeriod *self)
{
    return self->start_us == utc_month_start_us(self->month) && self->end_us == utc_month_end_us(self->month);
}
