/* quote - rate given usage, without a database */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/instant.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/utc.h"
#include "rater/commands.h"
#include "rater/document.h"
#include "rater/quote_compare.h"
#include "rater/quote_contract.h"
#include "rater/quote_parts.h"
#include "rater/quote_table.h"
#include "rater/quote_usage.h"

static const char DEFAULT_REGION[] = "us-east-1";

typedef struct QuoteOptions {
    OptionList books;
    OptionList changes;
    const char *usage;
    const char *month_text;
    const char *contract;
    const char *balances;
    bool no_free_tier;
    bool json;
    UtcMonth month;
    const char *service_from;
    const char *service_until;
    int64_t service_start_us;
    int64_t service_end_us;
    QuoteContract terms; /* when there is a contract */
} QuoteOptions;

/* What the books make of the usage; owned. */
typedef struct Quotes {
    QuoteParts books[OPTION_LIST_MAX]; /* each with what changes inside the period */
    Rated *rated[OPTION_LIST_MAX];
    size_t count;
} Quotes;

static bool
rate_with_book(const QuoteOptions *options, RatingRows *rows, const char *name, Quotes *quotes, Err *err)
{
    RateOptions how = {.month_start_us = utc_month_start_us(options->month),
                       .free_tier = !options->no_free_tier,
                       .region = DEFAULT_REGION,
                       .service_start_us = options->service_start_us,
                       .service_end_us = options->service_end_us};
    if (options->contract != NULL) {
        how.month_start_us = options->terms.period_start_us;
        how.period_end_us = options->terms.period_end_us;
    }
    size_t i = quotes->count++;
    QuoteParts *parts = &quotes->books[i];
    if (!quote_parts_open(parts, name, &options->changes, how.month_start_us,
                          how.period_end_us != 0 ? how.period_end_us : utc_month_end_us(options->month), err))
        return false;
    quote_parts_place(parts, rows);
    quotes->rated[i] = rate_parts(rating_rows_all(rows), rating_rows_count(rows), parts->all, parts->count, &how, err);
    return quotes->rated[i] != NULL ||
           err_prefix(err, "%s: ", strcmp(options->usage, "-") == 0 ? "standard input" : options->usage);
}

/* One book: its answer; several: an array of answers. */
static bool
print_json(const QuoteOptions *options, const Quotes *quotes, Err *err)
{
    Json *answers = json_new_array(err);
    bool done = answers != NULL;
    for (size_t i = 0; done && i < quotes->count; i++) {
        const bool free_tier = !options->no_free_tier;
        Json *answer =
            options->contract == NULL
                ? document_quote(quotes->rated[i], quotes->books[i].books[0], free_tier, err)
                : quote_contract_answer(&options->terms, quotes->rated[i], quotes->books[i].books[0], free_tier, err);
        done = answer != NULL && json_append(answers, answer, err);
    }
    done = done && json_print(quotes->count == 1 ? json_object_array_get_idx(answers, 0) : answers, stdout, err);
    json_object_put(answers);
    return done;
}

/* A table for each book, and one with all of them side by side. */
static bool
print_tables(const QuoteOptions *options, const Quotes *quotes, Err *err)
{
    QuoteSide sides[OPTION_LIST_MAX];
    for (size_t i = 0; i < quotes->count; i++) {
        sides[i] = (QuoteSide){quotes->books[i].books[0], quotes->rated[i]};
        if (!quote_table_print(stdout, quotes->rated[i], quotes->books[i].books[0], options->month,
                               !options->no_free_tier, err))
            return false;
        if (options->contract != NULL &&
            !quote_contract_print(&options->terms, stdout, quotes->rated[i], quotes->books[i].books[0], err))
            return false;
        if (quotes->count > 1)
            putchar('\n');
    }
    return quotes->count == 1 || quote_compare_print(stdout, sides, quotes->count, err);
}

static bool
quote_all(const QuoteOptions *options, RatingRows *rows, Err *err)
{
    const bool named = options->contract != NULL && options->terms.contract->price_book != NULL;
    const char *const default_book = named ? options->terms.contract->price_book : RATER_DEFAULT_BOOK;
    const char *const *names = options->books.count > 0 ? options->books.items : &default_book;
    size_t count = options->books.count > 0 ? options->books.count : 1;
    Quotes quotes = {0};
    bool done = true;
    for (size_t i = 0; done && i < count; i++)
        done = rate_with_book(options, rows, names[i], &quotes, err);
    if (done)
        done = options->json ? print_json(options, &quotes, err) : print_tables(options, &quotes, err);
    for (size_t i = 0; i < quotes.count; i++) {
        rated_free(&quotes.rated[i]);
        quote_parts_free(&quotes.books[i]);
    }
    return done;
}

/* A date (its start, UTC) or an RFC 3339 time. */
static bool
read_instant(const char *option, const char *text, int64_t *out, Err *err)
{
    Err ignored = {0};
    if (text == NULL)
        return true;
    return instant_parse(text_of(text), out, &ignored) ||
           err_set(err, ERR_USAGE, "--%s: '%s' is not a date; write it as 2026-10-16", option, text);
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
    if (!read_instant("service-from", options->service_from, &options->service_start_us, err) ||
        !read_instant("service-until", options->service_until, &options->service_end_us, err))
        return false;
    if (options->changes.count > 0 && options->books.count > 1)
        return err_set(err, ERR_USAGE, "--change belongs to one price book; give --price-book once");
    if (options->balances != NULL && options->contract == NULL)
        return err_set(err, ERR_USAGE, "--balances belongs to a contract; give --contract FILE too");
    RatingRows *rows = rating_rows_new(err);
    bool done = rows != NULL &&
                (options->contract == NULL ||
                 quote_contract_open(&options->terms, options->contract, options->balances, options->month, err));
    done = done && quote_usage_read(options->usage, rows, err) && quote_all(options, rows, err);
    quote_contract_free(&options->terms);
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
        {"change", 0, OPTION_LIST, &options.changes, "TIME=FILE|NAME",
         "from this hour on another book is in force; rows say with started_at which they go by"},
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "month whose rules hold; default this month (UTC)"},
        {"contract", 'c', OPTION_TEXT, &options.contract, "FILE", "contract: discounts, commitments, credits, tax"},
        {"balances", 0, OPTION_TEXT, &options.balances, "FILE", "what earlier invoices used (JSON), with --contract"},
        {"no-free-tier", 0, OPTION_FLAG, &options.no_free_tier, NULL, "leave the free tier out"},
        {"service-from", 0, OPTION_TEXT, &options.service_from, "DATE",
         "the account's service began then: partial months, for books that know them"},
        {"service-until", 0, OPTION_TEXT, &options.service_until, "DATE", "and ended then (exclusive)"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print JSON (an array with several books)"},
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill quote",
        .arguments = "",
        .summary = "Rate given usage, without a database.",
        .detail =
            "A row: {\"function\":\"thumb\",\"memory_mb\":512,\"invocations\":300000,\"duration_ms\":\"3000\"}: "
            "that many\n"
            "invocations of that duration each. Also tenant, region, architecture, ephemeral_mb, mode, package,\n"
            "init_duration_ms and the other fields of a record. All rows are one account. Capacity kept ready is a row\n"
            "of its own: {\"function\":\"f\",\"memory_mb\":1024,\"capacity_units\":100,\"ready_s\":7200}.\n"
            "Several books are shown side by side.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, &err) ? EXIT_SUCCESS : err_report(&err, "millibill quote");
}
