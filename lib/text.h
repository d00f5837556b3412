/**
 * text - a borrowed slice of bytes that should be UTF-8, and a growing byte buffer
 *
 * A Text owns nothing and is not NUL-terminated; print it with "%.*s", TEXT_ARG(t).
 * A Buffer owns its bytes; it always keeps a NUL behind them.
 */
#ifndef LIB_TEXT_H
#define LIB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

typedef struct Text {
    const char *data; /* may be NULL when length is 0 */
    size_t length;    /* bytes */
} Text;

#define TEXT_ARG(text) (int) (text).length, ((text).data == NULL ? "" : (text).data)
#define TEXT_LITERAL(literal) ((Text){(literal), sizeof(literal) - 1})

Text text_of(const char *terminated); /* NULL gives the empty text */
bool text_equal(Text a, Text b);
bool text_is(Text a, const char *terminated);
bool text_is_empty(Text a);
Text text_trim(Text a); /* without ASCII blanks at both ends */

/** Valid UTF-8, of any characters? */
bool text_is_utf8(Text a);
/** Valid UTF-8 without NUL and other control characters (U+0000..U+001F, U+007F)? */
bool text_is_clean_utf8(Text a);

/** Does a line name the id, and not only as a part of a longer one (of letters, digits, '-' and '_')? */
bool text_names(Text line, Text id);

/** A NUL-terminated copy; caller frees with free(). NULL when memory is refused. */
MUST_CHECK char *text_duplicate(Text a);

/** What a regular English noun ends in behind this count: "" for 1, else "s". */
const char *text_plural(int64_t count);

/** Decimal digits to an unsigned number, the whole text, at most `maximum`. False otherwise. */
MUST_CHECK bool text_to_u64(Text a, uint64_t maximum, uint64_t *value);

typedef struct Buffer {
    char *data;      /* NUL behind the last byte; NULL while empty and never grown */
    size_t length;   /* bytes in use */
    size_t capacity; /* bytes allocated */
} Buffer;

/** Append bytes. On failure (ERR_NOMEM) the buffer is as it was. */
MUST_CHECK bool buffer_append(Buffer *buffer, const void *bytes, size_t length, Err *err);
MUST_CHECK bool buffer_append_text(Buffer *buffer, const char *terminated, Err *err);
MUST_CHECK bool buffer_printf(Buffer *buffer, Err *err, const char *format, ...) PRINTF_LIKE(3, 4);
/** Room for `length` more bytes; returns where they go, NULL on ERR_NOMEM. Length is not changed. */
MUST_CHECK char *buffer_reserve(Buffer *buffer, size_t length, Err *err);
void buffer_clear(Buffer *buffer); /* length 0, memory kept */
void buffer_free(Buffer *buffer);  /* memory released, struct zeroed */
Text buffer_text(const Buffer *buffer);

/** Write what the buffer holds to standard output and flush it. ERR_IO. */
MUST_CHECK bool buffer_print(const Buffer *buffer, Err *err);
/** The same to the file `path`, as output_save() does; NULL and "-" are standard output. */
MUST_CHECK bool buffer_save(const Buffer *buffer, const char *path, Err *err);

/** Read a whole file of at most `maximum_bytes`. ERR_IO, ERR_RANGE (too large). "-" reads standard input. */
MUST_CHECK bool file_read(const char *path, size_t maximum_bytes, Buffer *out, Err *err);
/** Replace a file atomically: temporary file beside it, fsync, rename, fsync of the folder. */
MUST_CHECK bool file_write(const char *path, const void *bytes, size_t length, unsigned mode, Err *err);
/** Make a directory and its parents (mode for the last one). An existing directory is success. */
MUST_CHECK bool directory_make(const char *path, unsigned mode, Err *err);

#endif
