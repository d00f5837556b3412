#include "lib/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/utc.h"

enum { BAR_CELLS = 30, REDRAW_US = 100000 };

Progress
progress_start(const char *what)
{
    return (Progress){.what = what, .visible = isatty(STDERR_FILENO) == 1};
}

void
progress_show(Progress *self, int64_t done, int64_t whole)
{
    if (!self->visible)
        return;
    int64_t now_us = utc_monotonic_us();
    if (self->drawn && now_us - self->drawn_at_us < REDRAW_US)
        return;
    self->drawn = true;
    self->drawn_at_us = now_us;
    if (whole <= 0) {
        fprintf(stderr, "\r%s %lld\x1b[K", self->what, (long long) done);
        return;
    }
    int64_t shown = done > whole ? whole : done;
    int cells = (int) ((__int128) shown * BAR_CELLS / whole);
    fprintf(stderr, "\r%s [%.*s%.*s] %3d %%\x1b[K", self->what, cells, "##############################",
            BAR_CELLS - cells, "..............................", (int) ((__int128) shown * 100 / whole));
}

void
progress_end(Progress *self)
{
    if (self->drawn)
        fprintf(stderr, "\r\x1b[K");
    self->drawn = false;
}
