/**
 * import_lines - a format, one line at a time, for files that are read whole and for files that grow
 *
 * NDJSON, CSV and the plain lines of Lambda logs. Records and rejected lines go to the run's sink; the caller sets the run's
 * `line` and `offset` before each line. Nothing here reads a file.
 */
#ifndef FORMATS_IMPORT_LINES_H
#define FORMATS_IMPORT_LINES_H

#include "formats/import_run.h"

typedef struct ImportLines ImportLines;

/** For the run's format; `run` is borrowed. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK ImportLines *import_lines_new(ImportRun *run, Err *err);
void import_lines_free(ImportLines **self);

/** CSV: the header row, before any other. ERR_INPUT. */
MUST_CHECK bool import_lines_header(ImportLines *self, Text line, Err *err);

/** One line: LINE_READ, or LINE_TOO_LONG with its first part. False: an error of the sink, ERR_RANGE, ERR_NOMEM. */
MUST_CHECK bool import_lines_take(ImportLines *self, LineResult result, Text line, Err *err);
/** Does a CSV row go on in the next line? Forget it; or the file ends, and it is rejected. */
bool import_lines_is_open(const ImportLines *self);
void import_lines_drop(ImportLines *self);
MUST_CHECK bool import_lines_end(ImportLines *self, Err *err);

/** What a Lambda log remembers from line to line: the time of the last line that had one (USAGE_ABSENT none). */
int64_t import_lines_time(const ImportLines *self);
void import_lines_set_time(ImportLines *self, int64_t last_us);

#endif
