/* Ring memory: whatever a worker writes into header, configurations and slots, and whenever it does, the reader takes checked
 * records or refuses.
 *
 * An input is a list of writes, each followed by a look: 1 byte of what to do, 3 of where, 1 of how many, and the bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/ring.h"
#include "proto/usage_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LOOKS_MAX = 16, HEAD_BYTES = 5 };

typedef struct Fuzzed {
    Ring *ring;
    RingMemory *memory; /* the worker's mapping */
    uint64_t position;
} Fuzzed;

/* As far as the fuzzer has to be helped: a declared configuration and slots that are committed. */
static void
help(Fuzzed *self, unsigned what)
{
    RingSlot *slot = &self->memory->slots[self->position % RING_SLOTS];
    if ((what & 1) != 0)
        atomic_store(&slot->commit, self->position + 1);
    if ((what & 2) != 0)
        slot->config %= RING_CONFIGS;
    if ((what & 4) != 0)
        atomic_store(&self->memory->configs[slot->config % RING_CONFIGS].commit, 1);
    if ((what & 8) != 0)
        self->position = RING_SLOTS - 2; /* close to the second round */
}

static void
scribble(Fuzzed *self, const uint8_t **data, size_t *size)
{
    const uint8_t *head = *data;
    size_t offset = ((size_t) head[1] << 16 | (size_t) head[2] << 8 | head[3]) % sizeof(RingMemory);
    size_t length = head[4];
    unsigned what = head[0];
    *data += HEAD_BYTES;
    *size -= HEAD_BYTES;
    if ((what & 16) != 0) /* into the next slot rather than anywhere */
        offset = offsetof(RingMemory, slots) + self->position % RING_SLOTS * sizeof(RingSlot) + offset % 64;
    else if ((what & 32) != 0)
        offset = offsetof(RingMemory, configs) + offset % (2 * sizeof(RingConfig));
    if (length > *size)
        length = *size;
    if (length > sizeof(RingMemory) - offset)
        length = sizeof(RingMemory) - offset;
    memcpy((uint8_t *) self->memory + offset, *data, length);
    *data += length;
    *size -= length;
    help(self, what);
}

static void
look(Fuzzed *self)
{
    for (int i = 0; i < LOOKS_MAX; i++) {
        UsageRecord record;
        UsageFault fault = {0};
        UsageFault again = {0};
        RingResult result = ring_read(self->ring, self->position, &record, &fault);
        if (result == RING_RECORD && !usage_record_check(&record, true, false, &again))
            abort();
        if (result == RING_BAD && (fault.reason == USAGE_REASON_NONE || ring_slot_bytes(self->ring).length == 0))
            abort();
        if (result == RING_EMPTY || result == RING_BROKEN)
            break;
        self->position++;
        ring_publish(self->ring, self->position, ring_lost(self->ring));
    }
    (void) ring_tenant(self->ring);
    (void) ring_begun(self->ring);
    (void) ring_is_closed(self->ring);
}

/* The next agent takes the same memory over, by the keeper's word and by the worker's. */
static void
take_over(Fuzzed *self)
{
    Err err = {0};
    uint8_t id[RING_ID_BYTES] = {1};
    for (int way = 0; way < 2; way++) {
        int copy = dup(ring_memfd(self->ring));
        Ring *ring = way == 0 ? ring_reopen(copy, id, &err) : ring_adopt(copy, &err);
        if (ring == NULL) {
            close(copy);
            if (way == 0)
                abort();
            continue;
        }
        Fuzzed next = {ring, self->memory, 0};
        look(&next);
        ring_free(&ring);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Err err = {0};
    Fuzzed fuzzed = {.ring = ring_create(RING_VERSION, &err)};
    if (fuzzed.ring == NULL)
        abort();
    fuzzed.memory = mmap(NULL, sizeof(RingMemory), PROT_READ | PROT_WRITE, MAP_SHARED, ring_memfd(fuzzed.ring), 0);
    if (fuzzed.memory == MAP_FAILED)
        abort();
    while (size >= HEAD_BYTES) {
        scribble(&fuzzed, &data, &size);
        look(&fuzzed);
    }
    take_over(&fuzzed);
    (void) munmap(fuzzed.memory, sizeof(RingMemory));
    ring_free(&fuzzed.ring);
    return 0;
}
