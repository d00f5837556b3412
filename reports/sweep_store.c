#include "reports/sweep_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/array.h"
#include "lib/scratch_file.h"

enum { NO_BLOCK = -1 };
#define BLOCK_BYTES (SWEEP_BLOCK_ENTRIES * sizeof(SweepEntry))

typedef struct Block {
    int64_t next; /* of the same slice */
    uint32_t count;
} Block;

typedef struct Slice {
    int64_t first;
    int64_t last;
    bool open; /* the last one is in memory and may take more */
    uint64_t count;
} Slice;

/* Blocks are numbered as they are begun. The first `written` of them are in the file, the rest in the arena. */
struct SweepStore {
    Slice *slices;
    size_t slice_count;
    Block *blocks;
    size_t block_count;
    size_t block_capacity;
    size_t written;
    SweepEntry *arena;
    size_t arena_blocks;
    SweepEntry *read_back; /* one block */
    int file;              /* -1: none yet */
};

MUST_CHECK SweepStore *
sweep_store_new(size_t slices, size_t budget_bytes, Err *err)
{
    assert(slices > 0 && slices <= SWEEP_SLICES_MAX);
    SweepStore *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        self->file = -1;
        self->slice_count = slices;
        self->arena_blocks = budget_bytes / BLOCK_BYTES > 0 ? budget_bytes / BLOCK_BYTES : 1;
        self->slices = calloc(slices, sizeof(*self->slices));
        self->arena = malloc(self->arena_blocks * BLOCK_BYTES); /* its pages are taken as they are written */
        self->read_back = malloc(BLOCK_BYTES);
    }
    if (self == NULL || self->slices == NULL || self->arena == NULL || self->read_back == NULL) {
        sweep_store_free(&self);
        err_set(err, ERR_NOMEM, "no memory to count executions at a time");
        return NULL;
    }
    for (size_t i = 0; i < slices; i++)
        self->slices[i].first = self->slices[i].last = NO_BLOCK;
    return self;
}

void
sweep_store_free(SweepStore **self)
{
    SweepStore *store = *self;
    *self = NULL;
    if (store == NULL)
        return;
    if (store->file >= 0)
        close(store->file);
    free(store->slices);
    free(store->blocks);
    free(store->arena);
    free(store->read_back);
    free(store);
}

uint64_t
sweep_store_count(const SweepStore *self, size_t slice)
{
    return self->slices[slice].count;
}

/* Everything in memory goes to the file; no block takes more. */
static bool
write_out(SweepStore *self, Err *err)
{
    if (self->file < 0)
        self->file = scratch_file_open(err);
    size_t blocks = self->block_count - self->written;
    if (self->file < 0 ||
        !scratch_file_write(self->file, self->arena, blocks * BLOCK_BYTES, self->written * BLOCK_BYTES, err))
        return false;
    self->written = self->block_count;
    for (size_t i = 0; i < self->slice_count; i++)
        self->slices[i].open = false;
    return true;
}

static SweepEntry *
block_in_memory(SweepStore *self, size_t block)
{
    return self->arena + (block - self->written) * SWEEP_BLOCK_ENTRIES;
}

static bool
begin_block(SweepStore *self, Slice *slice, Err *err)
{
    if (self->block_count - self->written == self->arena_blocks && !write_out(self, err))
        return false;
    if (!array_grow(&self->blocks, &self->block_capacity, self->block_count, sizeof(*self->blocks), err))
        return false;
    int64_t number = (int64_t) self->block_count++;
    self->blocks[number] = (Block){.next = NO_BLOCK};
    if (slice->last != NO_BLOCK)
        self->blocks[slice->last].next = number;
    else
        slice->first = number;
    slice->last = number;
    slice->open = true;
    return true;
}

MUST_CHECK bool
sweep_store_add(SweepStore *self, size_t slice_index, const SweepEntry *entry, Err *err)
{
    Slice *slice = &self->slices[slice_index];
    if ((!slice->open || self->blocks[slice->last].count == SWEEP_BLOCK_ENTRIES) && !begin_block(self, slice, err))
        return false;
    Block *block = &self->blocks[slice->last];
    block_in_memory(self, (size_t) slice->last)[block->count++] = *entry;
    slice->count++;
    return true;
}

MUST_CHECK bool
sweep_store_read(SweepStore *self, size_t slice, SweepVisit visit, void *context, Err *err)
{
    for (int64_t at = self->slices[slice].first; at != NO_BLOCK; at = self->blocks[at].next) {
        size_t count = self->blocks[at].count;
        const SweepEntry *entries = self->read_back;
        if ((size_t) at >= self->written)
            entries = block_in_memory(self, (size_t) at);
        else if (!scratch_file_read(self->file, self->read_back, count * sizeof(*entries), (uint64_t) at * BLOCK_BYTES,
                                    err))
            return false;
        if (!visit(context, entries, count, err))
            return false;
    }
    return true;
}
