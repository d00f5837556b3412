#include "reports/digest_set.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024 };

/* Where the digest is, or the free slot where it belongs. */
static Digest *
slot_of(Digest *slots, size_t capacity, const Digest *digest)
{
    static const Digest FREE = {{0}};
    size_t start = 0;
    memcpy(&start, digest->bytes, sizeof(start));
    size_t at = start & (capacity - 1);
    while (memcmp(&slots[at], digest, sizeof(*digest)) != 0 && memcmp(&slots[at], &FREE, sizeof(FREE)) != 0)
        at = (at + 1) & (capacity - 1);
    return &slots[at];
}

static bool
grow(DigestSet *self, Err *err)
{
    size_t capacity = self->capacity == 0 ? FIRST_CAPACITY : self->capacity * 2;
    Digest *slots = calloc(capacity, sizeof(*slots));
    if (slots == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu digests", capacity);
    static const Digest FREE = {{0}};
    for (size_t i = 0; i < self->capacity; i++)
        if (memcmp(&self->slots[i], &FREE, sizeof(FREE)) != 0)
            *slot_of(slots, capacity, &self->slots[i]) = self->slots[i];
    free(self->slots);
    self->slots = slots;
    self->capacity = capacity;
    return true;
}

bool
digest_set_add(DigestSet *self, const Digest *digest, bool *is_new, Err *err)
{
    if (self->count * 2 >= self->capacity && !grow(self, err))
        return false;
    Digest *slot = slot_of(self->slots, self->capacity, digest);
    *is_new = memcmp(slot, digest, sizeof(*digest)) != 0;
    if (*is_new) {
        *slot = *digest;
        self->count++;
    }
    return true;
}

void
digest_set_clear(DigestSet *self)
{
    free(self->slots);
    *self = (DigestSet){0};
}
