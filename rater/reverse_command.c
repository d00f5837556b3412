/* reverse - take a record that is wrong out of what is billed; it stays in the evidence */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/author.h"
#include "lib/harmless.h"
#include "lib/options.h"
#include "rater/commands.h"
#include "rater/explain.h"
#include "rater/reversal.h"
#include "rater/stack.h"

static const char PROGRAM[] = "millibill reverse";

typedef struct ReverseOptions {
    LogOptions log; /* its tenant is the one */
    const char *record;
    const char *started_at;
    const char *month;
    const char *because;
    const char *data;
    int64_t attempt;
    bool all;
    bool dry_run;
    bool json;
} ReverseOptions;

static bool
check_texts(const ReverseOptions *options, const char *const *paths, Err *err)
{
    bool logs = paths != NULL && paths[0] != NULL;
    if (options->log.tenant == NULL || (options->record == NULL) == !logs || options->because == NULL) {
        err_set(err, ERR_USAGE, "which records, and why? Give --tenant, --reason, and --record or files");
        return err_hint(err, "see: millibill reverse --help");
    }
    Text because = text_of(options->because);
    if (because.length == 0 || because.length > REVERSAL_BECAUSE_BYTES_MAX || !text_is_clean_utf8(because))
        return err_set(err, ERR_USAGE, "--reason: 1 to %d bytes of UTF-8 in one line", REVERSAL_BECAUSE_BYTES_MAX);
    if (logs)
        return true;
    if (options->record[0] == '\0' || strlen(options->record) > USAGE_ID_BYTES_MAX)
        return err_set(err, ERR_USAGE, "--record: a request id has 1 to %d bytes", USAGE_ID_BYTES_MAX);
    if (options->attempt < 1 || options->attempt > UINT32_MAX)
        return err_set(err, ERR_USAGE, "--attempt: a number from 1");
    return true;
}

static bool
read_options(const ReverseOptions *options, const char *const *paths, UtcMonth *month, ReversalRequest *request,
             Err *err)
{
    if (!check_texts(options, paths, err))
        return false;
    *request = (ReversalRequest){.tenant = options->log.tenant,
                                 .request_id = options->record,
                                 .attempt = (uint32_t) options->attempt,
                                 .started_at_us = USAGE_ABSENT,
                                 .all = options->all,
                                 .month = options->month == NULL ? NULL : month,
                                 .dry_run = options->dry_run,
                                 .note.because = options->because,
                                 .paths = paths};
    while (paths != NULL && paths[request->path_count] != NULL)
        request->path_count++;
    if (!log_reading_of(&options->log, &request->reading, err))
        return false;
    if (options->month != NULL && !utc_month_parse(options->month, month, err))
        return err_prefix(err, "--month: ");
    if (options->started_at != NULL && !utc_parse(text_of(options->started_at), &request->started_at_us, err)) {
        err->code = ERR_USAGE;
        return err_prefix(err, "--started-at: ");
    }
    return true;
}

static const char *
state_sentence(const char *state, bool dry_run)
{
    if (strcmp(state, "reversed") == 0)
        return dry_run ? "would be reversed" : "reversed: it counts no more, and stays in the evidence";
    if (strcmp(state, "already_reversed") == 0)
        return "was reversed before: nothing changed";
    if (strcmp(state, "unknown") == 0)
        return "no such record is there";
    return "does not count anyway: a copy of another record, or in conflict with it";
}

static bool
say_logs(const ReverseOptions *options, Json *answer, Json *records, Buffer *out, Err *err)
{
    bool done = line_append_harmless(
        out, err,
        "Tenant %s: %s records %s, %s were before, %s do not count anyway, %s are not there; %s lines cannot be read, %s are of other tenants.",
        options->log.tenant, explain_member(answer, "reversed"), options->dry_run ? "would be reversed" : "reversed",
        explain_member(answer, "already_reversed"), explain_member(answer, "not_counted"),
        explain_member(answer, "unknown"), explain_member(answer, "unreadable"),
        explain_member(answer, "other_tenants"));
    for (size_t i = 0; done && i < json_object_array_length(records); i++) {
        Json *record = json_object_array_get_idx(records, i);
        done = line_append_harmless(out, err, "   %s, line %s, started %s: %s", explain_member(record, "file"),
                                    explain_member(record, "line"), explain_member(record, "started_at"),
                                    state_sentence(explain_member(record, "state"), options->dry_run));
    }
    return done;
}

static bool
say(const ReverseOptions *options, Json *answer, Buffer *out, Err *err)
{
    Json *records = json_member(answer, "records");
    Json *finals = json_member(answer, "final_invoices");
    bool done = options->record != NULL || say_logs(options, answer, records, out, err);
    for (size_t i = 0; done && options->record != NULL && i < json_object_array_length(records); i++) {
        Json *record = json_object_array_get_idx(records, i);
        done = line_append_harmless(out, err, "Record %s of tenant %s, started %s: %s", options->record,
                                    options->log.tenant, explain_member(record, "started_at"),
                                    state_sentence(explain_member(record, "state"), options->dry_run));
    }
    for (size_t i = 0; done && i < json_object_array_length(finals); i++)
        done = line_append_harmless(out, err, "Invoice %s is final and stays as it is.",
                                    json_object_get_string(json_object_array_get_idx(finals, i)));
    return done;
}

static bool
print(const ReverseOptions *options, Json *answer, Err *err)
{
    if (options->json)
        return json_print(answer, stdout, err);
    Buffer text = {0};
    bool done = say(options, answer, &text, err);
    done = done && buffer_print(&text, err);
    buffer_free(&text);
    return done;
}

static bool
run(const ReverseOptions *options, const char *const *paths, Err *err)
{
    UtcMonth month;
    ReversalRequest request;
    char author[AUTHOR_BYTES];
    Config config;
    if (!read_options(options, paths, &month, &request, err) || !config_load(options->data, &config, err))
        return false;
    author_write(author);
    request.note.by = author;
    Db *db = rater_connect_as("millibill_owner", &config, PROGRAM, err);
    Json *answer = db == NULL ? NULL : reversal_make(db, &request, err);
    bool done = answer != NULL && print(options, answer, err);
    int64_t unknown = done ? json_object_get_int64(json_member(answer, "unknown")) : 0;
    json_object_put(answer);
    db_free(&db);
    if (unknown > 0)
        return err_set(err, ERR_DIFFERENCE, "%" PRId64 " of the records are not there", unknown);
    return done;
}

static const char DETAIL[] =
    "The record stays in the evidence; an exclusion with the reason takes it out of what is billed, and is sealed like all\n"
    "others. A copy that arrives later does not bring it back. What is right instead is a record with an id or an attempt of\n"
    "its own. Reversing twice changes nothing. Files are read as import reads them; those of their records that are there are\n"
    "reversed together, the others are named (exit status 3). As the database's owner: see doc/corrections.md.";

int
reverse_command(int argc, char **argv)
{
    ReverseOptions options = {.attempt = 1};
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &options.log.tenant, "NAME", "whose record"},
        {"record", 'r', OPTION_TEXT, &options.record, "REQUEST_ID", "which one"},
        {"attempt", 0, OPTION_INTEGER, &options.attempt, "N", "its attempt; default 1"},
        {"reason", 0, OPTION_TEXT, &options.because, "TEXT", "why: kept with it for ever"},
        {"started-at", 0, OPTION_TEXT, &options.started_at, "TIME",
         "the one that started then (RFC 3339), where retries have the same id"},
        {"all", 'a', OPTION_FLAG, &options.all, NULL, "all of them, where retries have the same id"},
        {"month", 'm', OPTION_TEXT, &options.month, "YYYY-MM",
         "it started in this month or a day around it (looks through less)"},
        {"dry-run", 'n', OPTION_FLAG, &options.dry_run, NULL, "say what would be reversed, and stop"},
        LOG_OPTIONS(options.log),
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {.command = PROGRAM,
                              .arguments = "[FILE…]",
                              .summary = "Take records that are wrong out of what is billed: one, or those of logs.",
                              .detail = DETAIL,
                              .options = table,
                              .arguments_max = SIZE_MAX};
    const char *const *paths = NULL;
    OptionsResult parsed = options_parse(&line, argc, argv, &paths);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err = {0};
    return run(&options, paths, &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
