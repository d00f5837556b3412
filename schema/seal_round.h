/**
 * seal_round - seal closed hours and final invoices: the only writer of seals, heads and roots
 *
 * Small segments of an hour are merged before it is sealed (compact.h), in the same transaction.
 *
 * One sealer at a time: an advisory lock in the database and a lock on the heads file, each waited for no longer than
 * SEAL_LOCK_WAIT_MS. Each transaction seals at most SEAL_HOURS_MAX hours up to the last receipt, takes one
 * head over them, signs it, commits, and then appends it to the heads file; before it does anything it makes sure that the
 * file's last head is in the database (else the database was set back, and sealing stops) and appends what a crash kept out.
 */
#ifndef SCHEMA_SEAL_ROUND_H
#define SCHEMA_SEAL_ROUND_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/err.h"
#include "lib/patience.h"
#include "lib/seal_key.h"
#include "lib/utc.h"
#include "schema/db.h"

enum { SEAL_QUIET_S = 60, SEAL_LOCK_WAIT_MS = 20000 };

/** What a sealer needs beside the database. Opened with seal_tools_open(), closed with seal_tools_close(). */
typedef struct SealTools {
    SealKey key;
    char heads[PATH_MAX];
    const atomic_bool *stop; /* ends a wait for another sealer; NULL (as opened): nothing but its time does */
} SealTools;
/** ERR_NOT_FOUND, ERR_DENIED, ERR_INPUT, ERR_IO: the key. */
MUST_CHECK bool seal_tools_open(const Config *config, SealTools *tools, Err *err);
void seal_tools_close(SealTools *tools);

typedef struct SealScope {
    int64_t now_us;
    int64_t after_s;       /* an hour is sealed that long after its end … */
    int64_t quiet_s;       /* … when nothing came for it since */
    const UtcMonth *month; /* hours of this month only, and its roots; NULL: all hours, no roots */
    const char *tenant;    /* roots of this tenant only; NULL: all */
    bool invoices_only;    /* no hours and no roots: final invoices alone, which every scope takes */
} SealScope;

typedef struct SealReport {
    int64_t heads;
    int64_t seals;
    int64_t records;
    int64_t exclusions;
    int64_t roots;
    int64_t invoices;  /* final ones */
    int64_t merged;    /* small segments that were merged … */
    int64_t made;      /* … into so many */
    int64_t damaged;   /* hours with a segment that is not what its digest says: not sealed */
    int64_t last_head; /* number; 0: there is none */
} SealReport;

/** Seal what is due, in as many transactions as it takes. `db` is a connection as millibill_compactor, outside of a
 *  transaction. `report` is added to. ERR_CONFLICT: the database is not the one that the heads file describes; ERR_CORRUPT: a head in
 *  it was not sealed here; ERR_BUSY may be tried again; ERR_IO: the heads file. */
MUST_CHECK bool seal_run(Db *db, const SealTools *tools, const SealScope *scope, SealReport *report, Err *err);

/** The database was set back on purpose: say so in the heads file, signed, so that sealing goes on from its last head.
 *  ERR_CONFLICT: it was not set back. */
MUST_CHECK bool seal_accept_restore(Db *db, const SealTools *tools, const char *reason, Err *err);

#endif
