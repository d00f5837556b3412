/* A catalogue that somebody wrote: refused with a message, or types whose fleets can be sized, replayed and priced; the range
 * of each holds what it costs on demand, and whatever is reported is well-formed. */
#include <stdint.h>
#include <stdlib.h>

#include "reports/fleet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const UtcMonth SEPTEMBER = {2026, 9};

/* Crowds, a run of hours, one of no time; the same for every input. */
static SavingsUsage *
usage_of_all(void)
{
    static SavingsUsage usage;
    static const Execution RUNS[] = {
        {0, 5000000, 128, 100},           {1, 1, 1769, 1769},         {1, INT64_C(40000000000), 512, 33},
        {90000000, 0, 128, 128},          {100000000, 7, 10240, 300}, {100000000, 60000000, 1024, 400},
        {100000000, 60000000, 1024, 401}, {100000001, 59, 3008, 500}, {INT64_C(2591999999999), 1000000, 128, 1},
    };
    Err err = {0};
    if (usage.executions != NULL)
        return &usage;
    for (size_t i = 0; i < sizeof(RUNS) / sizeof(RUNS[0]); i++) {
        Execution run = RUNS[i];
        run.start_us += utc_month_start_us(SEPTEMBER);
        if (!savings_usage_execution(&usage, SEPTEMBER, &run, &err))
            abort();
    }
    if (!savings_usage_sweep(&usage, &err))
        abort();
    return &usage;
}

static void
check_type(const CatalogueType *type)
{
    if (mpq_sgn(type->vcpu) <= 0 || mpq_sgn(type->memory_gb) <= 0 || !type->prices[ON_DEMAND].known)
        abort();
    for (size_t i = 0; i < PURCHASES; i++)
        if (type->prices[i].known && mpq_sgn(type->prices[i].hourly) < 0)
            abort();
    if (type->burstable && (mpq_sgn(type->baseline) <= 0 || mpq_cmp_ui(type->baseline, 1, 1) > 0))
        abort();
}

static void
check_option(const FleetOption *option)
{
    if (!option->fits)
        return;
    if (mpq_cmp(option->fixed_low.exact, option->fixed[ON_DEMAND].exact) > 0 ||
        mpq_cmp(option->fixed[ON_DEMAND].exact, option->fixed_high.exact) > 0 ||
        mpq_cmp(option->scaled_low.exact, option->scaled.exact) > 0 ||
        mpq_cmp(option->scaled.exact, option->scaled_high.exact) > 0 || option->instances_least > option->instances ||
        option->instances_least < 1)
        abort();
}

static void
plan(const Catalogue *catalogue)
{
    Err err = {0};
    Buffer text = {0};
    const FleetRules rules = fleet_rules_default();
    FleetPlan *self = fleet_plan_make(catalogue, &rules, usage_of_all(), SEPTEMBER, NULL, &err);
    if (self == NULL)
        abort();
    for (size_t i = 0; i < self->count; i++)
        check_option(&self->options[i]);
    Json *json = fleet_json(self, &err);
    if (json == NULL || !fleet_text(self, &text, &err))
        abort();
    json_object_put(json);
    buffer_free(&text);
    fleet_plan_free(&self);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Catalogue *catalogue = catalogue_parse((Text){(const char *) data, size}, "fuzz.yaml", &err);
    if ((catalogue == NULL) != err_is_set(&err))
        abort();
    if (catalogue == NULL)
        return 0;
    if (catalogue->type_count == 0 || catalogue->type_count > CATALOGUE_TYPES_MAX)
        abort();
    for (size_t i = 0; i < catalogue->type_count; i++) {
        check_type(&catalogue->types[i]);
        if (catalogue_find(catalogue, catalogue->types[i].name) == NULL)
            abort();
    }
    plan(catalogue);
    catalogue_free(&catalogue);
    return 0;
}
