/**
 * millibill - report finished invocations to the agent on this host, without waiting
 *
 * A worker opens the emitter once, declares each function configuration once, and emits one invocation after another:
 *
 *     Millibill *meter = millibill_open("/run/millibill/ring.sock");
 *     int thumb = millibill_declare(meter, &(MillibillFunction){.tenant = "acme", .function = "thumb", .memory_mb = 512});
 *     MillibillInvocation done = MILLIBILL_INVOCATION_INIT;
 *     done.function = thumb;
 *     done.started_at_us = ...; done.duration_us = ...;
 *     millibill_emit(meter, &done);
 *
 * Emitting copies one slot into memory shared with the agent: no system call, no lock, no waiting. Only the first emit of a
 * thread makes system calls (it opens the thread's ring), and so does the first one after fork() in the child. When the ring
 * is full or the agent is away the invocation is lost, counted, and the count is reported with the usage. What was emitted
 * survives worker and agent together: whoever started the agent keeps the memory, and the next agent goes on with it without
 * the worker's doing. Where nobody keeps it, the worker hands it over (millibill_reconnect).
 *
 * Thread-safe: every thread has a ring of its own. Needs nothing but the C library. Functions return -1 or NULL and set
 * errno when they fail.
 */
#ifndef MILLIBILL_H
#define MILLIBILL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MILLIBILL_FUNCTIONS_MAX = 256 };

typedef enum MillibillArchitecture { MILLIBILL_X86_64, MILLIBILL_ARM64 } MillibillArchitecture;
typedef enum MillibillPackage { MILLIBILL_MANAGED, MILLIBILL_CUSTOM, MILLIBILL_IMAGE } MillibillPackage;
typedef enum MillibillMode { MILLIBILL_ON_DEMAND, MILLIBILL_PROVISIONED } MillibillMode;
typedef enum MillibillTrigger {
    MILLIBILL_TRIGGER_OTHER,
    MILLIBILL_TRIGGER_HTTP,
    MILLIBILL_TRIGGER_PUBSUB,
    MILLIBILL_TRIGGER_DATASOURCE,
    MILLIBILL_TRIGGER_TIMER
} MillibillTrigger;
typedef enum MillibillStatus { MILLIBILL_OK, MILLIBILL_ERROR, MILLIBILL_TIMEOUT } MillibillStatus;

/** A function's configuration. Texts are copied. What stays zero takes the default. */
typedef struct MillibillFunction {
    const char *tenant;   /* 1..255 bytes UTF-8 */
    const char *function; /* 1..255 bytes UTF-8 */
    const char *version;  /* NULL: not stated; at most 255 bytes */
    const char *region;   /* NULL: not stated; at most 64 bytes, "us-east-1" */
    MillibillArchitecture architecture;
    MillibillPackage package;
    MillibillMode mode;
    MillibillTrigger trigger;
    int streamed;          /* 1: the response was streamed */
    uint32_t memory_mb;    /* 1..16777216 */
    uint32_t ephemeral_mb; /* 0: 512 */
} MillibillFunction;

/** A finished invocation. Start from MILLIBILL_INVOCATION_INIT. */
typedef struct MillibillInvocation {
    int function;           /* from millibill_declare */
    const char *request_id; /* NULL: the agent makes one; at most 128 bytes UTF-8 */
    uint32_t attempt;       /* 1.. */
    MillibillStatus status;
    int64_t started_at_us;    /* UTC microseconds since 1970 */
    int64_t duration_us;      /* 0..24 hours, from a monotonic clock */
    int64_t init_duration_us; /* -1: not stated, here and below */
    int64_t max_memory_used_mb;
    int64_t cpu_us;
    int64_t response_bytes;
} MillibillInvocation;

#define MILLIBILL_INVOCATION_INIT                    \
    {                                                \
        -1, 0, 1, MILLIBILL_OK, 0, 0, -1, -1, -1, -1 \
    }

typedef struct Millibill Millibill;

/** An emitter that will get its rings from the agent's ring socket at `socket_path` (copied). Does not connect yet: a
 *  worker starts without the agent. NULL: ENOMEM, ENAMETOOLONG. */
Millibill *millibill_open(const char *socket_path);

/** Declare a configuration; returns its number for MillibillInvocation.function. -1: EINVAL (a text or size outside its
 *  limits), ENOSPC (MILLIBILL_FUNCTIONS_MAX are declared). */
int millibill_declare(Millibill *self, const MillibillFunction *function);

/** Emit one invocation. 0, or -1: it was lost and counted (ENOBUFS ring full, ENOTCONN no ring), or EINVAL (unknown
 *  function, id too long: not counted). */
int millibill_emit(Millibill *self, const MillibillInvocation *invocation);

/** Invocations that the calling thread lost, as far as the ring it has now knows. */
uint64_t millibill_lost(const Millibill *self);

/** Where waiting is fine (between two requests, once a second): see whether the calling thread's ring still has its agent;
 *  if not, hand the ring to the agent that runs now, so that nothing in it is lost. Makes system calls. 0, or -1 when no
 *  agent can be reached (emitting goes on into the ring until it is full). */
int millibill_reconnect(Millibill *self);

/** Release it and the calling thread's ring; the other threads that emitted have ended. The agent reads what is left. */
void millibill_close(Millibill *self);

#ifdef __cplusplus
}
#endif

#endif
