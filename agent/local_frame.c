#include "agent/local_frame.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

enum { LENGTH_BYTES = 4 };

static uint32_t
frame_length(const Buffer *in)
{
    uint32_t length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (uint32_t) (uint8_t) in->data[i] << (8 * i);
    return length;
}

/* Bytes that are still missing of the length, or of the message behind it. */
static size_t
missing_bytes(const Buffer *in)
{
    if (in->length < LENGTH_BYTES)
        return LENGTH_BYTES - in->length;
    return LENGTH_BYTES + (size_t) frame_length(in) - in->length;
}

LocalFrame
local_frame_read(int socket, Buffer *in, Err *err)
{
    for (size_t wanted = missing_bytes(in); wanted > 0; wanted = missing_bytes(in)) {
        char *place = buffer_reserve(in, wanted, err);
        if (place == NULL)
            return LOCAL_FRAME_BAD;
        ssize_t length = recv(socket, place, wanted, MSG_DONTWAIT);
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return LOCAL_FRAME_WAIT;
        if (length <= 0)
            return LOCAL_FRAME_END;
        in->length += (size_t) length;
        if (in->length == LENGTH_BYTES && frame_length(in) > LOCAL_FRAME_BYTES_MAX) {
            err_set(err, ERR_PROTOCOL, "message of %" PRIu32 " bytes, at most %d allowed", frame_length(in),
                    LOCAL_FRAME_BYTES_MAX);
            return LOCAL_FRAME_BAD;
        }
    }
    return LOCAL_FRAME_WHOLE;
}

Millibill__Local *
local_frame_unpack(const Buffer *in, Err *err)
{
    return local_unpack(in->data + LENGTH_BYTES, in->length - LENGTH_BYTES, err);
}

bool
local_answer_begun(Buffer *out, ImportJob *job, Err *err)
{
    Millibill__Begun begun;
    millibill__begun__init(&begun);
    begun.import_id = (ProtobufCBinaryData){WIRE_ID_BYTES, job->id};
    Millibill__Local answer;
    millibill__local__init(&answer);
    answer.kind_case = MILLIBILL__LOCAL__KIND_BEGUN;
    answer.begun = &begun;
    return local_pack(&answer, out, err);
}

bool
local_answer_spooled(Buffer *out, const ImportJob *job, Err *err)
{
    Millibill__Spooled spooled;
    millibill__spooled__init(&spooled);
    spooled.batches = job->durable;
    spooled.committed = job->committed;
    Millibill__Local answer;
    millibill__local__init(&answer);
    answer.kind_case = MILLIBILL__LOCAL__KIND_SPOOLED;
    answer.spooled = &spooled;
    return local_pack(&answer, out, err);
}

bool
local_answer_finished(Buffer *out, ImportJob *job, bool known, const Millibill__Settled *settled, Err *err)
{
    char *names[IMPORT_TENANTS_MAX];
    Millibill__Finished finished;
    millibill__finished__init(&finished);
    finished.settled = known;
    if (settled != NULL) {
        finished.accepted = settled->accepted;
        finished.known = settled->known;
        finished.conflicts = settled->conflicts;
        finished.quarantined = settled->quarantined;
    }
    for (size_t i = 0; i < job->introduce_count; i++)
        if (job->registered[i])
            names[finished.n_registered_tenants++] = job->introduce[i];
    finished.registered_tenants = names;
    Millibill__Local answer;
    millibill__local__init(&answer);
    answer.kind_case = MILLIBILL__LOCAL__KIND_FINISHED;
    answer.finished = &finished;
    return local_pack(&answer, out, err);
}

bool
local_answer_failed(Buffer *out, const Err *failure, Err *err)
{
    char message[ERR_MESSAGE_BYTES];
    char hint[ERR_HINT_BYTES];
    memcpy(message, failure->message, sizeof(message));
    memcpy(hint, failure->hint, sizeof(hint));
    Millibill__Failed failed;
    millibill__failed__init(&failed);
    failed.message = message;
    failed.hint = hint;
    Millibill__Local answer;
    millibill__local__init(&answer);
    answer.kind_case = MILLIBILL__LOCAL__KIND_FAILED;
    answer.failed = &failed;
    return local_pack(&answer, out, err);
}
