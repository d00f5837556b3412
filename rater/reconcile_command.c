/* reconcile - a customer's own log against the bill */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harmless.h"
#include "lib/options.h"
#include "lib/output.h"
#include "rater/commands.h"
#include "rater/explain.h"
#include "rater/reconcile.h"
#include "rater/reconcile_row.h"
#include "rater/reconcile_text.h"
#include "rater/stack.h"

static const char PROGRAM[] = "millibill reconcile";

typedef struct ReconcileCommand {
    const char *month_text;
    LogOptions log;
    const char *data;
    OptionList ignored_fields;
    bool json;
    bool csv;
    ReconcileRequest request;
} ReconcileCommand;

/** Rows on their way out. */
typedef struct Rows {
    const ReconcileCommand *command;
    Buffer text;
    int64_t count;
} Rows;

static bool
write_out(Buffer *text, Err *err)
{
    bool done = fwrite(text->data, 1, text->length, stdout) == text->length;
    buffer_clear(text);
    return done || output_failed("to standard output", errno, err);
}

static bool
print_row_json(Rows *rows, Json *row, Err *err)
{
    char *canonical = json_canonical(row, err);
    bool done = canonical != NULL && buffer_append_text(&rows->text, rows->count == 0 ? "\n  " : ",\n  ", err) &&
                buffer_append_text(&rows->text, canonical, err);
    free(canonical);
    return done;
}

static bool
print_row(void *context, Json *row, Err *err)
{
    Rows *rows = context;
    const ReconcileCommand *command = rows->command;
    bool done = true;
    if (command->json)
        done = print_row_json(rows, row, err);
    else if (command->csv)
        done = reconcile_row_csv(row, &rows->text, err);
    else if (rows->count < RECONCILE_ROWS_SHOWN || command->request.all)
        done = reconcile_row_text(row, &rows->text, err);
    rows->count++;
    return done && write_out(&rows->text, err);
}

/* ---- options ---- */

static bool
read_fields(ReconcileCommand *self, Err *err)
{
    self->request.fields = (UINT32_C(1) << RECONCILE_FIELD_COUNT) - 1;
    for (size_t i = 0; i < self->ignored_fields.count; i++) {
        size_t field = 0;
        while (field < RECONCILE_FIELD_COUNT &&
               strcmp(self->ignored_fields.items[i], RECONCILE_FIELD_NAMES[field]) != 0)
            field++;
        if (field == RECONCILE_FIELD_COUNT) {
            err_set(err, ERR_USAGE, "--ignore: '%s' is no field that is compared", self->ignored_fields.items[i]);
            return err_hint(err, "they are named as in a record's JSON: duration_ms, memory_mb, started_at, …");
        }
        self->request.fields &= ~(UINT32_C(1) << field);
    }
    return true;
}

static bool
check_options(ReconcileCommand *self, Err *err)
{
    if (self->month_text == NULL) {
        err_set(err, ERR_USAGE, "which month? Give --month YYYY-MM");
        return err_hint(err, "see: millibill reconcile --help");
    }
    if (!utc_month_parse(self->month_text, &self->request.month, err))
        return err_prefix(err, "--month: ");
    if (self->json && self->csv)
        return err_set(err, ERR_USAGE, "--json and --csv exclude each other");
    self->log.tenant = self->request.tenant;
    return read_fields(self, err) && log_reading_of(&self->log, &self->request.reading, err);
}

/* ---- the whole ---- */

static bool
print_start(Rows *rows, Err *err)
{
    if (rows->command->json)
        return buffer_append_text(&rows->text, "{\"rows\": [", err) && write_out(&rows->text, err);
    return !rows->command->csv || (reconcile_csv_header(&rows->text, err) && write_out(&rows->text, err));
}

/** The summary: behind the rows; beside them, on standard error, where the rows are CSV. */
static bool
print_end(Rows *rows, Json *summary, Err *err)
{
    bool done = true;
    if (rows->command->json) {
        char *canonical = json_canonical(summary, err); /* an object: its members go on behind the rows */
        done = canonical != NULL &&
               buffer_printf(&rows->text, err, "%s],\n%s\n", rows->count == 0 ? "" : "\n", canonical + 1);
        free(canonical);
    } else {
        done = reconcile_summary_text(summary, rows->command->request.all ? 0 : rows->count, &rows->text, err);
    }
    if (done && rows->command->csv)
        return fwrite(rows->text.data, 1, rows->text.length, stderr) == rows->text.length;
    return done && write_out(&rows->text, err) && output_flush(err);
}

static bool
run(ReconcileCommand *self, Err *err)
{
    Rows rows = {.command = self};
    int64_t differences = 0;
    if (!check_options(self, err))
        return false;
    Config config;
    Db *db = rater_connect(self->data, &config, PROGRAM, err);
    Json *summary = NULL;
    bool done = db != NULL && print_start(&rows, err);
    if (done)
        summary = reconcile(db, &self->request, print_row, &rows, &differences, err);
    done = summary != NULL && print_end(&rows, summary, err);
    json_object_put(summary);
    buffer_free(&rows.text);
    db_free(&db);
    if (done && differences > 0)
        return err_set(err, ERR_DIFFERENCE, "%" PRId64 " row%s not as on the bill", differences,
                       differences == 1 ? " is" : "s are");
    return done;
}

static const char DETAIL[] =
    "The bill is the final invoice of the month, else its preview, else everything that is there. Records are the same when\n"
    "tenant, request id and attempt are; lines without id when their content is. Each row that is not as on the bill is told\n"
    "with what it is worth: what the bill would be with that row as the file has it, less the bill as it is (exact, before\n"
    "rounding, discounts and tax). Files are read as import reads them, and nothing is changed. Exit status 3: differences.";

int
reconcile_command(int argc, char **argv)
{
    ReconcileCommand self = {.request = {.book = RATER_DEFAULT_BOOK}};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &self.month_text, "YYYY-MM",
         "the bill of the period that starts in this month; required"},
        {"tenant", 't', OPTION_TEXT, &self.request.tenant, "NAME",
         "whose bill; default the tenants that the lines name"},
        LOG_OPTIONS(self.log),
        {"ignore", 0, OPTION_LIST, &self.ignored_fields, "FIELD", "do not compare this field; repeatable"},
        {"price-book", 'b', OPTION_TEXT, &self.request.book, "FILE|NAME",
         "for a month without invoice and preview; default " RATER_DEFAULT_BOOK},
        {"all", 'a', OPTION_FLAG, &self.request.all, NULL, "every row, those that match too"},
        OPTION_JSON(&self.json),
        {"csv", 0, OPTION_FLAG, &self.csv, NULL, "print the rows as CSV, the summary on standard error"},
        OPTION_DATA(&self.data),
        OPTION_END,
    };
    const CommandLine line = {.command = PROGRAM,
                              .arguments = "FILE…",
                              .summary = "Compare a customer's own log with the bill, row by row.",
                              .detail = DETAIL,
                              .options = table,
                              .arguments_min = 1,
                              .arguments_max = SIZE_MAX};
    OptionsResult result = options_parse(&line, argc, argv, &self.request.paths);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    while (self.request.paths[self.request.path_count] != NULL)
        self.request.path_count++;
    Err err = {0};
    return run(&self, &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
