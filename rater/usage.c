#include "rater/usage.h"

#include <stdlib.h>
#include <string.h>

enum { POOL_BYTES = 16384 };

/* Texts live in chunks that never move. */
typedef struct PoolChunk {
    struct PoolChunk *next;
    size_t used;
    size_t size;
    _Alignas(UsageSum) char bytes[];
} PoolChunk;

struct RatingRows {
    RatingRow *rows;
    size_t count;
    size_t capacity;
    PoolChunk *pool;
};

RatingRows *
rating_rows_new(Err *err)
{
    RatingRows *self = calloc(1, sizeof(*self));
    if (self == NULL)
        err_set(err, ERR_NOMEM, "no memory for usage rows");
    return self;
}

void
rating_rows_clear(RatingRows *self)
{
    while (self->pool != NULL) {
        PoolChunk *next = self->pool->next;
        free(self->pool);
        self->pool = next;
    }
    self->count = 0;
}

void
rating_rows_free(RatingRows **self)
{
    if (*self == NULL)
        return;
    rating_rows_clear(*self);
    free((*self)->rows);
    free(*self);
    *self = NULL;
}

/* Room that never moves, aligned for whatever is kept. */
static void *
pool_take(RatingRows *self, size_t bytes, Err *err)
{
    enum { ALIGN = _Alignof(UsageSum) };
    size_t need = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (self->pool == NULL || self->pool->size - self->pool->used < need) {
        size_t size = need > POOL_BYTES ? need : POOL_BYTES;
        PoolChunk *chunk = malloc(sizeof(*chunk) + size);
        if (chunk == NULL) {
            err_set(err, ERR_NOMEM, "no memory for the texts of usage rows");
            return NULL;
        }
        *chunk = (PoolChunk){.next = self->pool, .used = 0, .size = size};
        self->pool = chunk;
    }
    void *taken = self->pool->bytes + self->pool->used;
    self->pool->used += need;
    return taken;
}

static const char *
keep(RatingRows *self, Text text, Err *err)
{
    char *copy = pool_take(self, text.length + 1, err);
    if (copy == NULL)
        return NULL;
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

const UsageSum *
rating_rows_keep(RatingRows *self, const UsageSum *tallies, size_t count, Err *err)
{
    UsageSum *copy = pool_take(self, count * sizeof(*copy), err);
    if (copy != NULL)
        memcpy(copy, tallies, count * sizeof(*copy));
    return copy;
}

static bool
keep_each(RatingRows *self, const UsageFacts **each, Err *err)
{
    if (*each == NULL)
        return true;
    UsageFacts *copy = pool_take(self, sizeof(*copy), err);
    if (copy == NULL)
        return false;
    *copy = **each;
    *each = copy;
    return true;
}

/* Rows come sorted by tenant more often than not: a text equal to the last row's is shared. */
static const char *
keep_or_share(RatingRows *self, Text text, const char *last, Err *err)
{
    return last != NULL && text_is(text, last) ? last : keep(self, text, err);
}

static bool
rating_rows_grow(RatingRows *self, Err *err)
{
    if (self->count < self->capacity)
        return true;
    size_t capacity = self->capacity == 0 ? 64 : self->capacity * 2;
    RatingRow *rows = reallocarray(self->rows, capacity, sizeof(*rows));
    if (rows == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu usage rows", capacity);
    self->rows = rows;
    self->capacity = capacity;
    return true;
}

bool
rating_rows_add(RatingRows *self, const RatingNames *names, const RatingRow *row, Err *err)
{
    if (!rating_rows_grow(self, err))
        return false;
    const RatingRow none = {0};
    const RatingRow *last = self->count > 0 ? &self->rows[self->count - 1] : &none;
    RatingRow copy = *row;
    copy.account = keep_or_share(self, names->account, last->account, err);
    copy.tenant = keep_or_share(self, names->tenant, last->tenant, err);
    copy.function = keep_or_share(self, names->function, last->function, err);
    copy.region = keep_or_share(self, names->region, last->region, err);
    if (copy.account == NULL || copy.tenant == NULL || copy.function == NULL || copy.region == NULL)
        return false;
    if (!keep_each(self, &copy.each, err))
        return false;
    self->rows[self->count++] = copy;
    return true;
}

size_t
rating_rows_count(const RatingRows *self)
{
    return self->count;
}

const RatingRow *
rating_rows_all(const RatingRows *self)
{
    return self->rows;
}

bool
rating_rows_set_account(RatingRows *self, const char *account, Err *err)
{
    const char *kept = keep(self, text_of(account), err);
    if (kept == NULL)
        return false;
    for (size_t i = 0; i < self->count; i++)
        self->rows[i].account = kept;
    return true;
}

void
rating_rows_set_part(RatingRows *self, size_t first, size_t part)
{
    for (size_t i = first; i < self->count; i++)
        self->rows[i].part = part;
}

static int
compare_rows(const void *left, const void *right)
{
    const RatingRow *a = left;
    const RatingRow *b = right;
    int order = strcmp(a->account, b->account);
    if (order == 0)
        order = strcmp(a->tenant, b->tenant);
    return order != 0 ? order : (a->part > b->part) - (a->part < b->part);
}

void
rating_rows_sort(RatingRows *self)
{
    if (self->count > 1)
        qsort(self->rows, self->count, sizeof *self->rows, compare_rows);
}

void
rating_rows_place(RatingRows *self, const int64_t *changes_us, size_t count)
{
    for (size_t i = 0; i < self->count; i++) {
        RatingRow *row = &self->rows[i];
        row->part = 0;
        while (row->part < count && changes_us[row->part] <= row->hour_us)
            row->part++;
    }
}

int64_t
usage_round_up_ms(int64_t duration_us, int64_t granularity_ms)
{
    int64_t granularity_us = granularity_ms * 1000;
    return (duration_us + granularity_us - 1) / granularity_us * granularity_ms;
}
