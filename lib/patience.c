#include "lib/patience.h"

#include <inttypes.h>
#include <time.h>

#include "lib/utc.h"

enum { PAUSE_NS = 100000000 };

bool
patience_is_stopped(const Patience *self)
{
    return self->stop != NULL && atomic_load(self->stop);
}

MUST_CHECK bool
patience_pause(Patience *self, const char *what, Err *err)
{
    const struct timespec pause = {0, PAUSE_NS};
    if (self->until_us == 0)
        self->until_us = utc_monotonic_us() + self->wait_ms * 1000;
    if (patience_is_stopped(self))
        return err_set(err, ERR_BUSY, "stopped while waiting for %s", what);
    if (utc_monotonic_us() >= self->until_us)
        return err_set(err, ERR_BUSY, "waited %" PRId64 " s in vain for %s", self->wait_ms / 1000, what);
    nanosleep(&pause, NULL);
    return true;
}
