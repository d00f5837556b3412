#include "cli/stack_parts.h"

#include <stdio.h>

static const char *const NAMES[PART_COUNT + 1] = {"postgres", "collector", "agent", "supervisor"};

const char *
part_name(StackPart part)
{
    return NAMES[part];
}

static bool
part_path(const Config *config, const char *folder, StackPart part, const char *suffix, char out[PATH_MAX], Err *err)
{
    if (snprintf(out, PATH_MAX, "%s/%s/%s%s", config->data, folder, NAMES[part], suffix) >= PATH_MAX)
        return err_set(err, ERR_RANGE, "path '%s/%s/%s%s' is too long", config->data, folder, NAMES[part], suffix);
    return true;
}

bool
part_pid_file(const Config *config, StackPart part, char out[PATH_MAX], Err *err)
{
    return part_path(config, "pids", part, ".pid", out, err);
}

bool
part_log(const Config *config, StackPart part, char out[PATH_MAX], Err *err)
{
    return part_path(config, "log", part, ".log", out, err);
}

bool
part_find(const Config *config, StackPart part, Process *out)
{
    char path[PATH_MAX];
    return part_pid_file(config, part, path, NULL) && process_load(path, out) && process_is_alive(out);
}
