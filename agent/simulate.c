/* `millibill simulate`: the deterministic load of a scenario or of a public trace through the agent's path. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/commands.h"
#include "agent/scenario.h"
#include "agent/trace.h"
#include "agent/upload.h"
#include "lib/config.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/progress.h"
#include "lib/share.h"
#include "lib/text.h"
#include "lib/utc.h"

enum { PROGRESS_RECORDS = 4096 };

static const char TRACE_TENANT[] = "trace";

typedef struct SimulateOptions {
    const char *scenario;
    OptionList traces;
    int64_t memory_mb;
    const char *month;
    const char *scale;
    const char *tenant;
    const char *data;
    int64_t seed;
    int64_t records;
    bool no_wait;
    bool json;
} SimulateOptions;

/* What was asked for, checked. */
typedef struct Task {
    Scenario *scenario; /* or: */
    Trace *trace;
    const char *name;
    const char *tenant;
    int64_t whole; /* invocations that there are */
    UtcMonth month;
    int64_t seed;
    int64_t count;
    const char *scale; /* as given, "1" when not */
} Task;

static const char DETAIL[] =
    "Shipped scenarios: basic, thumbnails, api, cleanup, constant, todo-api, avatars, event-day, viral-blog.\n"
    "The month is the last complete one unless --month names another. The same scenario, month, seed and number of\n"
    "records give the same records, ids included: running it again bills nothing twice. --scale 1/1000 takes that\n"
    "part of the invocations; it has to be a whole number.\n"
    "\n"
    "--trace replays the public Azure Functions traces: the file of 2021, or those of 2019 (invocations by minute,\n"
    "durations, and memory, each with its own --trace); --records and --scale take a part of it. See doc/traces.md.";

static bool
scale_count(const char *scale, int64_t invocations, int64_t *count, Err *err)
{
    Text text = text_of(scale);
    const char *slash = memchr(text.data, '/', text.length);
    uint64_t above = 0, below = 1;
    bool known = slash == NULL
                     ? text_to_u64(text, SCENARIO_INVOCATIONS_MAX, &above)
                     : text_to_u64((Text){text.data, (size_t) (slash - text.data)}, SCENARIO_INVOCATIONS_MAX, &above) &&
                           text_to_u64(text_of(slash + 1), SCENARIO_INVOCATIONS_MAX, &below);
    if (!known || above == 0 || below == 0)
        return err_set(err, ERR_USAGE, "--scale: '%s' is no fraction such as 1/1000", scale);
    __int128 product = (__int128) invocations * (int64_t) above;
    if (product % (int64_t) below != 0) {
        err_set(err, ERR_USAGE, "--scale: %s of %" PRId64 " invocations is no whole number", scale, invocations);
        return err_hint(err, "give the number itself: --records N");
    }
    if (product / (int64_t) below > SCENARIO_INVOCATIONS_MAX)
        return err_set(err, ERR_USAGE, "--scale: more than %d invocations", SCENARIO_INVOCATIONS_MAX);
    *count = (int64_t) (product / (int64_t) below);
    return true;
}

/* A trace has what it has; a scenario makes as many as it is asked for. */
static bool
choose_count(const SimulateOptions *options, Task *task, Err *err)
{
    int64_t most = task->trace != NULL ? task->whole : SCENARIO_INVOCATIONS_MAX;
    task->scale = options->scale != NULL ? options->scale : "1";
    task->count = task->whole;
    if (options->scale != NULL && options->records != 0)
        return err_set(err, ERR_USAGE, "--scale and --records exclude each other");
    if (options->scale != NULL && !scale_count(options->scale, task->whole, &task->count, err))
        return false;
    if (options->records < 0 || options->records > most)
        return err_set(err, ERR_USAGE, "--records: expected 1 to %" PRId64, most);
    if (options->records > 0)
        task->count = options->records;
    if (task->count > most)
        return err_set(err, ERR_USAGE, "--scale: the trace has %" PRId64 " invocations, not more", most);
    return true;
}

static bool
choose_month(const SimulateOptions *options, int64_t now_us, UtcMonth *month, Err *err)
{
    *month = utc_month_previous(utc_month_of(now_us));
    if (options->month == NULL)
        return true;
    if (!utc_month_parse(options->month, month, err)) {
        err->code = ERR_USAGE;
        return err_prefix(err, "--month: ");
    }
    if (utc_month_start_us(*month) > now_us)
        return err_set(err, ERR_USAGE, "--month: %s has not begun", options->month);
    return true;
}

static bool
open_scenario(const SimulateOptions *options, Task *task, Err *err)
{
    char path[PATH_MAX];
    if (!share_resolve("agent/scenarios", options->scenario, path, err))
        return false;
    task->scenario = scenario_open(path, err);
    if (task->scenario == NULL)
        return false;
    task->name = task->scenario->name;
    task->whole = task->scenario->invocations;
    task->tenant = options->tenant != NULL ? options->tenant : task->scenario->tenant;
    return true;
}

/* What is left out is said. */
static void
tell_notes(const Trace *trace)
{
    const TraceNotes *notes = trace_notes(trace);
    if (notes->outside > 0)
        fprintf(stderr, "%s: %" PRId64 " invocation%s left out: %s outside the month\n", trace_name(trace),
                notes->outside, text_plural(notes->outside), notes->outside == 1 ? "it starts" : "they start");
    if (notes->without_durations > 0)
        fprintf(stderr, "%s: %" PRId64 " invocation%s of %zu function%s left out: no file has durations for %s\n",
                trace_name(trace), notes->without_durations, text_plural(notes->without_durations),
                notes->functions_without, text_plural((int64_t) notes->functions_without),
                notes->functions_without == 1 ? "it" : "them");
}

static bool
open_trace(const SimulateOptions *options, Task *task, Err *err)
{
    if (options->memory_mb < 1 || options->memory_mb > USAGE_MEMORY_MB_MAX)
        return err_set(err, ERR_USAGE, "--memory: expected 1 to %d MB", USAGE_MEMORY_MB_MAX);
    task->tenant = options->tenant != NULL ? options->tenant : TRACE_TENANT;
    const TraceOptions how = {task->tenant, task->month, options->seed, options->memory_mb};
    task->trace = trace_open(options->traces.items, options->traces.count, &how, err);
    if (task->trace == NULL)
        return false;
    task->name = trace_name(task->trace);
    task->whole = trace_total(task->trace);
    tell_notes(task->trace);
    return true;
}

static bool
prepare(const SimulateOptions *options, Task *task, Err *err)
{
    bool has_trace = options->traces.count > 0;
    if (options->scenario == NULL && !has_trace) {
        err_set(err, ERR_USAGE, "--scenario is missing: a name such as basic, or a file; or give --trace");
        err_hint(err, "millibill simulate --help lists the shipped ones");
        return false;
    }
    if (options->scenario != NULL && has_trace)
        return err_set(err, ERR_USAGE, "--scenario and --trace exclude each other");
    task->seed = options->seed;
    if (!choose_month(options, utc_now_us(), &task->month, err) ||
        !(has_trace ? open_trace(options, task, err) : open_scenario(options, task, err)) ||
        !choose_count(options, task, err))
        return false;
    if (has_trace)
        trace_thin(task->trace, task->count);
    return true;
}

/* Where records come from: a simulation, or a trace. */
typedef struct Origin {
    Simulation *simulation;
    Trace *trace;
} Origin;

static bool
next_record(const Origin *self, UsageRecord *record, bool *more, Err *err)
{
    if (self->trace != NULL)
        return trace_next(self->trace, record, more, err);
    *more = simulation_next(self->simulation, record);
    return true;
}

static bool
send_record(const Task *task, const UsageRecord *record, Upload *upload, Err *err)
{
    UsageFault fault;
    if (!usage_record_check(record, true, true, &fault))
        return err_set(err, ERR_INPUT, "'%s': %s %s", task->name, fault.field, fault.message);
    return upload_record(upload, record, err);
}

static bool
send_all(const Task *task, Upload *upload, Err *err)
{
    Origin origin = {NULL, task->trace};
    if (task->trace == NULL) {
        origin.simulation = simulation_new(task->scenario, task->tenant, task->month, task->seed, task->count, err);
        if (origin.simulation == NULL)
            return false;
    }
    Progress progress = progress_start(task->name);
    UsageRecord record;
    bool more = true;
    bool going = next_record(&origin, &record, &more, err);
    for (int64_t i = 0; going && more; i++) {
        going = send_record(task, &record, upload, err) && next_record(&origin, &record, &more, err);
        if (i % PROGRESS_RECORDS == 0)
            progress_show(&progress, i, task->count);
    }
    progress_end(&progress);
    simulation_free(&origin.simulation);
    return going;
}

static bool
simulate(const Task *task, const SimulateOptions *options, const Config *config, LocalOutcome *outcome, Err *err)
{
    const LocalBegin begin = {"simulate", task->name, task->tenant, true, 0};
    Upload *upload = upload_open(config->import_socket, &begin, err);
    bool done = upload != NULL && send_all(task, upload, err) && upload_finish(upload, !options->no_wait, outcome, err);
    upload_free(&upload);
    return done;
}

static bool
print_json(const Task *task, const LocalOutcome *outcome, Err *err)
{
    char month[UTC_TEXT_BYTES];
    int64_t accepted = outcome->settled ? (int64_t) outcome->accepted : task->count;
    Json *object = json_object_new_object();
    bool done = object != NULL && json_add_text(object, task->trace != NULL ? "trace" : "scenario", task->name, err) &&
                json_add_text(object, "tenant", task->tenant, err) &&
                json_add_text(object, "month", utc_month_format(task->month, month), err) &&
                json_add_text(object, "scale", task->scale, err) && json_add_int(object, "seed", task->seed, err) &&
                json_add_int(object, "records", task->count, err) && json_add_int(object, "accepted", accepted, err) &&
                json_add_int(object, "known", (int64_t) outcome->known, err) &&
                json_add_int(object, "quarantined", (int64_t) outcome->quarantined, err) &&
                json_add_int(object, "conflicts", (int64_t) outcome->conflicts, err) &&
                (outcome->settled || json_add_bool(object, "settled", false, err)) && json_print(object, stdout, err);
    json_object_put(object);
    return done || err_set(err, ERR_NOMEM, "no memory for JSON");
}

static void
print_text(const Task *task, const LocalOutcome *outcome)
{
    char month[UTC_TEXT_BYTES];
    fprintf(stderr, "%s: %" PRId64 " invocation%s of tenant '%s' in %s", task->name, task->count,
            text_plural(task->count), task->tenant, utc_month_format(task->month, month));
    if (strcmp(task->scale, "1") != 0)
        fprintf(stderr, " (scale %s: %s of the %s's %" PRId64 ")", task->scale, task->scale,
                task->trace != NULL ? "trace" : "scenario", task->whole);
    if (!outcome->settled)
        fprintf(stderr, ": in the spool, not yet committed\n");
    else
        fprintf(stderr,
                ": %" PRIu64 " accepted, %" PRIu64 " already known, %" PRIu64 " quarantined, %" PRIu64 " conflict%s\n",
                outcome->accepted, outcome->known, outcome->quarantined, outcome->conflicts,
                text_plural((int64_t) outcome->conflicts));
    if (outcome->registered[0] != '\0')
        fprintf(stderr, "tenant '%s' registered\n", outcome->registered);
}

int
simulate_command(int argc, char **argv)
{
    SimulateOptions options = {.seed = 1, .memory_mb = TRACE_MEMORY_MB};
    const Option table[] = {
        {"scenario", 's', OPTION_TEXT, &options.scenario, "FILE|NAME", "the workload: a described one,"},
        {"trace", 0, OPTION_LIST, &options.traces, "FILE", "or the files of a public trace, each with its own --trace"},
        {"memory", 0, OPTION_INTEGER, &options.memory_mb, "MB",
         "of a trace's functions whose memory it does not tell; default 256"},
        {"month", 'm', OPTION_TEXT, &options.month, "YYYY-MM",
         "month of the invocations; default the last complete one"},
        {"seed", 0, OPTION_INTEGER, &options.seed, "N", "another seed gives other ids and moments; default 1"},
        {"records", 'n', OPTION_INTEGER, &options.records, "N", "that many instead of all of them"},
        {"scale", 0, OPTION_TEXT, &options.scale, "A/B", "that part of them, such as 1/1000"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME",
         "bill this tenant instead of the scenario's (of a trace: trace)"},
        {"no-wait", 0, OPTION_FLAG, &options.no_wait, NULL, "return when the agent's spool has all"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print the counts as JSON on standard output"},
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {.command = "millibill simulate",
                              .arguments = "",
                              .summary = "Produce the invocations of a described workload, or those of a public trace.",
                              .detail = DETAIL,
                              .options = table};
    OptionsResult parsed = options_parse(&line, argc, argv, NULL);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err;
    err_clear(&err);
    Config config;
    Task task = {.scale = "1"};
    LocalOutcome outcome = {0};
    bool done = prepare(&options, &task, &err) && config_load(options.data, &config, &err) &&
                simulate(&task, &options, &config, &outcome, &err);
    if (done)
        print_text(&task, &outcome);
    if (done && options.json)
        done = print_json(&task, &outcome, &err);
    scenario_free(&task.scenario);
    trace_free(&task.trace);
    return done ? 0 : err_report(&err, "millibill simulate");
}
