#include "lib/keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "lib/text.h"

enum { KEY_FILE_BYTES_MAX = 4096, KEY_CHARACTERS = 40 };

static bool
missing(const char *path, Err *err)
{
    err_set(err, ERR_NOT_FOUND, "key file %s is not there", path);
    return err_hint(
        err, "`millibill up` makes the keys of a stack; on another host copy the agent's pair and the collector's "
             "public key there");
}

bool
keys_check_private(const char *path, Err *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT ? missing(path, err) : err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    if (status.st_uid != geteuid() && status.st_uid != 0 && geteuid() != 0)
        return err_set(err, ERR_DENIED, "key file %s belongs to user id %u: expected who runs this (%u), or root", path,
                       (unsigned) status.st_uid, (unsigned) geteuid());
    if ((status.st_mode & 077) == 0)
        return true;
    err_set(err, ERR_DENIED, "key file %s has mode %04o: others may read the secret key", path,
            (unsigned) status.st_mode & 07777);
    return err_hint(err, "run: chmod 0600 '%s' (and make a new pair if others have read it)", path);
}

bool
keys_next_value(Text *rest, const char *name, Text *value)
{
    size_t name_length = strlen(name);
    while (rest->length > 0) {
        const char *end = memchr(rest->data, '\n', rest->length);
        size_t length = end == NULL ? rest->length : (size_t) (end - rest->data);
        size_t step = end == NULL ? length : length + 1;
        Text line = text_trim((Text){rest->data, length});
        *rest = (Text){rest->data + step, rest->length - step};
        if (line.length <= name_length || memcmp(line.data, name, name_length) != 0 || line.data[name_length] != ' ')
            continue;
        *value = (Text){line.data + name_length + 1, line.length - name_length - 1};
        return true;
    }
    return false;
}

/* The value of line `name` as Z85 of 32 bytes. */
static bool
find_key(const char *path, Text content, const char *name, char key[KEY_TEXT_BYTES], Err *err)
{
    Text value;
    if (keys_next_value(&content, name, &value) && (value = text_trim(value)).length == KEY_CHARACTERS) {
        unsigned char bytes[32];
        memcpy(key, value.data, KEY_CHARACTERS);
        key[KEY_CHARACTERS] = '\0';
        bool valid = zmq_z85_decode(bytes, key) != NULL;
        sodium_memzero(bytes, sizeof(bytes));
        if (valid)
            return true;
    }
    err_set(err, ERR_INPUT, "%s: no line `%s` followed by 40 characters of Z85", path, name);
    return err_hint(err, "the file is not a key of millibill, or was damaged; copy it again");
}

bool
keys_read_pair(const char *path, char public_key[KEY_TEXT_BYTES], char secret_key[KEY_TEXT_BYTES], Err *err)
{
    Buffer content = {0};
    bool done = keys_check_private(path, err) && file_read(path, KEY_FILE_BYTES_MAX, &content, err) &&
                find_key(path, buffer_text(&content), "public", public_key, err) &&
                find_key(path, buffer_text(&content), "secret", secret_key, err);
    if (content.data != NULL)
        sodium_memzero(content.data, content.capacity);
    buffer_free(&content);
    return done;
}

bool
keys_read_public(const char *path, char public_key[KEY_TEXT_BYTES], Err *err)
{
    struct stat status;
    if (stat(path, &status) != 0 && errno == ENOENT)
        return missing(path, err);
    Buffer content = {0};
    bool done = file_read(path, KEY_FILE_BYTES_MAX, &content, err) &&
                find_key(path, buffer_text(&content), "public", public_key, err);
    buffer_free(&content);
    return done;
}

static bool
make_pair(const char *path, char public_key[KEY_TEXT_BYTES], Err *err)
{
    char secret_key[KEY_TEXT_BYTES];
    char text[2 * KEY_TEXT_BYTES + 32];
    if (zmq_curve_keypair(public_key, secret_key) != 0)
        return err_set(err, ERR_INTERNAL, "libzmq cannot make keys: %s", zmq_strerror(zmq_errno()));
    int length = snprintf(text, sizeof(text), "public %s\nsecret %s\n", public_key, secret_key);
    bool done = file_write(path, text, (size_t) length, 0600, err);
    sodium_memzero(secret_key, sizeof(secret_key));
    sodium_memzero(text, sizeof(text));
    return done;
}

bool
keys_ensure(const char *path, const char *public_path, char public_key[KEY_TEXT_BYTES], Err *err)
{
    char secret_key[KEY_TEXT_BYTES];
    bool done =
        access(path, F_OK) == 0 ? keys_read_pair(path, public_key, secret_key, err) : make_pair(path, public_key, err);
    sodium_memzero(secret_key, sizeof(secret_key));
    if (!done || public_path == NULL)
        return done;
    char text[KEY_TEXT_BYTES + 16];
    int length = snprintf(text, sizeof(text), "public %s\n", public_key);
    return file_write(public_path, text, (size_t) length, 0644, err);
}
