/* invoice list - which invoices and previews there are */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/options.h"
#include "reports/commands.h"
#include "reports/figures.h"
#include "reports/stack.h"
#include "reports/table.h"
#include "schema/document_store.h"

typedef struct ListOptions {
    const char *month_text;
    const char *tenant;
    const char *state;
    bool json;
    const char *data;
} ListOptions;

typedef struct List {
    Table *table;
    Json *array;
    size_t count;
} List;

static bool
list_json(List *list, const DocumentRow *row, Err *err)
{
    char start[UTC_TEXT_BYTES];
    char end[UTC_TEXT_BYTES];
    char issued[UTC_TEXT_BYTES];
    Json *entry = json_object_new_object();
    if (entry == NULL)
        return err_set(err, ERR_NOMEM, "no memory for JSON");
    if (!json_append(list->array, entry, err))
        return false;
    return json_add_int(entry, "invoice_id", row->invoice_id, err) &&
           json_add_text(entry, "number", row->number[0] == '\0' ? NULL : row->number, err) &&
           json_add_text(entry, "state", row->state, err) && json_add_int(entry, "revision", row->revision, err) &&
           json_add_text(entry, "tenant", row->tenant, err) && json_add_text(entry, "account", row->account, err) &&
           json_add_text(entry, "period_start", utc_format(row->period_start_us, start), err) &&
           json_add_text(entry, "period_end", utc_format(row->period_end_us, end), err) &&
           json_add_int(entry, "receipt_watermark", row->receipt_watermark, err) &&
           json_add_text(entry, "currency", row->currency, err) &&
           json_add_text(entry, "subtotal", row->subtotal, err) && json_add_text(entry, "total", row->total, err) &&
           json_add_text(entry, "payable_total", row->payable_total, err) &&
           json_add_text(entry, "payable_currency", row->payable_currency, err) &&
           json_add_text(entry, "invocations", row->invocations, err) &&
           json_add_text(entry, "issued_at", utc_format(row->issued_at_us, issued), err) &&
           json_add_text(entry, "sha256", row->sha256, err) && json_add_text(entry, "kind", row->kind, err) &&
           json_add_text(entry, "refers_to", row->refers_to[0] == '\0' ? NULL : row->refers_to, err) &&
           json_add_text(entry, "void_by", row->void_by[0] == '\0' ? NULL : row->void_by, err);
}

static bool
list_table(List *list, const DocumentRow *row, Err *err)
{
    char id[24];
    char month[UTC_TEXT_BYTES];
    snprintf(id, sizeof(id), "%" PRId64, row->invoice_id);
    utc_month_format(row->month, month);
    char *invocations = figure_grouped(row->invocations, err);
    char *total = figure_grouped(row->payable_total, err);
    const char *kind = strcmp(row->kind, "credit_note") == 0 ? "credit note" : row->kind;
    const char *state = row->void_by[0] != '\0' ? "void" : row->state;
    const char *cells[] = {id, row->number, row->tenant, month, kind, state, invocations, total, row->payable_currency};
    bool done = invocations != NULL && total != NULL && table_row(list->table, cells, err);
    free(invocations);
    free(total);
    return done;
}

static bool
list_row(void *context, const DocumentRow *row, Err *err)
{
    List *list = context;
    list->count++;
    return list->array != NULL ? list_json(list, row, err) : list_table(list, row, err);
}

static bool
list_print(const List *list, Err *err)
{
    if (list->array != NULL)
        return json_print(list->array, stdout, err);
    Buffer text = {0};
    bool done = list->count == 0
                    ? buffer_append_text(&text, "No invoices. Make them with: millibill rate --month YYYY-MM\n", err)
                    : table_print(list->table, table_width(), &text, err);
    done = done && buffer_print(&text, err);
    buffer_free(&text);
    return done;
}

static bool
run_list(const ListOptions *options, Err *err)
{
    static const TableColumn columns[] = {
        {"Id", TABLE_RIGHT},          {"Number", TABLE_LEFT},      {"Tenant", TABLE_FLEXIBLE},
        {"Month", TABLE_LEFT},        {"Kind", TABLE_LEFT},        {"State", TABLE_LEFT},
        {"Invocations", TABLE_RIGHT}, {"To be paid", TABLE_RIGHT}, {"", TABLE_LEFT}};
    UtcMonth month;
    DocumentFilter filter = {.tenant = options->tenant, .state = options->state};
    List list = {0};
    if (options->state != NULL && strcmp(options->state, "preview") != 0 && strcmp(options->state, "final") != 0)
        return err_set(err, ERR_USAGE, "--state is preview or final, not '%s'", options->state);
    if (options->month_text != NULL && !stack_month(options->month_text, &month, err))
        return false;
    if (options->month_text != NULL)
        filter.month = &month;
    Db *db = stack_connect(options->data, err);
    if (options->json)
        list.array = json_object_new_array();
    else
        list.table = table_new(columns, sizeof(columns) / sizeof(columns[0]), err);
    bool done = db != NULL && (list.array != NULL || list.table != NULL) &&
                stack_tenant_check(db, options->tenant, err) && document_visit(db, &filter, list_row, &list, err) &&
                list_print(&list, err);
    db_free(&db);
    table_free(&list.table);
    json_object_put(list.array);
    return done;
}

int
invoice_list_command(int argc, char **argv)
{
    ListOptions options = {0};
    const Option table[] = {
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "invoices of this month"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "invoices of this tenant"},
        {"state", 's', OPTION_TEXT, &options.state, "STATE", "preview or final"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {.command = "millibill invoice list",
                              .arguments = "",
                              .summary = "List invoices and previews.",
                              .options = table};
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run_list(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}
