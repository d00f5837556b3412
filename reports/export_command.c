/* export - charges in formats that other systems read */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/digest.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/text.h"
#include "reports/commands.h"
#include "reports/focus.h"
#include "reports/stack.h"
#include "schema/document_store.h"

enum { FILE_MODE = 0644 };

typedef struct ExportOptions {
    const char *month_text;
    const char *tenant;
    const char *output;
    const char *data;
    bool previews;
    bool exact_names;
    bool json;
} ExportOptions;

typedef struct Export {
    FocusFile file;
    const char *issuer;
    FocusTerms *terms;
    int64_t documents;
    bool heeds; /* interruptions: a file is being written, which has to go */
} Export;

/* Set by the handler of SIGINT and SIGTERM: nothing half written may stay behind. */
static atomic_bool interrupted;

static void
note_interrupt(int number)
{
    (void) number;
    atomic_store(&interrupted, true);
}

static void
heed_interrupts(void)
{
    struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static bool
export_document(void *context, const DocumentRow *row, Err *err)
{
    Export *export = context;
    char hex[DIGEST_HEX_BYTES];
    Digest digest = digest_of(row->document.data, row->document.length);
    if (strcmp(digest_hex(&digest, hex), row->sha256) != 0)
        return err_set(err, ERR_CORRUPT, "invoice %" PRId64 ": the stored document does not have its stored digest %s",
                       row->invoice_id, row->sha256);
    Json *json = json_parse(row->document, err);
    const FocusSource source = {json, row->sha256, row->issued_at_us, export->issuer, export->terms};
    bool done = json != NULL && focus_document(&export->file, &source, err);
    json_object_put(json);
    export->documents++;
    return done || err_prefix(err, "invoice %" PRId64 ": ", row->invoice_id);
}

static bool
export_rows(Export *export, const ExportOptions *options, Err *err)
{
    UtcMonth month;
    DocumentFilter filter = {.tenant = options->tenant, .state = options->previews ? NULL : "final"};
    if (options->month_text != NULL && !stack_month(options->month_text, &month, err))
        return false;
    if (options->month_text != NULL)
        filter.billed_in = &month;
    Db *db = stack_connect(options->data, err);
    export->file.progress = progress_start("Rows");
    if (db != NULL && export->heeds)
        db_stop_when(db, &interrupted);
    bool done = db != NULL && stack_tenant_check(db, options->tenant, err);
    export->terms = done ? focus_terms_read(db, options->data, options->tenant, err) : NULL;
    done = export->terms != NULL && focus_write_head(&export->file, err) &&
           document_visit(db, &filter, export_document, export, err);
    progress_end(&export->file.progress);
    focus_terms_free(&export->terms);
    db_free(&db);
    if (done && fflush(export->file.file) != 0)
        done = output_failed(export->file.name, errno, err);
    return done;
}

/* ---- where to ---- */

/* A device or pipe is written into and stays what it is. */
static bool
export_into(Export *export, const ExportOptions *options, Err *err)
{
    export->file.file = fopen(options->output, "we");
    if (export->file.file == NULL)
        return output_failed(options->output, errno, err);
    bool done = export_rows(export, options, err);
    return (fclose(export->file.file) == 0 || !done || output_failed(options->output, errno, err)) && done;
}

static bool
finish_file(FILE *file, const char *part, const char *path, Err *err)
{
    bool done = fchmod(fileno(file), FILE_MODE) == 0 && fsync(fileno(file)) == 0;
    done = fclose(file) == 0 && done && rename(part, path) == 0;
    return done || output_failed(path, errno, err);
}

/* A file is whole or it is not there: written beside its place and moved at the end. */
static bool
export_to_file(Export *export, const ExportOptions *options, Err *err)
{
    char part[PATH_MAX];
    OutputPlace place;
    if (!output_place(options->output, &place, err))
        return false;
    export->file.name = options->output;
    if (place.is_stream)
        return export_into(export, options, err);
    if (snprintf(part, sizeof(part), "%s.XXXXXX", place.path) >= (int) sizeof(part))
        return err_set(err, ERR_RANGE, "the path '%s' is too long", options->output);
    int descriptor = mkstemp(part);
    export->file.file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (export->file.file == NULL) {
        output_failed(options->output, errno, err);
        if (descriptor >= 0)
            close(descriptor);
        return false;
    }
    heed_interrupts();
    export->heeds = true;
    if (export_rows(export, options, err) && finish_file(export->file.file, part, place.path, err))
        return true;
    if (access(part, F_OK) == 0)
        unlink(part);
    return false;
}

static bool
report(const Export *export, const ExportOptions *options, Err *err)
{
    if (!options->json) {
        fprintf(stderr, "%s: %" PRId64 " row%s of %" PRId64 " document%s\n", options->output, export->file.rows,
                text_plural(export->file.rows), export->documents, text_plural(export->documents));
        return true;
    }
    Json *object = json_new_object(err);
    bool done = object != NULL && json_add_text(object, "file", options->output, err) &&
                json_add_int(object, "rows", export->file.rows, err) &&
                json_add_int(object, "documents", export->documents, err) && json_print(object, stdout, err);
    json_object_put(object);
    return done;
}

static bool
run_focus(const ExportOptions *options, Err *err)
{
    Config config;
    bool to_file = options->output != NULL && strcmp(options->output, "-") != 0;
    if (options->json && !to_file) {
        err_set(err, ERR_USAGE, "--json tells about a file, and there is none");
        return err_hint(err, "say where to with --output FILE");
    }
    if (!config_load(options->data, &config, err))
        return false;
    Export export = {.file = {.file = stdout, .name = "to standard output", .exact = options->exact_names},
                     .issuer = config.brand_name};
    bool done = to_file ? export_to_file(&export, options, err) && report(&export, options, err)
                        : export_rows(&export, options, err);
    buffer_free(&export.file.line);
    return done;
}

static int
focus_command(int argc, char **argv)
{
    ExportOptions options = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "billed in this month; default all"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "one tenant; default all"},
        {"previews", 0, OPTION_FLAG, &options.previews, NULL, "previews too; their rows have no InvoiceId"},
        {"exact-names", 0, OPTION_FLAG, &options.exact_names, NULL,
         "names as they are, also those that a spreadsheet would run as a formula"},
        {"output", 'o', OPTION_TEXT, &options.output, "FILE", "write a file; default standard output"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "with --output: say as JSON what was written"},
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill export focus",
        .arguments = "",
        .summary = "Export charges as FOCUS 1.2 (FinOps Open Cost and Usage Specification), CSV.",
        .detail =
            "A row for each charge of each final document: a line's free and billed part by function, what a contract adds and\n"
            "takes, taxes. The rows of an InvoiceId add up to what the document says is to be paid. Credit notes and voids\n"
            "are corrections, billed in the month in which they were issued.",
        .options = table};
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run_focus(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}

int
export_command(int argc, char **argv)
{
    static const Command commands[] = {
        {"focus", "charges as FOCUS 1.2 CSV", focus_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill export", "Charges for other systems.", commands, argc, argv);
}
