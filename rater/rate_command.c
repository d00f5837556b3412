/* rate - make the invoices of a month */
#include <stdlib.h>

#include "lib/config.h"
#include "lib/options.h"
#include "lib/utc.h"
#include "rater/alert.h"
#include "rater/commands.h"
#include "rater/rate_answer.h"
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
    const RateAnswer answer = {.report = &report,
                               .forecast = &self->forecast,
                               .unbilled = &self->unbilled,
                               .book = book,
                               .month_text = self->month_text,
                               .month = self->month,
                               .now_us = self->now_us,
                               .final = self->final,
                               .dry_run = self->dry_run,
                               .for_all = self->tenant == NULL};
    if (done) {
        rate_answer_warn(&answer);
        unbilled_warn(&self->unbilled, PROGRAM);
        done = self->json ? rate_answer_json(&answer, err) : rate_answer_text(&answer, err);
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
