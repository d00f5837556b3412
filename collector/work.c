#include "collector/work.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/utc.h"

MUST_CHECK Work *
work_new(const Route *route, const GateAgent *agent, Millibill__Frame *frame, size_t bytes, Err *err)
{
    Work *self = calloc(1, sizeof *self);
    if (self == NULL) {
        millibill__frame__free_unpacked(frame, NULL);
        err_set(err, ERR_NOMEM, "no memory for a peer's message");
        return NULL;
    }
    self->route = *route;
    self->agent = *agent;
    self->frame = frame;
    self->bytes = bytes;
    return self;
}

void
work_free(Work **self)
{
    if (*self == NULL)
        return;
    millibill__frame__free_unpacked((*self)->frame, NULL);
    free(*self);
    *self = NULL;
}

/* ---- work ---- */

struct WorkQueue {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    Work *first;
    Work *last;
    size_t count, bytes;
    size_t count_max, bytes_max;
    bool closed;
};

MUST_CHECK WorkQueue *
work_queue_new(size_t count_max, size_t bytes_max, Err *err)
{
    WorkQueue *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a queue");
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    self->count_max = count_max;
    self->bytes_max = bytes_max;
    return self;
}

void
work_queue_free(WorkQueue **self)
{
    if (*self == NULL)
        return;
    while ((*self)->first != NULL) {
        Work *work = (*self)->first;
        (*self)->first = work->next;
        work_free(&work);
    }
    pthread_cond_destroy(&(*self)->changed);
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}

bool
work_queue_has_room(WorkQueue *self)
{
    pthread_mutex_lock(&self->lock);
    bool room = self->count < self->count_max && self->bytes < self->bytes_max;
    pthread_mutex_unlock(&self->lock);
    return room;
}

WorkLoad
work_queue_load(WorkQueue *self)
{
    pthread_mutex_lock(&self->lock);
    const WorkLoad load = {self->count, self->bytes};
    pthread_mutex_unlock(&self->lock);
    return load;
}

void
work_queue_put(WorkQueue *self, Work *work)
{
    pthread_mutex_lock(&self->lock);
    work->next = NULL;
    if (self->last == NULL)
        self->first = work;
    else
        self->last->next = work;
    self->last = work;
    self->count++;
    self->bytes += work->bytes;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static Work *
unlink_first(WorkQueue *self)
{
    Work *work = self->first;
    self->first = work->next;
    if (self->first == NULL)
        self->last = NULL;
    self->count--;
    self->bytes -= work->bytes;
    return work;
}

MUST_CHECK Work *
work_queue_take(WorkQueue *self, int64_t deadline_us, bool batches_only)
{
    const struct timespec deadline = {deadline_us / UTC_SECOND_US, (deadline_us % UTC_SECOND_US) * 1000};
    Work *work = NULL;
    pthread_mutex_lock(&self->lock);
    while (self->first == NULL && !self->closed)
        if (pthread_cond_timedwait(&self->changed, &self->lock, &deadline) == ETIMEDOUT)
            break;
    bool wanted = self->first != NULL && !self->closed &&
                  (!batches_only || self->first->frame->kind_case == MILLIBILL__FRAME__KIND_BATCH);
    if (wanted)
        work = unlink_first(self);
    pthread_mutex_unlock(&self->lock);
    return work;
}

void
work_queue_close(WorkQueue *self)
{
    pthread_mutex_lock(&self->lock);
    self->closed = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

/* ---- replies ---- */

typedef struct Reply {
    Route route;
    Buffer bytes;
    struct Reply *next;
} Reply;

struct ReplyQueue {
    int descriptor;
    pthread_mutex_t lock; /* guards first and last */
    Reply *first;
    Reply *last;
};

MUST_CHECK ReplyQueue *
reply_queue_new(Err *err)
{
    ReplyQueue *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a queue");
        return NULL;
    }
    pthread_mutex_init(&self->lock, NULL);
    self->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->descriptor < 0) {
        err_set(err, ERR_IO, "cannot make an eventfd");
        reply_queue_free(&self);
    }
    return self;
}

void
reply_queue_free(ReplyQueue **self)
{
    if (*self == NULL)
        return;
    while ((*self)->first != NULL) {
        Reply *reply = (*self)->first;
        (*self)->first = reply->next;
        buffer_free(&reply->bytes);
        free(reply);
    }
    if ((*self)->descriptor >= 0)
        close((*self)->descriptor);
    pthread_mutex_destroy(&(*self)->lock);
    free(*self);
    *self = NULL;
}

int
reply_queue_descriptor(const ReplyQueue *self)
{
    return self->descriptor;
}

void
reply_queue_put(ReplyQueue *self, const Route *route, const Millibill__Frame *frame)
{
    Err err = {0};
    Reply *reply = calloc(1, sizeof *reply);
    if (reply == NULL || !wire_frame_pack(frame, &reply->bytes, &err)) {
        log_warn("event=reply_dropped message=\"%s\"", reply == NULL ? "no memory" : err.message);
        free(reply);
        return;
    }
    reply->route = *route;
    pthread_mutex_lock(&self->lock);
    if (self->last == NULL)
        self->first = reply;
    else
        self->last->next = reply;
    self->last = reply;
    pthread_mutex_unlock(&self->lock);
    eventfd_write(self->descriptor, 1);
}

MUST_CHECK bool
reply_queue_take(ReplyQueue *self, Route *route, Buffer *bytes)
{
    eventfd_t ignored;
    pthread_mutex_lock(&self->lock);
    Reply *reply = self->first;
    if (reply != NULL) {
        self->first = reply->next;
        if (self->first == NULL)
            self->last = NULL;
    } else {
        eventfd_read(self->descriptor, &ignored);
    }
    pthread_mutex_unlock(&self->lock);
    if (reply == NULL)
        return false;
    *route = reply->route;
    *bytes = reply->bytes;
    free(reply);
    return true;
}
