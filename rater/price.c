#include "rater/price.h"

void
price_split(const Price *price, const mpq_t total, mpq_t *in_tiers)
{
    mpq_t rest, below, width;
    mpq_inits(rest, below, width, NULL);
    mpq_set(rest, total);
    for (size_t i = 0; i < price->tier_count; i++) {
        const PriceTier *tier = &price->tiers[i];
        mpq_sub(width, tier->up_to, below);
        mpq_set(in_tiers[i], tier->open || mpq_cmp(rest, width) <= 0 ? rest : width);
        mpq_sub(rest, rest, in_tiers[i]);
        mpq_set(below, tier->up_to);
    }
    mpq_clears(rest, below, width, NULL);
}

size_t
price_tier_of(const Price *price, const mpq_t total)
{
    size_t t = 0;
    while (!price->tiers[t].open && mpq_cmp(total, price->tiers[t].up_to) > 0)
        t++;
    return t;
}

void
price_part(const mpq_t in_tier, const mpq_t quantity, const mpq_t total, mpq_t out)
{
    if (mpq_sgn(total) == 0) {
        mpq_set_ui(out, 0, 1);
        return;
    }
    if (mpq_equal(quantity, total)) {
        mpq_set(out, in_tier);
        return;
    }
    mpq_t share;
    mpq_init(share);
    mpq_div(share, quantity, total);
    mpq_mul(out, in_tier, share);
    mpq_clear(share);
}
