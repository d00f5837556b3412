/* usage - usage and cost by dimension */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/options.h"
#include "reports/anomalies.h"
#include "reports/commands.h"
#include "reports/figures.h"
#include "reports/stack.h"
#include "reports/table.h"
#include "schema/usage_store.h"

enum { GB_SECONDS_SCALE = 3, COST_SCALE = 6, SUM_COLUMNS = 7, MARK = SUM_COLUMNS - 1 };

typedef struct UsageOptions {
    const char *by;
    const char *month_text;
    const char *tenant;
    bool json;
    const char *data;
    UsageDimension dimensions[USAGE_DIMENSION_COUNT];
    size_t dimension_count;
    UtcMonth month;
} UsageOptions;

typedef struct Output {
    const UsageOptions *options;
    Table *table;
    Json *rows;
    size_t count;
    bool cost_missing;
    Anomalies anomalies; /* by tenant and day only */
} Output;

static const char *const HEADINGS[USAGE_DIMENSION_COUNT] = {"Tenant", "Account", "Function",     "Month", "Day",
                                                            "Hour",   "Region",  "Architecture", "MB",    "Mode"};

/* Days have a habit of their own when nothing else divides them. */
static bool
is_by_tenant_and_day(const UsageOptions *options)
{
    return options->dimension_count == 2 &&
           ((options->dimensions[0] == USAGE_BY_TENANT && options->dimensions[1] == USAGE_BY_DAY) ||
            (options->dimensions[0] == USAGE_BY_DAY && options->dimensions[1] == USAGE_BY_TENANT));
}

static const char *
dimension_of(const Output *output, const UsageRow *row, UsageDimension dimension)
{
    return row->dimensions[output->options->dimensions[0] == dimension ? 0 : 1];
}

/* A whole number as a JSON number where it fits. */
static bool
add_count(Json *object, const char *key, const char *digits, Err *err)
{
    uint64_t value = 0;
    if (text_to_u64(text_of(digits), INT64_MAX, &value))
        return json_add_int(object, key, (int64_t) value, err);
    return json_add_text(object, key, digits, err);
}

static bool
json_row(Output *output, const UsageRow *row, Err *err)
{
    Json *entry = json_object_new_object();
    if (entry == NULL)
        return err_set(err, ERR_NOMEM, "no memory for JSON");
    bool done = json_append(output->rows, entry, err);
    for (size_t i = 0; done && i < output->options->dimension_count; i++) {
        UsageDimension dimension = output->options->dimensions[i];
        const char *key = dimension == USAGE_BY_MEMORY ? "memory_mb" : usage_dimension_name(dimension);
        done = dimension == USAGE_BY_MEMORY ? add_count(entry, key, row->dimensions[i], err)
                                            : json_add_text(entry, key, row->dimensions[i], err);
    }
    return done && add_count(entry, "invocations", row->invocations, err) &&
           add_count(entry, "errors", row->errors, err) && add_count(entry, "timeouts", row->timeouts, err) &&
           add_count(entry, "duration_ms", row->duration_ms, err) &&
           json_add_text(entry, "gb_seconds", row->gb_seconds, err) &&
           json_add_text(entry, "cost", row->cost[0] == '\0' ? NULL : row->cost, err) &&
           json_add_text(entry, "currency", row->currency[0] == '\0' ? NULL : row->currency, err) &&
           (!is_by_tenant_and_day(output->options) ||
            anomalies_add(&output->anomalies, dimension_of(output, row, USAGE_BY_TENANT),
                          dimension_of(output, row, USAGE_BY_DAY), entry, err));
}

static bool
table_add(Output *output, const UsageRow *row, Err *err)
{
    size_t count = output->options->dimension_count;
    const char *cells[USAGE_DIMENSION_COUNT + SUM_COLUMNS];
    for (size_t i = 0; i < count; i++)
        cells[i] = row->dimensions[i];
    char *figures[] = {figure_grouped(row->invocations, err), figure_grouped(row->errors, err),
                       figure_grouped(row->timeouts, err), figure_brief(row->gb_seconds, GB_SECONDS_SCALE, err),
                       figure_brief(row->cost, COST_SCALE, err)};
    enum { FIGURES = sizeof(figures) / sizeof(figures[0]) };
    bool done = true;
    for (size_t i = 0; i < FIGURES; i++) {
        done = done && figures[i] != NULL;
        cells[count + i] = figures[i];
    }
    cells[count + FIGURES] = row->currency;
    cells[count + MARK] = is_by_tenant_and_day(output->options)
                              ? anomalies_mark(&output->anomalies, dimension_of(output, row, USAGE_BY_TENANT),
                                               dimension_of(output, row, USAGE_BY_DAY))
                              : "";
    done = done && table_row(output->table, cells, err);
    for (size_t i = 0; i < FIGURES; i++)
        free(figures[i]);
    return done;
}

static bool
take_row(void *context, const UsageRow *row, Err *err)
{
    Output *output = context;
    output->count++;
    output->cost_missing = output->cost_missing || row->cost[0] == '\0';
    return output->rows != NULL ? json_row(output, row, err) : table_add(output, row, err);
}

static bool
print_json(const Output *output, Err *err)
{
    const UsageOptions *options = output->options;
    char month[UTC_TEXT_BYTES];
    Json *root = json_object_new_object();
    Json *by = json_object_new_array();
    bool done = root != NULL && by != NULL ? json_add(root, "by", json_object_get(by), err)
                                           : err_set(err, ERR_NOMEM, "no memory for JSON");
    for (size_t i = 0; done && i < options->dimension_count; i++)
        done = json_append(by, json_object_new_string(usage_dimension_name(options->dimensions[i])), err);
    done = done &&
           json_add_text(root, "month", options->month_text == NULL ? NULL : utc_month_format(options->month, month),
                         err) &&
           json_add_text(root, "tenant", options->tenant, err) &&
           json_add(root, "rows", json_object_get(output->rows), err) && json_print(root, stdout, err);
    json_object_put(by);
    json_object_put(root);
    return done;
}

static bool
print_table(const Output *output, Err *err)
{
    Buffer text = {0};
    bool done = output->count == 0 ? buffer_append_text(&text, "No usage.\n", err)
                                   : table_print(output->table, table_width(), &text, err);
    if (done && output->count > 0)
        done = buffer_append_text(&text,
                                  "\n  GB-seconds are of run time as measured, rounded up to 1 ms, without\n"
                                  "  initialization; invoices bill by their price book.\n",
                                  err);
    if (done && output->anomalies.count > 0)
        done = buffer_append_text(&text, "  far above, far below: what the tenant is used to (doc/alerts.md).\n", err);
    if (done && output->cost_missing && output->count > 0)
        done = buffer_append_text(&text, "  No cost where no invoice or preview covers the usage yet: millibill rate\n",
                                  err);
    done = done && buffer_print(&text, err);
    buffer_free(&text);
    return done;
}

static void
make_columns(const UsageOptions *options, TableColumn columns[TABLE_COLUMNS_MAX])
{
    static const TableColumn sums[SUM_COLUMNS] = {
        {"Invocations", TABLE_RIGHT}, {"Errors", TABLE_RIGHT}, {"Timeouts", TABLE_RIGHT}, {"GB-seconds", TABLE_RIGHT},
        {"Cost", TABLE_RIGHT},        {"", TABLE_LEFT},        {"", TABLE_LEFT}};
    for (size_t i = 0; i < options->dimension_count; i++) {
        UsageDimension dimension = options->dimensions[i];
        bool name = dimension == USAGE_BY_TENANT || dimension == USAGE_BY_ACCOUNT || dimension == USAGE_BY_FUNCTION;
        TableAlign align = dimension == USAGE_BY_MEMORY ? TABLE_RIGHT : name ? TABLE_FLEXIBLE : TABLE_LEFT;
        columns[i] = (TableColumn){HEADINGS[dimension], align};
    }
    memcpy(columns + options->dimension_count, sums, sizeof(sums));
}

_Static_assert((int) USAGE_DIMENSION_COUNT + (int) SUM_COLUMNS <= (int) TABLE_COLUMNS_MAX,
               "a table holds all dimensions");

static bool
run(UsageOptions *options, Err *err)
{
    TableColumn columns[TABLE_COLUMNS_MAX];
    Output output = {.options = options};
    if (!usage_dimensions_parse(options->by, options->dimensions, &options->dimension_count, err))
        return err_prefix(err, "--by: ");
    if (options->month_text != NULL && !stack_month(options->month_text, &options->month, err))
        return false;
    make_columns(options, columns);
    Db *db = stack_connect(options->data, err);
    if (options->json)
        output.rows = json_object_new_array();
    else
        output.table = table_new(columns, options->dimension_count + SUM_COLUMNS, err);
    const UtcMonth *month = options->month_text == NULL ? NULL : &options->month;
    bool done =
        db != NULL && (output.rows != NULL || output.table != NULL) && stack_tenant_check(db, options->tenant, err) &&
        (!is_by_tenant_and_day(options) || anomalies_read(&output.anomalies, db, options->tenant, month, err)) &&
        usage_visit(db, options->dimensions, options->dimension_count, options->tenant, month, take_row, &output,
                    err) &&
        (options->json ? print_json(&output, err) : print_table(&output, err));
    db_free(&db);
    table_free(&output.table);
    json_object_put(output.rows);
    anomalies_clear(&output.anomalies);
    return done;
}

int
usage_command(int argc, char **argv)
{
    UsageOptions options = {.by = "tenant,month"};
    const Option table[] = {
        {"by", 0, OPTION_TEXT, &options.by, "DIMENSIONS", "comma-separated; default tenant,month"},
        {"month", 'm', OPTION_TEXT, &options.month_text, "YYYY-MM", "one month; default all"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "one tenant; default all"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill usage",
        .arguments = "",
        .summary = "Show usage and cost by dimension.",
        .detail =
            "Dimensions: tenant, account, function, month, day, hour, region, architecture, memory, mode. Cost "
            "is each\n"
            "row's exact share of the invoice or preview in force. GB-seconds are of run time rounded up to 1 ms, without\n"
            "initialization; invoices bill by their price book.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, &err) ? EXIT_SUCCESS : err_report(&err, line.command);
}
