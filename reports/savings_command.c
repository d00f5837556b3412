/* savings - compare functions with what else could do the work */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/options.h"
#include "lib/share.h"
#include "reports/commands.h"
#include "reports/rater_call.h"
#include "reports/savings.h"
#include "reports/savings_evidence.h"
#include "reports/savings_file.h"
#include "reports/stack.h"

static const char FOLDER[] = "reports/alternatives";
static const char DEFAULT_ALTERNATIVE[] = "t3-small";

typedef struct SavingsOptions {
    const char *month_text;
    const char *tenant;
    const char *usage;
    OptionList alternatives;
    bool no_free_tier;
    const char *book;
    bool json;
    const char *data;
    UtcMonth month;
} SavingsOptions;

/* All that a comparison is made of, owned. */
typedef struct Material {
    Json *answer;     /* the rater's */
    Json **documents; /* borrowed from it */
    size_t document_count;
    SavingsUsage usage;
    Alternative *alternatives[OPTION_LIST_MAX];
    size_t alternative_count;
} Material;

static void
material_clear(Material *self)
{
    for (size_t i = 0; i < self->alternative_count; i++)
        alternative_free(&self->alternatives[i]);
    savings_usage_clear(&self->usage);
    free(self->documents);
    json_object_put(self->answer);
}

static bool
read_alternatives(const SavingsOptions *options, Material *material, Err *err)
{
    size_t count = options->alternatives.count == 0 ? 1 : options->alternatives.count;
    for (size_t i = 0; i < count; i++) {
        const char *name = options->alternatives.count == 0 ? DEFAULT_ALTERNATIVE : options->alternatives.items[i];
        char path[PATH_MAX];
        if (!share_resolve(FOLDER, name, path, err))
            return err_prefix(err, "--alternative: ");
        Alternative *alternative = alternative_open(path, err);
        if (alternative == NULL)
            return false;
        material->alternatives[material->alternative_count++] = alternative;
    }
    return true;
}

/* The rater answers with one document, an array of them, or an object that holds the array. */
static bool
take_answer(Material *material, Err *err)
{
    Json *documents = json_member(material->answer, "invoices");
    if (documents == NULL)
        documents = material->answer;
    bool many = json_object_is_type(documents, json_type_array);
    size_t count = many ? json_object_array_length(documents) : 1;
    material->documents = calloc(count + 1, sizeof(*material->documents));
    if (material->documents == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu documents", count);
    for (size_t i = 0; i < count; i++)
        material->documents[i] = many ? json_object_array_get_idx(documents, i) : documents;
    material->document_count = count;
    return true;
}

/* Ask the rater. `input` is its standard input. */
static bool
ask_rater(const SavingsOptions *options, bool quote, const char *usage, Text input, Material *material, Err *err)
{
    char month[UTC_TEXT_BYTES];
    const char *arguments[RATER_ARGUMENTS_MAX] = {quote ? "quote" : "rate", "--json", "--month",
                                                  utc_month_format(options->month, month)};
    size_t count = 4;
    const char *const more[][2] = {{"--usage", quote ? usage : NULL},
                                   {"--dry-run", quote ? NULL : ""},
                                   {"--tenant", quote ? NULL : options->tenant},
                                   {"--data", quote ? NULL : options->data},
                                   {"--price-book", options->book},
                                   {"--no-free-tier", options->no_free_tier ? "" : NULL}};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        if (more[i][1] == NULL)
            continue;
        arguments[count++] = more[i][0];
        if (more[i][1][0] != '\0')
            arguments[count++] = more[i][1];
    }
    material->answer = rater_call(arguments, input, false, err);
    return material->answer != NULL && take_answer(material, err);
}

/* Without any usage there is nothing to rate: the serverless side is what the alternative's file says. */
static bool
answer_nothing(Material *material, Err *err)
{
    char text[256];
    snprintf(text, sizeof(text),
             "{\"currency\":\"%s\",\"lines\":[],\"functions\":[],\"subtotal\":\"0\",\"total\":\"0\"}",
             material->alternatives[0]->currency);
    material->answer = json_parse(text_of(text), err);
    return material->answer != NULL && take_answer(material, err);
}

static void
tell_left_out(const SavingsUsage *usage)
{
    char month[UTC_TEXT_BYTES];
    if (usage->copies > 0)
        fprintf(stderr, "millibill savings: %zu record%s left out: the same identity and content came before\n",
                usage->copies, usage->copies == 1 ? "" : "s");
    if (usage->outside > 0)
        fprintf(stderr, "millibill savings: %zu record%s left out: started outside %s\n", usage->outside,
                usage->outside == 1 ? "" : "s", utc_month_format(usage->month, month));
}

static bool
from_file(SavingsOptions *options, Material *material, Err *err)
{
    const UtcMonth *month = options->month_text == NULL ? NULL : &options->month;
    Buffer text = {0};
    Buffer rows = {0};
    bool standard_input = strcmp(options->usage, "-") == 0;
    bool done = file_read(options->usage, SAVINGS_USAGE_BYTES_MAX, &text, err) &&
                savings_file_read(buffer_text(&text), standard_input ? "standard input" : options->usage, month,
                                  &material->usage, &rows, err);
    if (done)
        tell_left_out(&material->usage);
    if (done && material->usage.from_records)
        options->month = material->usage.month;
    if (done && material->usage.rows == 0)
        done = answer_nothing(material, err);
    else if (done && material->usage.from_records)
        done = ask_rater(options, true, "-", buffer_text(&rows), material, err);
    else if (done)
        done = ask_rater(options, true, standard_input ? "-" : options->usage, buffer_text(&text), material, err);
    buffer_free(&text);
    buffer_free(&rows);
    return done;
}

/* The rater first: it finds duplicates before it rates, and what it excludes is then known here. */
static bool
from_stack(const SavingsOptions *options, Material *material, Err *err)
{
    Db *db = stack_connect_evidence(options->data, err);
    bool done = db != NULL && stack_tenant_check(db, options->tenant, err) &&
                ask_rater(options, false, NULL, (Text){NULL, 0}, material, err) &&
                savings_evidence_read(db, options->tenant, options->month, &material->usage, err);
    db_free(&db);
    if (done && material->usage.rows == 0) {
        char month[UTC_TEXT_BYTES];
        err_set(err, ERR_NOT_FOUND, "there is no usage in %s%s%s", utc_month_format(options->month, month),
                options->tenant != NULL ? " for tenant " : "", options->tenant != NULL ? options->tenant : "");
        return err_hint(err, "choose another month with --month YYYY-MM, or give --usage FILE");
    }
    return done;
}

static bool
print_report(const SavingsOptions *options, const SavingsReport *report, Err *err)
{
    if (options->json) {
        Json *json = savings_json(report, err);
        bool done = json != NULL && json_print(json, stdout, err);
        json_object_put(json);
        return done;
    }
    Buffer text = {0};
    bool done = savings_text(report, &text, err);
    if (done && fwrite(text.data, 1, text.length, stdout) != text.length)
        done = err_set(err, ERR_IO, "cannot write the report");
    buffer_free(&text);
    return done;
}

static bool
run(SavingsOptions *options, Err *err)
{
    Material material = {.answer = NULL};
    SavingsReport *report = NULL;
    bool done = stack_month(options->month_text, &options->month, err) && read_alternatives(options, &material, err) &&
                (options->usage != NULL ? from_file(options, &material, err) : from_stack(options, &material, err));
    if (done) {
        SavingsInput input = {options->month,
                              material.documents,
                              material.document_count,
                              &material.usage,
                              (const Alternative *const *) material.alternatives,
                              material.alternative_count};
        report = savings_make(&input, err);
        done = report != NULL && print_report(options, report, err);
    }
    savings_free(&report);
    material_clear(&material);
    return done;
}

int
savings_command(int argc, char **argv)
{
    SavingsOptions options = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM",
         "month to compare; default that of the records in --usage, else this month (UTC)"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "one tenant; default all"},
        {"usage", 'u', OPTION_TEXT, &options.usage, "FILE",
         "quote rows or usage records instead of the stack's usage; - for stdin"},
        {"alternative", 'a', OPTION_LIST, &options.alternatives, "FILE|NAME",
         "what to compare with, repeatable; default t3-small"},
        {"no-free-tier", 0, OPTION_FLAG, &options.no_free_tier, NULL, "leave the free tier out"},
        {"price-book", 'b', OPTION_TEXT, &options.book, "FILE|NAME", "price book of the functions; default aws-lambda"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print JSON"},
        {"data", 0, OPTION_TEXT, &options.data, "DIR", "the stack's directory"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {
        .command = "millibill savings",
        .arguments = "",
        .summary = "Compare what functions cost with what else could do the work.",
        .detail = "Alternatives are YAML files (doc/alternatives.md); shipped ones go by their name, as t3-small. An "
                  "empty usage\n"
                  "([]) compares what the file itself says of both sides.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    if (options.usage != NULL && options.tenant != NULL) {
        err_set(&err, ERR_USAGE, "--tenant chooses among the stack's usage and does not go with --usage");
        return err_report(&err, "millibill savings");
    }
    return run(&options, &err) ? EXIT_SUCCESS : err_report(&err, "millibill savings");
}
