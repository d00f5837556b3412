/* close - a month from open to final, in one command that can be given again */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/harmless.h"
#include "lib/json.h"
#include "lib/output.h"
#include "rater/close.h"
#include "rater/commands.h"
#include "rater/rate_book.h"
#include "rater/rate_stop.h"
#include "rater/stack.h"

static const char PROGRAM[] = "millibill close";

typedef struct CloseOptions {
    const char *month_text;
    const char *book_name;
    const char *output;
    const char *data;
    OptionList without;
    OptionList formats;
    int64_t wait_s;
    bool no_wait;
    bool no_free_tier;
    bool json;
} CloseOptions;

/* ---- text ---- */

static void
print_harmless(Buffer *line)
{
    if (line->data != NULL)
        fputs(line->data, stdout);
    buffer_free(line);
    fflush(stdout);
}

static void
print_step(const Close *self, CloseStepId id)
{
    Buffer line = {0};
    const CloseStep *step = &self->steps[id];
    const int64_t took_ms = step->took_us / 1000;
    if (line_append_harmless(&line, NULL, "%-10s  %-6s  %5" PRId64 ".%" PRId64 " s  %s", CLOSE_STEP_NAMES[id],
                             step->failed ? "FAILED" : "ok", took_ms / 1000, took_ms % 1000 / 100, step->detail))
        print_harmless(&line);
}

static void
print_holds(const Close *self)
{
    for (size_t i = 0; i < self->hold_count; i++) {
        Buffer line = {0};
        const CloseHold *hold = &self->holds[i];
        if (line_append_harmless(&line, NULL, "account '%s' is not billed: %s", hold->account, hold->message) &&
            (hold->hint[0] == '\0' || line_append_harmless(&line, NULL, "  %s", hold->hint)))
            print_harmless(&line);
        buffer_free(&line);
    }
}

static bool
print_end(const Close *self, Err *err)
{
    bool any = false;
    for (size_t i = 0; i < self->changes.count; i++)
        any = any || bill_change_is_one(&self->changes.all[i]);
    if (any) {
        puts("\nDifferences from the last preview:");
        if (!bill_changes_print(&self->changes, stdout, "Preview", "Bill", true, err))
            return false;
    }
    if (self->hold_count > 0)
        putchar('\n');
    print_holds(self);
    return output_flush(err);
}

/* ---- JSON ---- */

static bool
add_steps(Json *object, const Close *self, Err *err)
{
    Json *array = json_new_array(err);
    bool done = json_add(object, "steps", array, err);
    for (int i = 0; done && i < CLOSE_STEP_COUNT; i++) {
        const CloseStep *step = &self->steps[i];
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(array, entry, err) &&
               json_add_text(entry, "step", CLOSE_STEP_NAMES[i], err) &&
               json_add_text(entry, "result",
                             !step->run     ? "not run"
                             : step->failed ? "failed"
                                            : "ok",
                             err) &&
               json_add_int(entry, "took_ms", step->took_us / 1000, err) &&
               json_add_text(entry, "detail", step->detail, err);
    }
    return done;
}

static bool
add_agents(Json *object, const Close *self, Err *err)
{
    Json *array = json_new_array(err);
    bool done = json_add(object, "agents", array, err);
    for (size_t i = 0; done && i < self->agent_count; i++) {
        char last[UTC_TEXT_BYTES];
        const CloseAgent *agent = &self->agents[i];
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(array, entry, err) && json_add_text(entry, "agent", agent->name, err) &&
               json_add_text(entry, "last", utc_format(agent->last_us, last), err) &&
               json_add_bool(entry, "silent", agent->behind, err);
    }
    return done;
}

static bool
add_holds(Json *object, const Close *self, Err *err)
{
    Json *array = json_new_array(err);
    bool done = json_add(object, "not_billed", array, err);
    for (size_t i = 0; done && i < self->hold_count; i++) {
        const CloseHold *hold = &self->holds[i];
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(array, entry, err) && json_add_text(entry, "account", hold->account, err) &&
               json_add_text(entry, "step", CLOSE_STEP_NAMES[hold->step], err) &&
               json_add_text(entry, "message", hold->message, err) && json_add_text(entry, "hint", hold->hint, err);
    }
    return done;
}

static bool
add_invoices(Json *object, const Close *self, Err *err)
{
    Json *array = json_new_array(err);
    bool done = json_add(object, "invoices", array, err);
    for (size_t i = 0; done && i < self->final.outcome_count; i++) {
        const RateOutcome *outcome = &self->final.outcomes[i];
        Json *entry = json_new_object(err);
        done = entry != NULL && json_append(array, entry, err) &&
               json_add_text(entry, "tenant", outcome->tenant, err) &&
               json_add_text(entry, "account", outcome->account, err) &&
               json_add_text(entry, "number", outcome->number, err) &&
               json_add_text(entry, "currency", outcome->currency, err) &&
               json_add_text(entry, "total", outcome->total, err) &&
               json_add_bool(entry, "final_before", outcome->was_final, err) &&
               json_add_int(entry, "late_records", outcome->late_records, err);
    }
    return done;
}

/* Of earlier months, made by this run. */
static bool
add_late(Json *object, const Close *self, Err *err)
{
    char month[UTC_TEXT_BYTES];
    Json *array = json_new_array(err);
    bool done = json_add(object, "late_invoices", array, err);
    for (size_t i = 0; done && i < self->late_count; i++) {
        const RateReport *report = &self->late[i].report;
        for (size_t j = 0; done && j < report->outcome_count; j++) {
            const RateOutcome *outcome = &report->outcomes[j];
            if (outcome->was_final || outcome->is_credit_note)
                continue;
            Json *entry = json_new_object(err);
            done = entry != NULL && json_append(array, entry, err) &&
                   json_add_text(entry, "tenant", outcome->tenant, err) &&
                   json_add_text(entry, "account", outcome->account, err) &&
                   json_add_text(entry, "month", utc_month_format(self->late[i].month, month), err) &&
                   json_add_text(entry, "number", outcome->number, err) &&
                   json_add_text(entry, "currency", outcome->currency, err) &&
                   json_add_text(entry, "total", outcome->total, err);
        }
    }
    return done;
}

/* Usage that is left to a later invoice: nothing to mend. */
static void
print_waits(const Close *self)
{
    for (size_t i = 0; i < self->final.wait_count; i++)
        fprintf(stderr, "%s: usage of account '%s' waits: %s\n  %s\n", PROGRAM, self->final.waits[i].account,
                self->final.waits[i].message, self->final.waits[i].hint);
}

static bool
add_changes(Json *object, const Close *self, Err *err)
{
    Json *entry = json_new_object(err);
    return entry != NULL && json_add(object, "since_preview", entry, err) &&
           bill_changes_json(&self->changes, entry, "preview", "bill", err);
}

static bool
print_json(const CloseOptions *options, const Close *self, Err *err)
{
    Json *object = json_new_object(err);
    bool done = object != NULL && json_add_text(object, "month", options->month_text, err) &&
                json_add_bool(object, "closed", self->steps[CLOSE_DELIVER].run && self->hold_count == 0, err) &&
                json_add_int(object, "differences", self->differences, err) && add_steps(object, self, err) &&
                add_agents(object, self, err) && add_holds(object, self, err) && add_invoices(object, self, err) &&
                add_late(object, self, err) && unbilled_json(&self->unbilled, object, err) &&
                add_changes(object, self, err) && json_print(object, stdout, err);
    json_object_put(object);
    return done;
}

/* ---- the command ---- */

static bool
request_make(const CloseOptions *options, CloseRequest *request, Err *err)
{
    if (options->month_text == NULL) {
        err_set(err, ERR_USAGE, "which month? Give --month YYYY-MM");
        return err_hint(err, "see: millibill close --help");
    }
    if (options->wait_s < 0)
        return err_set(err, ERR_USAGE, "--wait-s: %" PRId64 " is not a number of seconds", options->wait_s);
    request->wait = !options->no_wait;
    request->wait_s = options->wait_s;
    request->without = &options->without;
    request->output = options->output;
    request->formats = &options->formats;
    if (!close_formats_check(request->formats, err))
        return false;
    if (options->formats.count > 0 && options->output == NULL)
        return err_set(err, ERR_USAGE, "--format goes with --output DIR");
    request->data = options->data;
    request->free_tier = !options->no_free_tier;
    return utc_month_parse(options->month_text, &request->month, err) || err_prefix(err, "--month: ");
}

/* 0 closed; 1 an account is held back or a step failed; 3 verify found a difference. */
static int
close_and_say(const CloseOptions *options, Close *self)
{
    Err err = {0};
    Err said = {0};
    bool done = close_month(self, &err);
    unbilled_warn(&self->unbilled, PROGRAM);
    print_waits(self);
    bool printed = options->json ? print_json(options, self, &said) : print_end(self, &said);
    if (!done)
        return err_report(&err, PROGRAM);
    if (!printed)
        return err_report(&said, PROGRAM);
    if (self->differences > 0) {
        err_set(&err, ERR_DIFFERENCE, "verify found %" PRId64 " difference%s: %zu account%s not billed",
                self->differences, self->differences == 1 ? "" : "s", self->hold_count,
                self->hold_count == 1 ? " is" : "s are");
        err_hint(&err, "the others have their invoices; close again when the difference is explained");
        return err_report(&err, PROGRAM);
    }
    if (self->hold_count == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "%s: %zu account%s not billed; the others have their invoices. Close again when that is mended.\n",
            PROGRAM, self->hold_count, self->hold_count == 1 ? " is" : "s are");
    return EXIT_FAILURE;
}

static int
run(const CloseOptions *options)
{
    Err err = {0};
    Config config;
    CloseRequest request = {.config = &config};
    Close self = {.request = &request, .step_done = options->json ? NULL : print_step};
    self.db = request_make(options, &request, &err) ? rater_connect(options->data, &config, PROGRAM, &err) : NULL;
    BookCalendar *calendar = self.db == NULL ? NULL : book_calendar_new(self.db, &err);
    request.calendar = calendar;
    request.stop = rate_stop_catch();
    request.price_book = options->book_name;
    bool known = calendar != NULL && rate_book(calendar, options->book_name, request.month, &err) != NULL;
    self.compactor = !known ? NULL : rater_connect_as("millibill_compactor", &config, PROGRAM, &err);
    int status = self.compactor == NULL ? err_report(&err, PROGRAM) : close_and_say(options, &self);
    close_free(&self);
    db_free(&self.compactor);
    book_calendar_free(&calendar);
    db_free(&self.db);
    return status;
}

int
close_command(int argc, char **argv)
{
    CloseOptions options = {.book_name = RATER_DEFAULT_BOOK, .wait_s = CLOSE_WAIT_S};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "the month to close (UTC); required"},
        {"price-book", 'b', OPTION_TEXT, &options.book_name, "FILE|NAME",
         "price book, where a contract names none; default " RATER_DEFAULT_BOOK},
        {"no-free-tier", 0, OPTION_FLAG, &options.no_free_tier, NULL, "leave the free tier out"},
        {"output", 'o', OPTION_TEXT, &options.output, "DIR",
         "write every invoice there, in the forms that --format names"},
        {"format", 'f', OPTION_LIST, &options.formats, "FORMAT",
         "json, csv, text, html, pdf or ubl (may be repeated); default all but ubl"},
        {"wait-s", 'w', OPTION_INTEGER, &options.wait_s, "SECONDS",
         "how long to wait for agents that have not reported; default 900"},
        {"without", 0, OPTION_LIST, &options.without, "AGENT", "do not wait for this agent; repeatable"},
        {"no-wait", 0, OPTION_FLAG, &options.no_wait, NULL, "wait for no agent, but name those that are silent"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print one JSON document at the end"},
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill close",
        .arguments = "",
        .summary = "Take a month from open to final.",
        .detail =
            "Waits for agents, verifies, looks for duplicates, rates, compares with the last preview, makes the invoices\n"
            "final, seals, exports and delivers. Give it again after whatever stopped it: what is done stays done.\n"
            "An account whose data or contract is wrong is held back and named (exit status 1, or 3 when verify found\n"
            "it); the others get their invoices. Interrupted, it says where it stopped (exit status 130).",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    return result == OPTIONS_RUN ? run(&options) : options_exit_status(result);
}
