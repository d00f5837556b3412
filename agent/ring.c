#include "agent/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/digest.h"

enum { RING_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

struct Ring {
    int memfd;
    RingMemory *memory;
    uint8_t id[RING_ID_BYTES];
    uint32_t version;
    RingConfig *configs[RING_CONFIGS]; /* private copies, made at first use */
    RingSlot slot;                     /* private copy of the one read last */
    Text tenant;                       /* of the first good record; in a private copy of its configuration */
    bool mixed;                        /* another good record names another tenant */
};

static Ring *
ring_map(int memfd, Err *err)
{
    Ring *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a ring");
        return NULL;
    }
    void *memory = mmap(NULL, sizeof(RingMemory), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    if (memory == MAP_FAILED) {
        err_set(err, ERR_IO, "mapping a ring: %s", strerror(errno));
        free(self);
        return NULL;
    }
    self->memfd = memfd;
    self->memory = memory;
    return self;
}

Ring *
ring_create(uint32_t version, Err *err)
{
    int memfd = memfd_create("millibill-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memfd < 0 || ftruncate(memfd, (off_t) sizeof(RingMemory)) != 0 || fcntl(memfd, F_ADD_SEALS, RING_SEALS) != 0) {
        err_set(err, ERR_IO, "making a ring: %s", strerror(errno));
        if (memfd >= 0)
            (void) close(memfd);
        return NULL;
    }
    Ring *self = ring_map(memfd, err);
    if (self == NULL) {
        (void) close(memfd);
        return NULL;
    }
    random_bytes(self->id, sizeof(self->id));
    RingHeader *header = &self->memory->header;
    self->version = version;
    header->version = version;
    header->slots = RING_SLOTS;
    header->configs = RING_CONFIGS;
    memcpy(header->id, self->id, sizeof(self->id));
    header->magic = RING_MAGIC;
    return self;
}

/* Memory whose size its owner cannot change under our feet. */
static bool
is_sealed_ring(int memfd, Err *err)
{
    struct stat status;
    int seals = fcntl(memfd, F_GET_SEALS);
    if (seals >= 0 && (seals & RING_SEALS) == RING_SEALS && fstat(memfd, &status) == 0 &&
        status.st_size == (off_t) sizeof(RingMemory))
        return true;
    return err_set(err, ERR_DENIED, "a descriptor that is no sealed ring of %zu bytes", sizeof(RingMemory));
}

Ring *
ring_adopt(int memfd, Err *err)
{
    Ring *self = is_sealed_ring(memfd, err) ? ring_map(memfd, err) : NULL;
    if (self == NULL)
        return NULL;
    RingHeader header; /* a copy: what was checked stays what it was */
    memcpy((char *) &header, (const char *) &self->memory->header, sizeof(header));
    if (header.magic != RING_MAGIC || header.version < RING_VERSION_OLDEST || header.version > RING_VERSION ||
        header.slots != RING_SLOTS || header.configs != RING_CONFIGS) {
        err_set(err, ERR_DENIED, "a ring of another version, %d to %d expected", RING_VERSION_OLDEST, RING_VERSION);
        self->memfd = -1; /* stays the caller's */
        ring_free(&self);
        return NULL;
    }
    self->version = header.version;
    memcpy(self->id, header.id, sizeof(self->id));
    return self;
}

Ring *
ring_reopen(int memfd, const uint8_t id[RING_ID_BYTES], Err *err)
{
    Ring *self = is_sealed_ring(memfd, err) ? ring_map(memfd, err) : NULL;
    if (self == NULL)
        return NULL;
    uint32_t claimed = self->memory->header.version; /* matters to its own producer alone */
    self->version = claimed == RING_VERSION_OLDEST ? claimed : RING_VERSION;
    memcpy(self->id, id, sizeof(self->id));
    return self;
}

void
ring_free(Ring **self)
{
    Ring *ring = *self;
    *self = NULL;
    if (ring == NULL)
        return;
    for (size_t i = 0; i < RING_CONFIGS; i++)
        free(ring->configs[i]);
    (void) munmap(ring->memory, sizeof(*ring->memory));
    if (ring->memfd >= 0)
        (void) close(ring->memfd);
    free(ring);
}

int
ring_memfd(const Ring *self)
{
    return self->memfd;
}

const uint8_t *
ring_id(const Ring *self)
{
    return self->id;
}

/* The private copy of a configuration; NULL with the fault when it cannot be used. */
static const RingConfig *
find_config(Ring *self, size_t number, UsageFault *fault)
{
    if (number >= RING_CONFIGS) {
        usage_fault_set(fault, USAGE_REASON_MALFORMED, "function", "configuration %zu, at most %d expected", number,
                        RING_CONFIGS - 1);
        return NULL;
    }
    if (self->configs[number] != NULL)
        return self->configs[number];
    RingConfig *shared = &self->memory->configs[number];
    RingConfig *copy = malloc(sizeof(*copy));
    if (copy == NULL || atomic_load_explicit(&shared->commit, memory_order_acquire) != 1) {
        usage_fault_set(fault, USAGE_REASON_MALFORMED, "function", "configuration %zu was not declared", number);
        free(copy);
        return NULL;
    }
    memcpy((char *) copy, (const char *) shared, sizeof(*copy));
    if (copy->region_length > RING_REGION_BYTES || copy->architecture >= USAGE_ARCHITECTURE_COUNT ||
        copy->package >= USAGE_PACKAGE_COUNT || copy->mode >= USAGE_MODE_COUNT ||
        copy->trigger >= USAGE_TRIGGER_COUNT) {
        usage_fault_set(fault, USAGE_REASON_MALFORMED, "function", "configuration %zu has a value that does not exist",
                        number);
        free(copy);
        return NULL;
    }
    self->configs[number] = copy;
    return copy;
}

static UsageRecord
make_record(const RingConfig *config, const RingSlot *slot)
{
    UsageRecord record = usage_record_empty();
    record.tenant = (Text){config->tenant, config->tenant_length};
    record.function = (Text){config->function, config->function_length};
    record.version = (Text){config->version, config->version_length};
    record.region = (Text){config->region, config->region_length};
    record.architecture = (UsageArchitecture) config->architecture;
    record.package = (UsagePackage) config->package;
    record.mode = (UsageMode) config->mode;
    record.trigger = (UsageTrigger) config->trigger;
    record.streamed = config->streamed != 0;
    record.memory_mb = config->memory_mb;
    record.ephemeral_mb = config->ephemeral_mb;
    record.request_id = (Text){slot->request_id, slot->request_id_length};
    record.attempt = slot->attempt;
    record.status = (UsageStatus) slot->status;
    record.started_at_us = slot->started_at_us;
    record.duration_us = slot->duration_us;
    record.init_duration_us = slot->init_duration_us;
    record.max_memory_used_mb = slot->max_memory_used_mb;
    record.cpu_us = slot->cpu_us;
    record.response_bytes = slot->response_bytes;
    return record;
}

/* Only what passed the check of a record: other bytes of a worker may be no text at all. */
static void
note_tenant(Ring *self, const RingConfig *config)
{
    const Text tenant = {config->tenant, config->tenant_length};
    if (self->tenant.data == NULL)
        self->tenant = tenant;
    self->mixed = self->mixed || !text_equal(self->tenant, tenant);
}

static RingResult
check_slot(Ring *self, UsageRecord *out, UsageFault *fault)
{
    const RingSlot *slot = &self->slot;
    if (slot->request_id_length > RING_REQUEST_ID_BYTES || slot->status >= USAGE_STATUS_COUNT) {
        usage_fault_set(fault, USAGE_REASON_MALFORMED, slot->status >= USAGE_STATUS_COUNT ? "status" : "request_id",
                        "a slot with a value that does not exist: use libmillibill of this version");
        return RING_BAD;
    }
    const RingConfig *config = find_config(self, slot->config, fault);
    if (config == NULL)
        return RING_BAD;
    *out = make_record(config, slot);
    if (!usage_record_check(out, true, false, fault))
        return RING_BAD;
    note_tenant(self, config);
    return RING_RECORD;
}

RingResult
ring_read(Ring *self, uint64_t position, UsageRecord *out, UsageFault *fault)
{
    RingSlot *shared = &self->memory->slots[position % RING_SLOTS];
    uint64_t commit = atomic_load_explicit(&shared->commit, memory_order_acquire);
    if (commit == 0 || (position >= RING_SLOTS && commit == position + 1 - RING_SLOTS))
        return RING_EMPTY;
    if (commit != position + 1)
        return RING_BROKEN;
    memcpy((char *) &self->slot, (const char *) shared, sizeof(self->slot));
    return check_slot(self, out, fault);
}

Text
ring_slot_bytes(const Ring *self)
{
    return (Text){(const char *) &self->slot, sizeof(self->slot)};
}

uint64_t
ring_lost(const Ring *self)
{
    return atomic_load_explicit(&self->memory->header.lost, memory_order_relaxed);
}

uint64_t
ring_begun(const Ring *self)
{
    return atomic_load_explicit(&self->memory->header.begun, memory_order_relaxed);
}

bool
ring_is_closed(const Ring *self)
{
    return atomic_load_explicit(&self->memory->header.closed, memory_order_acquire) != 0;
}

bool
ring_can_close(const Ring *self)
{
    return self->version > 1;
}

Text
ring_tenant(const Ring *self)
{
    return self->mixed ? (Text){NULL, 0} : self->tenant;
}

uint64_t
ring_published(const Ring *self)
{
    return atomic_load_explicit(&self->memory->header.tail, memory_order_relaxed);
}

void
ring_publish(Ring *self, uint64_t position, uint64_t lost)
{
    atomic_store_explicit(&self->memory->header.reported, lost, memory_order_relaxed);
    atomic_store_explicit(&self->memory->header.tail, position, memory_order_release);
}

void
ring_rest(Ring *self)
{
    (void) madvise(self->memory, sizeof(*self->memory), MADV_DONTNEED);
}
