#include "collector/replay.h"

#include <stdlib.h>
#include <string.h>

#include "collector/regroup.h"
#include "collector/write.h"
#include "lib/array.h"
#include "lib/utc.h"
#include "schema/batch_store.h"
#include "schema/duplicates.h"
#include "schema/tenant_store.h"

enum { PAGE_ROWS = 2000, HISTORY_FUTURE_DAYS = 366 };

typedef struct ReplayRow {
    int64_t id;
    int64_t stream_id;
    int64_t sequence;
    UsageBatch *usage;
    char import_id[IMPORT_ID_BYTES];
    size_t import_id_bytes;
} ReplayRow;

/** A tenant's month in which something was replayed. */
typedef struct Touched {
    int64_t tenant_id;
    int64_t month_us;
} Touched;

typedef struct Replay {
    Db *db;
    const Config *config;
    bool by_id; /* the filter names one row */
    int64_t now_us;
    ConfigTable *configs;
    Regroup *regroup;
    Months months;
    ReplayRow *rows;
    size_t row_count, row_capacity;
    int64_t seen; /* rows of this page, with those whose cause is still there */
    int64_t *tenant_ids;
    int64_t *done_ids;
    size_t done_count;
    int64_t last_id; /* of this page */
    int64_t after_id;
    Touched *touched;
    size_t touched_count, touched_capacity;
    ReplayReport *report;
} Replay;

static void
rows_clear(Replay *self)
{
    for (size_t i = 0; i < self->row_count; i++)
        usage_batch_free(&self->rows[i].usage);
    self->row_count = 0;
    self->seen = 0;
    free(self->tenant_ids);
    free(self->done_ids);
    self->tenant_ids = NULL;
    self->done_ids = NULL;
    self->done_count = 0;
}

/** May a record that started then be billed now? `*due` says so; false with err set when the row cannot be read. */
static bool
row_is_due(const Replay *self, const QuarantineRow *row, const UsageBatch *usage, bool *due, Err *err)
{
    int64_t received_us = 0;
    if (usage_batch_records(usage) != 1)
        return err_set(err, ERR_CORRUPT, "it holds %zu records, expected one", usage_batch_records(usage));
    UsageRecord record;
    usage_batch_record(usage, 0, &record);
    bool live = row->import_id.length == 0 && strcmp(row->reason, "too_old") != 0;
    bool future_matters = live || strcmp(row->reason, "in_future") == 0;
    *due = !future_matters || record.started_at_us <= self->now_us + self->config->live_future_s * UTC_SECOND_US;
    if (!live || self->by_id)
        return true;
    if (!utc_parse(text_of(row->received_at), &received_us, err))
        return false;
    *due = *due && record.started_at_us >= received_us - self->config->live_past_days * UTC_DAY_US;
    return true;
}

static bool
take_row(void *context, const QuarantineRow *row, Err *err)
{
    Replay *self = context;
    bool due = false;
    self->seen++;
    self->last_id = row->id;
    if (!array_grow(&self->rows, &self->row_capacity, self->row_count, sizeof *self->rows, err))
        return false;
    ReplayRow *taken = &self->rows[self->row_count];
    *taken = (ReplayRow){.id = row->id, .stream_id = row->stream_id, .sequence = row->sequence};
    taken->usage = usage_batch_unpack(row->payload.data, row->payload.length, err);
    if (taken->usage == NULL || !row_is_due(self, row, taken->usage, &due, err)) {
        usage_batch_free(&taken->usage);
        return err_prefix(err, "quarantine row %lld: ", (long long) row->id);
    }
    if (!due) {
        usage_batch_free(&taken->usage);
        return true;
    }
    if (row->import_id.length == IMPORT_ID_BYTES) {
        memcpy(taken->import_id, row->import_id.data, IMPORT_ID_BYTES);
        taken->import_id_bytes = IMPORT_ID_BYTES;
    }
    self->row_count++;
    return true;
}

static bool
regroup_rows(Replay *self, Err *err)
{
    regroup_start(self->regroup);
    for (size_t i = 0; i < self->row_count; i++) {
        const ReplayRow *row = &self->rows[i];
        const RegroupInput input = {.batch = row->usage,
                                    .stream_id = row->stream_id,
                                    .sequence = row->sequence,
                                    .history = true,
                                    .import_id = {row->import_id, row->import_id_bytes}};
        if (!regroup_add(self->regroup, &input, err))
            return false;
    }
    size_t tenants = 0;
    const Text *names = regroup_tenants(self->regroup, &tenants);
    self->tenant_ids = calloc(tenants + 1, sizeof *self->tenant_ids);
    self->done_ids = calloc(self->row_count + 1, sizeof *self->done_ids);
    if (self->tenant_ids == NULL || self->done_ids == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu rows of quarantine", self->row_count);
    const RegroupPolicy policy = {.now_us = self->now_us, .history_future_us = HISTORY_FUTURE_DAYS * UTC_DAY_US};
    return tenant_ids(self->db, names, tenants, self->tenant_ids, err) &&
           regroup_run(self->regroup, self->tenant_ids, &policy, err);
}

static bool
note_touched(Replay *self, Err *err)
{
    const RegroupOutput *output = regroup_output(self->regroup);
    for (size_t i = 0; i < output->segment_count; i++) {
        const Touched touched = {output->segments[i].tenant_id,
                                 utc_month_start_us(utc_month_of(output->segments[i].hour_us))};
        bool known = false;
        for (size_t j = self->touched_count; j-- > 0 && !known;)
            known = memcmp(&self->touched[j], &touched, sizeof touched) == 0;
        if (known)
            continue;
        if (!array_grow(&self->touched, &self->touched_capacity, self->touched_count, sizeof *self->touched, err))
            return false;
        self->touched[self->touched_count++] = touched;
    }
    return true;
}

/** Write what can be billed; what cannot stays where it is. */
static bool
write_rows(Replay *self, Err *err)
{
    int64_t commit_id = 0;
    int64_t receipt = 0;
    RegroupOutput output = *regroup_output(self->regroup);
    output.quarantine_count = 0;
    for (size_t i = 0; i < self->row_count; i++)
        if (regroup_input(self->regroup, i)->billed > 0)
            self->done_ids[self->done_count++] = self->rows[i].id;
    return commit_new(self->db, &commit_id, err) && usage_write(self->db, self->configs, &output, commit_id, err) &&
           quarantine_mark_replayed(self->db, self->done_ids, self->done_count, err) &&
           commit_take_receipt(self->db, commit_id, &receipt, err) && db_commit(self->db, err);
}

/** One page in one transaction. `*months_missing`: nothing was done, make them and call again. */
static bool
replay_page(Replay *self, const QuarantineFilter *filter, bool *months_missing, Err *err)
{
    *months_missing = false;
    if (!db_begin(self->db, false, err) || !quarantine_stream(self->db, filter, take_row, self, err))
        return false;
    if (self->row_count == 0)
        return true;
    if (!regroup_rows(self, err))
        return false;
    *months_missing = !months_known(&self->months, regroup_output(self->regroup));
    return *months_missing || (write_rows(self, err) && note_touched(self, err));
}

static bool
replay_pages(Replay *self, const QuarantineFilter *given, Err *err)
{
    QuarantineFilter filter = *given;
    filter.format = "record";
    filter.open_only = filter.replayable = filter.lock = true;
    filter.limit = PAGE_ROWS;
    for (;;) {
        bool months_missing = false;
        filter.after_id = self->after_id;
        rows_clear(self);
        bool good = replay_page(self, &filter, &months_missing, err);
        db_rollback(self->db);
        if (months_missing)
            config_table_forget(self->configs);
        if (!good || (months_missing && !months_make(&self->months, self->db, regroup_output(self->regroup), err)))
            return false;
        if (months_missing)
            continue;
        if (self->seen == 0)
            return true;
        self->after_id = self->last_id;
        self->report->replayed += (int64_t) self->done_count;
        self->report->left += self->seen - (int64_t) self->done_count;
    }
}

static bool
find_duplicates(Replay *self, Err *err)
{
    for (size_t i = 0; i < self->touched_count; i++) {
        DuplicatesReport found;
        const Touched *touched = &self->touched[i];
        if (!duplicates_exclude(self->db, touched->tenant_id, touched->month_us,
                                utc_month_end_us(utc_month_of(touched->month_us)), &found, err))
            return false;
        self->report->copies += found.copies;
        self->report->conflicts += found.conflicts;
    }
    return true;
}

MUST_CHECK bool
replay_run(Db *db, const Config *config, const QuarantineFilter *filter, ReplayReport *report, Err *err)
{
    Replay self = {.db = db, .config = config, .now_us = utc_now_us(), .report = report};
    self.by_id = filter->id != 0;
    *report = (ReplayReport){0};
    self.configs = config_table_new(err);
    if (self.configs != NULL)
        self.regroup = regroup_new(self.configs, err);
    bool done = self.regroup != NULL && replay_pages(&self, filter, err) && find_duplicates(&self, err);
    rows_clear(&self);
    free(self.rows);
    free(self.touched);
    regroup_free(&self.regroup);
    config_table_free(&self.configs);
    months_free(&self.months);
    return done;
}
