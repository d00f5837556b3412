/**
 * output - what a command hands out: standard output, and files that a person names
 *
 * A file is whole or it is not there. A device, a pipe or a socket is written into and stays what it is; a symbolic link is followed; every
 * other place gets a new file beside it, which is moved there at the end. For files of our own (keys, settings) there is file_write(), which
 * follows no link.
 */
#ifndef LIB_OUTPUT_H
#define LIB_OUTPUT_H

#include <limits.h>
#include <stdbool.h>

#include "lib/err.h"
#include "lib/text.h"

typedef struct OutputPlace {
    char path[PATH_MAX]; /* links followed */
    bool is_stream;      /* a device, pipe or socket: to be written into, never replaced */
} OutputPlace;

/** Where a named file is really. ERR_RANGE: the path is too long. */
MUST_CHECK bool output_place(const char *path, OutputPlace *out, Err *err);

/** Write the file `path`, whole or not at all, with mode 0644; an interruption (SIGINT, SIGTERM, SIGHUP) of the calling thread waits until it
 *  is there. ERR_IO, ERR_RANGE. */
MUST_CHECK bool output_save(Text text, const char *path, Err *err);

/** Say that `path` could not be written because of `cause` (errno), and what to do then. Returns false. */
bool output_failed(const char *path, int cause, Err *err);

/** Flush standard output, and tell whether everything that was printed got there. ERR_IO. */
MUST_CHECK bool output_flush(Err *err);

#endif
