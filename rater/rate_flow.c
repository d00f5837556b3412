#include "rater/rate_flow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/array.h"
#include "rater/rate_rows.h"
#include "schema/tenant_store.h"

enum { CHUNK_ROWS = 1024, CHUNKS = 8, WORKERS_MAX = 8, LOOK_MS = 200, BATCH_TENANTS = 2000 };

typedef enum ChunkState { CHUNK_FREE, CHUNK_READ, CHUNK_TAKEN, CHUNK_RATED } ChunkState;

/* Of one batch of tenants, whose accounts travel in some chunks. */
typedef struct KnownSet {
    RateKnown known;
    size_t users; /* chunks that are not settled, and the reader while it reads the batch; under the mutex */
} KnownSet;

typedef struct Chunk {
    ChunkState state;
    KnownSet *set; /* none: NULL */
    RatingRows *rows;
    RateAccount *accounts;
    size_t count, capacity;
} Chunk;

struct RateFlow {
    const RateMonth *run;
    Db *db; /* the reader's */
    pthread_t reader;
    pthread_t workers[WORKERS_MAX];
    size_t worker_count;
    bool has_reader;
    bool drafts;
    const RateTenant **tenants; /* at hand, by account and name */
    size_t tenant_count;
    size_t
        filling; /* number of the chunk that the reader fills: chunks are numbered from 0 and lie in all[number % CHUNKS] */
    size_t settling; /* of the one that the caller looks at */
    bool given;      /* it does so now */
    /* Shared by all threads, under the mutex: the states of chunks, and these. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t taken; /* chunks that workers have or had */
    size_t read;  /* chunks that are read or were */
    bool at_end;  /* no further chunk will be read */
    bool stop;
    Err err;                   /* the first of any thread */
    KnownSet *set;             /* the reader's */
    KnownSet sets[CHUNKS + 1]; /* one more than can be in use */
    Chunk all[CHUNKS];
};

/* ---- chunks ---- */

static void
chunk_clear(Chunk *chunk)
{
    for (size_t i = 0; i < chunk->count; i++)
        rate_account_clear(&chunk->accounts[i]);
    chunk->count = 0;
    rating_rows_clear(chunk->rows);
}

static void
set_state(RateFlow *self, Chunk *chunk, ChunkState state)
{
    pthread_mutex_lock(&self->mutex);
    chunk->state = state;
    if (state == CHUNK_READ) {
        self->read++;
        chunk->set = self->set;
        chunk->set->users++;
    } else if (state == CHUNK_FREE && chunk->set != NULL) {
        chunk->set->users--;
        chunk->set = NULL;
    }
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

static void
fail(RateFlow *self, const Err *err)
{
    pthread_mutex_lock(&self->mutex);
    if (!err_is_set(&self->err))
        self->err = *err;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
}

/* ---- reading ---- */

/* Rows do not move once the chunk is whole. */
static bool
find_accounts(Chunk *chunk, Err *err)
{
    const RatingRow *rows = rating_rows_all(chunk->rows);
    const size_t count = rating_rows_count(chunk->rows);
    for (size_t start = 0, end = 0; start < count; start = end) {
        while (end < count && strcmp(rows[end].account, rows[start].account) == 0)
            end++;
        if (!array_grow(&chunk->accounts, &chunk->capacity, chunk->count, sizeof *chunk->accounts, err))
            return false;
        chunk->accounts[chunk->count++] = (RateAccount){.rows = rows + start, .count = end - start};
    }
    return true;
}

/* Wait until the next chunk is free. False: everything stops. */
static bool
wait_for_room(RateFlow *self)
{
    const Chunk *chunk = &self->all[self->filling % CHUNKS];
    pthread_mutex_lock(&self->mutex);
    while (!self->stop && chunk->state != CHUNK_FREE)
        pthread_cond_wait(&self->changed, &self->mutex);
    bool go_on = !self->stop;
    pthread_mutex_unlock(&self->mutex);
    return go_on;
}

static bool
pass_on(RateFlow *self, Err *err)
{
    Chunk *chunk = &self->all[self->filling % CHUNKS];
    if (!find_accounts(chunk, err))
        return false;
    self->filling++;
    set_state(self, chunk, CHUNK_READ);
    return wait_for_room(self) || err_set(err, ERR_BUSY, "the run was ended");
}

static bool
take_row(void *context, const RollupRow *from, Err *err)
{
    RateFlow *self = context;
    const RatingRows *rows = self->all[self->filling % CHUNKS].rows;
    const size_t count = rating_rows_count(rows);
    if (count >= CHUNK_ROWS && !text_is(from->account, rating_rows_all(rows)[count - 1].account) && !pass_on(self, err))
        return false;
    return rate_rows_take(self->run, self->all[self->filling % CHUNKS].rows, from, err);
}

/* A set that nobody looks at. Chunks that are under way hold one each at most. */
static void
take_set(RateFlow *self)
{
    pthread_mutex_lock(&self->mutex);
    if (self->set != NULL)
        self->set->users--;
    self->set = self->sets;
    while (self->set->users > 0)
        self->set++;
    self->set->users++;
    pthread_mutex_unlock(&self->mutex);
}

static bool
read_known(RateFlow *self, const RateTenant *const *tenants, size_t count, Err *err)
{
    take_set(self);
    return rate_known_find(&self->set->known, self->run, self->db, tenants, count, err);
}

/* Whole accounts from `first` on; where the next ones begin. */
static size_t
batch_end(const RateFlow *self, size_t first)
{
    size_t at = first;
    while (at < self->tenant_count &&
           (at - first < BATCH_TENANTS || strcmp(self->tenants[at - 1]->account, self->tenants[at]->account) == 0))
        at++;
    return at;
}

/* In their order, so many tenants at a time: nothing waits for a month to be sorted. A chunk has tenants of one batch. */
static bool
read_batches(RateFlow *self, Err *err)
{
    bool done = true;
    for (size_t at = 0, end = 0; done && at < self->tenant_count; at = end) {
        const RateTenant *const *tenants = self->tenants + at;
        end = batch_end(self, at);
        done = read_known(self, tenants, end - at, err) &&
               rate_rows_stream_of(self->run, self->db, tenants, end - at, take_row, self, err) &&
               (rating_rows_count(self->all[self->filling % CHUNKS].rows) == 0 || pass_on(self, err));
    }
    return done;
}

/* Who appeared since the tenants were read, and has usage: the run finds nobody of that name and begins anew. */
static bool
read_newer(RateFlow *self, Err *err)
{
    const BillingPeriod *period = &self->run->period;
    const RollupSpan span = {period->month, period->start_us, period->end_us};
    int64_t *ids = NULL;
    size_t capacity = 0;
    size_t newer = 0;
    bool done = read_known(self, NULL, 0, err) &&
                tenant_ids_after(self->db, self->run->tenants.last_id, &ids, &newer, &capacity, err) &&
                (newer == 0 || rollup_stream_of(self->db, ids, newer, &span, take_row, self, err));
    free(ids);
    return done;
}

static void *
read_all(void *context)
{
    RateFlow *self = context;
    Err err = {0};
    bool done = read_batches(self, &err) && read_newer(self, &err);
    Chunk *last = &self->all[self->filling % CHUNKS];
    if (done && rating_rows_count(last->rows) > 0) {
        done = find_accounts(last, &err);
        self->filling++;
        if (done)
            set_state(self, last, CHUNK_READ);
    }
    if (!done)
        fail(self, &err);
    pthread_mutex_lock(&self->mutex);
    self->at_end = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    return NULL;
}

/* ---- rating ---- */

/* The next chunk that nobody has taken. NULL: there will be none. */
static Chunk *
take_chunk(RateFlow *self)
{
    pthread_mutex_lock(&self->mutex);
    while (!self->stop && self->taken == self->read && !self->at_end)
        pthread_cond_wait(&self->changed, &self->mutex);
    Chunk *chunk = NULL;
    if (!self->stop && self->taken < self->read) {
        chunk = &self->all[self->taken++ % CHUNKS];
        chunk->state = CHUNK_TAKEN;
    }
    pthread_mutex_unlock(&self->mutex);
    return chunk;
}

static void *
rate_all(void *context)
{
    RateFlow *self = context;
    for (Chunk *chunk = NULL; (chunk = take_chunk(self)) != NULL;) {
        Err err = {0};
        bool done = true;
        for (size_t i = 0; done && i < chunk->count; i++)
            done = rate_account_make(&chunk->accounts[i], self->run, &chunk->set->known, self->drafts, &err);
        if (!done)
            fail(self, &err);
        set_state(self, chunk, CHUNK_RATED);
    }
    return NULL;
}

/* ---- the caller's side ---- */

static bool
start_threads(RateFlow *self, Err *err)
{
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const size_t workers = processors < 1 ? 1 : processors > WORKERS_MAX ? WORKERS_MAX : (size_t) processors;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the caller's thread */
    self->has_reader = pthread_create(&self->reader, NULL, read_all, self) == 0;
    while (self->has_reader && self->worker_count < workers &&
           pthread_create(&self->workers[self->worker_count], NULL, rate_all, self) == 0)
        self->worker_count++;
    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
    return (self->has_reader && self->worker_count > 0) ||
           err_set(err, ERR_IO, "no thread to rate in: %s", strerror(errno));
}

static bool
open_reader(RateFlow *self, RateMonth *run, Err *err)
{
    char snapshot[DB_SNAPSHOT_BYTES];
    self->db = db_connect_again(run->db, err);
    return self->db != NULL && db_snapshot_export(run->db, snapshot, err) && db_begin_at(self->db, snapshot, err) &&
           rollup_stream_by_index(self->db, err);
}

RateFlow *
rate_flow_start(RateMonth *run, Err *err)
{
    RateFlow *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to rate");
        return NULL;
    }
    self->run = run;
    self->drafts = rate_draft_wanted(run->request);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    bool done = true;
    for (size_t i = 0; done && i < CHUNKS; i++)
        done = (self->all[i].rows = rating_rows_new(err)) != NULL;
    if (!done || !rate_rows_order(run, &self->tenants, &self->tenant_count, err) || !open_reader(self, run, err) ||
        !start_threads(self, err))
        rate_flow_free(&self);
    return self;
}

/* Under the mutex: wait until the caller's chunk is rated, nothing will come, or the run is to stop. */
static bool
wait_for_rated(RateFlow *self, const Chunk *chunk, Err *err)
{
    for (;;) {
        if (err_is_set(&self->err)) {
            *err = self->err;
            return false;
        }
        if (chunk->state == CHUNK_RATED || (self->at_end && self->settling == self->read))
            return true;
        if (self->run->request->stop != NULL && atomic_load(self->run->request->stop))
            return err_set(err, ERR_INTERRUPTED, "interrupted");
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += LOOK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&self->changed, &self->mutex, &until);
    }
}

bool
rate_flow_next(RateFlow *self, RateAccounts *accounts, Err *err)
{
    *accounts = (RateAccounts){.count = 0};
    if (self->given) {
        Chunk *settled = &self->all[self->settling++ % CHUNKS];
        self->given = false;
        chunk_clear(settled);
        set_state(self, settled, CHUNK_FREE);
    }
    Chunk *chunk = &self->all[self->settling % CHUNKS];
    pthread_mutex_lock(&self->mutex);
    bool done = wait_for_rated(self, chunk, err);
    self->given = done && chunk->state == CHUNK_RATED;
    pthread_mutex_unlock(&self->mutex);
    if (self->given)
        *accounts = (RateAccounts){chunk->accounts, chunk->count, &chunk->set->known};
    return done;
}

static void
stop_threads(RateFlow *self)
{
    pthread_mutex_lock(&self->mutex);
    self->stop = true;
    bool reads = self->has_reader && !self->at_end;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    if (reads)
        db_cancel(self->db);
    if (self->has_reader)
        pthread_join(self->reader, NULL);
    for (size_t i = 0; i < self->worker_count; i++)
        pthread_join(self->workers[i], NULL);
}

void
rate_flow_free(RateFlow **self)
{
    RateFlow *flow = *self;
    if (flow == NULL)
        return;
    stop_threads(flow);
    for (size_t i = 0; i < CHUNKS; i++) {
        if (flow->all[i].rows != NULL)
            chunk_clear(&flow->all[i]);
        free(flow->all[i].accounts);
        rating_rows_free(&flow->all[i].rows);
    }
    for (size_t i = 0; i <= CHUNKS; i++)
        rate_known_free(&flow->sets[i].known);
    db_free(&flow->db);
    free(flow->tenants);
    pthread_cond_destroy(&flow->changed);
    pthread_mutex_destroy(&flow->mutex);
    free(flow);
    *self = NULL;
}
