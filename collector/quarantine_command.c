/* millibill quarantine list|show|replay */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/commands.h"
#include "collector/replay.h"
#include "lib/config.h"
#include "lib/digest.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/output.h"
#include "lib/text.h"
#include "proto/usage_batch.h"
#include "schema/db.h"
#include "schema/quarantine_store.h"

enum { LIST_ROWS = 100, MESSAGE_COLUMNS = 90 };
static const char PROGRAM[] = "millibill quarantine";

static Db *
connect_stack(const char *data, Config *config, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_load(data, config, err) || !config_conninfo(config, "millibill_compactor", conninfo, err))
        return NULL;
    return db_connect(conninfo, "millibill quarantine", err);
}

/** A row's number, 1 or more. */
static bool
parse_id(const char *text, int64_t *id, Err *err)
{
    uint64_t number = 0;
    if (!text_to_u64(text_of(text), INT64_MAX, &number) || number == 0) {
        err_set(err, ERR_USAGE, "'%s' is not the number of a row", text);
        return err_hint(err, "`millibill quarantine list` shows the numbers.");
    }
    *id = (int64_t) number;
    return true;
}

/* ---- one row as JSON ---- */

/** The record inside, as the JSON that `import --format ndjson` reads; NULL with err set on failure. */
static Json *
record_json(Text payload, Err *err)
{
    UsageBatch *batch = usage_batch_unpack(payload.data, payload.length, err);
    Buffer text = {0};
    Json *json = NULL;
    UsageRecord record;
    if (batch != NULL && usage_batch_records(batch) == 1) {
        usage_batch_record(batch, 0, &record);
        if (usage_record_to_json(&record, &text, err))
            json = json_parse(buffer_text(&text), err);
    } else if (batch != NULL) {
        err_set(err, ERR_CORRUPT, "a row of quarantine holds %zu records, expected one", usage_batch_records(batch));
    }
    buffer_free(&text);
    usage_batch_free(&batch);
    return json;
}

/** The line as text when it is UTF-8 (JSON escapes control characters), else as hex. */
static bool
add_raw(Json *object, Text payload, Err *err)
{
    if (text_is_utf8(payload))
        return json_add_slice(object, "raw", payload, err);
    char *hex = malloc(payload.length * 2 + 1);
    if (hex == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a line of %zu bytes", payload.length);
    bool done = json_add_text(object, "raw_hex", bytes_hex(payload.data, payload.length, hex), err);
    free(hex);
    return done;
}

static bool
add_payload(Json *object, const QuarantineRow *row, Err *err)
{
    if (strcmp(row->format, "batch") == 0)
        return json_add_int(object, "raw_bytes", (int64_t) row->payload.length, err); /* --raw prints them */
    if (strcmp(row->format, "record") != 0)
        return add_raw(object, row->payload, err);
    Json *record = record_json(row->payload, err);
    return record != NULL && json_add(object, "record", record, err);
}

static const char *
or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static bool
add_facts(Json *object, const QuarantineRow *row, Err *err)
{
    char import_id[2 * 16 + 1] = "";
    if (row->import_id.length == 16)
        bytes_hex(row->import_id.data, row->import_id.length, import_id);
    return json_add_int(object, "id", row->id, err) && json_add_text(object, "tenant", or_null(row->tenant), err) &&
           json_add_text(object, "reason", row->reason, err) &&
           json_add_text(object, "field", or_null(row->field), err) &&
           json_add_text(object, "message", row->message, err) && json_add_text(object, "format", row->format, err) &&
           json_add_text(object, "source", row->source, err) && json_add_int(object, "line", row->line, err) &&
           json_add_text(object, "received_at", row->received_at, err) &&
           json_add_text(object, "import_id", or_null(import_id), err) &&
           json_add_int(object, "stream_id", row->stream_id, err) &&
           json_add_int(object, "sequence", row->sequence, err) &&
           json_add_text(object, "digest", or_null(row->digest), err) &&
           json_add_text(object, "other_digest", or_null(row->other_digest), err) &&
           json_add_text(object, "replayed_at", or_null(row->replayed_at), err);
}

static Json *
row_json(const QuarantineRow *row, Err *err)
{
    Json *object = json_object_new_object();
    if (object == NULL)
        err_set(err, ERR_NOMEM, "no memory for a row");
    else if (add_facts(object, row, err) && add_payload(object, row, err))
        return object;
    json_object_put(object);
    return NULL;
}

/* ---- list ---- */

typedef struct Listing {
    Json *array; /* NULL: print for people */
    int64_t rows;
    int64_t other_formats;
} Listing;

static bool
list_row(void *context, const QuarantineRow *row, Err *err)
{
    Listing *listing = context;
    listing->rows++;
    if (listing->array != NULL) {
        Json *json = row_json(row, err);
        return json != NULL && json_append(listing->array, json, err);
    }
    if (listing->rows == 1)
        printf("%8s  %-20s  %-16s  %-14s  %-14s  %s\n", "ID", "RECEIVED", "TENANT", "REASON", "FORMAT", "MESSAGE");
    printf("%8" PRId64 "  %-20s  %-16.16s  %-14s  %-14s  %s%s%.*s\n", row->id, row->received_at,
           row->tenant[0] == '\0' ? "-" : row->tenant, row->reason, row->format, row->field,
           row->field[0] == '\0' ? "" : " ", MESSAGE_COLUMNS, row->message);
    return true;
}

static bool
list(Db *db, const QuarantineFilter *filter, bool as_json, Err *err)
{
    Listing listing = {.array = as_json ? json_object_new_array() : NULL};
    bool done = (!as_json || listing.array != NULL || err_set(err, ERR_NOMEM, "no memory for a list")) &&
                quarantine_stream(db, filter, list_row, &listing, err);
    if (done && as_json)
        done = json_print(listing.array, stdout, err);
    if (done && !as_json && listing.rows == 0)
        puts("Nothing is in quarantine.");
    if (done && filter->limit != 0 && listing.rows == filter->limit)
        fprintf(stderr, "Only the first %" PRId64 " rows are shown; --limit 0 shows all.\n", filter->limit);
    json_object_put(listing.array);
    return done;
}

static int
list_command(int argc, char **argv)
{
    const char *data = NULL;
    bool as_json = false;
    bool all = false;
    int64_t limit = LIST_ROWS;
    QuarantineFilter filter = {0};
    const Option options[] = {
        {"tenant", 0, OPTION_TEXT, &filter.tenant, "NAME", "only this tenant's"},
        {"reason", 0, OPTION_TEXT, &filter.reason, "REASON",
         "only this reason (unknown_tenant, conflict, malformed, …)"},
        {"all", 0, OPTION_FLAG, &all, NULL, "also rows that were replayed"},
        {"limit", 0, OPTION_INTEGER, &limit, "N", "at most so many rows, 0: all; default 100"},
        OPTION_JSON(&as_json),
        OPTION_DATA(&data),
        OPTION_END,
    };
    const CommandLine line = {.command = "millibill quarantine list",
                              .arguments = "",
                              .summary = "List what arrived but could not be billed, with the reason.",
                              .options = options};
    OptionsResult parsed = options_parse(&line, argc, argv, NULL);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Config config;
    Err err = {0};
    if (limit < 0)
        return err_set(&err, ERR_USAGE, "--limit %" PRId64 ": expected 0 or more", limit), err_report(&err, PROGRAM);
    filter.limit = limit;
    filter.open_only = !all;
    Db *db = connect_stack(data, &config, &err);
    bool done = db != NULL && list(db, &filter, as_json, &err);
    db_free(&db);
    return done ? 0 : err_report(&err, PROGRAM);
}

/* ---- show ---- */

typedef struct Showing {
    bool raw;
    bool found;
} Showing;

static bool
show_row(void *context, const QuarantineRow *row, Err *err)
{
    Showing *showing = context;
    showing->found = true;
    if (showing->raw)
        return fwrite(row->payload.data, 1, row->payload.length, stdout) == row->payload.length ||
               output_failed("to standard output", errno, err);
    Json *json = row_json(row, err);
    bool done = json != NULL && json_print(json, stdout, err);
    json_object_put(json);
    return done;
}

static bool
show(Db *db, int64_t id, bool raw, Err *err)
{
    const QuarantineFilter filter = {.id = id};
    Showing showing = {.raw = raw};
    if (!quarantine_stream(db, &filter, show_row, &showing, err))
        return false;
    return showing.found || err_set(err, ERR_NOT_FOUND, "there is no row %" PRId64 " in quarantine", id);
}

static int
show_command(int argc, char **argv)
{
    const char *data = NULL;
    bool raw = false;
    bool as_json = false; /* the only form there is */
    const Option options[] = {
        {"raw", 0, OPTION_FLAG, &raw, NULL, "print the stored bytes as they came"},
        {"json", 0, OPTION_FLAG, &as_json, NULL, "print one JSON document, as without it"},
        OPTION_DATA(&data),
        OPTION_END,
    };
    const CommandLine line = {.command = "millibill quarantine show",
                              .arguments = "ID",
                              .summary = "Show one row: why it could not be billed, and what it holds.",
                              .options = options,
                              .arguments_min = 1,
                              .arguments_max = 1};
    const char *const *rest = NULL;
    OptionsResult parsed = options_parse(&line, argc, argv, &rest);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Config config;
    Err err = {0};
    int64_t id = 0;
    Db *db = parse_id(rest[0], &id, &err) ? connect_stack(data, &config, &err) : NULL;
    bool done = db != NULL && show(db, id, raw, &err);
    db_free(&db);
    return done ? 0 : err_report(&err, PROGRAM);
}

/* ---- replay ---- */

static bool
count_row(void *context, const QuarantineRow *row, Err *err)
{
    (void) err;
    Listing *listing = context;
    listing->rows++;
    listing->other_formats += strcmp(row->format, "record") != 0;
    return true;
}

static bool
print_report(const ReplayReport *report, const Listing *still, bool as_json, Err *err)
{
    if (as_json) {
        Json *json = json_object_new_object();
        bool done = json != NULL && json_add_int(json, "replayed", report->replayed, err) &&
                    json_add_int(json, "known", report->copies, err) &&
                    json_add_int(json, "conflicts", report->conflicts, err) &&
                    json_add_int(json, "still_open", still->rows, err) && json_print(json, stdout, err);
        json_object_put(json);
        return done;
    }
    printf("%" PRId64 " record%s replayed, %" PRId64 " of them known already; %" PRId64 " row%s in quarantine.\n",
           report->replayed, text_plural(report->replayed), report->copies, still->rows,
           still->rows == 1 ? " stays" : "s stay");
    if (still->other_formats > 0)
        printf("%" PRId64
               " of those are lines that could not be read: `millibill quarantine show ID --raw` prints one, fix the "
               "line and import it again.\n",
               still->other_formats);
    return true;
}

static bool
replay(Db *db, const Config *config, QuarantineFilter *filter, const char *const *ids, bool as_json, Err *err)
{
    ReplayReport total = {0};
    Listing still = {0};
    filter->open_only = true;
    do {
        ReplayReport report;
        QuarantineFilter open = *filter;
        if (ids[0] != NULL && !parse_id(*ids++, &filter->id, err))
            return false;
        open.id = filter->id;
        if (!replay_run(db, config, filter, &report, err) || !quarantine_stream(db, &open, count_row, &still, err))
            return false;
        total.replayed += report.replayed;
        total.copies += report.copies;
        total.conflicts += report.conflicts;
    } while (ids[0] != NULL);
    return print_report(&total, &still, as_json, err);
}

static const char REPLAY_DETAIL[] =
    "unknown_tenant  billed when the tenant exists now; live records that came too old only when named by ID, and\n"
    "                those in the future not yet\n"
    "too_old         billed only when named, by ID or with --reason too_old\n"
    "in_future       billed only when named, by ID or with --reason in_future, and once it is no farther ahead than\n"
    "                live_future_s allows\n"
    "not_committed   billed only when named, by ID or with --reason not_committed: when what the database could not\n"
    "                take is mended\n"
    "Others stay. Lines that could not be read are not replayed: fix the line and import it again.";

static int
replay_command(int argc, char **argv)
{
    const char *data = NULL;
    bool as_json = false;
    QuarantineFilter filter = {0};
    const Option options[] = {
        {"tenant", 0, OPTION_TEXT, &filter.tenant, "NAME", "only this tenant's"},
        {"reason", 0, OPTION_TEXT, &filter.reason, "REASON", "only this reason"},
        OPTION_JSON(&as_json),
        OPTION_DATA(&data),
        OPTION_END,
    };
    const CommandLine line = {.command = "millibill quarantine replay",
                              .arguments = "[ID…]",
                              .summary = "Bill the records whose cause is gone.",
                              .detail = REPLAY_DETAIL,
                              .options = options,
                              .arguments_max = SIZE_MAX};
    const char *const *rest = NULL;
    OptionsResult parsed = options_parse(&line, argc, argv, &rest);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Config config;
    Err err = {0};
    Db *db = connect_stack(data, &config, &err);
    bool done = db != NULL && replay(db, &config, &filter, rest, as_json, &err);
    db_free(&db);
    return done ? 0 : err_report(&err, PROGRAM);
}

int
quarantine_command(int argc, char **argv)
{
    static const Command commands[] = {
        {"list", "what is in quarantine, and why", list_command},
        {"show", "one row with what it holds", show_command},
        {"replay", "bill the records whose cause is gone", replay_command},
        {NULL, NULL, NULL},
    };
    return command_dispatch(PROGRAM, "What arrived but could not be billed.", commands, argc, argv);
}
