#include "cli/cluster.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/process.h"
#include "lib/text.h"
#include "schema/db.h"
#include "schema/migrate.h"

enum { LOCK_FILE_BYTES_MAX = 4096, STATUS_LINE = 8, STOP_PATIENCE_MS = 60000 };

static const char SETTINGS[] =
    "# Written by `millibill up` at every start; your own settings belong into postgresql.conf, after the include.\n"
    "listen_addresses = ''\n"
    "max_connections = 50\n"
    "max_locks_per_transaction = 512\n" /* verify locks every partition and index since 1970: see doc/decisions.md */
    "fsync = on\n"
    "full_page_writes = on\n"
    "synchronous_commit = on\n"
    "shared_buffers = 256MB\n"
    "effective_cache_size = 1GB\n"
    "work_mem = 16MB\n"
    "maintenance_work_mem = 128MB\n"
    "max_wal_size = 4GB\n"
    "wal_compression = lz4\n"
    "checkpoint_timeout = 15min\n"
    "checkpoint_completion_target = 0.9\n"
    "random_page_cost = 1.1\n"
    "jit = off\n"
    "timezone = 'UTC'\n"
    "log_timezone = 'UTC'\n"
    "log_checkpoints = off\n"
    "log_line_prefix = '%m [%p] %q%u '\n";

#define HBA                                                                                    \
    "# Tenants by the password of `millibill tenant login`, all else by who the process is.\n" \
    "local all +millibill_tenant scram-sha-256\n"                                              \
    "local all all peer map=millibill\n"

static const char *const ROLES[] = {CLUSTER_SUPERUSER,
                                    "millibill_owner",
                                    "millibill_collector",
                                    "millibill_compactor",
                                    "millibill_rater",
                                    "millibill_reader",
                                    NULL};

static bool
server_program(const char *name, char out[PATH_MAX], Err *err)
{
    const char *folder = getenv("MILLIBILL_PG_BIN");
    (void) snprintf(out, PATH_MAX, "%s/%s", folder == NULL ? "/usr/lib/postgresql/15/bin" : folder, name);
    if (access(out, X_OK) == 0)
        return true;
    err_set(err, ERR_NOT_FOUND, "PostgreSQL 15 is not installed: there is no '%s'", out);
    return err_hint(err, "apt-get install postgresql-15, or set MILLIBILL_PG_BIN to the folder of its programs");
}

static bool
path_in(const Config *config, const char *name, char out[PATH_MAX], Err *err)
{
    if (snprintf(out, PATH_MAX, "%s/%s", config->data, name) >= PATH_MAX)
        return err_set(err, ERR_RANGE, "path '%s/%s' is too long", config->data, name);
    return true;
}

bool
cluster_command(const Config *config, const ServiceUser *user, Program *program, ClusterCommand *command, Err *err)
{
    if (!server_program("postgres", command->program, err) || !path_in(config, "pg", command->data, err))
        return false;
    (void) snprintf(command->socket_directory, sizeof(command->socket_directory), "unix_socket_directories=\"%s\"",
                    config->run);
    const char *argv[] = {command->program, "-D", command->data, "-c", command->socket_directory, NULL};
    memcpy(command->argv, argv, sizeof(argv));
    return program_open(command->program, user, program, err);
}

/* Remove what an interrupted `initdb` left; the folder is ours alone. */
static bool
tree_remove(const char *path, Err *err)
{
    const char *const argv[] = {"rm", "-rf", "--", path, NULL};
    const ServiceUser myself = {.differs = false};
    Program program;
    if (access(path, F_OK) != 0)
        return true;
    if (!program_open("/bin/rm", &myself, &program, err))
        return false;
    bool done = launch_and_wait(&program, argv, &myself, "/dev/null", err);
    program_close(&program);
    return done;
}

static bool
cluster_make(const Config *config, const ServiceUser *user, const char *final_path, Err *err)
{
    char path[PATH_MAX], log[PATH_MAX], new_path[PATH_MAX];
    Program program = {.fd = -1};
    if (!server_program("initdb", path, err) || !path_in(config, "pg.new", new_path, err) ||
        !path_in(config, "log/initdb.log", log, err) || !tree_remove(new_path, err) ||
        !service_user_directory(user, new_path, 0700, err) || !program_open(path, user, &program, err))
        return false;
    const char *const argv[] = {path,   "-D",         new_path,           "-U", CLUSTER_SUPERUSER, "--auth=peer", "-E",
                                "UTF8", "--locale=C", "--data-checksums", NULL};
    bool done = launch_and_wait(&program, argv, user, log, err);
    program_close(&program);
    if (done && rename(new_path, final_path) != 0)
        done = err_set(err, ERR_IO, "cannot rename '%s': %s", new_path, strerror(errno));
    return done;
}

static bool
version_check(const char *cluster, Err *err)
{
    char path[PATH_MAX + 16];
    Buffer text = {0};
    (void) snprintf(path, sizeof(path), "%s/PG_VERSION", cluster);
    if (!file_read(path, LOCK_FILE_BYTES_MAX, &text, err))
        return err_hint(err, "'%s' is there, but it is no PostgreSQL cluster: move it away", cluster);
    if (!text_is(text_trim(buffer_text(&text)), "15")) {
        err_set(err, ERR_CONFLICT, "the cluster '%s' was made by PostgreSQL %.*s, this program starts 15", cluster,
                TEXT_ARG(text_trim(buffer_text(&text))));
        err_hint(err,
                 "set MILLIBILL_PG_BIN to the programs of that version, or upgrade the cluster with pg_upgradecluster");
    }
    buffer_free(&text);
    return !err_is_set(err);
}

static bool
file_write_owned(const char *cluster, const char *name, Text text, const ServiceUser *user, Err *err)
{
    char path[PATH_MAX + 32];
    (void) snprintf(path, sizeof(path), "%s/%s", cluster, name);
    return file_write(path, text.data, text.length, 0600, err) && service_user_own(user, path, err);
}

static bool
ident_append(Buffer *out, const char *name, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && ROLES[i] != NULL; i++)
        done = buffer_printf(out, err, "millibill \"%s\" %s\n", name, ROLES[i]);
    return done;
}

/* Who may take which role: root, the service user, and who runs this (also behind sudo). */
static bool
access_write(const char *cluster, const ServiceUser *user, Err *err)
{
    const struct passwd *caller = getpwuid(getuid());
    Buffer ident = {0};
    bool done = ident_append(&ident, "root", err) && ident_append(&ident, user->name, err);
    if (done && caller != NULL && strcmp(caller->pw_name, user->name) != 0 && caller->pw_uid != 0)
        done = ident_append(&ident, caller->pw_name, err);
    done = done && file_write_owned(cluster, "pg_ident.conf", buffer_text(&ident), user, err) &&
           file_write_owned(cluster, "pg_hba.conf", TEXT_LITERAL(HBA), user, err);
    buffer_free(&ident);
    return done;
}

static bool
settings_write(const char *cluster, const ServiceUser *user, Err *err)
{
    static const char INCLUDE[] = "include 'millibill.conf'";
    char path[PATH_MAX + 32];
    Buffer text = {0};
    (void) snprintf(path, sizeof(path), "%s/postgresql.conf", cluster);
    bool done = file_write_owned(cluster, "millibill.conf", TEXT_LITERAL(SETTINGS), user, err) &&
                file_read(path, 1 << 20, &text, err);
    if (done && (text.data == NULL || strstr(text.data, INCLUDE) == NULL))
        done = buffer_printf(&text, err, "\n%s\n", INCLUDE) &&
               file_write_owned(cluster, "postgresql.conf", buffer_text(&text), user, err);
    buffer_free(&text);
    return done;
}

bool
cluster_prepare(const Config *config, const ServiceUser *user, bool *created, Err *err)
{
    char cluster[PATH_MAX];
    if (!path_in(config, "pg", cluster, err))
        return false;
    *created = access(cluster, F_OK) != 0;
    if (*created && !cluster_make(config, user, cluster, err))
        return false;
    return version_check(cluster, err) && settings_write(cluster, user, err) && access_write(cluster, user, err);
}

/* The pid in a PostgreSQL lock file when it is a server of this very cluster (its working directory), else 0. */
static pid_t
lock_file_server(const char *lock, const char *cluster)
{
    Buffer text = {0};
    char link[64], folder[PATH_MAX];
    uint64_t pid = 0;
    if (file_read(lock, LOCK_FILE_BYTES_MAX, &text, NULL) && text.data != NULL) {
        Text first = {text.data, strcspn(text.data, "\n")};
        if (!text_to_u64(text_trim(first), INT32_MAX, &pid))
            pid = 0;
    }
    buffer_free(&text);
    if (pid == 0)
        return 0;
    (void) snprintf(link, sizeof(link), "/proc/%" PRIu64 "/cwd", pid);
    ssize_t length = readlink(link, folder, sizeof(folder) - 1);
    if (length <= 0)
        return 0;
    folder[length] = '\0';
    struct stat here, there;
    bool same = stat(folder, &here) == 0 && stat(cluster, &there) == 0 && here.st_dev == there.st_dev &&
                here.st_ino == there.st_ino;
    return same ? (pid_t) pid : 0;
}

bool
cluster_clear(const Config *config, Err *err)
{
    char cluster[PATH_MAX], lock[PATH_MAX], socket_lock[PATH_MAX + 32];
    Process server;
    if (!path_in(config, "pg", cluster, err) || !path_in(config, "pg/postmaster.pid", lock, err))
        return false;
    pid_t pid = lock_file_server(lock, cluster);
    if (pid > 0 && process_identify(pid, &server) && !process_stop(&server, SIGINT, SIGQUIT, STOP_PATIENCE_MS, err))
        return false;
    /* A pid in a stale lock may belong to a stranger by now, for whom PostgreSQL would refuse to start. */
    (void) unlink(lock);
    (void) snprintf(socket_lock, sizeof(socket_lock), "%s/.s.PGSQL.5432.lock", config->run);
    (void) unlink(socket_lock);
    return true;
}

/* PostgreSQL says so itself in the eighth line of its lock file. */
bool
cluster_is_ready(const Config *config)
{
    char lock[PATH_MAX];
    Buffer text = {0};
    if (!path_in(config, "pg/postmaster.pid", lock, NULL) || !file_read(lock, LOCK_FILE_BYTES_MAX, &text, NULL))
        return false;
    const char *line = text.data;
    for (int number = 1; number < STATUS_LINE && line != NULL; number++) {
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    bool ready = line != NULL && strncmp(line, "ready", 5) == 0;
    buffer_free(&text);
    return ready;
}

static bool
database_make(const Config *config, const ServiceUser *user, Err *err)
{
    char path[PATH_MAX], log[PATH_MAX];
    Program program = {.fd = -1};
    if (!server_program("createdb", path, err) || !path_in(config, "log/initdb.log", log, err) ||
        !program_open(path, user, &program, err))
        return false;
    const char *const argv[] = {path, "-h",        config->run,      "-U", CLUSTER_SUPERUSER,
                                "-T", "template0", CLUSTER_DATABASE, NULL};
    bool done = launch_and_wait(&program, argv, user, log, err);
    program_close(&program);
    return done;
}

static Db *
database_open(const Config *config, const char *role, Err *err)
{
    char conninfo[CONFIG_TEXT_BYTES];
    if (!config_conninfo(config, role, conninfo, err))
        return NULL;
    return db_connect(conninfo, "millibill up", err);
}

bool
cluster_bootstrap(const Config *config, const ServiceUser *user, Err *err)
{
    MigrateReport report;
    Db *owner = NULL;
    Db *superuser = database_open(config, CLUSTER_SUPERUSER, NULL);
    if (superuser == NULL && database_make(config, user, err))
        superuser = database_open(config, CLUSTER_SUPERUSER, err);
    bool done = superuser != NULL && migrate_roles(superuser, err);
    db_free(&superuser);
    if (done)
        owner = database_open(config, "millibill_owner", err);
    done = done && owner != NULL && migrate_run(owner, &report, err);
    db_free(&owner);
    return done;
}
