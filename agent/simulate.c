/* `millibill simulate`: the deterministic load of a scenario through the agent's path. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/commands.h"
#include "agent/scenario.h"
#include "agent/upload.h"
#include "lib/config.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/progress.h"
#include "lib/share.h"
#include "lib/utc.h"

enum { PROGRESS_RECORDS = 4096 };

typedef struct SimulateOptions {
    const char *scenario;
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
    Scenario *scenario;
    const char *tenant;
    UtcMonth month;
    int64_t seed;
    int64_t count;
    const char *scale; /* as given, "1" when not */
} Task;

static const char DETAIL[] =
    "Shipped scenarios: basic, thumbnails, api, cleanup, constant, todo-api, avatars. The month is the last complete "
    "one unless\n"
    "--month names another. The same scenario, month, seed and number of records give the same records, ids included: "
    "running\n"
    "it again bills nothing twice. --scale 1/1000 takes that part of the invocations; it has to be a whole number.";

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
    if (product % (int64_t) below != 0)
        return err_set(err, ERR_USAGE, "--scale: %s of %" PRId64 " invocations is no whole number", scale, invocations);
    if (product / (int64_t) below > SCENARIO_INVOCATIONS_MAX)
        return err_set(err, ERR_USAGE, "--scale: more than %d invocations", SCENARIO_INVOCATIONS_MAX);
    *count = (int64_t) (product / (int64_t) below);
    return true;
}

static bool
choose_count(const SimulateOptions *options, Task *task, Err *err)
{
    task->scale = options->scale != NULL ? options->scale : "1";
    task->count = task->scenario->invocations;
    if (options->scale != NULL && options->records != 0)
        return err_set(err, ERR_USAGE, "--scale and --records exclude each other");
    if (options->scale != NULL)
        return scale_count(options->scale, task->scenario->invocations, &task->count, err);
    if (options->records < 0 || options->records > SCENARIO_INVOCATIONS_MAX)
        return err_set(err, ERR_USAGE, "--records: expected 1 to %d", SCENARIO_INVOCATIONS_MAX);
    if (options->records > 0)
        task->count = options->records;
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
prepare(const SimulateOptions *options, Task *task, Err *err)
{
    char path[PATH_MAX];
    if (options->scenario == NULL) {
        err_set(err, ERR_USAGE, "--scenario is missing: a name such as basic, or a file");
        err_hint(err, "millibill simulate --help lists the shipped ones");
        return false;
    }
    if (!choose_month(options, utc_now_us(), &task->month, err) ||
        !share_resolve("agent/scenarios", options->scenario, path, err))
        return false;
    task->scenario = scenario_open(path, err);
    if (task->scenario == NULL || !choose_count(options, task, err))
        return false;
    task->seed = options->seed;
    task->tenant = options->tenant != NULL ? options->tenant : task->scenario->tenant;
    return true;
}

static bool
send_all(const Task *task, Upload *upload, Err *err)
{
    Simulation *simulation = simulation_new(task->scenario, task->tenant, task->month, task->seed, task->count, err);
    if (simulation == NULL)
        return false;
    Progress progress = progress_start(task->scenario->name);
    UsageRecord record;
    UsageFault fault;
    bool going = true;
    for (int64_t i = 0; going && simulation_next(simulation, &record); i++) {
        if (i == 0 && !usage_record_check(&record, true, true, &fault))
            going = err_set(err, ERR_INPUT, "scenario '%s': %s %s", task->scenario->name, fault.field, fault.message);
        else
            going = upload_record(upload, &record, err);
        if (i % PROGRESS_RECORDS == 0)
            progress_show(&progress, i, task->count);
    }
    progress_end(&progress);
    simulation_free(&simulation);
    return going;
}

static bool
simulate(const Task *task, const SimulateOptions *options, const Config *config, LocalOutcome *outcome, Err *err)
{
    const LocalBegin begin = {"simulate", task->scenario->name, task->tenant, true, 0};
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
    bool done = object != NULL && json_add_text(object, "scenario", task->scenario->name, err) &&
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
    fprintf(stderr, "%s: %" PRId64 " invocations of tenant '%s' in %s", task->scenario->name, task->count, task->tenant,
            utc_month_format(task->month, month));
    if (strcmp(task->scale, "1") != 0)
        fprintf(stderr, " (scale %s: %s of the scenario's %" PRId64 ")", task->scale, task->scale,
                task->scenario->invocations);
    if (!outcome->settled)
        fprintf(stderr, ": in the spool, not yet committed\n");
    else
        fprintf(stderr,
                ": %" PRIu64 " accepted, %" PRIu64 " already known, %" PRIu64 " quarantined, %" PRIu64 " conflicts\n",
                outcome->accepted, outcome->known, outcome->quarantined, outcome->conflicts);
    if (outcome->registered[0] != '\0')
        fprintf(stderr, "tenant '%s' registered\n", outcome->registered);
}

int
simulate_command(int argc, char **argv)
{
    SimulateOptions options = {.seed = 1};
    const Option table[] = {
        {"scenario", 's', OPTION_TEXT, &options.scenario, "FILE|NAME", "the workload (required)"},
        {"month", 'm', OPTION_TEXT, &options.month, "YYYY-MM", "month of the invocations (the last complete one)"},
        {"seed", 0, OPTION_INTEGER, &options.seed, "N", "another seed gives other ids and moments (1)"},
        {"records", 'n', OPTION_INTEGER, &options.records, "N", "that many instead of the scenario's number"},
        {"scale", 0, OPTION_TEXT, &options.scale, "A/B", "that part of the scenario's number, such as 1/1000"},
        {"tenant", 't', OPTION_TEXT, &options.tenant, "TENANT", "bill this tenant instead of the scenario's"},
        {"no-wait", 0, OPTION_FLAG, &options.no_wait, NULL, "return when the agent's spool has all"},
        {"json", 0, OPTION_FLAG, &options.json, NULL, "print the counts as JSON on standard output"},
        {"data", 0, OPTION_TEXT, &options.data, "DIR", "directory of the stack"},
        {NULL, 0, OPTION_FLAG, NULL, NULL, NULL},
    };
    const CommandLine line = {.command = "millibill simulate",
                              .arguments = "",
                              .summary = "Produce the invocations of a described workload.",
                              .detail = DETAIL,
                              .options = table};
    OptionsResult parsed = options_parse(&line, argc, argv, NULL);
    if (parsed != OPTIONS_RUN)
        return options_exit_status(parsed);
    Err err;
    err_clear(&err);
    Config config;
    Task task = {0};
    LocalOutcome outcome = {0};
    bool done = prepare(&options, &task, &err) && config_load(options.data, &config, &err) &&
                simulate(&task, &options, &config, &outcome, &err);
    if (done)
        print_text(&task, &outcome);
    if (done && options.json)
        done = print_json(&task, &outcome, &err);
    scenario_free(&task.scenario);
    return done ? 0 : err_report(&err, "millibill simulate");
}
