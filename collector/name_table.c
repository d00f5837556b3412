#include "collector/name_table.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 64 };

static size_t
find_slot(const NameTable *self, Text name)
{
    size_t at = (size_t) hash_keyed(&self->key, name.data, name.length) & (self->slot_count - 1);
    while (self->slots[at] != 0 && !text_equal(self->names[self->slots[at] - 1], name))
        at = (at + 1) & (self->slot_count - 1);
    return at;
}

static bool
make_room(NameTable *self, Err *err)
{
    if (self->count * 2 < self->slot_count)
        return true;
    size_t next = self->slot_count == 0 ? SLOTS_FIRST : self->slot_count * 2;
    uint32_t *slots = calloc(next, sizeof *slots);
    Text *names = reallocarray(self->names, next, sizeof *names);
    if (names != NULL)
        self->names = names;
    if (slots == NULL || names == NULL) {
        free(slots);
        return err_set(err, ERR_NOMEM, "no memory for %zu names", next);
    }
    if (self->slot_count == 0)
        random_bytes(&self->key, sizeof self->key);
    free(self->slots);
    self->slots = slots;
    self->slot_count = next;
    for (size_t i = 0; i < self->count; i++)
        self->slots[find_slot(self, self->names[i])] = (uint32_t) i + 1;
    return true;
}

MUST_CHECK bool
name_table_index(NameTable *self, Text name, uint32_t *index, Err *err)
{
    if (!make_room(self, err))
        return false;
    size_t slot = find_slot(self, name);
    if (self->slots[slot] == 0) {
        self->names[self->count++] = name;
        self->slots[slot] = (uint32_t) self->count;
    }
    *index = self->slots[slot] - 1;
    return true;
}

void
name_table_clear(NameTable *self)
{
    if (self->slots != NULL)
        memset(self->slots, 0, self->slot_count * sizeof *self->slots);
    self->count = 0;
}

void
name_table_free(NameTable *self)
{
    free(self->names);
    free(self->slots);
    *self = (NameTable){0};
}
