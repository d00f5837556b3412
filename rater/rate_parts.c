#include "rater/rate_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "rater/rate_carry.h"
#include "rater/rate_round.h"

/* ---- joining ---- */

/* A tenant's entry of a free tier, and which part it is from. */
typedef struct JoinedTier {
    RatedFreeTier *entry;
    size_t part;
} JoinedTier;

static int
compare_lines(const void *left, const void *right)
{
    const RatedLine *a = *(const RatedLine *const *) left;
    const RatedLine *b = *(const RatedLine *const *) right;
    int order = strcmp(a->tenant, b->tenant);
    if (order == 0)
        order = (a->part > b->part) - (a->part < b->part);
    return order != 0 ? order : (a > b) - (a < b); /* lines of one part stand in one array */
}

static int
compare_functions(const void *left, const void *right)
{
    const RatedFunction *a = left;
    const RatedFunction *b = right;
    int order = strcmp(a->tenant, b->tenant);
    if (order == 0)
        order = strcmp(a->region, b->region);
    if (order == 0)
        order = (a->architecture > b->architecture) - (a->architecture < b->architecture);
    if (order == 0)
        order = (a->mode > b->mode) - (a->mode < b->mode);
    if (order == 0)
        order = strcmp(a->function, b->function);
    return order != 0 ? order : (a->memory_mb > b->memory_mb) - (a->memory_mb < b->memory_mb);
}

static bool
join_lines(Rated *whole, Rated *const *rated, size_t count, Err *err)
{
    size_t total = 0;
    for (size_t p = 0; p < count; p++)
        total += rated[p]->line_count;
    const RatedLine **order = calloc(total + 1, sizeof *order);
    whole->lines = calloc(total + 1, sizeof *whole->lines);
    if (order == NULL || whole->lines == NULL) {
        free(order);
        err_set(err, ERR_NOMEM, "no memory for %zu lines", total);
        return false;
    }
    for (size_t p = 0; p < count; p++) {
        for (size_t i = 0; i < rated[p]->line_count; i++) {
            rated[p]->lines[i].part = p;
            order[whole->line_count++] = &rated[p]->lines[i];
        }
    }
    if (total > 1)
        qsort(order, total, sizeof *order, compare_lines);
    for (size_t i = 0; i < total; i++)
        whole->lines[i] = *order[i];
    for (size_t p = 0; p < count; p++)
        rated[p]->line_count = 0; /* they are the whole's now */
    free(order);
    return true;
}

static void
add_function(RatedFunction *into, RatedFunction *from)
{
    into->invocations += from->invocations;
    into->errors += from->errors;
    into->timeouts += from->timeouts;
    into->capacity_records += from->capacity_records;
    mpq_add(into->gb_seconds, into->gb_seconds, from->gb_seconds);
    mpq_add(into->capacity_gb_seconds, into->capacity_gb_seconds, from->capacity_gb_seconds);
    mpq_add(into->amount_exact, into->amount_exact, from->amount_exact);
    mpq_clears(from->gb_seconds, from->capacity_gb_seconds, from->amount_exact, NULL);
}

static bool
join_functions(Rated *whole, Rated *const *rated, size_t count, Err *err)
{
    size_t total = 0;
    for (size_t p = 0; p < count; p++)
        total += rated[p]->function_count;
    whole->functions = calloc(total + 1, sizeof *whole->functions);
    if (whole->functions == NULL) {
        err_set(err, ERR_NOMEM, "no memory for %zu functions", total);
        return false;
    }
    size_t taken = 0;
    for (size_t p = 0; p < count; p++) {
        for (size_t i = 0; i < rated[p]->function_count; i++)
            whole->functions[taken++] = rated[p]->functions[i];
        rated[p]->function_count = 0;
    }
    if (total > 1)
        qsort(whole->functions, total, sizeof *whole->functions, compare_functions);
    for (size_t i = 0; i < total; i++) {
        RatedFunction *last = whole->function_count == 0 ? NULL : &whole->functions[whole->function_count - 1];
        if (last != NULL && compare_functions(last, &whole->functions[i]) == 0)
            add_function(last, &whole->functions[i]);
        else
            whole->functions[whole->function_count++] = whole->functions[i];
    }
    return true;
}

/* A free tier of an account over all parts. */
typedef struct AccountTier {
    const char *name;
    mpq_t allowance;
    mpq_t used;
} AccountTier;

typedef struct AccountTiers {
    AccountTier *all;
    size_t count;
    size_t capacity;
} AccountTiers;

static AccountTier *
account_tier(AccountTiers *self, const char *name, Err *err)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->all[i].name, name) == 0)
            return &self->all[i];
    }
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return NULL;
    AccountTier *tier = &self->all[self->count++];
    tier->name = name;
    mpq_inits(tier->allowance, tier->used, NULL);
    return tier;
}

/* What a part may take is what its book leaves of its allowance: with what was taken before, the allowance of the period. Every
 * tenant of a part says the same of its account: the first is asked. */
static bool
sum_account(AccountTiers *self, const Rated *rated, Err *err)
{
    for (size_t i = 0; i < rated->free_tier_count; i++) {
        const RatedFreeTier *entry = &rated->free_tiers[i];
        if (strcmp(entry->tenant, rated->free_tiers[0].tenant) != 0)
            break;
        AccountTier *tier = account_tier(self, entry->tier->name, err);
        if (tier == NULL)
            return false;
        mpq_add(tier->allowance, tier->used, entry->allowance);
        mpq_add(tier->used, tier->used, entry->account_used);
    }
    return true;
}

static int
compare_free_tiers(const void *left, const void *right)
{
    const JoinedTier *a = left;
    const JoinedTier *b = right;
    int order = strcmp(a->entry->tenant, b->entry->tenant);
    if (order == 0)
        order = (a->part > b->part) - (a->part < b->part);
    return order != 0 ? order : (a->entry > b->entry) - (a->entry < b->entry);
}

/* Entries of one tenant and name are one; `first` is where the tenant's begin. */
static void
add_free_tier(Rated *whole, size_t first, RatedFreeTier *from)
{
    for (size_t i = first; i < whole->free_tier_count; i++) {
        RatedFreeTier *into = &whole->free_tiers[i];
        assert(into->tier != NULL);
        if (strcmp(into->tier->name, from->tier->name) != 0)
            continue;
        mpq_add(into->used, into->used, from->used);
        into->tier = from->tier;
        into->unit = from->unit;
        mpq_clears(from->allowance, from->used, from->account_used, NULL);
        return;
    }
    whole->free_tiers[whole->free_tier_count++] = *from;
}

static bool
set_account(Rated *whole, AccountTiers *account, Err *err)
{
    for (size_t i = 0; i < whole->free_tier_count; i++) {
        RatedFreeTier *entry = &whole->free_tiers[i];
        assert(entry->tier != NULL);
        const AccountTier *tier = account_tier(account, entry->tier->name, err);
        if (tier == NULL)
            return false;
        mpq_set(entry->allowance, tier->allowance);
        mpq_set(entry->account_used, tier->used);
    }
    return true;
}

static bool
join_free_tiers(Rated *whole, Rated *const *rated, size_t count, AccountTiers *account, Err *err)
{
    size_t total = 0;
    for (size_t p = 0; p < count; p++)
        total += rated[p]->free_tier_count;
    JoinedTier *order = calloc(total + 1, sizeof *order);
    whole->free_tiers = calloc(total + 1, sizeof *whole->free_tiers);
    if (order == NULL || whole->free_tiers == NULL) {
        free(order);
        err_set(err, ERR_NOMEM, "no memory for free tiers");
        return false;
    }
    bool done = true;
    size_t taken = 0;
    for (size_t p = 0; done && p < count; p++) {
        done = sum_account(account, rated[p], err);
        for (size_t i = 0; done && i < rated[p]->free_tier_count; i++)
            order[taken++] = (JoinedTier){&rated[p]->free_tiers[i], p};
    }
    if (done && total > 1)
        qsort(order, total, sizeof *order, compare_free_tiers);
    size_t first = 0;
    for (size_t i = 0; done && i < total; i++) {
        if (i > 0 && strcmp(order[i].entry->tenant, order[i - 1].entry->tenant) != 0)
            first = whole->free_tier_count;
        add_free_tier(whole, first, order[i].entry);
    }
    for (size_t p = 0; done && p < count; p++)
        rated[p]->free_tier_count = 0;
    free(order);
    return done && set_account(whole, account, err);
}

/* ---- rating ---- */

static Rated *
join(Rated *const *rated, const BookPart *parts, size_t count, Err *err)
{
    AccountTiers account = {0};
    Rated *whole = calloc(1, sizeof *whole);
    if (whole == NULL) {
        err_set(err, ERR_NOMEM, "no memory to rate");
        return NULL;
    }
    bool done = join_lines(whole, rated, count, err) && join_functions(whole, rated, count, err) &&
                join_free_tiers(whole, rated, count, &account, err) && rate_round(whole, parts[0].book, err);
    for (size_t i = 0; i < account.count; i++)
        mpq_clears(account.all[i].allowance, account.all[i].used, NULL);
    free(account.all);
    if (done) {
        whole->parts = parts;
        whole->part_count = count;
    } else {
        rated_free(&whole);
    }
    return whole;
}

RateOptions
rate_part_options(const RateOptions *options, const BookPart *part)
{
    RateOptions own = *options;
    own.part_start_us = part->start_us > options->month_start_us ? part->start_us : options->month_start_us;
    own.part_end_us =
        options->period_end_us != 0 && options->period_end_us < part->end_us ? options->period_end_us : part->end_us;
    return own;
}

static Rated *
rate_one(const RatingRow *rows, size_t count, const BookPart *part, size_t place, const RateOptions *options,
         RateCarry *carry, Err *err)
{
    RatingRow *own = calloc(count + 1, sizeof *own);
    size_t own_count = 0;
    RateOptions how = rate_part_options(options, part);
    how.carry = carry;
    if (own == NULL) {
        err_set(err, ERR_NOMEM, "no memory for %zu rows", count);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].part == place)
            own[own_count++] = rows[i];
    }
    Rated *rated = rate(own, own_count, part->book, &how, err);
    free(own);
    if (rated == NULL)
        err_prefix(err, "version %s: ", part->book->version);
    return rated;
}

Rated *
rate_parts(const RatingRow *rows, size_t count, const BookPart *parts, size_t part_count, const RateOptions *options,
           Err *err)
{
    assert(part_count > 0);
    if (part_count == 1)
        return rate(rows, count, parts[0].book, options, err);
    RateCarry carry = {0};
    Rated *whole = NULL;
    Rated **rated = calloc(part_count, sizeof(Rated *));
    if (rated == NULL) {
        err_set(err, ERR_NOMEM, "no memory to rate");
        return NULL;
    }
    bool done = true;
    for (size_t p = 0; done && p < part_count; p++) {
        rated[p] = rate_one(rows, count, &parts[p], p, options, &carry, err);
        done = rated[p] != NULL;
    }
    if (done)
        whole = join(rated, parts, part_count, err);
    for (size_t p = 0; p < part_count; p++)
        rated_free(&rated[p]);
    free(rated);
    rate_carry_free(&carry);
    return whole;
}
