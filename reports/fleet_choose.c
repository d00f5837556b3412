/* Which fleet a comparison is made with. */
#include "reports/fleet.h"

const FleetShort *
fleet_option_scaled_short(const FleetOption *self)
{
    return self->burst == BURST_UNLIMITED ? &self->outcome.unlimited : &self->outcome.standard;
}

const FleetOption *
fleet_plan_cheapest(const FleetPlan *self)
{
    for (size_t i = 0; i < self->count && self->options[i].fits; i++)
        if (self->options[i].burst_fixed.short_us == 0)
            return &self->options[i];
    return self->count > 0 && self->options[0].fits ? &self->options[0] : NULL;
}

/* Does it refuse no more than one request in FLEET_REFUSED_ONE_IN, and never run out of credits? */
static bool
serves(const FleetOption *option)
{
    return option->outcome.refused * FLEET_REFUSED_ONE_IN <= option->outcome.requests &&
           (option->burst != BURST_STANDARD || option->outcome.standard.short_us == 0);
}

const FleetOption *
fleet_plan_cheapest_scaled(const FleetPlan *self)
{
    const FleetOption *best = NULL;
    for (size_t i = 0; i < self->count; i++) {
        const FleetOption *option = &self->options[i];
        if (!option->fits)
            continue;
        bool better = best == NULL || (serves(option) && !serves(best)) ||
                      (serves(option) == serves(best) && mpq_cmp(option->scaled.exact, best->scaled.exact) < 0);
        best = better ? option : best;
    }
    return best;
}
