/**
 * fd_store - descriptors that a program of the stack leaves with its supervisor
 *
 * The manager's side of systemd's protocol, as far as the agent speaks it: datagrams with FDSTORE=1 or FDSTOREREMOVE=1, FDNAME=
 * and descriptors come in on a Unix socket, and the next start of the program gets what is stored (launch.h). So the memory
 * of the agent's rings lives on while there is no agent. It ends with the supervisor.
 *
 * Only the program itself is listened to: the kernel says which process sent a datagram. At most FD_STORE_MAX descriptors;
 * what goes beyond, or cannot be understood, is closed and logged. Not thread-safe.
 */
#ifndef CLI_FD_STORE_H
#define CLI_FD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/err.h"

enum {
    FD_STORE_MAX = 512, /* the agent's rings, two descriptors each */
    FD_STORE_NAME_BYTES = 64
};

typedef struct FdStore FdStore;

/** Listen at `path` (mode 0600, replaced). Caller frees. NULL: ERR_RANGE (path too long), ERR_IO, ERR_NOMEM. */
MUST_CHECK FdStore *fd_store_open(const char *path, Err *err);
/** Closes all that is stored. */
void fd_store_free(FdStore **self);

/** To wait for (POLLIN); -1 without a store (NULL). */
int fd_store_socket(const FdStore *self);
/** Where the program is to send to: its NOTIFY_SOCKET. */
const char *fd_store_path(const FdStore *self);
/** Take in what has arrived, if it is from process `sender`. Call it before that process is reaped, too: what it sent last
 *  counts, and until then its number is its own. Nothing happens without a store (NULL). */
void fd_store_receive(FdStore *self, pid_t sender);

/** How many are stored, and which: descriptors, and their names with a ':' between them. Both borrowed until the next call
 *  on the store. `names` is NULL when there was no memory. */
size_t fd_store_list(FdStore *self, const int **fds, const char **names);

#endif
