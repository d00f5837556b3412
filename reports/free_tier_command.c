/* free-tier - what is used and left of each account's free tier, and when it runs out */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/options.h"
#include "reports/commands.h"
#include "reports/figures.h"
#include "reports/free_tier.h"
#include "reports/stack.h"
#include "reports/table.h"
#include "schema/usage_store.h"

static const char METHOD[] =
    "a straight line: use so far in the month divided by the time since its start, as of the invoice or "
    "preview that the figures come from";

typedef struct Share {
    char *tenant;
    mpq_t used;
} Share;

/* One free tier of one account. */
typedef struct Tier {
    char *account;
    char *name;
    char *unit;
    bool is_final;
    int64_t as_of_us; /* the newest of its invoices */
    mpq_t allowance;
    mpq_t used;
    Share *shares;
    size_t share_count;
    int64_t *days_us;
    mpq_t *quantities;
    size_t day_count;
    FreeTierOutlook outlook;
    int64_t day_us;
} Tier;

typedef struct Tiers {
    Tier *items;
    size_t count;
} Tiers;

typedef struct FreeTierOptions {
    const char *month_text;
    const char *tenant;
    bool json;
    const char *data;
    UtcMonth month;
} FreeTierOptions;

static void
tiers_clear(Tiers *tiers)
{
    for (size_t i = 0; i < tiers->count; i++) {
        Tier *tier = &tiers->items[i];
        for (size_t s = 0; s < tier->share_count; s++) {
            free(tier->shares[s].tenant);
            mpq_clear(tier->shares[s].used);
        }
        for (size_t d = 0; d < tier->day_count; d++)
            mpq_clear(tier->quantities[d]);
        free(tier->shares);
        free(tier->days_us);
        free(tier->quantities);
        free(tier->account);
        free(tier->name);
        free(tier->unit);
        mpq_clears(tier->allowance, tier->used, NULL);
    }
    free(tiers->items);
}

static bool
no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a free-tier report");
}

/* The last tier when the row belongs to it (rows come in order), else a new one. */
static Tier *
tier_of(Tiers *tiers, const FreeTierRow *row, Err *err)
{
    Tier *last = tiers->count == 0 ? NULL : &tiers->items[tiers->count - 1];
    if (last != NULL && strcmp(last->account, row->account) == 0 && strcmp(last->name, row->name) == 0)
        return last;
    Tier *grown = reallocarray(tiers->items, tiers->count + 1, sizeof(*grown));
    if (grown == NULL) {
        no_memory(err);
        return NULL;
    }
    tiers->items = grown;
    Tier *tier = &grown[tiers->count++];
    *tier = (Tier){.is_final = true};
    mpq_inits(tier->allowance, tier->used, NULL);
    tier->account = text_duplicate(text_of(row->account));
    tier->name = text_duplicate(text_of(row->name));
    tier->unit = text_duplicate(text_of(row->unit));
    if (tier->account != NULL && tier->name != NULL && tier->unit != NULL)
        return tier;
    no_memory(err);
    return NULL;
}

static bool
take_share(void *context, const FreeTierRow *row, Err *err)
{
    Tier *tier = tier_of(context, row, err);
    if (tier == NULL)
        return false;
    Share *shares = reallocarray(tier->shares, tier->share_count + 1, sizeof(*shares));
    if (shares == NULL)
        return no_memory(err);
    tier->shares = shares;
    Share *share = &shares[tier->share_count++];
    share->tenant = text_duplicate(text_of(row->tenant));
    mpq_init(share->used);
    if (share->tenant == NULL)
        return no_memory(err);
    tier->is_final = tier->is_final && strcmp(row->state, "final") == 0;
    if (row->as_of_us > tier->as_of_us)
        tier->as_of_us = row->as_of_us;
    if (!decimal_parse(text_of(row->allowance), tier->allowance, err) ||
        !decimal_parse(text_of(row->used), share->used, err))
        return false;
    mpq_add(tier->used, tier->used, share->used);
    return true;
}

static bool
take_day(void *context, const FreeTierDay *day, Err *err)
{
    Tiers *tiers = context;
    for (size_t i = 0; i < tiers->count; i++) {
        Tier *tier = &tiers->items[i];
        if (strcmp(tier->account, day->account) != 0 || strcmp(tier->unit, day->unit) != 0)
            continue;
        int64_t *days_us = reallocarray(tier->days_us, tier->day_count + 1, sizeof(*days_us));
        if (days_us != NULL)
            tier->days_us = days_us;
        mpq_t *quantities = reallocarray(tier->quantities, tier->day_count + 1, sizeof(*quantities));
        if (quantities != NULL)
            tier->quantities = quantities;
        if (days_us == NULL || quantities == NULL)
            return no_memory(err);
        days_us[tier->day_count] = day->day_us;
        mpq_init(quantities[tier->day_count]);
        if (!decimal_parse(text_of(day->quantity), quantities[tier->day_count++], err))
            return false;
    }
    return true;
}

static void
look_ahead(Tiers *tiers, UtcMonth month)
{
    for (size_t i = 0; i < tiers->count; i++) {
        Tier *tier = &tiers->items[i];
        FreeTierUse use = {.days_us = tier->days_us, .quantities = tier->quantities, .day_count = tier->day_count};
        mpq_inits(use.allowance, use.used, NULL);
        mpq_set(use.allowance, tier->allowance);
        mpq_set(use.used, tier->used);
        tier->outlook = free_tier_outlook(&use, month, tier->as_of_us, &tier->day_us);
        mpq_clears(use.allowance, use.used, NULL);
    }
}

static bool
has_day(const Tier *tier)
{
    return tier->outlook == FREE_TIER_RAN_OUT || tier->outlook == FREE_TIER_RUNS_OUT;
}

/* ---- JSON ---- */

static bool
add_shares(Json *object, const Tier *tier, Err *err)
{
    Json *array = json_object_new_array();
    if (array == NULL)
        return no_memory(err);
    if (!json_add(object, "tenants", array, err))
        return false;
    for (size_t i = 0; i < tier->share_count; i++) {
        Json *entry = json_object_new_object();
        if (entry == NULL)
            return no_memory(err);
        if (!json_append(array, entry, err) || !json_add_text(entry, "tenant", tier->shares[i].tenant, err) ||
            !figure_add_exact(entry, "used", tier->shares[i].used, err))
            return false;
    }
    return true;
}

static bool
add_tier(Json *array, const Tier *tier, Err *err)
{
    static const char *const outlooks[] = {"ran_out", "runs_out", "lasts", "unused"};
    char day[UTC_TEXT_BYTES];
    char as_of[UTC_TEXT_BYTES];
    Json *entry = json_object_new_object();
    if (entry == NULL)
        return no_memory(err);
    mpq_t left;
    mpq_init(left);
    mpq_sub(left, tier->allowance, tier->used);
    bool done = json_append(array, entry, err) && json_add_text(entry, "account", tier->account, err) &&
                json_add_text(entry, "name", tier->name, err) && json_add_text(entry, "unit", tier->unit, err) &&
                figure_add_exact(entry, "allowance", tier->allowance, err) &&
                figure_add_exact(entry, "used", tier->used, err) && figure_add_exact(entry, "left", left, err) &&
                json_add_text(entry, "state", tier->is_final ? "final" : "preview", err) &&
                json_add_text(entry, "as_of", utc_format(tier->as_of_us, as_of), err) &&
                json_add_text(entry, "outlook", outlooks[tier->outlook], err) &&
                json_add_text(entry, "day", has_day(tier) ? utc_format_day(tier->day_us, day) : NULL, err) &&
                add_shares(entry, tier, err);
    mpq_clear(left);
    return done;
}

static bool
print_json(const Tiers *tiers, UtcMonth month, Err *err)
{
    char text[UTC_TEXT_BYTES];
    Json *root = json_object_new_object();
    Json *array = json_object_new_array();
    bool done = root != NULL && array != NULL ? json_add_text(root, "month", utc_month_format(month, text), err) &&
                                                    json_add_text(root, "forecast_method", METHOD, err)
                                              : no_memory(err);
    for (size_t i = 0; done && i < tiers->count; i++)
        done = add_tier(array, &tiers->items[i], err);
    if (done)
        done = json_add(root, "free_tiers", json_object_get(array), err) && json_print(root, stdout, err);
    json_object_put(array);
    json_object_put(root);
    return done;
}

/* ---- text ---- */

static const char *
outlook_text(const Tier *tier, char out[64])
{
    char day[UTC_TEXT_BYTES];
    if (has_day(tier))
        snprintf(out, 64, "%s %s", tier->outlook == FREE_TIER_RAN_OUT ? "ran out on" : "runs out on",
                 utc_format_day(tier->day_us, day));
    else
        snprintf(out, 64, "%s", tier->outlook == FREE_TIER_LASTS ? "lasts the month" : "not used");
    return out;
}

static bool
add_row(Table *table, const char *who, const char *unit, const mpq_t used, const mpq_t allowance, const char *outlook,
        Err *err)
{
    mpq_t left;
    mpq_t percent;
    mpq_inits(left, percent, NULL);
    mpq_sub(left, allowance, used);
    mpq_set_ui(percent, 100, 1);
    mpq_mul(percent, percent, used);
    if (mpq_sgn(allowance) > 0)
        mpq_div(percent, percent, allowance);
    char *figures[3] = {figure_people(used, 0, err), figure_people(left, 0, err), figure_people(percent, 1, err)};
    const char *cells[] = {who, unit, figures[0], figures[2], outlook == NULL ? NULL : figures[1], outlook};
    bool done = figures[0] != NULL && figures[1] != NULL && figures[2] != NULL && table_row(table, cells, err);
    for (size_t i = 0; i < 3; i++)
        free(figures[i]);
    mpq_clears(left, percent, NULL);
    return done;
}

static bool
add_tier_rows(Table *table, const Tier *tier, Err *err)
{
    char outlook[64];
    if (!add_row(table, tier->account, tier->unit, tier->used, tier->allowance, outlook_text(tier, outlook), err))
        return false;
    if (tier->share_count == 1 && strcmp(tier->shares[0].tenant, tier->account) == 0)
        return true;
    for (size_t i = 0; i < tier->share_count; i++) {
        char who[300];
        snprintf(who, sizeof(who), "  %s", tier->shares[i].tenant);
        if (!add_row(table, who, "", tier->shares[i].used, tier->allowance, NULL, err))
            return false;
    }
    return true;
}

static bool
print_text(const Tiers *tiers, UtcMonth month, Err *err)
{
    static const TableColumn columns[] = {{"Account, tenant", TABLE_FLEXIBLE},
                                          {"Unit", TABLE_LEFT},
                                          {"Used", TABLE_RIGHT},
                                          {"%", TABLE_RIGHT},
                                          {"Left", TABLE_RIGHT},
                                          {"Outlook", TABLE_LEFT}};
    char text[UTC_TEXT_BYTES];
    Buffer out = {0};
    Table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]), err);
    bool done = table != NULL && buffer_printf(&out, err, "Free tier, %s\n\n", utc_month_format(month, text));
    for (size_t i = 0; done && i < tiers->count; i++)
        done = add_tier_rows(table, &tiers->items[i], err);
    done = done && table_print(table, TABLE_WIDTH, &out, err) &&
           buffer_append_text(
               &out,
               "\n  An account's tenants share it. The forecast is a straight line: use so far in the month, by the "
               "time\n  since its start, as of the invoice or preview that the figures come from.\n",
               err);
    if (done && fwrite(out.data, 1, out.length, stdout) != out.length)
        done = err_set(err, ERR_IO, "cannot write the report");
    table_free(&table);
    buffer_free(&out);
    return done;
}

static bool
run(FreeTierOptions *options, Err *err)
{
    Tiers tiers = {0};
    if (!stack_month(options->month_text, &options->month, err))
        return false;
    Db *db = stack_connect(options->data, err);
    bool done = db != NULL && stack_tenant_check(db, options->tenant, err) &&
                free_tier_visit(db, options->tenant, options->month, take_share, &tiers, err) &&
                free_tier_days_visit(db, options->month, take_day, &tiers, err);
    db_free(&db);
    if (done && tiers.count == 0) {
        char month[UTC_TEXT_BYTES];
        utc_month_format(options->month, month);
        err_set(err, ERR_NOT_FOUND, "no invoice or preview of %s used a free tier", month);
        err_hint(err, "make previews with: millibill rate --month %s", month);
        done = false;
    }
    if (done) {
        look_ahead(&tiers, options->month);
        done = options->json ? print_json(&tiers, options->month, err) : print_text(&tiers, options->month, err);
    }
    tiers_clear(&tiers);
    return done;
}

int
free_tier_command(int argc, char **argv)
{
    FreeTierOptions options = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "month; default this month (UTC)"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "the account of this tenant; default all accounts"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print JSON"},
        {"data", 0, OPTION_TEXT, &options.data, "DIR", "the stack's directory"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {
        .command = "millibill free-tier",
        .arguments = "",
        .summary = "Show what is used and left of each account's free tier, and when it runs out.",
        .detail =
            "Figures come from the month's invoices, or previews where none is final: run `millibill rate` first.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}
