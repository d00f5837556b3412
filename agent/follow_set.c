#include "agent/follow_set.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/follow_internal.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lib/utc.h"

enum { PIECES_A_POLL = 8, REJECTED_TOLD_US = 10000000 };

static bool
pass_record(void *caller, const UsageRecord *record, Err *err)
{
    FollowSet *self = caller;
    self->owner_failed = !self->owner.record(self->owner.caller, record, err);
    return !self->owner_failed;
}

static bool
pass_reject(void *caller, const UsageRejected *rejected, Err *err)
{
    FollowSet *self = caller;
    self->owner_failed = !self->owner.reject(self->owner.caller, rejected, err);
    return !self->owner_failed;
}

static bool
open_reader(FollowSet *self, size_t i, Err *err)
{
    const FollowRule *rule = &self->rules[i];
    FollowReader *reader = &self->readers[i];
    *reader = (FollowReader){.run = {.format = rule->format,
                                     .settings = &rule->settings,
                                     .sink = &self->sink,
                                     .counts = &self->counts,
                                     .quiet = true},
                             .buffer = self->buffer};
    reader->lines = import_lines_new(&reader->run, err);
    return reader->lines != NULL;
}

FollowSet *
follow_set_new(const FollowRule *rules, size_t count, const FollowOwner *owner, Err *err)
{
    FollowSet *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to follow files");
        return NULL;
    }
    self->owner = *owner;
    self->rules = rules;
    self->rule_count = count;
    self->sink = (ImportSink){pass_record, pass_reject, self};
    self->dirty_us = INT64_MAX;
    self->readers = calloc(count == 0 ? 1 : count, sizeof(*self->readers));
    self->buffer = malloc(FOLLOW_BUFFER_BYTES);
    bool done = self->readers != NULL && self->buffer != NULL;
    for (size_t i = 0; done && i < count; i++)
        done = open_reader(self, i, err);
    if (!done) {
        err_set(err, ERR_NOMEM, "no memory to follow files");
        follow_set_free(&self);
    }
    return self;
}

static void
entry_free(FollowEntry *entry)
{
    follow_file_close(&entry->file);
    free(entry);
}

void
follow_set_free(FollowSet **self)
{
    FollowSet *set = *self;
    *self = NULL;
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        entry_free(set->entries[i]);
    for (size_t i = 0; set->readers != NULL && i < set->rule_count; i++)
        import_lines_free(&set->readers[i].lines);
    free(set->entries);
    free(set->readers);
    free(set->buffer);
    free(set);
}

FollowEntry *
follow_entry_find(const FollowSet *self, uint64_t device, uint64_t inode)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->entries[i]->file.mark.inode == inode && self->entries[i]->file.mark.device == device)
            return self->entries[i];
    return NULL;
}

static bool
reserve_entry(FollowSet *self, const char *path, Err *err)
{
    if (self->count == FOLLOW_FILES_MAX)
        return err_set(err, ERR_RANGE, "'%s' is not followed: %d files are followed already", path, FOLLOW_FILES_MAX);
    return array_grow(&self->entries, &self->capacity, self->count, sizeof(*self->entries), err);
}

static bool
start_entry(FollowEntry *entry, int fd, const FileMark *mark, Err *err)
{
    if (fd >= 0)
        return follow_file_start(&entry->file, fd, mark, err);
    entry->file = (FollowFile){.fd = -1, .mark = *mark};
    entry->ending = true;
    return true;
}

bool
follow_entry_add(FollowSet *self, size_t rule, int fd, const FileMark *mark, bool away, Err *err)
{
    Err trouble = {0};
    FollowEntry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        err_set(&trouble, ERR_NOMEM, "no memory to follow '%s'", mark->path);
    if (entry == NULL || !reserve_entry(self, mark->path, &trouble) || !start_entry(entry, fd, mark, &trouble)) {
        if (fd >= 0)
            (void) close(fd);
        free(entry);
        return follow_trouble(self, &trouble, err);
    }
    entry->rule = rule;
    entry->away = away;
    entry->news_us = self->now_us;
    entry->file.dirty = true;
    self->entries[self->count++] = entry;
    if (fd >= 0 && !away)
        log_info("event=follow_begins file=\"%s\" inode=%" PRIu64 " offset=%" PRId64, mark->path, mark->inode,
                 mark->offset);
    return true;
}

/* The content that was read is gone. */
static bool
begin_anew(FollowSet *self, FollowEntry *entry, Err *err)
{
    if (!follow_lose(self, entry->rule, &entry->file.mark, "file_truncated", err))
        return false;
    follow_file_restart(&entry->file);
    return true;
}

/* A read failed: of the file, which rests a while, or of the owner. */
static bool
read_failed(FollowSet *self, FollowEntry *entry, const Err *problem, Err *err)
{
    if (self->owner_failed || (problem->code != ERR_INPUT && problem->code != ERR_IO)) {
        *err = *problem;
        return false;
    }
    entry->rest_until_us = self->now_us + FOLLOW_REST_US;
    return follow_trouble(self, problem, err);
}

/* One turn of one file; `*more` when it has more to give at once. */
static bool
read_entry(FollowSet *self, FollowEntry *entry, bool last, bool *more, Err *err)
{
    Err problem = {0};
    *more = false;
    self->owner_failed = false;
    switch (follow_file_read(&entry->file, &self->readers[entry->rule], last, &problem)) {
    case FOLLOW_QUIET:
        return true;
    case FOLLOW_MORE:
        *more = true;
        entry->news_us = self->busy_us = self->now_us;
        return true;
    case FOLLOW_READ:
        entry->news_us = self->busy_us = self->now_us;
        return true;
    case FOLLOW_TRUNCATED:
        *more = true;
        return begin_anew(self, entry, err);
    case FOLLOW_FAILED:
        return read_failed(self, entry, &problem, err);
    }
    return true;
}

/* Is a file that left its name done? Its writer may need a while to notice, so it has to be quiet; and while no new file
 * took the name, a renamed one may still be the writer's. */
static bool
may_end(const FollowSet *self, const FollowEntry *entry)
{
    struct stat own;
    struct stat named;
    if (!entry->away || entry->ending || self->now_us - entry->news_us < FOLLOW_AWAY_US ||
        fstat(entry->file.fd, &own) != 0)
        return false;
    return own.st_nlink == 0 || stat(entry->file.mark.path, &named) == 0;
}

static bool
end_entry(FollowSet *self, FollowEntry *entry, bool *more, Err *err)
{
    if (!read_entry(self, entry, true, more, err))
        return false;
    if (*more || entry->rest_until_us > self->now_us)
        return true;
    FileMark *mark = &entry->file.mark;
    mark->finished = true;
    entry->file.dirty = true;
    entry->ending = true;
    follow_file_close(&entry->file);
    log_info("event=follow_ends file=\"%s\" inode=%" PRIu64 " offset=%" PRId64 " lines=%" PRIu64, mark->path,
             mark->inode, mark->offset, mark->line);
    return true;
}

/* Give every file a turn, beginning behind the one that had the last; stop after some pieces. */
static bool
read_entries(FollowSet *self, bool *more, Err *err)
{
    size_t pieces = 0;
    for (size_t i = 0; i < self->count && pieces < PIECES_A_POLL; i++) {
        FollowEntry *entry = self->entries[self->turn++ % self->count];
        bool again = false;
        if (entry->ending || entry->rest_until_us > self->now_us)
            continue;
        bool done =
            may_end(self, entry) ? end_entry(self, entry, &again, err) : read_entry(self, entry, false, &again, err);
        if (!done)
            return false;
        *more = *more || again;
        pieces += again;
    }
    return true;
}

/* Marks that changed want to be stored; so do old ones, lest they be forgotten while their file is followed. */
static void
note_dirty(FollowSet *self)
{
    int64_t old_us = utc_now_us() - UTC_DAY_US;
    for (size_t i = 0; i < self->count; i++) {
        FollowFile *file = &self->entries[i]->file;
        file->dirty = file->dirty || file->mark.touched_us < old_us;
        if (file->dirty && self->dirty_us == INT64_MAX)
            self->dirty_us = self->now_us;
    }
}

static void
tell_rejected(FollowSet *self)
{
    uint64_t rejected = self->counts.rejected - self->rejected_told;
    if (rejected == 0 || self->now_us - self->rejected_told_us < REJECTED_TOLD_US)
        return;
    log_warn("event=follow_quarantined lines=%" PRIu64 " hint=\"millibill quarantine list\"", rejected);
    self->rejected_told = self->counts.rejected;
    self->rejected_told_us = self->now_us;
}

static bool
look(FollowSet *self, bool *more, Err *err)
{
    if (self->now_us >= self->names_us) {
        if (!follow_find_names(self, err))
            return false;
        self->names_us = self->now_us + FOLLOW_IDLE_US;
    }
    if (self->now_us >= self->around_us) {
        if (!follow_find_around(self, err))
            return false;
        self->around_us = self->now_us + FOLLOW_AROUND_US;
    }
    return read_entries(self, more, err);
}

bool
follow_set_poll(FollowSet *self, int64_t now_us, Err *err)
{
    if (now_us < self->due_us)
        return true;
    Err problem = {0};
    bool more = false;
    self->now_us = now_us;
    if (!look(self, &more, &problem)) {
        if (problem.code != ERR_FULL) {
            *err = problem;
            return false;
        }
        self->due_us = now_us + FOLLOW_FULL_US;
    } else {
        bool busy = now_us - self->busy_us < FOLLOW_AWAY_US;
        self->due_us = more ? now_us : now_us + (busy ? FOLLOW_POLL_US : FOLLOW_IDLE_US);
    }
    note_dirty(self);
    tell_rejected(self);
    return true;
}

int64_t
follow_set_due_us(const FollowSet *self)
{
    return self->due_us;
}

bool
follow_set_stage(FollowSet *self, FollowPut put, void *context, Err *err)
{
    int64_t now_us = utc_now_us();
    for (size_t i = 0; i < self->count; i++) {
        FollowEntry *entry = self->entries[i];
        if (!entry->file.dirty)
            continue;
        FileMark mark = follow_file_mark(&entry->file, now_us);
        if (!put(context, &mark, err))
            return false;
        entry->file.dirty = false;
        entry->file.mark.touched_us = now_us;
        entry->end_staged = entry->ending;
    }
    self->dirty_us = INT64_MAX;
    return true;
}

void
follow_set_committed(FollowSet *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        FollowEntry *entry = self->entries[i];
        if (entry->end_staged)
            entry_free(entry);
        else
            self->entries[kept++] = entry;
    }
    self->count = kept;
}

bool
follow_set_marks_due(const FollowSet *self, int64_t now_us)
{
    return self->dirty_us != INT64_MAX && now_us - self->dirty_us >= FOLLOW_MARK_FREE_US;
}

size_t
follow_set_files(const FollowSet *self)
{
    return self->count;
}
