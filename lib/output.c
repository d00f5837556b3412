#include "lib/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OUTPUT_MODE = 0644 };

typedef struct Remedy {
    int cause;
    const char *hint;
} Remedy;

static const Remedy REMEDIES[] = {
    {ENOENT, "make its folder first, or name a file in a folder that is there"},
    {ENOTDIR, "a part of the path is a file: name a file in a folder"},
    {EISDIR, "name a file in that folder"},
    {EACCES, "name a place that you may write to, or ask who owns it"},
    {EPERM, "name a place that you may write to, or ask who owns it"},
    {EROFS, "name a place that can be written to"},
    {ENOSPC, "make room there, or name another place"},
    {EDQUOT, "make room there, or name another place"},
    {EFBIG, "name a place that takes a file of this size"},
};

bool
output_failed(const char *path, int cause, Err *err)
{
    err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(cause));
    for (size_t i = 0; i < sizeof(REMEDIES) / sizeof(REMEDIES[0]); i++)
        if (REMEDIES[i].cause == cause)
            return err_hint(err, "%s", REMEDIES[i].hint);
    return false;
}

bool
output_flush(Err *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (errno != 0)
        return output_failed("to standard output", errno, err);
    err_set(err, ERR_IO, "cannot write to standard output: a part of it was lost");
    return err_hint(err, "make room there and run the command again");
}

bool
output_place(const char *path, OutputPlace *out, Err *err)
{
    struct stat at;
    *out = (OutputPlace){.is_stream = false};
    if (strlen(path) >= sizeof(out->path))
        return err_set(err, ERR_RANGE, "the path '%s' is too long", path);
    memcpy(out->path, path, strlen(path) + 1);
    if (stat(path, &at) != 0)
        return true; /* not there yet; what stands in the way is said by who writes */
    out->is_stream = !S_ISREG(at.st_mode) && !S_ISDIR(at.st_mode);
    if (!out->is_stream && lstat(path, &at) == 0 && S_ISLNK(at.st_mode) && realpath(path, out->path) == NULL)
        return output_failed(path, errno, err);
    return true;
}

static bool
write_into(Text text, const char *path, Err *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return output_failed(path, errno, err);
    while (text.length > 0) {
        ssize_t wrote = write(fd, text.data, text.length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            const int cause = errno;
            close(fd);
            return output_failed(path, cause, err);
        }
        text.data += wrote;
        text.length -= (size_t) wrote;
    }
    return close(fd) == 0 || output_failed(path, errno, err);
}

/* Who interrupts while the file is being written waits until it is whole: nothing may stay beside it. */
static bool
write_whole(Text text, const char *path, Err *err)
{
    sigset_t held, before;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &held, &before);
    bool done = file_write(path, text.data, text.length, OUTPUT_MODE, err);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return done;
}

bool
output_save(Text text, const char *path, Err *err)
{
    OutputPlace place;
    return output_place(path, &place, err) &&
           (place.is_stream ? write_into(text, place.path, err) : write_whole(text, place.path, err));
}
