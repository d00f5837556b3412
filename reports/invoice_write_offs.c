/* invoice write-offs - usage that came too late to be billed, by the contract's policy */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/harmless.h"
#include "lib/json.h"
#include "lib/options.h"
#include "reports/commands.h"
#include "reports/figures.h"
#include "reports/stack.h"
#include "reports/table.h"
#include "schema/adjust_store.h"

typedef struct WriteOffOptions {
    const char *month_text;
    const char *tenant;
    bool csv;
    bool json;
    const char *data;
} WriteOffOptions;

/* ---- reading ---- */

/* The document has the tenant, its period, receipts, policy, records, causes and lines. */
static bool
collect(void *context, const AdjustRow *row, Err *err)
{
    Json *document = json_parse(row->document, err);
    return document != NULL && json_append(context, document, err);
}

static const char *
member(Json *object, const char *key)
{
    Json *value = json_member(object, key);
    return value == NULL ? "" : json_object_get_string(value);
}

/* ---- sums ---- */

typedef struct CurrencySum {
    const char *currency; /* borrowed from the first row that has it */
    mpq_t amount;
} CurrencySum;

typedef struct CurrencySums {
    CurrencySum *all;
    size_t count, capacity;
} CurrencySums;

static void
sums_free(CurrencySums *self)
{
    for (size_t i = 0; i < self->count; i++)
        mpq_clear(self->all[i].amount);
    free(self->all);
}

static bool
sums_add(CurrencySums *self, Json *row, Err *err)
{
    const char *currency = member(row, "currency");
    size_t at = 0;
    while (at < self->count && strcmp(self->all[at].currency, currency) != 0)
        at++;
    if (at == self->count) {
        if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
            return false;
        self->all[self->count].currency = currency;
        mpq_init(self->all[self->count++].amount);
    }
    mpq_t amount;
    mpq_init(amount);
    bool done = figure_read(row, "amount_exact", amount, err);
    mpq_add(self->all[at].amount, self->all[at].amount, amount);
    mpq_clear(amount);
    return done;
}

/* ---- text ---- */

static bool
add_row(Table *table, Json *row, Err *err)
{
    char month[8];
    char policy[32];
    const char *starts = member(row, "month");
    snprintf(month, sizeof month, "%.7s", starts[0] != '\0' ? starts : member(row, "period_start"));
    snprintf(policy, sizeof policy, "%s month%s", member(row, "late_usage_months"),
             strcmp(member(row, "late_usage_months"), "1") == 0 ? "" : "s");
    char *records = figure_grouped(member(row, "records"), err);
    char *amount = records == NULL ? NULL : figure_grouped(member(row, "amount"), err);
    const char *cells[] = {
        member(row, "tenant"),  month, member(row, "invoice"), member(row, "settled_for"), policy, records, amount,
        member(row, "currency")};
    bool done = amount != NULL && table_row(table, cells, err);
    free(records);
    free(amount);
    return done;
}

static bool
add_sums(const CurrencySums *sums, Table *table, Err *err)
{
    bool done = table_rule(table, err);
    for (size_t i = 0; done && i < sums->count; i++) {
        char *amount = figure_people(sums->all[i].amount, currency_scale(sums->all[i].currency), err);
        const char *cells[] = {"Together", NULL, NULL, NULL, NULL, NULL, amount, sums->all[i].currency};
        done = amount != NULL && table_row(table, cells, err);
        free(amount);
    }
    return done;
}

static bool
print_text(Json *rows, Buffer *text, Err *err)
{
    static const TableColumn columns[] = {{"Tenant", TABLE_FLEXIBLE}, {"Month", TABLE_LEFT},  {"Invoice", TABLE_LEFT},
                                          {"Found in", TABLE_LEFT},   {"Policy", TABLE_LEFT}, {"Records", TABLE_RIGHT},
                                          {"Worth", TABLE_RIGHT},     {"", TABLE_LEFT}};
    CurrencySums sums = {0};
    if (json_object_array_length(rows) == 0)
        return buffer_append_text(text, "Nothing was written off.\n", err);
    Table *table = table_new(columns, sizeof columns / sizeof columns[0], err);
    bool done = table != NULL;
    for (size_t i = 0; done && i < json_object_array_length(rows); i++) {
        Json *row = json_object_array_get_idx(rows, i);
        done = add_row(table, row, err) && sums_add(&sums, row, err);
    }
    done = done && add_sums(&sums, table, err) && table_print(table, table_width(), text, err);
    sums_free(&sums);
    table_free(&table);
    return done;
}

/* ---- CSV: a row for each line ---- */

static const char *const ROW_MEMBERS[] = {"tenant",      "account",           "period_start", "period_end", "invoice",
                                          "settled_for", "late_usage_months", "from_receipt", "to_receipt", "records"};
static const char *const LINE_MEMBERS[] = {"region",   "architecture", "mode", "sku",        "description",
                                           "quantity", "unit",         "tier", "unit_price", "amount_exact"};
enum {
    ROW_MEMBER_COUNT = sizeof ROW_MEMBERS / sizeof ROW_MEMBERS[0],
    LINE_MEMBER_COUNT = sizeof LINE_MEMBERS / sizeof LINE_MEMBERS[0]
};

static bool
csv_row(Json *row, Json *line, Buffer *text, Err *err)
{
    bool done = true;
    for (int i = 0; done && i < ROW_MEMBER_COUNT; i++)
        done = csv_append_cell(text, row == NULL ? ROW_MEMBERS[i] : member(row, ROW_MEMBERS[i]), false, err);
    for (int i = 0; done && i < LINE_MEMBER_COUNT; i++)
        done = csv_append_cell(text, line == NULL ? LINE_MEMBERS[i] : member(line, LINE_MEMBERS[i]), false, err);
    return done && csv_append_cell(text, row == NULL ? "currency" : member(row, "currency"), true, err);
}

static bool
print_csv(Json *rows, Buffer *text, Err *err)
{
    bool done = csv_row(NULL, NULL, text, err);
    for (size_t i = 0; done && i < json_object_array_length(rows); i++) {
        Json *row = json_object_array_get_idx(rows, i);
        Json *lines = json_member(row, "lines");
        for (size_t k = 0; done && lines != NULL && k < json_object_array_length(lines); k++)
            done = csv_row(row, json_object_array_get_idx(lines, k), text, err);
    }
    return done;
}

/* ---- the command ---- */

static bool
print(const WriteOffOptions *options, Json *rows, Err *err)
{
    Buffer text = {0};
    if (options->json)
        return json_print(rows, stdout, err);
    bool done = options->csv ? print_csv(rows, &text, err) : print_text(rows, &text, err);
    done = done && buffer_print(&text, err);
    buffer_free(&text);
    return done;
}

static bool
run(const WriteOffOptions *options, Err *err)
{
    UtcMonth month;
    if (options->csv && options->json)
        return err_set(err, ERR_USAGE, "--csv and --json exclude each other");
    if (options->month_text != NULL && !stack_month(options->month_text, &month, err))
        return false;
    Db *db = stack_connect(options->data, err);
    Json *rows = db == NULL ? NULL : json_new_array(err);
    bool done =
        rows != NULL && stack_tenant_check(db, options->tenant, err) &&
        adjust_write_offs(db, options->tenant, options->month_text == NULL ? NULL : &month, collect, rows, err) &&
        print(options, rows, err);
    json_object_put(rows);
    db_free(&db);
    return done;
}

int
invoice_write_offs_command(int argc, char **argv)
{
    WriteOffOptions options = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "usage of this month"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "usage of this tenant"},
        {"csv", 0, OPTION_FLAG, &options.csv, NULL, "print CSV, a row for each line that would have been billed"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print JSON: the whole document of each"},
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill invoice write-offs",
        .arguments = "",
        .summary = "Show usage that came too late to be billed, and what it would have cost.",
        .detail =
            "A contract's `late_usage` says how far back late usage is billed; what is older is written off by the run\n"
            "that finds it. Amounts are before discounts and taxes of a later invoice, in the book's currency.",
        .options = table};
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}
