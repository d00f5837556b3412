/* rate - make the invoices of a month */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config.h"
#include "lib/decimal.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/utc.h"
#include "rater/alert.h"
#include "rater/commands.h"
#include "rater/document.h"
#include "rater/rate_book.h"
#include "rater/rate_forecast.h"
#include "rater/rate_month.h"
#include "rater/rate_stop.h"
#include "rater/stack.h"
#include "rater/unbilled.h"
#include "rater/what_if.h"

static const char PROGRAM[] = "millibill rate";

typedef struct RateCommand {
    const char *month_text;
    const char *tenant;
    const char *book_name;
    const char *data;
    bool preview;
    bool final;
    const char *contract_file;
    bool what_if;
    bool no_free_tier;
    bool dry_run;
    const char *suppose_file;
    bool json;
    bool no_forecast;
    UtcMonth month;
    int64_t now_us;
    RateReport forecast; /* empty: none */
    Unbilled unbilled;   /* of earlier months; of a run for everybody that writes */
} RateCommand;

static bool
check_options(RateCommand *self, Err *err)
{
    if (self->preview && self->final)
        return err_set(err, ERR_USAGE, "--preview and --final exclude each other");
    if (self->what_if && (self->preview || self->final))
        return err_set(err, ERR_USAGE, "--what-if makes no invoice; leave out --%s", self->final ? "final" : "preview");
    if (self->contract_file != NULL && !self->what_if) {
        err_set(err, ERR_USAGE, "--contract goes with --what-if");
        return err_hint(err, "millibill contract set gives a tenant a contract");
    }
    if (self->suppose_file != NULL && (!self->dry_run || self->what_if || self->final))
        return err_set(err, ERR_USAGE, "--suppose goes with --dry-run alone: nothing is billed for what is supposed");
    if (self->month_text == NULL) {
        err_set(err, ERR_USAGE, "which month? Give --month YYYY-MM");
        return err_hint(err, "see: millibill rate --help");
    }
    if (!utc_month_parse(self->month_text, &self->month, err))
        return err_prefix(err, "--month: ");
    return true;
}

static const char *
outcome_state(const RateOutcome *outcome)
{
    return outcome->is_final ? "final" : "preview";
}

/* The sum of the totals in a currency, for people. */
static char *
sum_totals(const RateReport *report, const char *currency, int scale, RoundingMode rounding, Err *err)
{
    mpq_t sum, total;
    mpq_inits(sum, total, NULL);
    bool done = true;
    for (size_t i = 0; done && i < report->outcome_count; i++) {
        if (strcmp(report->outcomes[i].currency, currency) != 0)
            continue;
        done = decimal_parse(text_of(report->outcomes[i].total), total, err);
        mpq_add(sum, sum, total);
    }
    char *plain = done ? decimal_format(sum, scale, rounding, err) : NULL;
    char *text = plain != NULL ? decimal_group_thousands(plain, err) : NULL;
    free(plain);
    mpq_clears(sum, total, NULL);
    return text;
}

/* The currency of outcome `at`, when no outcome before it has it and it is not `but`; else NULL. */
static const char *
first_in_currency(const RateReport *report, size_t at, const char *but)
{
    const char *currency = report->outcomes[at].currency;
    bool known = strcmp(currency, but) == 0;
    for (size_t i = 0; !known && i < at; i++)
        known = strcmp(report->outcomes[i].currency, currency) == 0;
    return known ? NULL : currency;
}

/* ", EUR 12.00": contracts may name other currencies and other price books. */
static bool
print_other_totals(const RateReport *report, const PriceBook *book, Err *err)
{
    for (size_t i = 0; i < report->outcome_count; i++) {
        const char *currency = first_in_currency(report, i, book->currency);
        char *total =
            currency == NULL ? NULL : sum_totals(report, currency, currency_scale(currency), ROUND_HALF_UP, err);
        if (total != NULL)
            printf(", %s %s", currency, total);
        else if (currency != NULL)
            return false;
        free(total);
    }
    return true;
}

static bool
print_line(const RateCommand *self, const RateOutcome *outcome, size_t *cursor, Err *err)
{
    char month[UTC_TEXT_BYTES];
    const RateOutcome *forecast = outcome->is_final ? NULL : rate_forecast_of(&self->forecast, outcome->tenant, cursor);
    char *total = decimal_group_thousands(outcome->total, err);
    char *then = total == NULL || forecast == NULL ? NULL : decimal_group_thousands(forecast->total, err);
    bool done = total != NULL && (forecast == NULL || then != NULL);
    if (done)
        printf("%-16s %s  %-28s %-8s %s %14s%s%s%s%s\n", outcome->number == NULL ? "-" : outcome->number,
               utc_month_format(self->month, month), outcome->tenant, outcome_state(outcome), outcome->currency, total,
               outcome->was_final        ? "  unchanged"
               : outcome->is_credit_note ? "  credit note"
                                         : "",
               forecast == NULL ? "" : "  forecast ", forecast == NULL ? "" : then,
               forecast == NULL || forecast->habit_weeks == 0 ? "" : " w");
    free(total);
    free(then);
    return done;
}

/* Who will reach more of its spending limit than it has. */
static void
print_limits(const RateReport *report, const RateReport *forecast)
{
    size_t cursor = 0;
    for (size_t i = 0; i < report->outcome_count; i++) {
        const RateOutcome *outcome = &report->outcomes[i];
        if (outcome->alert != NULL)
            fprintf(stderr, "millibill rate: warning: tenant '%s' has reached %s %% of its spending limit\n",
                    outcome->tenant, outcome->alert);
        const RateOutcome *then = rate_forecast_of(forecast, outcome->tenant, &cursor);
        if (then != NULL && then->alert != NULL && (outcome->alert == NULL || strcmp(outcome->alert, then->alert) != 0))
            fprintf(stderr, "millibill rate: tenant '%s' is forecast to reach %s %% of its spending limit\n",
                    outcome->tenant, then->alert);
    }
}

static void
print_warnings(const RateReport *report, const RateReport *forecast)
{
    for (size_t i = 0; i < report->outcome_count; i++) {
        const RateOutcome *outcome = &report->outcomes[i];
        if (outcome->late_records > 0)
            fprintf(stderr,
                    "millibill rate: warning: tenant '%s': %" PRId64
                    " record%s came after invoice %s was final; the next invoice settles %s\n",
                    outcome->tenant, outcome->late_records, outcome->late_records == 1 ? "" : "s", outcome->number,
                    outcome->late_records == 1 ? "it" : "them");
    }
    print_limits(report, forecast);
    if (report->copies > 0)
        fprintf(stderr, "millibill rate: %" PRId64 " duplicate%s found and excluded\n", report->copies,
                report->copies == 1 ? "" : "s");
    if (report->conflicts > 0)
        fprintf(stderr,
                "millibill rate: warning: %" PRId64
                " record%s in conflict with an earlier one of the same identity: see "
                "`millibill quarantine list`\n",
                report->conflicts, report->conflicts == 1 ? "" : "s");
    for (size_t i = 0; i < report->skip_count; i++)
        fprintf(stderr, "millibill rate: account '%s' is not billed: %s\n  %s\n", report->skips[i].account,
                report->skips[i].message, report->skips[i].hint);
    for (size_t i = 0; i < report->wait_count; i++)
        fprintf(stderr, "millibill rate: usage of account '%s' waits: %s\n  %s\n", report->waits[i].account,
                report->waits[i].message, report->waits[i].hint);
}

/* How what stands beside the previews was forecast. */
static void
print_methods(const RateReport *forecast)
{
    size_t by_weekday = 0;
    for (size_t i = 0; i < forecast->outcome_count; i++)
        by_weekday += forecast->outcomes[i].habit_weeks > 0 ? 1 : 0;
    if (by_weekday > 0)
        printf("Forecasts marked w are %s.\n", FORECAST_METHOD_WEEKDAY);
    if (by_weekday < forecast->outcome_count)
        printf("%s are %s.\n", by_weekday > 0 ? "The others" : "Forecasts", FORECAST_METHOD_LINE);
    if (forecast->outcome_count > 0)
        puts("They are rated as whole periods.");
}

static bool
print_text(const RateCommand *self, const RateReport *report, const PriceBook *book, Err *err)
{
    char *total = sum_totals(report, book->currency, book->rounding_scale, book->rounding, err);
    if (total == NULL)
        return false;
    size_t cursor = 0;
    bool told = true;
    for (size_t i = 0; told && i < report->outcome_count; i++)
        told = print_line(self, &report->outcomes[i], &cursor, err);
    if (!told) {
        free(total);
        return false;
    }
    if (report->outcome_count == 0 && report->skip_count == 0 && report->wait_count == 0) {
        printf("no usage in %s: nothing to bill\n", self->month_text);
    } else {
        printf("%zu invoice%s, total %s %s", report->outcome_count, report->outcome_count == 1 ? "" : "s",
               book->currency, total);
        told = print_other_totals(report, book, err);
        puts(self->dry_run ? " (dry run: nothing was written)" : "");
        print_methods(&self->forecast);
    }
    free(total);
    return told && (fflush(stdout) == 0 || err_set(err, ERR_IO, "cannot write to standard output"));
}

static bool
add_outcomes(Json *object, const RateReport *report, Err *err)
{
    Json *invoices = json_object_new_array();
    Json *notes = json_object_new_array();
    Json *late = json_object_new_array();
    bool done = json_add(object, "invoices", invoices, err) && json_add(object, "credit_notes", notes, err) &&
                json_add(object, "late", late, err);
    for (size_t i = 0; done && i < report->outcome_count; i++) {
        const RateOutcome *outcome = &report->outcomes[i];
        done = json_append(outcome->is_credit_note ? notes : invoices, json_object_get(outcome->document), err);
        if (!done || outcome->late_records == 0)
            continue;
        Json *entry = json_object_new_object();
        done = json_append(late, entry, err) && json_add_text(entry, "tenant", outcome->tenant, err) &&
               json_add_text(entry, "number", outcome->number, err) &&
               json_add_int(entry, "records", outcome->late_records, err);
    }
    return done;
}

static bool
add_skips(Json *object, const char *key, const RateSkip *skips, size_t count, Err *err)
{
    Json *skipped = json_object_new_array();
    bool done = json_add(object, key, skipped, err);
    for (size_t i = 0; done && i < count; i++) {
        Json *entry = json_object_new_object();
        done = json_append(skipped, entry, err) && json_add_text(entry, "account", skips[i].account, err) &&
               json_add_text(entry, "message", skips[i].message, err);
    }
    return done;
}

static bool
print_json(const RateCommand *self, const RateReport *report, const PriceBook *book, Err *err)
{
    Json *object = json_object_new_object();
    char *total = sum_totals(report, book->currency, book->rounding_scale, book->rounding, err);
    Json *price_book = document_price_book(book, err);
    bool done = object != NULL && total != NULL && price_book != NULL &&
                json_add_text(object, "month", self->month_text, err) &&
                json_add_text(object, "kind", self->final ? "final" : "preview", err) &&
                json_add_bool(object, "dry_run", self->dry_run, err) &&
                json_add_int(object, "receipt_watermark", report->receipt_watermark, err) &&
                json_add(object, "price_book", json_object_get(price_book), err) && add_outcomes(object, report, err) &&
                add_skips(object, "skipped", report->skips, report->skip_count, err) &&
                add_skips(object, "waiting", report->waits, report->wait_count, err) &&
                (self->dry_run || self->tenant != NULL || unbilled_json(&self->unbilled, object, err)) &&
                json_add_text(object, "currency", book->currency, err) && json_add_text(object, "total", total, err) &&
                (self->final || self->dry_run || rate_forecast_add(object, &self->forecast, self->now_us, err)) &&
                json_print(object, stdout, err);
    json_object_put(price_book);
    json_object_put(object);
    free(total);
    return done;
}

static bool
forecast(RateCommand *self, Db *db, const RateRequest *preview, Err *err)
{
    RateRequest request = *preview;
    request.documents = false;
    return rate_forecast(db, &request, self->now_us, &self->forecast, err);
}

/* Exit status 1 when an account had to be skipped, though the others have their invoices. */
static bool
run(RateCommand *self, bool *skipped, Err *err)
{
    RateReport report = {0};
    if (!check_options(self, err))
        return false;
    if (self->what_if) {
        const WhatIfOptions options = {self->month, self->tenant,        self->book_name, self->contract_file,
                                       self->data,  !self->no_free_tier, self->json};
        return what_if_run(&options, err);
    }
    Config config;
    Db *db = rater_connect(self->data, &config, PROGRAM, err);
    BookCalendar *calendar = db == NULL ? NULL : book_calendar_new(db, err);
    const PriceBook *book =
        calendar == NULL
            ? NULL
            : rate_book(calendar, self->book_name == NULL ? RATER_DEFAULT_BOOK : self->book_name, self->month, err);
    RateSuppose *suppose = NULL;
    if (book != NULL && self->suppose_file != NULL) {
        suppose = rate_suppose_open(self->suppose_file, err);
        book = suppose == NULL ? NULL : book;
    }
    Db *compactor = book == NULL ? NULL : rater_connect_as("millibill_compactor", &config, PROGRAM, err);
    const RateRequest request = {
        .month = self->month,
        .tenant = self->tenant,
        .final = self->final,
        .dry_run = self->dry_run,
        .free_tier = !self->no_free_tier,
        .documents = self->json,
        .calendar = calendar,
        .price_book = self->book_name == NULL ? RATER_DEFAULT_BOOK : self->book_name,
        .config = &config,
        .any_book = suppose != NULL && rate_suppose_any_book(suppose),
        .suppose = suppose,
        .stop = rate_stop_catch(),
    };
    self->now_us = utc_now_us();
    bool done = compactor != NULL && (rate_month(db, compactor, &request, &report, err) || rate_stop_explain(err));
    rate_stop_release();
    done = done && (self->final || self->dry_run || self->no_forecast || forecast(self, db, &request, err));
    done = done && (self->dry_run || self->tenant != NULL ||
                    unbilled_find(&self->unbilled, db, self->month, report.receipt_watermark, err));
    if (done) {
        print_warnings(&report, &self->forecast);
        unbilled_warn(&self->unbilled, PROGRAM);
        done = self->json ? print_json(self, &report, book, err) : print_text(self, &report, book, err);
    }
    done = done && (self->dry_run || alerts_after_run(db, &config, self->month, self->final, PROGRAM, err));
    *skipped = report.skip_count > 0;
    rate_report_free(&report);
    rate_report_free(&self->forecast);
    unbilled_free(&self->unbilled);
    rate_suppose_free(&suppose);
    db_free(&compactor);
    book_calendar_free(&calendar);
    db_free(&db);
    return done;
}

int
rate_command(int argc, char **argv)
{
    RateCommand self = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &self.month_text, "YYYY-MM", "the month to rate (UTC); required"},
        {"tenant", 't', OPTION_TEXT, &self.tenant, "NAME", "write the invoice of this tenant only"},
        {"preview", 0, OPTION_FLAG, &self.preview, NULL, "month to date; replaced by the next preview (the default)"},
        {"final", 0, OPTION_FLAG, &self.final, NULL, "numbered, for a month that is over; never changed again"},
        {"what-if", 0, OPTION_FLAG, &self.what_if, NULL,
         "who would pay how much more or less by --price-book or --contract; writes nothing"},
        {"contract", 'c', OPTION_TEXT, &self.contract_file, "FILE",
         "with --what-if: under this contract, everybody or --tenant"},
        {"price-book", 'b', OPTION_TEXT, &self.book_name, "FILE|NAME",
         "price book, where a contract names none; default " RATER_DEFAULT_BOOK},
        {"no-forecast", 0, OPTION_FLAG, &self.no_forecast, NULL, "leave out what previews come to at the period's end"},
        {"no-free-tier", 0, OPTION_FLAG, &self.no_free_tier, NULL, "leave the free tier out"},
        {"dry-run", 'n', OPTION_FLAG, &self.dry_run, NULL, "show what would be billed, write no invoice"},
        {"suppose", 0, OPTION_TEXT, &self.suppose_file, "FILE",
         "with --dry-run: another architecture or other memory sizes (JSON; - for stdin)"},
        {"json", 0, OPTION_FLAG, &self.json, NULL, "print one JSON document with every invoice"},
        OPTION_DATA(&self.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill rate",
        .arguments = "",
        .summary = "Make the invoices of a month.",
        .detail =
            "Duplicates are looked for first and excluded (with --dry-run too), and with --final the month is sealed.\n"
            "A final invoice that exists stays as it is; usage that came after it is reported. An account whose usage\n"
            "has no price is skipped and named.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    bool skipped = false;
    if (!run(&self, &skipped, &err))
        return err_report(&err, "millibill rate");
    return skipped ? EXIT_FAILURE : EXIT_SUCCESS;
}
