#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/orphans.h"
#include "cli/process.h"
#include "cli/stack_command.h"
#include "cli/supervisor.h"
#include "lib/json.h"

enum { PART_PATIENCE_MS = 20000 };

/* What is frozen would hold the database's memory, and the folder, for as long as it is. */
static void
orphans_stop(const Config *config)
{
    char cluster[PATH_MAX];
    if (snprintf(cluster, sizeof(cluster), "%s/pg", config->data) >= (int) sizeof(cluster))
        return; /* no server can have run there */
    int ended = orphans_end(cluster);
    if (ended > 0)
        fprintf(stderr, "PostgreSQL had left %d process%s behind; %s ended.\n", ended, ended == 1 ? "" : "es",
                ended == 1 ? "it was" : "they were");
}

/* A part whose supervisor was killed: agent and collector first, the database by cluster_clear. */
static bool
part_stop_alone(const Config *config, StackPart part, bool *found, Err *err)
{
    Process process;
    char path[PATH_MAX];
    if (part_find(config, part, &process)) {
        *found = true;
        int stop = part == PART_POSTGRES ? SIGINT : SIGTERM;
        int last = part == PART_POSTGRES ? SIGQUIT : SIGKILL;
        if (!process_stop(&process, stop, last, PART_PATIENCE_MS, err))
            return err_prefix(err, "%s: ", part_name(part));
    }
    if (part_pid_file(config, part, path, NULL))
        (void) unlink(path);
    return true;
}

bool
stack_stop(const Config *config, bool *was_running, Err *err)
{
    Process supervisor;
    bool found = part_find(config, PART_COUNT, &supervisor);
    if (found && !process_stop(&supervisor, SIGTERM, SIGTERM, SUPERVISOR_STOP_PATIENCE_MS, err))
        return false;
    bool done = part_stop_alone(config, PART_AGENT, &found, err) &&
                part_stop_alone(config, PART_COLLECTOR, &found, err) &&
                part_stop_alone(config, PART_POSTGRES, &found, err) && cluster_clear(config, err);
    char path[PATH_MAX];
    if (done)
        orphans_stop(config);
    if (done && part_pid_file(config, PART_COUNT, path, NULL))
        (void) unlink(path);
    if (was_running != NULL)
        *was_running = found;
    return done;
}

static bool
stopped_print(const Config *config, bool was_running, bool json, Err *err)
{
    fprintf(json ? stderr : stdout, "%s (%s)\n", was_running ? "The stack is stopped." : "The stack is not running.",
            config->data);
    if (!json)
        return true;
    Json *out = json_new_object(err);
    bool done = out != NULL && json_add_bool(out, "stopped", true, err) &&
                json_add_bool(out, "was_running", was_running, err) && json_add_text(out, "data", config->data, err) &&
                json_print(out, stdout, err);
    json_object_put(out);
    return done;
}

static bool
down_run(StackCall *call, void *context, Err *err)
{
    (void) context;
    Config config;
    bool was_running = false;
    return config_load(call->data, &config, err) && stack_stop(&config, &was_running, err) &&
           stopped_print(&config, was_running, call->json, err);
}

int
command_down(int argc, char **argv)
{
    static const StackCommand COMMAND = {
        .command = "millibill down",
        .summary = "Stop the stack on this machine: agent, collector, PostgreSQL.",
        .detail = "What the agent has accepted stays in its spool and is sent after the next start.",
        .run = down_run,
    };
    return stack_command(&COMMAND, argc, argv);
}
