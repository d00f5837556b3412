/* seal - what the collector's sealer does, by hand and at once */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "collector/commands.h"
#include "lib/config.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/text.h"
#include "schema/migrate.h"
#include "schema/rollup_store.h"
#include "schema/seal_round.h"

static const char PROGRAM[] = "millibill seal";

typedef struct SealCommand {
    const char *month_text;
    const char *accept_reason;
    const char *data;
    bool now;
    bool make_key;
    bool json;
    UtcMonth month;
} SealCommand;

static bool
report_json(const SealReport *report, Err *err)
{
    Json *object = json_new_object(err);
    bool done = object != NULL && json_add_int(object, "seals", report->seals, err) &&
                json_add_int(object, "records", report->records, err) &&
                json_add_int(object, "exclusions", report->exclusions, err) &&
                json_add_int(object, "roots", report->roots, err) &&
                json_add_int(object, "invoices", report->invoices, err) &&
                json_add_int(object, "heads", report->heads, err) &&
                json_add_int(object, "segments_merged", report->merged, err) &&
                json_add_int(object, "segments_made", report->made, err) &&
                json_add_int(object, "last_head", report->last_head, err) &&
                json_add_int(object, "damaged", report->damaged, err) && json_print(object, stdout, err);
    json_object_put(object);
    return done;
}

static bool
report_text(const SealReport *report, Err *err)
{
    printf("%" PRId64 " seal%s over %" PRId64 " record%s and %" PRId64 " exclusion%s, %" PRId64
           " month root%s, %" PRId64 " final invoice%s\n",
           report->seals, text_plural(report->seals), report->records, text_plural(report->records), report->exclusions,
           text_plural(report->exclusions), report->roots, text_plural(report->roots), report->invoices,
           text_plural(report->invoices));
    if (report->last_head > 0)
        printf("last head: %" PRId64 "\n", report->last_head);
    return output_flush(err);
}

static bool
seal_now(const SealCommand *self, const Config *config, Db *db, const SealTools *tools, Err *err)
{
    SealReport report = {0};
    const SealScope scope = {.now_us = utc_now_us(),
                             .after_s = self->now || self->month_text != NULL ? 0 : config->seal_after_s,
                             .quiet_s = self->now || self->month_text != NULL ? 0 : SEAL_QUIET_S,
                             .month = self->month_text != NULL ? &self->month : NULL};
    if (!seal_run(db, tools, &scope, &report, err) || !rollup_days_close(db, scope.after_s, NULL, err))
        return false;
    if (!(self->json ? report_json(&report, err) : report_text(&report, err)))
        return false;
    if (report.damaged == 0)
        return true;
    err_set(err, ERR_DIFFERENCE, "%" PRId64 " hour%s not sealed: a segment is not what its digest says", report.damaged,
            report.damaged == 1 ? " was" : "s were");
    return err_hint(err, "millibill verify names the segments");
}

static bool
with_database(const SealCommand *self, const Config *config, const SealTools *tools, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_conninfo(config, "millibill_compactor", conninfo, err))
        return false;
    Db *db = db_connect(conninfo, PROGRAM, err);
    bool done = db != NULL && migrate_check(db, err) &&
                (self->accept_reason != NULL ? seal_accept_restore(db, tools, self->accept_reason, err)
                                             : seal_now(self, config, db, tools, err));
    db_free(&db);
    return done;
}

static bool
run(const SealCommand *self, Err *err)
{
    Config config;
    SealTools tools;
    if (!config_load(self->data, &config, err) ||
        (self->make_key && !seal_key_ensure(config.seal_key, config.seal_public_key, err)) ||
        !seal_tools_open(&config, &tools, err))
        return false;
    bool done = self->make_key || with_database(self, &config, &tools, err);
    seal_tools_close(&tools);
    return done;
}

int
seal_command(int argc, char **argv)
{
    SealCommand self = {.now = false};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &self.month_text, "YYYY-MM",
         "closed hours of this month (UTC), and a root of each tenant"},
        {"now", 0, OPTION_FLAG, &self.now, NULL, "every closed hour, also one that ended just now"},
        {"accept-restore", 0, OPTION_TEXT, &self.accept_reason, "REASON",
         "the database was set back on purpose: note it in the heads file, signed"},
        {"make-key", 0, OPTION_FLAG, &self.make_key, NULL, "only make the key pair, where there is none"},
        OPTION_JSON(&self.json),
        OPTION_DATA(&self.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill seal",
        .arguments = "",
        .summary = "Seal closed hours of evidence, as the collector does by itself.",
        .detail =
            "Every seal is chained to the one before, every head over them is signed and appended to the heads file\n"
            "(setting seal_heads): copy that file to where nobody who owns the database can write. See doc/seals.md.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    log_start("seal", LOG_LEVEL_WARN);
    if (self.month_text != NULL && !utc_month_parse(self.month_text, &self.month, &err)) {
        err_prefix(&err, "--month: ");
        return err_report(&err, PROGRAM);
    }
    return run(&self, &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
