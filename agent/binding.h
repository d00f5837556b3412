/**
 * binding - for which tenant a source speaks, by the socket it came in through and the user it runs as
 *
 * What a record claims is checked against this, never the other way round. The `bindings:` of millibill.yaml are tried in
 * their order, the first that fits decides; a peer that none fits names the tenant itself, within what the agent's key may
 * say. `allow_users:` says who may connect at all; root and the agent's own user always may.
 * Names of users and groups are looked up once, when the agent starts. Immutable afterwards.
 */
#ifndef AGENT_BINDING_H
#define AGENT_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/config.h"
#include "lib/err.h"
#include "lib/text.h"

typedef struct Bindings Bindings;

/** Who is at the other end of a connection. */
typedef struct BindingPeer {
    uid_t uid;
    bool bound;
    Text tenant; /* when bound; borrowed from the Config */
} BindingPeer;

/** Look up the names in `config` (borrowed for the life of the bindings). Caller frees with bindings_free(). NULL:
 *  ERR_INPUT (no such user or group on this host), ERR_NOMEM. */
MUST_CHECK Bindings *bindings_new(const Config *config, Err *err);
void bindings_free(Bindings **self);

/** Does a binding fit who comes through `socket_path` as `uid`? `*tenant` is borrowed from the Config. */
bool binding_find(const Bindings *self, const char *socket_path, uid_t uid, Text *tenant);

/** May this user connect? */
bool binding_admits(const Bindings *self, uid_t uid);

/** Ask the kernel who has connected (SO_PEERCRED). False, and logged (once in a second), when this user may not be served:
 *  close `fd`. */
MUST_CHECK bool binding_peer(Bindings *self, const char *socket_path, int fd, BindingPeer *peer);

/** The group that the socket at `socket_path` is to be given to, if a binding says so. */
bool binding_group(const Bindings *self, const char *socket_path, gid_t *group);

/** The sockets for NDJSON lines that exist only because a binding names them, each once: the first at or after place `*i`
 *  (start with 0), which is moved behind it. NULL at the end. */
const char *binding_next_socket(const Bindings *self, size_t *i);

#endif
