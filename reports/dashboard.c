#include "reports/dashboard.h"

#include <string.h>

#include "reports/figures.h"
#include "reports/rater_call.h"
#include "reports/stack.h"
#include "schema/dashboard_store.h"

enum { PERCENT_SCALE = 1, VERDICTS_MAX = 200 };

/* ---- rows of the database ---- */

typedef struct Rows {
    DashboardQuestion question;
    Json *array;
    bool bare; /* each row an array of its values: for what is long */
} Rows;

static bool
take_row(void *context, const char *const *values, Err *err)
{
    Rows *rows = context;
    Json *row = rows->bare ? json_new_array(err) : json_new_object(err);
    bool done = row != NULL;
    for (size_t i = 0; done && dashboard_column(rows->question, i) != NULL; i++) {
        if (!rows->bare) {
            done = json_add_text(row, dashboard_column(rows->question, i), values[i], err);
            continue;
        }
        Json *cell = values[i] == NULL ? NULL : json_object_new_string(values[i]);
        done = (cell != NULL || values[i] == NULL || err_set(err, ERR_NOMEM, "no memory for JSON")) &&
               json_append(row, cell, err);
    }
    return json_adopt_item(rows->array, row, done, err);
}

/* All rows as an array, or (`one`) the only row as an object. */
static bool
add_answer(Json *root, const char *key, DashboardQuestion question, bool bare, bool one, Db *db,
           const DashboardScope *scope, Err *err)
{
    Rows rows = {question, json_new_array(err), bare};
    bool done = rows.array != NULL && dashboard_ask(db, question, scope, take_row, &rows, err);
    if (done && one)
        done = json_add(root, key, json_object_get(json_object_array_get_idx(rows.array, 0)), err);
    else if (done)
        done = json_add(root, key, json_object_get(rows.array), err);
    json_object_put(rows.array);
    return done;
}

/* A table: the names of its columns once, then rows. */
static bool
add_table(Json *root, const char *key, DashboardQuestion question, Db *db, const DashboardScope *scope, Err *err)
{
    Json *table = json_new_object(err);
    Json *columns = json_new_array(err);
    bool done = table != NULL && columns != NULL;
    for (size_t i = 0; done && dashboard_column(question, i) != NULL; i++) {
        Json *name = json_object_new_string(dashboard_column(question, i));
        done = name != NULL ? json_append(columns, name, err) : err_set(err, ERR_NOMEM, "no memory for JSON");
    }
    done = done && json_add(table, "columns", json_object_get(columns), err) &&
           add_answer(table, "rows", question, true, false, db, scope, err);
    json_object_put(columns);
    return json_adopt(root, key, table, done, err);
}

static bool
add_month(Json *root, Db *db, const DashboardScope *scope, Err *err)
{
    return add_answer(root, "money", DASHBOARD_MONEY, false, false, db, scope, err) &&
           add_answer(root, "usage", DASHBOARD_USAGE, false, true, db, scope, err) &&
           add_answer(root, "unpriced", DASHBOARD_UNPRICED, false, true, db, scope, err) &&
           add_answer(root, "late", DASHBOARD_LATE, false, true, db, scope, err) &&
           add_answer(root, "days", DASHBOARD_DAYS, false, false, db, scope, err) &&
           add_table(root, "cost_days", DASHBOARD_COST_DAYS, db, scope, err) &&
           add_table(root, "functions", DASHBOARD_FUNCTIONS, db, scope, err) &&
           add_answer(root, "quarantine", DASHBOARD_QUARANTINE, false, false, db, scope, err) &&
           add_answer(root, "losses", DASHBOARD_LOSSES, false, false, db, scope, err);
}

/* ---- other reports ---- */

typedef struct Arguments {
    const char *items[RATER_ARGUMENTS_MAX];
    size_t count;
} Arguments;

/* An option and its value; nothing when the value is NULL. */
static void
put(Arguments *self, const char *option, const char *value)
{
    if (value == NULL || self->count + 3 > RATER_ARGUMENTS_MAX)
        return;
    self->items[self->count++] = option;
    self->items[self->count++] = value;
}

static Arguments
arguments_for(const DashboardRequest *request, const char *report)
{
    Arguments self = {.items = {report, "--json"}, .count = 2};
    put(&self, "--month", request->month_text);
    put(&self, "--tenant", request->tenant);
    put(&self, "--price-book", request->price_book);
    put(&self, "--data", request->data);
    return self;
}

static bool
note(Json *root, const char *text, Err *err)
{
    Json *line = json_object_new_string(text);
    return json_adopt_item(json_member(root, "notes"), line, line != NULL || err_set(err, ERR_NOMEM, "no memory"), err);
}

/* Copy members that are there. */
static bool
copy(Json *to, Json *from, const char *const *keys, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && keys[i] != NULL; i++) {
        Json *value = json_member(from, keys[i]);
        done = json_add(to, keys[i], value == NULL ? NULL : json_object_get(value), err);
    }
    return done;
}

static bool
add_percent(Json *entry, Json *tier, Err *err)
{
    mpq_t used;
    mpq_t allowance;
    mpq_inits(used, allowance, NULL);
    bool done = figure_read(tier, "used", used, err) && figure_read(tier, "allowance", allowance, err);
    if (done && mpq_sgn(allowance) > 0) {
        mpq_div(used, used, allowance);
        mpq_set_ui(allowance, 100, 1);
        mpq_mul(used, used, allowance);
        done = figure_add(entry, "used_percent", used, PERCENT_SCALE, err);
    } else if (done) {
        done = json_add_text(entry, "used_percent", NULL, err);
    }
    mpq_clears(used, allowance, NULL);
    return done;
}

/* What tenants of the account took: of a page for one tenant, its own part alone. */
static bool
add_shares(Json *entry, Json *tier, const char *only, Err *err)
{
    Json *shares = json_member(tier, "tenants");
    Json *kept = json_new_array(err);
    size_t count = json_object_is_type(shares, json_type_array) ? json_object_array_length(shares) : 0;
    bool done = kept != NULL;
    for (size_t i = 0; done && i < count; i++) {
        Json *share = json_object_array_get_idx(shares, i);
        Text name = {NULL, 0};
        if (only == NULL || (json_text(json_member(share, "tenant"), &name) && text_is(name, only)))
            done = json_append(kept, json_object_get(share), err);
    }
    return json_adopt(entry, "tenants", kept, done, err) && json_add_int(entry, "tenant_count", (int64_t) count, err);
}

static bool
add_free_tiers(Json *root, const DashboardRequest *request, Err *err)
{
    static const char *const keys[] = {"account", "name", "unit", "allowance", "used", "left", "outlook", "day", NULL};
    Arguments arguments = arguments_for(request, "free-tier");
    Err failed = {0};
    Json *answer = report_call(arguments.items, &failed);
    Json *tiers = json_new_array(err);
    if (answer == NULL && tiers != NULL && !note(root, "free-tier", err))
        return json_adopt(root, "free_tiers", tiers, false, err);
    Json *found = answer == NULL ? NULL : json_member(answer, "free_tiers");
    size_t count = json_object_is_type(found, json_type_array) ? json_object_array_length(found) : 0;
    bool done = tiers != NULL;
    for (size_t i = 0; done && i < count; i++) {
        Json *tier = json_object_array_get_idx(found, i);
        Json *entry = json_new_object(err);
        bool made = entry != NULL && copy(entry, tier, keys, err) && add_percent(entry, tier, err) &&
                    add_shares(entry, tier, request->tenant, err);
        done = json_adopt_item(tiers, entry, made, err);
    }
    json_object_put(answer);
    return json_adopt(root, "free_tiers", tiers, done, err);
}

/* ---- savings ---- */

static bool
add_alternatives(Json *object, Json *answer, Err *err)
{
    static const char *const keys[] = {"name",
                                       "total",
                                       "saving",
                                       "saving_percent",
                                       "cheaper",
                                       "utilization_percent",
                                       "idle_hours",
                                       "idle_amount",
                                       "break_even_requests_per_second",
                                       NULL};
    Json *from = json_member(answer, "alternatives");
    Json *to = json_new_array(err);
    size_t count = json_object_is_type(from, json_type_array) ? json_object_array_length(from) : 0;
    bool done = to != NULL;
    for (size_t i = 0; done && i < count; i++) {
        Json *one = json_object_array_get_idx(from, i);
        Json *entry = json_new_object(err);
        Json *small = json_member(one, "hours_too_small");
        bool made = entry != NULL && copy(entry, one, keys, err) &&
                    (!json_object_is_type(small, json_type_array) ||
                     json_add_int(entry, "hours_too_small", (int64_t) json_object_array_length(small), err));
        done = json_adopt_item(to, entry, made, err);
    }
    return json_adopt(object, "alternatives", to, done, err);
}

static bool
add_verdicts(Json *object, Json *answer, Err *err)
{
    Json *from = json_member(answer, "verdicts");
    Json *to = json_new_array(err);
    size_t count = json_object_is_type(from, json_type_array) ? json_object_array_length(from) : 0;
    bool done = to != NULL && json_add_int(object, "verdict_count", (int64_t) count, err);
    for (size_t i = 0; done && i < count && i < VERDICTS_MAX; i++)
        done = json_append(to, json_object_get(json_object_array_get_idx(from, i)), err);
    return json_adopt(object, "verdicts", to, done, err);
}

static bool
add_savings(Json *root, const DashboardRequest *request, Err *err)
{
    static const char *const sums[] = {"total", "total_exact", NULL};
    static const char *const at_a_time[] = {"peak", "mean", NULL};
    if (request->no_savings)
        return json_add(root, "savings", NULL, err);
    Arguments arguments = arguments_for(request, "savings");
    for (size_t i = 0; i < request->alternatives->count; i++)
        put(&arguments, "--alternative", request->alternatives->items[i]);
    Err failed = {0};
    Json *answer = report_call(arguments.items, &failed);
    if (answer == NULL)
        return note(root, "savings", err) && json_add(root, "savings", NULL, err);
    Json *object = json_new_object(err);
    Json *serverless = json_new_object(err);
    Json *concurrency = json_new_object(err);
    Json *currency = json_member(answer, "currency");
    bool done = object != NULL && serverless != NULL && concurrency != NULL &&
                json_add(object, "currency", currency == NULL ? NULL : json_object_get(currency), err) &&
                copy(serverless, json_member(answer, "serverless"), sums, err) &&
                copy(concurrency, json_member(answer, "concurrency"), at_a_time, err) &&
                json_add(object, "serverless", json_object_get(serverless), err) &&
                json_add(object, "concurrency", json_object_get(concurrency), err) &&
                add_alternatives(object, answer, err) && add_verdicts(object, answer, err);
    json_object_put(serverless);
    json_object_put(concurrency);
    json_object_put(answer);
    return json_adopt(root, "savings", object, done, err);
}

/* ---- the whole ---- */

static bool
add_head(Json *root, const DashboardRequest *request, Err *err)
{
    char time[UTC_TEXT_BYTES];
    return json_add_int(root, "format", DASHBOARD_FORMAT, err) &&
           json_add_text(root, "month", request->month_text, err) &&
           json_add_int(root, "days_in_month", utc_month_days(request->month), err) &&
           json_add_text(root, "tenant", request->tenant, err) &&
           json_add_text(root, "made_at", utc_format(utc_now_us(), time), err) &&
           json_add_text(root, "version", MILLIBILL_VERSION, err) && json_add(root, "notes", json_new_array(err), err);
}

Json *
dashboard_document(const DashboardRequest *request, Err *err)
{
    const DashboardScope scope = {request->month, request->tenant};
    Json *root = json_new_object(err);
    Db *db = root == NULL ? NULL : stack_connect(request->data, err);
    bool done = db != NULL && stack_tenant_check(db, request->tenant, err) && add_head(root, request, err) &&
                dashboard_begin(db, err) && add_month(root, db, &scope, err);
    db_rollback(db);
    db_free(&db);
    if (done && add_free_tiers(root, request, err) && add_savings(root, request, err))
        return root;
    json_object_put(root);
    return NULL;
}
