/* When a collector calls itself alive, and when ready. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/status_page.h"
#include "lib/utc.h"

typedef struct Fixture {
    Health *health;
    char why[HEALTH_TEXT_BYTES];
    Err err;
} Fixture;

static int
set_up(void **state)
{
    static Fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.health = health_new(&fixture.err);
    assert_non_null(fixture.health);
    *state = &fixture;
    return 0;
}

static int
tear_down(void **state)
{
    Fixture *fixture = *state;
    health_free(&fixture->health);
    return 0;
}

static void
beat_all(Fixture *fixture, int64_t now_us)
{
    for (int part = 0; part < HEALTH_PARTS; part++)
        health_beat(fixture->health, (HealthPart) part, now_us);
}

static void
before_it_has_started_it_is_not_ready(void **state)
{
    Fixture *fixture = *state;
    assert_false(health_is_ready(fixture->health, UTC_SECOND_US, fixture->why));
    assert_non_null(strstr(fixture->why, "has not started"));
    assert_true(health_is_alive(fixture->health, UTC_DAY_US, fixture->why)); /* it may wait for its database */
}

static void
a_process_that_commits_nothing_is_alive_but_not_ready(void **state)
{
    Fixture *fixture = *state;
    beat_all(fixture, 1);
    assert_true(health_is_ready(fixture->health, UTC_SECOND_US, fixture->why));
    for (int64_t now_us = 0; now_us < 20 * UTC_SECOND_US; now_us += UTC_SECOND_US) {
        health_beat(fixture->health, HEALTH_INTAKE, now_us + 1);
        health_beat(fixture->health, HEALTH_KEYS, now_us + 1);
    }
    assert_false(health_is_ready(fixture->health, 20 * UTC_SECOND_US, fixture->why));
    assert_non_null(strstr(fixture->why, "committing thread"));
    assert_true(health_is_alive(fixture->health, 20 * UTC_SECOND_US, fixture->why));
}

static void
commits_that_fail_are_told_at_once_and_forgotten_when_they_succeed(void **state)
{
    Fixture *fixture = *state;
    beat_all(fixture, 1);
    health_stuck(fixture->health, "could not extend file: No space left on device");
    assert_false(health_is_ready(fixture->health, 2, fixture->why));
    assert_non_null(strstr(fixture->why, "No space left"));
    assert_true(health_is_alive(fixture->health, 2, fixture->why));
    health_beat(fixture->health, HEALTH_COMMITS, 3);
    assert_true(health_is_ready(fixture->health, 4, fixture->why));
}

static void
a_socket_that_stands_still_is_not_alive(void **state)
{
    Fixture *fixture = *state;
    beat_all(fixture, 1);
    assert_false(health_is_ready(fixture->health, 12 * UTC_SECOND_US, fixture->why));
    assert_true(health_is_alive(fixture->health, 12 * UTC_SECOND_US, fixture->why));
    assert_false(health_is_alive(fixture->health, 62 * UTC_SECOND_US, fixture->why));
}

static void
a_part_that_ended_makes_it_dead(void **state)
{
    Fixture *fixture = *state;
    beat_all(fixture, 1);
    health_ended(fixture->health, HEALTH_COMMITS);
    health_beat(fixture->health, HEALTH_COMMITS, 2);
    assert_false(health_is_alive(fixture->health, 3, fixture->why));
    assert_false(health_is_ready(fixture->health, 3, fixture->why));
}

static void
reasons_from_agents_cannot_fill_the_metrics_or_break_their_format(void **state)
{
    Fixture *fixture = *state;
    Metrics *metrics = metrics_new(&fixture->err);
    Buffer out = {0};
    char name[32];
    metrics_lost(metrics, TEXT_LITERAL("ring_full"), 5);
    metrics_lost(metrics, TEXT_LITERAL("ring_full"), INT64_MAX);
    metrics_lost(metrics, TEXT_LITERAL("evil\"} 1\nfake"), 3);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "made_up_%d", i);
        metrics_lost(metrics, text_of(name), 1);
    }
    assert_true(metrics_render(metrics, &out, &fixture->err));
    assert_non_null(strstr(out.data, "records_lost_total{reason=\"ring_full\"} 9223372036854775807\n"));
    assert_null(strstr(out.data, "evil"));
    assert_null(strstr(out.data, "made_up_100\""));
    assert_true(out.length < 32768);
    buffer_free(&out);
    metrics_free(&metrics);
}

static void
each_path_has_its_answer(void **state)
{
    Fixture *fixture = *state;
    StatusPage page = {metrics_new(&fixture->err), fixture->health};
    Buffer body = {0};
    assert_int_equal(status_page_answer(&page, "/readyz", &body), 503);
    assert_non_null(strstr(body.data, "has not started"));
    assert_int_equal(status_page_answer(&page, "/healthz/", &body), 404);
    beat_all(fixture, utc_monotonic_us());
    assert_int_equal(status_page_answer(&page, "/readyz", &body), 200);
    assert_int_equal(status_page_answer(&page, "/healthz", &body), 200);
    assert_int_equal(status_page_answer(&page, "/metrics", &body), 200);
    buffer_free(&body);
    metrics_free(&page.metrics);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(before_it_has_started_it_is_not_ready, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_commits_nothing_is_alive_but_not_ready, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commits_that_fail_are_told_at_once_and_forgotten_when_they_succeed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_socket_that_stands_still_is_not_alive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_part_that_ended_makes_it_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reasons_from_agents_cannot_fill_the_metrics_or_break_their_format, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(each_path_has_its_answer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
