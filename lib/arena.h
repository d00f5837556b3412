/**
 * arena - memory for one batch's life, released in one go, with a hard limit
 *
 * Blocks do not move. Not thread-safe.
 */
#ifndef LIB_ARENA_H
#define LIB_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"
#include "lib/text.h"

typedef struct Arena Arena;

/** An empty arena that gives out at most `limit_bytes`. NULL: no memory. Caller frees with arena_free(). */
MUST_CHECK Arena *arena_new(size_t limit_bytes);
/** `size` bytes aligned for any type, not zeroed; NULL when memory or the limit is used up. */
MUST_CHECK void *arena_alloc(Arena *self, size_t size);
/** Was an allocation refused because the system had no memory (and not because of the limit)? */
bool arena_lacked_memory(const Arena *self);
/** A NUL-terminated copy; NULL as above. */
MUST_CHECK char *arena_copy(Arena *self, Text text);
/** The same without alignment: for many short texts. What is allocated after it is aligned all the same. */
MUST_CHECK char *arena_pack(Arena *self, Text text);
/** Give everything back to the arena, keeping its first block. */
void arena_reset(Arena *self);
void arena_free(Arena **self);

#endif
