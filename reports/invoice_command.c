/* invoice - show and render invoices; invoice_list.c lists them */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/options.h"
#include "lib/share.h"
#include "reports/commands.h"
#include "reports/document.h"
#include "reports/stack.h"
#include "schema/document_store.h"

enum { STEM_BYTES = 200, FILE_NAME_BYTES = 255, DOCUMENTS_MAX = 100000 };

/* ---- documents found ---- */

typedef struct Found {
    Document **documents;
    int64_t *ids;
    size_t count;
} Found;

static void
found_clear(Found *found)
{
    for (size_t i = 0; i < found->count; i++)
        document_free(&found->documents[i]);
    free(found->documents);
    free(found->ids);
}

static bool
found_add(void *context, const DocumentRow *row, Err *err)
{
    Found *found = context;
    if (found->count == DOCUMENTS_MAX)
        return err_set(err, ERR_RANGE, "more than %d invoices; choose with --tenant or --month", DOCUMENTS_MAX);
    Document **documents = reallocarray(found->documents, found->count + 1, sizeof(*documents));
    if (documents != NULL)
        found->documents = documents;
    int64_t *ids = reallocarray(found->ids, found->count + 1, sizeof(*ids));
    if (ids != NULL)
        found->ids = ids;
    if (documents == NULL || ids == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu invoices", found->count + 1);
    Document *document = document_parse(row->document, err);
    if (document == NULL)
        return err_prefix(err, "invoice %" PRId64 ": ", row->invoice_id);
    if (strcmp(document->sha256, row->sha256) != 0) {
        document_free(&document);
        return err_set(err, ERR_CORRUPT, "invoice %" PRId64 ": the stored document does not have its stored digest %s",
                       row->invoice_id, row->sha256);
    }
    found->ids[found->count] = row->invoice_id;
    found->documents[found->count++] = document;
    return true;
}

/* One invoice by number or id, or "latest". */
static bool
find_one(Db *db, const char *which, const char *tenant, Found *found, Err *err)
{
    bool latest = strcmp(which, "latest") == 0;
    DocumentFilter filter = {.tenant = tenant, .number = latest ? NULL : which, .newest = latest};
    size_t before = found->count;
    if (!document_visit(db, &filter, found_add, found, err))
        return false;
    if (found->count == before) {
        err_set(err, ERR_NOT_FOUND, latest ? "there is no invoice%s%s%s" : "there is no invoice%s%s '%s'",
                tenant != NULL ? " of tenant " : "", tenant != NULL ? tenant : "", latest ? "" : which);
        return err_hint(err, "see: millibill invoice list");
    }
    if (found->count > before + 1) {
        err_set(err, ERR_CONFLICT, "%zu tenants have an invoice '%s'", found->count - before, which);
        return err_hint(err, "say whose with --tenant NAME");
    }
    return true;
}

/* ---- show ---- */

static bool
run_show(const char *which, const char *tenant, const char *data, bool json, Err *err)
{
    Found found = {0};
    Buffer text = {0};
    Db *db = stack_connect(data, err);
    bool done = db != NULL && stack_tenant_check(db, tenant, err) && find_one(db, which, tenant, &found, err);
    if (done && json)
        done = json_print(found.documents[0]->json, stdout, err);
    else if (done) {
        done = render_text((const Document *const *) found.documents, 1, NULL, &text, err);
        if (done && fwrite(text.data, 1, text.length, stdout) != text.length)
            done = err_set(err, ERR_IO, "cannot write the invoice");
    }
    buffer_free(&text);
    found_clear(&found);
    db_free(&db);
    return done;
}

static int
show_command(int argc, char **argv)
{
    const char *tenant = NULL;
    const char *data = NULL;
    bool json = false;
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &tenant, "NAME", "whose invoice"},
        {"json", 0, OPTION_FLAG, &json, NULL, "print JSON"},
        {"data", 0, OPTION_TEXT, &data, "DIR", "the stack's directory"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {.command = "millibill invoice show",
                              .arguments = "NUMBER|ID|latest",
                              .summary = "Show one invoice or preview.",
                              .options = table,
                              .arguments_min = 1,
                              .arguments_max = 1};
    const char *const *rest = NULL;
    OptionsResult result = options_parse(&line, argc, argv, &rest);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run_show(rest[0], tenant, data, json, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}

/* ---- render ---- */

typedef struct RenderOptions {
    const char *month_text;
    const char *tenant;
    const char *format; /* NULL: text */
    bool json;
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
                      : snprintf(name, sizeof(name), "%s-%.7s-preview", document->tenant, document->period_start);
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

static bool
render_to_folder(const RenderOptions *options, const DocumentFormat *format, const Found *found, Err *err)
{
    if (!directory_make(options->output_folder, 0755, err))
        return false;
    for (size_t i = 0; i < found->count; i++) {
        char name[FILE_NAME_BYTES];
        char path[PATH_MAX];
        Buffer text = {0};
        file_name(found->documents[i], found->ids[i], format->extension, name);
        int length = snprintf(path, sizeof(path), "%s/%s", options->output_folder, name);
        bool done = length < (int) sizeof(path) || err_set(err, ERR_RANGE, "the path of '%s' is too long", name);
        done = done && format->render((const Document *const *) &found->documents[i], 1, options->style, &text, err) &&
               file_write(path, text.data, text.length, 0644, err);
        buffer_free(&text);
        if (!done)
            return false;
        printf("%s\n", path);
    }
    return true;
}

static bool
render_to_one(const RenderOptions *options, const DocumentFormat *format, const Found *found, Err *err)
{
    Buffer text = {0};
    bool to_file = options->output != NULL && strcmp(options->output, "-") != 0;
    bool done = format->render((const Document *const *) found->documents, found->count, options->style, &text, err);
    if (done && to_file)
        done = file_write(options->output, text.data, text.length, 0644, err);
    else if (done && (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) != 0))
        done = err_set(err, ERR_IO, "cannot write the invoices");
    if (done && !to_file && isatty(STDOUT_FILENO) && text.length > 0 && text.data[text.length - 1] != '\n')
        putchar('\n');
    buffer_free(&text);
    return done;
}

static bool
find_all(Db *db, const RenderOptions *options, Found *found, Err *err)
{
    for (size_t i = 0; options->which[i] != NULL; i++)
        if (!find_one(db, options->which[i], options->tenant, found, err))
            return false;
    if (options->month_text == NULL)
        return true;
    UtcMonth month;
    if (!stack_month(options->month_text, &month, err))
        return false;
    DocumentFilter filter = {.tenant = options->tenant, .month = &month, .standing = true};
    if (!document_visit(db, &filter, found_add, found, err))
        return false;
    if (found->count > 0)
        return true;
    err_set(err, ERR_NOT_FOUND, "there is no invoice for %s", options->month_text);
    return err_hint(err, "make them with: millibill rate --month %s", options->month_text);
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
    Found found = {0};
    Db *db = stack_connect(options->data, err);
    bool done = db != NULL && stack_tenant_check(db, options->tenant, err) && find_all(db, options, &found, err);
    if (done)
        done = options->output_folder != NULL ? render_to_folder(options, format, &found, err)
                                              : render_to_one(options, format, &found, err);
    found_clear(&found);
    db_free(&db);
    return done;
}

static int
render_command(int argc, char **argv)
{
    RenderOptions options = {.format = NULL};
    const Option table[] = {
        {"format", 'f', OPTION_TEXT, &options.format, "FORMAT", "text, json, csv or html; default text"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "the same as --format json"},
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM",
         "all invoices of this month (previews where none is final)"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "whose invoices"},
        {"output", 'o', OPTION_TEXT, &options.output, "FILE", "write one file; default standard output"},
        {"output-dir", 'd', OPTION_TEXT, &options.output_folder, "DIR",
         "write a file for each invoice and print its path"},
        {"style", 0, OPTION_TEXT, &options.style, "FILE", "XSLT stylesheet for html; default the shipped one"},
        {"data", 0, OPTION_TEXT, &options.data, "DIR", "the stack's directory"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {
        .command = "millibill invoice render",
        .arguments = "[NUMBER|ID|latest…]",
        .summary = "Render invoices as documents.",
        .detail = "The json form is the canonical document, byte for byte: its SHA-256 is the invoice's digest.",
        .options = table,
        .arguments_max = SIZE_MAX};
    OptionsResult result = options_parse(&line, argc, argv, &options.which);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run_render(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}

/* ---- void ---- */

/* What changes the bill is the rater's: it takes our place. */
static int
void_command(int argc, char **argv)
{
    char path[PATH_MAX];
    char invoice[] = "invoice";
    char word[] = "void";
    Err err = {0};
    char **arguments = calloc((size_t) argc + 3, sizeof *arguments);
    if (arguments == NULL)
        err_set(&err, ERR_NOMEM, "no memory for %d arguments", argc);
    else if (share_program("millibill-rater", path, &err)) {
        arguments[0] = path;
        arguments[1] = invoice;
        arguments[2] = word;
        memcpy(arguments + 3, argv + 1, (size_t) (argc - 1) * sizeof *arguments);
        (void) execv(path, arguments);
        err_set(&err, ERR_NOT_FOUND, "cannot run '%s': %s", path, strerror(errno));
    }
    free(arguments);
    return err_report(&err, "millibill invoice void");
}

int
invoice_command(int argc, char **argv)
{
    static const Command commands[] = {
        {"list", "list invoices and previews", invoice_list_command},
        {"show", "show one of them", show_command},
        {"render", "render them as text, json, csv or html", render_command},
        {"void", "take a final invoice back", void_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill invoice", "Invoices: list, show, render, void", commands, argc, argv);
}
