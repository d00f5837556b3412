/* Documents of the final invoices, by the program that makes them. See close_parts.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/array.h"
#include "lib/share.h"
#include "rater/close_parts.h"
#include "schema/bill_store.h"

enum { TOGETHER = 1000, ARGUMENTS_MAX = 16 + TOGETHER }; /* numbers of invoices in one command line */

/* Electronic invoices come last: only who asks for them gets them, for they want more of a contract than others. */
static const char UBL[] = "ubl";
static const char *const FORMATS[] = {"json", "csv", "text", "html", "pdf", UBL};
enum { FORMAT_COUNT = sizeof FORMATS / sizeof FORMATS[0] };

/* Final invoices of earlier months that this closing made, in this run or in one that was killed. */
typedef struct LateNumbers {
    char **all;
    size_t count, capacity;
} LateNumbers;

static bool
take_number(void *context, const char *number, Err *err)
{
    LateNumbers *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    self->all[self->count] = strdup(number);
    return self->all[self->count++] != NULL || err_set(err, ERR_NOMEM, "no memory for the number of an invoice");
}

static void
late_numbers_free(LateNumbers *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->all[i]);
    free(self->all);
}

static bool
spawn_report(const char *const *arguments, size_t count, pid_t *child, Err *err)
{
    char path[PATH_MAX];
    char name[] = "millibill-report";
    char *argv[ARGUMENTS_MAX + 2] = {name};
    if (!share_program(name, path, err))
        return false;
    for (size_t i = 0; i < count; i++)
        argv[i + 1] = (char *) (uintptr_t) arguments[i]; /* posix_spawn does not write them */
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed == 0) {
        failed = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0); /* the paths */
        if (failed == 0)
            failed = posix_spawn(child, path, &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    return failed == 0 || err_set(err, ERR_IO, "cannot start '%s': %s", path, strerror(failed));
}

/* Render what the arguments `which` name, at most TOGETHER. */
static bool
write_documents(const Close *self, const char *format, const char *const *which, size_t count, Err *err)
{
    const char *arguments[ARGUMENTS_MAX] = {
        "invoice", "render", "--format", format, "--output-dir", self->request->output, "--possible"};
    size_t length = 7;
    pid_t child = 0;
    int status = 0;
    pid_t ended = 0;
    if (self->request->data != NULL) {
        arguments[length++] = "--data";
        arguments[length++] = self->request->data;
    }
    memcpy(&arguments[length], which, count * sizeof *which);
    if (!spawn_report(arguments, length + count, &child, err))
        return false;
    do {
        ended = waitpid(child, &status, 0);
        if (ended < 0 && errno == EINTR && close_is_stopped(self))
            (void) kill(child, SIGTERM);
    } while (ended < 0 && errno == EINTR);
    return (ended == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
           err_set(err, ERR_IO, "the %s documents could not be written to '%s'; the message before says why", format,
                   self->request->output);
}

/* The month's own, if there are any, and the late ones. */
static bool
write_form(const Close *self, const char *format, bool any, const LateNumbers *late, Err *err)
{
    char month[UTC_TEXT_BYTES];
    const char *const own[] = {"--month", utc_month_format(self->request->month, month), "--final"};
    bool done = !any || write_documents(self, format, own, sizeof own / sizeof *own, err);
    for (size_t at = 0; done && at < late->count; at += TOGETHER) {
        const size_t count = late->count - at < TOGETHER ? late->count - at : TOGETHER;
        done = write_documents(self, format, (const char *const *) late->all + at, count, err);
    }
    return done;
}

static bool
count_one(void *context, const BillRow *row, Err *err)
{
    (void) row;
    (void) err;
    ++*(int64_t *) context;
    return true;
}

bool
close_formats_check(const OptionList *formats, Err *err)
{
    for (size_t i = 0; i < formats->count; i++) {
        size_t known = 0;
        while (known < FORMAT_COUNT && strcmp(FORMATS[known], formats->items[i]) != 0)
            known++;
        if (known == FORMAT_COUNT)
            return err_set(err, ERR_USAGE, "--format: '%s' is none of json, csv, text, html, pdf and ubl",
                           formats->items[i]);
    }
    return true;
}

static bool
is_wanted(const OptionList *formats, const char *format)
{
    for (size_t i = 0; i < formats->count; i++)
        if (strcmp(formats->items[i], format) == 0)
            return true;
    return formats->count == 0 && format != UBL;
}

static void
tell(const Close *self, int64_t finals, const LateNumbers *late, const Buffer *forms, CloseStep *step)
{
    int length = snprintf(step->detail, sizeof step->detail, "%" PRId64 " invoice%s", finals, finals == 1 ? "" : "s");
    if (late->count > 0)
        length += snprintf(step->detail + length, sizeof step->detail - (size_t) length, " and %zu of earlier months",
                           late->count);
    snprintf(step->detail + length, sizeof step->detail - (size_t) length, " as %.*s in %s", (int) forms->length,
             (const char *) forms->data, self->request->output);
}

bool
close_export(Close *self, CloseStep *step, Err *err)
{
    int64_t finals = 0;
    LateNumbers late = {0};
    Buffer written = {0};
    if (self->request->output == NULL) {
        snprintf(step->detail, sizeof step->detail, "not asked for: --output DIR writes the documents");
        return true;
    }
    bool done = bill_visit(self->db, self->request->month, NULL, "final", count_one, &finals, err) &&
                bill_visit_late(self->db, self->request->month, take_number, &late, err);
    for (size_t i = 0; done && i < FORMAT_COUNT; i++)
        if (is_wanted(self->request->formats, FORMATS[i]))
            done = write_form(self, FORMATS[i], finals > 0, &late, err) &&
                   buffer_printf(&written, err, "%s%s%s", written.length == 0 ? "" : ", ", FORMATS[i],
                                 FORMATS[i] == UBL ? " where the contract allows it" : "");
    if (done)
        tell(self, finals, &late, &written, step);
    late_numbers_free(&late);
    buffer_free(&written);
    return done;
}
