/**
 * cluster - the private PostgreSQL 15 cluster of a stack
 *
 * Lies in DATA/pg, listens on a Unix socket in the run directory only, and lets in by peer credentials: the user who
 * started the stack, the service user and root may take the stack's roles; a tenant's role needs its password. Made in a
 * folder beside it and renamed when complete, so that an interrupted start leaves nothing half made.
 */
#ifndef CLI_CLUSTER_H
#define CLI_CLUSTER_H

#include <limits.h>
#include <stdbool.h>

#include "cli/launch.h"
#include "cli/service_user.h"
#include "lib/config.h"
#include "lib/err.h"

#define CLUSTER_SUPERUSER "postgres"
#define CLUSTER_DATABASE "millibill"

/** Arguments of the server, and what they point to. */
typedef struct ClusterCommand {
    char program[PATH_MAX]; /* the server finds its own files by its full path */
    char data[PATH_MAX + 8];
    char socket_directory[PATH_MAX + 32];
    const char *argv[8];
} ClusterCommand;

/** The server's program and arguments. ERR_NOT_FOUND when PostgreSQL 15 is not installed. */
MUST_CHECK bool
cluster_command(const Config *config, const ServiceUser *user, Program *program, ClusterCommand *command, Err *err);

/** Make the cluster unless it is there, and write its settings and access rules anew. No server may run. */
MUST_CHECK bool cluster_prepare(const Config *config, const ServiceUser *user, bool *created, Err *err);

/** Stop a server of this cluster that nobody supervises, and remove lock files that a dead one left. */
MUST_CHECK bool cluster_clear(const Config *config, Err *err);

/** Does the server take connections? */
bool cluster_is_ready(const Config *config);

/** With the server ready: database, roles and schema. */
MUST_CHECK bool cluster_bootstrap(const Config *config, const ServiceUser *user, Err *err);

#endif
