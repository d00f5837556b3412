#include "lib/scratch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** A file whose name is gone at once. */
static int
open_named(const char *folder)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/millibill-XXXXXX", folder) >= (int) sizeof(path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path);
    return file;
}

int
scratch_file_open(Err *err)
{
    const char *folder = getenv("TMPDIR");
    folder = folder == NULL || folder[0] == '\0' ? "/tmp" : folder;
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) /* a file system that has no files without a name */
        file = open_named(folder);
    if (file < 0) {
        err_set(err, ERR_IO, "cannot make a file in '%s': %s", folder, strerror(errno));
        err_hint(err, "TMPDIR names the folder for what does not fit in memory");
    }
    return file;
}

MUST_CHECK bool
scratch_file_write(int file, const void *bytes, size_t length, uint64_t offset, Err *err)
{
    for (size_t written = 0; written < length;) {
        ssize_t step = pwrite(file, (const char *) bytes + written, length - written, (off_t) (offset + written));
        if (step < 0 && errno == EINTR)
            continue;
        if (step <= 0) {
            err_set(err, ERR_IO, "cannot write what does not fit in memory: %s", strerror(errno));
            return err_hint(err, "TMPDIR names the folder where it goes");
        }
        written += (size_t) step;
    }
    return true;
}

MUST_CHECK bool
scratch_file_read(int file, void *bytes, size_t length, uint64_t offset, Err *err)
{
    for (size_t taken = 0; taken < length;) {
        ssize_t step = pread(file, (char *) bytes + taken, length - taken, (off_t) (offset + taken));
        if (step < 0 && errno == EINTR)
            continue;
        if (step <= 0)
            return err_set(err, ERR_IO, "cannot read back what did not fit in memory: %s",
                           step == 0 ? "the file is shorter than it was" : strerror(errno));
        taken += (size_t) step;
    }
    return true;
}
