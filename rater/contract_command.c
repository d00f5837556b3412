/* contract - check contracts and show their billing periods */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/json.h"
#include "lib/options.h"
#include "rater/commands.h"
#include "rater/contract.h"
#include "rater/contract_set.h"

typedef struct ContractOptions {
    const char *month;
    const char *book;
    bool json;
} ContractOptions;

static OptionsResult
parse(const char *command, const char *arguments, const char *summary, size_t most, const Option *table, int argc,
      char **argv, const char *const **rest)
{
    const CommandLine line = {.command = command,
                              .arguments = arguments,
                              .summary = summary,
                              .detail = "The reference of contracts: doc/contracts.md",
                              .options = table,
                              .arguments_min = 1,
                              .arguments_max = most};
    return options_parse(&line, argc, argv, rest);
}

/* ---- validate ---- */

/** A contract is checked against the book it names, or the one that was given. */
static bool
check_book(const Contract *contract, const char *given, Err *err)
{
    const char *name = given != NULL ? given : contract->price_book != NULL ? contract->price_book : RATER_DEFAULT_BOOK;
    PriceBook *book = price_book_find(name, err);
    bool fits = book != NULL && contract_fits(contract, book, err);
    price_book_free(&book);
    return fits;
}

static bool
add_result(Json *results, const char *file, const Contract *contract, const Err *reason, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    bool valid = contract != NULL && !err_is_set(reason);
    Json *result = json_new_object(err);
    return result != NULL && json_append(results, result, err) && json_add_text(result, "file", file, err) &&
           json_add_bool(result, "valid", valid, err) &&
           json_add_text(result, "message", valid ? NULL : reason->message, err) &&
           json_add_text(result, "name", valid ? contract->name : NULL, err) &&
           json_add_text(result, "version", valid ? contract->version : NULL, err) &&
           json_add_text(result, "sha256", valid ? digest_hex(&contract->digest, hex) : NULL, err);
}

static bool
validate_one(const ContractOptions *options, const char *file, Json *results, int *status, Err *err)
{
    Err reason = {0};
    Contract *contract = contract_open(file, &reason);
    if (contract != NULL && !check_book(contract, options->book, &reason))
        err_prefix(&reason, "%s: ", file);
    bool done = add_result(results, file, contract, &reason, err);
    contract_free(&contract);
    if (err_is_set(&reason))
        *status = err_report(&reason, "millibill contract validate");
    else if (!options->json)
        printf("%s: valid\n", file);
    return done;
}

static int
validate_command(int argc, char **argv)
{
    ContractOptions options = {0};
    const char *const *files = NULL;
    const Option table[] = {
        {"price-book", 'b', OPTION_TEXT, &options.book, "FILE|NAME", "price book to check against"},
        OPTION_JSON(&options.json),
        OPTION_END,
    };
    OptionsResult parsed = parse("millibill contract validate", "FILE…",
                                 "Check contracts; each mistake is named with its file, line and remedy.", SIZE_MAX,
                                 table, argc, argv, &files);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err = {0};
    int status = EXIT_SUCCESS;
    Json *results = json_new_array(&err);
    bool done = results != NULL;
    for (size_t i = 0; done && files[i] != NULL; i++)
        done = validate_one(&options, files[i], results, &status, &err);
    done = done && (!options.json || json_print(results, stdout, &err));
    json_object_put(results);
    return done ? status : err_report(&err, "millibill contract validate");
}

/* ---- period ---- */

static bool
print_period(const ContractOptions *options, const Contract *contract, UtcMonth month, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    utc_format(contract_period_start_us(contract, month), start);
    utc_format(contract_period_start_us(contract, utc_month_next(month)), end);
    if (!options->json) {
        printf("%s: from %s until before %s (%s, day %" PRId64 ")\n", options->month, start, end,
               zone_name(contract->zone), contract->billing_day);
        return true;
    }
    Json *object = json_new_object(err);
    bool done = object != NULL && json_add_text(object, "month", options->month, err) &&
                json_add_text(object, "period_start", start, err) && json_add_text(object, "period_end", end, err) &&
                json_add_text(object, "time_zone", zone_name(contract->zone), err) &&
                json_add_int(object, "billing_day", contract->billing_day, err) && json_print(object, stdout, err);
    json_object_put(object);
    return done;
}

static bool
period_run(const ContractOptions *options, const char *file, Err *err)
{
    UtcMonth month;
    if (options->month == NULL)
        return err_set(err, ERR_USAGE, "which month? Give --month YYYY-MM");
    if (!utc_month_parse(options->month, &month, err))
        return err_prefix(err, "--month: ");
    Contract *contract = contract_open(file, err);
    bool done = contract != NULL && print_period(options, contract, month, err);
    contract_free(&contract);
    return done;
}

static int
period_command(int argc, char **argv)
{
    ContractOptions options = {0};
    const char *const *files = NULL;
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month, "YYYY-MM", "the period that starts in this month"},
        OPTION_JSON(&options.json),
        OPTION_END,
    };
    OptionsResult parsed =
        parse("millibill contract period", "FILE", "Show the billing period of a month under a contract, in UTC.", 1,
              table, argc, argv, &files);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err = {0};
    return period_run(&options, files[0], &err) ? EXIT_SUCCESS : err_report(&err, "millibill contract period");
}

int
contract_command(int argc, char **argv)
{
    static const Command COMMANDS[] = {
        {"set", "give a contract to a tenant", contract_set_command},
        {"show", "the contract that holds for a tenant", contract_show_command},
        {"history", "every contract that a tenant was given", contract_history_command},
        {"terms", "the terms that fees for prepaid units pay for", contract_terms_command},
        {"validate", "check contracts", validate_command},
        {"period", "the billing period of a month under a contract", period_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill contract", "Contracts: discounts, commitments, credits, tax, billing periods.",
                            COMMANDS, argc, argv);
}
