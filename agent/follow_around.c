/* Files that were followed under a name and have it no longer: by their inode where there is a mark, and, when they came and
 * were renamed while nobody looked, by what their name and birth say. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/follow_internal.h"
#include "lib/array.h"
#include "lib/log.h"

enum { WANTED_MAX = 4096, PLACES_MAX = 4096, NAMES_MAX = 65536, AGAIN_MAX = 5, AGAIN_NS = 20000000 };

/* A mark of a file that is not open. */
typedef struct Wanted {
    FileMark mark;
    size_t rule;
    bool found;
} Wanted;

/* A name under which files are followed. */
typedef struct Place {
    char path[FILE_PATH_BYTES];
    size_t rule;
    int64_t since_us; /* the earliest birth of a file that was followed under it; 0: not known */
    bool truncated;   /* its files are copied and truncated: another file beside it is a copy */
} Place;

typedef struct Search {
    FollowSet *set;
    size_t rule;
    Wanted *items;
    size_t count;
    size_t capacity;
    Place *places;
    size_t place_count;
    size_t place_capacity;
} Search;

static bool
add_place(Search *search, size_t rule, const FileMark *mark, Err *err)
{
    size_t at = 0;
    while (at < search->place_count && strcmp(search->places[at].path, mark->path) != 0)
        at++;
    if (at == PLACES_MAX || !array_grow(&search->places, &search->place_capacity, at, sizeof(Place), err))
        return at == PLACES_MAX;
    Place *place = &search->places[at];
    if (at == search->place_count) {
        *place = (Place){.rule = rule, .since_us = mark->born_us};
        memcpy(place->path, mark->path, sizeof(place->path));
        search->place_count++;
    }
    if (mark->born_us < place->since_us)
        place->since_us = mark->born_us;
    place->truncated = place->truncated || mark->generation > 0;
    return true;
}

static bool
want(void *context, const FileMark *mark, Err *err)
{
    Search *search = context;
    if (mark->tag.from != INT64_MAX && !add_place(search, search->rule, mark, err)) /* not if it was only imported */
        return false;
    if (follow_entry_find(search->set, mark->device, mark->inode) != NULL || search->count == WANTED_MAX)
        return true;
    for (size_t i = 0; i < search->count; i++)
        if (search->items[i].mark.device == mark->device && search->items[i].mark.inode == mark->inode)
            return true; /* of an earlier rule */
    if (!array_grow(&search->items, &search->capacity, search->count, sizeof(Wanted), err))
        return false;
    search->items[search->count++] = (Wanted){*mark, search->rule, false};
    return true;
}

static size_t
folder_length(const char *path)
{
    const char *end = strrchr(path, '/');
    return end == NULL ? 0 : (size_t) (end - path);
}

static bool
same_folder(const char *path, const char *other)
{
    size_t length = folder_length(path);
    return length == folder_length(other) && memcmp(path, other, length) == 0;
}

/* The file `name` in the folder has the inode of a wanted one. */
static bool
take_found(Search *search, Wanted *wanted, int folder, const char *name, Err *err)
{
    FileMark now = {0};
    int64_t size = 0;
    Err trouble = {0};
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        wanted->found = errno != ENOENT; /* it is there, so it has not vanished */
        err_set(&trouble, ERR_IO, "cannot read '%s' (followed as '%s'): %s", name, wanted->mark.path, strerror(errno));
        return follow_trouble(search->set, &trouble, err);
    }
    wanted->found =
        file_mark_identify(fd, name, &now, &size, &trouble) && file_mark_matches(&wanted->mark, &now, fd, size);
    bool is_done = wanted->mark.finished && size == wanted->mark.offset;
    if (wanted->found && !is_done) {
        FileMark mark = wanted->mark;
        mark.finished = false;
        log_info("event=follow_rest file=\"%s\" now=\"%s\" bytes=%lld", mark.path, name,
                 (long long) (size - mark.offset));
        return follow_entry_add(search->set, wanted->rule, fd, &mark, true, err);
    }
    (void) close(fd);
    return true;
}

/* Is `text` what a rotation adds to a name: ".1", "-20261123", ".2026-11-23_10"? */
static bool
is_rotation(const char *text, size_t length)
{
    bool digits = false;
    for (size_t i = 0; i < length; i++) {
        if (strchr(".-_", text[i]) == NULL && (text[i] < '0' || text[i] > '9'))
            return false;
        digits = digits || (text[i] >= '0' && text[i] <= '9');
    }
    return digits && strchr(".-_", text[0]) != NULL;
}

/* Would a rotation name a file `base` so: "fn.log.1", "fn-1.log"? */
static bool
is_rotated_name(const char *base, const char *name)
{
    size_t length = strlen(base);
    const char *ending = strrchr(base, '.');
    if (strncmp(name, base, length) == 0)
        return is_rotation(name + length, strlen(name) - length);
    if (ending == NULL || ending == base || strncmp(name, base, (size_t) (ending - base)) != 0)
        return false;
    const char *middle = name + (ending - base);
    size_t rest = strlen(middle);
    size_t tail = strlen(ending);
    return rest > tail && strcmp(middle + rest - tail, ending) == 0 && is_rotation(middle, rest - tail);
}

static bool
bytes_agree(int fd, int other, int64_t offset, size_t length)
{
    char one[FILE_PRINT_BYTES];
    char two[FILE_PRINT_BYTES];
    return pread(fd, one, length, offset) == (ssize_t) length &&
           pread(other, two, length, offset) == (ssize_t) length && memcmp(one, two, length) == 0;
}

/* Does the file hold what one that is followed under this name holds? Then somebody copied it, and is about to truncate. */
static bool
is_copy(const FollowSet *set, const Place *place, int fd, int64_t size)
{
    for (size_t i = 0; i < set->count; i++) {
        const FollowFile *file = &set->entries[i]->file;
        int64_t end = size < file->mark.offset ? size : file->mark.offset;
        size_t print = end < FILE_PRINT_BYTES ? (size_t) end : FILE_PRINT_BYTES;
        if (file->fd >= 0 && end > 0 && same_folder(file->mark.path, place->path) &&
            bytes_agree(fd, file->fd, 0, print) && bytes_agree(fd, file->fd, end - (int64_t) print, print))
            return true;
    }
    return false;
}

/* A file without a mark, named like a rotated one of this place. Older than what was ever followed here, it is history;
 * younger, it came and was renamed while nobody looked. */
static bool
take_unseen(Search *search, const Place *place, int folder, const char *name, Err *err)
{
    FileMark mark = {.last_time_us = USAGE_ABSENT};
    FileMark stored;
    Err trouble = {0};
    int64_t size = 0;
    bool known = false;
    bool added = true;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return true;
    if (!file_mark_identify(fd, name, &mark, &size, &trouble) || place->since_us == 0 || place->truncated ||
        mark.born_us <= place->since_us || follow_is_gzip(fd) || is_copy(search->set, place, fd, size))
        goto end;
    added = search->set->owner.find(search->set->owner.caller, mark.device, mark.inode, &stored, &known, err);
    if (!added || known)
        goto end;
    memcpy(mark.path, place->path, sizeof(mark.path));
    log_info("event=follow_unseen file=\"%s\" now=\"%s\" bytes=%lld", mark.path, name, (long long) size);
    return follow_entry_add(search->set, place->rule, fd, &mark, true, err);
end:
    (void) close(fd);
    return added;
}

/* One file of the folder of place `first`. */
static bool
take_sibling(Search *search, size_t first, int folder, const char *name, Err *err)
{
    struct stat status;
    if (fstatat(folder, name, &status, 0) != 0 || !S_ISREG(status.st_mode) ||
        follow_entry_find(search->set, status.st_dev, status.st_ino) != NULL)
        return true;
    for (size_t i = 0; i < search->count; i++) {
        Wanted *wanted = &search->items[i];
        if (wanted->mark.device == status.st_dev && wanted->mark.inode == status.st_ino)
            return wanted->found || take_found(search, wanted, folder, name, err);
    }
    for (size_t i = first; i < search->place_count; i++) {
        const Place *place = &search->places[i];
        if (same_folder(place->path, search->places[first].path) &&
            is_rotated_name(place->path + folder_length(place->path) + 1, name))
            return take_unseen(search, place, folder, name, err);
    }
    return true;
}

static bool
search_folder(Search *search, size_t first, Err *err)
{
    char path[FILE_PATH_BYTES];
    size_t length = folder_length(search->places[first].path);
    snprintf(path, sizeof(path), "%.*s", length == 0 ? 1 : (int) length,
             length == 0 ? "/" : search->places[first].path);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return true;
    bool done = true;
    struct dirent *name;
    for (size_t i = 0; done && i < NAMES_MAX && (name = readdir(folder)) != NULL; i++)
        done = name->d_name[0] == '.' || take_sibling(search, first, dirfd(folder), name->d_name, err);
    (void) closedir(folder);
    return done;
}

static bool
is_first_of_folder(const Search *search, size_t i)
{
    for (size_t before = 0; before < i; before++)
        if (same_folder(search->places[before].path, search->places[i].path))
            return false;
    return true;
}

/* It was not read to its end, and is nowhere. */
static bool
is_missed(const Wanted *wanted)
{
    return !wanted->found && file_mark_is_open(&wanted->mark);
}

static bool
tell_vanished(FollowSet *self, const Wanted *wanted, Err *err)
{
    if (!is_missed(wanted))
        return true;
    FileMark mark = wanted->mark;
    mark.finished = true;
    return follow_lose(self, wanted->rule, &mark, "file_vanished", err) &&
           follow_entry_add(self, wanted->rule, -1, &mark, true, err);
}

static bool
collect(Search *search, Err *err)
{
    FollowSet *self = search->set;
    for (search->rule = 0; search->rule < self->rule_count; search->rule++)
        if (!self->owner.find_all(self->owner.caller, self->rules[search->rule].pattern, want, search, err))
            return false;
    for (size_t i = 0; i < self->count; i++)
        if (!add_place(search, self->entries[i]->rule, &self->entries[i]->file.mark, err))
            return false;
    return true;
}

static bool
search_folders(Search *search, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < search->place_count; i++)
        done = !is_first_of_folder(search, i) || search_folder(search, i, err);
    return done;
}

static bool
misses_one(const Search *search)
{
    for (size_t i = 0; i < search->count; i++)
        if (is_missed(&search->items[i]))
            return true;
    return false;
}

/* A file that is renamed while its folder is read may be missed under both names: before files are given up, look again. */
static bool
search_again(Search *search, Err *err)
{
    const struct timespec pause = {.tv_nsec = AGAIN_NS};
    bool done = true;
    for (int i = 0; done && i < AGAIN_MAX && misses_one(search); i++) {
        (void) nanosleep(&pause, NULL);
        done = search_folders(search, err);
    }
    return done;
}

bool
follow_find_around(FollowSet *self, Err *err)
{
    Search search = {.set = self};
    bool done =
        collect(&search, err) && search_folders(&search, err) && (self->looked_around || search_again(&search, err));
    for (size_t i = 0; done && !self->looked_around && i < search.count; i++)
        done = tell_vanished(self, &search.items[i], err);
    free(search.items);
    free(search.places);
    self->looked_around = self->looked_around || done;
    return done;
}
