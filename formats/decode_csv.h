/**
 * decode_csv - rows by RFC 4180, and records from a file with a header row
 *
 * CsvRow takes a file line by line and gives the cells of a row; a quoted cell may run over several lines, up to
 * CSV_ROW_BYTES_MAX. CsvDecoder maps the header's names to record fields once, then decodes row after row. An empty cell
 * is an absent value. Not thread-safe.
 */
#ifndef FORMATS_DECODE_CSV_H
#define FORMATS_DECODE_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/decode.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

enum { CSV_CELLS_MAX = 256, CSV_ROW_BYTES_MAX = 64 << 10 };

typedef enum CsvResult {
    CSV_ROW,   /* the cells are there */
    CSV_MORE,  /* a quoted cell goes on in the next line */
    CSV_BROKEN /* not a row; what was held is dropped, the next line starts a new row */
} CsvResult;

typedef struct CsvRow CsvRow;

/** Caller frees with csv_row_free(). NULL: ERR_NOMEM. */
MUST_CHECK CsvRow *csv_row_new(Err *err);
void csv_row_free(CsvRow **self);

/** Give the next line (without its end). CSV_BROKEN: ERR_INPUT says why. */
MUST_CHECK CsvResult csv_row_feed(CsvRow *self, Text line, Err *err);
/** Cells of the row, borrowed until the next csv_row_feed. */
size_t csv_row_cells(const CsvRow *self);
Text csv_row_cell(const CsvRow *self, size_t i);
/** Is a row open (CSV_MORE came last)? */
bool csv_row_is_open(const CsvRow *self);
/** Give up an open row: the next line starts a new one. */
void csv_row_drop(CsvRow *self);
/** The bytes of the row as they stood in the file, borrowed until the next csv_row_feed. */
Text csv_row_raw(const CsvRow *self);

typedef struct CsvDecoder CsvDecoder;

/** Read the header row. `ignored`: names of columns to pass over. Caller frees. NULL: ERR_INPUT "column N 'NAME' …" for a
 *  name that is neither known nor ignored, or stands twice; ERR_NOMEM. */
MUST_CHECK CsvDecoder *
csv_decoder_new(const CsvRow *header, const char *const *ignored, size_t ignored_count, Err *err);
void csv_decoder_free(CsvDecoder **self);

/** Decode one row; as decode_ndjson. The texts of `out` are borrowed from `row`. */
MUST_CHECK bool decode_csv(const CsvDecoder *self, const CsvRow *row, const DecodeDefaults *defaults, UsageRecord *out,
                           UsageFault *fault);

#endif
