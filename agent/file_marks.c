#include "agent/file_marks.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "agent/spool_notes.h"
#include "lib/array.h"
#include "lib/log.h"
#include "lib/utc.h"

static bool
is_behind(const FileMark *mark, const FileMark *known)
{
    return mark->born_us == known->born_us && mark->generation == known->generation && !mark->finished &&
           mark->offset < known->offset;
}

bool
file_marks_put(Spool *spool, const FileMark *mark, Err *err)
{
    FileMark known;
    bool found = false;
    if (!file_marks_find(spool, mark->device, mark->inode, &known, &found, err))
        return false;
    if (found && is_behind(mark, &known))
        return true;
    uint8_t key[FILE_KEY_BYTES];
    Buffer value = {0};
    file_mark_key(mark->device, mark->inode, key);
    bool done = file_mark_pack(mark, &value, err) &&
                spool_note_set(spool, SPOOL_FILES, (Text){(const char *) key, sizeof(key)}, buffer_text(&value), err);
    buffer_free(&value);
    return done;
}

bool
file_marks_find(Spool *spool, uint64_t device, uint64_t inode, FileMark *out, bool *found, Err *err)
{
    uint8_t key[FILE_KEY_BYTES];
    Buffer value = {0};
    file_mark_key(device, inode, key);
    bool done = spool_note_get(spool, SPOOL_FILES, (Text){(const char *) key, sizeof(key)}, &value, found, err);
    Err problem = {0};
    if (done && *found && !file_mark_unpack(buffer_text(&value), out, &problem)) {
        log_err(LOG_LEVEL_WARN, "file_mark_unreadable", &problem);
        *found = false;
    }
    buffer_free(&value);
    return done;
}

typedef struct Walk {
    const char *pattern;
    FollowVisit visit;
    void *context;
    Err *err;
    bool failed;
} Walk;

static bool
visit_note(void *context, Text key, Text value)
{
    Walk *walk = context;
    FileMark mark;
    Err ignored = {0};
    (void) key;
    if (!file_mark_unpack(value, &mark, &ignored) || fnmatch(walk->pattern, mark.path, FNM_PATHNAME | FNM_PERIOD) != 0)
        return true;
    walk->failed = !walk->visit(walk->context, &mark, walk->err);
    return !walk->failed;
}

bool
file_marks_find_all(Spool *spool, const char *pattern, FollowVisit visit, void *context, Err *err)
{
    Walk walk = {.pattern = pattern, .visit = visit, .context = context, .err = err};
    return spool_notes_walk(spool, SPOOL_FILES, (Text){"", 0}, visit_note, &walk, err) && !walk.failed;
}

typedef struct Aged {
    uint8_t key[FILE_KEY_BYTES];
    int64_t touched_us;
    bool needed; /* its file is being followed */
} Aged;

typedef struct Sweep {
    Aged *items;
    size_t count;
    size_t capacity;
    Err *err;
    bool failed;
} Sweep;

static bool
note_age(void *context, Text key, Text value)
{
    Sweep *sweep = context;
    FileMark mark = {0};
    Err ignored = {0};
    if (key.length != FILE_KEY_BYTES)
        return true;
    sweep->failed = !array_grow(&sweep->items, &sweep->capacity, sweep->count, sizeof(*sweep->items), sweep->err);
    if (sweep->failed)
        return false;
    bool readable = file_mark_unpack(value, &mark, &ignored);
    Aged *aged = &sweep->items[sweep->count++];
    *aged = (Aged){.touched_us = readable ? mark.touched_us : 0, .needed = readable && file_mark_is_open(&mark)};
    memcpy(aged->key, key.data, FILE_KEY_BYTES);
    return true;
}

/* The first ones to go come first. */
static int
compare_aged(const void *a, const void *b)
{
    const Aged *one = a;
    const Aged *other = b;
    if (one->needed != other->needed)
        return one->needed ? 1 : -1;
    return one->touched_us < other->touched_us ? -1 : one->touched_us > other->touched_us;
}

bool
file_marks_sweep(Spool *spool, int64_t now_us, Err *err)
{
    Sweep sweep = {.err = err};
    bool done = spool_notes_walk(spool, SPOOL_FILES, (Text){"", 0}, note_age, &sweep, err) && !sweep.failed;
    int64_t old_us = now_us - FILE_MARKS_DAYS * UTC_DAY_US;
    size_t excess = sweep.count > FILE_MARKS_MAX ? sweep.count - FILE_MARKS_MAX : 0;
    if (done && sweep.count > 0)
        qsort(sweep.items, sweep.count, sizeof(*sweep.items), compare_aged);
    for (size_t i = 0; done && i < sweep.count; i++) {
        const Aged *aged = &sweep.items[i];
        if (i < excess || aged->touched_us < old_us)
            done = spool_note_forget(spool, SPOOL_FILES, (Text){(const char *) aged->key, FILE_KEY_BYTES}, err);
    }
    free(sweep.items);
    return done;
}
