#include "reports/rater_call.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/share.h"
#include "reports/interrupt.h"

enum { READ_BYTES = 1 << 16 };

/* The input as a file in memory: the rater can be slow, or not read at all, and nobody waits for the other. -1 on error. */
static int
input_file(Text input, Err *err)
{
    int file = memfd_create("millibill-usage", MFD_CLOEXEC);
    size_t written = 0;
    while (file >= 0 && written < input.length) {
        ssize_t step = write(file, input.data + written, input.length - written);
        if (step < 0 && errno == EINTR)
            continue;
        if (step <= 0)
            break;
        written += (size_t) step;
    }
    if (file >= 0 && written == input.length && lseek(file, 0, SEEK_SET) == 0)
        return file;
    err_set(err, ERR_IO, "cannot hand the usage to the rater: %s", strerror(errno));
    if (file >= 0)
        close(file);
    return -1;
}

static bool
spawn_program(const char *program, const char *const *arguments, int input, int output, pid_t *child, Err *err)
{
    char path[PATH_MAX];
    char *argv[RATER_ARGUMENTS_MAX + 2] = {(char *) (uintptr_t) program};
    if (!share_program(program, path, err))
        return false;
    for (size_t i = 0; i < RATER_ARGUMENTS_MAX && arguments[i] != NULL; i++)
        argv[i + 1] = (char *) (uintptr_t) arguments[i]; /* posix_spawn does not write them */
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed == 0) {
        failed = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        if (failed == 0)
            failed = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (failed == 0)
            failed = posix_spawn(child, path, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    return failed == 0 || err_set(err, ERR_IO, "cannot start '%s': %s", path, strerror(failed));
}

static bool
read_all(int file, Buffer *out, Err *err)
{
    while (out->length < RATER_ANSWER_BYTES_MAX) {
        char *room = buffer_reserve(out, READ_BYTES, err);
        if (room == NULL)
            return false;
        ssize_t step = read(file, room, READ_BYTES);
        if (step < 0 && errno == EINTR)
            continue;
        if (step < 0)
            return err_set(err, ERR_IO, "cannot read the rater's answer: %s", strerror(errno));
        if (step == 0)
            return true;
        out->length += (size_t) step;
    }
    return err_set(err, ERR_RANGE, "the rater's answer is larger than %d MB", RATER_ANSWER_BYTES_MAX >> 20);
}

static bool
wait_for(pid_t child, const char *program, bool partial, Err *err)
{
    int status = 0;
    pid_t ended = 0;
    do
        ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    bool exited = ended == child && WIFEXITED(status);
    if (exited && (WEXITSTATUS(status) == 0 || (partial && WEXITSTATUS(status) == 1)))
        return true;
    return err_set(err, ERR_INPUT, "%s did not answer; its own message says why", program);
}

static bool
exchange(const char *program, const char *const *arguments, int input, bool partial, Buffer *answer, Err *err)
{
    int ends[2];
    pid_t child = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return err_set(err, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    bool started = spawn_program(program, arguments, input, ends[1], &child, err);
    close(ends[1]);
    interrupt_child(started ? child : 0);
    bool done = started && read_all(ends[0], answer, err);
    close(ends[0]);
    bool ended = started && wait_for(child, program, partial && answer->length > 0, err);
    interrupt_child(0);
    return ended && done;
}

/* Any program of ours. `who` stands in messages: "the rater". */
static Json *
call(const char *program, const char *who, const char *const *arguments, Text input, bool partial, Err *err)
{
    int file = input_file(input, err);
    if (file < 0)
        return NULL;
    Buffer answer = {0};
    Json *json = NULL;
    if (exchange(program, arguments, file, partial, &answer, err)) {
        json = json_parse(buffer_text(&answer), err);
        if (json == NULL)
            err_prefix(err, "%s's answer: ", who);
    }
    close(file);
    buffer_free(&answer);
    return json;
}

Json *
rater_call(const char *const *arguments, Text input, bool partial, Err *err)
{
    return call("millibill-rater", "the rater", arguments, input, partial, err);
}

Json *
report_call(const char *const *arguments, Err *err)
{
    return call("millibill-report", "the report", arguments, (Text){NULL, 0}, false, err);
}
