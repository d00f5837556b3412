/**
 * ring_layout - the shared memory between one emitting thread and the agent, and how it is asked for
 *
 * One producer (a thread of a worker), one consumer (the agent, or whoever holds the memfd and the spool). The memory is a
 * memfd made by the agent with its size sealed: header, table of function configurations, slots.
 *
 * Slot n (counted from 0 for ever) lies at n % RING_SLOTS. The producer writes it and then stores n + 1 into `commit`
 * (release); the consumer that sees n + 1 (acquire) may read it. The producer reuses a slot only when `tail`, the number of
 * slots that are durable in the spool, has passed it. Nobody else's `head` is trusted: there is none to trust. All state of a
 * ring is in this memory and, under the ring's id, in the spool.
 *
 * Before it touches slot n the producer stores n + 1 into `begun`. Whoever dies between the two marks leaves a slot that was
 * begun and never committed: the consumer, once it knows that the producer is gone, skips it and counts it.
 *
 * Version 1 had neither `begun` nor `closed` nor `reported`; they read as zero there, so both versions are served.
 */
#ifndef AGENT_EMITTER_RING_LAYOUT_H
#define AGENT_EMITTER_RING_LAYOUT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

enum {
    RING_VERSION = 2,
    RING_VERSION_OLDEST = 1, /* that the agent still serves */
    RING_SLOTS = 4096,       /* a power of two */
    RING_CONFIGS = 256,
    RING_NAME_BYTES = 255,
    RING_REGION_BYTES = 64,
    RING_ID_BYTES = 16,
    RING_REQUEST_ID_BYTES = 128
};
#define RING_MAGIC UINT64_C(0x31474e4952424d4d) /* "MMBRING1" */

typedef struct RingHeader {
    uint64_t magic; /* this line is written by the agent, once */
    uint32_t version;
    uint32_t slots;
    uint32_t configs;
    uint32_t reserved;
    uint8_t id[RING_ID_BYTES];
    alignas(64) _Atomic uint64_t lost; /* by the producer: invocations that found the ring full */
    _Atomic uint64_t begun;            /* by the producer: slots that it began to write */
    _Atomic uint32_t closed;           /* by the producer: 1 once it writes no more (its thread has ended) */
    alignas(64) _Atomic uint64_t tail; /* by the consumer: slots that are durable */
    _Atomic uint64_t reported;         /* by the consumer: what of `lost` is durable */
    alignas(64) uint8_t padding[3904];
} RingHeader;

typedef struct RingConfig {
    _Atomic uint32_t commit; /* 1 once the rest is written */
    uint32_t memory_mb;
    uint32_t ephemeral_mb;
    uint8_t architecture;
    uint8_t package;
    uint8_t mode;
    uint8_t trigger;
    uint8_t streamed;
    uint8_t tenant_length;
    uint8_t function_length;
    uint8_t version_length;
    uint8_t region_length;
    char tenant[RING_NAME_BYTES];
    char function[RING_NAME_BYTES];
    char version[RING_NAME_BYTES];
    char region[RING_REGION_BYTES];
    char padding[174];
} RingConfig;

typedef struct RingSlot {
    _Atomic uint64_t commit;
    int64_t started_at_us;
    int64_t duration_us;
    int64_t init_duration_us;
    int64_t max_memory_used_mb;
    int64_t cpu_us;
    int64_t response_bytes;
    uint32_t attempt;
    uint16_t config;
    uint8_t status;
    uint8_t request_id_length; /* 0: the agent makes one */
    char request_id[RING_REQUEST_ID_BYTES];
} RingSlot;

typedef struct RingMemory {
    RingHeader header;
    RingConfig configs[RING_CONFIGS];
    RingSlot slots[RING_SLOTS];
} RingMemory;

_Static_assert(sizeof(RingHeader) == 4096, "the header is a page");
_Static_assert(sizeof(RingConfig) == 1024, "a configuration is 1 KiB");
_Static_assert(sizeof(RingSlot) == 192, "a slot is three cache lines");

/* The agent's ring socket (SOCK_SEQPACKET): one request, one answer; the connection then stands for the ring's producer. */
#define RING_REQUEST_MAGIC UINT32_C(0x5152424d) /* "MBRQ" */
enum {
    RING_REQUEST_NEW = 1,  /* the answer carries a memfd */
    RING_REQUEST_ADOPT = 2 /* the request carries the memfd of a ring that another agent made */
};
enum { RING_GRANTED = 0, RING_UNKNOWN = 1, RING_REFUSED = 2 };

typedef struct RingRequest {
    uint32_t magic;
    uint32_t version;
    uint32_t kind;
    uint32_t reserved;
} RingRequest;

typedef struct RingReply {
    uint32_t magic;
    uint32_t status;
} RingReply;

#endif
