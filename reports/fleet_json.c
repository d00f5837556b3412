/* A fleet plan as JSON: the form is described in doc/fleets.md. */
#include "reports/figures.h"
#include "reports/fleet.h"
#include "reports/fleet_cost.h"

enum { COUNT_SCALE = 3, PERCENT_SCALE = 4 };

static bool
add_amount(Json *object, const char *key, const char *exact_key, const Amount *amount, int scale, Err *err)
{
    return figure_add(object, key, amount->printed, scale, err) &&
           figure_add_exact(object, exact_key, amount->exact, err);
}

static bool
add_catalogue(const FleetPlan *self, Json *object, Err *err)
{
    const Catalogue *catalogue = self->catalogue;
    Json *entry = json_new_object(err);
    Json *sources = json_new_array(err);
    bool made = entry != NULL && sources != NULL && json_add_text(entry, "name", catalogue->name, err) &&
                json_add_text(entry, "title", catalogue->title, err) &&
                json_add_text(entry, "note", catalogue->note, err) &&
                json_add_text(entry, "date", catalogue->date, err) &&
                json_add_text(entry, "currency", catalogue->currency, err) &&
                json_add_text(entry, "sha256", catalogue->sha256, err);
    for (size_t i = 0; made && i < catalogue->source_count; i++) {
        Json *text = json_object_new_string(catalogue->sources[i]);
        made = json_adopt_item(sources, text, text != NULL || err_set(err, ERR_NOMEM, "no memory for JSON"), err);
    }
    if (entry == NULL)
        json_object_put(sources);
    else
        made = json_adopt(entry, "sources", sources, made && sources != NULL, err);
    return json_adopt(object, "catalogue", entry, made, err);
}

static bool
add_assumptions(const FleetPlan *self, Json *object, Err *err)
{
    Json *entry = json_new_object(err);
    bool made = entry != NULL && fleet_rules_json(&self->rules, entry, err) &&
                figure_add_exact(entry, "hours", self->catalogue->hours, err) &&
                json_add_int(entry, "minimum_s", self->catalogue->minimum_s, err);
    return json_adopt(object, "assumptions", entry, made, err);
}

static bool
add_demand(const FleetPlan *self, Json *object, Err *err)
{
    mpq_t vcpu;
    mpq_init(vcpu);
    mpq_set_si(vcpu, self->peak_share_mb, (unsigned long) self->rules.mb_per_vcpu);
    mpq_canonicalize(vcpu);
    Json *entry = json_new_object(err);
    bool made = entry != NULL && json_add_int(entry, "executions", self->executions, err) &&
                json_add_int(entry, "peak", self->peak, err) &&
                json_add_int(entry, "peak_memory_mb", self->peak_used_mb, err) &&
                figure_add(entry, "peak_vcpu", vcpu, COUNT_SCALE, err) &&
                json_add_int(entry, "largest_memory_mb", self->largest_used_mb, err);
    mpq_clear(vcpu);
    return json_adopt(object, "demand", entry, made, err);
}

static bool
add_prices(const FleetPlan *self, const FleetOption *option, Json *object, Err *err)
{
    Json *array = json_new_array(err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < PURCHASES; i++) {
        const CataloguePrice *price = &option->type->prices[i];
        if (!price->known)
            continue;
        Json *entry = json_new_object(err);
        bool made = entry != NULL && json_add_text(entry, "purchase", PURCHASE_NAMES[i], err) &&
                    figure_add_exact(entry, "hourly", price->hourly, err) &&
                    json_add_bool(entry, "estimated", price->estimated, err) &&
                    add_amount(entry, "total", "total_exact", &option->fixed[i], self->currency_scale, err);
        done = json_adopt_item(array, entry, made, err);
    }
    return json_adopt(object, "prices", array, done, err);
}

static bool
add_seconds(Json *object, const char *key, int64_t us, Err *err)
{
    mpq_t seconds;
    mpq_init(seconds);
    mpq_set_si(seconds, us, UTC_SECOND_US);
    mpq_canonicalize(seconds);
    bool done = figure_add_exact(object, key, seconds, err);
    mpq_clear(seconds);
    return done;
}

/* How the credits of burstable instances lasted; null where none are counted. */
static bool
add_credits(const FleetPlan *self, const FleetOption *option, const FleetShort *of, Json *object, Err *err)
{
    char first[UTC_TEXT_BYTES];
    mpq_t lacking;
    mpq_t charged;
    if (option->burst != BURST_STANDARD && option->burst != BURST_UNLIMITED)
        return json_add_text(object, "credits", NULL, err);
    mpq_inits(lacking, charged, NULL);
    fleet_vcpu_hours(self, of->lacking, lacking);
    fleet_vcpu_hours(self, of->charged, charged);
    bool standard = option->burst == BURST_STANDARD;
    bool was_short = of->short_us > 0;
    Json *entry = json_new_object(err);
    bool made = entry != NULL && add_seconds(entry, "short_seconds", of->short_us, err) &&
                json_add_int(entry, "short_hours", of->hours, err) &&
                json_add_text(entry, "first_short_at", was_short ? utc_format(of->first_us, first) : NULL, err) &&
                (standard ? figure_add_exact(entry, "lacking_vcpu_hours", lacking, err)
                          : figure_add_exact(entry, "charged_vcpu_hours", charged, err));
    mpq_clears(lacking, charged, NULL);
    return json_adopt(object, "credits", entry, made, err);
}

static bool
add_fixed(const FleetPlan *self, const FleetOption *option, Json *object, Err *err)
{
    int scale = self->currency_scale;
    Json *entry = json_new_object(err);
    bool made = entry != NULL && json_add_int(entry, "instances", option->instances, err) &&
                json_add_int(entry, "instances_without_headroom", option->instances_least, err) &&
                add_amount(entry, "total", "total_exact", &option->fixed[ON_DEMAND], scale, err) &&
                figure_add(entry, "low", option->fixed_low.printed, scale, err) &&
                figure_add(entry, "high", option->fixed_high.printed, scale, err) &&
                add_prices(self, option, entry, err) && add_credits(self, option, &option->burst_fixed, entry, err);
    return json_adopt(object, "fixed", entry, made, err);
}

static bool
add_waiting(const FleetOutcome *outcome, Json *object, Err *err)
{
    char first[UTC_TEXT_BYTES];
    bool trouble = outcome->waited + outcome->refused > 0;
    return json_add_int(object, "requests", outcome->requests, err) &&
           json_add_int(object, "waited", outcome->waited, err) &&
           json_add_int(object, "refused", outcome->refused, err) &&
           add_seconds(object, "wait_seconds", outcome->waited_us, err) &&
           add_seconds(object, "longest_wait_seconds", outcome->longest_us, err) &&
           json_add_int(object, "hours_with_waiting", outcome->hours, err) &&
           json_add_text(object, "first_wait_at", trouble ? utc_format(outcome->first_us, first) : NULL, err);
}

static bool
add_scaled(const FleetPlan *self, const FleetOption *option, Json *object, Err *err)
{
    int scale = self->currency_scale;
    const FleetOutcome *outcome = &option->outcome;
    mpq_t mean;
    mpq_init(mean);
    mpq_div(mean, option->scaled_hours, self->catalogue->hours);
    Json *entry = json_new_object(err);
    bool made = entry != NULL && figure_add(entry, "instances_mean", mean, COUNT_SCALE, err) &&
                json_add_int(entry, "instances_most", outcome->most, err) &&
                json_add_int(entry, "launches", outcome->launches, err) &&
                add_seconds(entry, "instance_seconds", outcome->instance_us, err) &&
                figure_add_exact(entry, "instance_hours", option->scaled_hours, err) &&
                add_amount(entry, "total", "total_exact", &option->scaled, scale, err) &&
                figure_add(entry, "low", option->scaled_low.printed, scale, err) &&
                figure_add(entry, "high", option->scaled_high.printed, scale, err) &&
                add_waiting(outcome, entry, err) &&
                add_credits(self, option, fleet_option_scaled_short(option), entry, err);
    mpq_clear(mean);
    return json_adopt(object, "autoscaled", entry, made, err);
}

static bool
add_option(const FleetPlan *self, const FleetOption *option, Json *array, Err *err)
{
    Json *entry = json_new_object(err);
    bool made = entry != NULL && json_add_text(entry, "type", option->type->name, err) &&
                json_add_text(entry, "architecture", option->type->architecture, err) &&
                figure_add_exact(entry, "vcpu", option->type->vcpu, err) &&
                figure_add_exact(entry, "memory_gb", option->type->memory_gb, err) &&
                json_add_text(entry, "burst", FLEET_BURST_NAMES[option->burst], err) &&
                json_add_bool(entry, "fits", option->fits, err) &&
                json_add_text(entry, "reason", option->fits ? NULL : option->reason, err) &&
                (option->fits ? add_fixed(self, option, entry, err) : json_add_text(entry, "fixed", NULL, err)) &&
                (option->fits ? add_scaled(self, option, entry, err) : json_add_text(entry, "autoscaled", NULL, err));
    return json_adopt_item(array, entry, made, err);
}

MUST_CHECK Json *
fleet_json(const FleetPlan *self, Err *err)
{
    Json *object = json_new_object(err);
    Json *types = json_new_array(err);
    bool made = object != NULL && types != NULL && add_catalogue(self, object, err) &&
                add_assumptions(self, object, err) && add_demand(self, object, err);
    for (size_t i = 0; made && i < self->count; i++)
        made = add_option(self, &self->options[i], types, err);
    if (object == NULL)
        json_object_put(types);
    else
        made = json_adopt(object, "types", types, made && types != NULL, err);
    if (made)
        return object;
    json_object_put(object);
    return NULL;
}
