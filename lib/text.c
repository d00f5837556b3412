#include "lib/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/output.h"

Text
text_of(const char *terminated)
{
    return terminated == NULL ? (Text){NULL, 0} : (Text){terminated, strlen(terminated)};
}

bool
text_equal(Text a, Text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool
text_is(Text a, const char *terminated)
{
    return text_equal(a, text_of(terminated));
}

bool
text_is_empty(Text a)
{
    return a.length == 0;
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

Text
text_trim(Text a)
{
    while (a.length > 0 && is_blank(a.data[0])) {
        a.data++;
        a.length--;
    }
    while (a.length > 0 && is_blank(a.data[a.length - 1]))
        a.length--;
    return a;
}

/* Length of the well-formed UTF-8 sequence at `at`, 0 when there is none (Unicode 15, table 3-7). */
static size_t
utf8_sequence(const unsigned char *at, size_t left)
{
    unsigned char lead = at[0];
    if (lead < 0x80)
        return 1;
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || left < length)
        return 0;
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

bool
text_is_utf8(Text a)
{
    const unsigned char *bytes = (const unsigned char *) a.data;
    for (size_t i = 0; i < a.length;) {
        size_t step = utf8_sequence(bytes + i, a.length - i);
        if (step == 0)
            return false;
        i += step;
    }
    return true;
}

bool
text_is_clean_utf8(Text a)
{
    for (size_t i = 0; i < a.length; i++) {
        unsigned char byte = (unsigned char) a.data[i];
        if (byte < 0x20 || byte == 0x7f)
            return false;
    }
    return text_is_utf8(a);
}

static bool
is_id_byte(char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           byte == '-' || byte == '_';
}

bool
text_names(Text line, Text id)
{
    for (size_t from = 0; from < line.length;) {
        const char *found = memmem(line.data + from, line.length - from, id.data, id.length);
        if (found == NULL)
            return false;
        size_t at = (size_t) (found - line.data);
        size_t end = at + id.length;
        if ((at == 0 || !is_id_byte(line.data[at - 1])) && (end == line.length || !is_id_byte(line.data[end])))
            return true;
        from = at + 1;
    }
    return false;
}

char *
text_duplicate(Text a)
{
    char *copy = malloc(a.length + 1);
    if (copy == NULL)
        return NULL;
    if (a.length > 0)
        memcpy(copy, a.data, a.length);
    copy[a.length] = '\0';
    return copy;
}

const char *
text_plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

bool
text_to_u64(Text a, uint64_t maximum, uint64_t *value)
{
    uint64_t total = 0;
    if (a.length == 0)
        return false;
    for (size_t i = 0; i < a.length; i++) {
        unsigned digit = (unsigned) (unsigned char) a.data[i] - '0';
        if (digit > 9 || total > (UINT64_MAX - digit) / 10)
            return false;
        total = total * 10 + digit;
    }
    if (total > maximum)
        return false;
    *value = total;
    return true;
}

char *
buffer_reserve(Buffer *buffer, size_t length, Err *err)
{
    size_t wanted = buffer->length + length + 1;
    if (wanted < length) {
        err_set(err, ERR_NOMEM, "buffer of %zu bytes is too large", length);
        return NULL;
    }
    if (wanted > buffer->capacity) {
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
        while (capacity < wanted)
            capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
        char *data = realloc(buffer->data, capacity);
        if (data == NULL) {
            err_set(err, ERR_NOMEM, "no memory for %zu bytes", capacity);
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

bool
buffer_append(Buffer *buffer, const void *bytes, size_t length, Err *err)
{
    char *at = buffer_reserve(buffer, length, err);
    if (at == NULL)
        return false;
    if (length > 0)
        memcpy(at, bytes, length);
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return true;
}

bool
buffer_append_text(Buffer *buffer, const char *terminated, Err *err)
{
    return buffer_append(buffer, terminated, strlen(terminated), err);
}

bool
buffer_printf(Buffer *buffer, Err *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return err_set(err, ERR_INTERNAL, "a message could not be formatted");
    char *at = buffer_reserve(buffer, (size_t) length, err);
    if (at == NULL)
        return false;
    va_start(arguments, format);
    vsnprintf(at, (size_t) length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t) length;
    return true;
}

void
buffer_clear(Buffer *buffer)
{
    buffer->length = 0;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

void
buffer_free(Buffer *buffer)
{
    free(buffer->data);
    *buffer = (Buffer){0};
}

Text
buffer_text(const Buffer *buffer)
{
    return (Text){buffer->data, buffer->length};
}

bool
buffer_print(const Buffer *buffer, Err *err)
{
    if (buffer->length > 0 && fwrite(buffer->data, 1, buffer->length, stdout) != buffer->length)
        return output_failed("to standard output", errno, err);
    return output_flush(err);
}

static bool
read_all(int fd, const char *path, size_t maximum_bytes, Buffer *out, Err *err)
{
    buffer_clear(out);
    for (;;) {
        char *at = buffer_reserve(out, 65536, err);
        if (at == NULL)
            return false;
        ssize_t got = read(fd, at, 65536);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        if (got == 0)
            break;
        out->length += (size_t) got;
        if (out->length > maximum_bytes)
            return err_set(err, ERR_RANGE, "%s is larger than %zu bytes", path, maximum_bytes);
    }
    out->data[out->length] = '\0';
    return true;
}

bool
file_read(const char *path, size_t maximum_bytes, Buffer *out, Err *err)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", maximum_bytes, out, err);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    bool done = read_all(fd, path, maximum_bytes, out, err);
    close(fd);
    return done;
}

static bool
write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t wrote = write(fd, bytes, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return false;
        bytes += wrote;
        length -= (size_t) wrote;
    }
    return true;
}

static bool
sync_folder_of(const char *path, Err *err)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        snprintf(folder, sizeof(folder), ".");
    else
        slash[slash == folder ? 1 : 0] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open folder %s: %s", folder, strerror(errno));
    bool done = fsync(fd) == 0;
    if (!done)
        err_set(err, ERR_IO, "cannot sync folder %s: %s", folder, strerror(errno));
    close(fd);
    return done;
}

bool
file_write(const char *path, const void *bytes, size_t length, unsigned mode, Err *err)
{
    char temporary[PATH_MAX];
    int written = snprintf(temporary, sizeof(temporary), "%s.%ld.new", path, (long) getpid());
    if (written < 0 || (size_t) written >= sizeof(temporary))
        return err_set(err, ERR_RANGE, "path %s is too long", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t) mode);
    if (fd < 0)
        return output_failed(path, errno, err);
    bool done = fchmod(fd, (mode_t) mode) == 0 && write_all(fd, bytes, length) && fsync(fd) == 0;
    int cause = errno;
    close(fd);
    if (done && rename(temporary, path) != 0) {
        done = false;
        cause = errno;
    }
    if (!done) {
        unlink(temporary);
        return output_failed(path, cause, err);
    }
    return sync_folder_of(path, err);
}

bool
buffer_save(const Buffer *buffer, const char *path, Err *err)
{
    return path == NULL || strcmp(path, "-") == 0 ? buffer_print(buffer, err)
                                                  : output_save(buffer_text(buffer), path, err);
}

bool
directory_make(const char *path, unsigned mode, Err *err)
{
    char partial[PATH_MAX];
    int length = snprintf(partial, sizeof(partial), "%s", path);
    if (length <= 0 || (size_t) length >= sizeof(partial))
        return err_set(err, ERR_RANGE, "path '%s' is empty or too long", path);
    for (char *slash = strchr(partial + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(partial, 0755) != 0 && errno != EEXIST)
            return err_set(err, ERR_IO, "cannot make directory %s: %s", partial, strerror(errno));
        *slash = '/';
    }
    if (mkdir(partial, (mode_t) mode) != 0 && errno != EEXIST)
        return err_set(err, ERR_IO, "cannot make directory %s: %s", partial, strerror(errno));
    struct stat status;
    if (stat(partial, &status) != 0 || !S_ISDIR(status.st_mode))
        return err_set(err, ERR_IO, "%s is not a directory", partial);
    return true;
}
