/**
 * array - the one way in which growing arrays grow
 */
#ifndef LIB_ARRAY_H
#define LIB_ARRAY_H

#include <stddef.h>

#include "lib/err.h"

/** Room for one more element behind `count` in the array that `array_pointer` (the address of a pointer) names, doubling
 *  `*capacity`. The array is freed with free(). ERR_NOMEM leaves it as it was. */
MUST_CHECK bool array_grow(void *array_pointer, size_t *capacity, size_t count, size_t element_bytes, Err *err);

#endif
