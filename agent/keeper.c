#include "agent/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"

enum { FIRST_PASSED = 3 };

struct Keeper {
    int socket; /* -1: no manager */
    KeptDescriptor *passed;
    size_t passed_count;
};

static const char *const VARIABLES[] = {"NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};

static bool
environment_number(const char *name, uint64_t most, uint64_t *out)
{
    const char *text = getenv(name);
    return text != NULL && text_to_u64(text_of(text), most, out);
}

/* The name of the next descriptor; `*names` moves on. Too long a name is none of ours: it stays empty. */
static void
next_name(const char **names, char out[KEEPER_NAME_BYTES])
{
    size_t length = strcspn(*names, ":");
    if (length < KEEPER_NAME_BYTES)
        memcpy(out, *names, length);
    *names += length + ((*names)[length] == ':' ? 1 : 0);
}

static bool
take_passed(Keeper *self, Err *err)
{
    uint64_t pid;
    uint64_t count;
    if (!environment_number("LISTEN_PID", INT32_MAX, &pid) || pid != (uint64_t) getpid() ||
        !environment_number("LISTEN_FDS", KEEPER_DESCRIPTORS_MAX, &count) || count == 0)
        return true;
    self->passed = calloc(count, sizeof(*self->passed));
    if (self->passed == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %" PRIu64 " kept descriptors", count);
    const char *names = getenv("LISTEN_FDNAMES");
    names = names == NULL ? "" : names;
    for (; self->passed_count < count; self->passed_count++) {
        KeptDescriptor *kept = &self->passed[self->passed_count];
        kept->fd = FIRST_PASSED + (int) self->passed_count;
        next_name(&names, kept->name);
        int flags = fcntl(kept->fd, F_GETFD);
        if (flags < 0 || fcntl(kept->fd, F_SETFD, flags | FD_CLOEXEC) != 0)
            return err_set(err, ERR_IO, "LISTEN_FDS says %" PRIu64 ", but descriptor %d is not open", count, kept->fd);
    }
    return true;
}

/* "/path", or "@name" in the abstract namespace. */
static bool
manager_address(const char *name, struct sockaddr_un *address, socklen_t *length)
{
    size_t bytes = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || bytes < 2 || bytes >= sizeof(address->sun_path))
        return false;
    memcpy(address->sun_path, name, bytes + 1);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    *length = (socklen_t) (offsetof(struct sockaddr_un, sun_path) + bytes + (name[0] == '/' ? 1 : 0));
    return true;
}

/* A manager that cannot be reached is as good as none: usage is taken all the same. */
static void
reach_manager(Keeper *self)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = 0;
    if (name == NULL || name[0] == '\0')
        return;
    errno = EINVAL;
    if (manager_address(name, &address, &length))
        self->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->socket >= 0 && connect(self->socket, (const struct sockaddr *) &address, length) == 0)
        return;
    log_warn("event=no_manager notify_socket=\"%s\" error=\"%s\" effect=\"nobody keeps rings over a restart\"", name,
             strerror(errno));
    if (self->socket >= 0)
        (void) close(self->socket);
    self->socket = -1;
}

Keeper *
keeper_open(Err *err)
{
    Keeper *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the keeper");
        return NULL;
    }
    self->socket = -1;
    reach_manager(self);
    if (!take_passed(self, err))
        keeper_free(&self);
    for (size_t i = 0; i < sizeof(VARIABLES) / sizeof(VARIABLES[0]); i++)
        (void) unsetenv(VARIABLES[i]);
    return self;
}

void
keeper_free(Keeper **self)
{
    Keeper *keeper = *self;
    *self = NULL;
    if (keeper == NULL)
        return;
    for (size_t i = 0; i < keeper->passed_count; i++)
        if (keeper->passed[i].fd >= 0)
            (void) close(keeper->passed[i].fd);
    if (keeper->socket >= 0)
        (void) close(keeper->socket);
    free(keeper->passed);
    free(keeper);
}

bool
keeper_is_there(const Keeper *self)
{
    return self->socket >= 0;
}

KeptDescriptor *
keeper_passed(Keeper *self, size_t *count)
{
    *count = self->passed_count;
    return self->passed;
}

static bool
send_message(Keeper *self, char *text, size_t length, const int *fds, size_t count, Err *err)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(KEEPER_TOGETHER_MAX * sizeof(int))];
    } space = {0};
    struct iovec part = {text, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = space.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *control = CMSG_FIRSTHDR(&message);
        control->cmsg_level = SOL_SOCKET;
        control->cmsg_type = SCM_RIGHTS;
        control->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(control), fds, count * sizeof(int));
    }
    if (sendmsg(self->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t) length)
        return true;
    bool busy = errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
    return err_set(err, busy ? ERR_BUSY : ERR_IO, "telling the service manager: %s", strerror(errno));
}

bool
keeper_store(Keeper *self, const char *name, const int *fds, size_t count, Err *err)
{
    char text[KEEPER_NAME_BYTES + 64];
    if (self->socket < 0)
        return true;
    /* FDPOLL=0: systemd would drop a pidfd when its process has ended, which is when it is needed */
    int length = snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0\n", name);
    return send_message(self, text, (size_t) length, fds, count, err);
}

bool
keeper_remove(Keeper *self, const char *name, Err *err)
{
    char text[KEEPER_NAME_BYTES + 64];
    if (self->socket < 0)
        return true;
    int length = snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s\n", name);
    return send_message(self, text, (size_t) length, NULL, 0, err);
}

void
keeper_tell(Keeper *self, const char *state)
{
    char text[KEEPER_NAME_BYTES];
    Err err = {0};
    int length = snprintf(text, sizeof(text), "%s\n", state);
    if (self->socket >= 0 && !send_message(self, text, (size_t) length, NULL, 0, &err))
        log_err(LOG_LEVEL_WARN, "manager_not_told", &err);
}
