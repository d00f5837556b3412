/* quote - rate given usage, without a database */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/options.h"
#include "lib/utc.h"
#include "rater/commands.h"
#include "rater/document.h"
#include "rater/quote_table.h"
#include "rater/quote_usage.h"

typedef struct QuoteOptions {
    OptionList books;
    const char *usage;
    const char *month_text;
    bool no_free_tier;
    bool json;
    UtcMonth month;
} QuoteOptions;

static bool
rate_with_book(const QuoteOptions *options, const RatingRows *rows, const char *name, Json *answers, Err *err)
{
    RateOptions how = {.month_start_us = utc_month_start_us(options->month), .free_tier = !options->no_free_tier};
    PriceBook *book = price_book_find(name, err);
    Rated *rated = NULL;
    bool done = false;
    if (book == NULL)
        return false;
    rated = rate(rating_rows_all(rows), rating_rows_count(rows), book, &how, err);
    if (rated == NULL) {
        err_prefix(err, "%s: ", strcmp(options->usage, "-") == 0 ? "standard input" : options->usage);
    } else if (options->json) {
        Json *answer = document_quote(rated, book, how.free_tier, err);
        done = answer != NULL && json_append(answers, answer, err);
    } else {
        done = quote_table_print(stdout, rated, book, options->month, how.free_tier, err);
    }
    rated_free(&rated);
    price_book_free(&book);
    return done;
}

/* One book: its answer; several: an array of answers. */
static bool
quote_all(const QuoteOptions *options, const RatingRows *rows, Err *err)
{
    static const char *const DEFAULT_BOOKS[] = {RATER_DEFAULT_BOOK};
    const char *const *names = options->books.count > 0 ? options->books.items : DEFAULT_BOOKS;
    size_t count = options->books.count > 0 ? options->books.count : 1;
    Json *answers = json_object_new_array();
    bool done = answers != NULL || err_set(err, ERR_NOMEM, "no memory for JSON");
    for (size_t i = 0; done && i < count; i++) {
        if (i > 0 && !options->json)
            putchar('\n');
        done = rate_with_book(options, rows, names[i], answers, err);
    }
    if (done && options->json)
        done = json_print(count == 1 ? json_object_array_get_idx(answers, 0) : answers, stdout, err);
    json_object_put(answers);
    return done;
}

static bool
run(QuoteOptions *options, Err *err)
{
    if (options->usage == NULL) {
        err_set(err, ERR_USAGE, "which usage? Give --usage FILE, or --usage - for standard input");
        return err_hint(err, "see: millibill quote --help");
    }
    if (options->month_text == NULL)
        options->month = utc_month_of(utc_now_us());
    else if (!utc_month_parse(options->month_text, &options->month, err))
        return err_prefix(err, "--month: ");
    RatingRows *rows = rating_rows_new(err);
    bool done = rows != NULL && quote_usage_read(options->usage, rows, err) && quote_all(options, rows, err);
    rating_rows_free(&rows);
    return done;
}

int
quote_command(int argc, char **argv)
{
    QuoteOptions options = {0};
    const Option table[] = {
        {"usage", 'u', OPTION_TEXT, &options.usage, "FILE",
         "usage rows: a JSON array or one object a line; - reads standard input"},
        {"price-book", 'b', OPTION_LIST, &options.books, "FILE|NAME",
         "price book, several to compare; default " RATER_DEFAULT_BOOK},
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "month whose rules hold; default this month (UTC)"},
        {"no-free-tier", 0, OPTION_FLAG, &options.no_free_tier, NULL, "leave the free tier out"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print JSON (an array with several books)"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {
        .command = "millibill quote",
        .arguments = "",
        .summary = "Rate given usage, without a database.",
        .detail = "A row: {\"function\":\"thumb\",\"memory_mb\":512,\"invocations\":300000,\"duration_ms\":\"3000\"}: "
                  "that many\n"
                  "invocations of that duration each. Also tenant, region, architecture, ephemeral_mb, mode, package,\n"
                  "init_duration_ms and the other fields of a record. All rows are one account.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, &err) ? EXIT_SUCCESS : err_report(&err, "millibill quote");
}
