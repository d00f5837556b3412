#include "reports/fleet_rules.h"

#include <inttypes.h>

enum { SECONDS_MAX = 86400, HEADROOM_MAX = 1000, MB_PER_VCPU_MAX = 1 << 20 };

typedef struct Rule {
    size_t offset;
    int64_t least;
    int64_t most;
} Rule;

const char *const FLEET_RULE_KEYS[FLEET_RULES_COUNT] = {
    "headroom_percent",  "mb_per_vcpu", "minimum",    "maximum",    "alarm_s",
    "scale_out_delay_s", "boot_s",      "cooldown_s", "scale_in_s", "wait_s"};
static const Rule RULES[FLEET_RULES_COUNT] = {
    {offsetof(FleetRules, headroom_percent), 0, HEADROOM_MAX},
    {offsetof(FleetRules, mb_per_vcpu), 1, MB_PER_VCPU_MAX},
    {offsetof(FleetRules, minimum), 0, FLEET_INSTANCES_MAX},
    {offsetof(FleetRules, maximum), 1, FLEET_INSTANCES_MAX},
    {offsetof(FleetRules, alarm_s), 0, SECONDS_MAX},
    {offsetof(FleetRules, scale_out_delay_s), 0, SECONDS_MAX},
    {offsetof(FleetRules, boot_s), 0, SECONDS_MAX},
    {offsetof(FleetRules, cooldown_s), 0, SECONDS_MAX},
    {offsetof(FleetRules, scale_in_s), 0, SECONDS_MAX},
    {offsetof(FleetRules, wait_s), 0, SECONDS_MAX},
};

FleetRules
fleet_rules_default(void)
{
    return (FleetRules){.headroom_percent = 20,
                        .mb_per_vcpu = 1769,
                        .minimum = 2,
                        .maximum = 50,
                        .alarm_s = 30,
                        .scale_out_delay_s = 60,
                        .boot_s = 90,
                        .cooldown_s = 60,
                        .scale_in_s = 900,
                        .wait_s = 30};
}

static int64_t *
value_of(FleetRules *self, size_t i)
{
    return (int64_t *) (void *) ((char *) self + RULES[i].offset);
}

MUST_CHECK bool
fleet_rules_read(const YamlNode *mapping, FleetRules *self, Err *err)
{
    for (size_t i = 0; i < FLEET_RULES_COUNT; i++)
        if (!yaml_optional_i64(mapping, FLEET_RULE_KEYS[i], RULES[i].least, RULES[i].most, value_of(self, i), err))
            return false;
    if (self->minimum > self->maximum)
        return yaml_fail(mapping, "minimum", err, "%" PRId64 " is above the maximum of %" PRId64, self->minimum,
                         self->maximum);
    return true;
}

MUST_CHECK bool
fleet_rules_check(const FleetRules *self, Err *err)
{
    FleetRules copy = *self;
    for (size_t i = 0; i < FLEET_RULES_COUNT; i++) {
        int64_t value = *value_of(&copy, i);
        if (value < RULES[i].least || value > RULES[i].most)
            return err_set(err, ERR_USAGE, "%s of a fleet: %" PRId64 " is not from %" PRId64 " to %" PRId64,
                           FLEET_RULE_KEYS[i], value, RULES[i].least, RULES[i].most);
    }
    if (self->minimum > self->maximum)
        return err_set(err, ERR_USAGE, "a fleet of at least %" PRId64 " and at most %" PRId64 " instances",
                       self->minimum, self->maximum);
    return true;
}

MUST_CHECK bool
fleet_rules_json(const FleetRules *self, Json *object, Err *err)
{
    FleetRules copy = *self;
    for (size_t i = 0; i < FLEET_RULES_COUNT; i++)
        if (!json_add_int(object, FLEET_RULE_KEYS[i], *value_of(&copy, i), err))
            return false;
    return true;
}
