#include "rater/reconcile_spill.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/digest.h"
#include "lib/scratch_file.h"

/* Of an id that stands for content: "d-" or "f-" and 32 hex digits. */
enum { CONTENT_PREFIX_BYTES = 34, ENTRY_TEXTS = 4 };

typedef struct Partition {
    int file; /* -1 none */
    size_t count;
    uint64_t bytes; /* in the file */
    Buffer buffer;
} Partition;

struct Spill {
    Partition partitions[SPILL_PARTITIONS];
};

/* ---- keys ---- */

static Text
identity_of(Text id)
{
    if (id.length <= CONTENT_PREFIX_BYTES || (id.data[0] != 'd' && id.data[0] != 'f') || id.data[1] != '-' ||
        id.data[CONTENT_PREFIX_BYTES] != '-')
        return id;
    for (size_t i = 2; i < CONTENT_PREFIX_BYTES; i++)
        if (strchr("0123456789abcdef", id.data[i]) == NULL)
            return id;
    return (Text){id.data + 2, CONTENT_PREFIX_BYTES - 2};
}

void
reconcile_key(ReconcileEntry *entry)
{
    DigestState state;
    Text id = identity_of(entry->record.request_id);
    const uint32_t numbers[] = {entry->tenant, entry->record.attempt};
    digest_start(&state);
    digest_add(&state, numbers, sizeof(numbers));
    digest_add(&state, id.data, id.length);
    Digest digest = digest_end(&state);
    memcpy(entry->key, digest.bytes, RECONCILE_KEY_BYTES);
}

/* ---- writing ---- */

MUST_CHECK Spill *
spill_new(Err *err)
{
    Spill *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to compare records");
        return NULL;
    }
    for (size_t i = 0; i < SPILL_PARTITIONS; i++)
        self->partitions[i].file = -1;
    return self;
}

void
spill_free(Spill **self)
{
    Spill *spill = *self;
    *self = NULL;
    if (spill == NULL)
        return;
    for (size_t i = 0; i < SPILL_PARTITIONS; i++) {
        if (spill->partitions[i].file >= 0)
            close(spill->partitions[i].file);
        buffer_free(&spill->partitions[i].buffer);
    }
    free(spill);
}

static bool
partition_flush(Partition *self, Err *err)
{
    if (self->file < 0)
        self->file = scratch_file_open(err);
    if (self->file < 0 || !scratch_file_write(self->file, self->buffer.data, self->buffer.length, self->bytes, err))
        return false;
    self->bytes += self->buffer.length;
    buffer_clear(&self->buffer);
    return true;
}

/** The texts that an entry keeps: the tenant is known by its number. */
static void
texts_of(ReconcileEntry *entry, Text *texts[ENTRY_TEXTS])
{
    texts[0] = &entry->record.request_id;
    texts[1] = &entry->record.function;
    texts[2] = &entry->record.version;
    texts[3] = &entry->record.region;
}

MUST_CHECK bool
spill_add(Spill *self, const ReconcileEntry *entry, Err *err)
{
    Partition *partition = &self->partitions[entry->key[0]];
    ReconcileEntry copy = *entry;
    Text *texts[ENTRY_TEXTS];
    texts_of(&copy, texts);
    copy.record.tenant = (Text){NULL, 0};
    bool done = buffer_append(&partition->buffer, &copy, sizeof(copy), err);
    for (size_t i = 0; done && i < ENTRY_TEXTS; i++)
        done = texts[i]->length == 0 || buffer_append(&partition->buffer, texts[i]->data, texts[i]->length, err);
    partition->count++;
    return done && (partition->buffer.length < SPILL_BUFFER_BYTES || partition_flush(partition, err));
}

/* ---- reading ---- */

static bool
read_file(const Partition *partition, Buffer *out, Err *err)
{
    char *room = buffer_reserve(out, partition->bytes, err);
    if (room == NULL)
        return false;
    if (!scratch_file_read(partition->file, room, partition->bytes, 0, err))
        return false;
    out->length += partition->bytes;
    return true;
}

/** Copy the entries out of the bytes, their texts pointing there. */
static void
spread(SpillPart *part)
{
    const char *at = part->bytes.data;
    for (size_t i = 0; i < part->count; i++) {
        ReconcileEntry *entry = &part->entries[i];
        Text *texts[ENTRY_TEXTS];
        memcpy(entry, at, sizeof(*entry));
        at += sizeof(*entry);
        texts_of(entry, texts);
        for (size_t t = 0; t < ENTRY_TEXTS; t++) {
            texts[t]->data = at;
            at += texts[t]->length;
        }
    }
}

MUST_CHECK bool
spill_load(Spill *self, size_t index, SpillPart *part, Err *err)
{
    Partition *partition = &self->partitions[index];
    if (partition->bytes + partition->buffer.length > SPILL_PARTITION_BYTES_MAX) {
        err_set(err, ERR_RANGE, "more than %d MB of records share a part of their identity",
                SPILL_PARTITION_BYTES_MAX >> 20);
        return err_hint(err, "compare with one file, or one tenant, at a time");
    }
    part->entries = calloc(partition->count + 1, sizeof(*part->entries));
    if (part->entries == NULL)
        return err_set(err, ERR_NOMEM, "no memory to compare %zu records", partition->count);
    if ((partition->bytes > 0 && !read_file(partition, &part->bytes, err)) ||
        (partition->buffer.length > 0 &&
         !buffer_append(&part->bytes, partition->buffer.data, partition->buffer.length, err)))
        return false;
    part->count = partition->count;
    spread(part);
    return true;
}

void
spill_part_free(SpillPart *part)
{
    buffer_free(&part->bytes);
    free(part->entries);
    *part = (SpillPart){0};
}
