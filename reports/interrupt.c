#include "reports/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"

enum { MESSAGE_BYTES = 128 };

static const int SIGNALS[] = {SIGINT, SIGTERM};

/* What the handler needs, made before it is set: it may only call what is safe there. */
static char message[MESSAGE_BYTES];
static size_t message_length;
static int status;
static atomic_int working; /* a pid; 0: nobody */

static void
end(int number)
{
    (void) number;
    const int child = atomic_load(&working);
    if (child > 0)
        (void) kill(child, SIGTERM);
    ssize_t ignored = write(STDERR_FILENO, message, message_length);
    (void) ignored;
    _exit(status);
}

static void
set(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        (void) sigaction(SIGNALS[i], &action, NULL);
}

void
interrupt_ends(const char *command)
{
    (void) snprintf(message, sizeof message, "%s%.64s: interrupted; nothing was written\n",
                    isatty(STDERR_FILENO) ? "\n" : "", command);
    message_length = strlen(message);
    status = err_exit_status(&(Err){.code = ERR_INTERRUPTED});
    set(end);
}

void
interrupt_child(pid_t child)
{
    atomic_store(&working, child);
}

void
interrupt_too_late(void)
{
    set(SIG_IGN);
}
