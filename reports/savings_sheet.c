#include "reports/savings_sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/document.h"
#include "reports/figures.h"
#include "reports/savings_sheet_parts.h"

static char *
taken(SavingsSetting *self, char *text)
{
    self->failed = self->failed || text == NULL;
    return text;
}

char *
savings_figure(SavingsSetting *self, Json *object, const char *key)
{
    return taken(self, words_figure(self->words, figure_grouped(document_member(object, key), self->err), self->err));
}

char *
savings_brief(SavingsSetting *self, Json *object, const char *key, int scale)
{
    return taken(self,
                 words_figure(self->words, figure_brief(document_member(object, key), scale, self->err), self->err));
}

char *
savings_count(SavingsSetting *self, size_t count)
{
    char text[24];
    (void) snprintf(text, sizeof(text), "%zu", count);
    return taken(self, words_figure(self->words, figure_grouped(text, self->err), self->err));
}

char *
savings_money(SavingsSetting *self, Json *object, const char *key)
{
    Buffer text = {0};
    char *figure = savings_figure(self, object, key);
    if (figure != NULL && !buffer_printf(&text, self->err, "%s %s", figure, self->currency))
        buffer_free(&text);
    free(figure);
    return taken(self, text.data);
}

const char *
savings_word(const SavingsSetting *self, const char *english)
{
    return words_say(self->words, english);
}

char *
savings_sentence(SavingsSetting *self, const char *form, const SaidValue *values)
{
    Buffer text = {0};
    const Said said = said_of(form, values);
    if (!said_append(&said, self->words, &text, self->err))
        buffer_free(&text);
    return taken(self, text.data);
}

void
savings_say(SavingsSetting *self, SheetStyle style, const char *form, const SaidValue *values)
{
    char *text = savings_sentence(self, form, values);
    if (text != NULL)
        sheet_text(self->sheet, style, text);
    free(text);
}

char *
savings_rate(SavingsSetting *self, Json *object, const char *key)
{
    mpq_t value;
    mpq_init(value);
    char *text = figure_read(object, key, value, self->err) ? figure_rate(value, self->err) : NULL;
    mpq_clear(value);
    return taken(self, words_figure(self->words, text, self->err));
}

/* ---- both sides ---- */

static void
cost_row(SavingsSetting *self, const char *what, Json *object, const char *price_key)
{
    char *quantity = savings_brief(self, object, "quantity", 3);
    char *price = savings_figure(self, object, price_key);
    char *amount = savings_figure(self, object, "amount");
    const char *cells[] = {what, quantity, savings_word(self, document_member(object, "unit")), price, amount};
    if (quantity != NULL && price != NULL && amount != NULL)
        sheet_row(self->sheet, cells, false);
    free(quantity);
    free(price);
    free(amount);
}

static void
total_row(SavingsSetting *self, Json *object)
{
    char *total = savings_figure(self, object, "total");
    const char *cells[] = {savings_word(self, "Total"), NULL, NULL, NULL, total};
    sheet_row(self->sheet, cells, true);
    free(total);
}

static void
cost_table(SavingsSetting *self, const char *heading)
{
    const SheetColumn columns[] = {{savings_word(self, heading), 0, false},
                                   {savings_word(self, "Quantity"), 90, true},
                                   {savings_word(self, "Unit"), 70, false},
                                   {savings_word(self, "Unit price"), 80, true},
                                   {self->currency, 70, true}};
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
}

static bool
is_used(Json *line)
{
    const char *quantity = document_member(line, "quantity");
    return strspn(quantity, "0.") != strlen(quantity);
}

/* "acme: vat: Germany, 19 % of 400.00": who, and what a contract does in the report's language. Caller frees; NULL: failed. */
static char *
term_label(SavingsSetting *self, Json *term)
{
    Buffer text = {0};
    const char *tenant = document_member(term, "tenant");
    char *what = taken(self, words_sentence(self->words, document_member(term, "description"), self->err));
    if (what != NULL && !buffer_printf(&text, self->err, "%s%s%s", tenant, tenant[0] == '\0' ? "" : ": ", what))
        buffer_free(&text);
    free(what);
    return taken(self, text.data);
}

/* What contracts add and take that is compared, as rows; the rest in a line below. */
static void
set_terms(SavingsSetting *self, Json *terms, bool compared)
{
    for (size_t i = 0; i < document_length(terms); i++) {
        Json *term = json_object_array_get_idx(terms, i);
        if (json_object_get_boolean(json_member(term, "compared")) != compared)
            continue;
        char *label = term_label(self, term);
        char *amount = compared ? savings_figure(self, term, "amount") : savings_money(self, term, "amount");
        const char *cells[] = {label, NULL, NULL, NULL, amount};
        if (label != NULL && amount != NULL && compared)
            sheet_row(self->sheet, cells, false);
        else if (label != NULL && amount != NULL)
            savings_say(self, SHEET_SOFT, "Not compared: {1}: {2}", SAID_WITH(SAID_NAME(label), SAID_NAME(amount)));
        free(label);
        free(amount);
    }
}

static void
set_serverless(SavingsSetting *self, Json *serverless)
{
    char what[SENTENCE_BYTES];
    Json *lines = json_member(serverless, "lines");
    Json *extras = json_member(serverless, "extras");
    sheet_heading(self->sheet, savings_word(self, "Functions"));
    cost_table(self, "What");
    for (size_t i = 0; i < document_length(lines); i++) {
        Json *line = json_object_array_get_idx(lines, i);
        snprintf(what, sizeof(what), "%s: %s, %s %s", document_member(line, "tenant"),
                 savings_word(self, document_member(line, "description")), document_member(line, "region"),
                 document_member(line, "architecture"));
        if (is_used(line))
            cost_row(self, what, line, "unit_price");
    }
    for (size_t i = 0; i < document_length(extras); i++) {
        Json *extra = json_object_array_get_idx(extras, i);
        cost_row(self, document_member(extra, "what"), extra, "unit_price");
    }
    set_terms(self, json_member(serverless, "terms"), true);
    total_row(self, serverless);
    set_terms(self, json_member(serverless, "terms"), false);
}

/* ---- the verdict in a sentence ---- */

static void
set_saving(SavingsSetting *self, Json *alternative)
{
    static const char *const forms[2][2] = {
        {"Serverless costs more by {1} a month", "Serverless costs more by {1} a month ({2} %)"},
        {"Serverless saves {1} a month", "Serverless saves {1} a month ({2} %)"}};
    bool ours = strcmp(document_member(alternative, "cheaper"), "serverless") == 0;
    char *saving = savings_money(self, alternative, "saving");
    char *percent = savings_figure(self, alternative, "saving_percent");
    if (saving != NULL && percent != NULL)
        savings_say(self, SHEET_STRONG, forms[ours ? 1 : 0][percent[0] == '\0' ? 0 : 1],
                    SAID_WITH(SAID_NAME(saving[0] == '-' ? saving + 1 : saving),
                              SAID_NAME(percent[0] == '-' ? percent + 1 : percent)));
    free(saving);
    free(percent);
}

static void
set_range(SavingsSetting *self, Json *range)
{
    Json *assumptions = json_member(range, "assumptions");
    char *low = savings_figure(self, range, "saving_low");
    char *high = savings_money(self, range, "saving_high");
    if (range != NULL && low != NULL && high != NULL &&
        strcmp(document_member(range, "saving_low"), document_member(range, "saving_high")) != 0) {
        savings_say(self, SHEET_BODY, "Saving between {1} and {2}, positive where functions are cheaper:",
                    SAID_WITH(SAID_NAME(low), SAID_NAME(high)));
        for (size_t i = 0; i < document_length(assumptions); i++)
            sheet_text(self->sheet, SHEET_SOFT, json_object_get_string(json_object_array_get_idx(assumptions, i)));
    }
    free(low);
    free(high);
}

static void
set_use(SavingsSetting *self, Json *alternative)
{
    Json *small = json_member(alternative, "hours_too_small");
    char *utilization = savings_figure(self, alternative, "utilization_percent");
    char *hours = savings_figure(self, alternative, "idle_hours");
    char *amount = savings_money(self, alternative, "idle_amount");
    char *short_of = savings_count(self, document_length(small));
    if (utilization != NULL && hours != NULL && amount != NULL && utilization[0] != '\0')
        savings_say(self, SHEET_BODY, "Utilization {1} %; idle for {2} hours, which is {3} of the instances' cost.",
                    SAID_WITH(SAID_NAME(utilization), SAID_NAME(hours), SAID_NAME(amount)));
    if (short_of != NULL && document_length(small) > 0)
        savings_say(
            self, SHEET_BODY, "Too small in {1} hours, first at {2}.",
            SAID_WITH(SAID_NAME(short_of), SAID_NAME(json_object_get_string(json_object_array_get_idx(small, 0)))));
    free(utilization);
    free(hours);
    free(amount);
    free(short_of);
}

/* ---- alternatives, concurrency, verdicts ---- */

static void
set_alternative(SavingsSetting *self, Json *alternative)
{
    Json *items = json_member(alternative, "items");
    sheet_heading(self->sheet, document_member(alternative, "name"));
    cost_table(self, "Instead");
    for (size_t i = 0; i < document_length(items); i++) {
        Json *item = json_object_array_get_idx(items, i);
        cost_row(self, document_member(item, "what"), item, "unit_price");
    }
    total_row(self, alternative);
    set_saving(self, alternative);
    set_range(self, json_member(alternative, "range"));
    set_use(self, alternative);
    savings_set_break_even(self, alternative);
}

static void
set_comparison(SavingsSetting *self, Json *report)
{
    Json *alternatives = json_member(report, "alternatives");
    const SheetColumn columns[] = {{savings_word(self, "Instead of functions"), 0, false},
                                   {savings_word(self, "Functions"), 80, true},
                                   {savings_word(self, "Instead"), 80, true},
                                   {savings_word(self, "Saving"), 80, true},
                                   {"%", 60, true},
                                   {savings_word(self, "Cheaper"), 80, false}};
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < document_length(alternatives); i++) {
        Json *alternative = json_object_array_get_idx(alternatives, i);
        char *ours = savings_figure(self, json_member(report, "serverless"), "total");
        char *theirs = savings_figure(self, alternative, "total");
        char *saving = savings_figure(self, alternative, "saving");
        char *percent = savings_figure(self, alternative, "saving_percent");
        const char *cells[] = {document_member(alternative, "name"),
                               ours,
                               theirs,
                               saving,
                               percent,
                               savings_word(self, document_member(alternative, "cheaper"))};
        sheet_row(self->sheet, cells, false);
        free(ours);
        free(theirs);
        free(saving);
        free(percent);
    }
}

static void
set_concurrency(SavingsSetting *self, Json *concurrency)
{
    const bool knows_peak = document_member(concurrency, "peak_at")[0] != '\0';
    if (concurrency == NULL || document_member(concurrency, "mean")[0] == '\0')
        return;
    char *mean = savings_rate(self, concurrency, "mean");
    char *peak = savings_figure(self, concurrency, "peak");
    sheet_heading(self->sheet, savings_word(self, "How much ran at a time"));
    if (mean != NULL && peak != NULL)
        savings_say(self, SHEET_BODY, knows_peak ? "{1} on average, at most {2}, first at {3}." : "{1} on average.",
                    SAID_WITH(SAID_NAME(mean), SAID_NAME(peak), SAID_NAME(document_member(concurrency, "peak_at"))));
    free(mean);
    free(peak);
    savings_set_histogram(self, json_member(concurrency, "histogram"));
}

static void
set_definitions(SavingsSetting *self)
{
    static const char *const definitions[] = {
        "Utilization is the functions' wall time over instances x hours x executions that an instance takes at a time; idle cost is the instances' cost for the rest.",
        "Savings are differences of the printed totals, per cent of the alternative from exact values.",
        "The break-even scales today's mix at today's unit prices."};
    sheet_heading(self->sheet, savings_word(self, "How it is counted"));
    for (size_t i = 0; i < sizeof(definitions) / sizeof(definitions[0]); i++)
        savings_say(self, SHEET_SOFT, definitions[i], SAID_PLAINLY);
}

static Sheet *
make(Json *report, const SavingsHead *head, Err *err)
{
    Json *alternatives = json_member(report, "alternatives");
    SavingsSetting self = {NULL, document_member(report, "currency"), head->words, err, false};
    char *title =
        savings_sentence(&self, "Savings report, {1}", SAID_WITH(SAID_NAME(document_member(report, "period"))));
    if (title == NULL)
        return NULL;
    self.sheet = sheet_new(title, head->tenant == NULL ? savings_word(&self, "Functions and servers") : head->tenant);
    sheet_language(self.sheet, words_language(head->words));
    free(title);
    set_comparison(&self, report);
    set_serverless(&self, json_member(report, "serverless"));
    savings_set_free_tier(&self, json_member(report, "free_tier"));
    for (size_t i = 0; i < document_length(alternatives); i++)
        set_alternative(&self, json_object_array_get_idx(alternatives, i));
    set_concurrency(&self, json_member(report, "concurrency"));
    savings_set_fleet(&self, json_member(report, "fleet"));
    savings_set_verdicts(&self, json_member(report, "verdicts"));
    set_definitions(&self);
    if (self.failed)
        sheet_free(&self.sheet);
    return self.sheet;
}

bool
savings_pdf(Json *report, const SavingsHead *head, const Look *look, Buffer *out, Err *err)
{
    Sheet *sheet = make(report, head, err);
    bool done = sheet != NULL && sheet_pdf(sheet, look, head->made_at_us, out, err);
    sheet_free(&sheet);
    return done;
}

bool
savings_html(Json *report, const SavingsHead *head, const Look *look, Buffer *out, Err *err)
{
    Sheet *sheet = make(report, head, err);
    bool done = sheet != NULL && sheet_html(sheet, look, out, err);
    sheet_free(&sheet);
    return done;
}
