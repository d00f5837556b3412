/**
 * import_job - one import on its way: its batches in the spool, and what was learned about it
 *
 * Plain bookkeeping without I/O. Owned by source_local; may outlive the connection that began it.
 */
#ifndef AGENT_IMPORT_JOB_H
#define AGENT_IMPORT_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "proto/wire.h"

enum { IMPORT_TENANTS_MAX = 64 };

/** A batch of the import that the collector has not committed. */
typedef struct ImportBatch {
    uint64_t key;
    size_t bytes;
} ImportBatch;

typedef struct ImportJob {
    uint8_t id[WIRE_ID_BYTES];
    char *source;
    char *label;
    char *introduce[IMPORT_TENANTS_MAX];
    size_t introduce_count;
    bool registered[IMPORT_TENANTS_MAX]; /* of those: new in the database */
    bool history;

    ImportBatch *batches; /* waiting for the collector: from `first` to `count` */
    size_t first;
    size_t count;
    size_t capacity;
    size_t waiting_bytes;
    uint64_t staged;    /* batches put so far */
    uint64_t durable;   /* of them in the spool for good */
    uint64_t committed; /* of them in the database */

    bool finishing; /* no more batches come */
    bool settling;  /* the collector was asked for the final word */
} ImportJob;

/** From a Begin message, with a new id. ERR_PROTOCOL (a text that cannot be stored, too many tenants), ERR_NOMEM. */
MUST_CHECK ImportJob *import_job_new(const Millibill__Begin *begin, Err *err);
void import_job_free(ImportJob **self);

/** Room for one more batch, so that import_job_put() cannot fail. ERR_NOMEM. */
MUST_CHECK bool import_job_reserve(ImportJob *self, Err *err);
void import_job_put(ImportJob *self, uint64_t key, size_t bytes);
/** The collector committed `key` and all before. */
void import_job_committed(ImportJob *self, uint64_t key);
void import_job_registered(ImportJob *self, const char *tenant);
/** Batches that wait for the collector. */
size_t import_job_waiting(const ImportJob *self);

#endif
