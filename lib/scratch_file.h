/**
 * scratch_file - a file without a name, for what does not fit in memory
 *
 * Made in TMPDIR (else /tmp). Nothing of it stays when its descriptor is closed or its process ends, however that ends.
 */
#ifndef LIB_SCRATCH_FILE_H
#define LIB_SCRATCH_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/** A descriptor for reading and writing, closed on exec; caller closes it. -1: ERR_IO, with a hint. */
MUST_CHECK int scratch_file_open(Err *err);

/** Write or read all of `length` bytes at `offset`. ERR_IO (fewer bytes than that too). */
MUST_CHECK bool scratch_file_write(int file, const void *bytes, size_t length, uint64_t offset, Err *err);
MUST_CHECK bool scratch_file_read(int file, void *bytes, size_t length, uint64_t offset, Err *err);

#endif
