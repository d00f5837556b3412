/* CPU credits of burstable instances: the provider's example of a t3.nano, and by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/utc.h"
#include "reports/fleet_credits.h"

/* A vCPU is 1,000 MB here; a t3.nano has two, with a baseline of 5 %. */
enum { VCPU_MB = 1000, EARN_PARTS = 2 * VCPU_MB * FLEET_CREDIT_PARTS / 20, PERCENT_MB = 2 * VCPU_MB / 100 };

/* Thousandths of a credit: a minute of a whole vCPU. */
static int64_t
credits(__int128 parts)
{
    return (int64_t) (parts * 1000 / ((__int128) VCPU_MB * FLEET_CREDIT_PARTS * 60 * UTC_SECOND_US));
}

static void
pass_hours(FleetCredits *self, int64_t hours, int64_t load_mb)
{
    fleet_credits_pass(self, self->now_us + hours * UTC_HOUR_US, load_mb, 1);
}

/* Published: 24 hours idle, 12 hours at 2.5 %, 24 hours at 7 % leave 144, 144 and 86.4 credits. */
static void
the_published_example_comes_out(void **state)
{
    (void) state;
    for (int unlimited = 0; unlimited < 2; unlimited++) {
        FleetCredits self = fleet_credits_begin(unlimited == 1, EARN_PARTS, 0);
        pass_hours(&self, 12, 0);
        assert_int_equal(credits(self.balance), 72000);
        pass_hours(&self, 12, 0);
        assert_int_equal(credits(self.balance), 144000);
        pass_hours(&self, 12, 5 * PERCENT_MB / 2);
        assert_int_equal(credits(self.balance), 144000);
        pass_hours(&self, 24, 7 * PERCENT_MB);
        assert_int_equal(credits(self.balance), 86400);
        FleetShort outcome = fleet_credits_end(&self);
        assert_true(outcome.charged == 0 && outcome.lacking == 0 && outcome.short_us == 0);
    }
}

/* 17 % for a day: 345.6 credits more than are earned; 144 may be owed, the rest is charged, and at the end all of it. */
static void
unlimited_mode_charges_what_is_never_earned(void **state)
{
    (void) state;
    FleetCredits self = fleet_credits_begin(true, EARN_PARTS, 0);
    pass_hours(&self, 24, 17 * PERCENT_MB);
    assert_int_equal(credits(self.balance), -144000);
    assert_int_equal(credits((__int128) self.outcome.charged), 201600);
    FleetCredits earns_again = self;
    assert_int_equal(credits((__int128) fleet_credits_end(&self).charged), 345600);
    pass_hours(&earns_again, 24, 0); /* pays back what was owed */
    assert_int_equal(credits(earns_again.balance), 0);
    assert_int_equal(credits((__int128) fleet_credits_end(&earns_again).charged), 201600);
}

/* After a day idle 144 credits are there; at 29 % 28.8 an hour are spent beyond what is earned: they last for 5 hours. */
static void
standard_mode_runs_out(void **state)
{
    (void) state;
    FleetCredits self = fleet_credits_begin(false, EARN_PARTS, 0);
    pass_hours(&self, 24, 0);
    pass_hours(&self, 8, 29 * PERCENT_MB);
    assert_int_equal(credits(self.balance), 0);
    assert_int_equal(self.outcome.short_us, 3 * UTC_HOUR_US);
    assert_int_equal(self.outcome.first_us, 29 * UTC_HOUR_US);
    assert_int_equal(self.outcome.hours, 3);
    assert_int_equal(credits((__int128) self.outcome.lacking), 3 * 28800);
    fleet_credits_pass(&self, self.now_us + 1, 29 * PERCENT_MB, 1); /* the next hour begins short too */
    fleet_credits_pass(&self, self.now_us + 1, 29 * PERCENT_MB, 1);
    FleetShort outcome = fleet_credits_end(&self);
    assert_int_equal(outcome.short_us, 3 * UTC_HOUR_US + 2);
    assert_int_equal(outcome.hours, 4);
}

static void
an_instance_that_goes_takes_its_part_along(void **state)
{
    (void) state;
    FleetCredits self = fleet_credits_begin(true, EARN_PARTS, 0);
    fleet_credits_pass(&self, 10 * UTC_HOUR_US, 0, 3);
    fleet_credits_leave(&self, 3);
    assert_int_equal(credits(self.balance), 120000);
    fleet_credits_pass(&self, 20 * UTC_HOUR_US, 22 * PERCENT_MB, 2); /* 264 spent, 120 earned */
    assert_int_equal(credits(self.balance), -24000);
    fleet_credits_leave(&self, 2);
    assert_int_equal(credits(self.balance), -12000);
    assert_int_equal(credits((__int128) self.outcome.charged), 12000);
}

static void
what_is_not_burstable_counts_nothing(void **state)
{
    (void) state;
    FleetCredits self = fleet_credits_begin(false, 0, 0);
    fleet_credits_pass(&self, UTC_DAY_US, 5000, 1);
    FleetShort outcome = fleet_credits_end(&self);
    assert_true(outcome.short_us == 0 && outcome.lacking == 0 && outcome.charged == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_example_comes_out),
        cmocka_unit_test(unlimited_mode_charges_what_is_never_earned),
        cmocka_unit_test(standard_mode_runs_out),
        cmocka_unit_test(an_instance_that_goes_takes_its_part_along),
        cmocka_unit_test(what_is_not_burstable_counts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
