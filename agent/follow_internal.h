/**
 * follow_internal - what the halves of follow_set share: follow_set.c takes turns in reading, follow_find.c finds files
 */
#ifndef AGENT_FOLLOW_INTERNAL_H
#define AGENT_FOLLOW_INTERNAL_H

#include "agent/follow_file.h"
#include "agent/follow_set.h"

enum { FOLLOW_TROUBLES_MAX = 16 /* different ones that are logged within FOLLOW_TROUBLES_US */ };
#define FOLLOW_TROUBLES_US INT64_C(60000000)

typedef struct FollowEntry {
    FollowFile file;
    size_t rule;
    bool away;             /* no longer under its name */
    bool ending;           /* closed; its mark has yet to be stored */
    bool end_staged;       /* that is on its way */
    int64_t news_us;       /* when something was read last, or it went away */
    int64_t rest_until_us; /* it could not be read */
} FollowEntry;

struct FollowSet {
    FollowOwner owner;
    const FollowRule *rules;
    size_t rule_count;
    ImportSink sink;
    ImportCounts counts;
    FollowReader *readers; /* one for each rule */
    char *buffer;
    FollowEntry **entries;
    size_t count;
    size_t capacity;
    size_t turn; /* whose turn it is */
    int64_t now_us;
    int64_t due_us;
    int64_t names_us;  /* when names are looked at again */
    int64_t around_us; /* when renamed files are looked for again */
    int64_t busy_us;   /* when something was read last */
    int64_t dirty_us;  /* since when marks wait to be staged; INT64_MAX none */
    int64_t rejected_told_us;
    uint64_t rejected_told;
    int64_t troubles_us; /* since when the troubles below count */
    uint64_t troubles[FOLLOW_TROUBLES_MAX];
    size_t trouble_count;
    bool looked_around; /* once since the start */
    bool owner_failed;  /* not the file that was read */
};

/** The open file, NULL none. */
FollowEntry *follow_entry_find(const FollowSet *self, uint64_t device, uint64_t inode);
/** A new entry of rule `rule` for an open file (taken over, also on failure), read from `mark`. ERR_NOMEM, ERR_IO. */
MUST_CHECK bool follow_entry_add(FollowSet *self, size_t rule, int fd, const FileMark *mark, bool away, Err *err);
/** Tell the owner that an unknown number of records of this file was lost, and log it. */
MUST_CHECK bool follow_lose(FollowSet *self, size_t rule, const FileMark *mark, const char *reason, Err *err);
/** A file or pattern cannot be read: into the log, now and then. ERR_FULL, ERR_NOMEM and the owner's failures are not of
 *  that kind: false. */
MUST_CHECK bool follow_trouble(FollowSet *self, const Err *trouble, Err *err);

/** Open files that fit the rules and are not open; notice those that left their name. */
MUST_CHECK bool follow_find_names(FollowSet *self, Err *err);
/** Does it begin like gzip? */
bool follow_is_gzip(int fd);
/** Look for renamed files that have something left to be read; the first time also tell which ones are gone. */
MUST_CHECK bool follow_find_around(FollowSet *self, Err *err);

#endif
