#include "reports/savings_material.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/share.h"
#include "reports/alternative_fleet.h"
#include "reports/alternative_functions.h"
#include "reports/rater_call.h"
#include "reports/savings_evidence.h"
#include "reports/savings_file.h"
#include "reports/stack.h"

static const char FOLDER[] = "reports/alternatives";
static const char DEFAULT_ALTERNATIVE[] = "t3-small";
static const char CATALOGUES[] = "reports/catalogues";
static const char DEFAULT_CATALOGUE[] = "aws-us-east-1";

/* Usage that came from a file, as the rater takes it. */
typedef struct Source {
    Buffer text; /* the file */
    Buffer rows; /* its records as quote rows */
    bool is_file;
} Source;

void
savings_material_clear(SavingsMaterial *self)
{
    for (size_t i = 0; i < self->alternative_count; i++)
        alternative_free(&self->alternatives[i]);
    fleet_plan_free(&self->fleet);
    catalogue_free(&self->catalogue);
    savings_usage_clear(&self->usage);
    free(self->documents);
    json_object_put(self->answer);
}

/* ---- files ---- */

static bool
read_alternatives(const SavingsAsked *asked, SavingsMaterial *self, Err *err)
{
    const OptionList *named = &asked->alternatives;
    size_t count = named->count == 0 && !asked->fleet ? 1 : named->count;
    for (size_t i = 0; i < count; i++) {
        const char *name = named->count == 0 ? DEFAULT_ALTERNATIVE : named->items[i];
        char path[PATH_MAX];
        if (!share_resolve(FOLDER, name, path, err))
            return err_prefix(err, "--alternative: ");
        Alternative *alternative = alternative_open(path, err);
        if (alternative == NULL)
            return false;
        self->alternatives[self->alternative_count++] = alternative;
    }
    return true;
}

static bool
read_catalogue(const SavingsAsked *asked, SavingsMaterial *self, Err *err)
{
    char path[PATH_MAX];
    if (!asked->fleet)
        return true;
    if (!fleet_rules_check(&asked->rules, err))
        return false;
    if (!share_resolve(CATALOGUES, asked->catalogue != NULL ? asked->catalogue : DEFAULT_CATALOGUE, path, err))
        return err_prefix(err, "--catalogue: ");
    self->catalogue = catalogue_open(path, err);
    return self->catalogue != NULL;
}

/* ---- the rater ---- */

/* `supposed` NULL: as it is. */
static Json *
ask_stack(const SavingsAsked *asked, UtcMonth month, const char *book, Json *supposed, Err *err)
{
    char name[UTC_TEXT_BYTES];
    const char *arguments[RATER_ARGUMENTS_MAX] = {"rate", "--json", "--dry-run", "--month",
                                                  utc_month_format(month, name)};
    size_t count = 5;
    const char *const more[][2] = {{"--tenant", asked->tenant},
                                   {"--data", asked->data},
                                   {"--price-book", book},
                                   {"--suppose", supposed == NULL ? NULL : "-"}};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        if (more[i][1] == NULL)
            continue;
        arguments[count++] = more[i][0];
        arguments[count++] = more[i][1];
    }
    if (asked->no_free_tier)
        arguments[count++] = "--no-free-tier";
    char *input = supposed == NULL ? NULL : json_canonical(supposed, err);
    if (supposed != NULL && input == NULL)
        return NULL;
    Json *answer = rater_call(arguments, text_of(input), false, err);
    free(input);
    return answer;
}

static Json *
ask_quote(const SavingsAsked *asked, UtcMonth month, const char *book, Text rows, Err *err)
{
    char name[UTC_TEXT_BYTES];
    const char *arguments[RATER_ARGUMENTS_MAX] = {"quote",   "--json", "--month", utc_month_format(month, name),
                                                  "--usage", "-"};
    size_t count = 6;
    if (book != NULL) {
        arguments[count++] = "--price-book";
        arguments[count++] = book;
    }
    if (asked->no_free_tier)
        arguments[count++] = "--no-free-tier";
    return rater_call(arguments, rows, false, err);
}

/* Without any usage there is nothing to rate: the serverless side is what the alternative's file says. */
static Json *
answer_nothing(const SavingsMaterial *self, Err *err)
{
    char text[256];
    const char *currency = self->alternative_count > 0 ? self->alternatives[0]->currency : self->catalogue->currency;
    snprintf(text, sizeof(text),
             "{\"currency\":\"%s\",\"lines\":[],\"functions\":[],\"subtotal\":\"0\",\"total\":\"0\"}", currency);
    return json_parse(text_of(text), err);
}

static Text
quote_rows(const SavingsMaterial *self, const Source *source)
{
    return buffer_text(self->usage.from_records ? &source->rows : &source->text);
}

/* ---- usage ---- */

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
read_file(const SavingsAsked *asked, SavingsMaterial *self, Source *source, Err *err)
{
    const UtcMonth *month = asked->month_text == NULL ? NULL : &self->month;
    const char *name = strcmp(asked->usage, "-") == 0 ? "standard input" : asked->usage;
    if (!file_read(asked->usage, SAVINGS_USAGE_BYTES_MAX, &source->text, err) ||
        !savings_file_read(buffer_text(&source->text), name, month, &self->usage, &source->rows, err))
        return false;
    tell_left_out(&self->usage);
    if (self->usage.from_records)
        self->month = self->usage.month;
    return true;
}

static bool
take_documents(const SavingsAsked *asked, SavingsMaterial *self, Err *err)
{
    self->documents = rater_documents(self->answer, asked->account, &self->document_count, err);
    if (self->documents == NULL || asked->account == NULL || self->document_count > 0)
        return self->documents != NULL;
    char month[UTC_TEXT_BYTES];
    err_set(err, ERR_NOT_FOUND, "account '%s' has no usage in %s", asked->account,
            utc_month_format(self->month, month));
    return err_hint(err, "millibill account list names the accounts");
}

static bool
from_file(const SavingsAsked *asked, SavingsMaterial *self, Source *source, Err *err)
{
    source->is_file = true;
    if (!read_file(asked, self, source, err))
        return false;
    self->answer = self->usage.rows == 0 ? answer_nothing(self, err)
                                         : ask_quote(asked, self->month, asked->book, quote_rows(self, source), err);
    return self->answer != NULL && take_documents(asked, self, err);
}

/* Of an account: the tenants that its documents are of. */
static bool
read_evidence(const SavingsAsked *asked, SavingsMaterial *self, Db *db, Err *err)
{
    if (asked->tenant != NULL)
        return savings_evidence_read(db, &(SavingsTenants){&asked->tenant, 1}, self->month, &self->usage, err);
    if (asked->account == NULL)
        return savings_evidence_read(db, NULL, self->month, &self->usage, err);
    const char **names = calloc(self->document_count, sizeof(*names));
    if (names == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu tenants", self->document_count);
    for (size_t i = 0; i < self->document_count; i++)
        names[i] = json_object_get_string(json_member(json_member(self->documents[i], "invoice"), "tenant"));
    const SavingsTenants tenants = {names, self->document_count};
    bool done = savings_evidence_read(db, &tenants, self->month, &self->usage, err);
    free(names);
    return done;
}

/* The rater first: it finds duplicates before it rates, and what it excludes is then known here. */
static bool
from_stack(const SavingsAsked *asked, SavingsMaterial *self, Err *err)
{
    Db *db = stack_connect_evidence(asked->data, err);
    bool done = db != NULL && stack_tenant_check(db, asked->tenant, err);
    if (done) {
        self->answer = ask_stack(asked, self->month, asked->book, NULL, err);
        done = self->answer != NULL && take_documents(asked, self, err) && read_evidence(asked, self, db, err);
    }
    db_free(&db);
    if (done && self->usage.rows == 0) {
        char month[UTC_TEXT_BYTES];
        err_set(err, ERR_NOT_FOUND, "there is no usage in %s%s%s", utc_month_format(self->month, month),
                asked->tenant != NULL ? " for tenant " : "", asked->tenant != NULL ? asked->tenant : "");
        return err_hint(err, "choose another month with --month YYYY-MM, or give --usage FILE");
    }
    return done;
}

/* ---- alternatives that are the same functions ---- */

static bool
append_changed(const AlternativeFunctions *functions, const SavingsUsage *usage, Json *row, Buffer *out, Err *err)
{
    if (!alternative_functions_change(functions, usage, row, err))
        return false;
    char *line = json_canonical(row, err);
    bool done = line != NULL && buffer_append_text(out, line, err) && buffer_append(out, "\n", 1, err);
    free(line);
    return done;
}

static bool
change_line(const AlternativeFunctions *functions, const SavingsUsage *usage, Text line, Buffer *out, Err *err)
{
    if (text_is_empty(text_trim(line)))
        return true;
    Json *row = json_parse(line, err);
    bool done = row != NULL && append_changed(functions, usage, row, out, err);
    json_object_put(row);
    return done;
}

static bool
change_array(const AlternativeFunctions *functions, const SavingsUsage *usage, Text text, Buffer *out, Err *err)
{
    Json *array = json_parse(text, err);
    bool done = array != NULL;
    for (size_t i = 0; done && i < json_object_array_length(array); i++)
        done = append_changed(functions, usage, json_object_array_get_idx(array, i), out, err);
    json_object_put(array);
    return done;
}

/* Every quote row as it would be. */
static bool
change_rows(const AlternativeFunctions *functions, const SavingsUsage *usage, Text rows, Buffer *out, Err *err)
{
    Text trimmed = text_trim(rows);
    if (trimmed.length > 0 && trimmed.data[0] == '[')
        return change_array(functions, usage, trimmed, out, err);
    while (rows.length > 0) {
        const char *newline = memchr(rows.data, '\n', rows.length);
        size_t length = newline == NULL ? rows.length : (size_t) (newline - rows.data);
        if (!change_line(functions, usage, (Text){rows.data, length}, out, err))
            return false;
        size_t step = newline == NULL ? length : length + 1;
        rows = (Text){rows.data + step, rows.length - step};
    }
    return true;
}

static bool
rate_functions(const SavingsAsked *asked, SavingsMaterial *self, const Source *source, Alternative *alternative,
               Err *err)
{
    const AlternativeFunctions *functions = alternative->functions;
    const char *book = functions->price_book != NULL ? functions->price_book : asked->book;
    Json *answer = NULL;
    if (self->usage.rows == 0)
        return err_set(err, ERR_INPUT, "alternative '%s' rates usage, and there is none", alternative->name);
    if (source->is_file) {
        Buffer rows = {0};
        if (change_rows(functions, &self->usage, quote_rows(self, source), &rows, err))
            answer = ask_quote(asked, self->month, book, buffer_text(&rows), err);
        buffer_free(&rows);
    } else {
        Json *supposed = alternative_functions_supposed(functions, &self->usage, err);
        if (supposed != NULL)
            answer = ask_stack(asked, self->month, book, supposed, err);
        json_object_put(supposed);
    }
    if (answer == NULL)
        return err_prefix(err, "alternative '%s': ", alternative->name);
    return alternative_functions_take(alternative, answer, asked->account, err);
}

static bool
complete_alternatives(const SavingsAsked *asked, SavingsMaterial *self, const Source *source, Err *err)
{
    for (size_t i = 0; i < self->alternative_count; i++) {
        Alternative *alternative = self->alternatives[i];
        if (alternative->functions != NULL && !rate_functions(asked, self, source, alternative, err))
            return false;
        if (alternative->fleet != NULL && !alternative_fleet_size(alternative, &self->usage, self->month, err))
            return false;
    }
    return true;
}

/* ---- the fleet ---- */

/* Beside what was named: the cheapest fixed fleet, and the cheapest that scales itself. */
static bool
add_cheapest(SavingsMaterial *self, Err *err)
{
    const FleetOption *cheapest[] = {fleet_plan_cheapest(self->fleet), fleet_plan_cheapest_scaled(self->fleet)};
    for (size_t i = 0; i < 2; i++) {
        if (cheapest[i] == NULL)
            return err_set(err, ERR_INPUT, "no type of catalogue '%s' would do: %s", self->catalogue->name,
                           self->fleet->options[0].reason);
        Alternative *alternative = alternative_of_option(self->fleet, cheapest[i], i == 1, err);
        if (alternative == NULL)
            return false;
        self->alternatives[self->alternative_count++] = alternative;
    }
    return true;
}

static bool
size_fleet(const SavingsAsked *asked, SavingsMaterial *self, Err *err)
{
    if (!asked->fleet)
        return true;
    self->fleet = fleet_plan_make(self->catalogue, &asked->rules, &self->usage, self->month, NULL, err);
    return self->fleet != NULL && (asked->alternatives.count > 0 || add_cheapest(self, err));
}

MUST_CHECK bool
savings_material_gather(const SavingsAsked *asked, SavingsMaterial *self, Err *err)
{
    Source source = {.is_file = false};
    *self = (SavingsMaterial){.answer = NULL};
    bool done = stack_month(asked->month_text, &self->month, err) && read_alternatives(asked, self, err) &&
                read_catalogue(asked, self, err) &&
                (asked->usage != NULL ? from_file(asked, self, &source, err) : from_stack(asked, self, err));
    done = done && complete_alternatives(asked, self, &source, err) && size_fleet(asked, self, err);
    buffer_free(&source.text);
    buffer_free(&source.rows);
    return done;
}

MUST_CHECK SavingsReport *
savings_material_compare(const SavingsMaterial *self, Err *err)
{
    const SavingsInput input = {self->month,
                                self->documents,
                                self->document_count,
                                &self->usage,
                                (const Alternative *const *) self->alternatives,
                                self->alternative_count,
                                self->fleet};
    return savings_make(&input, err);
}
