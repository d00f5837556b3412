/**
 * line_reader - lines of a file or of standard input, plain or gzip, within a bound
 *
 * gzip is recognised by its first bytes (several members in a row are read through). A line ends at LF or at the end of
 * the file; a CR before it and a byte-order mark at the start of the file are taken off. Memory is bounded by
 * LINE_BYTES_MAX whatever the file holds: what is longer is handed out cut, once, with LINE_TOO_LONG.
 * Not thread-safe. After LINE_FAILED only line_reader_free may be called.
 */
#ifndef FORMATS_LINE_READER_H
#define FORMATS_LINE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

enum { LINE_BYTES_MAX = 64 << 10 };

typedef enum LineResult { LINE_READ, LINE_TOO_LONG, LINE_END, LINE_FAILED } LineResult;

typedef struct LineReader LineReader;

/** Open a file; "-" is standard input. Caller frees. NULL: ERR_IO (a directory, too), ERR_NOT_FOUND, ERR_NOMEM. */
MUST_CHECK LineReader *line_reader_open(const char *path, Err *err);
void line_reader_free(LineReader **self);

/** The next line without its end, borrowed until the next call. LINE_TOO_LONG: its first LINE_BYTES_MAX bytes, the rest
 *  is skipped. LINE_FAILED: ERR_IO, ERR_CORRUPT (gzip damaged or cut off). */
MUST_CHECK LineResult line_reader_next(LineReader *self, Text *line, Err *err);

/** Number of the line that line_reader_next gave last, from 1; after line_reader_skip: of the line the next byte is on. */
uint64_t line_reader_number(const LineReader *self);

/** Where that line begins, and where the next byte to be taken stands, in bytes from the start of the (unpacked) file. */
int64_t line_reader_line_at(const LineReader *self);
int64_t line_reader_position(const LineReader *self);

/** The bytes ahead that are in memory (up to LINE_BYTES_MAX, at least one unless the file ends), borrowed until the next
 *  call; empty at the end of the file. Nothing is taken. False: as LINE_FAILED. */
MUST_CHECK bool line_reader_peek(LineReader *self, Text *ahead, Err *err);

/** Take `bytes` of what line_reader_peek showed. */
void line_reader_skip(LineReader *self, size_t bytes);

/** How far the file on disk has been read, and its size; 0 when unknown (a pipe). For progress. */
int64_t line_reader_offset(const LineReader *self);
int64_t line_reader_size(const LineReader *self);

#endif
