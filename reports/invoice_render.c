/* invoice render - documents of invoices, in one file or one file each */
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/crew.h"
#include "lib/options.h"
#include "reports/commands.h"
#include "reports/found.h"
#include "reports/issue.h"
#include "reports/stack.h"

enum { STEM_BYTES = 200, FILE_NAME_BYTES = 255 };

typedef struct RenderOptions {
    const char *month_text;
    const char *tenant;
    const char *format; /* NULL: text */
    bool json;
    bool final;    /* no previews */
    bool anew;     /* not what was issued */
    bool possible; /* leave out what the form does not allow */
    const char *style;
    const char *output;
    const char *output_folder;
    const char *data;
    const char *const *which; /* numbers or ids, NULL-terminated */
} RenderOptions;

/* A name for a file of its own: number or tenant, month and state; bytes that mean something to a shell or a path become
 * '_', and then the id keeps two of them apart. */
static void
file_name(const Document *document, int64_t id, const char *extension, char out[FILE_NAME_BYTES])
{
    char name[STEM_BYTES];
    int written = document->is_final
                      ? snprintf(name, sizeof(name), "%s-%s", document->tenant, document->number)
                      : snprintf(name, sizeof(name), "%s-%.7s-preview", document->tenant, document->month);
    bool changed = written >= (int) sizeof(name);
    for (char *at = name; *at != '\0'; at++) {
        bool plain = isalnum((unsigned char) *at) || *at == '_' || (at > name && (*at == '-' || *at == '.'));
        changed = changed || !plain;
        *at = plain ? *at : '_';
    }
    if (changed)
        snprintf(out, FILE_NAME_BYTES, "%s-%" PRId64 ".%s", name, id, extension);
    else
        snprintf(out, FILE_NAME_BYTES, "%s.%s", name, extension);
}

/* Documents on their way into a folder, a file each. */
typedef struct Folder {
    const char *path;
    const Found *found;
    Issue issue;
    bool *left_out; /* NULL: whatever cannot be made fails */
} Folder;

static bool
path_of(const Folder *folder, size_t i, char out[PATH_MAX], Err *err)
{
    char name[FILE_NAME_BYTES];
    file_name(folder->found->documents[i], folder->found->ids[i], folder->issue.format->extension, name);
    return snprintf(out, PATH_MAX, "%s/%s", folder->path, name) < PATH_MAX ||
           err_set(err, ERR_RANGE, "the path of '%s' is too long", name);
}

/* A file that says the same already is left alone. */
static bool
write_if_new(const char *path, Text text, Err *err)
{
    Buffer old = {0};
    Err ignored = {0};
    bool same = access(path, F_OK) == 0 && file_read(path, text.length + 1, &old, &ignored) &&
                text_equal(buffer_text(&old), text);
    buffer_free(&old);
    return same || file_write(path, text.data, text.length, 0644, err);
}

/* What an electronic invoice wants and the contract does not say is no reason to keep the others back, if the caller says so. */
static bool
leave_out(Folder *folder, size_t i, const Err *reason, Err *err)
{
    const bool is_of_form = reason->code == ERR_INPUT || reason->code == ERR_RANGE;
    if (folder->left_out == NULL || !is_of_form) {
        *err = *reason;
        return false;
    }
    folder->left_out[i] = true;
    fprintf(stderr, "%s of tenant %s is left out: %s\n", folder->found->documents[i]->number,
            folder->found->documents[i]->tenant, reason->message);
    return true;
}

static bool
render_file(void *context, size_t i, Err *err)
{
    Folder *folder = context;
    const Found *found = folder->found;
    char path[PATH_MAX];
    Buffer text = {0};
    Err reason = {0};
    bool done = path_of(folder, i, path, err) && (issue_document(&folder->issue, found->documents[i],
                                                                 found->tenant_ids[i], found->ids[i], &text, &reason)
                                                      ? write_if_new(path, buffer_text(&text), err)
                                                      : leave_out(folder, i, &reason, err));
    buffer_free(&text);
    return done;
}

static bool
render_to_folder(const RenderOptions *options, const Issue *issue, const Found *found, Err *err)
{
    Folder folder = {options->output_folder, found, *issue, NULL};
    char path[PATH_MAX];
    if (options->possible) {
        folder.left_out = calloc(found->count + 1, sizeof *folder.left_out);
        if (folder.left_out == NULL)
            return err_set(err, ERR_NOMEM, "no memory for %zu documents", found->count);
    }
    bool done = directory_make(folder.path, 0755, err) && crew_work(found->count, render_file, &folder, err);
    for (size_t i = 0; done && i < found->count; i++) {
        if (folder.left_out != NULL && folder.left_out[i])
            continue;
        done = path_of(&folder, i, path, err);
        if (done)
            printf("%s\n", path);
    }
    free(folder.left_out);
    issue_close(&folder.issue);
    return done;
}

/* Several documents in one file are a file of its own, and not what was issued. */
static bool
render_text_of(const Found *found, const Issue *issue, Buffer *out, Err *err)
{
    Issue one = *issue;
    if (found->count != 1)
        return issue->format->render((const Document *const *) found->documents, found->count, issue->look, out, err);
    bool done = issue_document(&one, found->documents[0], found->tenant_ids[0], found->ids[0], out, err);
    issue_close(&one);
    return done;
}

static bool
render_to_one(const RenderOptions *options, const Issue *issue, const Found *found, Err *err)
{
    Buffer text = {0};
    bool to_file = options->output != NULL && strcmp(options->output, "-") != 0;
    if (!to_file && issue->format->render == render_pdf && isatty(STDOUT_FILENO)) {
        err_set(err, ERR_USAGE, "a PDF is not for a terminal");
        return err_hint(err, "say where to with --output FILE or --output-dir DIR");
    }
    bool done = render_text_of(found, issue, &text, err) && buffer_save(&text, options->output, err);
    if (done && !to_file && isatty(STDOUT_FILENO) && text.length > 0 && text.data[text.length - 1] != '\n')
        putchar('\n');
    buffer_free(&text);
    return done;
}

static bool
find_all(Db *db, const RenderOptions *options, Found *found, Err *err)
{
    for (size_t i = 0; options->which[i] != NULL; i++)
        if (!found_one(found, db, options->which[i], options->tenant, err))
            return false;
    return options->month_text == NULL ||
           found_month(found, db, options->month_text, options->tenant, options->final, err);
}

static bool
run_render(const RenderOptions *options, Err *err)
{
    if (options->json && options->format != NULL && strcmp(options->format, "json") != 0)
        return err_set(err, ERR_USAGE, "--json and --format %s do not go together", options->format);
    const char *name = options->format == NULL ? "text" : options->format;
    const DocumentFormat *format = document_format(options->json ? "json" : name, err);
    if (format == NULL)
        return false;
    if (options->which[0] == NULL && options->month_text == NULL) {
        err_set(err, ERR_USAGE, "which invoices? Give numbers, or --month YYYY-MM");
        return err_hint(err, "see: millibill invoice list");
    }
    if (options->output != NULL && options->output_folder != NULL)
        return err_set(err, ERR_USAGE, "--output and --output-dir do not go together");
    if (options->possible && options->output_folder == NULL)
        return err_set(err, ERR_USAGE, "--possible goes with --output-dir");
    Found found = {0};
    Config config;
    Look look;
    if (!config_load(options->data, &config, err) || !look_read(&config, &look, err))
        return false;
    look.style = options->style;
    const Issue issue = {.data = options->data, .format = format, .look = &look, .anew = options->anew};
    Db *db = stack_connect(options->data, err);
    bool done = db != NULL && stack_tenant_check(db, options->tenant, err) && find_all(db, options, &found, err);
    if (done)
        done = options->output_folder != NULL ? render_to_folder(options, &issue, &found, err)
                                              : render_to_one(options, &issue, &found, err);
    found_clear(&found);
    db_free(&db);
    return done;
}

int
invoice_render_command(int argc, char **argv)
{
    RenderOptions options = {.format = NULL};
    const Option table[] = {
        {"format", 'f', OPTION_TEXT, &options.format, "FORMAT", "text, json, csv, html, pdf or ubl; default text"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "the same as --format json"},
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM",
         "all invoices of this month (previews where none is final)"},
        {"final", 0, OPTION_FLAG, &options.final, NULL, "with --month: final invoices only"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "whose invoices"},
        {"output", 'o', OPTION_TEXT, &options.output, "FILE", "write one file; default standard output"},
        {"output-dir", 'd', OPTION_TEXT, &options.output_folder, "DIR",
         "write a file for each invoice and print its path"},
        {"anew", 0, OPTION_FLAG, &options.anew, NULL, "as this build and these settings make it, not as it was issued"},
        {"possible", 0, OPTION_FLAG, &options.possible, NULL,
         "with --output-dir: leave out, with a message, what the format does not allow (ubl)"},
        {"style", 0, OPTION_TEXT, &options.style, "FILE", "XSLT stylesheet for html; default the shipped one"},
        {"data", 0, OPTION_TEXT, &options.data, "DIR", "the stack's directory"},
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill invoice render",
        .arguments = "[NUMBER|ID|latest…]",
        .summary = "Render invoices as documents.",
        .detail =
            "The json form is the canonical document, byte for byte: its SHA-256 is the invoice's digest. A final document that\n"
            "was made as pdf or ubl once stays as it was issued, byte for byte.",
        .options = table,
        .arguments_max = SIZE_MAX};
    OptionsResult result = options_parse(&line, argc, argv, &options.which);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run_render(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}
