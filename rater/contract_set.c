#include "rater/contract_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/author.h"
#include "lib/config.h"
#include "lib/json.h"
#include "lib/options.h"
#include "rater/commands.h"
#include "rater/contract_period.h"
#include "rater/rate_book.h"
#include "schema/contract_store.h"
#include "schema/migrate.h"
#include "schema/tenant_store.h"

typedef struct SetOptions {
    const char *tenant;
    const char *month;
    const char *book;
    const char *data;
    bool json;
} SetOptions;

static Db *
connect_as(const SetOptions *options, const char *role, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    Config config;
    if (!config_load(options->data, &config, err) || !config_conninfo(&config, role, conninfo, err))
        return NULL;
    Db *db = db_connect(conninfo, "millibill contract", err);
    if (db != NULL && !migrate_check(db, err))
        db_free(&db);
    return db;
}

static bool
check_tenant(const SetOptions *options, Err *err)
{
    return options->tenant != NULL || err_set(err, ERR_USAGE, "which tenant? Give --tenant NAME");
}

static OptionsResult
parse(const char *command, const char *arguments, const char *summary, size_t count, const Option *table, int argc,
      char **argv, const char *const **rest)
{
    const CommandLine line = {.command = command,
                              .arguments = arguments,
                              .summary = summary,
                              .detail = "The reference of contracts: doc/contracts.md",
                              .options = table,
                              .arguments_min = count,
                              .arguments_max = count};
    return options_parse(&line, argc, argv, rest);
}

/* ---- set ---- */

/** What rating would refuse later is refused here: a book that is not in force in the first month or does not fit. */
static bool
check_contract(const SetOptions *options, const Contract *contract, UtcMonth from, Err *err)
{
    const char *name = options->book != NULL          ? options->book
                       : contract->price_book != NULL ? contract->price_book
                                                      : RATER_DEFAULT_BOOK;
    Db *db = connect_as(options, "millibill_owner", err);
    BookCalendar *calendar = db == NULL ? NULL : book_calendar_new(db, err);
    const PriceBook *book = calendar == NULL ? NULL : rate_book(calendar, name, from, err);
    bool fits = book != NULL && contract_fits(contract, book, err);
    book_calendar_free(&calendar);
    db_free(&db);
    return fits;
}

/* What the contract did, for print_set(). */
typedef struct Given {
    int64_t revision;
    BillingPeriod period; /* the first one */
} Given;

/* The contracts of an account's members change one after the other: until all have, it is said, and not billed. */
static bool
warn_of_account(Db *db, const SetOptions *options, UtcMonth from, Err *err)
{
    Err reason = {0};
    if (!contract_account_refused(db, options->tenant, from, &reason, err))
        return false;
    if (err_is_set(&reason))
        fprintf(stderr,
                "millibill contract set: warning: the account of tenant '%s' is not billed as it is now: %s\n  %s\n",
                options->tenant, reason.message, reason.hint);
    return true;
}

static bool
give(const SetOptions *options, const Contract *contract, UtcMonth from, Given *out, Err *err)
{
    char author[AUTHOR_BYTES];
    author_write(author);
    ContractGiven given = {.from = from,
                           .sha256 = contract->digest,
                           .name = contract->name,
                           .version = contract->version,
                           .source = {contract->source, contract->source_length},
                           .by = author};
    Db *db = connect_as(options, "millibill_owner", err);
    bool done = db != NULL && tenant_id_of(db, options->tenant, &given.tenant_id, err) &&
                contract_first_period(db, options->tenant, contract, from, &out->period, err) &&
                contract_store_set(db, &given, &out->revision, err) && warn_of_account(db, options, from, err);
    db_free(&db);
    return done;
}

static bool
print_set(const SetOptions *options, const Contract *contract, const Given *given, Err *err)
{
    char hex[DIGEST_HEX_BYTES];
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    utc_format(given->period.start_us, start);
    utc_format(given->period.end_us, end);
    if (!options->json) {
        printf("Contract %s %s holds for tenant %s from %s on (revision %" PRId64 ").\n", contract->name,
               contract->version, options->tenant, options->month, given->revision);
        if (!billing_period_is_utc(&given->period))
            printf("Its first billing period: from %s until before %s.\n", start, end);
        return true;
    }
    Json *object = json_new_object(err);
    bool done =
        object != NULL && json_add_text(object, "tenant", options->tenant, err) &&
        json_add_int(object, "revision", given->revision, err) && json_add_text(object, "from", options->month, err) &&
        json_add_text(object, "period_start", start, err) && json_add_text(object, "period_end", end, err) &&
        json_add_text(object, "name", contract->name, err) &&
        json_add_text(object, "version", contract->version, err) &&
        json_add_text(object, "sha256", digest_hex(&contract->digest, hex), err) && json_print(object, stdout, err);
    json_object_put(object);
    return done;
}

static bool
set_run(const SetOptions *options, const char *file, Err *err)
{
    UtcMonth from;
    Given given = {0};
    if (!check_tenant(options, err))
        return false;
    if (options->month == NULL)
        return err_set(err, ERR_USAGE, "from which month on? Give --from YYYY-MM");
    if (!utc_month_parse(options->month, &from, err))
        return err_prefix(err, "--from: ");
    Contract *contract = contract_open(file, err);
    bool done = contract != NULL && check_contract(options, contract, from, err) &&
                give(options, contract, from, &given, err) && print_set(options, contract, &given, err);
    contract_free(&contract);
    return done;
}

int
contract_set_command(int argc, char **argv)
{
    SetOptions options = {0};
    const char *const *files = NULL;
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "whose contract it is"},
        {"from", 'f', OPTION_TEXT, &options.month, "YYYY-MM", "first month for which it holds"},
        {"price-book", 'b', OPTION_TEXT, &options.book, "FILE|NAME", "price book to check against"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    OptionsResult parsed = parse("millibill contract set", "FILE", "Give a contract to a tenant; what it had is kept.",
                                 1, table, argc, argv, &files);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err = {0};
    return set_run(&options, files[0], &err) ? EXIT_SUCCESS : err_report(&err, "millibill contract set");
}

/* ---- show and history ---- */

typedef struct Shown {
    Json *rows;
    bool with_source;
} Shown;

static bool
collect(void *context, const ContractRow *row, Err *err)
{
    Shown *shown = context;
    Json *object = json_new_object(err);
    return object != NULL && json_append(shown->rows, object, err) &&
           json_add_text(object, "tenant", row->tenant, err) && json_add_int(object, "revision", row->revision, err) &&
           json_add_text(object, "from", row->from, err) && json_add_text(object, "name", row->name, err) &&
           json_add_text(object, "version", row->version, err) && json_add_text(object, "sha256", row->sha256, err) &&
           json_add_text(object, "set_at", row->set_at, err) && json_add_text(object, "set_by", row->set_by, err) &&
           (!shown->with_source || json_add_slice(object, "source", row->source, err));
}

static const char *
member(Json *row, const char *key)
{
    return json_object_get_string(json_member(row, key));
}

static void
print_history(Json *rows)
{
    printf("%-8s %-8s %-24s %-12s %-20s %s\n", "REVISION", "FROM", "CONTRACT", "VERSION", "SET AT", "BY");
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        Json *row = json_object_array_get_idx(rows, i);
        printf("%-8s %-8s %-24s %-12s %-20s %s\n", member(row, "revision"), member(row, "from"), member(row, "name"),
               member(row, "version"), member(row, "set_at"), member(row, "set_by"));
    }
}

/* The file as it was given explains itself; a line before it says since when it holds. */
static void
print_contract(Json *row)
{
    printf("# %s, revision %s, from %s, SHA-256 %s\n%s", member(row, "tenant"), member(row, "revision"),
           member(row, "from"), member(row, "sha256"), member(row, "source"));
}

static bool
read_rows(const SetOptions *options, bool history, Shown *shown, Err *err)
{
    int64_t tenant_id = 0;
    UtcMonth month = utc_month_of(utc_now_us());
    if (!check_tenant(options, err))
        return false;
    if (options->month != NULL && !utc_month_parse(options->month, &month, err))
        return err_prefix(err, "--month: ");
    Db *db = connect_as(options, "millibill_reader", err);
    bool done = db != NULL && tenant_id_of(db, options->tenant, &tenant_id, err) &&
                (history ? contract_store_history(db, options->tenant, collect, shown, err)
                         : contract_store_in_force(db, options->tenant, month, collect, shown, err));
    db_free(&db);
    if (done && !history && json_object_array_length(shown->rows) == 0)
        return err_set(err, ERR_NOT_FOUND, "tenant '%s' has no contract that holds for this month", options->tenant);
    return done;
}

static bool
show_run(const SetOptions *options, bool history, Err *err)
{
    Shown shown = {.rows = json_new_array(err), .with_source = !history};
    bool done = shown.rows != NULL && read_rows(options, history, &shown, err);
    if (done && options->json)
        done = json_print(history ? shown.rows : json_object_array_get_idx(shown.rows, 0), stdout, err);
    else if (done && history)
        print_history(shown.rows);
    else if (done)
        print_contract(json_object_array_get_idx(shown.rows, 0));
    json_object_put(shown.rows);
    return done;
}

int
contract_show_command(int argc, char **argv)
{
    SetOptions options = {0};
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "whose contract"},
        {"month", 'm', OPTION_TEXT, &options.month, "YYYY-MM",
         "the one that holds for this month; default the present one"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    OptionsResult parsed =
        parse("millibill contract show", "", "Show the contract that holds for a tenant, as it was given.", 0, table,
              argc, argv, NULL);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err = {0};
    return show_run(&options, false, &err) ? EXIT_SUCCESS : err_report(&err, "millibill contract show");
}

int
contract_history_command(int argc, char **argv)
{
    SetOptions options = {0};
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "whose contracts"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    OptionsResult parsed = parse("millibill contract history", "",
                                 "Show every contract that a tenant was given: when, by whom, from which month on.", 0,
                                 table, argc, argv, NULL);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err = {0};
    return show_run(&options, true, &err) ? EXIT_SUCCESS : err_report(&err, "millibill contract history");
}
