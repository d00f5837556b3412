/* Asks a child process whether an environment is whole. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool_internal.h"

enum { PROBE_SECONDS_MAX = 900 };

/* In the child: nothing that it does or prints matters but its exit status and what it says into the pipe. */
static void
run_child(const char *directory, int out)
{
    const struct rlimit no_core = {0, 0};
    (void) setrlimit(RLIMIT_CORE, &no_core);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere >= 0)
        (void) dup2(nowhere, STDERR_FILENO); /* LMDB's assertions print */
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
        (void) signal(crashes[i], SIG_DFL);
    (void) alarm(PROBE_SECONDS_MAX);
    _exit(spool_inspect(directory, out) ? SPOOL_PROBE_SOUND : SPOOL_PROBE_DAMAGED);
}

bool
spool_probe(const char *directory, char why[ERR_MESSAGE_BYTES])
{
    int ends[2];
    why[0] = '\0';
    if (pipe(ends) != 0)
        return true;
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
    if (child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) != SPOOL_PROBE_DAMAGED))
        return true;
    if (WIFSIGNALED(status))
        (void) snprintf(why, ERR_MESSAGE_BYTES, "reading it ended with signal %d", WTERMSIG(status));
    return false;
}
