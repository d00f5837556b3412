#include "cli/service_user.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/text.h"

static const char *const SERVICE_USERS[] = {"millibill", "postgres"};

bool
service_user_find(ServiceUser *out, Err *err)
{
    const struct passwd *entry = NULL;
    if (geteuid() != 0) {
        entry = getpwuid(geteuid());
        if (entry == NULL)
            return err_set(err, ERR_NOT_FOUND, "user id %d has no name in the user database", (int) geteuid());
    }
    for (size_t i = 0; entry == NULL && i < sizeof(SERVICE_USERS) / sizeof(*SERVICE_USERS); i++)
        entry = getpwnam(SERVICE_USERS[i]);
    if (entry == NULL) {
        err_set(err, ERR_NOT_FOUND, "PostgreSQL does not run as root, and there is no user millibill or postgres");
        return err_hint(err, "install postgresql-15, or: adduser --system --group millibill");
    }
    *out = (ServiceUser){.differs = entry->pw_uid != geteuid(), .uid = entry->pw_uid, .gid = entry->pw_gid};
    (void) snprintf(out->name, sizeof(out->name), "%s", entry->pw_name);
    return true;
}

bool
service_user_become(const ServiceUser *self, Err *err)
{
    if (!self->differs)
        return true;
    if (initgroups(self->name, self->gid) != 0 || setgid(self->gid) != 0 || setuid(self->uid) != 0)
        return err_set(err, ERR_DENIED, "cannot become user %s: %s", self->name, strerror(errno));
    return true;
}

/* Asks the kernel as that user, in a process of its own: modes, groups and access lists are its business. */
static bool
user_may_enter(const ServiceUser *self, const char *directory)
{
    pid_t child = fork();
    if (child == 0)
        _exit(service_user_become(self, NULL) && access(directory, X_OK) == 0 ? 0 : 1);
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

bool
service_user_reaches(const ServiceUser *self, const char *directory, Err *err)
{
    if (!self->differs)
        return true;
    char path[PATH_MAX];
    for (size_t i = 1;; i++) {
        if (directory[i] != '/' && directory[i] != '\0')
            continue;
        (void) snprintf(path, sizeof(path), "%.*s", (int) i, directory);
        if (!user_may_enter(self, path)) {
            err_set(err, ERR_DENIED, "user %s, who runs the stack for root, cannot enter '%s'", self->name, path);
            return err_hint(
                err, "choose a place that it can reach (--data /var/lib/millibill/NAME), or: chmod o+x '%s'", path);
        }
        if (directory[i] == '\0')
            return true;
    }
}

bool
service_user_own(const ServiceUser *self, const char *path, Err *err)
{
    if (self->differs && lchown(path, self->uid, self->gid) != 0)
        return err_set(err, ERR_IO, "cannot give '%s' to user %s: %s", path, self->name, strerror(errno));
    return true;
}

bool
service_user_keep_from(const ServiceUser *self, const char *path, Err *err)
{
    if (self->differs && lchown(path, geteuid(), getegid()) != 0)
        return err_set(err, ERR_IO, "cannot take '%s' from user %s: %s", path, self->name, strerror(errno));
    return true;
}

bool
service_user_directory(const ServiceUser *self, const char *path, unsigned mode, Err *err)
{
    if (!directory_make(path, mode, err))
        return false;
    if (chmod(path, (mode_t) mode) != 0)
        return err_set(err, ERR_IO, "cannot set the mode of '%s': %s", path, strerror(errno));
    return service_user_own(self, path, err);
}
