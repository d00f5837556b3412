/**
 * fleet_rules - how a fleet of servers is sized and scaled: every assumption of it, with its default
 *
 * What they mean, exactly:
 *   headroom   an instance is filled up to 100 / (100 + headroom_percent) of its memory and of its vCPU when a fleet is sized
 *   vCPU       an execution takes configured memory / mb_per_vcpu of a vCPU for as long as it runs, at most those of one
 *              instance. 1,769 MB is where AWS gives a function one whole vCPU
 *   wanted     instances that would hold what runs and waits, with headroom; between minimum and maximum
 *   alarm      more are wanted than there are (or are on their way), without a break, for alarm_s: that many are launched
 *              scale_out_delay_s later and take work boot_s after that
 *   scale in   fewer are wanted than there are, without a break, for scale_in_s: all but the most that were wanted
 *              meanwhile take no more work and go when they have none
 *   cooldown   after either decision there is none for cooldown_s
 *   waiting    a request that finds no room waits its turn (first come, first served), for wait_s at most; then it is refused
 */
#ifndef REPORTS_FLEET_RULES_H
#define REPORTS_FLEET_RULES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/yaml.h"

enum { FLEET_INSTANCES_MAX = 10000 };

typedef struct FleetRules {
    int64_t headroom_percent;
    int64_t mb_per_vcpu;
    int64_t minimum;
    int64_t maximum;
    int64_t alarm_s;
    int64_t scale_out_delay_s;
    int64_t boot_s;
    int64_t cooldown_s;
    int64_t scale_in_s;
    int64_t wait_s;
} FleetRules;

/** 20 % of headroom, 2 to 50 instances, 30 s of alarm, 60 s of delay, 90 s to boot, 60 s of cooldown, 900 s to scale in,
 *  30 s to wait. */
FleetRules fleet_rules_default(void);

/** Read the rules among the keys of a mapping (other keys are the caller's), and their names for yaml_keys_check(). */
MUST_CHECK bool fleet_rules_read(const YamlNode *mapping, FleetRules *self, Err *err);
enum { FLEET_RULES_COUNT = 10 };
extern const char *const FLEET_RULE_KEYS[FLEET_RULES_COUNT];

/** Are all of them in range, and the minimum not above the maximum? ERR_USAGE names the rule. */
MUST_CHECK bool fleet_rules_check(const FleetRules *self, Err *err);

/** One member for each rule. ERR_NOMEM. */
MUST_CHECK bool fleet_rules_json(const FleetRules *self, Json *object, Err *err);

#endif
