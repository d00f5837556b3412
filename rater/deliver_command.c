#include "rater/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VARIABLES = 6, VARIABLE_BYTES = 1200, MS = 1000 };

/** The environment of the command: ours, and what it is about. */
typedef struct Environment {
    char texts[VARIABLES][VARIABLE_BYTES];
    char **all; /* NULL-terminated; the caller frees it */
} Environment;

static bool
environment_make(Environment *self, const Delivery *delivery, Err *err)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    self->all = calloc(count + VARIABLES + 1, sizeof(char *));
    if (self->all == NULL)
        return err_set(err, ERR_NOMEM, "no memory to start a command");
    bool is_invoice = strcmp(delivery->event, DELIVERY_INVOICE) == 0;
    snprintf(self->texts[0], VARIABLE_BYTES, "MILLIBILL_DELIVERY_ID=%s", delivery->id);
    snprintf(self->texts[1], VARIABLE_BYTES, "MILLIBILL_EVENT=%s", delivery->event);
    snprintf(self->texts[2], VARIABLE_BYTES, "MILLIBILL_INVOICE=%s", is_invoice ? delivery->number : "");
    snprintf(self->texts[3], VARIABLE_BYTES, "MILLIBILL_ALERT=%s", is_invoice ? "" : delivery->number);
    snprintf(self->texts[4], VARIABLE_BYTES, "MILLIBILL_TENANT=%s", delivery->tenant);
    snprintf(self->texts[5], VARIABLE_BYTES, "MILLIBILL_DOCUMENT_SHA256=%s", delivery->sha256);
    for (size_t i = 0; i < VARIABLES; i++)
        self->all[i] = self->texts[i];
    memcpy(self->all + VARIABLES, environ, count * sizeof(char *));
    return true;
}

/* The document as a file to read from: a pipe would have to be fed while the command runs. */
static int
document_file(const Delivery *delivery, Err *err)
{
    int fd = memfd_create("millibill-document", MFD_CLOEXEC);
    size_t written = 0;
    while (fd >= 0 && written < delivery->document.length) {
        ssize_t step = write(fd, delivery->document.data + written, delivery->document.length - written);
        if (step < 0 && errno != EINTR)
            break;
        written += step < 0 ? 0 : (size_t) step;
    }
    if (fd >= 0 && written == delivery->document.length && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    err_set(err, ERR_IO, "cannot hold the document for the command: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Start it in a process group of its own, so that its children can be ended with it. */
static bool
start(const char *path, int document, char **variables, pid_t *pid, Err *err)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *const argv[] = {(char *) (uintptr_t) path, NULL};
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return err_set(err, ERR_IO, "cannot start %s: %s", path, strerror(failed));
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        posix_spawnattr_setpgroup(&attributes, 0);
        failed = posix_spawn_file_actions_adddup2(&actions, document, STDIN_FILENO);
        if (failed == 0)
            failed = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
        if (failed == 0)
            failed = posix_spawn(pid, path, &actions, &attributes, argv, variables);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failed == 0 || err_set(err, ERR_IO, "cannot start %s: %s", path, strerror(failed));
}

/* Wait for its end; when the time is over, it and its children are killed. */
static bool
finish(const char *path, pid_t pid, int64_t timeout_s, Err *err)
{
    int status = 0;
    int pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    int ready = pidfd < 0 ? 1 : poll(&ended, 1, (int) (timeout_s * MS));
    if (pidfd >= 0)
        close(pidfd);
    if (ready == 0)
        kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (ready == 0)
        return err_set(err, ERR_IO, "%s took longer than %lld s and was ended", path, (long long) timeout_s);
    if (WIFSIGNALED(status))
        return err_set(err, ERR_IO, "%s was ended by signal %d", path, WTERMSIG(status));
    return WEXITSTATUS(status) == 0 || err_set(err, ERR_IO, "%s ended with exit status %d", path, WEXITSTATUS(status));
}

bool
deliver_to_command(const Config *config, const char *path, const Delivery *delivery, Err *err)
{
    Environment environment = {.all = NULL};
    pid_t pid = 0;
    int document = document_file(delivery, err);
    bool done = document >= 0 && environment_make(&environment, delivery, err) &&
                start(path, document, environment.all, &pid, err) && finish(path, pid, config->deliver_timeout_s, err);
    if (document >= 0)
        close(document);
    free(environment.all);
    return done;
}
