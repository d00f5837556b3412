#include "reports/fleet_size.h"

#include "lib/decimal.h"

enum { GB_MB = 1024 };

int64_t
fleet_floor(const mpq_t value)
{
    mpz_t whole;
    mpz_init(whole);
    decimal_floor(whole, value);
    int64_t out = mpz_get_si(whole);
    mpz_clear(whole);
    return out > 0 ? out : 1;
}

FleetRoom
fleet_room(const FleetOption *option, const FleetRules *rules)
{
    mpq_t number;
    mpq_init(number);
    mpq_set_ui(number, GB_MB, 1);
    mpq_mul(number, number, option->type->memory_gb);
    FleetRoom room = {.memory_mb = fleet_floor(number)};
    mpq_set_si(number, rules->mb_per_vcpu, 1);
    mpq_mul(number, number, option->type->vcpu);
    room.share_mb = fleet_floor(number);
    mpq_clear(number);
    return room;
}

static int64_t
less_headroom(int64_t value, int64_t percent)
{
    int64_t less = value * 100 / (100 + percent);
    return less > 0 ? less : 1;
}

FleetRoom
fleet_room_less(FleetRoom room, int64_t percent)
{
    return (FleetRoom){less_headroom(room.memory_mb, percent), less_headroom(room.share_mb, percent)};
}

void
fleet_baseline_share(const FleetOption *option, const FleetRules *rules, int64_t percent, mpq_t out)
{
    mpq_t factor;
    mpq_init(factor);
    mpq_mul(out, option->type->vcpu, option->type->baseline);
    mpq_set_si(factor, rules->mb_per_vcpu * 100, (unsigned long) (100 + percent));
    mpq_canonicalize(factor);
    mpq_mul(out, out, factor);
    mpq_clear(factor);
}
