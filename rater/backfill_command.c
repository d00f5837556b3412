/* backfill - what an import would change: `millibill import --backfill --dry-run` */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harmless.h"
#include "lib/options.h"
#include "rater/backfill.h"
#include "rater/commands.h"
#include "rater/explain.h"
#include "rater/stack.h"

static const char PROGRAM[] = "millibill import --backfill --dry-run";

typedef struct BackfillOptions {
    LogOptions log;
    const char *book;
    const char *data;
    bool json;
    bool backfill;
    bool dry_run;
} BackfillOptions;

static const char *
leads_sentence(const char *leads_to)
{
    static const char *const sentences[][2] = {
        {"draft", "on the month's invoice, which is not final"},
        {"adjustment", "the invoice is final: late usage, an adjustment on the next one"},
        {"written_off", "the invoice is final, and the contract's late_usage says that usage so old is written off"},
        {"credit_note", "the invoice is final: a credit note"},
        {"no_difference", "no difference"},
    };
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (strcmp(leads_to, sentences[i][0]) == 0)
            return sentences[i][1];
    return leads_to;
}

static bool
say_bill(Json *bill, Buffer *out, Err *err)
{
    const char *number = explain_member(bill, "final_invoice");
    const char *reason = explain_member(bill, "reason");
    if (reason[0] != '\0')
        return line_append_harmless(out, err, "   tenant %s cannot be rated: %s", explain_member(bill, "tenant"),
                                    reason);
    return line_append_harmless(out, err, "   bill of %s%s%s%s%s: %s as it stands, %s with it, difference %s %s (%s)",
                                explain_member(bill, "tenant"), number[0] == '\0' ? "" : ", final as ", number,
                                number[0] == '\0' ? "" : " at ", explain_member(bill, "billed"),
                                explain_member(bill, "as_it_stands"), explain_member(bill, "would_be"),
                                explain_member(bill, "difference"), explain_member(bill, "currency"),
                                leads_sentence(explain_member(bill, "leads_to")));
}

static bool
say_month(Json *month, Buffer *out, Err *err)
{
    Json *bills = json_member(month, "bills");
    bool done = line_append_harmless(
        out, err,
        "%s %s: %s new (%s GB-seconds), %s known (%s of them reversed), %s in conflict, %s twice in the files%s",
        explain_member(month, "tenant"), explain_member(month, "month"), explain_member(month, "new"),
        explain_member(month, "gb_seconds"), explain_member(month, "known"), explain_member(month, "reversed"),
        explain_member(month, "conflicts"), explain_member(month, "repeated_in_files"),
        json_object_get_boolean(json_member(month, "new_tenant")) ? "; a new tenant, not rated" : "");
    for (size_t i = 0; done && bills != NULL && i < json_object_array_length(bills); i++)
        done = say_bill(json_object_array_get_idx(bills, i), out, err);
    return done;
}

static bool
print(const BackfillOptions *options, Json *answer, Err *err)
{
    if (options->json)
        return json_print(answer, stdout, err);
    Buffer text = {0};
    Json *months = json_member(answer, "months");
    bool done = true;
    for (size_t i = 0; done && i < json_object_array_length(months); i++)
        done = say_month(json_object_array_get_idx(months, i), &text, err);
    done = done &&
           line_append_harmless(&text, err, "%s lines cannot be read and would go to quarantine. Nothing was changed.",
                                explain_member(answer, "unreadable"));
    done = done && buffer_print(&text, err);
    buffer_free(&text);
    return done;
}

static bool
run(const BackfillOptions *options, BackfillRequest *request, Err *err)
{
    Config config;
    if (!options->backfill || !options->dry_run)
        return err_set(err, ERR_USAGE, "--dry-run goes with --backfill");
    if (!log_reading_of(&options->log, &request->reading, err))
        return false;
    Db *db = rater_connect(options->data, &config, PROGRAM, err);
    Json *answer = db == NULL ? NULL : backfill_try(db, request, err);
    bool done = answer != NULL && print(options, answer, err);
    json_object_put(answer);
    db_free(&db);
    return done;
}

static const char DETAIL[] =
    "For each tenant and month: which records are new, known already or in conflict, and the bills that the new ones touch, rated\n"
    "with them and without by the price books and contracts in force. Nothing is changed; without --dry-run it is imported.\n"
    "See doc/corrections.md.";

int
backfill_command(int argc, char **argv)
{
    BackfillOptions options = {.book = RATER_DEFAULT_BOOK};
    BackfillRequest request = {0};
    const Option table[] = {
        {"backfill", 0, OPTION_FLAG, &options.backfill, NULL, "usage of any age, of final months too"},
        {"dry-run", 'n', OPTION_FLAG, &options.dry_run, NULL, "say what would change, and stop"},
        {"tenant", 't', OPTION_TEXT, &options.log.tenant, "NAME", "tenant of lines that name none"},
        LOG_OPTIONS(options.log),
        {"price-book", 'b', OPTION_TEXT, &options.book, "FILE|NAME",
         "that the months are billed by; default " RATER_DEFAULT_BOOK},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {.command = PROGRAM,
                              .arguments = "FILE…",
                              .summary = "Say what an import would change.",
                              .detail = DETAIL,
                              .options = table,
                              .arguments_min = 1,
                              .arguments_max = SIZE_MAX};
    OptionsResult result = options_parse(&line, argc, argv, &request.paths);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    while (request.paths[request.path_count] != NULL)
        request.path_count++;
    request.book = options.book;
    Err err = {0};
    return run(&options, &request, &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
