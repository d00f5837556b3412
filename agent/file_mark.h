/**
 * file_mark - how far a file has been read, and how to know it again
 *
 * A name says little about a log file: it is renamed, its inode is used again, it is truncated and grows past the place
 * that was reached. A mark therefore holds device, inode and birth of the file, the offset, and hashes of its first bytes
 * and of the last bytes before the offset. Two files that agree in all of it are the same file, or copies that differ in
 * nothing that was read.
 */
#ifndef AGENT_FILE_MARK_H
#define AGENT_FILE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/content_id.h"
#include "lib/err.h"
#include "lib/text.h"
#include "proto/wire.h"

enum {
    FILE_PRINT_BYTES = 256, /* hashed at the start and before the offset, at most */
    FILE_HASH_BYTES = 16,
    FILE_PATH_BYTES = 512, /* of a followed file's name, with its NUL */
    FILE_KEY_BYTES = 16
};

/** The first bytes of SHA-256 over `bytes` bytes. */
typedef struct FilePrint {
    uint32_t bytes; /* 0..FILE_PRINT_BYTES */
    uint8_t hash[FILE_HASH_BYTES];
} FilePrint;

typedef struct FileMark {
    uint64_t device;
    uint64_t inode;
    int64_t born_us; /* 0: the file system does not say */
    int64_t offset;  /* of the first byte that was not read */
    uint64_t line;   /* lines before it */
    FilePrint head;
    FilePrint tail;
    ContentTag tag;
    uint32_t generation;  /* how often this inode began anew */
    bool skipping;        /* the offset lies in a line that is too long */
    bool finished;        /* renamed or deleted, and read to its end */
    int64_t last_time_us; /* Lambda logs: import_lines_time(), or USAGE_ABSENT */
    int64_t touched_us;   /* UTC */
    uint32_t owner;       /* 1 + the user that set it; 0: the agent itself, or root */
    char path[FILE_PATH_BYTES];
} FileMark;

FilePrint file_print_of(const void *bytes, size_t length);

/** Device, inode and birth of an open file into `mark`; nothing else is changed. ERR_IO; ERR_INPUT when it is not a regular
 *  file. `*size` as of now. */
MUST_CHECK bool file_mark_identify(int fd, const char *path, FileMark *mark, int64_t *size, Err *err);
/** Make the tag from identity, generation and the first line. */
void file_mark_set_tag(FileMark *mark, Text first_line);
/** Does the open file, `now` as identified, hold what was read according to `mark`? */
bool file_mark_matches(const FileMark *mark, const FileMark *now, int fd, int64_t size);
/** Set offset, head and tail to what lies before `offset` in the open file. ERR_IO. */
MUST_CHECK bool file_mark_set_offset(FileMark *mark, int fd, int64_t offset, Err *err);

/** Is it followed and not read to its end? (A file that was only imported is nobody's to miss.) */
bool file_mark_is_open(const FileMark *mark);

/** Under which it stands in the spool. */
void file_mark_key(uint64_t device, uint64_t inode, uint8_t key[FILE_KEY_BYTES]);

/** To and from a message; what `out` points to is borrowed from `mark`. A message from outside is checked: ERR_PROTOCOL. */
void file_mark_to_message(const FileMark *mark, Millibill__FileMark *out);
MUST_CHECK bool file_mark_from_message(const Millibill__FileMark *message, FileMark *out, Err *err);
/** To and from bytes. ERR_NOMEM, ERR_PROTOCOL. */
MUST_CHECK bool file_mark_pack(const FileMark *mark, Buffer *out, Err *err);
MUST_CHECK bool file_mark_unpack(Text bytes, FileMark *out, Err *err);

#endif
