#include "agent/source_follow.h"

#include <stdlib.h>

#include "agent/file_marks.h"
#include "agent/follow_set.h"
#include "agent/spool_notes.h"
#include "lib/utc.h"

enum { WAIT_US = 100000 };

struct SourceFollow {
    Packer *packer;
    Spool *spool;
    int64_t spool_bytes;
    FollowRule *rules;
    size_t rule_count;
    FollowSet *set;
    int64_t now_us;
    int64_t wait_us;  /* nothing is read before */
    int64_t sweep_us; /* when old marks are forgotten; 0: not yet known */
};

static bool
take_record(void *caller, const UsageRecord *record, Err *err)
{
    const SourceFollow *self = caller;
    return packer_add(self->packer, record, self->now_us, err);
}

static bool
take_rejected(void *caller, const UsageRejected *rejected, Err *err)
{
    const SourceFollow *self = caller;
    return packer_reject(self->packer, rejected, self->now_us, err);
}

static bool
take_loss(void *caller, const UsageLoss *loss, Err *err)
{
    const SourceFollow *self = caller;
    return packer_lose(self->packer, loss, self->now_us, err);
}

static bool
find_mark(void *caller, uint64_t device, uint64_t inode, FileMark *out, bool *found, Err *err)
{
    const SourceFollow *self = caller;
    return file_marks_find(self->spool, device, inode, out, found, err);
}

static bool
find_marks(void *caller, const char *pattern, FollowVisit visit, void *context, Err *err)
{
    const SourceFollow *self = caller;
    return file_marks_find_all(self->spool, pattern, visit, context, err);
}

static bool
put_mark(void *context, const FileMark *mark, Err *err)
{
    FileMark own = *mark;
    own.owner = 0; /* whoever set it before: the agent follows the file now */
    return file_marks_put(context, &own, err);
}

/* What was handed over so far is staged: its marks with it. */
static bool
batch_staged(void *context, Err *err)
{
    SourceFollow *self = context;
    return follow_set_stage(self->set, put_mark, self->spool, err);
}

/* Marks alone, between batches; they wait while the disk is full. */
static bool
stage_marks(SourceFollow *self, Err *err)
{
    Err problem = {0};
    if (batch_staged(self, &problem))
        return true;
    if (problem.code == ERR_FULL)
        self->wait_us = self->now_us + WAIT_US;
    else
        *err = problem;
    return problem.code == ERR_FULL;
}

static bool
read_rule(const ConfigFollow *setting, FollowRule *rule, Err *err)
{
    DecodeDefaults *defaults = &rule->settings.defaults;
    rule->pattern = setting->path;
    *defaults = (DecodeDefaults){.tenant = text_of(setting->tenant),
                                 .tenant_bound = setting->tenant[0] != '\0',
                                 .function = text_of(setting->function),
                                 .region = text_of(setting->region),
                                 .has_architecture = setting->architecture[0] != '\0',
                                 .at_us = USAGE_ABSENT};
    if (!import_format_parse(setting->format, &rule->format))
        return err_set(err, ERR_INPUT, "follow: '%s': '%s' is none of ndjson, csv, lambda-report", setting->path,
                       setting->format);
    if (rule->format == IMPORT_LAMBDA_REPORT && setting->tenant[0] == '\0')
        return err_set(err, ERR_INPUT, "follow: '%s': a Lambda log does not name its tenant; add tenant: to it",
                       setting->path);
    if (defaults->has_architecture &&
        !usage_architecture_parse(text_of(setting->architecture), &defaults->architecture))
        return err_set(err, ERR_INPUT, "follow: '%s': architecture '%s' is neither x86_64 nor arm64", setting->path,
                       setting->architecture);
    return true;
}

static bool
read_rules(SourceFollow *self, const Config *config, Err *err)
{
    self->rule_count = (size_t) config->follow_count;
    self->rules = calloc(self->rule_count + 1, sizeof(*self->rules));
    if (self->rules == NULL)
        return err_set(err, ERR_NOMEM, "no memory to follow files");
    for (size_t i = 0; i < self->rule_count; i++)
        if (!read_rule(&config->follow[i], &self->rules[i], err))
            return false;
    return true;
}

SourceFollow *
source_follow_open(const Config *config, Packer *packer, Spool *spool, Err *err)
{
    SourceFollow *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to follow files");
        return NULL;
    }
    const FollowOwner owner = {self, take_record, take_rejected, take_loss, find_mark, find_marks};
    self->packer = packer;
    self->spool = spool;
    self->spool_bytes = config->spool_max_mb << 20;
    if (read_rules(self, config, err))
        self->set = follow_set_new(self->rules, self->rule_count, &owner, err);
    if (self->set == NULL)
        source_follow_free(&self);
    else
        packer_on_staged(packer, batch_staged, self);
    return self;
}

void
source_follow_free(SourceFollow **self)
{
    SourceFollow *source = *self;
    *self = NULL;
    if (source == NULL)
        return;
    follow_set_free(&source->set);
    free(source->rules);
    free(source);
}

/* May more be read? What the collector does not take yet stays in the files rather than in the spool: half of it is left to
 * sources that cannot wait. */
static bool
may_read(const SourceFollow *self, bool delivering)
{
    uint64_t waiting = spool_last(self->spool) + 1 - spool_first(self->spool);
    return spool_notes_have_room(self->spool, (follow_set_files(self->set) + 1) * FILE_MARK_ROOM_BYTES) &&
           spool_has_room(self->spool, (size_t) self->spool_bytes / 2) &&
           (!delivering || waiting < SOURCE_FOLLOW_AHEAD_BATCHES);
}

static bool
sweep(SourceFollow *self, int64_t now_us, Err *err)
{
    bool too_many = spool_notes_count(self->spool, SPOOL_FILES) > FILE_MARKS_MAX + FILE_MARKS_MAX / 4;
    if (self->sweep_us == 0)
        self->sweep_us = now_us + UTC_HOUR_US; /* by then the marks of all files that are followed have been touched */
    if (now_us < self->sweep_us && !too_many)
        return true;
    self->sweep_us = now_us + UTC_DAY_US;
    return file_marks_sweep(self->spool, utc_now_us(), err);
}

bool
source_follow_poll(SourceFollow *self, int64_t now_us, bool delivering, Err *err)
{
    if (now_us < source_follow_due_us(self))
        return true;
    if (!sweep(self, now_us, err))
        return false;
    if (!may_read(self, delivering)) {
        self->wait_us = now_us + WAIT_US;
        return true;
    }
    self->now_us = now_us;
    if (!follow_set_poll(self->set, now_us, err))
        return false;
    bool nothing_waits = packer_due_us(self->packer) == INT64_MAX;
    return !nothing_waits || !follow_set_marks_due(self->set, now_us) || stage_marks(self, err);
}

int64_t
source_follow_due_us(const SourceFollow *self)
{
    int64_t due_us = follow_set_due_us(self->set);
    return due_us > self->wait_us ? due_us : self->wait_us;
}

void
source_follow_committed(SourceFollow *self)
{
    follow_set_committed(self->set);
}
