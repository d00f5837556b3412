#include "lib/forecast.h"

#include <string.h>

#include "lib/utc.h"

enum { HOUR_S = 3600 };

static const int64_t WEEK_US = FORECAST_SLOTS * UTC_HOUR_US;

const char FORECAST_METHOD_LINE[] = "a straight line: use so far in the period divided by the time since its start";
const char FORECAST_METHOD_WEEKDAY[] =
    "by weekday: use so far, and for each hour to come the mean of the same hour of the same weekday in the last 2 to 4 weeks";

bool
forecast_at(int64_t start_us, int64_t end_us, int64_t at_us, Forecast *out)
{
    if (at_us >= end_us || at_us < start_us + FORECAST_LEAST_HOURS * UTC_HOUR_US)
        return false;
    *out = (Forecast){.whole_s = (end_us - start_us) / UTC_SECOND_US, .elapsed_s = (at_us - start_us) / UTC_SECOND_US};
    return true;
}

unsigned __int128
forecast_sum(const Forecast *self, unsigned __int128 sum)
{
    return sum * (unsigned __int128) self->whole_s / (unsigned __int128) self->elapsed_s;
}

int64_t
forecast_history_start_us(int64_t at_us)
{
    return utc_hour_floor_us(at_us) - (FORECAST_WEEKS_MOST + 1) * WEEK_US;
}

int
forecast_weeks(int64_t first_us, int64_t at_us)
{
    const int64_t end_us = utc_hour_floor_us(at_us);
    const int64_t weeks = first_us >= end_us ? 0 : (end_us - first_us) / WEEK_US;
    if (weeks < FORECAST_WEEKS_LEAST)
        return 0;
    return weeks > FORECAST_WEEKS_MOST ? FORECAST_WEEKS_MOST : (int) weeks;
}

int
forecast_slot(int64_t time_us)
{
    const int64_t slot = utc_hour_floor_us(time_us) / UTC_HOUR_US % FORECAST_SLOTS;
    return (int) (slot < 0 ? slot + FORECAST_SLOTS : slot);
}

void
forecast_left(int64_t from_us, int64_t end_us, int64_t left_s[FORECAST_SLOTS])
{
    memset(left_s, 0, FORECAST_SLOTS * sizeof *left_s);
    int64_t at_s = from_us / UTC_SECOND_US;
    const int64_t end_s = end_us / UTC_SECOND_US;
    while (at_s < end_s) {
        const int64_t next_s = at_s - at_s % HOUR_S + HOUR_S;
        const int64_t until_s = next_s < end_s ? next_s : end_s;
        left_s[forecast_slot(at_s * UTC_SECOND_US)] += until_s - at_s;
        at_s = until_s;
    }
}
