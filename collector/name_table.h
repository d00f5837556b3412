/**
 * name_table - names, each once, with a small index
 *
 * Borrows the texts: they must outlive the table or its next clear.
 */
#ifndef COLLECTOR_NAME_TABLE_H
#define COLLECTOR_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"

typedef struct NameTable {
    Text *names;
    size_t count;
    uint32_t *slots; /* index + 1, 0: free */
    size_t slot_count;
    HashKey key; /* of its own, made with the first slots */
} NameTable;

/** Find or add in a table that started zeroed. ERR_NOMEM. */
MUST_CHECK bool name_table_index(NameTable *self, Text name, uint32_t *index, Err *err);
void name_table_clear(NameTable *self);
void name_table_free(NameTable *self);

#endif
