/**
 * follow_file - one growing file: its whole lines, from where reading ended last
 *
 * Holds the descriptor, never a part of the content: each read takes the last bytes before the offset again and compares
 * them, so that a file that was truncated and has grown past the offset since is noticed. A line without its end stays in
 * the file until the end comes. Bytes of NUL at the start of a line (what a writer that does not append leaves behind a
 * truncation) are passed over. Not thread-safe.
 */
#ifndef AGENT_FOLLOW_FILE_H
#define AGENT_FOLLOW_FILE_H

#include "agent/file_mark.h"
#include "formats/import_lines.h"

enum { FOLLOW_BUFFER_BYTES = FILE_PRINT_BYTES + 2 * LINE_BYTES_MAX };

typedef enum FollowRead {
    FOLLOW_QUIET,     /* nothing new, or only a part of a line */
    FOLLOW_READ,      /* lines were taken; nothing more now */
    FOLLOW_MORE,      /* lines were taken, and there is more */
    FOLLOW_TRUNCATED, /* what was read is not there any more: follow_file_restart() */
    FOLLOW_FAILED     /* see err: from the sink (ERR_FULL: again later), or the file (ERR_INPUT, ERR_IO) */
} FollowRead;

/** What the files of one rule share while one of them is read. */
typedef struct FollowReader {
    ImportRun run;
    ImportLines *lines;
    uint64_t header_inode; /* CSV: whose header is in `lines` */
    uint64_t header_device;
    char *buffer; /* FOLLOW_BUFFER_BYTES, borrowed */
} FollowReader;

typedef struct FollowFile {
    int fd;
    FileMark mark;                  /* up to date but for the hashes */
    uint8_t head[FILE_PRINT_BYTES]; /* mark.head.bytes and mark.tail.bytes of them */
    uint8_t tail[FILE_PRINT_BYTES];
    int64_t seen_size;  /* when everything in it had been looked at */
    int64_t seen_mtime; /* nanoseconds */
    bool dirty;         /* the mark changed since it was staged */
} FollowFile;

/** Open `path` for reading; `mark` gets its identity, `*size` its length. -1: ERR_NOT_FOUND, ERR_IO, ERR_INPUT. */
MUST_CHECK int follow_open(const char *path, FileMark *mark, int64_t *size, Err *err);

/** Begin with an open file (taken over), from its start or at `mark`, which matches the file. ERR_IO. */
MUST_CHECK bool follow_file_start(FollowFile *self, int fd, const FileMark *mark, Err *err);
void follow_file_close(FollowFile *self);

/** Hand over the next whole lines, at most a buffer full. With `last` the file has come to its end, and so has a line
 *  without an end of its own. */
MUST_CHECK FollowRead follow_file_read(FollowFile *self, FollowReader *reader, bool last, Err *err);

/** The content was replaced: begin at the start, as another generation. */
void follow_file_restart(FollowFile *self);

/** The mark with its hashes, to be stored. */
FileMark follow_file_mark(const FollowFile *self, int64_t now_us);

#endif
