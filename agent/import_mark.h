/**
 * import_mark - what an import of a whole file leaves for those who follow it, and learns from them
 *
 * A plain file's mark goes to the agent with the last batch: who follows the file later goes on behind it. Where the file is
 * or was followed, lines without id get the ids that following gave them (content_id.h). Pipes and compressed files have no
 * mark. Nothing here is worth failing an import for, except the agent's own failures.
 */
#ifndef AGENT_IMPORT_MARK_H
#define AGENT_IMPORT_MARK_H

#include "agent/file_mark.h"
#include "agent/upload.h"
#include "formats/import_file.h"

typedef struct ImportMark {
    int fd; /* -1: there is none to be left */
    bool done;
    FileMark mark;
} ImportMark;

/** Open the file a second time. */
void import_mark_open(ImportMark *self, const char *path);
void import_mark_close(ImportMark *self);

/** Ask the agent what it knows of the file. `settings->tag` is set where there are ids to be kept (borrowed from self). */
MUST_CHECK bool import_mark_ask(ImportMark *self, Upload *upload, ImportSettings *settings, Err *err);

/** All has been read; `rejected_line` is the last line that could not become a record, 0 none. The mark goes with the next
 *  batch of the upload. */
void import_mark_reached(ImportMark *self, const LineReader *reader, uint64_t rejected_line);
/** An UploadMarks. */
MUST_CHECK bool import_mark_put(void *caller, FollowPut put, void *context, Err *err);

#endif
