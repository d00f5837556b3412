/* `millibill import`: history from files through the agent's path. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/commands.h"
#include "agent/import_follow.h"
#include "agent/import_mark.h"
#include "agent/upload.h"
#include "formats/import_file.h"
#include "lib/config.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/text.h"
#include "lib/utc.h"

typedef struct ImportOptions {
    const char *format;
    const char *tenant;
    const char *function;
    const char *region;
    const char *architecture;
    const char *at;
    const char *data;
    OptionList ignored;
    bool no_wait;
    bool follow;
    bool json;
    bool backfill;
    bool dry_run;
} ImportOptions;

/* The sums over all files of a command. */
typedef struct ImportTotals {
    ImportCounts counts;
    LocalOutcome outcome;
    bool settled;
} ImportTotals;

static const char DETAIL[] =
    "Formats: ndjson (one JSON object a line, see doc/records.md), csv (header row with the record's field names),\n"
    "lambda-report (AWS Lambda logs: plain lines, with times, JSON of CloudWatch and Firehose, CSV of Logs Insights).\n"
    "Without --format it is guessed. gzip is read as it is; - is standard input.\n"
    "--tenant, --function, --region, --arch and --at hold for lines that do not say it themselves; --at is the time at\n"
    "which such an invocation started. Importing a file again changes nothing.\n"
    "Lines that cannot be read go to quarantine: millibill quarantine list.\n"
    "--follow reads on as the files grow and are rotated, from where it or an import ended last; `follow:` in\n"
    "millibill.yaml does so without anybody's help.";

static void
fill_table(ImportOptions *options, Option table[14])
{
    const Option rows[14] = {
        {"format", 'f', OPTION_TEXT, &options->format, "FORMAT", "ndjson, csv or lambda-report"},
        {"tenant", 't', OPTION_TEXT, &options->tenant, "NAME", "tenant of lines that name none"},
        {"function", 0, OPTION_TEXT, &options->function, "FUNCTION", "function of lines that name none"},
        {"region", 0, OPTION_TEXT, &options->region, "REGION", "region of lines that name none"},
        {"arch", 0, OPTION_TEXT, &options->architecture, "ARCH",
         "x86_64 or arm64, for lines that do not say; default x86_64"},
        {"at", 0, OPTION_TEXT, &options->at, "TIME", "start (RFC 3339) of lines that carry no time"},
        {"ignore-column", 0, OPTION_LIST, &options->ignored, "NAME", "pass over this column of a CSV file; repeatable"},
        {"no-wait", 0, OPTION_FLAG, &options->no_wait, NULL, "return when the agent's spool has all"},
        {"follow", 0, OPTION_FLAG, &options->follow, NULL, "go on with what is added to the files, until stopped"},
        {"backfill", 0, OPTION_FLAG, &options->backfill, NULL,
         "usage of any age, of months too whose invoices are final"},
        {"dry-run", 0, OPTION_FLAG, &options->dry_run, NULL, "with --backfill: say what would change, and stop"},
        {"json", 0, OPTION_FLAG, &options->json, NULL, "print the counts as JSON on standard output"},
        OPTION_DATA(&options->data),
        OPTION_END,
    };
    memcpy(table, rows, sizeof rows);
}

static bool
read_names(const ImportOptions *options, DecodeDefaults *defaults, Err *err)
{
    defaults->tenant = text_of(options->tenant);
    defaults->function = text_of(options->function);
    defaults->region = text_of(options->region);
    bool fits = defaults->tenant.length <= USAGE_NAME_BYTES_MAX && defaults->function.length <= USAGE_NAME_BYTES_MAX &&
                defaults->region.length <= USAGE_REGION_BYTES_MAX && text_is_clean_utf8(defaults->tenant) &&
                text_is_clean_utf8(defaults->function) && text_is_clean_utf8(defaults->region);
    return fits || err_set(err, ERR_USAGE, "--tenant, --function: at most %d bytes of UTF-8 text, --region: at most %d",
                           USAGE_NAME_BYTES_MAX, USAGE_REGION_BYTES_MAX);
}

static bool
read_settings(const ImportOptions *options, ImportSettings *settings, ImportFormat *format, Err *err)
{
    *settings = (ImportSettings){.defaults = {.at_us = USAGE_ABSENT, .has_architecture = options->architecture != NULL},
                                 .ignored_columns = options->ignored.items,
                                 .ignored_count = options->ignored.count};
    if (options->format != NULL && !import_format_parse(options->format, format))
        return err_set(err, ERR_USAGE, "--format: '%s' is none of ndjson, csv, lambda-report", options->format);
    if (options->architecture != NULL &&
        !usage_architecture_parse(text_of(options->architecture), &settings->defaults.architecture))
        return err_set(err, ERR_USAGE, "--arch: '%s' is neither x86_64 nor arm64", options->architecture);
    if (options->at != NULL && !utc_parse(text_of(options->at), &settings->defaults.at_us, err)) {
        err->code = ERR_USAGE;
        return err_prefix(err, "--at: ");
    }
    return read_names(options, &settings->defaults, err);
}

/* The sink of import_file: tells a failure of the agent from one of the file. */
typedef struct Sending {
    Upload *upload;
    bool agent_failed;
    uint64_t rejected_line; /* the last one */
} Sending;

static bool
sink_record(void *caller, const UsageRecord *record, Err *err)
{
    Sending *sending = caller;
    sending->agent_failed = !upload_record(sending->upload, record, err);
    return !sending->agent_failed;
}

static bool
sink_reject(void *caller, const UsageRejected *rejected, Err *err)
{
    Sending *sending = caller;
    sending->rejected_line = rejected->line;
    sending->agent_failed = !upload_reject(sending->upload, rejected, err);
    return !sending->agent_failed;
}

static void
add_outcome(ImportTotals *totals, const ImportCounts *counts, const LocalOutcome *outcome)
{
    totals->counts.lines += counts->lines;
    totals->counts.records += counts->records;
    totals->counts.skipped += counts->skipped;
    totals->counts.rejected += counts->rejected;
    totals->settled = totals->settled && outcome->settled;
    totals->outcome.accepted += outcome->settled ? outcome->accepted : counts->records;
    totals->outcome.known += outcome->settled ? outcome->known : 0;
    totals->outcome.conflicts += outcome->settled ? outcome->conflicts : 0;
    totals->outcome.quarantined += outcome->settled ? outcome->quarantined : counts->rejected;
}

/* A file on its way. */
typedef struct FileImport {
    LineReader *reader;
    const char *path;
    ImportFormat format;
    ImportSettings settings;
    ImportMark mark;
    Sending sending;
    bool wait;
} FileImport;

/* Send what the open file holds. What was read before the file failed is kept: it is imported, then the failure is told. */
static bool
send_file(FileImport *self, ImportTotals *totals, Err *err)
{
    Sending *sending = &self->sending;
    ImportCounts counts = {0};
    LocalOutcome outcome = {0};
    Err problem;
    err_clear(&problem);
    const ImportSink sink = {sink_record, sink_reject, sending};
    bool whole = import_file(self->reader, self->path, self->format, &self->settings, &sink, &counts, &problem);
    if (whole)
        import_mark_reached(&self->mark, self->reader, sending->rejected_line);
    if (!sending->agent_failed) {
        sending->agent_failed = !upload_finish(sending->upload, self->wait, &outcome, err);
        if (sending->agent_failed)
            return false;
        add_outcome(totals, &counts, &outcome);
        if (outcome.registered[0] != '\0')
            fprintf(stderr, "tenant '%s' registered\n", outcome.registered);
    }
    if (!whole)
        *err = problem;
    return whole;
}

static bool
send_to_agent(LineReader *reader, const char *path, ImportFormat format, const ImportOptions *options,
              const ImportSettings *settings, const Config *config, ImportTotals *totals, bool *agent_failed, Err *err)
{
    const LocalBegin begin = {"import", path, options->tenant, true, 0};
    FileImport file = {.reader = reader,
                       .path = path,
                       .format = format,
                       .settings = *settings,
                       .wait = !options->no_wait,
                       .sending = {.upload = upload_open(config->import_socket, &begin, err)}};
    Upload *upload = file.sending.upload;
    import_mark_open(&file.mark, path);
    file.sending.agent_failed = upload == NULL || !import_mark_ask(&file.mark, upload, &file.settings, err);
    bool done = false;
    if (!file.sending.agent_failed) {
        upload_on_put(upload, import_mark_put, &file.mark);
        done = send_file(&file, totals, err);
    }
    *agent_failed = file.sending.agent_failed;
    import_mark_close(&file.mark);
    upload_free(&file.sending.upload);
    return done;
}

static bool
import_one(const char *path, ImportFormat format, const ImportOptions *options, const ImportSettings *settings,
           const Config *config, ImportTotals *totals, bool *agent_failed, Err *err)
{
    bool done = false;
    LineReader *reader = line_reader_open(path, err);
    if (reader == NULL || (format == IMPORT_UNKNOWN && !import_format_guess(reader, path, &format, err)))
        goto end;
    if (format == IMPORT_LAMBDA_REPORT && options->tenant == NULL) {
        err_set(err, ERR_USAGE, "%s: a Lambda log does not name its tenant", path);
        err_hint(err, "say whose it is with --tenant NAME");
        goto end;
    }
    done = send_to_agent(reader, path, format, options, settings, config, totals, agent_failed, err);
end:
    line_reader_free(&reader);
    return done;
}

static void
print_text(const ImportTotals *totals)
{
    const LocalOutcome *outcome = &totals->outcome;
    fprintf(stderr,
            "%" PRIu64 " line%s read: %" PRIu64 " accepted, %" PRIu64 " already known, %" PRIu64 " skipped, %" PRIu64
            " quarantined, %" PRIu64 " conflict%s%s\n",
            totals->counts.lines, text_plural((int64_t) totals->counts.lines), outcome->accepted, outcome->known,
            totals->counts.skipped, outcome->quarantined, outcome->conflicts, text_plural((int64_t) outcome->conflicts),
            totals->settled ? "" : " (in the spool; not yet committed, duplicates not yet looked for)");
    uint64_t told =
        outcome->accepted + outcome->known + outcome->quarantined + outcome->conflicts + totals->counts.skipped;
    if (told != totals->counts.lines)
        fprintf(stderr, "warning: the counts add up to %" PRIu64 ", not to the lines read: see 'millibill status'\n",
                told);
    if (outcome->quarantined > 0 || outcome->conflicts > 0)
        fprintf(stderr, "see what and why: millibill quarantine list\n");
}

static bool
print_json(const ImportTotals *totals, Err *err)
{
    const LocalOutcome *outcome = &totals->outcome;
    Json *object = json_object_new_object();
    bool done = object != NULL && json_add_int(object, "lines", (int64_t) totals->counts.lines, err) &&
                json_add_int(object, "accepted", (int64_t) outcome->accepted, err) &&
                json_add_int(object, "known", (int64_t) outcome->known, err) &&
                json_add_int(object, "skipped", (int64_t) totals->counts.skipped, err) &&
                json_add_int(object, "quarantined", (int64_t) outcome->quarantined, err) &&
                json_add_int(object, "conflicts", (int64_t) outcome->conflicts, err) &&
                (totals->settled || json_add_bool(object, "settled", false, err)) && json_print(object, stdout, err);
    json_object_put(object);
    return done || err_set(err, ERR_NOMEM, "no memory for JSON");
}

/* Import every file; one that cannot be read does not stop the others, an agent that is away does. */
static int
import_files(const char *const *paths, ImportFormat format, const ImportOptions *options,
             const ImportSettings *settings, const Config *config)
{
    ImportTotals totals = {.settled = true};
    int status = 0;
    for (; *paths != NULL; paths++) {
        Err err;
        err_clear(&err);
        bool agent_failed = false;
        if (import_one(*paths, format, options, settings, config, &totals, &agent_failed, &err))
            continue;
        int failed = err_report(&err, "millibill import");
        status = failed > status ? failed : status;
        if (agent_failed) {
            fprintf(stderr, "import ends here; run the same command again later: what is in is not billed twice\n");
            return status;
        }
    }
    Err err;
    err_clear(&err);
    if (options->json && !print_json(&totals, &err))
        return err_report(&err, "millibill import");
    print_text(&totals);
    return status;
}

static int
follow_files(const char *const *paths, ImportFormat format, const ImportOptions *options,
             const ImportSettings *settings, const Config *config)
{
    Err err;
    err_clear(&err);
    if (options->no_wait || options->json)
        err_set(&err, ERR_USAGE, "--follow does not end by itself: --no-wait and --json do not go with it");
    else if (import_follow(paths, format, settings, options->tenant, config, &err))
        return 0;
    return err_report(&err, "millibill import");
}

int
import_command(int argc, char **argv)
{
    ImportOptions options = {0};
    Option table[14];
    fill_table(&options, table);
    const CommandLine line = {.command = "millibill import",
                              .arguments = "FILE…",
                              .summary =
                                  "Load the history in files; each line is billed once, however often it is imported.",
                              .detail = DETAIL,
                              .options = table,
                              .arguments_min = 1,
                              .arguments_max = SIZE_MAX};
    const char *const *paths = NULL;
    OptionsResult result = options_parse(&line, argc, argv, &paths);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err;
    err_clear(&err);
    Config config;
    ImportSettings settings;
    ImportFormat format = IMPORT_UNKNOWN;
    if (options.dry_run) {
        err_set(&err, ERR_USAGE, "--dry-run is answered by the database's side");
        err_hint(&err, "run: millibill import --backfill --dry-run FILE…");
        return err_report(&err, "millibill import");
    }
    if (!read_settings(&options, &settings, &format, &err) || !config_load(options.data, &config, &err))
        return err_report(&err, "millibill import");
    if (options.follow)
        return follow_files(paths, format, &options, &settings, &config);
    return import_files(paths, format, &options, &settings, &config);
}
