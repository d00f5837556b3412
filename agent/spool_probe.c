/* Asks a child process whether an environment is whole. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool_internal.h"

enum { PROBE_SECONDS_MAX = 900, ATTEMPTS = 2 };

/* SIGALRM: it went in circles. */
static const int CRASHES[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};

/* Nothing that the child prints matters, and it ends by what damage does to it. */
void
spool_be_mortal(unsigned seconds)
{
    const struct rlimit no_core = {0, 0};
    (void) setrlimit(RLIMIT_CORE, &no_core);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0)
        (void) dup2(nowhere, STDERR_FILENO); /* LMDB's assertions print */
    for (size_t i = 0; i < sizeof(CRASHES) / sizeof(CRASHES[0]); i++)
        (void) signal(CRASHES[i], SIG_DFL);
    (void) alarm(seconds);
}

/* In the child: its exit status and what it says into the pipe. */
static void
run_child(const char *directory, int out)
{
    spool_be_mortal(PROBE_SECONDS_MAX);
    _exit(spool_inspect(directory, out) ? SPOOL_PROBE_SOUND : SPOOL_PROBE_DAMAGED);
}

/* Ask one child; its wait status, 0 as well when none could be made: opening will say the same. */
static int
ask_child(const char *directory, char why[ERR_MESSAGE_BYTES])
{
    int ends[2];
    why[0] = '\0';
    if (pipe(ends) != 0)
        return 0;
    pid_t child = fork();
    if (child == 0)
        run_child(directory, ends[1]);
    (void) close(ends[1]);
    ssize_t length = child < 0 ? 0 : read(ends[0], why, ERR_MESSAGE_BYTES - 1);
    why[length > 0 ? length : 0] = '\0';
    (void) close(ends[0]);
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

/* Did it end by what damage does to LMDB? Other signals come from outside, as the one of a kernel without memory. */
static bool
is_crash(int status)
{
    for (size_t i = 0; i < sizeof(CRASHES) / sizeof(CRASHES[0]); i++)
        if (WIFSIGNALED(status) && WTERMSIG(status) == CRASHES[i])
            return true;
    return false;
}

bool
spool_probe(const char *directory, bool *whole, char why[ERR_MESSAGE_BYTES], Err *err)
{
    int status = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        status = ask_child(directory, why);
        *whole = WIFEXITED(status) && WEXITSTATUS(status) != SPOOL_PROBE_DAMAGED;
        if (WIFEXITED(status))
            return true;
        if (is_crash(status)) {
            (void) snprintf(why, ERR_MESSAGE_BYTES, "reading it ended with signal %d", WTERMSIG(status));
            return true;
        }
    }
    err_set(err, ERR_IO, "spool '%s': the process that looks for damage was killed by signal %d, %d times", directory,
            WTERMSIG(status), ATTEMPTS);
    return err_hint(err, "nothing was changed: see whether the host has memory left (signal 9), and start again");
}
