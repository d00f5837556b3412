/**
 * launch - start a program as the service user
 *
 * A program is opened by whoever asks and executed by its descriptor after privileges are dropped, so that a build
 * below a home directory closed to others (mode 0700) can still run as the service user. The child starts in "/",
 * with standard input from /dev/null, output to the file given, no other descriptor, default signals, and an
 * environment without PG* and with LC_ALL=C.
 */
#ifndef CLI_LAUNCH_H
#define CLI_LAUNCH_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/service_user.h"
#include "lib/err.h"

typedef struct Program {
    int fd; /* -1 when closed */
    char path[PATH_MAX];
} Program;

/** Open an executable for `user`, who may be unable to reach it. ERR_NOT_FOUND, ERR_IO. */
MUST_CHECK bool program_open(const char *path, const ServiceUser *user, Program *out, Err *err);
void program_close(Program *self);

/** What a program gets besides, as systemd would give it (sd_listen_fds(3), sd_notify(3)). All borrowed. */
typedef struct LaunchGifts {
    const int *fds; /* become 3, 4, … */
    size_t fd_count;
    const char *fd_names; /* with a ':' between them */
    const char *notify_socket;
} LaunchGifts;

/** Start it; `death_signal` (0: none) is sent when the process that called this ends. Returns the pid, or -1. */
MUST_CHECK pid_t launch(const Program *program, const char *const *argv, const ServiceUser *user, const char *output,
                        int death_signal, Err *err);
/** The same with `gifts`. */
MUST_CHECK pid_t launch_with(const Program *program, const char *const *argv, const ServiceUser *user,
                             const char *output, int death_signal, const LaunchGifts *gifts, Err *err);

/** Start it and wait for success; on failure the message ends with the last lines of `output`. */
MUST_CHECK bool
launch_and_wait(const Program *program, const char *const *argv, const ServiceUser *user, const char *output, Err *err);

/** The last lines of a log for a message, in at most `size` bytes at `out`. */
void log_tail(const char *path, char *out, size_t size);

/** Give this process a standard input of nothing, `output` for the rest, and close all else but `keep` (ascending
 *  order not needed). */
MUST_CHECK bool descriptors_detach(const char *output, const int *keep, size_t count, Err *err);

#endif
