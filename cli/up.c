#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/commands.h"
#include "cli/process.h"
#include "cli/share_copy.h"
#include "cli/supervisor.h"
#include "lib/keys.h"
#include "lib/options.h"
#include "lib/seal_key.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/agent_store.h"
#include "schema/db.h"

enum {
    POLL_MS = 50,
    RECOVERY_NOTE_MS = 5000,
    DATABASE_PATIENCE_MS = 600000,
    DAEMON_PATIENCE_MS = 20000,
    RESTARTS_PATIENCE = 3,
    TAIL = 800
};

typedef struct Start {
    Config config;
    ServiceUser user;
    Process supervisor;
    int lock_fd;
    int go_fd;
} Start;

static void
pause_ms(int64_t milliseconds)
{
    struct timespec wait = {.tv_sec = milliseconds / 1000, .tv_nsec = (long) (milliseconds % 1000) * 1000000};
    (void) nanosleep(&wait, NULL);
}

/* Two starts at once: the second waits here, and then finds the stack running. */
static bool
start_lock(Start *self, Err *err)
{
    char path[PATH_MAX + 16];
    (void) snprintf(path, sizeof(path), "%s/up.lock", self->config.data);
    self->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (self->lock_fd < 0 || flock(self->lock_fd, LOCK_EX) != 0) {
        err_set(err, ERR_DENIED, "cannot lock '%s': %s", path, strerror(errno));
        return err_hint(err, "choose another directory with --data DIR, or run this as its owner");
    }
    return true;
}

/* A run directory outside DATA has a name that others can guess: it must not be theirs. */
static bool
run_directory(const Start *self, Err *err)
{
    struct stat status;
    const char *path = self->config.run;
    if (lstat(path, &status) == 0 &&
        (!S_ISDIR(status.st_mode) || (status.st_uid != self->user.uid && status.st_uid != geteuid())))
        return err_set(err, ERR_DENIED, "'%s' is not a directory of user %s", path, self->user.name);
    return service_user_directory(&self->user, path, 0755, err);
}

static bool
subdirectory(const Start *self, const char *name, unsigned mode, Err *err)
{
    char path[PATH_MAX + 16];
    (void) snprintf(path, sizeof(path), "%s/%s", self->config.data, name);
    return service_user_directory(&self->user, path, mode, err);
}

/** A stack whose collector does not seal needs no sealing key: who started it keeps the key, and seals by hand or by a timer of
 *  his own. PostgreSQL's superuser reaches every file of the user PostgreSQL runs as, and so no longer this one. */
static bool
seals_are_kept(const Start *self, Err *err)
{
    char keys[PATH_MAX + 16];
    char seals[PATH_MAX + 16];
    (void) snprintf(keys, sizeof(keys), "%s/keys", self->config.data);
    (void) snprintf(seals, sizeof(seals), "%s/seals", self->config.data);
    return self->config.seal_every_s != 0 ||
           (service_user_keep_from(&self->user, keys, err) && service_user_keep_from(&self->user, seals, err));
}

/* The key and the heads file belong to whoever seals; the file may not be there yet. */
static bool
own_seals(const Start *self, Err *err)
{
    const char *const paths[] = {self->config.seal_key, self->config.seal_heads};
    bool done = true;
    for (size_t i = 0; done && i < sizeof(paths) / sizeof(*paths); i++)
        if (access(paths[i], F_OK) == 0)
            done = self->config.seal_every_s != 0 ? service_user_own(&self->user, paths[i], err)
                                                  : service_user_keep_from(&self->user, paths[i], err);
    return done;
}

static bool
start_directories(const Start *self, Err *err)
{
    return service_user_reaches(&self->user, self->config.data, err) && subdirectory(self, "pids", 0755, err) &&
           subdirectory(self, "log", 0755, err) && subdirectory(self, "keys", 0755, err) &&
           subdirectory(self, "seals", 0755, err) && seals_are_kept(self, err) && run_directory(self, err) &&
           service_user_directory(&self->user, self->config.spool, 0700, err);
}

static bool
start_config(Start *self, Err *err)
{
    char path[PATH_MAX + 32];
    (void) snprintf(path, sizeof(path), "%s/millibill.yaml", self->config.data);
    if (access(path, F_OK) != 0) {
        if (!config_defaults(&self->config, err))
            return false;
        self->config.embedded = true;
        return config_save(&self->config, err);
    }
    if (self->config.embedded)
        return true;
    err_set(err, ERR_CONFLICT, "'%s' describes a stack with a database of its own (embedded: false)", path);
    return err_hint(err, "`up` is for a stack on one machine: choose another directory with --data DIR");
}

static bool
start_keys(const Start *self, char agent_public[KEY_TEXT_BYTES], Err *err)
{
    char collector_public[KEY_TEXT_BYTES];
    const Config *config = &self->config;
    return keys_ensure(config->collector_key, config->collector_public_key, collector_public, err) &&
           keys_ensure(config->agent_key, NULL, agent_public, err) &&
           seal_key_ensure(config->seal_key, config->seal_public_key, err) && own_seals(self, err) &&
           service_user_own(&self->user, config->collector_key, err) &&
           service_user_own(&self->user, config->agent_key, err);
}

/* "…failed" with the end of that part's log. */
static bool
part_failed(const Start *self, StackPart part, const char *what, Err *err)
{
    char path[PATH_MAX], tail[TAIL];
    if (!part_log(&self->config, part, path, err))
        return false;
    log_tail(path, tail, sizeof(tail));
    return err_set(err, ERR_IO, "%s %s; '%s' ends with:\n%s", part_name(part), what, path, tail);
}

static bool
wait_for_database(const Start *self, Err *err)
{
    for (int64_t waited_ms = 0; !cluster_is_ready(&self->config); waited_ms += POLL_MS) {
        (void) waitpid(self->supervisor.pid, NULL, WNOHANG);
        if (!process_is_alive(&self->supervisor))
            return part_failed(self, PART_POSTGRES, "does not start", err);
        if (waited_ms == RECOVERY_NOTE_MS)
            fprintf(stderr, "PostgreSQL is still starting (it may be recovering from an unclean stop)…\n");
        if (waited_ms > DATABASE_PATIENCE_MS)
            return part_failed(self, PART_POSTGRES, "is not ready after ten minutes", err);
        pause_ms(POLL_MS);
    }
    return true;
}

static bool
register_agent(const Start *self, const char *public_key, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_conninfo(&self->config, "millibill_owner", conninfo, err))
        return false;
    Db *db = db_connect(conninfo, "millibill up", err);
    bool done = db != NULL && agent_add(db, self->config.agent_name, public_key, true, err);
    db_free(&db);
    return done;
}

static bool
wait_for_socket(const Start *self, StackPart part, const char *path, Err *err)
{
    Process process = {0};
    for (int64_t waited_ms = 0; !socket_is_open(path); waited_ms += POLL_MS) {
        bool hopeless = part_find(&self->config, part, &process) && process.restarts >= RESTARTS_PATIENCE;
        if (hopeless || !process_is_alive(&self->supervisor) || waited_ms > DAEMON_PATIENCE_MS)
            return part_failed(self, part, "does not start", err);
        pause_ms(POLL_MS);
    }
    return true;
}

static bool
start_daemons(Start *self, Err *err)
{
    if (write(self->go_fd, "g", 1) != 1)
        return err_set(err, ERR_IO, "the supervisor is gone: %s", strerror(errno));
    const char *collector = endpoint_path(self->config.listen);
    return (collector == NULL || wait_for_socket(self, PART_COLLECTOR, collector, err)) &&
           wait_for_socket(self, PART_AGENT, self->config.import_socket, err);
}

static bool
stack_start(Start *self, Err *err)
{
    char agent_public[KEY_TEXT_BYTES];
    bool created = false;
    if (!start_config(self, err) || !start_directories(self, err) || !stack_stop(&self->config, NULL, err) ||
        (self->user.differs && !share_copy(&self->config, err)) || !start_keys(self, agent_public, err) ||
        !cluster_prepare(&self->config, &self->user, &created, err))
        return false;
    if (!supervisor_start(&self->config, &self->user, &self->supervisor, &self->go_fd, err))
        return false;
    bool done = wait_for_database(self, err) && cluster_bootstrap(&self->config, &self->user, err) &&
                register_agent(self, agent_public, err) && start_daemons(self, err);
    close(self->go_fd);
    if (!done && !process_stop(&self->supervisor, SIGTERM, SIGKILL, SUPERVISOR_STOP_PATIENCE_MS, err))
        fprintf(stderr, "The supervisor does not stop (pid %d).\n", (int) self->supervisor.pid);
    return done;
}

/* Blocked from the start, so that none is lost between the check and the wait. */
static void
foreground_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGCHLD);
}

static bool
foreground_wait(const Start *self, Err *err)
{
    sigset_t signals;
    foreground_signals(&signals);
    (void) sigprocmask(SIG_BLOCK, &signals, NULL);
    fprintf(stderr, "Running; Ctrl-C stops the stack.\n");
    while (process_is_alive(&self->supervisor)) {
        const struct timespec second = {.tv_sec = 1};
        int number = sigtimedwait(&signals, NULL, &second);
        if (number == SIGINT || number == SIGTERM || number == SIGHUP)
            return stack_stop(&self->config, NULL, err);
    }
    return err_set(err, ERR_IO, "the supervisor has ended; see '%s/log/supervisor.log'", self->config.data);
}

static bool
run_up(Start *self, const char *data, bool foreground, bool json, Err *err)
{
    if (!config_load(data, &self->config, err) || !service_user_find(&self->user, err) ||
        !directory_make(self->config.data, 0755, err) || !start_lock(self, err))
        return false;
    bool running = part_find(&self->config, PART_COUNT, &self->supervisor);
    if (running)
        fprintf(stderr, "The stack is running already.\n");
    else if (!stack_start(self, err))
        return false;
    close(self->lock_fd);
    if (!json)
        stack_print(&self->config);
    else if (!stack_print_json(&self->config, &running, err))
        return false;
    return !foreground || foreground_wait(self, err);
}

int
command_up(int argc, char **argv)
{
    const char *data = NULL;
    bool foreground = false;
    bool json = false;
    const Option options[] = {
        OPTION_DATA(&data),
        {"foreground", 0, OPTION_FLAG, &foreground, NULL, "stay, and stop the stack on Ctrl-C"},
        {"json", 0, OPTION_FLAG, &json, NULL, "print one JSON document, that of `millibill status --json`"},
        {0},
    };
    const CommandLine line = {
        .command = "millibill up",
        .arguments = "",
        .summary = "Start a whole stack on this machine: PostgreSQL, a collector and an agent.",
        .detail = "All of it lies in DIR (default: MILLIBILL_DATA, else /var/lib/millibill for root and\n"
                  "~/.local/share/millibill for others) and listens on Unix sockets only. Started by root, it runs as\n"
                  "the user millibill if there is one, else as postgres. Running it again changes nothing.",
        .options = options,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Start start = {.lock_fd = -1, .go_fd = -1};
    Err err = {0};
    if (!run_up(&start, data, foreground, json, &err))
        return err_report(&err, "millibill up");
    return 0;
}
