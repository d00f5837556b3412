/**
 * sweep - executions of a period in the order of time, a piece at a time that fits in memory
 *
 * An execution is kept in the slice of time in which it starts. When it ends in another, that slice gets its end alone. A
 * slice with too many entries is spread over narrower ones when its turn comes, down to single microseconds, where there
 * is nothing left to sort. Offsets are microseconds from the beginning of the period.
 */
#ifndef REPORTS_SWEEP_H
#define REPORTS_SWEEP_H

#include "reports/sweep_store.h"

typedef struct Sweep Sweep;

/** `width` > 0: the period; `slice` (1 .. 2^32 - 2): of a slice of it, at most SWEEP_SLICES_MAX of them. Caller frees. NULL:
 *  ERR_NOMEM. */
MUST_CHECK Sweep *sweep_new(uint64_t width, uint64_t slice, Err *err);
void sweep_free(Sweep **self);

/** An execution from `start` (below the period's width) for `length` > 0. */
MUST_CHECK bool sweep_add(Sweep *self, uint64_t start, uint64_t length, uint32_t memory_mb, uint32_t used_mb, Err *err);

enum { SWEEP_IS_START = 1 };
/** A start or an end within a piece: its offset from the piece's beginning in the high half; below, the entry's number
 *  times 2, plus SWEEP_IS_START. Sorted by their offsets; at one instant in any order, but starts as they came. */
typedef uint64_t SweepEdge;

typedef struct SweepPiece {
    uint64_t start; /* from the beginning of the period */
    const SweepEdge *edges;
    size_t edge_count;
    const SweepEntry *entries;
} SweepPiece;

/** Called for one piece after the other; returns false (with err set) to stop. */
typedef bool (*SweepPieceVisit)(void *context, const SweepPiece *piece, Err *err);

/** `ends`: else starts alone. May be called again. ERR_NOMEM, ERR_IO. */
MUST_CHECK bool sweep_walk(Sweep *self, bool ends, SweepPieceVisit visit, void *context, Err *err);

/** The length of an entry with a start: exact below 2^31, else rounded up to the next 64. */
uint64_t sweep_length(const SweepEntry *entry);

#endif
