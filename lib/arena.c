#include "lib/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BLOCK_BYTES = 64 << 10 };

typedef struct Block Block;
struct Block {
    Block *next;
    size_t used;
    size_t room;
    alignas(max_align_t) char bytes[];
};

struct Arena {
    Block *blocks; /* newest first */
    size_t given;
    size_t limit;
    bool lacked_memory;
};

Arena *
arena_new(size_t limit_bytes)
{
    Arena *self = calloc(1, sizeof(*self));
    if (self != NULL)
        self->limit = limit_bytes;
    return self;
}

static Block *
add_block(Arena *self, size_t size)
{
    size_t room = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
    Block *block = malloc(sizeof(*block) + room);
    if (block == NULL) {
        self->lacked_memory = true;
        return NULL;
    }
    block->used = 0;
    block->room = room;
    block->next = self->blocks;
    self->blocks = block;
    return block;
}

static size_t
aligned(size_t size)
{
    return (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
}

static void *
take(Arena *self, size_t size)
{
    if (size > self->limit - self->given)
        return NULL;
    Block *block = self->blocks;
    if (block == NULL || block->used > block->room || block->room - block->used < size)
        block = add_block(self, size);
    if (block == NULL)
        return NULL;
    void *out = block->bytes + block->used;
    block->used += size;
    self->given += size;
    return out;
}

void *
arena_alloc(Arena *self, size_t size)
{
    if (size > self->limit)
        return NULL;
    if (self->blocks != NULL)
        self->blocks->used = aligned(self->blocks->used); /* behind packed texts */
    return take(self, aligned(size));
}

bool
arena_lacked_memory(const Arena *self)
{
    return self->lacked_memory;
}

char *
arena_copy(Arena *self, Text text)
{
    char *copy = arena_alloc(self, text.length + 1);
    if (copy == NULL)
        return NULL;
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

char *
arena_pack(Arena *self, Text text)
{
    char *copy = text.length < self->limit ? take(self, text.length + 1) : NULL;
    if (copy == NULL)
        return NULL;
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

static void
free_blocks(Block *block)
{
    while (block != NULL) {
        Block *next = block->next;
        free(block);
        block = next;
    }
}

void
arena_reset(Arena *self)
{
    self->given = 0;
    self->lacked_memory = false;
    if (self->blocks == NULL)
        return;
    free_blocks(self->blocks->next);
    self->blocks->next = NULL;
    self->blocks->used = 0;
}

void
arena_free(Arena **self)
{
    if (*self == NULL)
        return;
    free_blocks((*self)->blocks);
    free(*self);
    *self = NULL;
}
