/**
 * local_frame - messages of the import socket: reading them without waiting, and packing the agent's answers
 *
 * Answers are appended to a buffer; nothing here writes to a socket.
 */
#ifndef AGENT_LOCAL_FRAME_H
#define AGENT_LOCAL_FRAME_H

#include <stdbool.h>

#include "agent/import_job.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/wire.h"

typedef enum LocalFrame {
    LOCAL_FRAME_WHOLE, /* a whole message is in the buffer */
    LOCAL_FRAME_WAIT,  /* nothing more is to be had now */
    LOCAL_FRAME_END,   /* the other side sends no more */
    LOCAL_FRAME_BAD    /* too large (ERR_PROTOCOL), or no memory (ERR_NOMEM) */
} LocalFrame;

/** Read from the non-blocking `socket` towards one message; `in` holds what there is of it and is empty at first. */
MUST_CHECK LocalFrame local_frame_read(int socket, Buffer *in, Err *err);
/** Decode the whole message in `in`. Free with millibill__local__free_unpacked(). NULL: ERR_PROTOCOL, ERR_NOMEM. */
MUST_CHECK Millibill__Local *local_frame_unpack(const Buffer *in, Err *err);

MUST_CHECK bool local_answer_begun(Buffer *out, ImportJob *job, Err *err);
MUST_CHECK bool local_answer_spooled(Buffer *out, const ImportJob *job, Err *err);
/** `known`: the counts in `settled` (NULL: all zero) are the final word. */
MUST_CHECK bool
local_answer_finished(Buffer *out, ImportJob *job, bool known, const Millibill__Settled *settled, Err *err);
MUST_CHECK bool local_answer_failed(Buffer *out, const Err *failure, Err *err);

#endif
