/* The files of a spool change places. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/spool_internal.h"
#include "lib/utc.h"

void
spool_remove_leftovers(const char *directory)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "owner.lock"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char name[PATH_MAX];
        if (snprintf(name, sizeof(name), "%s/%s", directory, names[i]) < (int) sizeof(name))
            (void) unlink(name);
    }
}

static bool
sync_directory(const char *directory, Err *err)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    if (!done)
        err_set(err, ERR_IO, "%s: %s", directory, strerror(errno));
    if (fd >= 0)
        (void) close(fd);
    return done;
}

bool
spool_change_places(const char *directory, const char *fresh, int64_t now_us, char kept[PATH_MAX], Err *err)
{
    char data[PATH_MAX];
    char made[PATH_MAX];
    char lock[PATH_MAX];
    char when[32];
    struct tm parts;
    time_t seconds = (time_t) (now_us / UTC_SECOND_US);
    (void) strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", gmtime_r(&seconds, &parts));
    if (snprintf(data, sizeof(data), "%s/data.mdb", directory) >= (int) sizeof(data) ||
        snprintf(made, sizeof(made), "%s/data.mdb", fresh) >= (int) sizeof(made) ||
        snprintf(lock, sizeof(lock), "%s/lock.mdb", directory) >= (int) sizeof(lock) ||
        snprintf(kept, PATH_MAX, "%s/data.mdb.damaged-%s", directory, when) >= PATH_MAX)
        return err_set(err, ERR_RANGE, "spool path '%s' is too long", directory);
    if (link(data, kept) != 0 && errno != EEXIST && errno != ENOENT)
        return err_set(err, ERR_IO, "%s: %s", kept, strerror(errno));
    (void) unlink(lock);
    if (rename(made, data) != 0)
        return err_set(err, ERR_IO, "%s: %s", data, strerror(errno));
    return sync_directory(directory, err);
}
