/**
 * keeper - descriptors that outlive the agent, held by whoever started it
 *
 * Speaks systemd's service protocol (sd_notify(3), sd_listen_fds(3)): a datagram to NOTIFY_SOCKET hands descriptors with a
 * name to the manager (FDSTORE=1) or lets go of them (FDSTOREREMOVE=1), and the next start of the agent finds them from
 * descriptor 3 on, with LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. The manager is systemd (FileDescriptorStoreMax=) or the
 * supervisor of the embedded stack. Never waits for it. Not thread-safe.
 */
#ifndef AGENT_KEEPER_H
#define AGENT_KEEPER_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

enum { KEEPER_NAME_BYTES = 64, KEEPER_DESCRIPTORS_MAX = 1024, KEEPER_TOGETHER_MAX = 4 };

typedef struct Keeper Keeper;

/** What a manager kept: a descriptor (close-on-exec) and the name that it was stored under. */
typedef struct KeptDescriptor {
    int fd; /* -1 once taken */
    char name[KEEPER_NAME_BYTES];
} KeptDescriptor;

/** Take over what the manager passed to this process and find its socket, both from the environment (which is cleared of
 *  them, so that no child takes them for its own). Without a manager the keeper is there and keeps nothing. Caller frees.
 *  NULL: ERR_NOMEM, ERR_IO. */
MUST_CHECK Keeper *keeper_open(Err *err);
/** Closes what was passed and never taken. The manager keeps what it has. */
void keeper_free(Keeper **self);

/** Is there a manager to keep descriptors? */
bool keeper_is_there(const Keeper *self);
/** What was passed to this process; `fd` of a taken one is set to -1 by its taker. */
KeptDescriptor *keeper_passed(Keeper *self, size_t *count);

/** Hand 1..KEEPER_TOGETHER_MAX descriptors (borrowed) to the manager, all under `name`. ERR_BUSY: its queue is full, try again
 *  soon; ERR_IO. True without a manager. */
MUST_CHECK bool keeper_store(Keeper *self, const char *name, const int *fds, size_t count, Err *err);
/** Let go of all descriptors called `name`. As keeper_store. */
MUST_CHECK bool keeper_remove(Keeper *self, const char *name, Err *err);
/** Tell the manager a state ("READY=1", "STOPPING=1"). What it does not hear it does not need. */
void keeper_tell(Keeper *self, const char *state);

#endif
