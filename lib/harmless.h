/**
 * harmless - text from outside on its way to a terminal or a spreadsheet
 *
 * Names of tenants and functions, ids and lines of logs are whatever somebody sent. On a terminal an escape sequence would
 * paint, a direction override would lie; in a spreadsheet a cell that begins like a formula would run.
 */
#ifndef LIB_HARMLESS_H
#define LIB_HARMLESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

/** Append `text` (NULL: nothing) for a terminal: control characters, direction overrides and bytes that are not UTF-8
 *  become '?'. ERR_NOMEM. */
MUST_CHECK bool text_append_harmless(Buffer *out, const char *text, Err *err);

/** Append one line and its end, formatted and then made harmless as a whole. ERR_NOMEM. */
MUST_CHECK bool line_append_harmless(Buffer *out, Err *err, const char *format, ...) PRINTF_LIKE(3, 4);

/** Append a cell by RFC 4180 and what follows it: a comma, or the end of the row. A text that a spreadsheet would take for a
 *  formula gets a leading '; numbers are left alone. ERR_NOMEM. */
MUST_CHECK bool csv_append_cell(Buffer *out, const char *cell, bool last, Err *err);

/** The same for machines alone: the text stays as it is, whatever a spreadsheet would make of it. ERR_NOMEM. */
MUST_CHECK bool csv_append_exact_cell(Buffer *out, const char *cell, bool last, Err *err);

/** Decode one character (the text is terminated): its length in bytes, 0 when the bytes are not UTF-8. */
size_t character_decode(const char *text, uint32_t *code);

#endif
