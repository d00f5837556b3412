/**
 * file_marks - the marks of files in the spool (table SPOOL_FILES), by device and inode
 *
 * Written by the files that are followed and by finished imports. Marks that nobody touched for FILE_MARKS_DAYS are
 * forgotten, and above FILE_MARKS_MAX those of finished and of merely imported files first. Owner thread of the spool only.
 */
#ifndef AGENT_FILE_MARKS_H
#define AGENT_FILE_MARKS_H

#include "agent/file_mark.h"
#include "agent/follow_set.h"
#include "agent/spool.h"

enum { FILE_MARKS_DAYS = 30, FILE_MARKS_MAX = 4096, FILE_MARK_ROOM_BYTES = 1024 /* that one takes at most */ };

/** Stage a mark; one that is behind what is known of the same file and generation changes nothing. ERR_FULL, ERR_IO,
 *  ERR_NOMEM. */
MUST_CHECK bool file_marks_put(Spool *spool, const FileMark *mark, Err *err);

/** The mark of an inode; `*found` false when there is none that can be read. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool file_marks_find(Spool *spool, uint64_t device, uint64_t inode, FileMark *out, bool *found, Err *err);

/** Visit the marks of files whose path fits `pattern` (glob(7)). `visit` may not touch the spool. ERR_IO, or its error. */
MUST_CHECK bool file_marks_find_all(Spool *spool, const char *pattern, FollowVisit visit, void *context, Err *err);

/** Stage forgetting what is too old or too much at `now_us` (UTC). ERR_IO, ERR_NOMEM. */
MUST_CHECK bool file_marks_sweep(Spool *spool, int64_t now_us, Err *err);

#endif
