/* Which files to follow: by their names. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/follow_internal.h"
#include "lib/log.h"

enum { NAMES_MAX = 65536 };

/* Its mark does not fit any more: what happened to what stood there? */
static bool
replaced(FollowSet *self, size_t rule, const FileMark *stored, FileMark *fresh, Err *err)
{
    bool same_file =
        stored->born_us == fresh->born_us && (fresh->born_us != 0 || strcmp(stored->path, fresh->path) == 0);
    if (stored->born_us == fresh->born_us) /* otherwise its birth tells it from the one before */
        fresh->generation = stored->generation + 1;
    return !file_mark_is_open(stored) ||
           follow_lose(self, rule, stored, same_file ? "file_truncated" : "file_vanished", err);
}

/* From where to read a file that was just opened. */
static bool
find_start(FollowSet *self, size_t rule, int fd, int64_t size, FileMark *mark, Err *err)
{
    FileMark stored;
    bool found = false;
    if (!self->owner.find(self->owner.caller, mark->device, mark->inode, &stored, &found, err))
        return false;
    if (!found)
        return true;
    if (!file_mark_matches(&stored, mark, fd, size))
        return replaced(self, rule, &stored, mark, err);
    memcpy(stored.path, mark->path, sizeof(stored.path));
    stored.finished = false;
    *mark = stored;
    return true;
}

bool
follow_is_gzip(int fd)
{
    unsigned char magic[2];
    return pread(fd, magic, sizeof(magic), 0) == (ssize_t) sizeof(magic) && magic[0] == 0x1F && magic[1] == 0x8B;
}

static bool
open_name(FollowSet *self, size_t rule, const char *path, Err *err)
{
    FileMark mark = {.last_time_us = USAGE_ABSENT};
    int64_t size = 0;
    Err trouble = {0};
    if (self->count >= FOLLOW_FILES_MAX) {
        err_set(&trouble, ERR_RANGE, "'%s' is not followed: %d files are followed already", path, FOLLOW_FILES_MAX);
        return follow_trouble(self, &trouble, err);
    }
    if (snprintf(mark.path, sizeof(mark.path), "%s", path) >= (int) sizeof(mark.path)) {
        err_set(&trouble, ERR_RANGE, "cannot follow '%s': its name has more than %d bytes", path, FILE_PATH_BYTES - 1);
        return follow_trouble(self, &trouble, err);
    }
    int fd = follow_open(path, &mark, &size, &trouble);
    if (fd < 0)
        return trouble.code == ERR_NOT_FOUND || follow_trouble(self, &trouble, err);
    if (follow_is_gzip(fd))
        err_set(&trouble, ERR_INPUT, "'%s' is compressed and is not followed; import it when lines of it are missing",
                path);
    else if (!find_start(self, rule, fd, size, &mark, err))
        return close(fd) != 0 && false;
    else
        return follow_entry_add(self, rule, fd, &mark, false, err);
    (void) close(fd);
    return follow_trouble(self, &trouble, err);
}

/* A name that fits a rule. */
static bool
take_name(FollowSet *self, size_t rule, const char *path, Err *err)
{
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return true;
    FollowEntry *entry = follow_entry_find(self, status.st_dev, status.st_ino);
    if (entry == NULL)
        return open_name(self, rule, path, err);
    if (entry->away && !entry->ending &&
        strlen(path) < sizeof(entry->file.mark.path)) { /* renamed to what fits as well */
        snprintf(entry->file.mark.path, sizeof(entry->file.mark.path), "%s", path);
        entry->file.dirty = true;
        entry->away = false;
    }
    return true;
}

static void
notice_leaving(FollowSet *self)
{
    for (size_t i = 0; i < self->count; i++) {
        FollowEntry *entry = self->entries[i];
        const FileMark *mark = &entry->file.mark;
        struct stat status;
        if (entry->away || entry->ending ||
            (stat(mark->path, &status) == 0 && status.st_dev == mark->device && status.st_ino == mark->inode))
            continue;
        entry->away = true;
        entry->news_us = self->now_us;
        self->around_us = self->now_us; /* perhaps it was rotated more than once since we looked */
        log_info("event=follow_left file=\"%s\" inode=%llu", mark->path, (unsigned long long) mark->inode);
    }
}

bool
follow_find_names(FollowSet *self, Err *err)
{
    bool done = true;
    notice_leaving(self);
    for (size_t rule = 0; done && rule < self->rule_count; rule++) {
        glob_t names = {0};
        int rc = glob(self->rules[rule].pattern, 0, NULL, &names);
        for (size_t i = 0; rc == 0 && done && i < names.gl_pathc && i < NAMES_MAX; i++)
            done = take_name(self, rule, names.gl_pathv[i], err);
        globfree(&names);
        if (rc == GLOB_NOSPACE)
            return err_set(err, ERR_NOMEM, "no memory to look for '%s'", self->rules[rule].pattern);
    }
    return done;
}
