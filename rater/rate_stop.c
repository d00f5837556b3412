#include "rater/rate_stop.h"

#include <signal.h>
#include <stddef.h>

static const int SIGNALS[] = {SIGINT, SIGTERM};
static atomic_bool stopped; /* set by the handler */
static bool caught;         /* only the command's own thread asks */

static void
stop(int number)
{
    (void) number;
    atomic_store(&stopped, true);
}

const atomic_bool *
rate_stop_catch(void)
{
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int) SA_RESETHAND}; /* the second one is not asked */
    if (caught)
        return &stopped;
    sigemptyset(&action.sa_mask);
    atomic_store(&stopped, false);
    caught = true;
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        (void) sigaction(SIGNALS[i], &action, NULL);
    return &stopped;
}

void
rate_stop_release(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    caught = false;
    for (size_t i = 0; i < sizeof SIGNALS / sizeof SIGNALS[0]; i++)
        (void) sigaction(SIGNALS[i], &action, NULL);
}

bool
rate_stop_explain(Err *err)
{
    /* what a lost connection leaves open is not known to have come to nothing */
    if (!atomic_load(&stopped) || err->code == ERR_BUSY)
        return false;
    err_clear(err);
    err_set(err, ERR_INTERRUPTED, "interrupted: no invoice was written");
    return err_hint(err, "the same command makes them all");
}
