/**
 * import_file - one file of history, whatever its format, into records and rejected lines
 *
 * Reads to the end once. What cannot become a record goes to the sink with file, line, field, reason and remedy; nothing is
 * dropped silently: lines = records + rejected + skipped. Memory is bounded: one line (64 KiB), one JSON document
 * (IMPORT_DOCUMENT_BYTES_MAX), and the counts of lines without id (content_id.h).
 */
#ifndef FORMATS_IMPORT_FILE_H
#define FORMATS_IMPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/decode.h"
#include "formats/line_reader.h"
#include "lib/err.h"
#include "proto/usage_batch.h"

enum { IMPORT_DOCUMENT_BYTES_MAX = 64 << 20 };

typedef enum ImportFormat { IMPORT_UNKNOWN, IMPORT_NDJSON, IMPORT_CSV, IMPORT_LAMBDA_REPORT } ImportFormat;

/** Where records go: both return false with err set to stop the import. */
typedef struct ImportSink {
    bool (*record)(void *caller, const UsageRecord *record, Err *err);
    bool (*reject)(void *caller, const UsageRejected *rejected, Err *err);
    void *caller;
} ImportSink;

typedef struct ImportSettings {
    DecodeDefaults defaults;
    const char *const *ignored_columns;
    size_t ignored_count;
    const struct ContentTag *tag; /* of a file that is or was followed; NULL none */
    bool quiet;                   /* the sink tells about rejected lines itself */
} ImportSettings;

/** How many lines were read, and what they were. */
typedef struct ImportCounts {
    uint64_t lines;
    uint64_t records;
    uint64_t skipped;
    uint64_t rejected;
} ImportCounts;

/** "ndjson", "csv", "lambda-report". IMPORT_UNKNOWN is not one. */
MUST_CHECK bool import_format_parse(const char *name, ImportFormat *out);
const char *import_format_name(ImportFormat format);

/** Guess by what the file begins with. False with ERR_INPUT when it looks like none, or reading fails. */
MUST_CHECK bool import_format_guess(LineReader *reader, const char *path, ImportFormat *out, Err *err);

/** Read the whole file. `counts` is added to and holds what was read also on failure: an error of the sink, or ERR_IO,
 *  ERR_CORRUPT (the file), ERR_INPUT (a CSV header with unknown columns), ERR_RANGE, ERR_NOMEM. */
MUST_CHECK bool import_file(LineReader *reader, const char *path, ImportFormat format, const ImportSettings *settings,
                            const ImportSink *sink, ImportCounts *counts, Err *err);

#endif
