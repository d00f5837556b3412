#include "agent/upload.h"

#include <stdlib.h>

#include "lib/array.h"
#include "lib/progress.h"

struct Upload {
    LocalClient *client;
    UsageBatchBuilder *builder;
    Buffer packed;
    Progress committing;
    UploadMarks marks;
    void *caller;
    FileMark *pending; /* marks for the batch that is put next */
    size_t pending_count;
    size_t pending_room;
};

MUST_CHECK Upload *
upload_open(const char *socket_path, const LocalBegin *begin, Err *err)
{
    Upload *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to send records");
        return NULL;
    }
    self->builder = usage_batch_builder_new(err);
    self->client = self->builder == NULL ? NULL : local_client_open(socket_path, begin, err);
    if (self->client == NULL)
        upload_free(&self);
    return self;
}

void
upload_free(Upload **self)
{
    if (*self == NULL)
        return;
    local_client_free(&(*self)->client);
    usage_batch_builder_free(&(*self)->builder);
    buffer_free(&(*self)->packed);
    free((*self)->pending);
    free(*self);
    *self = NULL;
}

static bool
add_mark(void *context, const FileMark *mark, Err *err)
{
    Upload *self = context;
    if (!array_grow(&self->pending, &self->pending_room, self->pending_count, sizeof(*self->pending), err))
        return false;
    self->pending[self->pending_count++] = *mark;
    return true;
}

static bool
put_batch(Upload *self, Err *err)
{
    self->pending_count = 0;
    if (self->marks != NULL && !self->marks(self->caller, add_mark, self, err))
        return false;
    buffer_clear(&self->packed);
    if (usage_batch_builder_entries(self->builder) == 0 && self->pending_count == 0)
        return true;
    return (usage_batch_builder_entries(self->builder) == 0 ||
            usage_batch_builder_pack(self->builder, &self->packed, err)) &&
           local_client_put(self->client, buffer_text(&self->packed), self->pending, self->pending_count, err);
}

/* The builder was full: make room, so that the caller may try once more. */
static bool
make_room(Upload *self, Err *problem, Err *err)
{
    if (problem->code != ERR_FULL || usage_batch_builder_entries(self->builder) == 0) {
        err_set(err, problem->code, "%s", problem->message);
        return false;
    }
    err_clear(problem);
    return put_batch(self, err);
}

/* Before the next entry is added, not after: what marks say about an entry comes to be while it is handed over. */
static bool
put_when_full(Upload *self, Err *err)
{
    return usage_batch_builder_entries(self->builder) < USAGE_BATCH_RECORDS || put_batch(self, err);
}

MUST_CHECK bool
upload_record(Upload *self, const UsageRecord *record, Err *err)
{
    Err problem;
    err_clear(&problem);
    return put_when_full(self, err) &&
           (usage_batch_builder_add(self->builder, record, &problem) ||
            (make_room(self, &problem, err) && usage_batch_builder_add(self->builder, record, err)));
}

MUST_CHECK bool
upload_reject(Upload *self, const UsageRejected *rejected, Err *err)
{
    Err problem;
    err_clear(&problem);
    return put_when_full(self, err) &&
           (usage_batch_builder_reject(self->builder, rejected, &problem) ||
            (make_room(self, &problem, err) && usage_batch_builder_reject(self->builder, rejected, err)));
}

MUST_CHECK bool
upload_lose(Upload *self, const UsageLoss *loss, Err *err)
{
    Err problem;
    err_clear(&problem);
    return put_when_full(self, err) &&
           (usage_batch_builder_lose(self->builder, loss, &problem) ||
            (make_room(self, &problem, err) && usage_batch_builder_lose(self->builder, loss, err)));
}

void
upload_on_put(Upload *self, UploadMarks marks, void *caller)
{
    self->marks = marks;
    self->caller = caller;
}

MUST_CHECK bool
upload_sync(Upload *self, Err *err)
{
    return put_batch(self, err) && local_client_sync(self->client, err);
}

size_t
upload_waiting(const Upload *self)
{
    return usage_batch_builder_entries(self->builder);
}

MUST_CHECK bool
upload_find(Upload *self, uint64_t device, uint64_t inode, const char *pattern, FollowVisit visit, void *context,
            Err *err)
{
    return local_client_find(self->client, device, inode, pattern, visit, context, err);
}

static void
show_commits(void *caller, const LocalClient *client)
{
    progress_show(caller, (int64_t) local_client_committed(client), (int64_t) local_client_sent(client));
}

MUST_CHECK bool
upload_finish(Upload *self, bool wait, LocalOutcome *outcome, Err *err)
{
    if (!put_batch(self, err))
        return false;
    self->committing = progress_start("committing");
    if (wait)
        local_client_on_report(self->client, show_commits, &self->committing);
    bool done = local_client_finish(self->client, wait, outcome, err);
    progress_end(&self->committing);
    return done;
}
