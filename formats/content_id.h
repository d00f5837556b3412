/**
 * content_id - ids for lines that have none, so that a copy of the file is known again
 *
 * The id is "d-", 32 hex digits of the record's content digest, "-", and the line's ordinal among the lines of its file
 * that say exactly the same: two equal lines of one file are two invocations, the same file again is the same ones. The
 * ordinals are counted for each file alone, not over all files of a command: 'import a b' does what 'import a' and
 * 'import b' do, and a copy of a beside it bills nothing.
 *
 * Memory: 12 bytes a slot, at most half of them used, for lines without id only; at most CONTENT_LINES_MAX lines a file.
 * Slots hold 64 bits of the digest: two contents that share them also share their count, which leaves the ids different
 * (the digest is in them) and the same in every run over the file. Not thread-safe.
 */
#ifndef FORMATS_CONTENT_ID_H
#define FORMATS_CONTENT_ID_H

#include <stdint.h>

#include "lib/err.h"
#include "proto/usage_record.h"

enum { CONTENT_ID_BYTES = 80, CONTENT_TAG_BYTES = 8, CONTENT_LINES_MAX = 50000000 };

typedef struct ContentIds ContentIds;

/** Nothing counted. Caller frees. NULL: ERR_NOMEM. */
MUST_CHECK ContentIds *content_ids_new(Err *err);
void content_ids_free(ContentIds **self);

/** Make the id of the next line that says `record` (without id). ERR_NOMEM, ERR_RANGE (too many
 *  lines without id in one file). */
MUST_CHECK bool content_ids_next(ContentIds *self, const UsageRecord *record, char id[CONTENT_ID_BYTES], Err *err);

/** Names the lines of a file that is followed: what it held before is not known any more, so ordinals cannot be counted. */
typedef struct ContentTag {
    uint8_t bytes[CONTENT_TAG_BYTES]; /* of the file */
    int64_t from;                     /* lines that begin before this offset have ordinals; INT64_MAX: all of them */
} ContentTag;

/** The id of a line of a followed file: "f-", the content digest, the file's tag and the offset of the line. */
void content_id_tagged(const UsageRecord *record, const ContentTag *tag, int64_t offset, char id[CONTENT_ID_BYTES]);

#endif
