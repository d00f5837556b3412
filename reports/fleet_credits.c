#include "reports/fleet_credits.h"

#include "lib/utc.h"

enum { NO_HOUR = -1 };

FleetCredits
fleet_credits_begin(bool unlimited, int64_t earn_parts, int64_t start_us)
{
    return (FleetCredits){.unlimited = unlimited,
                          .earn_parts = earn_parts,
                          .start_us = start_us,
                          .now_us = start_us,
                          .last_hour = NO_HOUR};
}

static void
note_short(FleetCredits *self, int64_t from_us, int64_t until_us)
{
    int64_t first = (from_us - self->start_us) / UTC_HOUR_US;
    int64_t last = (until_us - 1 - self->start_us) / UTC_HOUR_US;
    if (self->outcome.short_us == 0)
        self->outcome.first_us = from_us;
    self->outcome.short_us += until_us - from_us;
    if (first <= self->last_hour)
        first = self->last_hour + 1;
    if (last >= first) {
        self->outcome.hours += last - first + 1;
        self->last_hour = last;
    }
}

/* The balance has gone below what standard mode allows: since when, and how much is lacking? `net` is below 0. */
static void
run_short(FleetCredits *self, int64_t until_us, __int128 net)
{
    __int128 lacking = -self->balance;
    int64_t for_us = (int64_t) ((lacking - net - 1) / -net); /* rounded up */
    self->outcome.lacking += (unsigned __int128) lacking;
    self->balance = 0;
    note_short(self, until_us - for_us, until_us);
}

void
fleet_credits_pass(FleetCredits *self, int64_t until_us, int64_t load_mb, int64_t instances)
{
    int64_t passed_us = until_us - self->now_us;
    self->now_us = until_us;
    if (self->earn_parts == 0 || passed_us <= 0)
        return;
    __int128 earn = (__int128) self->earn_parts * instances;
    __int128 most = earn * UTC_DAY_US;
    __int128 net = earn - (__int128) load_mb * FLEET_CREDIT_PARTS;
    self->balance += net * passed_us;
    if (self->balance > most)
        self->balance = most;
    if (self->unlimited && self->balance < -most) {
        self->outcome.charged += (unsigned __int128) (-most - self->balance);
        self->balance = -most;
    }
    if (!self->unlimited && self->balance < 0)
        run_short(self, until_us, net);
}

void
fleet_credits_leave(FleetCredits *self, int64_t instances)
{
    if (self->earn_parts == 0 || instances <= 0)
        return;
    __int128 part = self->balance / instances;
    self->balance -= part;
    if (part < 0)
        self->outcome.charged += (unsigned __int128) -part;
}

FleetShort
fleet_credits_end(FleetCredits *self)
{
    if (self->balance < 0)
        self->outcome.charged += (unsigned __int128) -self->balance;
    self->balance = 0;
    return self->outcome;
}
