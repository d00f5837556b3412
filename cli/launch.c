#include "cli/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/text.h"

enum {
    PROGRAM_BYTES_MAX = 256 << 20,
    LOG_BYTES_MAX = 16 << 20,
    TAIL_BYTES = 700,
    FIRST_FREE_DESCRIPTOR = 3,
    LAUNCH_GIFTS_MAX = 1024
};

/* A file whose own mode shuts the user out (built under umask 077) runs from a copy in memory. */
static bool
program_copy(Program *self, Err *err)
{
    Buffer bytes = {0};
    int copy = memfd_create(self->path, MFD_CLOEXEC);
    bool done = copy >= 0 && file_read(self->path, PROGRAM_BYTES_MAX, &bytes, err) && fchmod(copy, 0755) == 0;
    for (size_t written = 0; done && written < bytes.length;) {
        ssize_t part = write(copy, bytes.data + written, bytes.length - written);
        done = part > 0;
        written += done ? (size_t) part : 0;
    }
    buffer_free(&bytes);
    if (!done) {
        if (copy >= 0)
            close(copy);
        return err_set(err, ERR_IO, "cannot copy program '%s': %s", self->path, strerror(errno));
    }
    close(self->fd);
    self->fd = copy;
    return true;
}

bool
program_open(const char *path, const ServiceUser *user, Program *out, Err *err)
{
    struct stat status;
    (void) snprintf(out->path, sizeof(out->path), "%s", path);
    out->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (out->fd < 0 || fstat(out->fd, &status) != 0)
        return err_set(err, ERR_NOT_FOUND, "cannot open program '%s': %s", path, strerror(errno));
    const mode_t everyone = S_IROTH | S_IXOTH;
    return !user->differs || (status.st_mode & everyone) == everyone || program_copy(out, err);
}

void
program_close(Program *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

/* A log that has grown is set aside once when its program starts, so that two files are the most there is. */
static int
log_open(const char *path)
{
    struct stat status;
    char old[PATH_MAX + 4];
    if (stat(path, &status) == 0 && status.st_size > LOG_BYTES_MAX) {
        (void) snprintf(old, sizeof(old), "%s.1", path);
        (void) rename(path, old);
    }
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

static bool
descriptor_is_kept(unsigned fd, const int *keep, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (keep[i] >= 0 && (unsigned) keep[i] == fd)
            return true;
    return false;
}

static void
descriptors_close_others(const int *keep, size_t count)
{
    unsigned highest = FIRST_FREE_DESCRIPTOR - 1;
    for (size_t i = 0; i < count; i++)
        if (keep[i] >= 0 && (unsigned) keep[i] > highest)
            highest = (unsigned) keep[i];
    for (unsigned fd = FIRST_FREE_DESCRIPTOR; fd < highest; fd++)
        if (!descriptor_is_kept(fd, keep, count))
            close((int) fd);
    (void) close_range(highest + 1, ~0U, 0);
}

bool
descriptors_detach(const char *output, const int *keep, size_t count, Err *err)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = log_open(output);
    if (nothing < 0 || log < 0)
        return err_set(err, ERR_IO, "cannot open '%s': %s", log < 0 ? output : "/dev/null", strerror(errno));
    if (dup2(nothing, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        return err_set(err, ERR_IO, "cannot redirect to '%s': %s", output, strerror(errno));
    descriptors_close_others(keep, count);
    return true;
}

static void
environment_clean(const ServiceUser *user)
{
    for (size_t i = 0; environ[i] != NULL;) {
        char name[128];
        size_t length = strcspn(environ[i], "=");
        bool drop = length < sizeof(name) && strncmp(environ[i], "PG", 2) == 0;
        if (drop) {
            memcpy(name, environ[i], length);
            name[length] = '\0';
            unsetenv(name); /* moves the rest down */
        } else {
            i++;
        }
    }
    setenv("LC_ALL", "C", 1);
    if (user->differs) {
        setenv("USER", user->name, 1);
        setenv("LOGNAME", user->name, 1);
        setenv("HOME", "/", 1);
    }
}

static void
signals_reset(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        (void) signal(number, SIG_DFL);
    (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

static char **
argv_copy(const char *const *argv)
{
    size_t count = 0;
    while (argv[count] != NULL)
        count++;
    char **copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < count; i++)
        if ((copy[i] = strdup(argv[i])) == NULL)
            return NULL; /* in a child that exits at once */
    return copy;
}

/* Move the gifts to 3, 4, … and the program's descriptor, which closes itself, behind them: first all of them out of the
 * way, so that none is overwritten before it was moved. Returns the program's descriptor, or -1. */
static int
descriptors_give(int program, const LaunchGifts *gifts)
{
    const int behind = FIRST_FREE_DESCRIPTOR + (int) gifts->fd_count;
    int moved[LAUNCH_GIFTS_MAX];
    if (gifts->fd_count > LAUNCH_GIFTS_MAX)
        return -1;
    for (size_t i = 0; i < gifts->fd_count; i++)
        if ((moved[i] = fcntl(gifts->fds[i], F_DUPFD_CLOEXEC, behind)) < 0)
            return -1;
    int place = fcntl(program, F_DUPFD_CLOEXEC, behind);
    for (size_t i = 0; i < gifts->fd_count; i++)
        if (dup2(moved[i], FIRST_FREE_DESCRIPTOR + (int) i) < 0)
            return -1;
    return place;
}

static void
environment_give(const LaunchGifts *gifts)
{
    char number[16];
    setenv("NOTIFY_SOCKET", gifts->notify_socket, 1);
    if (gifts->fd_count == 0 || gifts->fd_names == NULL)
        return;
    (void) snprintf(number, sizeof(number), "%d", (int) getpid());
    setenv("LISTEN_PID", number, 1);
    (void) snprintf(number, sizeof(number), "%zu", gifts->fd_count);
    setenv("LISTEN_FDS", number, 1);
    setenv("LISTEN_FDNAMES", gifts->fd_names, 1);
}

/* Give what there is to give and close the rest. Returns the program's descriptor, or -1 with `err`. */
static int
descriptors_prepare(int program, const char *output, const LaunchGifts *gifts, Err *err)
{
    int keep[LAUNCH_GIFTS_MAX + 1];
    size_t count = gifts == NULL ? 0 : gifts->fd_count;
    int place = gifts == NULL ? program : descriptors_give(program, gifts);
    if (place < 0) {
        err_set(err, ERR_IO, "cannot pass %zu descriptors on: %s", count, strerror(errno));
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        keep[i] = FIRST_FREE_DESCRIPTOR + (int) i;
    keep[count] = place;
    return descriptors_detach(output, keep, count + 1, err) ? place : -1;
}

_Noreturn static void
child_run(const Program *program, const char *const *argv, const ServiceUser *user, const char *output,
          int death_signal, const LaunchGifts *gifts)
{
    Err err = {0};
    pid_t parent = getppid();
    int place = -1;
    umask(022);
    if (!service_user_become(user, &err) || (place = descriptors_prepare(program->fd, output, gifts, &err)) < 0)
        _exit(err_report(&err, argv[0]));
    if (death_signal != 0 && (prctl(PR_SET_PDEATHSIG, death_signal) != 0 || getppid() != parent))
        _exit(1);
    signals_reset();
    environment_clean(user);
    if (gifts != NULL)
        environment_give(gifts);
    char **copy = chdir("/") == 0 ? argv_copy(argv) : NULL;
    if (copy != NULL)
        (void) fexecve(place, copy, environ);
    err_set(&err, ERR_IO, "user %s cannot run '%s': %s", user->name, program->path, strerror(errno));
    err_hint(&err, "chmod a+rx '%s'", program->path);
    _exit(err_report(&err, argv[0]));
}

pid_t
launch(const Program *program, const char *const *argv, const ServiceUser *user, const char *output, int death_signal,
       Err *err)
{
    return launch_with(program, argv, user, output, death_signal, NULL, err);
}

pid_t
launch_with(const Program *program, const char *const *argv, const ServiceUser *user, const char *output,
            int death_signal, const LaunchGifts *gifts, Err *err)
{
    pid_t child = fork();
    if (child == 0)
        child_run(program, argv, user, output, death_signal, gifts);
    if (child < 0)
        err_set(err, ERR_IO, "cannot start '%s': %s", program->path, strerror(errno));
    return child;
}

void
log_tail(const char *path, char *out, size_t size)
{
    char text[TAIL_BYTES + 1];
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    if (fseek(file, -TAIL_BYTES, SEEK_END) != 0)
        rewind(file);
    size_t length = fread(text, 1, TAIL_BYTES, file);
    (void) fclose(file);
    text[length] = '\0';
    const char *start = length == TAIL_BYTES && strchr(text, '\n') != NULL ? strchr(text, '\n') + 1 : text;
    (void) snprintf(out, size, "%s", start);
    for (size_t end = strlen(out); end > 0 && out[end - 1] == '\n'; end--)
        out[end - 1] = '\0';
}

bool
launch_and_wait(const Program *program, const char *const *argv, const ServiceUser *user, const char *output, Err *err)
{
    pid_t child = launch(program, argv, user, output, SIGTERM, err);
    if (child < 0)
        return false;
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(err, ERR_IO, "waiting for '%s': %s", program->path, strerror(errno));
    if (status == 0)
        return true;
    char tail[TAIL_BYTES + 1];
    log_tail(output, tail, sizeof(tail));
    return err_set(err, ERR_IO, "%s failed; '%s' ends with:\n%s", argv[0], output, tail);
}
