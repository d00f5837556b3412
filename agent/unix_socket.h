/**
 * unix_socket - listening on a path of this host
 *
 * A socket file that a dead process left is replaced: whoever calls has to know (by the spool's lock) that no other agent
 * listens there. Files get mode 0660; the directory decides who comes near.
 */
#ifndef AGENT_UNIX_SOCKET_H
#define AGENT_UNIX_SOCKET_H

#include <stdbool.h>

#include "lib/err.h"

/** A non-blocking listener of `type` (SOCK_STREAM, SOCK_SEQPACKET) at `path`. -1: ERR_RANGE (path too long), ERR_EXISTS
 *  (something that is no socket stands there), ERR_IO. */
MUST_CHECK int unix_listen(const char *path, int type, Err *err);

/** The next waiting connection, non-blocking; -1 with errno when there is none, or it cannot be taken (unix_is_exhausted). */
int unix_accept(int listener);
/** Does this errno say that descriptors or memory are short? Who is asked again at once says it again at once. */
bool unix_is_exhausted(int error);

#endif
