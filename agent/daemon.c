#include "agent/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/binding.h"
#include "agent/identity_window.h"
#include "agent/keeper.h"
#include "agent/loop.h"
#include "agent/packer.h"
#include "agent/source_follow.h"
#include "agent/source_local.h"
#include "agent/source_ring.h"
#include "agent/source_socket.h"
#include "agent/spool.h"
#include "agent/uplink.h"
#include "lib/log.h"
#include "lib/utc.h"

enum {
    TURN_MS_MAX = 10000,
    FULL_RETRY_US = 100000, /* how often a flush into a full spool is tried again */
    TIDY_AFTER_US = 200000, /* how long acknowledged batches may stay on disk when nothing else is written */
    MMAP_THRESHOLD_BYTES = 128 << 10
};

struct Daemon {
    LoopWatch signals;
    const Config *config;
    Bindings *bindings;
    Loop *loop;
    Spool *spool;
    IdentityWindow *window; /* NULL: switched off */
    Packer *socket_packer;
    Packer *ring_packer;
    Packer *follow_packer;
    SourceFollow *follow;
    Keeper *keeper;
    SourceSocket *socket;
    SourceRing *ring;
    SourceLocal *local;
    Uplink *uplink;
    const Packer *full;    /* the one whose batch first found no room in the spool; NULL: there is room */
    int64_t full_until_us; /* no flush before */
    int64_t tidy_us;       /* when acknowledged batches are removed at the latest */
    bool stopping;
};

static void
on_committed(void *context, uint64_t key)
{
    source_local_committed(((Daemon *) context)->local, key);
}

static void
on_registered(void *context, const char *tenant)
{
    source_local_registered(((Daemon *) context)->local, tenant);
}

static void
on_settled(void *context, const Millibill__Settled *settled)
{
    source_local_settled(((Daemon *) context)->local, settled);
}

static void
signal_ready(LoopWatch *watch, uint32_t events)
{
    Daemon *self = (Daemon *) watch;
    struct signalfd_siginfo signal_info;
    (void) events;
    if (read(watch->fd, &signal_info, sizeof(signal_info)) == (ssize_t) sizeof(signal_info)) {
        log_info("event=stopping signal=%u", signal_info.ssi_signo);
        self->stopping = true;
    }
}

/* Small, and given back: batches of some hundred kilobytes come and go for hours. */
static void
tune_process(void)
{
    (void) mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
    (void) mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD_BYTES);
    (void) mallopt(M_ARENA_MAX, 1);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &files);
    }
    (void) signal(SIGPIPE, SIG_IGN);
    (void) signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error to report, not an end */
}

static bool
watch_signals(Daemon *self, Err *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    self->signals.ready = signal_ready;
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
        (self->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0)
        return err_set(err, ERR_IO, "watching signals: %s", strerror(errno));
    return loop_add(self->loop, &self->signals, EPOLLIN, err);
}

/* Called by the packer of the sockets. */
static bool
stage_identities(void *context, Err *err)
{
    return identity_window_stage(context, utc_now_us(), err);
}

static bool
open_window(Daemon *self, Err *err)
{
    const Config *config = self->config;
    if (config->identity_window_hours == 0 || config->identity_window_entries == 0)
        return true;
    self->window = identity_window_open(self->spool, config->identity_window_hours, config->identity_window_entries,
                                        config->spool_max_mb, err);
    if (self->window == NULL)
        return false;
    packer_on_staged(self->socket_packer, stage_identities, self->window);
    return true;
}

static bool
open_packers(Daemon *self, Err *err)
{
    const Config *config = self->config;
    int64_t records = config->batch_records_max;
    if (records < 1 || records > USAGE_BATCH_RECORDS_MAX || config->flush_interval_ms < 1) {
        err_set(err, ERR_RANGE,
                "batch_records_max is %" PRId64 " (1 to %d), flush_interval_ms is %" PRId64 " (1 or more)", records,
                USAGE_BATCH_RECORDS_MAX, config->flush_interval_ms);
        return false;
    }
    int64_t interval_us = config->flush_interval_ms * 1000;
    self->socket_packer = packer_new(self->spool, "socket", config->agent_socket, (size_t) records, interval_us, err);
    self->ring_packer = packer_new(self->spool, "ring", config->ring_socket, (size_t) records, interval_us, err);
    self->follow_packer = packer_new(self->spool, "follow", "files", (size_t) records, interval_us, err);
    if (self->socket_packer == NULL || self->ring_packer == NULL || self->follow_packer == NULL)
        return false;
    packer_set_history(self->follow_packer);
    return open_window(self, err);
}

static bool
open_sources(Daemon *self, Err *err)
{
    const Config *config = self->config;
    if (!directory_make(config->run, 0750, err))
        return false;
    const SourceSocketParts parts = {self->loop, self->socket_packer, self->window, self->bindings};
    self->socket = source_socket_open(config, &parts, err);
    if (self->socket == NULL)
        return false;
    const SourceRingParts ring_parts = {self->loop, self->ring_packer, self->spool, self->keeper, self->bindings};
    self->ring = source_ring_open(config->ring_socket, ring_parts, err);
    if (self->ring == NULL)
        return false;
    self->local = source_local_open(config, self->loop, self->spool, self->bindings, err);
    if (self->local == NULL)
        return false;
    source_local_set_uplink(self->local, self->uplink);
    self->follow = source_follow_open(config, self->follow_packer, self->spool, err);
    return self->follow != NULL;
}

static bool
open_parts(Daemon *self, Err *err)
{
    const UplinkHandlers handlers = {self, on_committed, on_registered, on_settled};
    self->keeper = keeper_open(err);
    self->bindings = self->keeper == NULL ? NULL : bindings_new(self->config, err);
    self->loop = self->bindings == NULL ? NULL : loop_new(err);
    if (self->loop == NULL || !watch_signals(self, err))
        return false;
    self->spool = spool_open(self->config->spool, self->config->spool_max_mb, utc_now_us(), err);
    if (self->spool == NULL)
        return false;
    spool_retain(self->spool, self->config->spool_retain_hours);
    self->uplink = uplink_new(self->config, self->loop, self->spool, handlers, err);
    return self->uplink != NULL && open_packers(self, err) && open_sources(self, err);
}

Daemon *
daemon_new(const Config *config, Err *err)
{
    if (sodium_init() < 0) {
        err_set(err, ERR_INTERNAL, "libsodium cannot start");
        return NULL;
    }
    Daemon *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for the agent");
        return NULL;
    }
    self->config = config;
    self->signals.fd = -1;
    self->tidy_us = INT64_MAX;
    tune_process();
    if (!open_parts(self, err))
        daemon_free(&self);
    return self;
}

void
daemon_free(Daemon **self)
{
    Daemon *daemon = *self;
    *self = NULL;
    if (daemon == NULL)
        return;
    source_socket_free(&daemon->socket);
    source_ring_free(&daemon->ring);
    source_local_free(&daemon->local);
    packer_free(&daemon->socket_packer);
    packer_free(&daemon->ring_packer);
    identity_window_free(&daemon->window);
    source_follow_free(&daemon->follow);
    packer_free(&daemon->follow_packer);
    uplink_free(&daemon->uplink);
    spool_free(&daemon->spool);
    if (daemon->signals.fd >= 0)
        (void) close(daemon->signals.fd);
    loop_free(&daemon->loop);
    bindings_free(&daemon->bindings);
    keeper_free(&daemon->keeper);
    free(daemon);
}

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Milliseconds until something has to be done. */
static int
turn_timeout_ms(const Daemon *self, int64_t now_us)
{
    int64_t flush_us = earlier(earlier(packer_due_us(self->socket_packer), packer_due_us(self->ring_packer)),
                               packer_due_us(self->follow_packer));
    if (flush_us < self->full_until_us)
        flush_us = self->full_until_us;
    int64_t sources_us = earlier(source_ring_due_us(self->ring), source_follow_due_us(self->follow));
    int64_t due_us = earlier(earlier(flush_us, sources_us), earlier(uplink_due_us(self->uplink), self->tidy_us));
    due_us = earlier(due_us, earlier(source_socket_due_us(self->socket), source_local_due_us(self->local)));
    if (spool_is_staged(self->spool) || due_us <= now_us)
        return 0;
    return (int) earlier((due_us - now_us + 999) / 1000, TURN_MS_MAX);
}

/* Flush what is due (or all); a full spool is waited for. */
static bool
flush(Daemon *self, Packer *packer, int64_t now_us, bool all, Err *err)
{
    if (!all && (packer_due_us(packer) > now_us || now_us < self->full_until_us))
        return true;
    Err full = {0};
    if (packer_flush(packer, &full)) {
        if (packer == self->full)
            log_info("event=spool_has_room");
        self->full = packer == self->full ? NULL : self->full;
        return true;
    }
    if (full.code != ERR_FULL) {
        *err = full;
        return false;
    }
    if (self->full == NULL) {
        log_err(LOG_LEVEL_WARN, "spool_full", &full);
        self->full = packer;
    }
    self->full_until_us = now_us + FULL_RETRY_US;
    return true;
}

/* Make all that was taken durable. `*news`: the sources are to be told. Afterwards nothing is staged. */
static bool
commit(Daemon *self, int64_t now_us, bool *news, Err *err)
{
    *news = false;
    bool staged = spool_is_staged(self->spool);
    bool tidy = now_us >= self->tidy_us;
    if (!staged && !spool_is_untidy(self->spool))
        return true;
    if (!spool_commit(self->spool, tidy, err))
        return false;
    if (!spool_is_untidy(self->spool))
        self->tidy_us = INT64_MAX;
    else if (self->tidy_us == INT64_MAX)
        self->tidy_us = now_us + TIDY_AFTER_US;
    *news = staged || !spool_is_untidy(self->spool);
    return true;
}

/* Those that waited for room stage again at once: what they stage is durable with the next turn's commit. */
static void
tell_sources(Daemon *self)
{
    source_socket_committed(self->socket);
    source_ring_committed(self->ring);
    source_follow_committed(self->follow);
    source_local_spooled(self->local);
}

static bool
turn(Daemon *self, Err *err)
{
    if (!loop_turn(self->loop, turn_timeout_ms(self, utc_monotonic_us()), err))
        return false;
    int64_t now_us = utc_monotonic_us();
    bool news = false;
    source_socket_service(self->socket, now_us);
    source_local_service(self->local, now_us);
    if (!source_ring_poll(self->ring, now_us, err) || !flush(self, self->socket_packer, now_us, false, err) ||
        !flush(self, self->ring_packer, now_us, false, err) ||
        !source_follow_poll(self->follow, now_us, uplink_is_ready(self->uplink), err) ||
        !flush(self, self->follow_packer, now_us, false, err) || !commit(self, now_us, &news, err))
        return false;
    /* The uplink looks at durable batches only, and comes before the sources: with a full spool and many who wait for room it
     * would never find the moment at which nothing is staged, and the spool would never drain. */
    if (!uplink_service(self->uplink, now_us, err))
        return false;
    if (news)
        tell_sources(self);
    if (self->tidy_us == INT64_MAX && spool_is_untidy(self->spool))
        self->tidy_us = now_us + TIDY_AFTER_US;
    source_local_settle(self->local);
    return true;
}

/* Everything that was taken, and what still stands in sockets and rings, goes to the spool. */
static bool
finish(Daemon *self, Err *err)
{
    int64_t now_us = utc_monotonic_us();
    bool news = false;
    source_socket_drain(self->socket);
    if (!source_ring_poll(self->ring, INT64_MAX / 2, err) || !flush(self, self->socket_packer, now_us, true, err) ||
        !flush(self, self->ring_packer, now_us, true, err) || !flush(self, self->follow_packer, now_us, true, err) ||
        !commit(self, now_us, &news, err))
        return false;
    if (news)
        tell_sources(self);
    source_local_settle(self->local);
    if (packer_entries(self->socket_packer) > 0 || packer_entries(self->ring_packer) > 0)
        log_warn("event=spool_full_at_end unacknowledged=%zu", packer_entries(self->socket_packer));
    log_info("event=stopped waiting=%" PRIu64, spool_last(self->spool) + 1 - spool_first(self->spool));
    return true;
}

bool
daemon_run(Daemon *self, Err *err)
{
    log_info("event=ready socket=%s imports=%s rings=%s waiting=%" PRIu64, self->config->agent_socket,
             self->config->import_socket, self->config->ring_socket,
             spool_last(self->spool) + 1 - spool_first(self->spool));
    keeper_tell(self->keeper, "READY=1");
    while (!self->stopping)
        if (!turn(self, err))
            return false;
    keeper_tell(self->keeper, "STOPPING=1");
    return finish(self, err);
}
