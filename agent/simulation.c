/* The records of a scenario's month, one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mix.h"
#include "agent/scenario.h"
#include "lib/digest.h"

/* How much of a day's work falls into each hour (UTC): an API used by people. */
static const uint8_t DAILY[24] = {2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 11, 10, 10, 11, 11, 10, 9, 8, 8, 7, 6, 5, 3};

enum { OFFICE_FIRST = 8, OFFICE_END = 18, SUNDAY = 0, SATURDAY = 6, JITTER_BITS = 20, HOURLY_DELAY_US = 2000000 };

struct Simulation {
    const Scenario *scenario;
    const char *tenant;
    int64_t month_us;
    int64_t count;
    int64_t next;
    int hours;
    bool at_full_hours;
    int hour;                                /* the one that holds the next invocation, or an earlier one */
    uint64_t before[SCENARIO_HOURS_MAX + 1]; /* weight of all hours before this one */
    uint64_t key[4];                         /* what ids and jitter come from */
    char id[MIX_ID_BYTES];
};

/* `day`: of the month, from 0. */
static uint64_t
weight_of(const Scenario *scenario, int day, int64_t hour_us)
{
    ScenarioPattern pattern = scenario->pattern;
    int hour = (int) (hour_us / UTC_HOUR_US % 24);
    int weekday = (int) ((hour_us / UTC_DAY_US + 4) % 7); /* 1970-01-01 was a Thursday */
    if (pattern == PATTERN_DAILY)
        return DAILY[hour];
    if (pattern == PATTERN_OFFICE_HOURS)
        return weekday != SUNDAY && weekday != SATURDAY && hour >= OFFICE_FIRST && hour < OFFICE_END;
    if (pattern == PATTERN_WEIGHTS)
        return (uint64_t) scenario->hour_weights[hour] * scenario->day_weights[day];
    return 1;
}

static void
weigh_hours(Simulation *self)
{
    self->before[0] = 0;
    for (int i = 0; i < self->hours; i++)
        self->before[i + 1] = self->before[i] + weight_of(self->scenario, i / 24, self->month_us + i * UTC_HOUR_US);
}

static bool
make_key(Simulation *self, UtcMonth month, int64_t seed, Err *err)
{
    Buffer text = {0};
    char name[UTC_TEXT_BYTES];
    const Scenario *scenario = self->scenario;
    bool done =
        buffer_printf(&text, err, "millibill simulation 1\n%s\n%s\n%s\n%s\n%lld\n%lld\n", scenario->name, self->tenant,
                      scenario->function, utc_month_format(month, name), (long long) seed, (long long) self->count);
    if (done) {
        Digest digest = digest_of(text.data, text.length);
        memcpy(self->key, digest.bytes, sizeof self->key);
    }
    buffer_free(&text);
    return done;
}

MUST_CHECK Simulation *
simulation_new(const Scenario *scenario, const char *tenant, UtcMonth month, int64_t seed, int64_t count, Err *err)
{
    int hours = utc_month_days(month) * 24;
    Simulation *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to simulate");
        return NULL;
    }
    self->scenario = scenario;
    self->tenant = tenant;
    self->month_us = utc_month_start_us(month);
    self->count = count;
    self->hours = hours;
    self->at_full_hours = scenario->pattern == PATTERN_HOURLY && count <= hours;
    weigh_hours(self);
    if (!make_key(self, month, seed, err))
        simulation_free(&self);
    return self;
}

void
simulation_free(Simulation **self)
{
    free(*self);
    *self = NULL;
}

/* Invocation i of n lies at (i + jitter) / n of the month's weight: always after the one before. */
static int64_t
spread_time(Simulation *self)
{
    uint64_t total = self->before[self->hours];
    uint64_t jitter = mix(self->key[2] + (uint64_t) self->next) >> (64 - JITTER_BITS);
    unsigned __int128 place = (((unsigned __int128) self->next << JITTER_BITS) + jitter) * total;
    unsigned __int128 whole = (unsigned __int128) self->count << JITTER_BITS;
    while (place >= whole * self->before[self->hour + 1])
        self->hour++;
    unsigned __int128 inside = place - whole * self->before[self->hour];
    uint64_t weight = self->before[self->hour + 1] - self->before[self->hour];
    return self->month_us + self->hour * UTC_HOUR_US + (int64_t) (inside * (uint64_t) UTC_HOUR_US / (whole * weight));
}

static int64_t
hourly_time(const Simulation *self)
{
    int64_t hour = self->next * self->hours / self->count; /* count <= hours */
    uint64_t delay_us = mix(self->key[2] + (uint64_t) self->next) % HOURLY_DELAY_US;
    return self->month_us + hour * UTC_HOUR_US + (int64_t) delay_us;
}

bool
simulation_next(Simulation *self, UsageRecord *out)
{
    if (self->next == self->count)
        return false;
    const Scenario *scenario = self->scenario;
    *out = usage_record_empty();
    mix_id(self->key, (uint64_t) self->next, self->id);
    out->request_id = text_of(self->id);
    out->tenant = text_of(self->tenant);
    out->function = text_of(scenario->function);
    out->region = text_of(scenario->region);
    out->architecture = scenario->architecture;
    out->trigger = scenario->trigger;
    out->memory_mb = scenario->memory_mb;
    out->duration_us = scenario->duration_us;
    out->started_at_us = self->at_full_hours ? hourly_time(self) : spread_time(self);
    self->next++;
    return true;
}
