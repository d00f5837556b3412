#include "rater/book_free_tiers.h"

#include <stdlib.h>
#include <string.h>

#include "rater/book_models.h"
#include "rater/book_prices.h"

enum { FREE_TIERS_MAX = 32 };

static const char *const ALLOCATION_NAMES[] = {"dearest_first", "usage_order", "proportional", NULL};

const char *
allocation_name(Allocation allocation)
{
    return ALLOCATION_NAMES[allocation];
}

/* What a meter counts from other meters or from nothing has no free units; single events have no quantity of the item. */
static bool
may_be_free(const Place *item, const Meter *meter, Err *err)
{
    if (meter->measure == MEASURE_AMOUNT || meter->measure == MEASURE_MONTH)
        return place_fail(item, err, "'%s' has the measure %s, of which nothing can be free; remove it", meter->sku,
                          measure_name(meter->measure));
    for (size_t i = 0; i < meter->price_count; i++) {
        if (meter->prices[i].event_minimum.given || meter->prices[i].event_maximum.given)
            return place_fail(item, err, "'%s' limits what a single event costs; remove it, or those limits",
                              meter->sku);
    }
    return true;
}

static bool
cover_sku(const Place *item, FreeTier *tier, PriceBook *book, Err *err)
{
    Text sku = yaml_text(item->node);
    size_t meter = 0;
    while (meter < book->meter_count && !text_is(sku, book->meters[meter].sku))
        meter++;
    if (meter == book->meter_count)
        return place_fail(item, err, "no meter has the sku '%.*s'; name one of the meters of this book", TEXT_ARG(sku));
    if (!may_be_free(item, &book->meters[meter], err))
        return false;
    for (size_t i = 0; i < book->free_tier_count; i++) {
        if ((book->free_tiers[i].meters & UINT64_C(1) << meter) != 0)
            return place_fail(item, err, "'%s' is covered twice; a meter takes from one free tier",
                              book->meters[meter].sku);
    }
    for (size_t i = 0; i < book->meter_count; i++) {
        if ((tier->meters & UINT64_C(1) << i) != 0 && strcmp(book->meters[i].unit, book->meters[meter].unit) != 0)
            return place_fail(item, err, "has the unit '%s', the others '%s'; a free tier counts one unit",
                              book->meters[meter].unit, book->meters[i].unit);
    }
    tier->meters |= UINT64_C(1) << meter;
    return true;
}

static bool
read_whole_units(const Place *place, FreeTier *tier, Err *err)
{
    static const char *const NAMES[] = {"false", "true", NULL};
    int whole = 0;
    if (!place_choice(place, "value", NAMES, 0, &whole, err))
        return false;
    tier->whole_units = whole == 1;
    if (tier->whole_units && mpz_cmp_ui(mpq_denref(tier->quantity), 1) != 0)
        return place_fail(place, err, "the quantity is not whole; round it or remove whole_units");
    return true;
}

static bool
read_free_tier(const Place *item, PriceBook *book, Err *err)
{
    static const char *const KEYS[] = {"name",       "quantity",      "skus",   "modes", "whole_units",
                                       "allocation", "partial_month", "source", NULL};
    FreeTier *tier = &book->free_tiers[book->free_tier_count++];
    mpq_init(tier->quantity);
    Place name = place_member(item, "name");
    Place quantity = place_member(item, "quantity");
    Place skus = place_member(item, "skus");
    Place modes = place_member(item, "modes");
    Place whole = place_member(item, "whole_units");
    Place allocation = place_member(item, "allocation");
    Place partial = place_member(item, "partial_month");
    size_t count = 0;
    int choice = 0;
    int partial_choice = 0;
    if (!place_keys(item, KEYS, err) || !place_text(&name, "name: requests", &tier->name, err) ||
        !place_amount(&quantity, "an allowance", "quantity: 1000000", tier->quantity, err) ||
        !place_sequence(&skus, PRICE_BOOK_METERS_MAX, "skus: [requests]", &count, err) ||
        !place_choices(&modes, "mode", MODE_NAMES, &tier->modes, err) || !read_whole_units(&whole, tier, err) ||
        !place_choice(&allocation, "allocation rule", ALLOCATION_NAMES, -1, &choice, err) ||
        !place_choice(&partial, "rule for partial months", PARTIAL_MONTH_NAMES, PARTIAL_FULL, &partial_choice, err))
        return false;
    tier->allocation = (Allocation) choice;
    tier->partial_month = (PartialMonth) partial_choice;
    for (size_t i = 0; i < count; i++) {
        Place sku = place_item(&skus, i);
        if (!cover_sku(&sku, tier, book, err))
            return false;
    }
    return true;
}

bool
book_read_free_tiers(const Place *list, PriceBook *book, Err *err)
{
    size_t count = 0;
    if (!place_exists(list))
        return true;
    if (!place_sequence(list, FREE_TIERS_MAX, "free_tiers: [{name: requests, …}]", &count, err))
        return false;
    book->free_tiers = calloc(count, sizeof(FreeTier));
    if (book->free_tiers == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a price book");
    for (size_t i = 0; i < count; i++) {
        Place item = place_item(list, i);
        if (!read_free_tier(&item, book, err))
            return false;
    }
    return true;
}

void
book_free_free_tiers(PriceBook *book)
{
    for (size_t i = 0; i < book->free_tier_count; i++) {
        mpq_clear(book->free_tiers[i].quantity);
        free(book->free_tiers[i].name);
    }
    free(book->free_tiers);
}
