#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/process.h"
#include "cli/stack_command.h"
#include "cli/stack_parts.h"
#include "lib/json.h"
#include "lib/utc.h"

bool
socket_is_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return false;
    (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool open = fd >= 0 && connect(fd, (const struct sockaddr *) (const void *) &address, sizeof(address)) == 0;
    if (fd >= 0)
        close(fd);
    return open;
}

const char *
endpoint_path(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
}

enum { UNIX_STATE_COLUMN = 5, UNIX_PATH_COLUMN = 7 };

/* A line of /proc/net/unix: is it an accepted connection ("03") of the socket at `path`? */
static bool
is_connection_of(char *line, const char *path)
{
    char *save = NULL;
    char *word = strtok_r(line, " \n", &save);
    for (int column = 0; word != NULL; column++) {
        if (column == UNIX_STATE_COLUMN && strcmp(word, "03") != 0)
            return false;
        if (column == UNIX_PATH_COLUMN)
            return strcmp(word, path) == 0;
        word = strtok_r(NULL, column + 1 == UNIX_PATH_COLUMN ? "\n" : " \n", &save);
    }
    return false;
}

/* Connections that a listener on this path has accepted, as the kernel lists them; -1 when it cannot be known. */
static int64_t
connections_of(const char *path)
{
    char line[512];
    int64_t count = 0;
    FILE *file = path == NULL ? NULL : fopen("/proc/net/unix", "re");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof(line), file) != NULL)
        count += is_connection_of(line, path);
    (void) fclose(file);
    return count;
}

void
stack_psql(const Config *config, char *out, size_t size)
{
    (void) snprintf(out, size, "psql \"%s user=millibill_reader options=--search_path=millibill\"", config->database);
}

static void
part_print(const Config *config, StackPart part)
{
    Process process;
    char since[UTC_TEXT_BYTES], log[PATH_MAX];
    if (!part_log(config, part, log, NULL))
        return;
    if (!part_find(config, part, &process)) {
        printf("  %-11s stopped                                     %s\n", part_name(part), log);
        return;
    }
    int64_t started_us = process_started_at_us(&process) / UTC_SECOND_US * UTC_SECOND_US;
    printf("  %-11s running  pid %-7d since %s  %s", part_name(part), (int) process.pid, utc_format(started_us, since),
           log);
    if (process.restarts > 0)
        printf("  (restarted %lld times)", (long long) process.restarts);
    printf("\n");
}

void
stack_print(const Config *config)
{
    char psql[CONFIG_TEXT_BYTES + 128];
    printf("millibill stack in %s\n", config->data);
    for (int part = PART_COUNT; part >= 0; part--)
        part_print(config, (StackPart) part);
    int64_t connected = connections_of(endpoint_path(config->listen));
    if (connected >= 0)
        printf("  agents      %lld connected to %s\n", (long long) connected, config->listen);
    printf("  NDJSON      %s\n", config->agent_socket);
    stack_psql(config, psql, sizeof(psql));
    printf("  dashboards  %s\n", psql);
}

static Json *
part_json(const Config *config, StackPart part, bool *running, Err *err)
{
    Process process = {0};
    char since[UTC_TEXT_BYTES], path[PATH_MAX];
    Json *json = json_object_new_object();
    bool alive = part_find(config, part, &process);
    *running = *running && alive;
    if (json == NULL || !part_log(config, part, path, err) || !json_add_text(json, "name", part_name(part), err) ||
        !json_add_bool(json, "running", alive, err) || !json_add_text(json, "log", path, err))
        return json;
    if (alive) {
        json_add_int(json, "pid", process.pid, err);
        json_add_text(json, "started_at", utc_format(process_started_at_us(&process), since), err);
        json_add_int(json, "restarts", process.restarts, err);
    }
    return json;
}

static Json *
sockets_json(const Config *config, Err *err)
{
    Json *json = json_object_new_object();
    json_add_text(json, "agent", config->agent_socket, err);
    json_add_text(json, "import", config->import_socket, err);
    json_add_text(json, "ring", config->ring_socket, err);
    json_add_text(json, "collector", config->listen, err);
    return json;
}

bool
stack_print_json(const Config *config, bool *running, Err *err)
{
    char psql[CONFIG_TEXT_BYTES + 128];
    *running = true;
    Json *json = json_object_new_object();
    Json *parts = json_object_new_array();
    for (StackPart part = 0; part <= PART_COUNT; part++)
        json_append(parts, part_json(config, part, running, err), err);
    stack_psql(config, psql, sizeof(psql));
    json_add_text(json, "data", config->data, err);
    json_add_text(json, "run", config->run, err);
    json_add_text(json, "database", config->database, err);
    json_add_bool(json, "running", *running, err);
    json_add(json, "parts", parts, err);
    json_add(json, "sockets", sockets_json(config, err), err);
    json_add_bool(json, "database_ready", *running && cluster_is_ready(config), err);
    json_add_int(json, "agents_connected", connections_of(endpoint_path(config->listen)), err);
    json_add_text(json, "psql", psql, err);
    bool done = !err_is_set(err) && json_print(json, stdout, err);
    json_object_put(json);
    return done;
}

static bool
stack_runs(const Config *config)
{
    Process process;
    bool running = true;
    for (StackPart part = 0; part <= PART_COUNT; part++)
        running = part_find(config, part, &process) && running;
    return running;
}

static bool
status_run(StackCall *call, void *context, Err *err)
{
    (void) context;
    Config config;
    bool running = false;
    if (!config_load(call->data, &config, err) || (call->json && !stack_print_json(&config, &running, err)))
        return false;
    if (!call->json) {
        stack_print(&config);
        running = stack_runs(&config);
    }
    call->status = running ? 0 : 1;
    return true;
}

int
command_status(int argc, char **argv)
{
    static const StackCommand COMMAND = {
        .command = "millibill status",
        .summary = "Show what of the stack runs, where its sockets and logs are, and how to open the dashboard views.",
        .detail = "Exit status 0 when everything runs, 1 when something does not.",
        .run = status_run,
    };
    return stack_command(&COMMAND, argc, argv);
}
