#include "agent/local_marks.h"

#include <stdlib.h>
#include <unistd.h>

#include "agent/file_marks.h"
#include "agent/spool_notes.h"
#include "lib/array.h"

bool
local_marks_check(const Spool *spool, const Millibill__Put *put, Err *err)
{
    FileMark mark;
    if (put->n_files > LOCAL_MARKS_MAX)
        return err_set(err, ERR_PROTOCOL, "%zu files marked at once, at most %d allowed", put->n_files,
                       LOCAL_MARKS_MAX);
    for (size_t i = 0; i < put->n_files; i++)
        if (!file_mark_from_message(put->files[i], &mark, err))
            return false;
    if (put->n_files > 0 && !spool_notes_have_room(spool, put->n_files * FILE_MARK_ROOM_BYTES))
        return err_set(err, ERR_FULL, "the spool is full");
    return true;
}

/* Does this file's mark belong to somebody else? */
static bool
is_anothers(Spool *spool, const FileMark *mark, bool *anothers, Err *err)
{
    FileMark known;
    bool found = false;
    bool done = mark->owner == 0 || file_marks_find(spool, mark->device, mark->inode, &known, &found, err);
    *anothers = found && known.owner != mark->owner && file_mark_is_open(&known);
    return done;
}

bool
local_marks_put(Spool *spool, const Millibill__Put *put, uid_t uid, size_t *refused, Err *err)
{
    bool any = uid == 0 || uid == geteuid();
    *refused = 0;
    for (size_t i = 0; i < put->n_files; i++) {
        FileMark mark;
        bool anothers;
        if (!file_mark_from_message(put->files[i], &mark, err))
            return false;
        mark.owner = any ? 0 : (uint32_t) uid + 1;
        if (!is_anothers(spool, &mark, &anothers, err) || (!anothers && !file_marks_put(spool, &mark, err)))
            return false;
        *refused += anothers;
    }
    return true;
}

typedef struct Answer {
    FileMark *marks;
    size_t count;
    size_t capacity;
} Answer;

static bool
keep(void *context, const FileMark *mark, Err *err)
{
    Answer *self = context;
    if (self->count == LOCAL_MARKS_MAX)
        return true;
    if (!array_grow(&self->marks, &self->capacity, self->count, sizeof(*self->marks), err))
        return false;
    self->marks[self->count++] = *mark;
    return true;
}

static bool
look_up(Answer *answer, Spool *spool, const Millibill__Find *find, Err *err)
{
    FileMark mark;
    bool found = false;
    if (find->pattern[0] != '\0')
        return file_marks_find_all(spool, find->pattern, keep, answer, err);
    return file_marks_find(spool, find->device, find->inode, &mark, &found, err) &&
           (!found || keep(answer, &mark, err));
}

static bool
pack(const Answer *answer, Buffer *out, Err *err)
{
    size_t room = answer->count == 0 ? 1 : answer->count;
    Millibill__FileMark *messages = calloc(room, sizeof(*messages));
    Millibill__FileMark **files = calloc(room, sizeof(Millibill__FileMark *));
    Millibill__Found found;
    Millibill__Local local;
    millibill__found__init(&found);
    millibill__local__init(&local);
    local.kind_case = MILLIBILL__LOCAL__KIND_FOUND;
    local.found = &found;
    bool done = messages != NULL && files != NULL;
    for (size_t i = 0; done && i < answer->count; i++) {
        file_mark_to_message(&answer->marks[i], &messages[i]);
        files[i] = &messages[i];
    }
    found.n_files = answer->count;
    found.files = files;
    done = done ? local_pack(&local, out, err) : err_set(err, ERR_NOMEM, "no memory for an answer");
    free(messages);
    free(files);
    return done;
}

bool
local_marks_answer(Buffer *out, Spool *spool, const Millibill__Find *find, bool allowed, Err *err)
{
    Answer answer = {0};
    bool done = (!allowed || look_up(&answer, spool, find, err)) && pack(&answer, out, err);
    free(answer.marks);
    return done;
}
