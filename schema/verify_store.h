/**
 * verify_store - what verification reads: evidence in order of tenant and hour, and where the books do not agree
 *
 * Everything runs in one read-only snapshot. Cursors hold a few rows at a time, so that several can be read side by side
 * on one connection; one cursor of each kind is open at a time. Questions are answered by the database and give findings
 * only where something differs.
 */
#ifndef SCHEMA_VERIFY_STORE_H
#define SCHEMA_VERIFY_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/digest.h"
#include "lib/err.h"
#include "lib/text.h"
#include "lib/utc.h"
#include "schema/db.h"
#include "schema/rollup_store.h"
#include "schema/segment_store.h"

/** Begin a REPEATABLE READ, READ ONLY transaction; db_rollback ends it. */
MUST_CHECK bool verify_begin(Db *db, Err *err);

/** Hours from start_us up to, not including, end_us; INT64_MIN and INT64_MAX: no limit. */
typedef struct VerifyPeriod {
    int64_t start_us;
    int64_t end_us;
} VerifyPeriod;

/** A limit as PostgreSQL reads it, infinite ones too. Returns `out` or a constant. */
const char *verify_limit_text(int64_t time_us, char out[UTC_TEXT_BYTES]);

/** One difference, with what is known of its place. Texts are borrowed for the time of the call. */
typedef struct VerifyFinding {
    const char *tenant;  /* NULL or "": does not apply */
    const char *hour;    /* RFC 3339, or NULL or "" */
    const char *subject; /* "invoice MB-2026-000001", "function f": NULL or "" */
    int64_t segment_id;  /* 0: does not apply */
    int64_t stream_id;
    int64_t sequence;
    const char *what;
    const char *expected;
    const char *found;
} VerifyFinding;
typedef bool (*VerifyVisit)(void *context, const VerifyFinding *finding, Err *err);

typedef enum VerifyQuestion {
    VERIFY_ASK_STREAMS,     /* are ledger sequences 1 to last_sequence, without gaps? */
    VERIFY_ASK_RECEIPTS,    /* are receipts 1 to last_receipt, without gaps? */
    VERIFY_ASK_LEDGER,      /* does each ledger row equal segments, quarantine, exclusions and losses of its batch? */
    VERIFY_ASK_EXCLUSIONS,  /* do exclusions name existing records, and end at one that counts? (tenant and period) */
    VERIFY_ASK_REFERENCES,  /* does every row that names another name one that exists? See verify_references.h */
    VERIFY_ASK_CORRECTIONS, /* do documents and the tables that repeat them say the same? See verify_corrections.h */
    VERIFY_ASK_DAYS,        /* are sums of closed days those of their hours? (tenant and period) */
    VERIFY_QUESTION_COUNT
} VerifyQuestion;

/** Ask. `checked` gets how many rows were looked at. `tenant` (NULL: all) and `period` limit VERIFY_ASK_EXCLUSIONS and _DAYS alone: the
 *  others are about what knows no tenant or month. */
MUST_CHECK bool verify_ask(Db *db, VerifyQuestion question, const char *tenant, const VerifyPeriod *period,
                           int64_t *checked, VerifyVisit visit, void *context, Err *err);

typedef struct VerifyCursor VerifyCursor;
/** `*self` may be NULL and becomes NULL. */
void verify_cursor_close(VerifyCursor **self);

/** Texts of a row are borrowed until the next one is asked for. */
typedef struct VerifySegment {
    SegmentKey key;
    int64_t receipt; /* 0: its commit has none */
    int64_t records;
    Text digest; /* as stored */
    Text payload;
    Text sources;
} VerifySegment;
/** A tenant's segments in the order of hour and id, without those of which nothing was received by `watermark`; compacted ones may
 *  hold records of both kinds (segment_sources.h). */
MUST_CHECK VerifyCursor *
verify_segments_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, Err *err);
/** The next row; `*more` false after the last. */
MUST_CHECK bool verify_segments_next(VerifyCursor *self, VerifySegment *row, bool *more, Err *err);

/** The payload of one segment, appended to `out`; `*found` false when it is not there. */
MUST_CHECK bool verify_payload(Db *db, int64_t tenant_id, const SegmentKey *key, Buffer *out, bool *found, Err *err);

typedef struct VerifyExclusion {
    bool reversed; /* names itself: nothing counts instead */
    SegmentKey key;
    int64_t ordinal;
    int64_t stream_id;
    int64_t sequence;
    bool copy;          /* else a conflict */
    int64_t receipt;    /* of the commit that excluded it */
    const char *reason; /* as stored */
    SegmentKey kept;
    int64_t kept_ordinal;
} VerifyExclusion;
/** A tenant's exclusions in the order of hour, segment and ordinal. `watermark` leaves out, as for segments, what was received
 *  later; INT64_MAX: nothing. */
MUST_CHECK VerifyCursor *
verify_exclusions_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, Err *err);
/** The same in the order of what they keep: those whose record and kept record both lie in `period`. */
MUST_CHECK VerifyCursor *verify_kept_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, Err *err);
/** Next row of either. */
MUST_CHECK bool verify_exclusions_next(VerifyCursor *self, VerifyExclusion *row, bool *more, Err *err);

typedef struct VerifyRollup {
    int64_t hour_us;
    ConfigKey config;
    RollupSums sums;
} VerifyRollup;
/** A tenant's rollups in the order of hour and configuration. */
MUST_CHECK VerifyCursor *verify_rollups_open(Db *db, int64_t tenant_id, const VerifyPeriod *period, Err *err);
MUST_CHECK bool verify_rollups_next(VerifyCursor *self, VerifyRollup *row, bool *more, Err *err);

/** The names of the columns of rollups, in the order of RollupSums' members. */
enum { VERIFY_SUMS = 17 };
extern const char *const VERIFY_SUM_NAMES[VERIFY_SUMS];
/** The members of `sums` in that order. */
void verify_sums_list(const RollupSums *sums, int64_t out[VERIFY_SUMS]);

/** A final invoice with all that is needed to rate it again. */
typedef struct VerifyInvoice {
    int64_t tenant_id;
    int64_t invoice_id;
    int64_t run_id;
    const char *number;
    const char *tenant; /* "": its row is gone */
    const char *account;
    bool has_run;   /* false: the row of its rating run is gone, and free_tier and document_version are not known */
    UtcMonth month; /* in which the period starts */
    int64_t period_start_us;
    int64_t period_end_us;
    int64_t receipt_watermark;
    const char *currency;
    const char *subtotal;
    const char *total;
    const char *invocations;
    const char *sha256; /* hex, as stored */
    Text document;
    bool free_tier;
    int64_t document_version; /* 2: the document names its seals */
    bool has_contract;
    const char *kind;        /* "invoice", "credit_note", "void" */
    int64_t refers_to;       /* 0: an invoice */
    bool is_void;            /* another document takes it back */
    const char *book_sha256; /* hex, as the invoice names it */
    Text book;               /* source of the price book; data NULL when it is not there */
} VerifyInvoice;
/** Final invoices of the period of a month (NULL: all), by run, account and tenant. */
MUST_CHECK VerifyCursor *verify_invoices_open(Db *db, const char *tenant, const UtcMonth *month, Err *err);
MUST_CHECK bool verify_invoices_next(VerifyCursor *self, VerifyInvoice *row, bool *more, Err *err);

/** One line of an invoice: values in the order of VERIFY_LINE_MEMBERS, which are the members of a document's line too; those
 *  from VERIFY_LINE_NUMBERS on are numbers. */
enum { VERIFY_LINE_MEMBER_COUNT = 14, VERIFY_LINE_NUMBERS = 6 };
extern const char *const VERIFY_LINE_MEMBERS[VERIFY_LINE_MEMBER_COUNT];
typedef bool (*VerifyLineVisit)(void *context, const char *const *values, Err *err);
MUST_CHECK bool
verify_lines(Db *db, int64_t tenant_id, int64_t invoice_id, VerifyLineVisit visit, void *context, Err *err);

/** One item of an invoice's statement. */
enum { VERIFY_ITEM_MEMBER_COUNT = 4, VERIFY_ITEM_NUMBERS = 2 };
extern const char *const VERIFY_ITEM_MEMBERS[VERIFY_ITEM_MEMBER_COUNT];
MUST_CHECK bool
verify_items(Db *db, int64_t tenant_id, int64_t invoice_id, VerifyLineVisit visit, void *context, Err *err);

/** What an invoice took from one free tier. */
enum { VERIFY_FREE_TIER_MEMBER_COUNT = 5, VERIFY_FREE_TIER_NUMBERS = 2 };
extern const char *const VERIFY_FREE_TIER_MEMBERS[VERIFY_FREE_TIER_MEMBER_COUNT]; /* the first is the name */
MUST_CHECK bool
verify_free_tiers(Db *db, int64_t tenant_id, int64_t invoice_id, VerifyLineVisit visit, void *context, Err *err);

#endif
