/* invoice void - take a final invoice back (`millibill invoice` hands over to us for it) */
#include <stdio.h>
#include <stdlib.h>

#include "lib/options.h"
#include "lib/output.h"
#include "lib/utc.h"
#include "rater/commands.h"
#include "rater/deliver.h"
#include "rater/rate_seals.h"
#include "rater/stack.h"
#include "rater/void.h"
#include "rater/void_document.h"

static const char PROGRAM[] = "millibill invoice void";

typedef struct VoidOptions {
    const char *number;
    const char *tenant;
    const char *reason;
    const char *data;
    bool json;
} VoidOptions;

static bool
print_voids(const VoidOptions *self, Json *voids, Err *err)
{
    if (self->json)
        return json_print(voids, stdout, err);
    for (size_t i = 0; i < json_object_array_length(voids); i++) {
        Json *entry = json_object_array_get_idx(voids, i);
        bool already = json_object_get_boolean(json_member(entry, "already"));
        printf("%s is void%s by %s\n", json_object_get_string(json_member(entry, "refers_to")),
               already ? " already" : "", json_object_get_string(json_member(entry, "number")));
    }
    return output_flush(err);
}

/* The void stands, whether it is delivered and sealed over now or later. */
static bool
hand_on(Db *db, Db *compactor, const Config *config, Err *err)
{
    DeliverReport report;
    rate_seal_invoices(compactor, config);
    if (!deliver_open(db, config, &report, err))
        return false;
    if (report.open > 0)
        fprintf(stderr, "%s: warning: %lld document%s could not be delivered: see `millibill deliver --list`\n",
                PROGRAM, (long long) report.open, report.open == 1 ? "" : "s");
    return true;
}

static bool
run_void(const VoidOptions *self, Err *err)
{
    Config config;
    if (self->reason == NULL) {
        err_set(err, ERR_USAGE, "why? Give --reason TEXT");
        return err_hint(err, "it is printed on the void and never changed");
    }
    if (!void_reason_check(self->reason, err) || !config_load(self->data, &config, err))
        return false;
    Db *db = rater_connect_as("millibill_rater", &config, PROGRAM, err);
    Db *compactor = db == NULL ? NULL : rater_connect_as("millibill_compactor", &config, PROGRAM, err);
    Json *voids = compactor == NULL ? NULL : json_new_array(err);
    const VoidRequest request = {.number = self->number,
                                 .tenant = self->tenant,
                                 .reason = self->reason,
                                 .year = utc_month_of(utc_now_us()).year,
                                 .config = &config};
    bool done = voids != NULL && void_write(db, &request, voids, err) && print_voids(self, voids, err) &&
                hand_on(db, compactor, &config, err);
    json_object_put(voids);
    db_free(&compactor);
    db_free(&db);
    return done;
}

static int
void_command(int argc, char **argv)
{
    VoidOptions self = {.number = NULL};
    const Option table[] = {
        {"reason", 'r', OPTION_TEXT, &self.reason, "TEXT", "why it is taken back; required, printed on the void"},
        {"tenant", 't', OPTION_TEXT, &self.tenant, "NAME", "whose invoice"},
        OPTION_JSON(&self.json),
        OPTION_DATA(&self.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = PROGRAM,
        .arguments = "NUMBER",
        .summary = "Take a final invoice back by a document of its own.",
        .detail =
            "The invoice stays as it is; the void refers to it and has its amounts with the opposite sign, and so have voids\n"
            "of its credit notes. Credits and prepaid units that it used are there again. Afterwards\n"
            "`millibill rate --final` makes the month final again, as its next revision.",
        .options = table,
        .arguments_min = 1,
        .arguments_max = 1,
    };
    const char *const *rest = NULL;
    OptionsResult result = options_parse(&line, argc, argv, &rest);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    self.number = rest[0];
    return run_void(&self, &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}

int
invoice_command(int argc, char **argv)
{
    static const Command commands[] = {
        {"void", "take a final invoice back", void_command},
        {"remake", "make a document again from the evidence", invoice_remake_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill invoice", "What changes invoices", commands, argc, argv);
}
