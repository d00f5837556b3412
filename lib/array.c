#include "lib/array.h"

#include <stdlib.h>
#include <string.h>

enum { ARRAY_FIRST = 64 };

bool
array_grow(void *array_pointer, size_t *capacity, size_t count, size_t element_bytes, Err *err)
{
    if (count < *capacity)
        return true;
    size_t next = *capacity == 0 ? ARRAY_FIRST : *capacity * 2;
    void *array;
    memcpy(&array, array_pointer, sizeof(array));
    void *grown = reallocarray(array, next, element_bytes);
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu entries of %zu bytes", next, element_bytes);
    memcpy(array_pointer, &grown, sizeof(grown));
    *capacity = next;
    return true;
}
