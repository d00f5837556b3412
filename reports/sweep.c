#include "reports/sweep.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    NARROWER = 256, /* slices that a slice with too many entries is spread over */
    RADIX_BITS = 11,
    RADIX_PASSES = 3,
    RADIX = 1 << RADIX_BITS
};
#define STORE_BYTES ((size_t) 224 << 20)
#define NARROWER_BYTES ((size_t) 16 << 20) /* of each level below: at most four, a slice of 2^32 us divided by 256 */
#define PIECE_ENTRIES_MAX ((size_t) 2 << 20)
#define LENGTH_LONG (UINT32_C(1) << 31) /* the rest is a length in 64 us, and its end stands alone */
enum { LONG_UNIT_US = 64 };

/* Equal slices of one stretch of time. */
typedef struct Range {
    SweepStore *store;
    uint64_t width; /* of the stretch; its last slice may be narrower than the others */
    uint64_t slice;
} Range;

struct Sweep {
    Range range;
    SweepEntry *entries; /* of a piece */
    size_t entry_count;
    SweepEdge *edges;
    SweepEdge *sorted;
    size_t capacity; /* entries; twice as many edges */
};

typedef struct Walk {
    Sweep *sweep;
    bool ends;
    SweepPieceVisit visit;
    void *context;
} Walk;

/* ---- putting in ---- */

static uint64_t
width_of(const Range *range, size_t slice)
{
    uint64_t rest = range->width - slice * range->slice;
    return rest < range->slice ? rest : range->slice;
}

static size_t
slices_of(const Range *range)
{
    return (size_t) ((range->width + range->slice - 1) / range->slice);
}

/* Is the end of an entry with a start in the same slice, of this width? */
static bool
ends_here(const SweepEntry *entry, uint64_t width)
{
    return (entry->length & LENGTH_LONG) == 0 && (uint64_t) entry->start + entry->length < width;
}

static bool
put_end(const Range *range, uint64_t end, const SweepEntry *entry, Err *err)
{
    const SweepEntry alone = {SWEEP_NO_START, (uint32_t) (end % range->slice), entry->memory_mb, entry->used_mb};
    return sweep_store_add(range->store, (size_t) (end / range->slice), &alone, err);
}

/* `end`: from the beginning of the range; at or behind its width when it does not end in it. */
static bool
put_start(const Range *range, uint64_t start, uint64_t end, const SweepEntry *entry, Err *err)
{
    size_t slice = (size_t) (start / range->slice);
    SweepEntry copy = *entry;
    copy.start = (uint32_t) (start % range->slice);
    return sweep_store_add(range->store, slice, &copy, err) &&
           (end >= range->width || ends_here(&copy, width_of(range, slice)) || put_end(range, end, entry, err));
}

uint64_t
sweep_length(const SweepEntry *entry)
{
    if ((entry->length & LENGTH_LONG) == 0)
        return entry->length;
    return (uint64_t) (entry->length & ~LENGTH_LONG) * LONG_UNIT_US;
}

MUST_CHECK bool
sweep_add(Sweep *self, uint64_t start, uint64_t length, uint32_t memory_mb, uint32_t used_mb, Err *err)
{
    SweepEntry entry = {0, (uint32_t) length, memory_mb, used_mb};
    if (length >= LENGTH_LONG)
        entry.length = LENGTH_LONG | (uint32_t) ((length + LONG_UNIT_US - 1) / LONG_UNIT_US);
    return put_start(&self->range, start, start + length, &entry, err);
}

MUST_CHECK Sweep *
sweep_new(uint64_t width, uint64_t slice, Err *err)
{
    assert(width > 0 && slice > 0 && slice < SWEEP_NO_START);
    Sweep *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory to count executions at a time");
        return NULL;
    }
    self->range = (Range){NULL, width, slice};
    self->range.store = sweep_store_new(slices_of(&self->range), STORE_BYTES, err);
    if (self->range.store == NULL)
        sweep_free(&self);
    return self;
}

void
sweep_free(Sweep **self)
{
    Sweep *sweep = *self;
    *self = NULL;
    if (sweep == NULL)
        return;
    sweep_store_free(&sweep->range.store);
    free(sweep->entries);
    free(sweep->edges);
    free(sweep->sorted);
    free(sweep);
}

/* ---- sorting ---- */

/* By the high half, keeping the order of equals; in `edges` at the end. Bits that no offset below `width` has are not
 * looked at. */
static void
sort_edges(Sweep *self, size_t count, uint64_t width)
{
    size_t counts[RADIX_PASSES][RADIX] = {{0}};
    for (size_t i = 0; i < count; i++)
        for (unsigned pass = 0; pass < RADIX_PASSES; pass++)
            counts[pass][(self->edges[i] >> (32 + pass * RADIX_BITS)) & (RADIX - 1)]++;
    for (unsigned pass = 0; pass < RADIX_PASSES && (width - 1) >> (pass * RADIX_BITS) > 0; pass++) {
        size_t place = 0;
        for (size_t digit = 0; digit < RADIX; digit++) {
            size_t many = counts[pass][digit];
            counts[pass][digit] = place;
            place += many;
        }
        for (size_t i = 0; i < count; i++) {
            SweepEdge edge = self->edges[i];
            self->sorted[counts[pass][(edge >> (32 + pass * RADIX_BITS)) & (RADIX - 1)]++] = edge;
        }
        SweepEdge *swap = self->edges;
        self->edges = self->sorted;
        self->sorted = swap;
    }
}

static SweepEdge
edge_of(uint64_t offset, size_t entry, unsigned is_start)
{
    return offset << 32 | (uint64_t) entry << 1 | is_start;
}

static size_t
make_edges(const Walk *walk, const SweepEntry *entries, size_t count, uint64_t width)
{
    SweepEdge *edges = walk->sweep->edges;
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        const SweepEntry *entry = &entries[i];
        if (entry->start != SWEEP_NO_START)
            edges[made++] = edge_of(entry->start, i, SWEEP_IS_START);
        if (walk->ends && entry->start == SWEEP_NO_START)
            edges[made++] = edge_of(entry->length, i, 0);
        else if (walk->ends && ends_here(entry, width))
            edges[made++] = edge_of((uint64_t) entry->start + entry->length, i, 0);
    }
    return made;
}

static bool
visit_piece(const Walk *walk, uint64_t start, uint64_t width, const SweepEntry *entries, size_t count, Err *err)
{
    size_t edges = make_edges(walk, entries, count, width);
    sort_edges(walk->sweep, edges, width);
    const SweepPiece piece = {start, walk->sweep->edges, edges, entries};
    return walk->visit(walk->context, &piece, err);
}

/* ---- walking ---- */

/* Room for the entries of a piece and their edges. */
static bool
make_room(Sweep *self, size_t count, Err *err)
{
    if (count <= self->capacity)
        return true;
    size_t capacity = self->capacity * 2 > count ? self->capacity * 2 : count;
    capacity = capacity < SWEEP_BLOCK_ENTRIES ? SWEEP_BLOCK_ENTRIES : capacity;
    capacity = capacity > PIECE_ENTRIES_MAX ? PIECE_ENTRIES_MAX : capacity;
    free(self->entries);
    free(self->edges);
    free(self->sorted);
    self->entries = malloc(capacity * sizeof(*self->entries));
    self->edges = malloc(capacity * 2 * sizeof(*self->edges));
    self->sorted = malloc(capacity * 2 * sizeof(*self->sorted));
    bool done = self->entries != NULL && self->edges != NULL && self->sorted != NULL;
    self->capacity = done ? capacity : 0;
    return done || err_set(err, ERR_NOMEM, "no memory to sort %zu executions", capacity);
}

static bool
gather(void *context, const SweepEntry *entries, size_t count, Err *err)
{
    Sweep *self = context;
    (void) err;
    memcpy(self->entries + self->entry_count, entries, count * sizeof(*entries));
    self->entry_count += count;
    return true;
}

static bool
visit_slice(const Walk *walk, const Range *range, size_t slice, uint64_t start, Err *err)
{
    Sweep *self = walk->sweep;
    self->entry_count = 0;
    return make_room(self, (size_t) sweep_store_count(range->store, slice), err) &&
           sweep_store_read(range->store, slice, gather, self, err) &&
           visit_piece(walk, start, width_of(range, slice), self->entries, self->entry_count, err);
}

/* Entries of a slice of one microsecond: nothing to sort. */
typedef struct Instant {
    const Walk *walk;
    uint64_t start;
} Instant;

static bool
visit_instant(void *context, const SweepEntry *entries, size_t count, Err *err)
{
    const Instant *instant = context;
    return make_room(instant->walk->sweep, count, err) &&
           visit_piece(instant->walk, instant->start, 1, entries, count, err);
}

/* What is spread over narrower slices, and the width of the slice it was in. */
typedef struct Spread {
    Range range;
    uint64_t width;
} Spread;

static bool
spread_entries(void *context, const SweepEntry *entries, size_t count, Err *err)
{
    const Spread *spread = context;
    for (size_t i = 0; i < count; i++) {
        const SweepEntry *entry = &entries[i];
        uint64_t end = ends_here(entry, spread->width) ? (uint64_t) entry->start + entry->length : spread->width;
        if (!(entry->start == SWEEP_NO_START ? put_end(&spread->range, entry->length, entry, err)
                                             : put_start(&spread->range, entry->start, end, entry, err)))
            return false;
    }
    return true;
}

static bool walk_range(const Walk *walk, const Range *range, uint64_t start, Err *err);

/* No deeper than four levels: each is 256 times narrower than the one above. */
static bool
walk_narrower(const Walk *walk, const Range *range, size_t slice, uint64_t start,
              Err *err) /* NOLINT(misc-no-recursion) */
{
    uint64_t width = width_of(range, slice);
    Spread spread = {{NULL, width, (width + NARROWER - 1) / NARROWER}, width};
    spread.range.store = sweep_store_new(slices_of(&spread.range), NARROWER_BYTES, err);
    bool done = spread.range.store != NULL && sweep_store_read(range->store, slice, spread_entries, &spread, err) &&
                walk_range(walk, &spread.range, start, err);
    sweep_store_free(&spread.range.store);
    return done;
}

static bool
walk_range(const Walk *walk, const Range *range, uint64_t start, Err *err) /* NOLINT(misc-no-recursion) */
{
    bool going = true;
    for (size_t slice = 0; going && slice < slices_of(range); slice++) {
        uint64_t from = start + slice * range->slice;
        uint64_t count = sweep_store_count(range->store, slice);
        Instant instant = {walk, from};
        if (count == 0)
            continue;
        if (count <= PIECE_ENTRIES_MAX)
            going = visit_slice(walk, range, slice, from, err);
        else if (width_of(range, slice) == 1)
            going = sweep_store_read(range->store, slice, visit_instant, &instant, err);
        else
            going = walk_narrower(walk, range, slice, from, err);
    }
    return going;
}

MUST_CHECK bool
sweep_walk(Sweep *self, bool ends, SweepPieceVisit visit, void *context, Err *err)
{
    const Walk walk = {self, ends, visit, context};
    return walk_range(&walk, &self->range, 0, err);
}
