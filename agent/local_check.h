/**
 * local_check - may this user bring in what it brings through the import socket?
 *
 * A user that is bound to a tenant (binding.h) introduces no other, and its batches hold nothing that names another: no
 * record, no rejected line, no loss. The whole batch is refused, because its sender packed it and is no mere messenger.
 */
#ifndef AGENT_LOCAL_CHECK_H
#define AGENT_LOCAL_CHECK_H

#include "agent/binding.h"
#include "lib/err.h"
#include "proto/wire.h"

/** ERR_DENIED. */
MUST_CHECK bool local_check_begin(const BindingPeer *who, const Millibill__Begin *begin, Err *err);
/** Is this a batch at all, and `who` allowed to send it? Counts its records and lines. ERR_PROTOCOL, ERR_RANGE, ERR_DENIED, ERR_NOMEM. */
MUST_CHECK bool
local_check_batch(const BindingPeer *who, const ProtobufCBinaryData *payload, uint64_t *records, Err *err);

#endif
