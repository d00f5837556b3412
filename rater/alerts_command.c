/* alerts - which thresholds were reached, and looking for more */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/harmless.h"
#include "lib/json.h"
#include "lib/options.h"
#include "rater/alert.h"
#include "rater/alert_forecast.h"
#include "rater/commands.h"
#include "rater/deliver.h"
#include "rater/rate_month.h"
#include "rater/stack.h"
#include "schema/tenant_store.h"

static const char LIST[] = "millibill alerts list";
static const char CHECK[] = "millibill alerts check";

/* ---- printing ---- */

static const char *
member(Json *entry, const char *key)
{
    Json *value = json_member(entry, key);
    return value == NULL ? "" : json_object_get_string(value);
}

/* "81.20 of 100 USD" with thousands separated. */
static bool
append_use(Buffer *out, Json *entry, Err *err)
{
    char *value = decimal_group_thousands(member(entry, "value"), err);
    char *limit = value == NULL ? NULL : decimal_group_thousands(member(entry, "limit"), err);
    bool done = limit != NULL && buffer_printf(out, err, "%s%s of %s %s",
                                               strcmp(member(entry, "basis"), "forecast") == 0 ? "forecast " : "",
                                               value, limit, member(entry, "unit"));
    free(value);
    free(limit);
    return done;
}

static bool
append_alert(Buffer *out, Json *entry, Err *err)
{
    Buffer use = {0};
    const bool is_shared = json_member(entry, "tenant") == NULL;
    bool done = append_use(&use, entry, err) &&
                line_append_harmless(
                    out, err, "%6s  %s  %5s %%  %-14s  %-20s  %-16s  %-10s  %s", member(entry, "alert"),
                    member(entry, "reached_at"), member(entry, "percent"), member(entry, "kind"), member(entry, "item"),
                    member(entry, is_shared ? "account" : "tenant"), member(entry, "period"), use.data);
    buffer_free(&use);
    return done;
}

static bool
append_alerts(Buffer *out, Json *list, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < json_object_array_length(list); i++)
        done = append_alert(out, json_object_array_get_idx(list, i), err);
    return done;
}

/* ---- list ---- */

typedef struct ListOptions {
    const char *tenant;
    const char *month;
    const char *data;
    bool json;
} ListOptions;

static bool
print_list(const ListOptions *options, Json *list, Err *err)
{
    if (options->json) {
        Json *object = json_new_object(err);
        bool done =
            object != NULL && json_add(object, "alerts", json_object_get(list), err) && json_print(object, stdout, err);
        json_object_put(object);
        return done;
    }
    Buffer out = {0};
    bool done = json_object_array_length(list) > 0 ? append_alerts(&out, list, err)
                                                   : buffer_append_text(&out, "No threshold was reached.\n", err);
    done = done && buffer_print(&out, err);
    buffer_free(&out);
    return done;
}

static bool
list_run(const ListOptions *options, Err *err)
{
    Config config;
    UtcMonth month;
    if (options->month != NULL && !utc_month_parse(options->month, &month, err))
        return err_prefix(err, "--month: ");
    Db *db = rater_connect(options->data, &config, LIST, err);
    int64_t tenant_id = 0;
    bool done = db != NULL && (options->tenant == NULL || tenant_id_of(db, options->tenant, &tenant_id, err));
    Json *list = done ? json_new_array(err) : NULL;
    done = list != NULL && alert_list(db, options->tenant, options->month, NULL, list, err) &&
           print_list(options, list, err);
    json_object_put(list);
    db_free(&db);
    return done;
}

static int
list_command(int argc, char **argv)
{
    ListOptions options = {0};
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "this tenant's and its account's"},
        {"month", 'm', OPTION_TEXT, &options.month, "YYYY-MM", "of this month, or reached in it"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = LIST,
        .arguments = "",
        .summary =
            "Show the thresholds of free tiers, commitments, prepaid units, credits and spending limits that were reached.",
        .detail = "Each was raised once. What was delivered and what was not: millibill deliver --list --all",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return list_run(&options, &err) ? EXIT_SUCCESS : err_report(&err, LIST);
}

/* ---- check ---- */

typedef struct CheckOptions {
    const char *month_text;
    const char *book_name;
    const char *data;
    bool no_rate;
    bool json;
    UtcMonth month;
} CheckOptions;

typedef struct Check {
    Config config;
    Db *db;
    Db *compactor;
    RateReport rated;
    bool skipped; /* an account could not be rated */
    DbArray raised;
    DeliverReport delivered;
} Check;

static void
tell_skips(const Check *self)
{
    for (size_t i = 0; i < self->rated.skip_count; i++)
        fprintf(stderr, "%s: account '%s' cannot be rated: %s\n  %s\n", CHECK, self->rated.skips[i].account,
                self->rated.skips[i].message, self->rated.skips[i].hint);
}

/* Previews of a month as it stands now, by the same function as every invoice. */
static bool
rate_one(Check *self, BookCalendar *calendar, const char *book, UtcMonth month, Err *err)
{
    const RateRequest request = {
        .month = month, .free_tier = true, .calendar = calendar, .price_book = book, .config = &self->config};
    rate_report_free(&self->rated);
    bool done = rate_month(self->db, self->compactor, &request, &self->rated, err) &&
                alert_forecasts_raise(self->db, &self->config, &request, &self->raised, err);
    if (done)
        tell_skips(self);
    self->skipped = self->skipped || self->rated.skip_count > 0;
    return done;
}

/* A period that began in the month before may not be over: contracts have billing days and time zones. */
static bool
check_rate(Check *self, const CheckOptions *options, Err *err)
{
    const char *book = options->book_name != NULL                 ? options->book_name
                       : self->config.alert_price_book[0] != '\0' ? self->config.alert_price_book
                                                                  : RATER_DEFAULT_BOOK;
    const UtcMonth before = utc_month_previous(options->month);
    bool open = false;
    BookCalendar *calendar = book_calendar_new(self->db, err);
    self->compactor = calendar == NULL ? NULL : rater_connect_as("millibill_compactor", &self->config, CHECK, err);
    bool done = self->compactor != NULL && alert_month_is_open(self->db, before, &open, err) &&
                (!open || rate_one(self, calendar, book, before, err)) &&
                rate_one(self, calendar, book, options->month, err);
    book_calendar_free(&calendar);
    return done;
}

/* The month before too: a run that was killed may have left something, and its invoices may have become final since. */
static bool
check_make(Check *self, const CheckOptions *options, Err *err)
{
    self->db = rater_connect(options->data, &self->config, CHECK, err);
    return self->db != NULL && (options->no_rate || check_rate(self, options, err)) &&
           alerts_raise(self->db, &self->config, utc_month_previous(options->month), &self->raised, err) &&
           alerts_raise(self->db, &self->config, options->month, &self->raised, err) &&
           deliver_open(self->db, &self->config, &self->delivered, err);
}

static bool
add_skips(Json *object, const Check *self, Err *err)
{
    Json *skipped = json_new_array(err);
    bool done = skipped != NULL && json_add(object, "skipped", skipped, err);
    for (size_t i = 0; done && i < self->rated.skip_count; i++) {
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(skipped, entry, err) &&
               json_add_text(entry, "account", self->rated.skips[i].account, err) &&
               json_add_text(entry, "message", self->rated.skips[i].message, err);
    }
    return done;
}

static bool
print_check_json(const Check *self, const CheckOptions *options, Json *list, Err *err)
{
    char month[UTC_TEXT_BYTES];
    Json *object = json_new_object(err);
    bool done = object != NULL && json_add_text(object, "month", utc_month_format(options->month, month), err) &&
                json_add(object, "alerts", json_object_get(list), err) &&
                json_add_int(object, "delivered", self->delivered.delivered, err) &&
                json_add_int(object, "open", self->delivered.open, err) && add_skips(object, self, err) &&
                json_print(object, stdout, err);
    json_object_put(object);
    return done;
}

static bool
print_check_text(const Check *self, Json *list, Err *err)
{
    Buffer out = {0};
    bool done =
        append_alerts(&out, list, err) &&
        buffer_printf(&out, err, "%u new alert%s, %" PRId64 " delivered, %" PRId64 " open\n", self->raised.count,
                      self->raised.count == 1 ? "" : "s", self->delivered.delivered, self->delivered.open) &&
        buffer_print(&out, err);
    buffer_free(&out);
    return done;
}

static bool
print_check(Check *self, const CheckOptions *options, Err *err)
{
    Json *list = json_new_array(err);
    bool done = list != NULL && (self->raised.count == 0 || alert_list(self->db, NULL, NULL, &self->raised, list, err));
    if (done)
        done = options->json ? print_check_json(self, options, list, err) : print_check_text(self, list, err);
    json_object_put(list);
    return done;
}

/* `*incomplete`: an account could not be rated, or a delivery is open. */
static bool
check_run(CheckOptions *options, bool *incomplete, Err *err)
{
    Check self = {.raised = db_array_of(DB_BIGINT)};
    options->month = utc_month_of(utc_now_us());
    if (options->month_text != NULL && !utc_month_parse(options->month_text, &options->month, err))
        return err_prefix(err, "--month: ");
    bool done = check_make(&self, options, err);
    done = done && print_check(&self, options, err);
    *incomplete = self.skipped || self.delivered.open > 0;
    rate_report_free(&self.rated);
    db_array_free(&self.raised);
    db_free(&self.compactor);
    db_free(&self.db);
    return done;
}

static int
check_command(int argc, char **argv)
{
    CheckOptions options = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "default this month (UTC)"},
        {"price-book", 'b', OPTION_TEXT, &options.book_name, "FILE|NAME",
         "price book; default the setting alert_price_book, else " RATER_DEFAULT_BOOK},
        {"no-rate", 0, OPTION_FLAG, &options.no_rate, NULL, "look at the invoices and previews that are there"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = CHECK,
        .arguments = "",
        .summary = "Look whether thresholds were reached, raise an alert for each that is new, and deliver.",
        .detail =
            "Makes the month's previews anew (as `rate --preview` does), then looks at this month's and the last month's\n"
            "invoices in force, and at what is forecast if alert_forecast_percent is set. May be run at any time and any\n"
            "number of times: each alert is raised once. Exit status 1: an account could not be rated, or something could\n"
            "not be delivered.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    bool incomplete = false;
    if (!check_run(&options, &incomplete, &err))
        return err_report(&err, CHECK);
    return incomplete ? EXIT_FAILURE : EXIT_SUCCESS;
}

int
alerts_command(int argc, char **argv)
{
    static const Command commands[] = {
        {"list", "show the thresholds that were reached", list_command},
        {"check", "look for more, raise and deliver", check_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill alerts", "Thresholds of free tiers and of what contracts limit.", commands, argc,
                            argv);
}
