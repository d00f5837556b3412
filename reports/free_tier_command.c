/* free-tier - what is used and left of each account's free tier, and when it runs out */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/forecast.h"
#include "lib/json.h"
#include "lib/options.h"
#include "reports/commands.h"
#include "reports/figures.h"
#include "reports/free_tier_use.h"
#include "reports/rater_call.h"
#include "reports/stack.h"
#include "reports/table.h"
#include "schema/rollup_store.h"
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
    Json *answer;  /* the rater's */
    char *account; /* of --tenant */
    Tiers tiers;
    int64_t as_of_us;
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
                json_add_text(entry, "outlook", outlooks[tier->outlook], err) &&
                json_add_text(entry, "day", has_day(tier) ? utc_format_day(tier->day_us, day) : NULL, err) &&
                add_shares(entry, tier, err);
    mpq_clear(left);
    return done;
}

static bool
print_json(const Report *report, Err *err)
{
    char text[UTC_TEXT_BYTES];
    Json *root = json_new_object(err);
    Json *array = json_new_array(err);
    Json *skipped = json_member(report->answer, "skipped");
    bool done = root != NULL && array != NULL &&
                json_add_text(root, "month", utc_month_format(report->tiers.month, text), err) &&
                json_add_text(root, "forecast_method", FORECAST_METHOD, err);
    for (size_t i = 0; done && i < report->tiers.count; i++)
        done = add_tier(array, report->tiers.items[i], report->as_of_us, err);
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
        done =
            done && table_print(table, TABLE_WIDTH, &out, err) &&
            buffer_append_text(
                &out,
                "\n  An account's tenants share it. The forecast is a straight line: use so far in the month, by the "
                "time\n  since its start.\n",
                err);
    done = done && buffer_print(&out, err);
    table_free(&table);
    buffer_free(&out);
    return done;
}

/* Ask the rater for every account: an account's tenants share its free tier. */
static bool
ask_rater(const FreeTierOptions *options, Report *report, Err *err)
{
    char month[UTC_TEXT_BYTES];
    const char *arguments[RATER_ARGUMENTS_MAX] = {"rate", "--dry-run", "--json", "--month",
                                                  utc_month_format(options->month, month)};
    size_t count = 5;
    const char *const more[][2] = {{"--data", options->data}, {"--price-book", options->book}};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        if (more[i][1] == NULL)
            continue;
        arguments[count++] = more[i][0];
        arguments[count++] = more[i][1];
    }
    report->as_of_us = utc_now_us();
    report->answer = rater_call(arguments, (Text){NULL, 0}, true, err);
    return report->answer != NULL;
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
    Report report = {.answer = NULL};
    if (!stack_month(options->month_text, &options->month, err))
        return false;
    report.tiers.month = options->month;
    const RollupSpan span = {options->month, utc_month_start_us(options->month), utc_month_end_us(options->month)};
    Db *db = stack_connect(options->data, err);
    bool done = db != NULL && find_account(db, options->tenant, options->month, &report, err) &&
                ask_rater(options, &report, err) &&
                tiers_take_documents(&report.tiers, json_member(report.answer, "invoices"), report.account, err) &&
                rollup_stream_hours(db, NULL, &span, tiers_take_hour, &report.tiers, err);
    db_free(&db);
    if (done) {
        tell_skipped(report.answer);
        tiers_look_ahead(&report.tiers, report.as_of_us);
        done = options->json ? print_json(&report, err) : print_text(&report.tiers, err);
    }
    tiers_clear(&report.tiers);
    free(report.account);
    json_object_put(report.answer);
    return done;
}

int
free_tier_command(int argc, char **argv)
{
    FreeTierOptions options = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "month; default this month (UTC)"},
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
