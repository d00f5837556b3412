/* explain - what became of a record */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/options.h"
#include "proto/usage_record.h"
#include "rater/commands.h"
#include "rater/explain.h"
#include "rater/stack.h"

static const char PROGRAM[] = "millibill explain";

typedef struct ExplainOptions {
    const char *record;
    const char *tenant;
    const char *month_text;
    const char *data;
    bool json;
} ExplainOptions;

static bool
print(const ExplainOptions *options, Json *explanation, Err *err)
{
    if (options->json)
        return json_print(explanation, stdout, err);
    Buffer text = {0};
    bool done = explain_record_text(explanation, &text, err);
    if (done && (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) != 0))
        done = err_set(err, ERR_IO, "cannot write to standard output");
    buffer_free(&text);
    return done;
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
    bool done = explanation != NULL && print(options, explanation, err);
    if (done && json_object_array_length(json_member(explanation, "records")) == 0 &&
        json_object_array_length(json_member(explanation, "quarantined")) == 0)
        done =
            err_set(err, ERR_NOT_FOUND, "no record and no quarantined line has the request id '%s'", options->record);
    json_object_put(explanation);
    db_free(&db);
    return done;
}

int
explain_command(int argc, char **argv)
{
    ExplainOptions options = {0};
    const Option table[] = {
        {"record", 'r', OPTION_TEXT, &options.record, "REQUEST_ID",
         "what became of it: every attempt, copy and conflict"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "T", "of this tenant; default all"},
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM",
         "started in this month or a day around it; default any"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print one JSON document"},
        {"data", 'd', OPTION_TEXT, &options.data, "DIR", "the stack's directory"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {
        .command = PROGRAM,
        .arguments = "",
        .summary = "Say what became of a record.",
        .detail =
            "Billed on which lines of which invoice, free, not rated yet, late, a copy or a conflict of which other, or in\n"
            "quarantine and why; and which batch of which agent brought it. Evidence is read through once, so a tenant\n"
            "and a month make it fast. Exit status 1: nothing has this id.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    if (options.record == NULL) {
        err_set(&err, ERR_USAGE, "explain what? Give --record REQUEST_ID");
        err_hint(&err, "see: millibill explain --help");
        return err_report(&err, PROGRAM);
    }
    return run_record(&options, &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
