#include "cli/share_copy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/share.h"
#include "lib/text.h"

enum { FILE_BYTES_MAX = 16 << 20 };

static const struct {
    const char *path;
    const char *ending; /* of the files that are copied */
} FOLDERS[] = {{"schema", ".sql"}, {"schema/migrations", ".sql"}, {"schema/views", ".sql"}, {"rater/books", ".yaml"}};

typedef bool (*FileVisit)(const char *path, const char *name, const char *target, Err *err);

bool
share_copy_root(const Config *config, char out[PATH_MAX], Err *err)
{
    if (snprintf(out, PATH_MAX, "%s/share", config->data) >= PATH_MAX)
        return err_set(err, ERR_RANGE, "path '%s/share' is too long", config->data);
    return true;
}

static bool
copy_file(const char *path, const char *name, const char *target, Err *err)
{
    char copy[PATH_MAX];
    Buffer bytes = {0};
    if (snprintf(copy, sizeof(copy), "%s/%s", target, name) >= PATH_MAX)
        return err_set(err, ERR_RANGE, "path '%s/%s' is too long", target, name);
    bool done = file_read(path, FILE_BYTES_MAX, &bytes, err) && file_write(copy, bytes.data, bytes.length, 0644, err);
    buffer_free(&bytes);
    return done;
}

static bool
remove_file(const char *path, const char *name, const char *target, Err *err)
{
    (void) name;
    (void) target;
    return unlink(path) == 0 || err_set(err, ERR_IO, "cannot remove '%s': %s", path, strerror(errno));
}

static bool
files_visit(const char *folder, const char *ending, FileVisit visit, const char *target, Err *err)
{
    char path[PATH_MAX];
    DIR *directory = opendir(folder);
    if (directory == NULL)
        return err_set(err, ERR_IO, "cannot list '%s': %s", folder, strerror(errno));
    bool done = true;
    for (struct dirent *entry = readdir(directory); done && entry != NULL; entry = readdir(directory)) {
        size_t length = strlen(entry->d_name);
        size_t end = strlen(ending);
        if (length <= end || strcmp(entry->d_name + length - end, ending) != 0)
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) >= PATH_MAX)
            done = err_set(err, ERR_RANGE, "path '%s/%s' is too long", folder, entry->d_name);
        else
            done = visit(path, entry->d_name, target, err);
    }
    (void) closedir(directory);
    return done;
}

bool
share_copy(const Config *config, Err *err)
{
    char root[PATH_MAX], source[PATH_MAX], target[PATH_MAX];
    if (!share_copy_root(config, root, err))
        return false;
    for (size_t i = 0; i < sizeof(FOLDERS) / sizeof(FOLDERS[0]); i++) {
        const char *path = FOLDERS[i].path;
        const char *ending = FOLDERS[i].ending;
        if (snprintf(target, sizeof(target), "%s/%s", root, path) >= PATH_MAX)
            return err_set(err, ERR_RANGE, "path '%s/%s' is too long", root, path);
        if (!share_path(path, "", source, err) || !directory_make(target, 0755, err) ||
            !files_visit(target, ending, remove_file, NULL, err) ||
            !files_visit(source, ending, copy_file, target, err))
            return false;
    }
    return true;
}
