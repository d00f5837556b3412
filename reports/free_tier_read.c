#include "reports/free_tier_read.h"

#include <stdlib.h>

#include "lib/array.h"
#include "lib/forecast.h"
#include "reports/rater_call.h"
#include "schema/rollup_store.h"
#include "schema/tenant_store.h"

/* Ask the rater for every account: an account's tenants share its free tier. */
static Json *
ask_rater(const FreeTierQuestion *question, UtcMonth of, Err *err)
{
    char month[UTC_TEXT_BYTES];
    const char *arguments[RATER_ARGUMENTS_MAX] = {"rate",   "--dry-run", "--no-forecast",
                                                  "--json", "--month",   utc_month_format(of, month)};
    size_t count = 6;
    const char *const more[][2] = {{"--data", question->data}, {"--price-book", question->book}};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        if (more[i][1] == NULL)
            continue;
        arguments[count++] = more[i][0];
        arguments[count++] = more[i][1];
    }
    return rater_call(arguments, (Text){NULL, 0}, true, err);
}

static bool
is_under_way(Json *document, int64_t as_of_us)
{
    Err ignored = {0};
    Text start;
    Text end;
    int64_t start_us = 0;
    int64_t end_us = 0;
    Json *head = json_member(document, "invoice");
    return json_text(json_member(head, "period_start"), &start) && json_text(json_member(head, "period_end"), &end) &&
           utc_parse(start, &start_us, &ignored) && utc_parse(end, &end_us, &ignored) && as_of_us >= start_us &&
           as_of_us < end_us;
}

static bool
add_under_way(Json *answer, int64_t as_of_us, Json *documents, Err *err)
{
    Json *all = json_member(answer, "invoices");
    const size_t count = json_object_is_type(all, json_type_array) ? json_object_array_length(all) : 0;
    bool done = true;
    for (size_t i = 0; done && i < count; i++) {
        Json *document = json_object_array_get_idx(all, i);
        done = !is_under_way(document, as_of_us) || json_append(documents, json_object_get(document), err);
    }
    return done;
}

/* The periods that start in the month; when none is asked for those that are under way: with billing days and time zones they may have
 * started in the month before, or in the next one by their own clock. */
bool
free_tier_read_documents(const FreeTierQuestion *question, FreeTierReading *reading, Err *err)
{
    reading->as_of_us = utc_now_us();
    reading->answer = ask_rater(question, question->month, err);
    if (reading->answer == NULL)
        return false;
    if (!question->under_way) {
        reading->documents = json_object_get(json_member(reading->answer, "invoices"));
        return true;
    }
    const UtcMonth others[] = {utc_month_previous(question->month), utc_month_next(question->month)};
    reading->documents = json_new_array(err);
    bool done =
        reading->documents != NULL && add_under_way(reading->answer, reading->as_of_us, reading->documents, err);
    for (size_t i = 0; done && i < sizeof others / sizeof others[0]; i++) {
        const bool near = i == 0 || reading->as_of_us + UTC_DAY_US >= utc_month_end_us(question->month);
        Json *answer = near ? ask_rater(question, others[i], err) : NULL;
        done = !near || (answer != NULL && add_under_way(answer, reading->as_of_us, reading->documents, err));
        json_object_put(answer);
    }
    return done;
}

/* The tenants of the accounts that have tiers, and what they used in the weeks before. */
typedef struct History {
    Tiers *tiers;
    int64_t *ids;
    char **accounts;
    size_t count, id_capacity, account_capacity;
} History;

static bool
take_tenant(void *context, const TenantRow *row, Err *err)
{
    History *self = context;
    if (!array_grow(&self->ids, &self->id_capacity, self->count, sizeof *self->ids, err) ||
        !array_grow(&self->accounts, &self->account_capacity, self->count, sizeof *self->accounts, err))
        return false;
    self->ids[self->count] = row->tenant_id;
    self->accounts[self->count] = text_duplicate(text_of(row->account));
    return self->accounts[self->count++] != NULL || err_set(err, ERR_NOMEM, "no memory for a free-tier report");
}

static bool
take_first(void *context, size_t place, int64_t hour_us, Err *err)
{
    (void) err;
    const History *self = context;
    tiers_take_first(self->tiers, text_of(self->accounts[place]), hour_us);
    return true;
}

/* Habits of the week, for periods that are under way. */
static bool
read_history(Db *db, FreeTierReading *reading, Err *err)
{
    const int64_t start_us = forecast_history_start_us(reading->as_of_us);
    const int64_t end_us = utc_hour_floor_us(reading->as_of_us);
    const RollupSpan span = {reading->tiers.month, start_us, end_us};
    History history = {.tiers = &reading->tiers};
    bool done = tenant_list_in(db, reading->tiers.month, take_tenant, &history, err) &&
                rollup_first_hours(db, history.ids, history.count, start_us, end_us, take_first, &history, err) &&
                tiers_set_weeks(&reading->tiers, reading->as_of_us, err) &&
                rollup_stream_memory_hours(db, NULL, &span, tiers_take_history, &reading->tiers, err);
    for (size_t i = 0; i < history.count; i++)
        free(history.accounts[i]);
    free(history.accounts);
    free(history.ids);
    return done;
}

/* What was used hour by hour, in the periods and before. */
bool
free_tier_read_hours(Db *db, FreeTierReading *reading, Err *err)
{
    Tiers *tiers = &reading->tiers;
    bool under_way = false;
    RollupSpan span = {.month = tiers->month};
    if (!tiers_span(tiers, reading->as_of_us, &span.start_us, &span.end_us, &under_way))
        return true;
    if (!rollup_stream_memory_hours(db, NULL, &span, tiers_take_hour, tiers, err))
        return false;
    tiers_find_measures(tiers);
    return !under_way || read_history(db, reading, err);
}
