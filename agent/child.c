#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/utc.h"

enum { GRACE_US = 2000000 };

/* A command on its way. */
typedef struct Child {
    pid_t pid;
    sigset_t waited;    /* signals that are blocked and waited for */
    sigset_t initial;   /* the mask before */
    int64_t kill_at_us; /* monotonic; 0: never */
    bool timed_out;
} Child;

static void
block_signals(Child *self)
{
    static const int SIGNALS[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    sigemptyset(&self->waited);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        sigaddset(&self->waited, SIGNALS[i]);
    sigprocmask(SIG_BLOCK, &self->waited, &self->initial);
    /* Ignored by whoever started us, the end of the command would not be told. */
    signal(SIGCHLD, SIG_DFL);
}

/* In the child: become the command, or tell the parent through the pipe why not. */
static _Noreturn void
become(const Child *self, const char *const *argv, int pipe_end)
{
    union {
        const char *const *in;
        char *const *out;
    } arguments = {argv};
    sigprocmask(SIG_SETMASK, &self->initial, NULL);
    execvp(argv[0], arguments.out);
    int code = errno;
    ssize_t wrote = write(pipe_end, &code, sizeof code);
    (void) wrote;
    _exit(127);
}

/* Has the command become itself? The pipe closes by that; else it brings the reason. */
static bool
started(const Child *self, const char *name, int pipe_end, Err *err)
{
    int code = 0;
    ssize_t got;
    do
        got = read(pipe_end, &code, sizeof code);
    while (got < 0 && errno == EINTR);
    if (got != (ssize_t) sizeof code)
        return true;
    (void) waitpid(self->pid, NULL, 0);
    ErrCode kind = code == ENOENT ? ERR_NOT_FOUND : ERR_DENIED;
    err_set(err, kind, "cannot run '%s': %s", name, strerror(code));
    return err_hint(err, "nothing was run, so nothing is billed");
}

static bool
spawn(Child *self, const char *const *argv, Err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "no pipe to start '%s': %s", argv[0], strerror(errno));
    self->pid = fork();
    if (self->pid == 0)
        become(self, argv, ends[1]);
    int code = errno;
    close(ends[1]);
    bool is_running = self->pid > 0 ? started(self, argv[0], ends[0], err)
                                    : err_set(err, ERR_IO, "cannot start '%s': %s", argv[0], strerror(code));
    close(ends[0]);
    return is_running;
}

/* Time is up: ask, and after the grace period force. */
static void
end_it(Child *self)
{
    kill(self->pid, self->timed_out ? SIGKILL : SIGTERM);
    self->kill_at_us = self->timed_out ? 0 : utc_monotonic_us() + GRACE_US;
    self->timed_out = true;
}

/* Wait for a signal until the time limit, and pass it on when a process sent it: the terminal's go to all of us anyway. */
static void
wait_signal(Child *self)
{
    siginfo_t info;
    int received;
    if (self->kill_at_us == 0) {
        received = sigwaitinfo(&self->waited, &info);
    } else {
        int64_t left_us = self->kill_at_us - utc_monotonic_us();
        if (left_us <= 0) {
            end_it(self);
            return;
        }
        struct timespec limit = {left_us / 1000000, left_us % 1000000 * 1000};
        received = sigtimedwait(&self->waited, &info, &limit);
    }
    if (received > 0 && received != SIGCHLD && info.si_code != SI_KERNEL)
        kill(self->pid, received);
}

static int64_t
time_us(struct timeval time)
{
    return (int64_t) time.tv_sec * 1000000 + (int64_t) time.tv_usec;
}

static bool
collect(Child *self, int64_t begun_us, ChildResult *result, Err *err)
{
    int status = 0;
    struct rusage usage;
    for (;;) {
        pid_t ended = wait4(self->pid, &status, WNOHANG, &usage);
        if (ended == self->pid)
            break;
        if (ended < 0 && errno != EINTR)
            return err_set(err, ERR_IO, "waiting for the command: %s", strerror(errno));
        wait_signal(self);
    }
    result->duration_us = utc_monotonic_us() - begun_us;
    result->cpu_us = time_us(usage.ru_utime) + time_us(usage.ru_stime);
    result->peak_memory_kb = usage.ru_maxrss;
    result->exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    result->timed_out = self->timed_out;
    return true;
}

MUST_CHECK bool
child_run(const char *const *argv, int64_t timeout_us, ChildResult *result, Err *err)
{
    Child child = {0};
    block_signals(&child);
    result->started_at_us = utc_now_us();
    int64_t begun_us = utc_monotonic_us();
    child.kill_at_us = timeout_us > 0 ? begun_us + timeout_us : 0;
    return spawn(&child, argv, err) && collect(&child, begun_us, result, err);
}
