/* free-tier - what is used and left of each account's free tier, and when it runs out */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/forecast.h"
#include "lib/json.h"
#include "lib/options.h"
#include "reports/commands.h"
#include "reports/figures.h"
#include "reports/free_tier_read.h"
#include "reports/stack.h"
#include "reports/table.h"
#include "schema/tenant_store.h"

typedef struct FreeTierOptions {
    const char *month_text;
    const char *tenant;
    const char *book;
    bool json;
    const char *data;
    UtcMonth month;
} FreeTierOptions;

typedef struct Report {
    char *account; /* of --tenant */
    FreeTierReading reading;
} Report;

static bool
no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for a free-tier report");
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

/* Was its outlook looked for in the future? */
static bool
tier_has_forecast(const Tier *tier)
{
    return tier->outlook == FREE_TIER_RUNS_OUT || (tier->outlook == FREE_TIER_LASTS && tier->is_open);
}

/* How the day was forecast; null where none was. */
static bool
add_method(Json *entry, const Tier *tier, Err *err)
{
    const bool forecast = tier_has_forecast(tier);
    return json_add_text(entry, "method",
                         !forecast         ? NULL
                         : tier->weeks > 0 ? "weekday"
                                           : "line",
                         err) &&
           (!forecast || tier->weeks == 0 || json_add_int(entry, "weeks", tier->weeks, err));
}

static bool
add_methods(Json *root, Err *err)
{
    Json *methods = json_new_object(err);
    return methods != NULL && json_add(root, "forecast_methods", methods, err) &&
           json_add_text(methods, "weekday", FORECAST_METHOD_WEEKDAY, err) &&
           json_add_text(methods, "line", FORECAST_METHOD_LINE, err);
}

static bool
add_tier(Json *array, const Tier *tier, int64_t as_of_us, Err *err)
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
                json_add_text(entry, "as_of", utc_format(as_of_us, as_of), err) &&
                json_add_text(entry, "period_start", utc_format(tier->start_us, day), err) &&
                json_add_text(entry, "period_end", utc_format(tier->end_us, day), err) &&
                json_add_text(entry, "outlook", outlooks[tier->outlook], err) &&
                json_add_text(entry, "day", has_day(tier) ? utc_format_day(tier->day_us, day) : NULL, err) &&
                add_method(entry, tier, err) && add_shares(entry, tier, err);
    mpq_clear(left);
    return done;
}

static bool
print_json(const Report *report, Err *err)
{
    char text[UTC_TEXT_BYTES];
    Json *root = json_new_object(err);
    Json *array = json_new_array(err);
    Json *skipped = json_member(report->reading.answer, "skipped");
    bool done = root != NULL && array != NULL &&
                json_add_text(root, "month", utc_month_format(report->reading.tiers.month, text), err) &&
                add_methods(root, err);
    for (size_t i = 0; done && i < report->reading.tiers.count; i++)
        done = add_tier(array, report->reading.tiers.items[i], report->reading.as_of_us, err);
    done = done && json_add(root, "free_tiers", json_object_get(array), err) &&
           json_add(root, "skipped", skipped == NULL ? json_new_array(err) : json_object_get(skipped), err) &&
           json_print(root, stdout, err);
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
        snprintf(out, 64, "%s %s%s", tier->outlook == FREE_TIER_RAN_OUT ? "ran out on" : "runs out on",
                 utc_format_day(tier->day_us, day), tier_has_forecast(tier) && tier->weeks > 0 ? " w" : "");
    else if (tier->outlook == FREE_TIER_LASTS)
        snprintf(out, 64, "lasts to %s%s", utc_format_day(tier->end_us - 1, day),
                 tier_has_forecast(tier) && tier->weeks > 0 ? " w" : "");
    else
        snprintf(out, 64, "not used");
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
print_text(const Tiers *tiers, Err *err)
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
    bool done = table != NULL && buffer_printf(&out, err, "Free tier, %s\n\n", utc_month_format(tiers->month, text));
    for (size_t i = 0; done && i < tiers->count; i++)
        done = add_tier_rows(table, tiers->items[i], err);
    if (done && tiers->count == 0)
        done = buffer_append_text(&out, "  No usage takes from a free tier.\n", err);
    else
        done = done && table_print(table, table_width(), &out, err) &&
               buffer_append_text(
                   &out,
                   "\n  An account's tenants share it. Days are UTC. The outlook is a straight line, use so far\n"
                   "  in the billing period by the time since its start; marked w it goes by weekday: each\n"
                   "  hour to come is the mean of the same hours of the account's last 2 to 4 weeks.\n",
                   err);
    done = done && buffer_print(&out, err);
    table_free(&table);
    buffer_free(&out);
    return done;
}

static void
tell_skipped(Json *answer)
{
    Json *skipped = json_member(answer, "skipped");
    size_t count = json_object_is_type(skipped, json_type_array) ? json_object_array_length(skipped) : 0;
    for (size_t i = 0; i < count; i++) {
        Text account;
        if (json_text(json_member(json_object_array_get_idx(skipped, i), "account"), &account))
            fprintf(stderr, "millibill free-tier: account '%.*s' is left out: it cannot be rated\n", TEXT_ARG(account));
    }
}

typedef struct AccountSearch {
    const char *tenant;
    char *account;
} AccountSearch;

static bool
take_account(void *context, const TenantRow *row, Err *err)
{
    AccountSearch *search = context;
    if (strcmp(row->name, search->tenant) != 0)
        return true;
    search->account = text_duplicate(text_of(row->account));
    return search->account != NULL || no_memory(err);
}

static bool
find_account(Db *db, const char *tenant, UtcMonth month, Report *report, Err *err)
{
    if (tenant == NULL)
        return true;
    AccountSearch search = {tenant, NULL};
    bool done = stack_tenant_check(db, tenant, err) && tenant_list_in(db, month, take_account, &search, err);
    report->account = search.account;
    return done;
}

static bool
run(FreeTierOptions *options, Err *err)
{
    Report report = {.account = NULL};
    if (!stack_month(options->month_text, &options->month, err))
        return false;
    report.reading.tiers.month = options->month;
    const FreeTierQuestion question = {options->month, options->month_text == NULL, options->book, options->data};
    Db *db = stack_connect(options->data, err);
    bool done = db != NULL && find_account(db, options->tenant, options->month, &report, err) &&
                free_tier_read_documents(&question, &report.reading, err) &&
                tiers_take_documents(&report.reading.tiers, report.reading.documents, report.account, err) &&
                free_tier_read_hours(db, &report.reading, err);
    db_free(&db);
    if (done) {
        tell_skipped(report.reading.answer);
        tiers_look_ahead(&report.reading.tiers, report.reading.as_of_us);
        done = options->json ? print_json(&report, err) : print_text(&report.reading.tiers, err);
    }
    tiers_clear(&report.reading.tiers);
    free(report.account);
    json_object_put(report.reading.documents);
    json_object_put(report.reading.answer);
    return done;
}

int
free_tier_command(int argc, char **argv)
{
    FreeTierOptions options = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM",
         "the billing periods that start in it; default those that are under way"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "the account of this tenant; default all accounts"},
        {"price-book", 'b', OPTION_TEXT, &options.book, "FILE|NAME", "price book; default aws-lambda"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill free-tier",
        .arguments = "",
        .summary = "Show what is used and left of each account's free tier, and when it runs out.",
        .detail = "The month is rated as it stands, in memory: no invoice or preview is needed, and none is written.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}
