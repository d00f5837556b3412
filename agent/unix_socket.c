#include "agent/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 128, SOCKET_MODE = 0660 };

static bool
remove_stale(const char *path, Err *err)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT || err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(status.st_mode)) {
        err_set(err, ERR_EXISTS, "%s is there and is no socket", path);
        return err_hint(err, "move it away, or set another path in millibill.yaml");
    }
    return unlink(path) == 0 || err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
}

int
unix_listen(const char *path, int type, Err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof(address.sun_path)) {
        err_set(err, ERR_RANGE, "socket path '%s' has %zu bytes, at most %zu allowed", path, length,
                sizeof(address.sun_path) - 1);
        err_hint(err, "set `run` to a shorter directory");
        return -1;
    }
    memcpy(address.sun_path, path, length + 1);
    if (!remove_stale(path, err))
        return -1;
    int listener = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener >= 0 && bind(listener, (const struct sockaddr *) &address, sizeof(address)) == 0 &&
        chmod(path, SOCKET_MODE) == 0 && listen(listener, LISTEN_BACKLOG) == 0)
        return listener;
    err_set(err, ERR_IO, "listening on %s: %s", path, strerror(errno));
    if (listener >= 0)
        (void) close(listener);
    return -1;
}

int
unix_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

bool
unix_is_exhausted(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}
