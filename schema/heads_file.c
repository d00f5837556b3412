#include "schema/heads_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/json.h"

/** Open for appending; a new file belongs to whom its folder belongs to. */
static int
open_to_append(const char *path, Err *err)
{
    char folder[4096];
    struct stat status;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL && slash != folder)
        *slash = '\0';
    bool is_new = access(path, F_OK) != 0;
    if (is_new && slash != NULL && !directory_make(folder, 0755, err))
        return -1;
    int file = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
        err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
        err_hint(err, "nothing is sealed until every signed head can be written there (setting seal_heads)");
        return -1;
    }
    if (is_new && geteuid() == 0 && stat(folder, &status) == 0 && fchown(file, status.st_uid, status.st_gid) != 0)
        err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
    int parent = is_new ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (parent >= 0) {
        if (fsync(parent) != 0)
            err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
        close(parent);
    }
    return file;
}

MUST_CHECK int
heads_file_lock(const char *path, Patience *patience, Err *err)
{
    char what[PATH_MAX + 48];
    int file = open_to_append(path, err);
    if (file < 0)
        return -1;
    snprintf(what, sizeof what, "another sealer that holds %s", path);
    while (!err_is_set(err) && flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            err_set(err, ERR_IO, "cannot lock heads file %s: %s", path, strerror(errno));
        else if (patience_pause(patience, what, err))
            continue;
        break;
    }
    if (!err_is_set(err))
        return file;
    close(file);
    return -1;
}

void
heads_file_unlock(int file)
{
    close(file); /* the lock goes with it */
}

/** Does the file end within a line? */
static bool
ends_torn(int file)
{
    char last = '\n';
    off_t size = lseek(file, 0, SEEK_END);
    return size > 0 && pread(file, &last, 1, size - 1) == 1 && last != '\n';
}

static bool
append_line(const char *path, const char *text, Err *err)
{
    Buffer line = {0};
    int file = open_to_append(path, err);
    bool done = file >= 0 && !err_is_set(err) && (!ends_torn(file) || buffer_append(&line, "\n", 1, err)) &&
                buffer_append_text(&line, text, err) && buffer_append(&line, "\n", 1, err);
    for (size_t at = 0; done && at < line.length;) {
        ssize_t written = write(file, line.data + at, line.length - at);
        if (written > 0)
            at += (size_t) written;
        else if (written == 0 || errno != EINTR)
            done = err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
    }
    if (done && fdatasync(file) != 0)
        done = err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
    if (file >= 0)
        close(file);
    buffer_free(&line);
    return done;
}

static bool
append_object(const char *path, Json *object, Err *err)
{
    char *text = json_canonical(object, err);
    bool done = text != NULL && append_line(path, text, err);
    free(text);
    return done;
}

/** The object is taken; NULL: it could not be made. */
static bool
append_taken(const char *path, Json *object, Err *err)
{
    bool done = object != NULL && append_object(path, object, err);
    json_object_put(object);
    return done;
}

MUST_CHECK bool
heads_file_append(const char *path, const SealHead *head, const HeadsMade *made, Err *err)
{
    return append_taken(path, heads_line_of_head(head, made, err), err);
}

MUST_CHECK bool
heads_file_append_restored(const char *path, const HeadsRestored *restored, Err *err)
{
    return append_taken(path, heads_line_of_restored(restored, err), err);
}

/* ---- reading ---- */

/** The bytes behind the last `at_most` of the file, appended to `out`. */
static bool
read_tail(const char *path, size_t at_most, Buffer *out, Err *err)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return errno == ENOENT || err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
    off_t size = lseek(file, 0, SEEK_END);
    size_t length = size > (off_t) at_most ? at_most : (size_t) size;
    char *to = size < 0 ? NULL : buffer_reserve(out, length, err);
    bool done = to != NULL;
    for (size_t at = 0; done && at < length;) {
        ssize_t got = pread(file, to + at, length - at, size - (off_t) length + (off_t) at);
        if (got > 0)
            at += (size_t) got;
        else if (got == 0 || errno != EINTR)
            done = err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
    }
    close(file);
    if (done)
        out->length += length;
    return done;
}

MUST_CHECK bool
heads_file_last(const char *path, HeadsLine *line, bool *found, Err *err)
{
    Buffer tail = {0};
    *found = false;
    bool done = read_tail(path, HEADS_LINE_BYTES_MAX, &tail, err);
    size_t end = tail.length;
    while (done && !*found && end > 0) {
        while (end > 0 && tail.data[end - 1] != '\n')
            end--;
        size_t start = end > 0 ? end - 1 : 0;
        while (start > 0 && tail.data[start - 1] != '\n')
            start--;
        if (end > start) {
            *line = (HeadsLine){0};
            heads_line_parse((Text){tail.data + start, end - start - 1}, line);
            heads_line_free(line);
            *found = line->kind != HEADS_BROKEN;
        }
        end = start;
    }
    buffer_free(&tail);
    return done;
}

int64_t
heads_file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (int64_t) status.st_size : 0;
}

MUST_CHECK bool
heads_file_read(const char *path, int64_t bytes_max, bool *exists, HeadsVisit visit, void *context, Err *err)
{
    FILE *file = fopen(path, "re");
    *exists = file != NULL || errno != ENOENT;
    if (file == NULL)
        return !*exists || err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
    char *text = NULL;
    size_t room = 0;
    bool done = true;
    HeadsLine line = {0};
    ssize_t length;
    while (done && (length = getline(&text, &room, file)) > 0 && text[length - 1] == '\n' &&
           (bytes_max -= length) >= 0) {
        line.number++;
        heads_line_parse((Text){text, (size_t) length - 1}, &line);
        done = visit(context, &line, err);
    }
    if (done && ferror(file))
        done = err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
    heads_line_free(&line);
    free(text);
    fclose(file);
    return done;
}
