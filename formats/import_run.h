/**
 * import_run - what the readers of the formats share while one file is imported or followed
 *
 * Lives for one call of import_file, or as long as a file is followed.
 */
#ifndef FORMATS_IMPORT_RUN_H
#define FORMATS_IMPORT_RUN_H

#include "formats/content_id.h"
#include "formats/import_file.h"
#include "lib/progress.h"

typedef struct ImportRun {
    LineReader *reader; /* NULL when lines come from a followed file */
    const char *path;
    ImportFormat format;
    const ImportSettings *settings;
    const ImportSink *sink;
    ImportCounts *counts;
    ContentIds *ids;       /* NULL where all lines have tagged ids */
    const ContentTag *tag; /* NULL none */
    uint64_t line;         /* the line being decoded, from 1 */
    int64_t offset;        /* where it begins */
    Progress progress;
    uint64_t warnings;
    bool quiet; /* the owner tells about rejected lines itself */
} ImportRun;

/** The next line of the reader, with progress. */
MUST_CHECK LineResult import_run_line(ImportRun *run, Text *line, Err *err);

/** Count and pass on a record; one without id gets it here. */
MUST_CHECK bool import_run_record(ImportRun *run, UsageRecord *record, Err *err);

/** Count, warn about and pass on what could not become a record. `tenant` may be empty. */
MUST_CHECK bool import_run_reject(ImportRun *run, Text raw, uint64_t line, Text tenant, UsageFault *fault, Err *err);
/** The same for a line that was cut, and for a row that CSV does not allow. */
MUST_CHECK bool import_run_reject_long(ImportRun *run, Text line, Err *err);
MUST_CHECK bool import_run_reject_row(ImportRun *run, Text raw, const Err *problem, Err *err);

/** Read the header row of a CSV file. */
MUST_CHECK bool import_run_header(ImportRun *run, Text *line, Err *err);
/** Say that a header row cannot be read. Returns false. */
bool import_run_bad_header(const ImportRun *run, Err *err);

#endif
