/* dashboard - a month as one page that works offline */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/options.h"
#include "reports/commands.h"
#include "reports/dashboard.h"
#include "reports/stack.h"

typedef struct DashboardOptions {
    const char *month_text;
    const char *tenant;
    const char *output;
    OptionList alternatives;
    bool no_savings;
    const char *book;
    bool json;
    const char *data;
} DashboardOptions;

static bool
write_page(const DashboardOptions *options, const char *month, Json *document, Err *err)
{
    char path[sizeof("dashboard-.html") + UTC_TEXT_BYTES];
    const char *output = options->output;
    snprintf(path, sizeof(path), "dashboard-%s.html", month);
    if (output == NULL)
        output = path;
    Buffer page = {0};
    bool done = dashboard_page(document, &page, err) && buffer_save(&page, output, err);
    if (done && strcmp(output, "-") != 0)
        printf("%s\n", output);
    buffer_free(&page);
    return done;
}

/* What had to be left out; the report's own message stands above. */
static void
tell_notes(Json *document)
{
    Json *notes = json_member(document, "notes");
    for (size_t i = 0; i < json_object_array_length(notes); i++)
        fprintf(stderr, "millibill dashboard: '%s' could not answer and is left out\n",
                json_object_get_string(json_object_array_get_idx(notes, i)));
}

static bool
run(const DashboardOptions *options, Err *err)
{
    char month[UTC_TEXT_BYTES];
    DashboardRequest request = {.tenant = options->tenant,
                                .alternatives = &options->alternatives,
                                .no_savings = options->no_savings,
                                .price_book = options->book,
                                .data = options->data};
    if (options->json && options->output != NULL)
        return err_set(err, ERR_USAGE, "--json prints the document and does not go with --output");
    if (!stack_month(options->month_text, &request.month, err))
        return false;
    request.month_text = utc_month_format(request.month, month);
    Json *document = dashboard_document(&request, err);
    if (document == NULL)
        return false;
    tell_notes(document);
    bool done = options->json ? json_print(document, stdout, err) : write_page(options, month, document, err);
    json_object_put(document);
    return done;
}

int
dashboard_command(int argc, char **argv)
{
    DashboardOptions options = {.month_text = NULL};
    const Option table[] = {
        {"output", 'o', OPTION_TEXT, &options.output, "FILE",
         "where to write the page; - is standard output; default dashboard-YYYY-MM.html"},
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "month; default this month (UTC)"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "one tenant, and nothing of others; default all"},
        {"alternative", 'a', OPTION_LIST, &options.alternatives, "FILE|NAME",
         "compare with it, as savings does; repeatable"},
        {"no-savings", 0, OPTION_FLAG, &options.no_savings, NULL, "leave the comparison with servers out"},
        {"price-book", 'b', OPTION_TEXT, &options.book, "FILE|NAME",
         "price book of free tier and savings; default aws-lambda"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print the page's figures as JSON"},
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill dashboard",
        .arguments = "",
        .summary = "Write a month as one page: cost by day and function, free tier, savings, errors, a table.",
        .detail =
            "The page is one file without links: it opens anywhere, fetches nothing and can be printed or sent on. Costs\n"
            "come from the invoices and previews in force (millibill rate), free tier and savings from their reports.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}
