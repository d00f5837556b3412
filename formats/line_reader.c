#include "formats/line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* One line of the greatest length, its end, and room to read ahead. */
enum { READER_BYTES = 2 * LINE_BYTES_MAX };

struct LineReader {
    gzFile file;
    const char *path; /* borrowed from the caller's argv */
    int64_t size;
    uint64_t lines; /* handed out or skipped so far */
    int64_t base;   /* place of bytes[0] in the unpacked file */
    int64_t line_at;
    size_t start; /* of what is not yet taken */
    size_t end;
    bool at_end;
    char cut[LINE_BYTES_MAX]; /* the part of an over-long line that is handed out while the rest is skipped */
    char bytes[READER_BYTES];
};

static int
reader_descriptor(const char *path, int64_t *size, Err *err)
{
    int descriptor = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        return -1;
    }
    struct stat status;
    if (fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) {
        err_set(err, ERR_IO, "cannot read '%s': it is a directory", path);
        err_hint(err, "name the files in it: %s/*", path);
        close(descriptor);
        return -1;
    }
    *size = S_ISREG(status.st_mode) ? (int64_t) status.st_size : 0;
    return descriptor;
}

static bool
reader_failed(LineReader *self, Err *err)
{
    int code = Z_OK;
    const char *why = gzerror(self->file, &code);
    if (code == Z_ERRNO)
        return err_set(err, ERR_IO, "cannot read '%s': %s", self->path, strerror(errno));
    err_set(err, code == Z_MEM_ERROR ? ERR_NOMEM : ERR_CORRUPT, "'%s' is damaged or cut off gzip: %s", self->path, why);
    return err_hint(
        err, "lines up to line %llu were read; get the file again and import it: what is known is not billed twice",
        (unsigned long long) self->lines);
}

/* Move what is left to the front and read more behind it. False on failure. */
static bool
reader_fill(LineReader *self, Err *err)
{
    if (self->start > 0) {
        memmove(self->bytes, self->bytes + self->start, self->end - self->start);
        self->base += (int64_t) self->start;
        self->end -= self->start;
        self->start = 0;
    }
    if (self->at_end || self->end == READER_BYTES)
        return true;
    int got = gzread(self->file, self->bytes + self->end, (unsigned) (READER_BYTES - self->end));
    if (got < 0)
        return reader_failed(self, err);
    self->end += (size_t) got;
    if (got == 0) {
        int code = Z_OK;
        gzerror(self->file, &code);
        self->at_end = true;
        if (code != Z_OK && code != Z_STREAM_END)
            return reader_failed(self, err);
    }
    return true;
}

static bool
reader_drop_mark(LineReader *self, Err *err)
{
    while (!self->at_end && self->end < 3)
        if (!reader_fill(self, err))
            return false;
    if (self->end >= 3 && memcmp(self->bytes, "\xEF\xBB\xBF", 3) == 0)
        self->start = 3;
    return true;
}

MUST_CHECK LineReader *
line_reader_open(const char *path, Err *err)
{
    int64_t size = 0;
    int descriptor = reader_descriptor(path, &size, err);
    if (descriptor < 0)
        return NULL;
    LineReader *self = calloc(1, sizeof *self);
    gzFile file = self == NULL ? NULL : gzdopen(descriptor, "rb");
    if (file == NULL) {
        err_set(err, ERR_NOMEM, "no memory to read '%s'", path);
        free(self);
        close(descriptor);
        return NULL;
    }
    (void) gzbuffer(file, 128 << 10);
    self->file = file;
    self->path = path;
    self->size = size;
    if (!reader_drop_mark(self, err))
        line_reader_free(&self);
    return self;
}

void
line_reader_free(LineReader **self)
{
    if (*self == NULL)
        return;
    gzclose((*self)->file);
    free(*self);
    *self = NULL;
}

/* Skip to the end of a line whose first part was handed out. */
static bool
reader_skip_rest(LineReader *self, Err *err)
{
    for (;;) {
        const char *feed = memchr(self->bytes + self->start, '\n', self->end - self->start);
        if (feed != NULL) {
            self->start = (size_t) (feed - self->bytes) + 1;
            return true;
        }
        self->start = self->end;
        if (self->at_end)
            return true;
        if (!reader_fill(self, err))
            return false;
    }
}

static LineResult
reader_too_long(LineReader *self, Text *line, Err *err)
{
    memcpy(self->cut, self->bytes + self->start, LINE_BYTES_MAX);
    self->start += LINE_BYTES_MAX;
    if (!reader_skip_rest(self, err))
        return LINE_FAILED;
    self->lines++;
    *line = (Text){self->cut, LINE_BYTES_MAX};
    return LINE_TOO_LONG;
}

static LineResult
reader_give(LineReader *self, size_t length, size_t taken, Text *line)
{
    const char *data = self->bytes + self->start;
    if (length > 0 && data[length - 1] == '\r')
        length--;
    *line = (Text){data, length};
    self->start += taken;
    self->lines++;
    return LINE_READ;
}

MUST_CHECK LineResult
line_reader_next(LineReader *self, Text *line, Err *err)
{
    size_t searched = 0;
    self->line_at = line_reader_position(self);
    for (;;) {
        size_t held = self->end - self->start;
        const char *feed = memchr(self->bytes + self->start + searched, '\n', held - searched);
        if (feed != NULL) {
            size_t length = (size_t) (feed - self->bytes) - self->start;
            if (length > LINE_BYTES_MAX)
                return reader_too_long(self, line, err);
            return reader_give(self, length, length + 1, line);
        }
        if (held > LINE_BYTES_MAX)
            return reader_too_long(self, line, err);
        if (self->at_end)
            return held == 0 ? LINE_END : reader_give(self, held, held, line);
        searched = held;
        if (!reader_fill(self, err))
            return LINE_FAILED;
    }
}

uint64_t
line_reader_number(const LineReader *self)
{
    return self->lines;
}

int64_t
line_reader_line_at(const LineReader *self)
{
    return self->line_at;
}

int64_t
line_reader_position(const LineReader *self)
{
    return self->base + (int64_t) self->start;
}

MUST_CHECK bool
line_reader_peek(LineReader *self, Text *ahead, Err *err)
{
    while (self->end - self->start < LINE_BYTES_MAX && !self->at_end)
        if (!reader_fill(self, err))
            return false;
    size_t length = self->end - self->start;
    *ahead = (Text){self->bytes + self->start, length > LINE_BYTES_MAX ? LINE_BYTES_MAX : length};
    return true;
}

void
line_reader_skip(LineReader *self, size_t bytes)
{
    const char *at = self->bytes + self->start;
    const char *end = at + bytes;
    while ((at = memchr(at, '\n', (size_t) (end - at))) != NULL) {
        self->lines++;
        at++;
    }
    self->start += bytes;
}

int64_t
line_reader_offset(const LineReader *self)
{
    return (int64_t) gzoffset(self->file);
}

int64_t
line_reader_size(const LineReader *self)
{
    return self->size;
}
