#include "reports/savings_sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/document.h"
#include "reports/figures.h"
#include "reports/savings_sheet_parts.h"

char *
savings_figure(SavingsSetting *self, Json *object, const char *key)
{
    char *text = figure_grouped(document_member(object, key), self->err);
    self->failed = self->failed || text == NULL;
    return text;
}

char *
savings_rate(SavingsSetting *self, Json *object, const char *key)
{
    mpq_t value;
    mpq_init(value);
    char *text = figure_read(object, key, value, self->err) ? figure_rate(value, self->err) : NULL;
    self->failed = self->failed || text == NULL;
    mpq_clear(value);
    return text;
}

/* ---- both sides ---- */

static void
cost_row(SavingsSetting *self, const char *what, Json *object, const char *price_key)
{
    char *quantity = figure_brief(document_member(object, "quantity"), 3, self->err);
    char *price = savings_figure(self, object, price_key);
    char *amount = savings_figure(self, object, "amount");
    const char *cells[] = {what, quantity, document_member(object, "unit"), price, amount};
    if (quantity != NULL && price != NULL && amount != NULL)
        sheet_row(self->sheet, cells, false);
    else
        self->failed = true;
    free(quantity);
    free(price);
    free(amount);
}

static void
total_row(SavingsSetting *self, Json *object)
{
    char *total = savings_figure(self, object, "total");
    const char *cells[] = {"Total", NULL, NULL, NULL, total};
    sheet_row(self->sheet, cells, true);
    free(total);
}

static void
cost_table(SavingsSetting *self, const char *heading)
{
    const SheetColumn columns[] = {{heading, 0, false},
                                   {"Quantity", 90, true},
                                   {"Unit", 70, false},
                                   {"Unit price", 80, true},
                                   {self->currency, 70, true}};
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
}

static bool
is_used(Json *line)
{
    const char *quantity = document_member(line, "quantity");
    return strspn(quantity, "0.") != strlen(quantity);
}

/* What contracts add and take that is compared, as rows; the rest in a line below. */
static void
set_terms(SavingsSetting *self, Json *terms, bool compared)
{
    char text[SENTENCE_BYTES];
    for (size_t i = 0; i < document_length(terms); i++) {
        Json *term = json_object_array_get_idx(terms, i);
        if (json_object_get_boolean(json_member(term, "compared")) != compared)
            continue;
        char *amount = savings_figure(self, term, "amount");
        const char *tenant = document_member(term, "tenant");
        snprintf(text, sizeof(text), "%s%s%s%s", compared ? "" : "Not compared: ", tenant,
                 tenant[0] == '\0' ? "" : ": ", document_member(term, "description"));
        const char *cells[] = {text, NULL, NULL, NULL, amount};
        if (amount != NULL && compared) {
            sheet_row(self->sheet, cells, false);
        } else if (amount != NULL) {
            size_t length = strlen(text);
            snprintf(text + length, sizeof(text) - length, ": %s %s", amount, self->currency);
            sheet_text(self->sheet, SHEET_SOFT, text);
        }
        free(amount);
    }
}

static void
set_serverless(SavingsSetting *self, Json *serverless)
{
    char what[SENTENCE_BYTES];
    Json *lines = json_member(serverless, "lines");
    Json *extras = json_member(serverless, "extras");
    sheet_heading(self->sheet, "Functions");
    cost_table(self, "What");
    for (size_t i = 0; i < document_length(lines); i++) {
        Json *line = json_object_array_get_idx(lines, i);
        snprintf(what, sizeof(what), "%s: %s, %s %s", document_member(line, "tenant"),
                 document_member(line, "description"), document_member(line, "region"),
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
    char text[SENTENCE_BYTES];
    const char *percent = document_member(alternative, "saving_percent");
    char *saving = savings_figure(self, alternative, "saving");
    bool ours = strcmp(document_member(alternative, "cheaper"), "serverless") == 0;
    if (saving == NULL)
        return;
    snprintf(text, sizeof(text), "Serverless %s %s %s a month%s%s%s", ours ? "saves" : "costs more by",
             saving[0] == '-' ? saving + 1 : saving, self->currency, percent[0] == '\0' ? "" : " (",
             percent[0] == '-' ? percent + 1 : percent, percent[0] == '\0' ? "" : " %)");
    sheet_text(self->sheet, SHEET_STRONG, text);
    free(saving);
}

static void
set_range(SavingsSetting *self, Json *range)
{
    char text[SENTENCE_BYTES];
    Json *assumptions = json_member(range, "assumptions");
    char *low = savings_figure(self, range, "saving_low");
    char *high = savings_figure(self, range, "saving_high");
    if (range != NULL && low != NULL && high != NULL && strcmp(low, high) != 0) {
        snprintf(text, sizeof(text), "Saving between %s and %s %s, positive where functions are cheaper:", low, high,
                 self->currency);
        sheet_text(self->sheet, SHEET_BODY, text);
        for (size_t i = 0; i < document_length(assumptions); i++)
            sheet_text(self->sheet, SHEET_SOFT, json_object_get_string(json_object_array_get_idx(assumptions, i)));
    }
    free(low);
    free(high);
}

static void
set_use(SavingsSetting *self, Json *alternative)
{
    char text[SENTENCE_BYTES];
    Json *small = json_member(alternative, "hours_too_small");
    char *hours = savings_figure(self, alternative, "idle_hours");
    char *amount = savings_figure(self, alternative, "idle_amount");
    if (hours != NULL && amount != NULL && json_member(alternative, "utilization_percent") != NULL) {
        snprintf(text, sizeof(text), "Utilization %s %%; idle for %s hours, which is %s %s of the instances' cost.",
                 document_member(alternative, "utilization_percent"), hours, amount, self->currency);
        sheet_text(self->sheet, SHEET_BODY, text);
    }
    if (document_length(small) > 0) {
        snprintf(text, sizeof(text), "Too small in %zu hours, first at %s.", document_length(small),
                 json_object_get_string(json_object_array_get_idx(small, 0)));
        sheet_text(self->sheet, SHEET_BODY, text);
    }
    free(hours);
    free(amount);
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
    const SheetColumn columns[] = {{"Instead of functions", 0, false},
                                   {"Functions", 80, true},
                                   {"Instead", 80, true},
                                   {"Saving", 80, true},
                                   {"%", 60, true},
                                   {"Cheaper", 80, false}};
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < document_length(alternatives); i++) {
        Json *alternative = json_object_array_get_idx(alternatives, i);
        char *ours = savings_figure(self, json_member(report, "serverless"), "total");
        char *theirs = savings_figure(self, alternative, "total");
        char *saving = savings_figure(self, alternative, "saving");
        const char *cells[] = {document_member(alternative, "name"),
                               ours,
                               theirs,
                               saving,
                               document_member(alternative, "saving_percent"),
                               document_member(alternative, "cheaper")};
        sheet_row(self->sheet, cells, false);
        free(ours);
        free(theirs);
        free(saving);
    }
}

static void
set_concurrency(SavingsSetting *self, Json *concurrency)
{
    char text[SENTENCE_BYTES];
    const char *peak = document_member(concurrency, "peak");
    if (concurrency == NULL || document_member(concurrency, "mean")[0] == '\0')
        return;
    char *mean = savings_rate(self, concurrency, "mean");
    sheet_heading(self->sheet, "How much ran at a time");
    snprintf(text, sizeof(text), "%s on average%s%s%s%s.", mean == NULL ? "" : mean,
             peak[0] == '\0' ? "" : ", at most ", peak, peak[0] == '\0' ? "" : ", first at ",
             document_member(concurrency, "peak_at"));
    free(mean);
    sheet_text(self->sheet, SHEET_BODY, text);
    savings_set_histogram(self, json_member(concurrency, "histogram"));
}

static const char DEFINITIONS[] =
    "Utilization is the functions' wall time over instances x hours x executions that an instance takes at a time; idle cost is the instances' "
    "cost for the rest. Savings are differences of the printed totals, per cent of the alternative from exact values. The break-even scales today's "
    "mix at today's unit prices.";

static Sheet *
make(Json *report, const SavingsHead *head, Err *err)
{
    char title[SENTENCE_BYTES];
    Json *alternatives = json_member(report, "alternatives");
    snprintf(title, sizeof(title), "Savings report, %s", document_member(report, "period"));
    SavingsSetting self = {sheet_new(title, head->tenant == NULL ? "Functions and servers" : head->tenant),
                           document_member(report, "currency"), err, false};
    set_comparison(&self, report);
    set_serverless(&self, json_member(report, "serverless"));
    savings_set_free_tier(&self, json_member(report, "free_tier"));
    for (size_t i = 0; i < document_length(alternatives); i++)
        set_alternative(&self, json_object_array_get_idx(alternatives, i));
    set_concurrency(&self, json_member(report, "concurrency"));
    savings_set_fleet(&self, json_member(report, "fleet"));
    savings_set_verdicts(&self, json_member(report, "verdicts"));
    sheet_heading(self.sheet, "How it is counted");
    sheet_text(self.sheet, SHEET_SOFT, DEFINITIONS);
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
