/**
 * sweep_store - executions spread over equal slices of time: in memory, and beyond a budget in a scratch file
 *
 * Entries come in any order and are read back slice by slice, in the order in which they came. The file is written in
 * pieces of the whole budget, so that a month of entries costs one sequential write and one read. Not thread-safe.
 */
#ifndef REPORTS_SWEEP_STORE_H
#define REPORTS_SWEEP_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum { SWEEP_BLOCK_ENTRIES = 2048, SWEEP_SLICES_MAX = 4096 };
#define SWEEP_NO_START UINT32_MAX

/** Offsets and lengths are microseconds; concurrency.c says what a length stands for. */
typedef struct SweepEntry {
    uint32_t start;  /* from the slice's beginning; SWEEP_NO_START: an end alone */
    uint32_t length; /* of an end alone: its offset */
    uint32_t memory_mb;
    uint32_t used_mb;
} SweepEntry;

typedef struct SweepStore SweepStore;

/** `slices` (1..SWEEP_SLICES_MAX) slices in at most `budget_bytes` of memory, plus some bytes for each block. Caller frees.
 *  NULL: ERR_NOMEM. */
MUST_CHECK SweepStore *sweep_store_new(size_t slices, size_t budget_bytes, Err *err);
void sweep_store_free(SweepStore **self);

/** ERR_NOMEM, ERR_IO (the store is of no use afterwards). */
MUST_CHECK bool sweep_store_add(SweepStore *self, size_t slice, const SweepEntry *entry, Err *err);

uint64_t sweep_store_count(const SweepStore *self, size_t slice);

/** Called for some entries of a slice; returns false (with err set) to stop. */
typedef bool (*SweepVisit)(void *context, const SweepEntry *entries, size_t count, Err *err);

/** May be called again. ERR_IO, ERR_NOMEM. */
MUST_CHECK bool sweep_store_read(SweepStore *self, size_t slice, SweepVisit visit, void *context, Err *err);

#endif
