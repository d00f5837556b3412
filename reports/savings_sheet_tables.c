/* Tables of a savings report: types of servers, and functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "reports/document.h"
#include "reports/figures.h"
#include "reports/savings_sheet_parts.h"

enum { VERDICTS_MAX = 50, TYPES_MAX = 12, FREE_TIERS_MAX = 12, NAME_BYTES = 160 };

/* ---- fleets ---- */

static void
type_row(SavingsSetting *self, Json *type)
{
    char name[NAME_BYTES];
    const char *burst = document_member(type, "burst");
    snprintf(name, sizeof(name), "%s%s%s", document_member(type, "type"), burst[0] == '\0' ? "" : ", ", burst);
    Json *fixed = json_member(type, "fixed");
    Json *scaled = json_member(type, "autoscaled");
    char *total = savings_figure(self, fixed, "total");
    char *low = savings_figure(self, fixed, "low");
    char *scaled_total = savings_figure(self, scaled, "total");
    char *waited = savings_figure(self, scaled, "waited");
    char *refused = savings_figure(self, scaled, "refused");
    const char *cells[] = {name,
                           document_member(fixed, "instances"),
                           total,
                           low,
                           document_member(scaled, "instances_mean"),
                           scaled_total,
                           waited,
                           refused};
    sheet_row(self->sheet, cells, false);
    free(total);
    free(low);
    free(scaled_total);
    free(waited);
    free(refused);
}

void
savings_set_fleet(SavingsSetting *self, Json *fleet)
{
    char text[SENTENCE_BYTES];
    Json *types = json_member(fleet, "types");
    Json *catalogue = json_member(fleet, "catalogue");
    Json *rules = json_member(fleet, "assumptions");
    const SheetColumn columns[] = {{"Type", 0, false},   {"Servers", 44, true}, {"Fixed", 58, true},
                                   {"From", 58, true},   {"Mean", 44, true},    {"Autoscaled", 62, true},
                                   {"Waited", 54, true}, {"Refused", 54, true}};
    if (document_length(types) == 0)
        return;
    sheet_heading(self->sheet, "Fleets of servers");
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < document_length(types) && i < TYPES_MAX; i++)
        type_row(self, json_object_array_get_idx(types, i));
    snprintf(
        text, sizeof(text),
        "%s, %s, %s a month, infrastructure alone. Fixed: sized for the peak with %s %% of headroom; from: cheapest purchase "
        "without headroom. Autoscaled: between %s and %s servers, replayed; who waits longer than %s s is refused.",
        document_member(catalogue, "title"), document_member(catalogue, "date"), document_member(catalogue, "currency"),
        document_member(rules, "headroom_percent"), document_member(rules, "minimum"),
        document_member(rules, "maximum"), document_member(rules, "wait_s"));
    sheet_text(self->sheet, SHEET_SOFT, text);
    if (document_member(catalogue, "note")[0] != '\0')
        sheet_text(self->sheet, SHEET_SOFT, document_member(catalogue, "note"));
}

/* ---- the free tier ---- */

/* What of an account's free tier counts here, and what others of it took. */
static void
set_free_tier(SavingsSetting *self, Json *tier)
{
    char text[SENTENCE_BYTES];
    mpq_t used, others;
    mpq_inits(used, others, NULL);
    bool done = figure_read_optional(tier, "used", used, self->err) &&
                figure_read_optional(tier, "account_used", others, self->err);
    if (done && mpq_sgn(used) > 0) {
        mpq_sub(others, others, used);
        char *took = figure_people(used, 0, self->err);
        char *rest = figure_people(others, 0, self->err);
        char *allowance = savings_figure(self, tier, "allowance");
        done = took != NULL && rest != NULL && allowance != NULL;
        if (done) {
            snprintf(text, sizeof(text), "Free tier: %s took %s of %s %ss%s%s.", document_member(tier, "tenant"), took,
                     allowance, document_member(tier, "unit"), mpq_sgn(others) > 0 ? ", others of its account " : "",
                     mpq_sgn(others) > 0 ? rest : "");
            sheet_text(self->sheet, SHEET_SOFT, text);
        }
        free(took);
        free(rest);
        free(allowance);
    }
    self->failed = self->failed || !done;
    mpq_clears(used, others, NULL);
}

void
savings_set_free_tier(SavingsSetting *self, Json *free_tier)
{
    char text[SENTENCE_BYTES];
    Json *tiers = json_member(free_tier, "tiers");
    size_t count = document_length(tiers);
    const char *value = document_member(free_tier, "value");
    if (!json_object_get_boolean(json_member(free_tier, "taken_off")) || strspn(value, "0.") == strlen(value))
        return;
    for (size_t i = 0; i < count && i < FREE_TIERS_MAX; i++)
        set_free_tier(self, json_object_array_get_idx(tiers, i));
    char *worth = savings_figure(self, free_tier, "value");
    if (worth == NULL)
        return;
    if (count > FREE_TIERS_MAX)
        snprintf(text, sizeof(text), "Free tier: %zu entries more in --json; all of it is worth %s %s here.",
                 count - FREE_TIERS_MAX, worth, self->currency);
    else
        snprintf(text, sizeof(text), "All of the free tier is worth %s %s here: the lines are what remains.", worth,
                 self->currency);
    sheet_text(self->sheet, SHEET_SOFT, text);
    free(worth);
}

/* ---- verdicts ---- */

static int
by_cost(const void *a, const void *b)
{
    Err ignored = {0};
    mpq_t left, right;
    mpq_inits(left, right, NULL);
    bool read = figure_read_optional(*(Json *const *) a, "cost_exact", left, &ignored) &&
                figure_read_optional(*(Json *const *) b, "cost_exact", right, &ignored);
    int order = read ? mpq_cmp(right, left) : 0;
    mpq_clears(left, right, NULL);
    return order != 0 ? order
                      : strcmp(document_member(*(Json *const *) a, "function"),
                               document_member(*(Json *const *) b, "function"));
}

static void
set_verdict(SavingsSetting *self, Json *verdict)
{
    Json *reasons = json_member(verdict, "reasons");
    Buffer text = {0};
    bool done = true;
    char *cost = figure_brief(document_member(verdict, "cost_exact"), 2, self->err);
    for (size_t i = 0; done && i < document_length(reasons); i++)
        done = buffer_printf(&text, self->err, "%s%s", i > 0 ? "; " : "",
                             json_object_get_string(json_object_array_get_idx(reasons, i)));
    const char *cells[] = {document_member(verdict, "function"), document_member(verdict, "tenant"),
                           document_member(verdict, "verdict"), cost, text.data == NULL ? "" : text.data};
    if (done && cost != NULL)
        sheet_row(self->sheet, cells, false);
    self->failed = self->failed || !done || cost == NULL;
    free(cost);
    buffer_free(&text);
}

void
savings_set_verdicts(SavingsSetting *self, Json *verdicts)
{
    char more[SENTENCE_BYTES];
    const SheetColumn columns[] = {{"Function", 90, false},
                                   {"Tenant", 60, false},
                                   {"Better as", 64, false},
                                   {self->currency, 54, true},
                                   {"Because", 0, false}};
    size_t count = document_length(verdicts);
    Json **order = calloc(count + 1, sizeof(*order));
    if (order == NULL)
        self->failed = !err_set(self->err, ERR_NOMEM, "no memory for %zu verdicts", count);
    if (order == NULL || count == 0) {
        free(order);
        return;
    }
    for (size_t i = 0; i < count; i++)
        order[i] = json_object_array_get_idx(verdicts, i);
    qsort(order, count, sizeof(*order), by_cost);
    sheet_heading(self->sheet, "Function by function");
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < count && i < VERDICTS_MAX; i++)
        set_verdict(self, order[i]);
    free(order);
    snprintf(more, sizeof(more), "and %zu more functions: --format csv and --json list them all", count - VERDICTS_MAX);
    if (count > VERDICTS_MAX)
        sheet_text(self->sheet, SHEET_SOFT, more);
}
