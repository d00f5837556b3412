#include "agent/import_mark.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/utc.h"

static bool
is_plain(int fd)
{
    unsigned char magic[2];
    return pread(fd, magic, sizeof(magic), 0) != (ssize_t) sizeof(magic) || magic[0] != 0x1F || magic[1] != 0x8B;
}

void
import_mark_open(ImportMark *self, const char *path)
{
    char full[PATH_MAX];
    int64_t size;
    Err ignored = {0};
    *self = (ImportMark){.fd = -1, .mark = {.last_time_us = USAGE_ABSENT, .tag = {.from = INT64_MAX}}};
    if (strcmp(path, "-") == 0 || realpath(path, full) == NULL || strlen(full) >= sizeof(self->mark.path))
        return;
    snprintf(self->mark.path, sizeof(self->mark.path), "%.*s", FILE_PATH_BYTES - 1, full);
    self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (self->fd >= 0 && (!file_mark_identify(self->fd, path, &self->mark, &size, &ignored) || !is_plain(self->fd)))
        import_mark_close(self);
}

void
import_mark_close(ImportMark *self)
{
    if (self->fd >= 0)
        (void) close(self->fd);
    self->fd = -1;
}

/* What the agent knows of the inode: the same file, or one that it was. */
static bool
take_known(void *context, const FileMark *known, Err *err)
{
    ImportMark *self = context;
    FileMark *mark = &self->mark;
    FileMark now;
    int64_t size;
    if (!file_mark_identify(self->fd, mark->path, &now, &size, err))
        return false;
    if (file_mark_matches(known, &now, self->fd, size)) {
        mark->tag = known->tag;
        mark->generation = known->generation;
    } else if (known->born_us == now.born_us) {
        mark->generation = known->generation + 1;
    }
    return true;
}

bool
import_mark_ask(ImportMark *self, Upload *upload, ImportSettings *settings, Err *err)
{
    settings->tag = NULL;
    if (self->fd < 0)
        return true;
    if (!upload_find(upload, self->mark.device, self->mark.inode, NULL, take_known, self, err))
        return false;
    if (self->mark.tag.from != INT64_MAX)
        settings->tag = &self->mark.tag;
    return true;
}

/* A last line without its end was a record, or it is a part of one whose rest is still to come: leave it to be followed. */
static int64_t
end_of_reading(const ImportMark *self, const LineReader *reader, uint64_t rejected_line)
{
    char last = '\n';
    int64_t position = line_reader_position(reader);
    if (position > 0 && pread(self->fd, &last, 1, position - 1) != 1)
        return -1;
    bool is_part = last != '\n' && rejected_line == line_reader_number(reader);
    return is_part ? line_reader_line_at(reader) : position;
}

void
import_mark_reached(ImportMark *self, const LineReader *reader, uint64_t rejected_line)
{
    Err ignored = {0};
    int64_t offset = self->fd < 0 ? -1 : end_of_reading(self, reader, rejected_line);
    self->mark.line = line_reader_number(reader);
    self->mark.touched_us = utc_now_us();
    if (self->mark.tag.from != INT64_MAX && self->mark.tag.from > offset)
        return; /* it became shorter than what was followed: who follows it will see */
    self->done = offset >= 0 && file_mark_set_offset(&self->mark, self->fd, offset, &ignored);
}

bool
import_mark_put(void *caller, FollowPut put, void *context, Err *err)
{
    const ImportMark *self = caller;
    return !self->done || put(context, &self->mark, err);
}
