/**
 * verify - does the database still say what came in, and do final invoices follow from it?
 *
 * One read-only snapshot, while the system works. Evidence is streamed by tenant and hour: memory holds a few segments,
 * the configurations of one tenant, and the first differences of each check. What no check can see stands in
 * VERIFY_NOT_COVERED and is printed with every result.
 */
#ifndef RATER_VERIFY_H
#define RATER_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "schema/db.h"
#include "schema/verify_store.h"

typedef enum VerifyCheckId {
    VERIFY_STREAMS,     /* ledger sequences 1 to the stream's last, without gaps */
    VERIFY_RECEIPTS,    /* receipts 1 to the last, without gaps */
    VERIFY_LEDGER,      /* each batch: records = billed + quarantined = what segments, quarantine and losses hold */
    VERIFY_SEGMENTS,    /* each segment: digest, records, tenant, hour, sources */
    VERIFY_ROLLUPS,     /* rollups = segments less exclusions, every column */
    VERIFY_EXCLUSIONS,  /* each names existing records and ends at one that counts */
    VERIFY_REFERENCES,  /* each row that names a tenant, account, agent, commit or rating run names one that exists */
    VERIFY_CORRECTIONS, /* each adjustment and final document: the tables that repeat it, what carries it, its chain */
    VERIFY_SEALS,       /* each tenant's chain of seals, and each seal against segments and exclusions */
    VERIFY_HEADS,       /* each signed head: chain, signature, books, seals, roots; and the heads file */
    VERIFY_INVOICES,    /* each final invoice: digest, lines, and rated again from segments */
    VERIFY_CHECK_COUNT
} VerifyCheckId;

enum { VERIFY_DIFFERENCES_KEPT = 1000 };

typedef struct VerifyCheck {
    int64_t checked;   /* streams, commits, batches, segments, rollup rows, exclusions, invoices */
    int64_t found;     /* differences */
    Json *differences; /* an array of objects, the first VERIFY_DIFFERENCES_KEPT */
} VerifyCheck;

/** Hours with evidence that no seal covers: changed evidence would not be seen there. No difference. */
typedef struct VerifyUnsealed {
    int64_t hours; /* of tenants */
    int64_t oldest_us;
    Json *list; /* the first VERIFY_DIFFERENCES_KEPT, {"tenant", "hour"} */
} VerifyUnsealed;

typedef struct VerifyReport {
    VerifyCheck checks[VERIFY_CHECK_COUNT];
    Json *conservation; /* one object for each stream and source; see verify_conservation.h */
    VerifyUnsealed unsealed;
    Json *notes; /* sentences about what is no difference, but worth knowing */
} VerifyReport;

typedef struct VerifyRequest {
    const char *tenant; /* NULL: all */
    const UtcMonth *
        month; /* with each tenant's billing period. NULL: all. Streams, receipts, ledger and heads are checked whole in any case */
    const char *seal_public_key; /* file */
    const char *heads;           /* file */
    bool heads_are_copy;         /* it may lack what was sealed since it was made */
    int64_t heads_bytes;         /* filled in by verify(): as much of it as was there before the snapshot */
} VerifyRequest;

extern const char *const VERIFY_CHECK_NAMES[VERIFY_CHECK_COUNT];
extern const char *const VERIFY_NOT_COVERED[]; /* sentences, NULL at the end */

/** Verify. True when it could be done, whatever was found. `report` is freed with verify_report_free() in any case.
 *  ERR_NOT_FOUND (the tenant), ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool verify(Db *db, const VerifyRequest *request, VerifyReport *report, Err *err);
void verify_report_free(VerifyReport *report);
int64_t verify_report_differences(const VerifyReport *report);

#endif
