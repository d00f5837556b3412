#include "rater/reconcile_row.h"

#include <stdio.h>
#include <string.h>

#include "lib/harmless.h"
#include "lib/utc.h"
#include "rater/document.h"
#include "rater/explain.h"

enum { ROW_TEXT_BYTES = 32 };

/* ---- as JSON ---- */

static bool
add_facts(Json *row, const char *key, const ReconcileEntry *entry, Err *err)
{
    if (entry == NULL)
        return json_add(row, key, NULL, err);
    Buffer text = {0};
    Json *facts = usage_record_to_json(&entry->record, &text, err) ? json_parse(buffer_text(&text), err) : NULL;
    buffer_free(&text);
    return facts != NULL && json_add(row, key, facts, err);
}

static bool
add_place(Json *row, const ReconcileEntry *bill, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    if (bill == NULL)
        return true;
    return json_add_text(row, "hour", utc_format(bill->place.hour_us, hour), err) &&
           json_add_int(row, "segment", bill->place.segment_id, err) &&
           json_add_int(row, "ordinal", bill->ordinal, err);
}

static bool
add_line(Json *row, const ReconcileEntry *file, const char *const *paths, Err *err)
{
    return file == NULL || (json_add_text(row, "file", paths[file->file], err) &&
                            json_add_int(row, "line", (int64_t) file->number, err));
}

/** Why a row stands where it does, in words. */
static void
say_why(const ReconcileMatch *match, char out[160])
{
    const ReconcileEntry *other = match->other;
    out[0] = '\0';
    if (other == NULL)
        return;
    if (other->side == RECONCILE_LATE)
        snprintf(out, 160, "it came after the bill was made: it is not on it");
    else if (other->side == RECONCILE_REVERSED)
        snprintf(out, 160, "it was reversed before the bill was made: record %lld of segment %lld",
                 (long long) other->ordinal, (long long) other->place.segment_id);
    else if (other->side == RECONCILE_QUARANTINED)
        snprintf(out, 160, "in quarantine as number %llu: %s", (unsigned long long) other->number, other->reason);
    else
        snprintf(out, 160, "line %llu of file %u is the first one", (unsigned long long) other->number,
                 other->file + 1);
}

static bool
add_differs(Json *row, uint32_t differs, Err *err)
{
    Json *list = json_new_array(err);
    bool done = list != NULL && json_add(row, "differs", list, err);
    for (size_t i = 0; done && i < RECONCILE_FIELD_COUNT; i++)
        if ((differs & UINT32_C(1) << i) != 0)
            done = json_append(list, json_object_new_string(RECONCILE_FIELD_NAMES[i]), err);
    return done;
}

MUST_CHECK Json *
reconcile_row(const ReconcileMatch *match, const ReconcileTold *told, Err *err)
{
    char why[160];
    const UsageRecord *record = &(match->file != NULL ? match->file : match->bill)->record;
    Json *row = json_new_object(err);
    say_why(match, why);
    bool done = row != NULL && json_add_text(row, "status", RECONCILE_STATUS_NAMES[match->status], err) &&
                json_add_text(row, "why", why[0] == '\0' ? NULL : why, err) &&
                json_add_text(row, "tenant", told->tenant, err) &&
                json_add_slice(row, "request_id", record->request_id, err) &&
                json_add_int(row, "attempt", record->attempt, err) && add_line(row, match->file, told->paths, err) &&
                add_place(row, match->bill, err) && add_differs(row, match->differs, err) &&
                add_facts(row, "in_file", match->file, err) && add_facts(row, "on_bill", match->bill, err) &&
                (told->worth == NULL ? json_add(row, "worth_exact", NULL, err)
                                     : document_add_exact(row, "worth_exact", told->worth, err)) &&
                json_add_text(row, "currency", told->currency, err);
    if (done)
        return row;
    json_object_put(row);
    return NULL;
}

MUST_CHECK Json *
reconcile_row_unreadable(const UsageRejected *rejected, const char *path, Err *err)
{
    char why[512];
    Json *row = json_new_object(err);
    snprintf(why, sizeof(why), "%.*s%s%.*s", TEXT_ARG(rejected->field), rejected->field.length == 0 ? "" : ": ",
             TEXT_ARG(rejected->message));
    if (row != NULL && json_add_text(row, "status", "unreadable", err) && json_add_text(row, "why", why, err) &&
        json_add_text(row, "file", path, err) && json_add_int(row, "line", (int64_t) rejected->line, err))
        return row;
    json_object_put(row);
    return NULL;
}

/* ---- for people ---- */

/** "duration_ms: 120.5 in the file, 121 on the bill; …" */
static bool
append_differences(Json *row, Buffer *out, Err *err)
{
    Json *differs = json_member(row, "differs");
    size_t count = differs == NULL ? 0 : json_object_array_length(differs);
    bool done = buffer_append_text(out, "", err);
    for (size_t i = 0; done && i < count; i++) {
        const char *field = json_object_get_string(json_object_array_get_idx(differs, i));
        if (strcmp(field, "duration_ms") == 0 && json_member(json_member(row, "in_file"), "ready_s") != NULL)
            field = "ready_s"; /* how long capacity took */
        const char *file = explain_member(json_member(row, "in_file"), field);
        const char *bill = explain_member(json_member(row, "on_bill"), field);
        done = buffer_printf(out, err, "%s%s: %s in the file, %s on the bill", i == 0 ? "" : "; ", field,
                             file[0] == '\0' ? "none" : file, bill[0] == '\0' ? "none" : bill);
    }
    return done;
}

MUST_CHECK bool
reconcile_row_text(Json *row, Buffer *out, Err *err)
{
    char place[ROW_TEXT_BYTES] = "";
    Buffer what = {0};
    const char *line = explain_member(row, "line");
    const char *worth = explain_member(row, "worth_exact");
    const char *attempt = explain_member(row, "attempt");
    const char *segment = explain_member(row, "segment");
    if (line[0] != '\0')
        snprintf(place, sizeof(place), ":%s", line);
    else if (segment[0] != '\0')
        snprintf(place, sizeof(place), "  segment %s", segment);
    bool done = append_differences(row, &what, err) &&
                line_append_harmless(out, err, "%-21s %s%s%s%s%s%s  %s%s%s%s%s%s", explain_member(row, "status"),
                                     explain_member(row, "request_id"), strcmp(attempt, "1") <= 0 ? "" : " attempt ",
                                     strcmp(attempt, "1") <= 0 ? "" : attempt, line[0] == '\0' ? "" : "  ",
                                     explain_member(row, "file"), place, what.data, explain_member(row, "why"),
                                     worth[0] == '\0' ? "" : "  worth ", worth, worth[0] == '\0' ? "" : " ",
                                     worth[0] == '\0' ? "" : explain_member(row, "currency"));
    buffer_free(&what);
    return done;
}

/* ---- for spreadsheets ---- */

static const char *const COLUMNS[] = {"status", "why",  "tenant", "request_id", "attempt",
                                      "file",   "line", "hour",   "segment",    "ordinal"};
static const char *const FACTS[] = {"function",  "started_at",   "duration_ms", "init_duration_ms",
                                    "memory_mb", "architecture", "region"};
enum { COLUMN_COUNT = sizeof(COLUMNS) / sizeof(COLUMNS[0]), FACT_COUNT = sizeof(FACTS) / sizeof(FACTS[0]) };

MUST_CHECK bool
reconcile_csv_header(Buffer *out, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < COLUMN_COUNT; i++)
        done = csv_append_cell(out, COLUMNS[i], false, err);
    for (size_t i = 0; done && i < FACT_COUNT; i++)
        done = buffer_printf(out, err, "file_%s,bill_%s,", FACTS[i], FACTS[i]);
    return done && buffer_append_text(out, "differences,worth_exact,currency\r\n", err);
}

MUST_CHECK bool
reconcile_row_csv(Json *row, Buffer *out, Err *err)
{
    Buffer what = {0};
    bool done = append_differences(row, &what, err);
    for (size_t i = 0; done && i < COLUMN_COUNT; i++)
        done = csv_append_cell(out, explain_member(row, COLUMNS[i]), false, err);
    for (size_t i = 0; done && i < FACT_COUNT; i++)
        done = csv_append_cell(out, explain_member(json_member(row, "in_file"), FACTS[i]), false, err) &&
               csv_append_cell(out, explain_member(json_member(row, "on_bill"), FACTS[i]), false, err);
    done = done && csv_append_cell(out, what.data, false, err) &&
           csv_append_cell(out, explain_member(row, "worth_exact"), false, err) &&
           csv_append_cell(out, explain_member(row, "currency"), true, err);
    buffer_free(&what);
    return done;
}
