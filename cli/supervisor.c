#include "cli/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cluster.h"
#include "cli/fd_store.h"
#include "cli/launch.h"
#include "cli/orphans.h"
#include "cli/periodic.h"
#include "cli/share_copy.h"
#include "lib/log.h"
#include "lib/share.h"
#include "lib/utc.h"

enum {
    PAUSE_FIRST_MS = 200,
    PAUSE_MAX_MS = 10000,
    HEALTHY_MS = 30000,   /* a program that ran this long starts again without a long pause */
    STARTS_BEFORE_GO = 6, /* of PostgreSQL, while `up` waits */
    PATIENCE_MS = 20000,  /* for a program to stop before it is killed */
    PATIENCE_DATABASE_MS = 90000
};

typedef struct Part {
    Program program;
    const char *const *argv;
    int stop_signal;
    int last_signal;
    int64_t patience_ms;
    pid_t pid;             /* 0: not running */
    int64_t started_us;    /* monotonic */
    int64_t next_start_us; /* monotonic; 0: not planned */
    int64_t pause_ms;
    int64_t starts;
} Part;

typedef struct Supervisor {
    const Config *config;
    ServiceUser user; /* already the one we are */
    Part parts[PART_COUNT];
    ClusterCommand cluster;
    const char *daemon_argv[PART_COUNT][5];
    Periodic alerts;
    FdStore *rings; /* what the agent leaves with us over its restarts; NULL: there is no such thing */
    int signal_fd;
    int go_fd; /* -1 once `up` has spoken */
    bool stopping;
    int exit_status;
} Supervisor;

static void
part_pid_save(const Supervisor *self, StackPart part, pid_t pid)
{
    char path[PATH_MAX];
    Process process;
    Err err = {0};
    if (!process_identify(pid, &process))
        return; /* gone already: the wait will tell */
    process.restarts = part == PART_COUNT ? 0 : self->parts[part].starts - 1;
    if (!part_pid_file(self->config, part, path, &err) || !process_save(&process, path, &err))
        log_err(LOG_LEVEL_WARN, "pid_file", &err);
}

static void
part_pid_forget(const Supervisor *self, StackPart part)
{
    char path[PATH_MAX];
    if (part_pid_file(self->config, part, path, NULL))
        (void) unlink(path);
}

static void
part_plan(Part *part)
{
    bool healthy = utc_monotonic_us() - part->started_us > (int64_t) HEALTHY_MS * 1000;
    part->pause_ms = part->pause_ms == 0 || healthy ? PAUSE_FIRST_MS : part->pause_ms * 2;
    if (part->pause_ms > PAUSE_MAX_MS)
        part->pause_ms = PAUSE_MAX_MS;
    part->next_start_us = utc_monotonic_us() + part->pause_ms * 1000;
}

/* The agent gets back what its predecessor left. */
static pid_t
part_launch(Supervisor *self, const Part *part, bool is_agent, const char *log, Err *err)
{
    if (!is_agent || self->rings == NULL)
        return launch(&part->program, part->argv, &self->user, log, part->stop_signal, err);
    LaunchGifts gifts = {.notify_socket = fd_store_path(self->rings)};
    gifts.fd_count = fd_store_list(self->rings, &gifts.fds, &gifts.fd_names);
    return launch_with(&part->program, part->argv, &self->user, log, part->stop_signal, &gifts, err);
}

/* A backend that outlived its server (frozen, or busy) holds the shared memory that the next one waits for. */
static void
orphans_clear(const Supervisor *self)
{
    int ended = orphans_end(self->cluster.data);
    if (ended > 0)
        log_warn("event=orphans_ended part=postgres count=%d", ended);
}

static void
part_start(Supervisor *self, StackPart name)
{
    Part *part = &self->parts[name];
    char log[PATH_MAX];
    Err err = {0};
    part->next_start_us = 0;
    if (name == PART_POSTGRES)
        orphans_clear(self);
    part->started_us = utc_monotonic_us();
    part->starts++;
    pid_t pid = -1;
    if (part_log(self->config, name, log, &err))
        pid = part_launch(self, part, name == PART_AGENT, log, &err);
    if (pid < 0) {
        log_err(LOG_LEVEL_ERROR, "start_failed", &err);
        part_plan(part);
        return;
    }
    part->pid = pid;
    part_pid_save(self, name, pid);
    log_info("event=started part=%s pid=%d starts=%" PRId64, part_name(name), (int) pid, part->starts);
}

static void
part_ended(Supervisor *self, StackPart name, int status)
{
    Part *part = &self->parts[name];
    part->pid = 0;
    part_pid_forget(self, name);
    if (self->stopping) {
        log_info("event=stopped part=%s status=%d", part_name(name), status);
        return;
    }
    part_plan(part);
    log_warn("event=ended part=%s %s=%d restart_in_ms=%" PRId64, part_name(name),
             WIFSIGNALED(status) ? "signal" : "exit_status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), part->pause_ms);
    if (name == PART_POSTGRES && self->go_fd >= 0 && part->starts >= STARTS_BEFORE_GO) {
        log_error("event=gave_up part=postgres starts=%" PRId64, part->starts);
        self->stopping = true;
        self->exit_status = 1;
    }
}

/* What the agent sent last is taken in while its number is still its own. */
static void
children_reap(Supervisor *self)
{
    siginfo_t ended = {0};
    while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid > 0) {
        int status = 0;
        if (ended.si_pid == self->parts[PART_AGENT].pid)
            fd_store_receive(self->rings, self->parts[PART_AGENT].pid);
        (void) waitpid(ended.si_pid, &status, 0);
        (void) periodic_ended(&self->alerts, ended.si_pid, status);
        for (StackPart part = 0; part < PART_COUNT; part++)
            if (self->parts[part].pid == ended.si_pid)
                part_ended(self, part, status);
        ended = (siginfo_t){0};
    }
}

/* Milliseconds until the next planned start, -1 when there is none; starts what is due. */
static int
due_start(Supervisor *self)
{
    int64_t next_us = periodic_run(&self->alerts, &self->user);
    for (StackPart part = 0; part < PART_COUNT; part++) {
        int64_t at_us = self->parts[part].next_start_us;
        if (at_us != 0 && at_us <= utc_monotonic_us()) {
            part_start(self, part);
            at_us = self->parts[part].next_start_us;
        }
        if (at_us != 0 && (next_us == 0 || at_us < next_us))
            next_us = at_us;
    }
    if (next_us == 0)
        return -1;
    int64_t wait_ms = (next_us - utc_monotonic_us()) / 1000 + 1;
    return wait_ms > 0 ? (int) wait_ms : 1;
}

static void
signals_read(Supervisor *self)
{
    struct signalfd_siginfo info;
    while (read(self->signal_fd, &info, sizeof(info)) == (ssize_t) sizeof(info)) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            self->stopping = true;
    }
    children_reap(self);
}

/* `up` says go; if it ends without a word, the start has failed and nothing may stay behind. */
static void
go_read(Supervisor *self)
{
    char word = 0;
    ssize_t length = read(self->go_fd, &word, 1);
    if (length < 0 && errno == EINTR)
        return;
    close(self->go_fd);
    self->go_fd = -1;
    if (length != 1) {
        log_error("event=start_abandoned");
        self->stopping = true;
        self->exit_status = 1;
        return;
    }
    part_start(self, PART_COLLECTOR);
    part_start(self, PART_AGENT);
    periodic_plan(&self->alerts);
}

/* Waits for one program, still reaping the others; a stubborn one is killed. */
static void
part_stop(Supervisor *self, StackPart name)
{
    Part *part = &self->parts[name];
    const int signals[] = {part->stop_signal, part->last_signal, SIGKILL};
    for (size_t i = 0; i < 3 && part->pid > 0; i++) {
        (void) kill(part->pid, signals[i]); /* our own unreaped child: the pid cannot be another's */
        int64_t until_us = utc_monotonic_us() + part->patience_ms * 1000;
        while (part->pid > 0 && utc_monotonic_us() < until_us) {
            struct pollfd waited = {.fd = self->signal_fd, .events = POLLIN};
            (void) poll(&waited, 1, 200);
            fd_store_receive(self->rings, self->parts[PART_AGENT].pid);
            signals_read(self);
        }
    }
}

static void
supervise(Supervisor *self)
{
    part_start(self, PART_POSTGRES);
    while (!self->stopping) {
        struct pollfd waited[] = {{.fd = self->signal_fd, .events = POLLIN},
                                  {.fd = self->go_fd, .events = POLLIN},
                                  {.fd = fd_store_socket(self->rings), .events = POLLIN}};
        (void) poll(waited, 3, due_start(self));
        if (waited[2].revents != 0)
            fd_store_receive(self->rings, self->parts[PART_AGENT].pid);
        if (waited[0].revents != 0)
            signals_read(self);
        if (!self->stopping && self->go_fd >= 0 && waited[1].revents != 0)
            go_read(self);
    }
    periodic_stop(&self->alerts);
    for (int part = PART_COUNT - 1; part >= 0; part--)
        part_stop(self, (StackPart) part);
    part_pid_forget(self, PART_COUNT);
    log_info("event=stack_stopped");
}

static bool
daemon_open(Supervisor *self, StackPart part, const char *name, Err *err)
{
    char path[PATH_MAX];
    const char *argv[] = {name, "run", "--data", self->config->data, NULL};
    memcpy(self->daemon_argv[part], argv, sizeof(argv));
    self->parts[part] = (Part){.program = {.fd = -1},
                               .argv = self->daemon_argv[part],
                               .stop_signal = SIGTERM,
                               .last_signal = SIGKILL,
                               .patience_ms = PATIENCE_MS};
    return share_program(name, path, err) && program_open(path, &self->user, &self->parts[part].program, err);
}

static bool
parts_open(Supervisor *self, Err *err)
{
    self->parts[PART_POSTGRES] = (Part){.program = {.fd = -1},
                                        .argv = self->cluster.argv,
                                        .stop_signal = SIGINT,  /* fast */
                                        .last_signal = SIGQUIT, /* immediate: recovers at the next start */
                                        .patience_ms = PATIENCE_DATABASE_MS};
    return cluster_command(self->config, &self->user, &self->parts[PART_POSTGRES].program, &self->cluster, err) &&
           daemon_open(self, PART_COLLECTOR, "millibill-collector", err) &&
           daemon_open(self, PART_AGENT, "millibill-agent", err) &&
           periodic_open(&self->alerts, self->config, &self->user, err);
}

static bool
signals_take(Supervisor *self, Err *err)
{
    sigset_t taken;
    sigemptyset(&taken);
    sigaddset(&taken, SIGCHLD);
    sigaddset(&taken, SIGTERM);
    sigaddset(&taken, SIGINT);
    (void) signal(SIGHUP, SIG_IGN);
    (void) signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &taken, NULL) != 0)
        return err_set(err, ERR_INTERNAL, "cannot block signals: %s", strerror(errno));
    self->signal_fd = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
    return self->signal_fd >= 0 || err_set(err, ERR_IO, "cannot watch signals: %s", strerror(errno));
}

/* Another user may be unable to read the files beside the programs: it gets copies. */
static bool
share_point(const Supervisor *self, Err *err)
{
    char root[PATH_MAX];
    if (!self->user.differs)
        return true;
    return share_copy_root(self->config, root, err) && setenv("MILLIBILL_SHARE_ROOT", root, 1) == 0;
}

/* Without it the stack runs all the same; rings then need their workers to bring them to a new agent. */
static void
rings_open(Supervisor *self)
{
    char path[PATH_MAX];
    Err err = {0};
    if (snprintf(path, sizeof(path), "%s/notify.sock", self->config->run) < (int) sizeof(path))
        self->rings = fd_store_open(path, &err);
    if (self->rings == NULL)
        log_err(LOG_LEVEL_WARN, "rings_not_kept", &err);
}

/* The supervising process: everything that needs root is open by now. */
_Noreturn static void
supervisor_main(Supervisor *self)
{
    Err err = {0};
    char log[PATH_MAX];
    int keep[] = {self->go_fd, self->parts[0].program.fd, self->parts[1].program.fd, self->parts[2].program.fd,
                  self->alerts.program.fd};
    bool ready = setsid() >= 0 && chdir("/") == 0 && share_point(self, &err) &&
                 service_user_become(&self->user, &err) && part_log(self->config, PART_COUNT, log, &err) &&
                 descriptors_detach(log, keep, self->alerts.program.fd < 0 ? 4 : 5, &err) && signals_take(self, &err);
    log_start("supervisor", LOG_LEVEL_INFO);
    if (!ready) {
        log_err(LOG_LEVEL_ERROR, "start_failed", &err);
        _exit(1);
    }
    self->user.differs = false;
    part_pid_save(self, PART_COUNT, getpid());
    rings_open(self);
    supervise(self);
    fd_store_free(&self->rings);
    _exit(self->exit_status);
}

bool
supervisor_start(const Config *config, const ServiceUser *user, Process *supervisor, int *go_fd, Err *err)
{
    Supervisor self = {.config = config, .user = *user, .alerts = {.program = {.fd = -1}}};
    int go[2];
    bool done = parts_open(&self, err);
    if (done && pipe2(go, O_CLOEXEC) != 0)
        done = err_set(err, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = -1;
    if (done && (pid = fork()) == 0) {
        close(go[1]);
        self.go_fd = go[0];
        supervisor_main(&self);
    }
    for (StackPart part = 0; part < PART_COUNT; part++)
        program_close(&self.parts[part].program);
    periodic_close(&self.alerts);
    if (!done)
        return false;
    close(go[0]);
    if (pid < 0 || !process_identify(pid, supervisor)) {
        close(go[1]);
        return err_set(err, ERR_IO, "cannot start the supervisor: %s", strerror(errno));
    }
    *go_fd = go[1];
    return true;
}
