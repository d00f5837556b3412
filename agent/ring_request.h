/**
 * ring_request - requests for rings and their answers, with the descriptors that travel along (SCM_RIGHTS)
 */
#ifndef AGENT_RING_REQUEST_H
#define AGENT_RING_REQUEST_H

#include <stdint.h>
#include <sys/types.h>

#include "agent/emitter/ring_layout.h"

/** Receive one request without waiting; returns what recvmsg() returned. `*memfd` is the first descriptor that came along
 *  and now the caller's, -1 when none did; others are closed. The request is not checked. */
ssize_t ring_receive_request(int connection, RingRequest *request, int *memfd);

/** Answer, with `memfd` unless it is -1 (stays the caller's). A producer that is gone is noticed elsewhere. */
void ring_reply(int connection, uint32_t status, int memfd);

#endif
