#include "reports/alternative_fleet.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/share.h"

static const char FOLDER[] = "reports/catalogues";
static const char DEFAULT_CATALOGUE[] = "aws-us-east-1";
enum { OWN_KEYS = 5, NAME_BYTES = 256 };
static const char *const KEYS[OWN_KEYS] = {"catalogue", "type", "burst", "purchase", "scaling"};
static const char *const SCALINGS[] = {"fixed", "auto"};

/* ---- reading ---- */

/* The position of a member's text among `names`; `otherwise` when it is not there. */
static bool
read_choice(const YamlNode *node, const char *key, const char *const *names, size_t count, size_t otherwise,
            size_t *out, Err *err)
{
    const YamlNode *member = yaml_get(node, key);
    *out = otherwise;
    if (member == NULL)
        return true;
    for (size_t i = 0; i < count; i++) {
        *out = i;
        if (names[i] != NULL && text_is(yaml_text(member), names[i]))
            return true;
    }
    Buffer known = {0};
    for (size_t i = 0; i < count; i++)
        if (names[i] != NULL && !buffer_printf(&known, err, "%s%s", known.length > 0 ? ", " : "", names[i]))
            break;
    bool done = yaml_fail(member, key, err, "expected one of %s", known.length > 0 ? known.data : "");
    buffer_free(&known);
    return done;
}

MUST_CHECK bool
alternative_fleet_read(const YamlNode *root, Alternative *self, Err *err)
{
    const YamlNode *node = yaml_get(root, "fleet");
    if (node == NULL)
        return true;
    const char *keys[OWN_KEYS + FLEET_RULES_COUNT + 1] = {NULL};
    memcpy(keys, KEYS, sizeof(KEYS));
    memcpy(keys + OWN_KEYS, FLEET_RULE_KEYS, sizeof(FLEET_RULE_KEYS));
    AlternativeFleet *fleet = self->fleet = calloc(1, sizeof(*fleet));
    if (fleet == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an alternative");
    fleet->rules = fleet_rules_default();
    size_t burst = 0;
    size_t purchase = 0;
    size_t scaling = 0;
    if (!yaml_keys_check(node, "fleet", keys, err) || !yaml_require_string(node, "type", &fleet->type, err) ||
        !yaml_optional_string(node, "catalogue", &fleet->catalogue, err) ||
        !read_choice(node, "burst", FLEET_BURST_NAMES, FLEET_BURSTS, BURST_NONE, &burst, err) ||
        !read_choice(node, "purchase", PURCHASE_NAMES, PURCHASES, ON_DEMAND, &purchase, err) ||
        !read_choice(node, "scaling", SCALINGS, 2, 0, &scaling, err) || !fleet_rules_read(node, &fleet->rules, err))
        return false;
    fleet->burst = (FleetBurst) burst;
    fleet->purchase = (Purchase) purchase;
    fleet->scaled = scaling == 1;
    if (fleet->scaled && (fleet->purchase == RESERVED_1Y || fleet->purchase == RESERVED_3Y))
        return yaml_fail(yaml_get(node, "purchase"), "purchase", err,
                         "nobody reserves what comes and goes; give on_demand, spot_low or spot_high");
    return true;
}

void
alternative_fleet_free(AlternativeFleet **self)
{
    if (*self == NULL)
        return;
    free((*self)->catalogue);
    free((*self)->type);
    free(*self);
    *self = NULL;
}

/* ---- sizing ---- */

/* "3 x t3.small, unlimited" */
static const char *
option_name(const FleetOption *option, Purchase purchase, bool scaled, char out[NAME_BYTES])
{
    static const char *const WAYS[PURCHASES] = {"on demand", "reserved 1 year", "reserved 3 years", "spot, low",
                                                "spot, high"};
    const char *burst = FLEET_BURST_NAMES[option->burst];
    char count[32] = "autoscaled ";
    if (!scaled)
        (void) snprintf(count, sizeof(count), "%" PRId64 " x ", option->instances);
    (void) snprintf(out, NAME_BYTES, "%s%.120s%s%s, %s", count, option->type->name, burst != NULL ? ", " : "",
                    burst != NULL ? burst : "", WAYS[purchase]);
    return out;
}

/* Instances, their hours, and what they take at a time. */
static void
set_capacity(const FleetPlan *plan, const FleetOption *option, bool scaled, CostItem *item)
{
    mpq_t most;
    mpq_init(most);
    decimal_set_i64(most, scaled ? (option->outcome.most > 0 ? option->outcome.most : 1) : option->instances);
    if (scaled) {
        mpq_set(item->hours, option->scaled_hours);
    } else {
        mpq_set(item->hours, most);
        mpq_mul(item->hours, item->hours, plan->catalogue->hours);
    }
    mpq_set(item->each_hours, plan->catalogue->hours);
    decimal_set_i64(item->slots, plan->peak > 0 ? plan->peak : 1);
    mpq_div(item->places, item->slots, most);
    mpq_mul(item->places, item->places, item->hours);
    mpq_mul(item->memory_gb, most, option->type->memory_gb);
    mpq_clear(most);
}

/* What is paid above the baselines, whatever way the instances are bought. The instances' range holds it already. */
static bool
add_surcharge(Alternative *self, const FleetOption *option, bool scaled, Err *err)
{
    mpq_t rest;
    mpq_init(rest);
    const CostItem *instances = &self->items.items[0];
    mpq_mul(rest, instances->hours, option->type->prices[ON_DEMAND].hourly);
    mpq_sub(rest, scaled ? option->scaled.exact : option->fixed[ON_DEMAND].exact, rest);
    CostItem *item = mpq_sgn(rest) > 0
                         ? cost_items_add(&self->items, COST_INSTANCES, "vCPU above the baselines", "vCPU-hour", err)
                         : NULL;
    if (item != NULL) {
        mpq_set(item->unit_price, option->type->unlimited);
        mpq_div(item->quantity, rest, item->unit_price);
        item->has_range = true;
    }
    bool done = mpq_sgn(rest) == 0 || item != NULL;
    mpq_clear(rest);
    return done;
}

/* The last item stands first from now on: servers before what stands around them. */
static CostItem *
first_of_items(CostItems *items)
{
    CostItem last = items->items[items->count - 1];
    memmove(&items->items[1], &items->items[0], (items->count - 1) * sizeof(last));
    items->items[0] = last;
    return &items->items[0];
}

MUST_CHECK bool
alternative_fleet_add(Alternative *self, const FleetPlan *plan, const FleetOption *option, Purchase purchase,
                      bool scaled, Err *err)
{
    char name[NAME_BYTES];
    CostItem *item =
        cost_items_add(&self->items, COST_INSTANCES, option_name(option, purchase, scaled, name), "hour", err);
    if (item == NULL)
        return false;
    item = first_of_items(&self->items);
    set_capacity(plan, option, scaled, item);
    mpq_set(item->quantity, item->hours);
    mpq_set(item->unit_price, option->type->prices[purchase].hourly);
    item->has_range = true;
    mpq_set(item->low, scaled ? option->scaled_low.exact : option->fixed_low.exact);
    mpq_set(item->high, scaled ? option->scaled_high.exact : option->fixed_high.exact);
    self->fleet->short_hours = scaled ? option->outcome.standard.hours : option->burst_fixed.hours;
    if (option->burst != BURST_STANDARD)
        self->fleet->short_hours = 0;
    return option->burst != BURST_UNLIMITED || add_surcharge(self, option, scaled, err);
}

static const FleetOption *
choose(const AlternativeFleet *fleet, const FleetPlan *plan, Err *err)
{
    for (size_t i = 0; i < plan->count; i++) {
        const FleetOption *option = &plan->options[i];
        FleetBurst wanted = option->type->burstable && fleet->burst == BURST_NONE ? BURST_BASELINE : fleet->burst;
        if (option->burst != wanted)
            continue;
        if (!option->fits)
            err_set(err, ERR_INPUT, "a fleet of %s would not do: %s", fleet->type, option->reason);
        else if (!option->type->prices[fleet->purchase].known)
            err_set(err, ERR_INPUT, "the catalogue has no price '%s' for %s", PURCHASE_NAMES[fleet->purchase],
                    fleet->type);
        else
            return option;
        return NULL;
    }
    err_set(err, ERR_INPUT, "%s is not burstable, or has no such mode: leave 'burst' out", fleet->type);
    return NULL;
}

MUST_CHECK bool
alternative_fleet_size(Alternative *self, SavingsUsage *usage, UtcMonth month, Err *err)
{
    const AlternativeFleet *fleet = self->fleet;
    char path[PATH_MAX];
    if (!share_resolve(FOLDER, fleet->catalogue != NULL ? fleet->catalogue : DEFAULT_CATALOGUE, path, err))
        return err_prefix(err, "catalogue: ");
    Catalogue *catalogue = catalogue_open(path, err);
    FleetPlan *plan = NULL;
    bool done = catalogue != NULL;
    if (done && strcmp(catalogue->currency, self->currency) != 0)
        done = err_set(err, ERR_INPUT, "the catalogue is in %s, the alternative in %s", catalogue->currency,
                       self->currency);
    if (done) {
        plan = fleet_plan_make(catalogue, &fleet->rules, usage, month, fleet->type, err);
        const FleetOption *option = plan == NULL ? NULL : choose(fleet, plan, err);
        done = option != NULL && alternative_fleet_add(self, plan, option, fleet->purchase, fleet->scaled, err);
    }
    fleet_plan_free(&plan);
    catalogue_free(&catalogue);
    return done || err_prefix(err, "alternative '%s': ", self->name);
}

static bool
fill_from_option(Alternative *self, const FleetPlan *plan, const FleetOption *option, bool scaled, Err *err)
{
    char name[NAME_BYTES];
    self->months = 1;
    self->name = text_duplicate(text_of(option_name(option, ON_DEMAND, scaled, name)));
    self->currency = text_duplicate(text_of(plan->catalogue->currency));
    self->fleet = calloc(1, sizeof(*self->fleet));
    if (self->name == NULL || self->currency == NULL || self->fleet == NULL)
        return err_set(err, ERR_NOMEM, "no memory for an alternative");
    *self->fleet = (AlternativeFleet){.burst = option->burst, .scaled = scaled, .rules = plan->rules};
    return alternative_fleet_add(self, plan, option, ON_DEMAND, scaled, err);
}

MUST_CHECK Alternative *
alternative_of_option(const FleetPlan *plan, const FleetOption *option, bool scaled, Err *err)
{
    Alternative *self = calloc(1, sizeof(*self));
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory for an alternative");
    else if (!fill_from_option(self, plan, option, scaled, err))
        alternative_free(&self);
    return self;
}
