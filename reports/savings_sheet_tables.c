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

/* "t3.small, unlimited" */
static void
name_type(const SavingsSetting *self, Json *type, char out[NAME_BYTES])
{
    const char *burst = document_member(type, "burst");
    (void) snprintf(out, NAME_BYTES, "%s%s%s", document_member(type, "type"), burst[0] == '\0' ? "" : ", ",
                    savings_word(self, burst));
}

static void
type_row(SavingsSetting *self, Json *type)
{
    enum { FIGURES = 7 };
    char name[NAME_BYTES];
    Json *fixed = json_member(type, "fixed");
    Json *scaled = json_member(type, "autoscaled");
    name_type(self, type, name);
    char *figures[FIGURES] = {savings_figure(self, fixed, "instances"), savings_figure(self, fixed, "total"),
                              savings_figure(self, fixed, "low"),       savings_figure(self, scaled, "instances_mean"),
                              savings_figure(self, scaled, "total"),    savings_figure(self, scaled, "waited"),
                              savings_figure(self, scaled, "refused")};
    const char *cells[FIGURES + 1] = {name};
    for (size_t i = 0; i < FIGURES; i++)
        cells[i + 1] = figures[i];
    sheet_row(self->sheet, cells, false);
    for (size_t i = 0; i < FIGURES; i++)
        free(figures[i]);
}

static void
set_rules(SavingsSetting *self, Json *catalogue, Json *rules)
{
    savings_say(self, SHEET_SOFT, "{1}, {2}, {3} a month, infrastructure alone.",
                SAID_WITH(SAID_NAME(document_member(catalogue, "title")), SAID_NAME(document_member(catalogue, "date")),
                          SAID_NAME(document_member(catalogue, "currency"))));
    savings_say(self, SHEET_SOFT,
                "Fixed: sized for the peak with {1} % of headroom; from: cheapest purchase without headroom.",
                SAID_WITH(SAID_NAME(document_member(rules, "headroom_percent"))));
    savings_say(self, SHEET_SOFT,
                "Autoscaled: between {1} and {2} servers, replayed; who waits longer than {3} s is refused.",
                SAID_WITH(SAID_NAME(document_member(rules, "minimum")), SAID_NAME(document_member(rules, "maximum")),
                          SAID_NAME(document_member(rules, "wait_s"))));
    if (document_member(catalogue, "note")[0] != '\0')
        sheet_text(self->sheet, SHEET_SOFT, document_member(catalogue, "note"));
}

/* ---- CPU credits ---- */

static void
credit_table(SavingsSetting *self)
{
    const SheetColumn columns[] = {
        {savings_word(self, "Type"), 0, false},        {savings_word(self, "Fleet"), 70, false},
        {savings_word(self, "Hours short"), 62, true}, {savings_word(self, "First at"), 116, true},
        {savings_word(self, "Lacking"), 70, true},     {savings_word(self, "Charged"), 70, true}};
    sheet_heading(self->sheet, savings_word(self, "CPU credits of burstable types"));
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
}

/* A row where credits ran out or were paid for; begins the table with the first one. */
static void
credit_row(SavingsSetting *self, const char *name, const char *fleet, Json *credits, bool *begun)
{
    const char *charged = document_member(credits, "charged_vcpu_hours");
    if (credits == NULL ||
        (json_object_get_int64(json_member(credits, "short_hours")) == 0 && strspn(charged, "0.") == strlen(charged)))
        return;
    if (!*begun)
        credit_table(self);
    *begun = true;
    char *hours = savings_figure(self, credits, "short_hours");
    char *lacking = savings_brief(self, credits, "lacking_vcpu_hours", 2);
    char *paid = savings_brief(self, credits, "charged_vcpu_hours", 2);
    const char *cells[] = {name, savings_word(self, fleet), hours, document_member(credits, "first_short_at"), lacking,
                           paid};
    sheet_row(self->sheet, cells, false);
    free(hours);
    free(lacking);
    free(paid);
}

/* How the credits of the types that are shown last. */
static void
set_credits(SavingsSetting *self, Json *types)
{
    char name[NAME_BYTES];
    bool begun = false;
    bool counted = false;
    for (size_t i = 0; i < document_length(types) && i < TYPES_MAX; i++) {
        Json *type = json_object_array_get_idx(types, i);
        Json *fixed = json_member(json_member(type, "fixed"), "credits");
        Json *scaled = json_member(json_member(type, "autoscaled"), "credits");
        name_type(self, type, name);
        credit_row(self, name, "Fixed", fixed, &begun);
        credit_row(self, name, "Autoscaled", scaled, &begun);
        counted = counted || fixed != NULL || scaled != NULL;
    }
    if (begun)
        savings_say(
            self, SHEET_SOFT,
            "Hours in which the credits had run out. Lacking, charged: vCPU-hours; standard mode does without, unlimited mode pays.",
            SAID_PLAINLY);
    else if (counted)
        savings_say(self, SHEET_SOFT, "Credits last all month for every type shown above.", SAID_PLAINLY);
}

void
savings_set_fleet(SavingsSetting *self, Json *fleet)
{
    Json *types = json_member(fleet, "types");
    const SheetColumn columns[] = {
        {savings_word(self, "Type"), 0, false},   {savings_word(self, "Servers"), 44, true},
        {savings_word(self, "Fixed"), 58, true},  {savings_word(self, "From"), 58, true},
        {savings_word(self, "Mean"), 44, true},   {savings_word(self, "Autoscaled"), 62, true},
        {savings_word(self, "Waited"), 54, true}, {savings_word(self, "Refused"), 54, true}};
    if (document_length(types) == 0)
        return;
    sheet_heading(self->sheet, savings_word(self, "Fleets of servers"));
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < document_length(types) && i < TYPES_MAX; i++)
        if (json_object_get_boolean(json_member(json_object_array_get_idx(types, i), "fits")))
            type_row(self, json_object_array_get_idx(types, i));
    set_rules(self, json_member(fleet, "catalogue"), json_member(fleet, "assumptions"));
    set_credits(self, types);
}

/* ---- the free tier ---- */

/* What of an account's free tier counts here, and what others of it took. */
static void
set_free_tier(SavingsSetting *self, Json *tier)
{
    mpq_t used, others;
    mpq_inits(used, others, NULL);
    bool done = figure_read_optional(tier, "used", used, self->err) &&
                figure_read_optional(tier, "account_used", others, self->err);
    if (done && mpq_sgn(used) > 0) {
        mpq_sub(others, others, used);
        char *took = words_figure(self->words, figure_people(used, 0, self->err), self->err);
        char *rest = words_figure(self->words, figure_people(others, 0, self->err), self->err);
        char *allowance = savings_figure(self, tier, "allowance");
        done = took != NULL && rest != NULL && allowance != NULL;
        if (done)
            savings_say(self, SHEET_SOFT,
                        mpq_sgn(others) > 0 ? "Free tier ({1}): {2} took {3} of {4}, others of its account {5}."
                                            : "Free tier ({1}): {2} took {3} of {4}.",
                        SAID_WITH(SAID_NAME(savings_word(self, document_member(tier, "unit"))),
                                  SAID_NAME(document_member(tier, "tenant")), SAID_NAME(took), SAID_NAME(allowance),
                                  SAID_NAME(rest)));
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
    Json *tiers = json_member(free_tier, "tiers");
    size_t count = document_length(tiers);
    const char *value = document_member(free_tier, "value");
    if (!json_object_get_boolean(json_member(free_tier, "taken_off")) || strspn(value, "0.") == strlen(value))
        return;
    for (size_t i = 0; i < count && i < FREE_TIERS_MAX; i++)
        set_free_tier(self, json_object_array_get_idx(tiers, i));
    char *worth = savings_money(self, free_tier, "value");
    char *more = savings_count(self, count > FREE_TIERS_MAX ? count - FREE_TIERS_MAX : 0);
    if (worth != NULL && more != NULL && count > FREE_TIERS_MAX)
        savings_say(self, SHEET_SOFT, "Free tier: {1} entries more in --json; all of it is worth {2} here.",
                    SAID_WITH(SAID_NAME(more), SAID_NAME(worth)));
    else if (worth != NULL && more != NULL)
        savings_say(self, SHEET_SOFT, "All of the free tier is worth {1} here: the lines are what remains.",
                    SAID_WITH(SAID_NAME(worth)));
    free(worth);
    free(more);
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
    char *cost = savings_brief(self, verdict, "cost_exact", 2);
    for (size_t i = 0; done && i < document_length(reasons); i++)
        done = buffer_printf(&text, self->err, "%s%s", i > 0 ? "; " : "",
                             json_object_get_string(json_object_array_get_idx(reasons, i)));
    const char *cells[] = {document_member(verdict, "function"), document_member(verdict, "tenant"),
                           savings_word(self, document_member(verdict, "verdict")), cost,
                           text.data == NULL ? "" : text.data};
    if (done && cost != NULL)
        sheet_row(self->sheet, cells, false);
    self->failed = self->failed || !done;
    free(cost);
    buffer_free(&text);
}

void
savings_set_verdicts(SavingsSetting *self, Json *verdicts)
{
    const SheetColumn columns[] = {{savings_word(self, "Function"), 90, false},
                                   {savings_word(self, "Tenant"), 60, false},
                                   {savings_word(self, "Better as"), 64, false},
                                   {self->currency, 54, true},
                                   {savings_word(self, "Because"), 0, false}};
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
    sheet_heading(self->sheet, savings_word(self, "Function by function"));
    sheet_table(self->sheet, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < count && i < VERDICTS_MAX; i++)
        set_verdict(self, order[i]);
    free(order);
    char *more = savings_count(self, count > VERDICTS_MAX ? count - VERDICTS_MAX : 0);
    if (more != NULL && count > VERDICTS_MAX)
        savings_say(self, SHEET_SOFT, "and {1} more functions: --format csv and --json list them all",
                    SAID_WITH(SAID_NAME(more)));
    free(more);
}
