/* explain - what became of a record, and what a line of an invoice is made of */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/options.h"
#include "proto/usage_record.h"
#include "rater/commands.h"
#include "rater/explain.h"
#include "rater/explain_line.h"
#include "rater/stack.h"

static const char PROGRAM[] = "millibill explain";

typedef struct ExplainOptions {
    const char *record;
    const char *tenant;
    const char *month_text;
    const char *function;
    const char *hour;
    const char *data;
    bool all;
    bool json;
} ExplainOptions;

typedef bool (*ExplainText)(Json *explanation, Buffer *out, Err *err);

static bool
print(const ExplainOptions *options, Json *explanation, ExplainText write, Err *err)
{
    if (options->json)
        return json_print(explanation, stdout, err);
    Buffer text = {0};
    bool done = write(explanation, &text, err);
    done = done && buffer_print(&text, err);
    buffer_free(&text);
    return done;
}

static bool
not_found(const ExplainOptions *options, Err *err)
{
    err_set(err, ERR_NOT_FOUND, "no record and no quarantined line has the request id '%s'", options->record);
    return err_hint(err, "give the request id as it was emitted; `millibill quarantine list` shows what has none");
}

static bool
run_record(const ExplainOptions *options, Err *err)
{
    UtcMonth month;
    const ExplainRecordRequest request = {options->record, options->tenant,
                                          options->month_text == NULL ? NULL : &month};
    if (options->record[0] == '\0' || strlen(options->record) > USAGE_ID_BYTES_MAX)
        return err_set(err, ERR_USAGE, "--record: a request id has 1 to %d bytes", USAGE_ID_BYTES_MAX);
    if (options->month_text != NULL && !utc_month_parse(options->month_text, &month, err))
        return err_prefix(err, "--month: ");
    Config config;
    Db *db = rater_connect(options->data, &config, PROGRAM, err);
    Json *explanation = db == NULL ? NULL : explain_record(db, &request, err);
    bool done = explanation != NULL && print(options, explanation, explain_record_text, err);
    if (done && json_object_array_length(json_member(explanation, "records")) == 0 &&
        json_object_array_length(json_member(explanation, "quarantined")) == 0)
        done = not_found(options, err);
    json_object_put(explanation);
    db_free(&db);
    return done;
}

/** "2026-10-03T10", or a whole RFC 3339 time within the hour. */
static bool
read_hour(const char *text, int64_t *hour_us, Err *err)
{
    enum { HOUR_CHARACTERS = 13 };
    char whole[HOUR_CHARACTERS + sizeof(":00:00Z")];
    bool is_short = strlen(text) == HOUR_CHARACTERS;
    if (is_short)
        snprintf(whole, sizeof(whole), "%s:00:00Z", text);
    if (!utc_parse(text_of(is_short ? whole : text), hour_us, err)) {
        err->code = ERR_USAGE;
        return err_prefix(err, "--hour: ");
    }
    *hour_us = utc_hour_floor_us(*hour_us);
    return true;
}

static bool
run_line(const ExplainOptions *options, const char *const *arguments, Err *err)
{
    uint64_t line = 0;
    ExplainLineRequest request = {.invoice = arguments[0],
                                  .tenant = options->tenant,
                                  .function = options->function,
                                  .hour_us = INT64_MIN,
                                  .all = options->all};
    if (!text_to_u64(text_of(arguments[1]), INT64_MAX, &line))
        return err_set(err, ERR_USAGE, "a line of an invoice is a number from 1, not '%s'", arguments[1]);
    if (options->hour != NULL && options->function == NULL)
        return err_set(err, ERR_USAGE, "--hour shows the invocations of one function: say which with --function");
    if (options->hour != NULL && !read_hour(options->hour, &request.hour_us, err))
        return false;
    request.line = (int64_t) line;
    Config config;
    Db *db = rater_connect(options->data, &config, PROGRAM, err);
    Json *explanation = db == NULL ? NULL : explain_line(db, &request, err);
    bool done = explanation != NULL && print(options, explanation, explain_line_text, err);
    json_object_put(explanation);
    db_free(&db);
    return done;
}

/** Either a record or a line. */
static bool
run(const ExplainOptions *options, const char *const *arguments, Err *err)
{
    bool names_line = arguments[0] != NULL && arguments[1] != NULL;
    if (options->record != NULL && arguments[0] == NULL)
        return run_record(options, err);
    if (options->record == NULL && names_line)
        return run_line(options, arguments, err);
    err_set(err, ERR_USAGE, "explain what? Give INVOICE LINE, or --record REQUEST_ID");
    return err_hint(err, "see: millibill explain --help");
}

int
explain_command(int argc, char **argv)
{
    ExplainOptions options = {0};
    const Option table[] = {
        {"record", 'r', OPTION_TEXT, &options.record, "REQUEST_ID",
         "what became of it: every attempt, copy and conflict"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "of this tenant; default all"},
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM",
         "a record that started in this month or a day around it"},
        {"function", 'f', OPTION_TEXT, &options.function, "F", "of a line: the hours of this function"},
        {"hour", 0, OPTION_TEXT, &options.hour, "YYYY-MM-DDTHH", "with --function: the invocations of this hour (UTC)"},
        {"all", 'a', OPTION_FLAG, &options.all, NULL, "every function, hour or invocation; default the 10 greatest"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = PROGRAM,
        .arguments = "[INVOICE LINE]",
        .summary = "Say what a line of an invoice is made of, or what became of a record.",
        .detail =
            "INVOICE is a number, an id or 'latest'; finals and previews alike. A line goes down to its functions, with "
            "--function to\n"
            "its hours (rollups), with --hour to its segments and invocations, with the arithmetic of each step.\n"
            "--record: billed on which lines of which invoice, free, not rated yet, late, a copy or a conflict of which other, "
            "or in\n"
            "quarantine and why; and which batch of which agent brought it. Evidence is read through once, so a tenant and a\n"
            "month make it fast. Exit status 1: nothing has this id.",
        .arguments_max = 2,
        .options = table,
    };
    const char *const *arguments = NULL;
    OptionsResult result = options_parse(&line, argc, argv, &arguments);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, arguments, &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
