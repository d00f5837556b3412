#include "cli/orphans.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/process.h"
#include "lib/log.h"
#include "lib/text.h"
#include "lib/utc.h"

enum {
    ORPHANS_MAX = 256, /* a server has 50 connections and a dozen processes of its own; the rest has another turn */
    PATIENCE_MS = 5000
};

/* What a process is to the cluster. */
typedef enum Role { ROLE_STRANGER, ROLE_SERVER, ROLE_BACKEND } Role;

/* The cluster's directory as the file system knows it: paths differ between mount namespaces. */
typedef struct Cluster {
    dev_t device;
    ino_t inode;
    uid_t owner;
} Cluster;

typedef struct Orphans {
    int fds[ORPHANS_MAX]; /* pidfds */
    int count;
    bool served; /* by a living server: none of them is an orphan then */
} Orphans;

/* The first bytes of /proc/PID/NAME, ended by a NUL; "" when there is nothing to read. */
static void
proc_read(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    out[0] = '\0';
    (void) snprintf(path, sizeof(path), "/proc/%d/%s", (int) pid, name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    out[fread(out, 1, size - 1, file)] = '\0';
    (void) fclose(file);
}

/* "/usr/lib/postgresql/15/bin/postgres", and the same with " (deleted)" after an upgrade of the package. */
static bool
runs_postgres(pid_t pid)
{
    static const char DELETED[] = " (deleted)";
    char link[64], program[PATH_MAX];
    (void) snprintf(link, sizeof(link), "/proc/%d/exe", (int) pid);
    ssize_t length = readlink(link, program, sizeof(program) - 1);
    if (length <= 0)
        return false;
    program[length] = '\0';
    size_t suffix = sizeof(DELETED) - 1;
    if ((size_t) length > suffix && strcmp(program + length - suffix, DELETED) == 0)
        program[(size_t) length - suffix] = '\0';
    const char *name = strrchr(program, '/');
    return name != NULL && strcmp(name + 1, "postgres") == 0;
}

static bool
works_in(pid_t pid, const Cluster *cluster)
{
    char link[64], process[64];
    struct stat folder, owner;
    (void) snprintf(link, sizeof(link), "/proc/%d/cwd", (int) pid);
    (void) snprintf(process, sizeof(process), "/proc/%d", (int) pid);
    return stat(link, &folder) == 0 && folder.st_dev == cluster->device && folder.st_ino == cluster->inode &&
           stat(process, &owner) == 0 && owner.st_uid == cluster->owner;
}

/* A server keeps the command line it was started with; its children write over theirs what they are. */
static Role
role_of(pid_t pid, const Cluster *cluster)
{
    static const char TITLE[] = "postgres: ";
    char line[64];
    if (pid <= 0 || !works_in(pid, cluster) || !runs_postgres(pid))
        return ROLE_STRANGER;
    proc_read(pid, "cmdline", line, sizeof(line));
    return strncmp(line, TITLE, sizeof(TITLE) - 1) == 0 ? ROLE_BACKEND : ROLE_SERVER;
}

/* The fourth field of /proc/PID/stat, behind the state and the name, which stands in parentheses; 0: unknown. */
static pid_t
parent_of(pid_t pid)
{
    char line[1024];
    uint64_t parent = 0;
    proc_read(pid, "stat", line, sizeof(line));
    const char *rest = strrchr(line, ')');
    if (rest == NULL || strlen(rest) < 5)
        return 0;
    Text field = {rest + 4, strcspn(rest + 4, " ")};
    return text_to_u64(field, INT32_MAX, &parent) ? (pid_t) parent : 0;
}

/* Nobody gets a dead parent back: what is an orphan once stays one. A parent outside of this pid namespace is no dead one. */
static bool
is_orphan(pid_t pid, const Cluster *cluster)
{
    pid_t parent = parent_of(pid);
    return parent > 0 && role_of(pid, cluster) == ROLE_BACKEND && role_of(parent, cluster) == ROLE_STRANGER;
}

/* The pidfd is opened first and the process looked at then: what was seen is what the pidfd means, or it is gone. */
static void
look_at(Orphans *self, pid_t pid, const Cluster *cluster)
{
    Role role = role_of(pid, cluster);
    if (role == ROLE_SERVER)
        self->served = true;
    if (role != ROLE_BACKEND || self->count == ORPHANS_MAX)
        return;
    int fd = pidfd_open(pid, 0);
    if (fd >= 0 && is_orphan(pid, cluster))
        self->fds[self->count++] = fd;
    else if (fd >= 0)
        close(fd);
}

static void
find(Orphans *self, const Cluster *cluster)
{
    DIR *processes = opendir("/proc");
    if (processes == NULL)
        return;
    for (struct dirent *entry = readdir(processes); entry != NULL; entry = readdir(processes)) {
        uint64_t pid = 0;
        if (text_to_u64(text_of(entry->d_name), INT32_MAX, &pid))
            look_at(self, (pid_t) pid, cluster);
    }
    (void) closedir(processes);
}

static int
end(const Orphans *self)
{
    int ended = 0;
    for (int i = 0; i < self->count; i++)
        if (pidfd_send_signal(self->fds[i], SIGKILL, NULL, 0) != 0 && errno != ESRCH)
            log_warn("event=orphan_stays message=\"%s\"", strerror(errno));
    int64_t until_us = utc_monotonic_us() + (int64_t) PATIENCE_MS * 1000;
    for (int i = 0; i < self->count; i++)
        ended += process_wait(self->fds[i], (until_us - utc_monotonic_us()) / 1000) ? 1 : 0;
    return ended;
}

int
orphans_end(const char *cluster)
{
    struct stat folder;
    if (stat(cluster, &folder) != 0)
        return 0; /* no cluster yet */
    const Cluster known = {folder.st_dev, folder.st_ino, folder.st_uid};
    Orphans found = {0};
    find(&found, &known);
    if (found.served && found.count > 0)
        log_warn("event=orphans_spared count=%d message=\"another server runs in this folder\"", found.count);
    int ended = found.served ? 0 : end(&found);
    for (int i = 0; i < found.count; i++)
        close(found.fds[i]);
    return ended;
}
