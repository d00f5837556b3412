/**
 * support_rings - a stage for rings: real agents and workers as processes that are really killed, and their keeper
 *
 * The test is the manager: it holds what the agents leave (sd_notify's protocol, spoken here by hand) and passes it to the
 * next one. An agent is the ring source with spool and packer; what it made durable is read from the spool afterwards.
 */
#ifndef TESTS_UNIT_AGENT_SUPPORT_RINGS_H
#define TESTS_UNIT_AGENT_SUPPORT_RINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/emitter/millibill.h"
#include "agent/emitter/ring_layout.h"

enum { STAGE_KEPT_MAX = 64, STAGE_IDS_MAX = 40000, STAGE_LOSSES_MAX = 64 };

/** When an agent kills itself. */
typedef enum AgentEnd {
    AGENT_LIVES,
    AGENT_DIES_BEFORE_COMMIT, /* records are staged */
    AGENT_DIES_AFTER_COMMIT,  /* they are durable, and the producers do not know it */
    AGENT_ENDS_EMPTY          /* it ends by itself when it has no ring any more */
} AgentEnd;

typedef struct Kept {
    char name[64];
    int fd;
} Kept;

typedef struct Stage {
    char folder[64];
    char socket[96]; /* of rings */
    char notify[96]; /* of the manager */
    int manager;     /* -1: nobody keeps anything */
    Kept kept[STAGE_KEPT_MAX];
    size_t kept_count;
    const char *bound_tenant; /* NULL: nobody is bound */
    size_t removed;           /* names that were let go of */
} Stage;

/** What a spool holds. */
typedef struct Found {
    size_t records;
    size_t distinct; /* ids "w-n" that were found */
    size_t twice;    /* ids that were found again */
    uint8_t seen[STAGE_IDS_MAX];
    size_t rejected;
    char rejected_reason[32]; /* of the last one */
    char rejected_tenant[32];
    uint64_t lost; /* by all reasons */
    size_t losses;
    struct {
        char reason[32];
        char tenant[32];
        uint64_t records;
    } loss[STAGE_LOSSES_MAX];
} Found;

Stage *stage_new(void);
void stage_free(Stage *self);
/** Start an agent; it listens when this returns. */
pid_t stage_agent(Stage *self, AgentEnd end);
/** Take in what agents have said to their manager. */
void stage_listen(Stage *self);
/** Wait for a process to end, listening meanwhile; its wait status. Fails the test after 30 s. */
int stage_wait(Stage *self, pid_t pid);
/** SIGKILL, and wait. */
void stage_kill(Stage *self, pid_t pid);
/** Read the whole spool; no agent may run. */
Found *stage_found(const Stage *self);
/** Lost records with this reason. */
uint64_t found_lost(const Found *self, const char *reason);

/** In a worker: an emitter with one function of `tenant`; the ring is there when this returns. */
Millibill *worker_start(const Stage *stage, const char *tenant);
/** Emit id "w-NUMBER"; the emitter's answer. */
int worker_emit(Millibill *meter, int number);
/** The calling process's only ring. */
RingMemory *worker_ring(void);
/** Begin slot `position` as libmillibill does and go no further. */
void worker_begin(RingMemory *ring, uint64_t position);

#endif
