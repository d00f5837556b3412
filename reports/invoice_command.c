/* invoice - show invoices; invoice_list.c lists them, invoice_render.c makes documents of them */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/options.h"
#include "lib/share.h"
#include "reports/commands.h"
#include "reports/found.h"
#include "reports/stack.h"

static bool
run_show(const char *which, const char *tenant, const char *data, bool json, Err *err)
{
    Found found = {0};
    Buffer text = {0};
    const Look look = look_plain();
    Db *db = stack_connect(data, err);
    bool done = db != NULL && stack_tenant_check(db, tenant, err) && found_one(&found, db, which, tenant, err);
    if (done && json)
        done = json_print(found.documents[0]->json, stdout, err);
    else if (done) {
        done = render_text((const Document *const *) found.documents, 1, &look, &text, err);
        done = done && buffer_print(&text, err);
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
        OPTION_JSON(&json),
        OPTION_DATA(&data),
        OPTION_END,
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

/* What makes a bill is the rater's: it takes our place. */
static int
hand_over(char *word, int argc, char **argv)
{
    char path[PATH_MAX];
    char invoice[] = "invoice";
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
    err_prefix(&err, "invoice %s: ", word);
    return err_report(&err, "millibill");
}

static int
void_command(int argc, char **argv)
{
    char word[] = "void";
    return hand_over(word, argc, argv);
}

static int
remake_command(int argc, char **argv)
{
    char word[] = "remake";
    return hand_over(word, argc, argv);
}

int
invoice_command(int argc, char **argv)
{
    static const Command commands[] = {
        {"list", "list invoices and previews", invoice_list_command},
        {"show", "show one of them", show_command},
        {"render", "render them as text, json, csv, html, pdf or ubl", invoice_render_command},
        {"void", "take a final invoice back", void_command},
        {"remake", "make one again from the evidence and compare", remake_command},
        {"write-offs", "usage that came too late to be billed", invoice_write_offs_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch("millibill invoice",
                            "Invoices: list, show, render, void or make them again; what was written off.", commands,
                            argc, argv);
}
