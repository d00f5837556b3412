#include "proto/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LENGTH_BYTES = 4 };

/* ---- memory while decoding ---- */

/** What one message may take: its bytes once more, with room for pointers and for fields of a newer peer. Without it a
 *  message of empty strings or unknown fields takes twenty-five times its size and more. */
typedef struct Budget {
    size_t left;
    bool lacked_memory; /* the system refused, not the budget */
} Budget;

enum { BUDGET_BASE_BYTES = 64 << 10, ALLOCATION_BYTES = 32 /* what malloc adds, at most */ };

static void *
budget_allocate(void *context, size_t size)
{
    Budget *self = context;
    if (size > self->left || self->left - size < ALLOCATION_BYTES)
        return NULL;
    self->left -= size + ALLOCATION_BYTES;
    void *out = malloc(size);
    self->lacked_memory |= out == NULL;
    return out;
}

static void
budget_release(void *context, void *pointer)
{
    (void) context; /* only released when decoding failed, or by protobuf-c's own allocator later: malloc's */
    free(pointer);
}

static Budget
budget_of(size_t length)
{
    return (Budget){.left = length + length / 4 + BUDGET_BASE_BYTES};
}

/* ---- frames ---- */

Millibill__Frame *
wire_frame_unpack(const void *bytes, size_t length, Err *err)
{
    if (length > WIRE_FRAME_BYTES_MAX) {
        err_set(err, ERR_RANGE, "frame of %zu bytes, at most %d allowed", length, WIRE_FRAME_BYTES_MAX);
        return NULL;
    }
    Budget budget = budget_of(length);
    ProtobufCAllocator allocator = {budget_allocate, budget_release, &budget};
    Millibill__Frame *frame = millibill__frame__unpack(&allocator, length, bytes);
    if (frame == NULL && budget.lacked_memory)
        err_set(err, ERR_NOMEM, "no memory for a frame of %zu bytes", length);
    else if (frame == NULL)
        err_set(err, ERR_PROTOCOL, "%zu bytes that are not a frame of protocol %d (or need too much memory)", length,
                WIRE_PROTOCOL);
    return frame;
}

bool
wire_frame_pack(const Millibill__Frame *frame, Buffer *out, Err *err)
{
    size_t length = millibill__frame__get_packed_size(frame);
    if (length > WIRE_FRAME_BYTES_MAX)
        return err_set(err, ERR_RANGE, "frame of %zu bytes, at most %d allowed", length, WIRE_FRAME_BYTES_MAX);
    buffer_clear(out);
    char *at = buffer_reserve(out, length, err);
    if (at == NULL)
        return false;
    out->length = millibill__frame__pack(frame, (uint8_t *) at);
    return true;
}

Millibill__Local *
local_unpack(const void *bytes, size_t length, Err *err)
{
    Budget budget = budget_of(length);
    ProtobufCAllocator allocator = {budget_allocate, budget_release, &budget};
    Millibill__Local *message =
        length > LOCAL_FRAME_BYTES_MAX ? NULL : millibill__local__unpack(&allocator, length, bytes);
    if (message == NULL)
        err_set(err, ERR_PROTOCOL, "%zu bytes that are not a message of the import socket", length);
    return message;
}

bool
local_pack(const Millibill__Local *message, Buffer *out, Err *err)
{
    size_t length = millibill__local__get_packed_size(message);
    if (length > LOCAL_FRAME_BYTES_MAX)
        return err_set(err, ERR_RANGE, "message of %zu bytes, at most %d allowed", length, LOCAL_FRAME_BYTES_MAX);
    char *at = buffer_reserve(out, LENGTH_BYTES + length, err);
    if (at == NULL)
        return false;
    for (int i = 0; i < LENGTH_BYTES; i++)
        at[i] = (char) (uint8_t) (length >> (8 * i));
    millibill__local__pack(message, (uint8_t *) at + LENGTH_BYTES);
    out->length += LENGTH_BYTES + length;
    return true;
}

bool
local_send(int socket, const Millibill__Local *message, Err *err)
{
    Buffer out = {0};
    bool done = local_pack(message, &out, err);
    for (size_t sent = 0; done && sent < out.length;) {
        ssize_t wrote = send(socket, out.data + sent, out.length - sent, MSG_NOSIGNAL);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            done = err_set(err, ERR_IO, "the agent closed the connection: %s", strerror(errno));
        else
            sent += (size_t) wrote;
    }
    buffer_free(&out);
    return done;
}

static bool
receive_exactly(int socket, char *out, size_t length, Err *err)
{
    while (length > 0) {
        ssize_t got = recv(socket, out, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set(err, ERR_IO, "the agent closed the connection%s%s", got < 0 ? ": " : "",
                           got < 0 ? strerror(errno) : "");
        out += got;
        length -= (size_t) got;
    }
    return true;
}

Millibill__Local *
local_receive(int socket, Err *err)
{
    char head[LENGTH_BYTES];
    if (!receive_exactly(socket, head, sizeof(head), err))
        return NULL;
    size_t length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++)
        length |= (size_t) (uint8_t) head[i] << (8 * i);
    if (length > LOCAL_FRAME_BYTES_MAX) {
        err_set(err, ERR_PROTOCOL, "message of %zu bytes on the import socket, at most %d allowed", length,
                LOCAL_FRAME_BYTES_MAX);
        return NULL;
    }
    Buffer body = {0};
    Millibill__Local *message = NULL;
    char *at = buffer_reserve(&body, length, err);
    if (at != NULL && receive_exactly(socket, at, length, err))
        message = local_unpack(at, length, err);
    buffer_free(&body);
    return message;
}
