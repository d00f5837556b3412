/**
 * adjust_plan - what one tenant's rating run does about its earlier final periods
 *
 * What became more goes onto the invoice that the run makes, what became less becomes credit notes, what is too old is written off.
 * Credit notes are written before the invoice: it sees what they gave back.
 */
#ifndef RATER_ADJUST_PLAN_H
#define RATER_ADJUST_PLAN_H

#include "lib/config.h"
#include "rater/adjust_event.h"

/** What all tenants of a run have in common (borrowed). */
typedef struct AdjustRun {
    Db *db;
    AdjustMembers *members;   /* kept for the next tenant */
    const AdjustBases *bases; /* what changed, of all tenants */
    UtcMonth month;
    int64_t to_receipt;
} AdjustRun;

typedef struct AdjustPlan {
    const RateTenant *tenant;
    AdjustEvent *events;
    size_t count;
    StatementAdjustment *adjustments; /* for the invoice */
    size_t adjustment_count;
    size_t note_count;
    size_t written_off_count;
    StatementUsed *used; /* of the contract, by credit notes and adjustments; the numbers are the events' */
    size_t used_count;
    Contract *plain; /* without terms, for a tenant that has none */
} AdjustPlan;

/** Plan for a tenant. `late_months`: the policy of the contract by which it is billed now, -1: whatever its age. Freed with
 *  adjust_plan_free() in any case. Errors as of adjust_event_make(). */
MUST_CHECK bool
adjust_plan_make(AdjustPlan *self, const AdjustRun *run, const RateTenant *tenant, int64_t late_months, Err *err);
/** The adjustments of an invoice that exists, made again: those that stand on it. */
MUST_CHECK bool adjust_plan_of_invoice(AdjustPlan *self, Db *db, AdjustMembers *members, const RateTenant *tenant,
                                       int64_t invoice_id, Err *err);
/** The same of rows (borrowed) of which the tenant is said to be billed, or credited (these first), when documents below `before_id` were there. */
MUST_CHECK bool adjust_plan_of_rows(AdjustPlan *self, Db *db, AdjustMembers *members, const RateTenant *tenant,
                                    const AdjustRow *rows, size_t count, int64_t before_id, Err *err);
void adjust_plan_free(AdjustPlan *self);
bool adjust_plan_is_empty(const AdjustPlan *self);

/** Make again what a stored row says: from its own document it takes month and policy. `with`: see AdjustSettlement. */
MUST_CHECK bool adjust_event_again(AdjustEvent *self, Db *db, AdjustMembers *members, const AdjustRow *row,
                                   int64_t before_id, const AdjustEvent *with, size_t with_count, Err *err);

/** Add the list `adjustments` to the invoice's document, when there are any; to a draft's head what the credit notes are about that were
 *  made with it. ERR_NOMEM. */
MUST_CHECK bool adjust_plan_describe(const AdjustPlan *self, Json *document, Err *err);

/** Write the credit notes, each with its own rating run, and queue their delivery; their documents get their numbers. */
MUST_CHECK bool adjust_plan_write_notes(AdjustPlan *self, Db *db, const Config *config, int year, Err *err);
/** Write the adjustments: those on the invoice `number` (NULL: none was made), on the credit notes, and what is written off. */
MUST_CHECK bool adjust_plan_write(const AdjustPlan *self, Db *db, const char *number, Err *err);

#endif
