#include "agent/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { TURN_EVENTS = 64 };

struct Loop {
    int epoll;
    int count; /* of `ready`, while they are handed out */
    struct epoll_event ready[TURN_EVENTS];
    Err failure;
};

Loop *
loop_new(Err *err)
{
    Loop *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the event loop");
        return NULL;
    }
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll < 0) {
        err_set(err, ERR_IO, "epoll_create1: %s", strerror(errno));
        free(self);
        return NULL;
    }
    return self;
}

void
loop_free(Loop **self)
{
    if (*self != NULL)
        (void) close((*self)->epoll);
    free(*self);
    *self = NULL;
}

bool
loop_add(Loop *self, LoopWatch *watch, uint32_t events, Err *err)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    watch->events = events;
    if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, watch->fd, &event) != 0)
        return err_set(err, ERR_IO, "epoll_ctl: %s", strerror(errno));
    return true;
}

void
loop_change(Loop *self, LoopWatch *watch, uint32_t events)
{
    if (watch->events == events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = watch};
    watch->events = events;
    (void) epoll_ctl(self->epoll, EPOLL_CTL_MOD, watch->fd, &event); /* fails only for a descriptor never added */
}

void
loop_remove(Loop *self, LoopWatch *watch)
{
    (void) epoll_ctl(self->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = 0; i < self->count; i++)
        if (self->ready[i].data.ptr == watch)
            self->ready[i].data.ptr = NULL;
}

void
loop_fail(Loop *self, const Err *err)
{
    if (!err_is_set(&self->failure))
        self->failure = *err;
}

bool
loop_turn(Loop *self, int timeout_ms, Err *err)
{
    int count = epoll_wait(self->epoll, self->ready, TURN_EVENTS, timeout_ms);
    if (count < 0)
        return errno == EINTR || err_set(err, ERR_IO, "epoll_wait: %s", strerror(errno));
    self->count = count;
    for (int i = 0; i < count; i++) {
        LoopWatch *watch = self->ready[i].data.ptr;
        if (watch != NULL)
            watch->ready(watch, self->ready[i].events);
    }
    self->count = 0;
    if (err_is_set(&self->failure) && err != NULL && !err_is_set(err))
        *err = self->failure;
    return !err_is_set(&self->failure);
}
