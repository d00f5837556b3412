/* Disk space is taken before anything is staged: a full disk then is a full spool, that sources wait for, instead of a commit
 * that fails half-way. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "agent/spool_internal.h"
#include "lib/log.h"

enum {
    AHEAD_BYTES = 6 << 20, /* taken at once: what a transaction may write, and its changed tables */
    SLACK_BYTES = 1 << 20  /* pages that a transaction changes beside what it adds */
};

/* Take blocks up to `end` without making the file longer. File systems that cannot are left to fail later. */
static bool
take_blocks(Spool *self, int fd, size_t end, Err *err)
{
    int failed = 0;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t) end) != 0)
        failed = errno;
    if (failed == ENOSPC || failed == EDQUOT || failed == EFBIG)
        return err_set(err, ERR_FULL, "spool '%s': no space on its disk: %s", self->path, strerror(failed));
    if (failed != 0 && failed != EOPNOTSUPP && failed != EINTR)
        log_warn("event=spool_space_not_taken spool=%s reason=\"%s\"", self->path, strerror(failed));
    self->disk_end = end;
    return true;
}

bool
spool_take_disk(Spool *self, size_t length, Err *err)
{
    MDB_envinfo info;
    int fd;
    if (mdb_env_info(self->env, &info) != 0 || mdb_env_get_fd(self->env, &fd) != 0)
        return true;
    size_t needed = (info.me_last_pgno + 1) * self->page_bytes + self->staged_bytes + length + SLACK_BYTES;
    if (needed > info.me_mapsize)
        needed = info.me_mapsize;
    if (needed <= self->disk_end)
        return true;
    size_t wished = needed + AHEAD_BYTES < info.me_mapsize ? needed + AHEAD_BYTES : info.me_mapsize;
    Err ahead = {0};
    if (take_blocks(self, fd, wished, &ahead))
        return true;
    return ahead.code == ERR_FULL ? take_blocks(self, fd, needed, err) : true;
}

void
spool_take_reserve(Spool *self)
{
    Err full = {0};
    if (!spool_take_disk(self, SPOOL_NOTES_BYTES, &full))
        log_err(LOG_LEVEL_WARN, "spool_full", &full);
}
