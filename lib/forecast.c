#include "lib/forecast.h"

#include "lib/utc.h"

const char FORECAST_METHOD[] = "a straight line: use so far in the period divided by the time since its start";

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
