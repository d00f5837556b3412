#include "lib/share.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder that holds this program, without a slash at the end. */
static bool
program_folder(char out[PATH_MAX], Err *err)
{
    ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (length <= 0)
        return err_set(err, ERR_IO, "cannot find where this program stands (/proc/self/exe)");
    out[length] = '\0';
    char *slash = strrchr(out, '/');
    if (slash != NULL)
        *slash = '\0';
    return true;
}

static bool
join(char out[PATH_MAX], const char *a, const char *b, const char *c, Err *err)
{
    int length = snprintf(out, PATH_MAX, "%s/%s%s%s", a, b, c[0] == '\0' ? "" : "/", c);
    if (length < 0 || length >= PATH_MAX)
        return err_set(err, ERR_RANGE, "path %s/%s/%s is too long", a, b, c);
    return true;
}

bool
share_path(const char *folder, const char *name, char out[PATH_MAX], Err *err)
{
    const char *root = getenv("MILLIBILL_SHARE_ROOT");
    if (root != NULL && root[0] != '\0')
        return join(out, root, folder, name, err);
    char here[PATH_MAX];
    if (!program_folder(here, err))
        return false;
    static const char *const PLACES[] = {"../share/millibill", "../.."};
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
        char base[PATH_MAX];
        if (!join(base, here, PLACES[i], folder, err) || !join(out, here, PLACES[i], folder, err))
            return false;
        if (name[0] != '\0' && !join(out, base, name, "", err))
            return false;
        if (access(out, R_OK) == 0)
            return true;
    }
    err_set(err, ERR_NOT_FOUND, "%s%s%s is not among the files that ship with millibill", folder, name[0] ? "/" : "",
            name);
    return err_hint(err, "looked in %s/../share/millibill and %s/../..", here, here);
}

/* Names of the *.yaml files in a folder, for a hint. */
static void
list_names(const char *folder, Err *err)
{
    char path[PATH_MAX];
    Err ignored = {0};
    if (!share_path(folder, "", path, &ignored))
        return;
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    char names[ERR_HINT_BYTES] = "";
    size_t length = 0;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        size_t stem = strlen(name);
        if (stem > 5 && strcmp(name + stem - 5, ".yaml") == 0 && length + stem + 3 <= sizeof(names))
            length += (size_t) snprintf(names + length, sizeof(names) - length, "%s%.*s", length > 0 ? ", " : "",
                                        (int) stem - 5, name);
        free(entries[i]);
    }
    free(entries);
    err_hint(err, "shipped: %s; or give the path of a file", names);
}

bool
share_is_path(const char *name)
{
    size_t length = strlen(name);
    return strchr(name, '/') != NULL || (length > 5 && strcmp(name + length - 5, ".yaml") == 0);
}

bool
share_resolve(const char *folder, const char *name, char out[PATH_MAX], Err *err)
{
    size_t length = strlen(name);
    if (share_is_path(name)) {
        if (snprintf(out, PATH_MAX, "%s", name) >= PATH_MAX)
            return err_set(err, ERR_RANGE, "path %s is too long", name);
        if (access(out, R_OK) != 0) {
            err_set(err, ERR_NOT_FOUND, "cannot read %s: %s", name, strerror(errno));
            return err_hint(err,
                            "name a file that is there and that you may read, or one that is shipped, without '.yaml'");
        }
        return true;
    }
    char file[NAME_MAX + 1];
    Err missing = {0};
    if (length > NAME_MAX - 5)
        return err_set(err, ERR_RANGE, "name %s is too long", name);
    snprintf(file, sizeof(file), "%.*s.yaml", NAME_MAX - 5, name);
    if (share_path(folder, file, out, &missing))
        if (access(out, R_OK) == 0)
            return true;
    err_set(err, ERR_NOT_FOUND, "there is no '%s' in %s", name, folder);
    list_names(folder, err);
    return false;
}

bool
share_program(const char *program, char out[PATH_MAX], Err *err)
{
    char here[PATH_MAX];
    return program_folder(here, err) && join(out, here, program, "", err);
}
