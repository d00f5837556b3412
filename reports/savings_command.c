/* savings - compare functions with what else could do the work */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/config.h"
#include "lib/options.h"
#include "reports/commands.h"
#include "reports/document.h"
#include "reports/interrupt.h"
#include "reports/savings_material.h"
#include "reports/savings_sheet.h"

typedef struct Output {
    const char *format;   /* NULL: text */
    const char *path;     /* NULL: standard output */
    const char *language; /* NULL: the contract's, else the settings' */
    bool json;
} Output;

static bool
is_format(const Output *output, const char *name)
{
    return strcmp(output->format == NULL ? "text" : output->format, name) == 0;
}

static bool
check_output(Output *output, Err *err)
{
    static const char *const formats[] = {"text", "json", "csv", "html", "pdf"};
    if (output->json && output->format != NULL && !is_format(output, "json"))
        return err_set(err, ERR_USAGE, "--json and --format %s do not go together", output->format);
    if (output->json)
        output->format = "json";
    if (output->language != NULL && !is_format(output, "html") && !is_format(output, "pdf")) {
        err_set(err, ERR_USAGE, "--language is for documents, html and pdf");
        return err_hint(err, "text for terminals, CSV and JSON are English, as scripts read them");
    }
    bool known = false;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        known = known || is_format(output, formats[i]);
    if (!known) {
        err_set(err, ERR_USAGE, "there is no format '%s'", output->format);
        return err_hint(err, "give one of text, json, csv, html, pdf");
    }
    if (is_format(output, "pdf") && output->path == NULL && isatty(STDOUT_FILENO)) {
        err_set(err, ERR_USAGE, "a PDF is not for a terminal");
        return err_hint(err, "say where to with --output FILE");
    }
    return true;
}

/* The language that was asked for; of contracts, where all that are compared name the same one; of the settings. */
static const char *
language_of(const Output *output, const SavingsMaterial *material, const Look *look)
{
    const char *said = NULL;
    if (output->language != NULL)
        return output->language;
    for (size_t i = 0; i < material->document_count; i++) {
        const char *own = document_member(json_member(material->documents[i], "contract"), "language");
        if (own[0] == '\0' || (said != NULL && strcmp(said, own) != 0))
            return look->language;
        said = own;
    }
    return said == NULL ? look->language : said;
}

/* Reports from a file need no stack: without its settings they have the plain look. */
static bool
render_sheet(const Output *output, const SavingsAsked *asked, const SavingsMaterial *material,
             const SavingsReport *report, Buffer *out, Err *err)
{
    Config config;
    Look look = look_plain();
    if (!config_load(asked->data, &config, err) || !look_read(&config, &look, err))
        return false;
    const Words *words = words_of(language_of(output, material, &look), look.data, err);
    Json *json = words == NULL ? NULL : savings_json(report, words, err);
    const SavingsHead head = {words, asked->tenant, utc_month_end_us(report->month)};
    bool done = json != NULL && (is_format(output, "pdf") ? savings_pdf(json, &head, &look, out, err)
                                                          : savings_html(json, &head, &look, out, err));
    json_object_put(json);
    return done;
}

static bool
render_data(const Output *output, const SavingsReport *report, Buffer *out, Err *err)
{
    enum { FLAGS = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE };
    Json *json = savings_json(report, NULL, err);
    bool done = json != NULL;
    if (done && is_format(output, "json"))
        done = buffer_append_text(out, json_object_to_json_string_ext(json, FLAGS), err) &&
               buffer_append(out, "\n", 1, err);
    else if (done)
        done = savings_csv(json, out, err);
    json_object_put(json);
    return done;
}

static bool
print_report(const Output *output, const SavingsAsked *asked, const SavingsMaterial *material,
             const SavingsReport *report, Err *err)
{
    Buffer text = {0};
    bool done = is_format(output, "text") ? savings_text(report, &text, err)
                : is_format(output, "html") || is_format(output, "pdf")
                    ? render_sheet(output, asked, material, report, &text, err)
                    : render_data(output, report, &text, err);
    if (done && output->path != NULL && strcmp(output->path, "-") != 0)
        interrupt_too_late();
    done = done && buffer_save(&text, output->path, err);
    buffer_free(&text);
    return done;
}

static bool
check(SavingsAsked *asked, Err *err)
{
    if (asked->usage != NULL && asked->tenant != NULL)
        return err_set(err, ERR_USAGE, "--tenant chooses among the stack's usage and does not go with --usage");
    if (asked->account != NULL && (asked->usage != NULL || asked->tenant != NULL))
        return err_set(err, ERR_USAGE, "--account chooses among the stack's usage and does not go with --%s",
                       asked->usage != NULL ? "usage" : "tenant");
    if (asked->catalogue != NULL)
        asked->fleet = true;
    return true;
}

static bool
run(SavingsAsked *asked, Output *output, Err *err)
{
    SavingsMaterial material = {.answer = NULL};
    SavingsReport *report = NULL;
    bool done = check(asked, err) && check_output(output, err) && savings_material_gather(asked, &material, err);
    if (done) {
        report = savings_material_compare(&material, err);
        done = report != NULL && print_report(output, asked, &material, report, err);
    }
    savings_free(&report);
    savings_material_clear(&material);
    return done;
}

static const char DETAIL[] =
    "Alternatives are YAML files (doc/alternatives.md); shipped ones go by their name: t3-small and other servers,\n"
    "arm64, right-size, google-cloud-functions and other ways to run the same functions. An empty usage ([])\n"
    "compares what the file itself says of both sides.\n"
    "\n"
    "--fleet sizes servers of every type of a catalogue (doc/fleets.md) by what ran at a time, and replays every\n"
    "execution on a fleet that scales itself; the options below --catalogue are its assumptions.";

int
savings_command(int argc, char **argv)
{
    SavingsAsked asked = {.rules = fleet_rules_default()};
    Output output = {0};
    FleetRules *rules = &asked.rules;
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &asked.month_text, "YYYY-MM",
         "month to compare; default that of the records in --usage, else this month (UTC)"},
        {"tenant", 't', OPTION_TEXT, &asked.tenant, "NAME", "one tenant; default all"},
        {"account", 0, OPTION_TEXT, &asked.account, "NAME", "the tenants of one account"},
        {"usage", 'u', OPTION_TEXT, &asked.usage, "FILE",
         "quote rows or usage records instead of the stack's usage; - for stdin"},
        {"alternative", 'a', OPTION_LIST, &asked.alternatives, "FILE|NAME",
         "what to compare with, repeatable; default t3-small"},
        {"no-free-tier", 0, OPTION_FLAG, &asked.no_free_tier, NULL, "leave the free tier out"},
        {"price-book", 'b', OPTION_TEXT, &asked.book, "FILE|NAME", "price book of the functions; default aws-lambda"},
        {"fleet", 'f', OPTION_FLAG, &asked.fleet, NULL, "what each type of server would cost, sorted by cost"},
        {"catalogue", 0, OPTION_TEXT, &asked.catalogue, "FILE|NAME",
         "types and prices of servers, with --fleet; default aws-us-east-1"},
        {"headroom", 0, OPTION_INTEGER, &rules->headroom_percent, "PERCENT", "spare room above what ran; default 20"},
        {"mb-per-vcpu", 0, OPTION_INTEGER, &rules->mb_per_vcpu, "MB",
         "configured memory that takes one vCPU; default 1769"},
        {"minimum", 0, OPTION_INTEGER, &rules->minimum, "N", "instances of an autoscaled fleet, at least; default 2"},
        {"maximum", 0, OPTION_INTEGER, &rules->maximum, "N", "and at most; default 50"},
        {"alarm", 0, OPTION_INTEGER, &rules->alarm_s, "SECONDS", "too few for so long: more are launched; default 30"},
        {"scale-out-delay", 0, OPTION_INTEGER, &rules->scale_out_delay_s, "SECONDS",
         "from then to the launch; default 60"},
        {"boot", 0, OPTION_INTEGER, &rules->boot_s, "SECONDS", "from the launch until it takes work; default 90"},
        {"cooldown", 0, OPTION_INTEGER, &rules->cooldown_s, "SECONDS", "between two decisions; default 60"},
        {"scale-in", 0, OPTION_INTEGER, &rules->scale_in_s, "SECONDS", "too many for so long: some go; default 900"},
        {"wait", 0, OPTION_INTEGER, &rules->wait_s, "SECONDS",
         "a request waits at most, then it is refused; default 30"},
        {"format", 0, OPTION_TEXT, &output.format, "FORMAT", "text, json, csv, html or pdf; default text"},
        {"output", 'o', OPTION_TEXT, &output.path, "FILE", "write a file; default standard output"},
        {"language", 0, OPTION_TEXT, &output.language, "LL",
         "of html and pdf; default the contracts', else the settings'"},
        OPTION_JSON(&output.json),
        OPTION_DATA(&asked.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill savings",
        .arguments = "",
        .summary = "Compare what functions cost with what else could do the work.",
        .detail = DETAIL,
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    interrupt_ends(line.command);
    return run(&asked, &output, &err) ? EXIT_SUCCESS : err_report(&err, "millibill savings");
}
