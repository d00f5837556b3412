#include "reports/free_tier_use.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/decimal.h"
#include "reports/figures.h"

enum { KEY_BYTES = 128 };

static bool
no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a free-tier report");
}

/* ---- one tier ---- */

static void
tier_free(Tier *tier)
{
    for (size_t s = 0; s < tier->share_count; s++) {
        free(tier->shares[s].tenant);
        mpq_clear(tier->shares[s].used);
    }
    for (size_t mode = 0; mode < TIER_MODES; mode++) {
        mpq_clear(tier->covered[mode]);
        free(tier->measures[mode]);
        free(tier->week[mode]);
    }
    json_object_put(tier->skus);
    free(tier->shares);
    free(tier->account);
    free(tier->name);
    free(tier->unit);
    mpq_clears(tier->allowance, tier->used, NULL);
    free(tier);
}

static Tier *
tier_new(Text account, Text name, Text unit, Err *err)
{
    Tier *tier = calloc(1, sizeof(*tier));
    if (tier == NULL) {
        no_memory(err);
        return NULL;
    }
    mpq_inits(tier->allowance, tier->used, NULL);
    for (size_t mode = 0; mode < TIER_MODES; mode++)
        mpq_init(tier->covered[mode]);
    tier->first_us = INT64_MAX;
    tier->account = text_duplicate(account);
    tier->name = text_duplicate(name);
    tier->unit = text_duplicate(unit);
    tier->skus = json_new_object(err);
    if (tier->account != NULL && tier->name != NULL && tier->unit != NULL && tier->skus != NULL)
        return tier;
    no_memory(err);
    tier_free(tier);
    return NULL;
}

void
tiers_clear(Tiers *self)
{
    for (size_t i = 0; i < self->count; i++)
        tier_free(self->items[i]);
    free(self->items);
    *self = (Tiers){0};
}

/* The account's tier of that name (documents come account by account), made when new. */
static Tier *
tier_of(Tiers *self, Text account, Text name, Text unit, Err *err)
{
    for (size_t i = self->count; i > 0 && text_is(account, self->items[i - 1]->account); i--)
        if (text_is(name, self->items[i - 1]->name))
            return self->items[i - 1];
    if (!array_grow(&self->items, &self->capacity, self->count, sizeof(Tier *), err))
        return NULL;
    Tier *tier = tier_new(account, name, unit, err);
    if (tier != NULL)
        self->items[self->count++] = tier;
    return tier;
}

/* ---- documents ---- */

static bool
take_period(Tier *tier, Json *head, Err *err)
{
    Text start;
    Text end;
    return (json_text(json_member(head, "period_start"), &start) && json_text(json_member(head, "period_end"), &end) &&
            utc_parse(start, &tier->start_us, err) && utc_parse(end, &tier->end_us, err)) ||
           err_set(err, ERR_INPUT, "an invoice of the rater's answer has no period_start and period_end");
}

static bool
take_share(Tiers *self, Json *head, Json *entry, const char *only, Err *err)
{
    Text account;
    Text tenant;
    Text name;
    Text unit;
    if (!json_text(json_member(entry, "account"), &account) || !json_text(json_member(entry, "tenant"), &tenant) ||
        !json_text(json_member(entry, "name"), &name) || !json_text(json_member(entry, "unit"), &unit))
        return err_set(err, ERR_INPUT, "a free tier of the rater's answer has no account, tenant, name or unit");
    if (only != NULL && !text_is(account, only))
        return true;
    Tier *tier = tier_of(self, account, name, unit, err);
    if (tier == NULL)
        return false;
    TierShare *shares = reallocarray(tier->shares, tier->share_count + 1, sizeof(*shares));
    if (shares == NULL)
        return no_memory(err);
    tier->shares = shares;
    TierShare *share = &shares[tier->share_count++];
    share->tenant = text_duplicate(tenant);
    mpq_init(share->used);
    if (share->tenant == NULL)
        return no_memory(err);
    if (!take_period(tier, head, err) || !figure_read(entry, "allowance", tier->allowance, err) ||
        !figure_read(entry, "used", share->used, err))
        return false;
    mpq_add(tier->used, tier->used, share->used);
    return true;
}

/* A line as the tiers of its account look at it. */
typedef struct TierLine {
    Text account;
    Text unit;
    UsageMode mode;
    char key[KEY_BYTES]; /* mode and sku */
    mpq_t quantity;
    mpq_t free_quantity;
} TierLine;

static bool
read_line(Json *line, TierLine *out, Err *err)
{
    Text mode;
    Text sku;
    if (!json_text(json_member(line, "account"), &out->account) || !json_text(json_member(line, "unit"), &out->unit) ||
        !json_text(json_member(line, "mode"), &mode) || !json_text(json_member(line, "sku"), &sku) ||
        !usage_mode_parse(mode, &out->mode))
        return err_set(err, ERR_INPUT, "a line of the rater's answer has no account, unit, mode or sku");
    snprintf(out->key, sizeof(out->key), "%.*s %.*s", TEXT_ARG(mode), TEXT_ARG(sku));
    return figure_read(line, "quantity", out->quantity, err) &&
           figure_read(line, "free_quantity", out->free_quantity, err);
}

/* Near where the last search ended, for accounts come in order. */
size_t
tiers_first_of(Tiers *self, Text account)
{
    for (size_t step = 0; step < self->count; step++) {
        size_t at = (self->cursor + step) % self->count;
        if (!text_is(account, self->items[at]->account))
            continue;
        while (at > 0 && text_is(account, self->items[at - 1]->account))
            at--;
        self->cursor = at;
        return at;
    }
    return SIZE_MAX;
}

bool
tiers_is_of(const Tiers *self, size_t at, Text account)
{
    return at < self->count && text_is(account, self->items[at]->account);
}

/* A tier covers the skus of which some unit of the account was free. */
static bool
mark_line(Tiers *self, const TierLine *line, Err *err)
{
    if (mpq_sgn(line->free_quantity) <= 0)
        return true;
    for (size_t i = tiers_first_of(self, line->account); tiers_is_of(self, i, line->account); i++) {
        Tier *tier = self->items[i];
        if (text_is(line->unit, tier->unit) && json_member(tier->skus, line->key) == NULL &&
            !json_add_bool(tier->skus, line->key, true, err))
            return false;
    }
    return true;
}

static bool
add_line(Tiers *self, const TierLine *line, Err *err)
{
    (void) err;
    for (size_t i = tiers_first_of(self, line->account); tiers_is_of(self, i, line->account); i++) {
        Tier *tier = self->items[i];
        if (text_is(line->unit, tier->unit) && json_member(tier->skus, line->key) != NULL)
            mpq_add(tier->covered[line->mode], tier->covered[line->mode], line->quantity);
    }
    return true;
}

static bool
each_line(Tiers *self, Json *documents, bool (*take)(Tiers *, const TierLine *, Err *), Err *err)
{
    bool done = true;
    TierLine line;
    mpq_inits(line.quantity, line.free_quantity, NULL);
    for (size_t d = 0; done && d < json_object_array_length(documents); d++) {
        Json *lines = json_member(json_object_array_get_idx(documents, d), "lines");
        size_t count = json_object_is_type(lines, json_type_array) ? json_object_array_length(lines) : 0;
        for (size_t i = 0; done && i < count; i++)
            done = read_line(json_object_array_get_idx(lines, i), &line, err) && take(self, &line, err);
    }
    mpq_clears(line.quantity, line.free_quantity, NULL);
    return done;
}

static bool
make_room(Tiers *self, Err *err)
{
    for (size_t i = 0; i < self->count; i++) {
        Tier *tier = self->items[i];
        for (size_t mode = 0; mode < TIER_MODES; mode++) {
            if (mpq_sgn(tier->covered[mode]) <= 0 || tier->measures[mode] != NULL)
                continue;
            tier->measures[mode] = calloc(TIER_MEASURES, sizeof *tier->measures[mode]);
            if (tier->measures[mode] == NULL)
                return no_memory(err);
        }
    }
    return true;
}

bool
tiers_take_documents(Tiers *self, Json *documents, const char *account, Err *err)
{
    if (!json_object_is_type(documents, json_type_array))
        return err_set(err, ERR_INPUT, "the rater's answer has no 'invoices'");
    for (size_t d = 0; d < json_object_array_length(documents); d++) {
        Json *document = json_object_array_get_idx(documents, d);
        Json *entries = json_member(document, "free_tiers");
        size_t count = json_object_is_type(entries, json_type_array) ? json_object_array_length(entries) : 0;
        for (size_t i = 0; i < count; i++)
            if (!take_share(self, json_member(document, "invoice"), json_object_array_get_idx(entries, i), account,
                            err))
                return false;
    }
    return each_line(self, documents, mark_line, err) && each_line(self, documents, add_line, err) &&
           make_room(self, err);
}
