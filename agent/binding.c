#include "agent/binding.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/log_limit.h"
#include "lib/utc.h"

typedef struct Resolved {
    bool any_user;
    bool has_group;
    uid_t uid;
    gid_t gid;
} Resolved;

struct Bindings {
    const Config *config;
    uid_t own_uid;
    Resolved resolved[CONFIG_BINDINGS_MAX]; /* beside config->bindings */
    uid_t allowed[CONFIG_ALLOW_USERS_MAX];
    LogLimit unknown_log;
    LogLimit refused_log;
};

static bool
find_user(const char *name, const char *key, uid_t *uid, Err *err)
{
    uint64_t number;
    if (text_to_u64(text_of(name), UINT32_MAX - 1, &number)) {
        *uid = (uid_t) number;
        return true;
    }
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL) {
        err_set(err, ERR_INPUT, "%s: this host has no user '%s'", key, name);
        return err_hint(err, "correct the name in millibill.yaml, or give the user's number");
    }
    *uid = entry->pw_uid;
    return true;
}

static bool
find_group(const char *name, gid_t *gid, Err *err)
{
    uint64_t number;
    if (text_to_u64(text_of(name), UINT32_MAX - 1, &number)) {
        *gid = (gid_t) number;
        return true;
    }
    const struct group *entry = getgrnam(name);
    if (entry == NULL) {
        err_set(err, ERR_INPUT, "bindings: this host has no group '%s'", name);
        return err_hint(err, "correct the name in millibill.yaml, or give the group's number");
    }
    *gid = entry->gr_gid;
    return true;
}

static bool
resolve(const ConfigBinding *binding, Resolved *out, Err *err)
{
    out->any_user = binding->user[0] == '\0';
    out->has_group = binding->group[0] != '\0';
    return (out->any_user || find_user(binding->user, "bindings", &out->uid, err)) &&
           (!out->has_group || find_group(binding->group, &out->gid, err));
}

Bindings *
bindings_new(const Config *config, Err *err)
{
    Bindings *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the bindings");
        return NULL;
    }
    self->config = config;
    self->own_uid = geteuid();
    bool done = true;
    for (int64_t i = 0; done && i < config->binding_count; i++)
        done = resolve(&config->bindings[i], &self->resolved[i], err);
    for (int64_t i = 0; done && i < config->allow_user_count; i++)
        done = find_user(config->allow_users[i], "allow_users", &self->allowed[i], err);
    if (!done)
        bindings_free(&self);
    return self;
}

void
bindings_free(Bindings **self)
{
    free(*self);
    *self = NULL;
}

bool
binding_find(const Bindings *self, const char *socket_path, uid_t uid, Text *tenant)
{
    for (int64_t i = 0; i < self->config->binding_count; i++) {
        const ConfigBinding *binding = &self->config->bindings[i];
        const Resolved *resolved = &self->resolved[i];
        if (binding->socket[0] != '\0' && strcmp(binding->socket, socket_path) != 0)
            continue;
        if (!resolved->any_user && resolved->uid != uid)
            continue;
        *tenant = text_of(binding->tenant);
        return true;
    }
    return false;
}

bool
binding_admits(const Bindings *self, uid_t uid)
{
    if (self->config->allow_user_count == 0 || uid == 0 || uid == self->own_uid)
        return true;
    for (int64_t i = 0; i < self->config->allow_user_count; i++)
        if (self->allowed[i] == uid)
            return true;
    return false;
}

bool
binding_peer(Bindings *self, const char *socket_path, int fd, BindingPeer *peer)
{
    uint64_t left_out;
    struct ucred credentials;
    socklen_t length = sizeof(credentials);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
        int reason = errno;
        if (log_limit_pass(&self->unknown_log, utc_monotonic_us(), &left_out))
            log_warn("event=peer_unknown socket=%s left_out=%" PRIu64 " message=\"%s\"", socket_path, left_out,
                     strerror(reason));
        return false;
    }
    *peer = (BindingPeer){.uid = credentials.uid};
    if (!binding_admits(self, peer->uid)) {
        if (log_limit_pass(&self->refused_log, utc_monotonic_us(), &left_out))
            log_warn("event=peer_refused socket=%s uid=%lu pid=%ld left_out=%" PRIu64
                     " message=\"not among allow_users\"",
                     socket_path, (unsigned long) credentials.uid, (long) credentials.pid, left_out);
        return false;
    }
    peer->bound = binding_find(self, socket_path, peer->uid, &peer->tenant);
    return true;
}

bool
binding_group(const Bindings *self, const char *socket_path, gid_t *group)
{
    for (int64_t i = 0; i < self->config->binding_count; i++) {
        if (!self->resolved[i].has_group || strcmp(self->config->bindings[i].socket, socket_path) != 0)
            continue;
        *group = self->resolved[i].gid;
        return true;
    }
    return false;
}

/* Does the agent listen there anyway, or is it named further up? */
static bool
is_open_already(const Config *config, int64_t place)
{
    const char *path = config->bindings[place].socket;
    if (strcmp(path, config->agent_socket) == 0 || strcmp(path, config->import_socket) == 0 ||
        strcmp(path, config->ring_socket) == 0)
        return true;
    for (int64_t i = 0; i < place; i++)
        if (strcmp(path, config->bindings[i].socket) == 0)
            return true;
    return false;
}

const char *
binding_next_socket(const Bindings *self, size_t *i)
{
    const Config *config = self->config;
    while (*i < (size_t) config->binding_count) {
        int64_t place = (int64_t) (*i)++;
        if (config->bindings[place].socket[0] != '\0' && !is_open_already(config, place))
            return config->bindings[place].socket;
    }
    return NULL;
}
