/**
 * log_file - a customer's own logs, read as import reads them: what the command line says of them, and one file
 */
#ifndef RATER_LOG_FILE_H
#define RATER_LOG_FILE_H

#include "formats/import_file.h"
#include "lib/err.h"
#include "lib/options.h"

/** As given; NULL: not. */
typedef struct LogOptions {
    const char *tenant;
    const char *format;
    const char *function;
    const char *region;
    const char *architecture;
    const char *at;
    OptionList ignored_columns;
} LogOptions;

/** Rows of an option table for all of it but --tenant. */
#define LOG_OPTIONS(options)                                                                               \
    {"format",          'f',      OPTION_TEXT,                                                             \
     &(options).format, "FORMAT", "as for import: ndjson, csv, lambda-report; default guessed"},           \
        {"function", 0, OPTION_TEXT, &(options).function, "FUNCTION", "function of lines that name none"}, \
        {"region", 0, OPTION_TEXT, &(options).region, "REGION", "region of lines that name none"},         \
        {"arch",      0,                                                                                   \
         OPTION_TEXT, &(options).architecture,                                                             \
         "ARCH",      "x86_64 or arm64, for lines that do not say; default x86_64"},                       \
        {"at", 0, OPTION_TEXT, &(options).at, "TIME", "start (RFC 3339) of lines that carry no time"},     \
    {                                                                                                      \
        "ignore-column", 0, OPTION_LIST, &(options).ignored_columns, "NAME",                               \
            "pass over this column of a CSV file; repeatable"                                              \
    }

/** How files are to be read (texts borrowed from `options`). IMPORT_UNKNOWN: each format is guessed. ERR_USAGE. */
typedef struct LogReading {
    ImportFormat format;
    ImportSettings settings;
} LogReading;
MUST_CHECK bool log_reading_of(const LogOptions *options, LogReading *out, Err *err);

/** Read a file to its end. `*reader` is the open one while the sink is called, `*format` what it was read as. ERR_USAGE (a log that names no
 *  tenant, and none was given), ERR_IO, ERR_INPUT, ERR_CORRUPT, ERR_RANGE, ERR_NOMEM, or what the sink says. */
MUST_CHECK bool log_file_read(const char *path, const LogReading *reading, const ImportSink *sink, LineReader **reader,
                              ImportFormat *format, ImportCounts *counts, Err *err);

#endif
