#include "agent/import_follow.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/follow_set.h"
#include "agent/upload.h"
#include "lib/log.h"
#include "lib/utc.h"

enum { FLUSH_US = 500000, RETRY_US = 1000000, SLEEP_US_MAX = 1000000 };

static volatile sig_atomic_t stopping;

static void
stop(int number)
{
    (void) number;
    stopping = 1;
}

typedef struct Following {
    FollowRule *rules;
    size_t rule_count;
    LocalBegin begin;
    const char *socket;
    Upload *upload; /* NULL while the agent is away */
    FollowSet *set;
    int64_t flushed_us;
    uint64_t records;
    uint64_t rejected;
} Following;

static bool
take_record(void *caller, const UsageRecord *record, Err *err)
{
    Following *self = caller;
    bool done = upload_record(self->upload, record, err);
    self->records += done;
    return done;
}

static bool
take_rejected(void *caller, const UsageRejected *rejected, Err *err)
{
    Following *self = caller;
    bool done = upload_reject(self->upload, rejected, err);
    self->rejected += done;
    return done;
}

static bool
take_loss(void *caller, const UsageLoss *loss, Err *err)
{
    const Following *self = caller;
    return upload_lose(self->upload, loss, err);
}

typedef struct Found {
    FileMark *out;
    bool *found;
} Found;

static bool
keep_found(void *context, const FileMark *mark, Err *err)
{
    const Found *found = context;
    (void) err;
    *found->out = *mark;
    *found->found = true;
    return true;
}

static bool
find_mark(void *caller, uint64_t device, uint64_t inode, FileMark *out, bool *found, Err *err)
{
    const Following *self = caller;
    Found result = {out, found};
    *found = false;
    return upload_find(self->upload, device, inode, NULL, keep_found, &result, err);
}

static bool
find_marks(void *caller, const char *pattern, FollowVisit visit, void *context, Err *err)
{
    const Following *self = caller;
    return upload_find(self->upload, 0, 0, pattern, visit, context, err);
}

static bool
marks_of_batch(void *caller, FollowPut put, void *context, Err *err)
{
    Following *self = caller;
    return follow_set_stage(self->set, put, context, err);
}

/* An absolute pattern that fits this one file. */
static char *
pattern_of(const char *path, Err *err)
{
    char folder[PATH_MAX];
    const char *base = strrchr(path, '/');
    size_t length = base == NULL ? 0 : (size_t) (base - path);
    if (length >= sizeof(folder)) {
        err_set(err, ERR_RANGE, "cannot follow '%s': its name is too long", path);
        return NULL;
    }
    snprintf(folder, sizeof(folder), "%.*s", (int) (length == 0 ? 1 : length), base == NULL ? "." : path);
    char *full = realpath(folder, NULL);
    Buffer pattern = {0};
    if (full == NULL) {
        err_set(err, ERR_NOT_FOUND, "cannot follow '%s': %s", path, strerror(errno));
        return NULL;
    }
    bool done =
        buffer_append_text(&pattern, strcmp(full, "/") == 0 ? "" : full, err) && buffer_append_text(&pattern, "/", err);
    for (const char *at = base == NULL ? path : base + 1; done && *at != '\0'; at++)
        done = (strchr("*?[\\", *at) == NULL || buffer_append(&pattern, "\\", 1, err)) &&
               buffer_append(&pattern, at, 1, err);
    free(full);
    if (!done)
        buffer_free(&pattern);
    return pattern.data;
}

static bool
guess_format(const char *path, ImportFormat *format, Err *err)
{
    LineReader *reader = line_reader_open(path, err);
    bool done = reader != NULL && import_format_guess(reader, path, format, err);
    line_reader_free(&reader);
    return done || err_hint(err, "say it with --format ndjson, csv or lambda-report");
}

static bool
read_rule(const char *path, ImportFormat format, const ImportSettings *settings, FollowRule *rule, Err *err)
{
    if (strcmp(path, "-") == 0)
        return err_set(err, ERR_USAGE, "--follow: standard input cannot be followed, name a file");
    rule->format = format;
    rule->settings = *settings;
    if (format == IMPORT_UNKNOWN && !guess_format(path, &rule->format, err))
        return false;
    if (rule->format == IMPORT_LAMBDA_REPORT && settings->defaults.tenant.length == 0) {
        err_set(err, ERR_USAGE, "%s: a Lambda log does not name its tenant", path);
        return err_hint(err, "say whose it is with --tenant NAME");
    }
    rule->pattern = pattern_of(path, err);
    return rule->pattern != NULL;
}

static bool
read_rules(Following *self, const char *const *paths, ImportFormat format, const ImportSettings *settings, Err *err)
{
    size_t count = 0;
    while (paths[count] != NULL)
        count++;
    self->rules = calloc(count + 1, sizeof(*self->rules));
    if (self->rules == NULL)
        return err_set(err, ERR_NOMEM, "no memory to follow %zu files", count);
    for (; self->rule_count < count; self->rule_count++)
        if (!read_rule(paths[self->rule_count], format, settings, &self->rules[self->rule_count], err))
            return false;
    return true;
}

static void
disconnect(Following *self)
{
    follow_set_free(&self->set);
    upload_free(&self->upload);
}

static bool
connect_agent(Following *self, Err *err)
{
    const FollowOwner owner = {self, take_record, take_rejected, take_loss, find_mark, find_marks};
    self->upload = upload_open(self->socket, &self->begin, err);
    if (self->upload != NULL)
        self->set = follow_set_new(self->rules, self->rule_count, &owner, err);
    if (self->set == NULL) {
        disconnect(self);
        return false;
    }
    upload_on_put(self->upload, marks_of_batch, self);
    return true;
}

static bool
flush(Following *self, int64_t now_us, Err *err)
{
    bool due = upload_waiting(self->upload) > 0 ? now_us - self->flushed_us >= FLUSH_US
                                                : follow_set_marks_due(self->set, now_us);
    if (!due && !stopping)
        return true;
    self->flushed_us = now_us;
    if (!upload_sync(self->upload, err))
        return false;
    follow_set_committed(self->set);
    return true;
}

/* A signal ends the sleep. */
static void
wait_us(int64_t us)
{
    us = us > SLEEP_US_MAX ? SLEEP_US_MAX : us;
    const struct timespec pause = {.tv_sec = us / UTC_SECOND_US, .tv_nsec = us % UTC_SECOND_US * 1000};
    if (us > 0 && !stopping)
        (void) nanosleep(&pause, NULL);
}

/* Follow until the agent or the user ends it. */
static bool
follow(Following *self, Err *err)
{
    for (;;) {
        int64_t now_us = utc_monotonic_us();
        bool last = stopping != 0;
        if (!follow_set_poll(self->set, now_us, err) || !flush(self, now_us, err))
            return false;
        if (last)
            break;
        int64_t pause_us = follow_set_due_us(self->set) - now_us;
        wait_us(upload_waiting(self->upload) > 0 && pause_us > FLUSH_US ? FLUSH_US : pause_us);
    }
    LocalOutcome outcome = {0};
    return upload_finish(self->upload, false, &outcome, err);
}

static bool
run(Following *self, Err *err)
{
    for (;;) {
        if (follow(self, err))
            return true;
        disconnect(self);
        log_err(LOG_LEVEL_WARN, "agent_away", err);
        do {
            err_clear(err);
            wait_us(RETRY_US);
            if (stopping)
                return true; /* what the agent does not have stays in the files */
        } while (!connect_agent(self, err));
        log_info("event=agent_back");
    }
}

static void
watch_signals(void)
{
    struct sigaction action = {.sa_handler = stop};
    sigemptyset(&action.sa_mask);
    (void) sigaction(SIGINT, &action, NULL);
    (void) sigaction(SIGTERM, &action, NULL);
}

bool
import_follow(const char *const *paths, ImportFormat format, const ImportSettings *settings, const char *tenant,
              const Config *config, Err *err)
{
    Following self = {.socket = config->import_socket, .begin = {"import", "--follow", tenant, true, 0}};
    log_start("import", LOG_LEVEL_INFO);
    watch_signals();
    bool done = read_rules(&self, paths, format, settings, err) && connect_agent(&self, err) && run(&self, err);
    disconnect(&self);
    for (size_t i = 0; i < self.rule_count; i++) {
        char *pattern;
        memcpy(&pattern, &self.rules[i].pattern, sizeof(pattern));
        free(pattern);
    }
    free(self.rules);
    if (done)
        fprintf(stderr, "%" PRIu64 " records, %" PRIu64 " lines rejected; go on with the same command\n", self.records,
                self.rejected);
    return done;
}
