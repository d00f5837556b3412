#include "cli/fd_store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/log.h"

enum { MESSAGE_BYTES = 4096, TOGETHER_MAX = 16, DESCRIPTORS_OTHERS = 256 };

struct FdStore {
    int socket;
    size_t count;
    int fds[FD_STORE_MAX];
    char stored_names[FD_STORE_MAX][FD_STORE_NAME_BYTES];
    char *names; /* of the last fd_store_list() */
    struct sockaddr_un address;
};

/* What one datagram says. */
typedef struct Message {
    bool store;
    bool remove;
    char name[FD_STORE_NAME_BYTES];
    pid_t pid;
    uid_t uid;
    size_t fd_count;
    int fds[TOGETHER_MAX];
} Message;

static bool
listen_at(FdStore *self, const char *path, Err *err)
{
    size_t length = strlen(path);
    const int yes = 1;
    if (length >= sizeof(self->address.sun_path))
        return err_set(err, ERR_RANGE, "socket path '%s' has %zu bytes, at most %zu allowed", path, length,
                       sizeof(self->address.sun_path) - 1);
    self->address.sun_family = AF_UNIX;
    memcpy(self->address.sun_path, path, length + 1);
    (void) unlink(path);
    self->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (self->socket >= 0 && fchmod(self->socket, 0600) == 0 &&
        setsockopt(self->socket, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) == 0 &&
        bind(self->socket, (const struct sockaddr *) &self->address, sizeof(self->address)) == 0)
        return true;
    return err_set(err, ERR_IO, "listening on %s: %s", path, strerror(errno));
}

/* Each stored descriptor is open here, and once more in the child that passes them on. */
static void
allow_descriptors(void)
{
    struct rlimit files;
    const rlim_t wanted = 2 * FD_STORE_MAX + DESCRIPTORS_OTHERS;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted)
        return;
    files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
    (void) setrlimit(RLIMIT_NOFILE, &files);
}

FdStore *
fd_store_open(const char *path, Err *err)
{
    FdStore *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the descriptor store");
        return NULL;
    }
    self->socket = -1;
    allow_descriptors();
    if (!listen_at(self, path, err))
        fd_store_free(&self);
    return self;
}

void
fd_store_free(FdStore **self)
{
    FdStore *store = *self;
    *self = NULL;
    if (store == NULL)
        return;
    for (size_t i = 0; i < store->count; i++)
        (void) close(store->fds[i]);
    if (store->socket >= 0) {
        (void) close(store->socket);
        (void) unlink(store->address.sun_path);
    }
    free(store->names);
    free(store);
}

int
fd_store_socket(const FdStore *self)
{
    return self == NULL ? -1 : self->socket;
}

const char *
fd_store_path(const FdStore *self)
{
    return self->address.sun_path;
}

static void
take_control(Message *message, struct msghdr *header)
{
    for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control != NULL; control = CMSG_NXTHDR(header, control)) {
        size_t length = control->cmsg_len - CMSG_LEN(0);
        if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_CREDENTIALS &&
            length == sizeof(struct ucred)) {
            struct ucred sender;
            memcpy(&sender, CMSG_DATA(control), sizeof(sender));
            message->pid = sender.pid;
            message->uid = sender.uid;
        } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS) {
            message->fd_count = length / sizeof(int); /* the room given holds TOGETHER_MAX at most */
            assert(message->fd_count <= TOGETHER_MAX);
            memcpy(message->fds, CMSG_DATA(control), message->fd_count * sizeof(int));
        }
    }
}

/* A name that can be passed on: printable, without the ':' that parts names. */
static bool
take_name(Message *message, const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length >= sizeof(message->name))
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] > '~' || text[i] == ':')
            return false;
    memcpy(message->name, text, length + 1);
    return true;
}

/* Lines that are not about descriptors (READY=1, STATUS=…) are other people's business. */
static bool
take_lines(Message *message, char *text)
{
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (strcmp(line, "FDSTORE=1") == 0)
            message->store = true;
        else if (strcmp(line, "FDSTOREREMOVE=1") == 0)
            message->remove = true;
        else if (strncmp(line, "FDNAME=", 7) == 0 && !take_name(message, line + 7))
            return false;
    }
    return (!message->store && !message->remove) || message->name[0] != '\0';
}

/* One datagram; 0 when none is there, -1 when it is not to be acted on, 1 otherwise. Its descriptors are in `message` in
 * every case. */
static int
receive_message(const FdStore *self, Message *message)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(TOGETHER_MAX * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
    } space;
    char text[MESSAGE_BYTES + 1];
    struct iovec part = {text, MESSAGE_BYTES};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space.bytes, .msg_controllen = sizeof(space.bytes)};
    *message = (Message){.pid = -1};
    ssize_t length = recvmsg(self->socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length < 0)
        return 0;
    take_control(message, &header);
    text[length] = '\0';
    bool whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && strlen(text) == (size_t) length;
    return whole && take_lines(message, text) ? 1 : -1;
}

static void
remove_named(FdStore *self, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->stored_names[i], name) == 0) {
            (void) close(self->fds[i]);
            continue;
        }
        if (kept < i) {
            self->fds[kept] = self->fds[i];
            memcpy(self->stored_names[kept], self->stored_names[i], FD_STORE_NAME_BYTES);
        }
        kept++;
    }
    self->count = kept;
}

/* All of them or none. */
static bool
store_all(FdStore *self, Message *message)
{
    if (self->count + message->fd_count > FD_STORE_MAX) {
        log_warn("event=descriptor_store_full name=%s stored=%zu", message->name, self->count);
        return false;
    }
    for (size_t i = 0; i < message->fd_count; i++) {
        self->fds[self->count] = message->fds[i];
        memcpy(self->stored_names[self->count], message->name, FD_STORE_NAME_BYTES);
        self->count++;
    }
    message->fd_count = 0;
    return true;
}

void
fd_store_receive(FdStore *self, pid_t sender)
{
    Message message;
    for (int got = 1; self != NULL && (got = receive_message(self, &message)) != 0;) {
        bool ours = message.pid == sender && sender > 0 && message.uid == geteuid();
        if (got < 0 || !ours)
            log_warn("event=notify_refused pid=%d uid=%u reason=\"%s\"", (int) message.pid, (unsigned) message.uid,
                     ours ? "not understood" : "not a program of this stack");
        else if (message.remove)
            remove_named(self, message.name);
        else if (message.store)
            (void) store_all(self, &message);
        for (size_t i = 0; i < message.fd_count; i++)
            (void) close(message.fds[i]);
    }
}

size_t
fd_store_list(FdStore *self, const int **fds, const char **names)
{
    char *text = realloc(self->names, self->count * FD_STORE_NAME_BYTES + 1);
    *fds = self->fds;
    *names = text;
    if (text == NULL)
        return self->count;
    self->names = text;
    *text = '\0';
    for (size_t i = 0; i < self->count; i++) {
        size_t length = strlen(self->stored_names[i]);
        if (i > 0)
            *text++ = ':';
        memcpy(text, self->stored_names[i], length + 1);
        text += length;
    }
    return self->count;
}
