/**
 * import_lambda - a Lambda log as a file: plain lines, JSON documents or a CSV of CloudWatch Logs
 *
 * JSON and plain lines may change within a file. A JSON document is read in pieces, so it may be longer than a line.
 */
#ifndef FORMATS_IMPORT_LAMBDA_H
#define FORMATS_IMPORT_LAMBDA_H

#include "formats/import_run.h"

/** Read the whole file. Fails as import_file. */
MUST_CHECK bool import_lambda(ImportRun *run, Err *err);

#endif
