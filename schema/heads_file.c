#include "schema/heads_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/json.h"

enum { SIGNATURE_HEX = 2 * SEAL_SIGNATURE_BYTES + 1 };

Digest
heads_restored_digest(const HeadsRestored *restored)
{
    char from[DIGEST_HEX_BYTES];
    char to[DIGEST_HEX_BYTES];
    char at[UTC_TEXT_BYTES];
    char text[HEADS_REASON_BYTES + 512];
    int length = snprintf(
        text, sizeof text, "millibill restore 1\nfrom %" PRId64 " %s\nto %" PRId64 " %s\nat %s\nreason %zu %s\n",
        restored->from, digest_hex(&restored->from_digest, from), restored->to, digest_hex(&restored->to_digest, to),
        utc_format(restored->at_us, at), strlen(restored->reason), restored->reason);
    return digest_of(text, (size_t) length);
}

/* ---- writing ---- */

static bool
add_hex(Json *object, const char *key, const void *bytes, size_t length, Err *err)
{
    char hex[SIGNATURE_HEX];
    return json_add_text(object, key, bytes_hex(bytes, length, hex), err);
}

static bool
add_time(Json *object, const char *key, int64_t time_us, Err *err)
{
    char text[UTC_TEXT_BYTES];
    return json_add_text(object, key, utc_format(time_us, text), err);
}

static bool
add_root(Json *array, const SealRoot *root, Err *err)
{
    char month[UTC_TEXT_BYTES];
    Json *object = json_new_object(err);
    return object != NULL && json_append(array, object, err) && json_add_slice(object, "tenant", root->tenant, err) &&
           json_add_int(object, "tenant_id", root->tenant_id, err) &&
           json_add_text(object, "month", utc_month_format(root->month, month), err) &&
           json_add_int(object, "revision", root->revision, err) && json_add_int(object, "seals", root->seals, err) &&
           add_hex(object, "root", root->digest.bytes, DIGEST_BYTES, err) &&
           add_hex(object, "signature", root->signature, SEAL_SIGNATURE_BYTES, err);
}

static bool
add_head(Json *object, const SealHead *head, Err *err)
{
    return json_add_int(object, "head", head->number, err) &&
           add_hex(object, "digest", head->digest.bytes, DIGEST_BYTES, err) &&
           add_hex(object, "previous", head->previous.bytes, DIGEST_BYTES, err) &&
           add_hex(object, "database", head->incarnation, SEAL_INCARNATION_BYTES, err) &&
           json_add_int(object, "receipt_from", head->receipt_from, err) &&
           json_add_int(object, "receipt_to", head->receipt_to, err) &&
           json_add_int(object, "books", head->books, err) &&
           add_hex(object, "books_digest", head->books_digest.bytes, DIGEST_BYTES, err) &&
           json_add_int(object, "seals", head->seals, err) &&
           add_hex(object, "seals_digest", head->seals_digest.bytes, DIGEST_BYTES, err) &&
           json_add_int(object, "roots", head->roots, err) &&
           add_hex(object, "roots_digest", head->roots_digest.bytes, DIGEST_BYTES, err) &&
           add_time(object, "signed_at", head->signed_at_us, err) &&
           add_hex(object, "public_key", head->public_key, SEAL_PUBLIC_BYTES, err) &&
           add_hex(object, "signature", head->signature, SEAL_SIGNATURE_BYTES, err);
}

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

MUST_CHECK bool
heads_file_append(const char *path, const SealHead *head, const SealRoot *roots, size_t count, Err *err)
{
    Json *object = json_new_object(err);
    bool done = object != NULL && add_head(object, head, err);
    Json *array = done && count > 0 ? json_new_array(err) : NULL;
    if (done && count > 0)
        done = array != NULL && json_add(object, "months", array, err);
    for (size_t i = 0; done && i < count; i++)
        done = add_root(array, &roots[i], err);
    done = done && append_object(path, object, err);
    json_object_put(object);
    return done;
}

MUST_CHECK bool
heads_file_append_restored(const char *path, const HeadsRestored *restored, Err *err)
{
    Json *object = json_new_object(err);
    bool done = object != NULL && json_add_text(object, "restored", restored->reason, err) &&
                json_add_int(object, "from", restored->from, err) &&
                add_hex(object, "from_digest", restored->from_digest.bytes, DIGEST_BYTES, err) &&
                json_add_int(object, "to", restored->to, err) &&
                add_hex(object, "to_digest", restored->to_digest.bytes, DIGEST_BYTES, err) &&
                add_time(object, "at", restored->at_us, err) &&
                add_hex(object, "public_key", restored->public_key, SEAL_PUBLIC_BYTES, err) &&
                add_hex(object, "signature", restored->signature, SEAL_SIGNATURE_BYTES, err) &&
                append_object(path, object, err);
    json_object_put(object);
    return done;
}

/* ---- reading ---- */

static bool
get_hex(Json *object, const char *key, void *out, size_t length)
{
    Text text;
    size_t bytes = 0;
    return json_text(json_member(object, key), &text) && text.length == 2 * length &&
           sodium_hex2bin(out, length, text.data, text.length, NULL, &bytes, NULL) == 0 && bytes == length;
}

static bool
get_number(Json *object, const char *key, int64_t *out)
{
    Json *value = json_member(object, key);
    *out = json_object_get_int64(value);
    return json_object_is_type(value, json_type_int) && *out >= 0;
}

static bool
get_time(Json *object, const char *key, int64_t *out)
{
    Text text;
    Err ignored = {0};
    return json_text(json_member(object, key), &text) && utc_parse(text, out, &ignored);
}

static bool
get_head(Json *object, SealHead *head)
{
    return get_number(object, "head", &head->number) && get_hex(object, "digest", head->digest.bytes, DIGEST_BYTES) &&
           get_hex(object, "previous", head->previous.bytes, DIGEST_BYTES) &&
           get_hex(object, "database", head->incarnation, SEAL_INCARNATION_BYTES) &&
           get_number(object, "receipt_from", &head->receipt_from) &&
           get_number(object, "receipt_to", &head->receipt_to) && get_number(object, "books", &head->books) &&
           get_hex(object, "books_digest", head->books_digest.bytes, DIGEST_BYTES) &&
           get_number(object, "seals", &head->seals) &&
           get_hex(object, "seals_digest", head->seals_digest.bytes, DIGEST_BYTES) &&
           get_number(object, "roots", &head->roots) &&
           get_hex(object, "roots_digest", head->roots_digest.bytes, DIGEST_BYTES) &&
           get_time(object, "signed_at", &head->signed_at_us) &&
           get_hex(object, "public_key", head->public_key, SEAL_PUBLIC_BYTES) &&
           get_hex(object, "signature", head->signature, SEAL_SIGNATURE_BYTES);
}

static bool
get_restored(Json *object, HeadsRestored *restored)
{
    Text reason;
    if (!json_text(json_member(object, "restored"), &reason) || reason.length >= HEADS_REASON_BYTES)
        return false;
    snprintf(restored->reason, sizeof restored->reason, "%.*s", TEXT_ARG(reason));
    return get_number(object, "from", &restored->from) &&
           get_hex(object, "from_digest", restored->from_digest.bytes, DIGEST_BYTES) &&
           get_number(object, "to", &restored->to) &&
           get_hex(object, "to_digest", restored->to_digest.bytes, DIGEST_BYTES) &&
           get_time(object, "at", &restored->at_us) &&
           get_hex(object, "public_key", restored->public_key, SEAL_PUBLIC_BYTES) &&
           get_hex(object, "signature", restored->signature, SEAL_SIGNATURE_BYTES);
}

static void
parse_line(Text text, HeadsLine *line)
{
    Err ignored = {0};
    Json *object = json_parse(text, &ignored);
    int64_t number = line->number;
    *line = (HeadsLine){.number = number, .kind = HEADS_BROKEN};
    if (object != NULL && get_head(object, &line->head))
        line->kind = HEADS_HEAD;
    else if (object != NULL && get_restored(object, &line->restored))
        line->kind = HEADS_RESTORED;
    json_object_put(object);
}

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
            parse_line((Text){tail.data + start, end - start - 1}, line);
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
        parse_line((Text){text, (size_t) length - 1}, &line);
        done = visit(context, &line, err);
    }
    if (done && ferror(file))
        done = err_set(err, ERR_IO, "heads file %s: %s", path, strerror(errno));
    free(text);
    fclose(file);
    return done;
}
