/**
 * verify_parts - what the files of verify share: taking notes, and going through a tenant's evidence
 */
#ifndef RATER_VERIFY_PARTS_H
#define RATER_VERIFY_PARTS_H

#include "proto/usage_batch.h"
#include "rater/price_book.h"
#include "rater/rate_tenants.h"
#include "rater/usage.h"
#include "rater/verify.h"

/** Note a difference. ERR_NOMEM. */
MUST_CHECK bool verify_note(VerifyReport *report, VerifyCheckId check, const VerifyFinding *finding, Err *err);

/** A tenant's segments side by side with its exclusions. */
typedef struct Evidence {
    VerifyCursor *segments;
    VerifyCursor *exclusions;
    VerifySegment segment; /* the present one */
    SegmentRuns runs;      /* of the present segment, up to the record that was asked for last */
    VerifyExclusion exclusion;
    bool more_exclusions;
} Evidence;

/** Open for what was received up to `watermark` (INT64_MAX: all). Closed with evidence_close() in any case. */
MUST_CHECK bool
evidence_open(Evidence *self, Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, Err *err);
void evidence_close(Evidence *self);
/** Step to the next segment. */
MUST_CHECK bool evidence_next(Evidence *self, bool *more, Err *err);
/** Is this record of the present segment excluded? Ask in the order of records. `*excluded` then stands in
 *  self->exclusion. */
MUST_CHECK bool evidence_excludes(Evidence *self, size_t ordinal, bool *excluded, Err *err);

/** The receipt of this record of the present segment; a compacted one holds records of many, above the watermark too. Ask in the order
 *  of records. ERR_CORRUPT: the segment does not tell. */
MUST_CHECK bool evidence_receipt(Evidence *self, size_t ordinal, int64_t *receipt, Err *err);

/** Which of the evidence counts: all that was received up to a watermark, or a mixture of two of them. */
typedef struct EvidenceSpan {
    int64_t from_receipt; /* not included */
    int64_t to_receipt;
} EvidenceSpan;
typedef struct EvidenceView {
    int64_t records_to; /* records received up to here */
    int64_t copies_to;  /* exclusions made up to here, by their reason */
    int64_t conflicts_to;
    int64_t reversals_to;
    const EvidenceSpan *left_out; /* records received within do not count */
    size_t left_out_count;
} EvidenceView;
EvidenceView evidence_view_at(int64_t watermark);

/** Segments and rollups of one tenant. */
MUST_CHECK bool
verify_usage(Db *db, const RateTenant *tenant, const VerifyPeriod *period, VerifyReport *report, Err *err);
/** Add a tenant's usage of a period (any two instants) as it was at a watermark to `rows`, from segments less exclusions: with the tallies of
 *  `book` where hourly sums do not hold what it counts (a row for each hour where the order of use matters), else with the
 *  sums that rollups have; each part's hours by its own book where `book` binds several. ERR_CORRUPT: a segment cannot be read. */
MUST_CHECK bool verify_derive(Db *db, const RateTenant *tenant, const VerifyPeriod *period, int64_t watermark,
                              const PriceBook *book, RatingRows *rows, Err *err);
/** The same of a view of the evidence. */
MUST_CHECK bool verify_derive_view(Db *db, const RateTenant *tenant, const VerifyPeriod *period,
                                   const EvidenceView *view, const PriceBook *book, RatingRows *rows, Err *err);
/** What was written off of the period of a month (NULL: of all). */
MUST_CHECK bool verify_write_offs(Db *db, const char *tenant, const UtcMonth *month, VerifyReport *report, Err *err);
/** Final invoices of the period of a month (NULL: all). */
MUST_CHECK bool verify_invoices(Db *db, const char *tenant, const UtcMonth *month, VerifyReport *report, Err *err);

#endif
