#include "agent/ring_reader.h"

#include <inttypes.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    LOSS_EVERY_US = 1000000,
    FLUSH_SLOTS = RING_SLOTS / 4 /* read but not durable: do not let the producer wait for the flush interval */
};

/* More than a thread can lose between two notices: the counter was scribbled over. */
#define LOST_PLAUSIBLE UINT64_C(1000000000000)

static bool
equals(SpoolRing a, SpoolRing b)
{
    return a.position == b.position && a.lost == b.lost;
}

void
ring_reader_start(RingReader *self, Ring *ring, SpoolRing place)
{
    self->ring = ring;
    self->read = self->staged = self->durable = place;
    self->end = UINT64_MAX;
    self->damaged = place.position == UINT64_MAX; /* an earlier agent gave it up */
    self->gone = self->damaged;
    if (!self->damaged)
        ring_publish(ring, place.position, place.lost);
}

void
ring_reader_end(RingReader *self)
{
    if (self->gone)
        return;
    self->gone = true;
    self->end = self->durable.position + RING_SLOTS; /* no honest producer got further */
}

static bool
add_loss(const RingReader *self, Packer *packer, const char *reason, uint64_t records, int64_t now_us, Err *err)
{
    const UsageLoss loss = {.source = text_of(self->name),
                            .reason = text_of(reason),
                            .records = records,
                            .noticed_at_us = utc_now_us(),
                            .tenant = text_is_empty(self->tenant) ? ring_tenant(self->ring) : self->tenant};
    log_warn("event=loss producer=%s reason=%s records=%" PRIu64, self->name, reason, records);
    return packer_lose(packer, &loss, now_us, err);
}

static bool
give_up(RingReader *self, Packer *packer, int64_t now_us, Err *err)
{
    if (!add_loss(self, packer, "ring_damaged", 0, now_us, err))
        return false;
    self->read.position = self->read.lost = UINT64_MAX; /* nor are its counts believed */
    self->damaged = self->gone = true;
    return true;
}

static bool
add_rejected(const RingReader *self, Packer *packer, Text raw, Text format, const UsageFault *fault, int64_t now_us,
             Err *err)
{
    const UsageRejected rejected = {.raw = raw,
                                    .format = format,
                                    .reason = text_of(usage_reason_name(fault->reason)),
                                    .field = text_of(fault->field),
                                    .message = text_of(fault->message),
                                    .source = text_of(self->name),
                                    .tenant = self->tenant};
    return packer_reject(packer, &rejected, now_us, err);
}

/* As JSON: the slot alone does not tell what its configuration said. */
static bool
add_forged(const RingReader *self, Packer *packer, const UsageRecord *record, int64_t now_us, Err *err)
{
    Buffer json = {0};
    UsageFault fault = {0};
    (void) usage_fault_set(&fault, USAGE_REASON_FORGED_TENANT, "tenant",
                           "names tenant '%.*s', but workers of this user are bound to '%.*s'",
                           (int) record->tenant.length, record->tenant.data, (int) self->tenant.length,
                           self->tenant.data);
    bool done = usage_record_to_json(record, &json, err) &&
                add_rejected(self, packer, buffer_text(&json), TEXT_LITERAL("ndjson"), &fault, now_us, err);
    buffer_free(&json);
    return done;
}

static bool
add_record(const RingReader *self, Packer *packer, UsageRecord *record, int64_t now_us, Err *err)
{
    uint8_t uuid[16];
    char id[37];
    if (text_is_empty(record->request_id)) {
        uuid_make(uuid);
        record->request_id = text_of(uuid_format(uuid, id));
    }
    if (!text_is_empty(self->tenant) && !text_equal(self->tenant, record->tenant))
        return add_forged(self, packer, record, now_us, err);
    return packer_add(packer, record, now_us, err);
}

/* What was never finished is the last thing that the producer began. */
static bool
finish_reading(RingReader *self, Packer *packer, int64_t now_us, Err *err)
{
    if (ring_begun(self->ring) == self->read.position + 1) {
        if (!add_loss(self, packer, "ring_uncommitted", 1, now_us, err))
            return false;
        self->read.position++;
    }
    self->end = self->read.position;
    return true;
}

static bool
may_read(const RingReader *self)
{
    return !self->damaged && self->read.position < self->end &&
           self->read.position - self->durable.position < RING_SLOTS;
}

static bool
read_slots(RingReader *self, Packer *packer, int64_t now_us, Err *err)
{
    while (may_read(self)) {
        UsageRecord record;
        UsageFault fault = {0};
        RingResult result = ring_read(self->ring, self->read.position, &record, &fault);
        if (result == RING_EMPTY)
            return !self->gone || finish_reading(self, packer, now_us, err);
        if (result == RING_BROKEN)
            return give_up(self, packer, now_us, err);
        bool added = result == RING_RECORD ? add_record(self, packer, &record, now_us, err)
                                           : add_rejected(self, packer, ring_slot_bytes(self->ring),
                                                          TEXT_LITERAL("ring"), &fault, now_us, err);
        if (!added)
            return false;
        self->read.position++;
        self->last_us = now_us;
    }
    return true;
}

static bool
report_loss(RingReader *self, Packer *packer, int64_t now_us, Err *err)
{
    uint64_t lost = ring_lost(self->ring);
    if (self->damaged || lost <= self->read.lost || (!self->gone && now_us - self->loss_us < LOSS_EVERY_US))
        return true;
    if (lost - self->read.lost > LOST_PLAUSIBLE)
        return give_up(self, packer, now_us, err);
    if (!add_loss(self, packer, "ring_full", lost - self->read.lost, now_us, err))
        return false;
    self->read.lost = lost;
    self->loss_us = now_us;
    return true;
}

bool
ring_reader_poll(RingReader *self, Packer *packer, int64_t now_us, Err *err)
{
    if (self->settled)
        return true;
    if (!read_slots(self, packer, now_us, err) || !report_loss(self, packer, now_us, err))
        return false;
    self->settled = self->gone && (self->damaged || self->read.position == self->end);
    return true;
}

bool
ring_reader_is_ahead(const RingReader *self)
{
    return !equals(self->read, self->staged);
}

bool
ring_reader_is_pressing(const RingReader *self)
{
    return self->gone || self->read.position - self->durable.position >= FLUSH_SLOTS;
}

bool
ring_reader_is_done(const RingReader *self)
{
    return self->settled && equals(self->read, self->durable);
}

void
ring_reader_committed(RingReader *self)
{
    if (equals(self->staged, self->durable))
        return;
    self->durable = self->staged;
    if (!self->damaged)
        ring_publish(self->ring, self->durable.position, self->durable.lost);
}
