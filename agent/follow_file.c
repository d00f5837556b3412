#include "agent/follow_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/utc.h"

int
follow_open(const char *path, FileMark *mark, int64_t *size, Err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        if (errno == EACCES)
            err_hint(err, "the agent's user needs the right to read it");
        return -1;
    }
    if (file_mark_identify(fd, path, mark, size, err))
        return fd;
    (void) close(fd);
    return -1;
}

bool
follow_file_start(FollowFile *self, int fd, const FileMark *mark, Err *err)
{
    *self = (FollowFile){.fd = fd, .mark = *mark, .seen_size = -1};
    if (pread(fd, self->head, mark->head.bytes, 0) != (ssize_t) mark->head.bytes ||
        pread(fd, self->tail, mark->tail.bytes, mark->offset - mark->tail.bytes) != (ssize_t) mark->tail.bytes) {
        self->fd = -1;
        return err_set(err, ERR_IO, "'%s' became shorter while it was opened", mark->path);
    }
    if (mark->tag.from > mark->offset) { /* an import read so far: from here on it is followed */
        file_mark_set_tag(&self->mark, (Text){(const char *) self->head, mark->head.bytes});
        self->mark.tag.from = mark->offset;
    }
    return true;
}

void
follow_file_close(FollowFile *self)
{
    if (self->fd >= 0)
        (void) close(self->fd);
    self->fd = -1;
}

void
follow_file_restart(FollowFile *self)
{
    FileMark *mark = &self->mark;
    mark->offset = 0;
    mark->line = 0;
    mark->head.bytes = 0;
    mark->tail.bytes = 0;
    mark->tag.from = 0;
    mark->generation++;
    mark->skipping = false;
    mark->finished = false;
    mark->last_time_us = USAGE_ABSENT;
    self->seen_size = -1;
    self->dirty = true;
}

FileMark
follow_file_mark(const FollowFile *self, int64_t now_us)
{
    FileMark mark = self->mark;
    mark.head = file_print_of(self->head, self->mark.head.bytes);
    mark.tail = file_print_of(self->tail, self->mark.tail.bytes);
    mark.touched_us = now_us;
    return mark;
}

/* One reading: `bytes` of the file from `from` on; `at` has been looked at, `taken` has been handed over. */
typedef struct Piece {
    FollowFile *file;
    FollowReader *reader;
    const char *bytes;
    size_t length;
    int64_t from;
    size_t at;
    size_t taken;
    uint64_t lines; /* between taken and at */
} Piece;

/* All up to `at` has been handed over: the mark moves behind it. */
static void
take(Piece *piece)
{
    FollowFile *file = piece->file;
    FileMark *mark = &file->mark;
    mark->offset += (int64_t) (piece->at - piece->taken);
    mark->line += piece->lines;
    mark->last_time_us = import_lines_time(piece->reader->lines);
    piece->taken = piece->at;
    piece->lines = 0;
    size_t print = mark->offset < FILE_PRINT_BYTES ? (size_t) mark->offset : FILE_PRINT_BYTES;
    if (mark->head.bytes < print) {
        memcpy(file->head, piece->bytes, print); /* what is before the offset is shorter than a print: `from` is 0 */
        mark->head.bytes = (uint32_t) print;
    }
    memcpy(file->tail, piece->bytes + piece->at - print, print);
    mark->tail.bytes = (uint32_t) print;
    file->dirty = true;
}

static Text
without_end(Text line, int64_t offset)
{
    if (line.length > 0 && line.data[line.length - 1] == '\r')
        line.length--;
    if (offset == 0 && line.length >= 3 && memcmp(line.data, "\xEF\xBB\xBF", 3) == 0)
        line = (Text){line.data + 3, line.length - 3};
    return line;
}

/* The first line of a CSV file names its columns. */
static bool
read_header(FollowFile *file, FollowReader *reader, Text line, Err *err)
{
    if (!import_lines_header(reader->lines, line, err))
        return err_prefix(err, "%s:1: ", file->mark.path);
    reader->header_device = file->mark.device;
    reader->header_inode = file->mark.inode;
    return true;
}

/* Hand over the line that begins at `at`. */
static bool
give_line(Piece *piece, Text line, Err *err)
{
    FileMark *mark = &piece->file->mark;
    ImportRun *run = &piece->reader->run;
    LineResult result = LINE_READ;
    int64_t offset = piece->from + (int64_t) piece->at;
    if (line.length > LINE_BYTES_MAX) {
        line.length = LINE_BYTES_MAX;
        result = LINE_TOO_LONG;
    } else {
        line = without_end(line, offset);
    }
    if (offset == 0) {
        file_mark_set_tag(mark, line);
        if (run->format == IMPORT_CSV && result == LINE_TOO_LONG)
            return err_set(err, ERR_INPUT, "%s:1: the header row is longer than %d bytes", mark->path, LINE_BYTES_MAX);
        if (run->format == IMPORT_CSV)
            return read_header(piece->file, piece->reader, line, err);
    }
    run->path = mark->path;
    run->tag = &mark->tag;
    run->line = mark->line + piece->lines + 1;
    run->offset = offset + (offset == 0 && line.data != piece->bytes + piece->at ? 3 : 0);
    return import_lines_take(piece->reader->lines, result, line, err);
}

static void
pass_nuls(Piece *piece)
{
    while (piece->at < piece->length && piece->bytes[piece->at] == '\0')
        piece->at++;
}

/* A line whose end is not there (yet). */
static bool
give_rest(Piece *piece, bool last, Err *err)
{
    FileMark *mark = &piece->file->mark;
    Text rest = {piece->bytes + piece->at, piece->length - piece->at};
    bool is_long = rest.length > LINE_BYTES_MAX;
    if (rest.length == 0 || (!mark->skipping && !is_long && !last))
        return true;
    if (!mark->skipping && !give_line(piece, rest, err))
        return false;
    mark->skipping = !last;
    piece->lines += last;
    piece->at = piece->length;
    return true;
}

static bool
give_lines(Piece *piece, bool last, Err *err)
{
    FileMark *mark = &piece->file->mark;
    ImportLines *lines = piece->reader->lines;
    for (;;) {
        if (!mark->skipping)
            pass_nuls(piece);
        const char *start = piece->bytes + piece->at;
        const char *feed = piece->at == piece->length ? NULL : memchr(start, '\n', piece->length - piece->at);
        if (feed == NULL)
            break;
        if (!mark->skipping && !give_line(piece, (Text){start, (size_t) (feed - start)}, err))
            return false;
        mark->skipping = false;
        piece->lines++;
        piece->at = (size_t) (feed - piece->bytes) + 1;
        if (!import_lines_is_open(lines))
            take(piece);
    }
    if (!give_rest(piece, last, err) || (last && !import_lines_end(lines, err)))
        return false;
    if (piece->at > piece->taken && !import_lines_is_open(lines))
        take(piece);
    return true;
}

/* The decoder goes on where this file was left. */
static bool
prepare(FollowFile *self, FollowReader *reader, Err *err)
{
    const FileMark *mark = &self->mark;
    import_lines_drop(reader->lines);
    import_lines_set_time(reader->lines, mark->last_time_us);
    bool has_header = reader->header_inode == mark->inode && reader->header_device == mark->device;
    if (reader->run.format != IMPORT_CSV || mark->offset == 0 || has_header)
        return true;
    ssize_t got = pread(self->fd, reader->buffer, LINE_BYTES_MAX + 1, 0);
    const char *feed = got <= 0 ? NULL : memchr(reader->buffer, '\n', (size_t) got);
    if (feed == NULL)
        return err_set(err, ERR_INPUT, "%s:1: the header row is gone", mark->path);
    return read_header(self, reader, without_end((Text){reader->buffer, (size_t) (feed - reader->buffer)}, 0), err);
}

static FollowRead
read_piece(FollowFile *self, FollowReader *reader, bool last, Err *err)
{
    Piece piece = {.file = self, .reader = reader, .bytes = reader->buffer, .at = self->mark.tail.bytes};
    piece.from = self->mark.offset - self->mark.tail.bytes;
    piece.taken = piece.at;
    ssize_t got = pread(self->fd, reader->buffer, FOLLOW_BUFFER_BYTES, piece.from);
    if (got < 0) {
        err_set(err, ERR_IO, "cannot read '%s': %s", self->mark.path, strerror(errno));
        return FOLLOW_FAILED;
    }
    piece.length = (size_t) got;
    if (piece.length < piece.at || memcmp(piece.bytes, self->tail, piece.at) != 0)
        return FOLLOW_TRUNCATED;
    bool is_whole = piece.length < FOLLOW_BUFFER_BYTES;
    int64_t before = self->mark.offset;
    if (!give_lines(&piece, last && is_whole, err))
        return FOLLOW_FAILED;
    if (!is_whole)
        return FOLLOW_MORE;
    return self->mark.offset == before ? FOLLOW_QUIET : FOLLOW_READ;
}

FollowRead
follow_file_read(FollowFile *self, FollowReader *reader, bool last, Err *err)
{
    struct stat status;
    if (fstat(self->fd, &status) != 0) {
        err_set(err, ERR_IO, "cannot look at '%s': %s", self->mark.path, strerror(errno));
        return FOLLOW_FAILED;
    }
    int64_t mtime = (int64_t) status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    if (status.st_size == self->seen_size && mtime == self->seen_mtime && !last)
        return FOLLOW_QUIET;
    if (status.st_size < self->mark.offset)
        return FOLLOW_TRUNCATED;
    if (!prepare(self, reader, err))
        return FOLLOW_FAILED;
    FollowRead result = read_piece(self, reader, last, err);
    if (result == FOLLOW_QUIET || result == FOLLOW_READ) {
        self->seen_size = status.st_size;
        self->seen_mtime = mtime;
    }
    return result;
}
