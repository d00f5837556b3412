#include "agent/file_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "lib/digest.h"
#include "lib/utc.h"

FilePrint
file_print_of(const void *bytes, size_t length)
{
    Digest digest = digest_of(bytes, length);
    FilePrint print = {.bytes = (uint32_t) length};
    memcpy(print.hash, digest.bytes, sizeof(print.hash));
    return print;
}

bool
file_mark_identify(int fd, const char *path, FileMark *mark, int64_t *size, Err *err)
{
    struct statx status;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status) != 0)
        return err_set(err, ERR_IO, "cannot look at '%s': %s", path, strerror(errno));
    if (!S_ISREG(status.stx_mode))
        return err_set(err, ERR_INPUT, "'%s' is not a regular file", path);
    mark->device = makedev(status.stx_dev_major, status.stx_dev_minor);
    mark->inode = status.stx_ino;
    mark->born_us = (status.stx_mask & STATX_BTIME) == 0
                        ? 0
                        : (int64_t) status.stx_btime.tv_sec * UTC_SECOND_US + status.stx_btime.tv_nsec / 1000;
    *size = (int64_t) status.stx_size;
    return true;
}

void
file_mark_set_tag(FileMark *mark, Text first_line)
{
    struct {
        uint64_t inode;
        int64_t born_us;
        uint64_t generation;
        uint8_t first[FILE_PRINT_BYTES];
    } named = {mark->inode, mark->born_us, mark->generation, {0}};
    size_t length = first_line.length < sizeof(named.first) ? first_line.length : sizeof(named.first);
    if (length > 0)
        memcpy(named.first, first_line.data, length);
    Digest digest = digest_of(&named, sizeof(named));
    memcpy(mark->tag.bytes, digest.bytes, sizeof(mark->tag.bytes));
}

static bool
read_print(int fd, int64_t offset, size_t length, FilePrint *out)
{
    uint8_t bytes[FILE_PRINT_BYTES];
    if (length > sizeof(bytes) || pread(fd, bytes, length, offset) != (ssize_t) length)
        return false;
    *out = file_print_of(bytes, length);
    return true;
}

static bool
print_matches(int fd, int64_t offset, const FilePrint *expected)
{
    FilePrint found;
    return read_print(fd, offset, expected->bytes, &found) && memcmp(found.hash, expected->hash, FILE_HASH_BYTES) == 0;
}

bool
file_mark_matches(const FileMark *mark, const FileMark *now, int fd, int64_t size)
{
    return mark->device == now->device && mark->inode == now->inode && mark->born_us == now->born_us &&
           mark->offset <= size && print_matches(fd, 0, &mark->head) &&
           print_matches(fd, mark->offset - mark->tail.bytes, &mark->tail);
}

bool
file_mark_set_offset(FileMark *mark, int fd, int64_t offset, Err *err)
{
    size_t length = offset < FILE_PRINT_BYTES ? (size_t) offset : FILE_PRINT_BYTES;
    if (!read_print(fd, 0, length, &mark->head) || !read_print(fd, offset - (int64_t) length, length, &mark->tail))
        return err_set(err, ERR_IO, "'%s' became shorter while it was read", mark->path);
    mark->offset = offset;
    return true;
}

bool
file_mark_is_open(const FileMark *mark)
{
    return !mark->finished && mark->tag.from != INT64_MAX;
}

void
file_mark_key(uint64_t device, uint64_t inode, uint8_t key[FILE_KEY_BYTES])
{
    memcpy(key, &device, sizeof(device));
    memcpy(key + sizeof(device), &inode, sizeof(inode));
}

/* protobuf-c takes input through pointers that are not const, and leaves it alone. */
static ProtobufCBinaryData
borrow(const void *bytes, size_t length)
{
    ProtobufCBinaryData data = {length, NULL};
    memcpy(&data.data, &bytes, sizeof(bytes));
    return data;
}

void
file_mark_to_message(const FileMark *mark, Millibill__FileMark *out)
{
    millibill__file_mark__init(out);
    out->device = mark->device;
    out->inode = mark->inode;
    out->born_us = mark->born_us;
    out->offset = (uint64_t) mark->offset;
    out->line = mark->line;
    out->head_bytes = mark->head.bytes;
    out->head = borrow(mark->head.hash, FILE_HASH_BYTES);
    out->tail_bytes = mark->tail.bytes;
    out->tail = borrow(mark->tail.hash, FILE_HASH_BYTES);
    out->tag = borrow(mark->tag.bytes, CONTENT_TAG_BYTES);
    out->tagged_from = (uint64_t) mark->tag.from;
    out->generation = mark->generation;
    out->skipping = mark->skipping;
    out->finished = mark->finished;
    out->last_time_us = mark->last_time_us == USAGE_ABSENT ? 0 : mark->last_time_us;
    out->touched_us = mark->touched_us;
    out->owner = mark->owner;
    const char *path = mark->path;
    memcpy(&out->path, &path, sizeof(path));
}

static bool
is_sound(const Millibill__FileMark *message)
{
    uint64_t print = message->offset < FILE_PRINT_BYTES ? message->offset : FILE_PRINT_BYTES;
    Text path = text_of(message->path);
    return message->offset <= INT64_MAX &&
           (message->tagged_from <= message->offset || message->tagged_from == INT64_MAX) &&
           message->head_bytes == print && message->tail_bytes == print && message->head.len == FILE_HASH_BYTES &&
           message->tail.len == FILE_HASH_BYTES && message->tag.len == CONTENT_TAG_BYTES && path.length > 0 &&
           path.length < FILE_PATH_BYTES;
}

bool
file_mark_from_message(const Millibill__FileMark *message, FileMark *out, Err *err)
{
    if (!is_sound(message))
        return err_set(err, ERR_PROTOCOL, "the mark of a file is none: a length or an offset in it cannot be");
    *out = (FileMark){.device = message->device,
                      .inode = message->inode,
                      .born_us = message->born_us,
                      .offset = (int64_t) message->offset,
                      .line = message->line,
                      .head = {.bytes = message->head_bytes},
                      .tail = {.bytes = message->tail_bytes},
                      .tag = {.from = (int64_t) message->tagged_from},
                      .generation = message->generation,
                      .skipping = message->skipping,
                      .finished = message->finished,
                      .last_time_us = message->last_time_us <= 0 ? USAGE_ABSENT : message->last_time_us,
                      .touched_us = message->touched_us,
                      .owner = message->owner};
    memcpy(out->head.hash, message->head.data, FILE_HASH_BYTES);
    memcpy(out->tail.hash, message->tail.data, FILE_HASH_BYTES);
    memcpy(out->tag.bytes, message->tag.data, CONTENT_TAG_BYTES);
    snprintf(out->path, sizeof(out->path), "%s", message->path);
    return true;
}

bool
file_mark_pack(const FileMark *mark, Buffer *out, Err *err)
{
    Millibill__FileMark message;
    file_mark_to_message(mark, &message);
    buffer_clear(out);
    char *place = buffer_reserve(out, millibill__file_mark__get_packed_size(&message), err);
    if (place == NULL)
        return false;
    out->length = millibill__file_mark__pack(&message, (uint8_t *) place);
    return true;
}

bool
file_mark_unpack(Text bytes, FileMark *out, Err *err)
{
    Millibill__FileMark *message = millibill__file_mark__unpack(NULL, bytes.length, (const uint8_t *) bytes.data);
    if (message == NULL)
        return err_set(err, ERR_PROTOCOL, "the mark of a file cannot be decoded");
    bool done = file_mark_from_message(message, out, err);
    millibill__file_mark__free_unpacked(message, NULL);
    return done;
}
