#include "rater/adjust_plan.h"

#include <stdlib.h>
#include <string.h>

static bool
no_memory(Err *err)
{
    return err_set(err, ERR_NOMEM, "no memory for adjustments");
}

/* ---- what has been used ---- */

/* The numbers stay the event's. */
static bool
add_used(AdjustPlan *self, AdjustEvent *event, Err *err)
{
    event->counts = true;
    if (event->used_count == 0)
        return true;
    StatementUsed *grown = reallocarray(self->used, self->used_count + event->used_count, sizeof *grown);
    if (grown == NULL)
        return no_memory(err);
    self->used = grown;
    memcpy(grown + self->used_count, event->used, event->used_count * sizeof *grown);
    self->used_count += event->used_count;
    return true;
}

static void
add_adjustment(AdjustPlan *self, const AdjustEvent *event)
{
    StatementAdjustment *adjustment = &self->adjustments[self->adjustment_count++];
    *adjustment = (StatementAdjustment){.name = event->name, .description = event->description};
    memcpy(adjustment->amount, event->amount, sizeof adjustment->amount);
}

static bool
start(AdjustPlan *self, const RateTenant *tenant, size_t most, Err *err)
{
    *self = (AdjustPlan){.tenant = tenant,
                         .events = calloc(most + 1, sizeof *self->events),
                         .adjustments = calloc(most + 1, sizeof *self->adjustments),
                         .plain = adjust_plain_contract(err)};
    return self->plain != NULL && ((self->events != NULL && self->adjustments != NULL) || no_memory(err));
}

/* ---- what drafts say of the credit notes that were made with them ---- */

/* Those before event `end` whose credit note counts, as `credit_notes` of a draft's head: without them it could not be made again, since
 * what they give back is there for it. A final document needs none of it: they stand before it. */
static bool
tell_notes(const AdjustPlan *self, size_t end, Json *document, Err *err)
{
    Json *list = NULL;
    bool done = true;
    for (size_t i = 0; done && i < end; i++) {
        const AdjustEvent *event = &self->events[i];
        if (event->credit_note == NULL)
            continue;
        if (list == NULL) {
            list = json_new_array(err);
            done = list != NULL && json_add(json_member(document, "invoice"), "credit_notes", list, err);
        }
        done = done && json_append(list, json_object_get(event->document), err);
    }
    return done;
}

static bool
is_draft(Json *document)
{
    const char *state = json_object_get_string(json_member(json_member(document, "invoice"), "state"));
    return state != NULL && strcmp(state, "preview") == 0;
}

static bool
count_note(AdjustPlan *self, size_t i, Err *err)
{
    AdjustEvent *event = &self->events[i];
    self->note_count++;
    return tell_notes(self, i, event->credit_note, err) && add_used(self, event, err);
}

/* ---- a new plan ---- */

static bool
make_event(AdjustPlan *self, const AdjustRun *run, const AdjustBase *base, int64_t late_months, bool as_billed,
           AdjustEvent *event, Err *err)
{
    if (!adjust_members_read(run->members, run->db, base->month, err))
        return false;
    const AdjustRequest request = {run->db,
                                   &run->members->tenants,
                                   rate_tenants_find(&run->members->tenants, self->tenant->name),
                                   base,
                                   base->until_receipt > 0 ? base->until_receipt : run->to_receipt,
                                   INT64_MAX};
    const AdjustSettlement settlement = {.month = run->month,
                                         .late_months = late_months,
                                         .before_id = INT64_MAX,
                                         .with = self->events,
                                         .with_count = self->count,
                                         .as_billed = as_billed};
    return adjust_event_make(event, &request, &settlement, err);
}

static bool
find_events(AdjustPlan *self, const AdjustRun *run, const AdjustBase *bases, size_t count, int64_t late_months,
            Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < count; i++) {
        AdjustEvent *event = &self->events[self->count++];
        done = make_event(self, run, &bases[i], late_months, false, event, err) &&
               (event->credit_note == NULL || count_note(self, i, err));
        self->written_off_count += done && event->written_off != NULL;
    }
    return done;
}

/* What is billed comes after the credit notes, one after the other: each sees what those before it used. */
static bool
bill_events(AdjustPlan *self, const AdjustRun *run, const AdjustBase *bases, int64_t late_months, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < self->count; i++) {
        AdjustEvent *event = &self->events[i];
        if (event->document == NULL || event->credit_note != NULL)
            continue;
        if (self->used_count > 0) {
            adjust_event_free(event);
            done = make_event(self, run, &bases[i], late_months, true, event, err);
        }
        done = done && add_used(self, event, err);
        if (done && event->document != NULL)
            add_adjustment(self, event);
    }
    return done;
}

bool
adjust_plan_make(AdjustPlan *self, const AdjustRun *run, const RateTenant *tenant, int64_t late_months, Err *err)
{
    const AdjustBases *bases = run->bases;
    const size_t first = adjust_bases_first(bases, tenant->tenant_id);
    size_t count = 0;
    while (first + count < bases->count && bases->all[first + count].tenant_id == tenant->tenant_id)
        count++;
    *self = (AdjustPlan){.tenant = tenant};
    return count == 0 ||
           (start(self, tenant, count, err) && find_events(self, run, bases->all + first, count, late_months, err) &&
            bill_events(self, run, bases->all + first, late_months, err));
}

/* ---- the plan of an invoice that exists ---- */

typedef struct Rows {
    AdjustRow *all;
    size_t count, capacity;
} Rows;

static bool
keep_row(void *context, const AdjustRow *row, Err *err)
{
    Rows *rows = context;
    AdjustRow *grown = reallocarray(rows->all, rows->count + 1, sizeof *grown);
    if (grown == NULL)
        return no_memory(err);
    rows->all = grown;
    AdjustRow *kept = &grown[rows->count++];
    *kept = *row;
    kept->tenant = kept->sha256 = NULL;
    kept->base.book = text_duplicate(text_of(row->base.book));
    char *document = text_duplicate(row->document);
    kept->document = (Text){document, row->document.length};
    return (kept->base.book != NULL && document != NULL) || no_memory(err);
}

static void
free_rows(Rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->all[i].base.book);
        free((char *) (uintptr_t) rows->all[i].document.data);
    }
    free(rows->all);
}

bool
adjust_event_again(AdjustEvent *self, Db *db, AdjustMembers *members, const AdjustRow *row, int64_t before_id,
                   const AdjustEvent *with, size_t with_count, Err *err)
{
    AdjustSettlement settlement = {.before_id = before_id, .with = with, .with_count = with_count, .late_months = -1};
    const RateTenant *tenant = NULL;
    Text month;
    *self = (AdjustEvent){.document = NULL};
    mpq_init(self->amount);
    if (!adjust_members_read(members, db, row->base.month, err))
        return false;
    for (size_t i = 0; i < members->tenants.count; i++)
        if (members->tenants.all[i].tenant_id == row->base.tenant_id)
            tenant = &members->tenants.all[i];
    Json *stored = json_parse(row->document, err);
    bool done = stored != NULL &&
                (json_text(json_member(stored, "settled_for"), &month) ||
                 err_set(err, ERR_INPUT, "an adjustment says nothing of the month that settled it")) &&
                utc_month_parse(month.data, &settlement.month, err) &&
                (tenant != NULL || err_set(err, ERR_NOT_FOUND, "the tenant of an adjustment is gone"));
    Json *late = json_member(stored, "late_usage_months");
    if (late != NULL)
        settlement.late_months = json_object_get_int64(late);
    settlement.as_billed = strcmp(row->disposition, "billed") == 0;
    json_object_put(stored);
    if (!done)
        return false;
    mpq_clear(self->amount);
    const AdjustRequest request = {db, &members->tenants, tenant, &row->base, row->to_receipt, before_id};
    return adjust_event_make(self, &request, &settlement, err);
}

bool
adjust_plan_of_rows(AdjustPlan *self, Db *db, AdjustMembers *members, const RateTenant *tenant, const AdjustRow *rows,
                    size_t count, int64_t before_id, Err *err)
{
    *self = (AdjustPlan){.tenant = tenant};
    bool done = count == 0 || start(self, tenant, count, err);
    for (size_t i = 0; done && i < count; i++) {
        AdjustEvent *event = &self->events[self->count++];
        done = adjust_event_again(event, db, members, &rows[i], before_id, self->events, i, err) &&
               (event->credit_note != NULL ? count_note(self, i, err) : add_used(self, event, err));
        if (done && event->document != NULL && event->credit_note == NULL)
            add_adjustment(self, event);
    }
    return done;
}

bool
adjust_plan_of_invoice(AdjustPlan *self, Db *db, AdjustMembers *members, const RateTenant *tenant, int64_t invoice_id,
                       Err *err)
{
    Rows rows = {0};
    *self = (AdjustPlan){.tenant = tenant};
    bool done = adjust_carried(db, tenant->tenant_id, invoice_id, keep_row, &rows, err);
    for (size_t i = 0; done && i < rows.count; i++)
        rows.all[i].disposition = "billed"; /* credit notes stand on themselves */
    done = done && adjust_plan_of_rows(self, db, members, tenant, rows.all, rows.count, invoice_id, err);
    free_rows(&rows);
    return done;
}

void
adjust_plan_free(AdjustPlan *self)
{
    for (size_t i = 0; i < self->count; i++)
        adjust_event_free(&self->events[i]);
    free(self->events);
    free(self->adjustments);
    free(self->used);
    contract_free(&self->plain);
    *self = (AdjustPlan){0};
}

bool
adjust_plan_is_empty(const AdjustPlan *self)
{
    return self->adjustment_count == 0 && self->note_count == 0 && self->written_off_count == 0;
}

bool
adjust_plan_describe(const AdjustPlan *self, Json *document, Err *err)
{
    if (is_draft(document) && !tell_notes(self, self->count, document, err))
        return false;
    if (self->adjustment_count == 0)
        return true;
    Json *list = json_new_array(err);
    bool done = list != NULL && json_add(document, "adjustments", list, err);
    for (size_t i = 0; done && i < self->count; i++) {
        const AdjustEvent *event = &self->events[i];
        done = event->document == NULL || event->credit_note != NULL ||
               json_append(list, json_object_get(event->document), err);
    }
    return done;
}
