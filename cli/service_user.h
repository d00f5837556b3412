/**
 * service_user - who runs the stack's processes
 *
 * PostgreSQL refuses to run as root. Started by an ordinary user, everything runs as that user; started by root,
 * everything runs as `millibill` when there is such a user, else as `postgres`.
 */
#ifndef CLI_SERVICE_USER_H
#define CLI_SERVICE_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/err.h"

typedef struct ServiceUser {
    bool differs; /* from the user who asks: privileges are to be dropped */
    uid_t uid;
    gid_t gid;
    char name[64];
} ServiceUser;

/** ERR_NOT_FOUND when root finds neither user, or the caller has no name in the user database. */
MUST_CHECK bool service_user_find(ServiceUser *out, Err *err);

/** Become this user for good (groups, gid, uid), in a process made for it. ERR_DENIED. */
MUST_CHECK bool service_user_become(const ServiceUser *self, Err *err);

/** Can this user enter the directory? ERR_DENIED names the folder that bars the way, and a remedy. */
MUST_CHECK bool service_user_reaches(const ServiceUser *self, const char *directory, Err *err);

/** Make a directory that belongs to this user (an existing one is given to it). */
MUST_CHECK bool service_user_directory(const ServiceUser *self, const char *path, unsigned mode, Err *err);

/** Give a file to this user. */
MUST_CHECK bool service_user_own(const ServiceUser *self, const char *path, Err *err);
/** Keep a file or directory from this user: it belongs to who runs this. */
MUST_CHECK bool service_user_keep_from(const ServiceUser *self, const char *path, Err *err);

#endif
