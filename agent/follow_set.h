/**
 * follow_set - files that are followed by name: rotation, truncation, deletion, and turns in reading
 *
 * A rule names a file or a pattern of files. Each file that fits is read from its mark, or from its start. A file that is
 * renamed, replaced or deleted stays open until it has come to its end and has been quiet for FOLLOW_AWAY_US; the new file
 * of that name is read at once. After a restart the rest of a renamed file is found by its inode in the directory of its
 * former name. What cannot be read any more is told to the owner as a loss of an unknown number of records: file_truncated
 * (the content was replaced, copytruncate), file_vanished (the file went away while nobody followed it).
 *
 * The owner takes records and stores marks; a mark may be stored only together with, or after, all that was handed over
 * before. The same set serves the daemon and `import --follow`. At most FOLLOW_FILES_MAX files; memory is one buffer of
 * FOLLOW_BUFFER_BYTES and about 1.5 KB a file. Polls, never waits; not thread-safe.
 */
#ifndef AGENT_FOLLOW_SET_H
#define AGENT_FOLLOW_SET_H

#include "agent/file_mark.h"
#include "formats/import_file.h"

enum {
    FOLLOW_FILES_MAX = 1024,
    FOLLOW_POLL_US = 250000,        /* between two looks while lines come */
    FOLLOW_IDLE_US = 1000000,       /* and while none come; also how often names are looked at */
    FOLLOW_AROUND_US = 30000000,    /* how often renamed files are looked for that grew after they were left */
    FOLLOW_AWAY_US = 10000000,      /* quiet for so long, a renamed or deleted file is done */
    FOLLOW_MARK_FREE_US = 10000000, /* a mark that no batch carried is stored by itself after so long */
    FOLLOW_FULL_US = 100000,        /* how soon to try again when the owner took nothing */
    FOLLOW_REST_US = 30000000       /* and when a file could not be read */
};

/** A file or pattern (glob(7)), and what holds for its lines (all borrowed for the life of the set). */
typedef struct FollowRule {
    const char *pattern;
    ImportFormat format;
    ImportSettings settings;
} FollowRule;

typedef bool (*FollowVisit)(void *context, const FileMark *mark, Err *err);

/** Who takes what is read. Each returns false with `err`; ERR_FULL: again later, nothing was taken. */
typedef struct FollowOwner {
    void *caller;
    bool (*record)(void *caller, const UsageRecord *record, Err *err);
    bool (*reject)(void *caller, const UsageRejected *rejected, Err *err);
    bool (*lose)(void *caller, const UsageLoss *loss, Err *err);
    /** The stored mark of an inode; the stored marks of files whose path fits a pattern. */
    bool (*find)(void *caller, uint64_t device, uint64_t inode, FileMark *out, bool *found, Err *err);
    bool (*find_all)(void *caller, const char *pattern, FollowVisit visit, void *context, Err *err);
} FollowOwner;

typedef struct FollowSet FollowSet;

/** Caller frees. NULL: ERR_NOMEM. `owner` is copied. */
MUST_CHECK FollowSet *follow_set_new(const FollowRule *rules, size_t count, const FollowOwner *owner, Err *err);
void follow_set_free(FollowSet **self);

/** Look at all files and hand over some of what is new; `now_us` is monotonic. Files in trouble are logged, not failed for.
 *  False: the owner failed (not with ERR_FULL), ERR_NOMEM. */
MUST_CHECK bool follow_set_poll(FollowSet *self, int64_t now_us, Err *err);
/** When to poll again (monotonic). */
int64_t follow_set_due_us(const FollowSet *self);

/** Hand every mark that changed since the last time to `put`. */
typedef bool (*FollowPut)(void *context, const FileMark *mark, Err *err);
MUST_CHECK bool follow_set_stage(FollowSet *self, FollowPut put, void *context, Err *err);
/** What was staged is stored for good. */
void follow_set_committed(FollowSet *self);
/** Marks to be staged now though nothing else is to be stored: for a while nothing was handed over that carried them. */
bool follow_set_marks_due(const FollowSet *self, int64_t now_us);

/** Files that are open. */
size_t follow_set_files(const FollowSet *self);

#endif
