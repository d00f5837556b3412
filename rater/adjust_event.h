/**
 * adjust_event - what changed of one final period of one tenant, and what becomes of it
 *
 * A pure function of the evidence up to two receipts, the period's own book and contract, what other documents used of the contract,
 * and the policy of the contract that bills: the same makes the same documents again. doc/corrections.md says the rules.
 */
#ifndef RATER_ADJUST_EVENT_H
#define RATER_ADJUST_EVENT_H

#include "rater/adjust_difference.h"
#include "rater/adjust_rating.h"
#include "rater/rate_contracts.h"

typedef enum AdjustDisposition { ADJUST_BILLED, ADJUST_CREDITED, ADJUST_WRITTEN_OFF } AdjustDisposition;
const char *adjust_disposition_name(AdjustDisposition disposition);

typedef struct AdjustEvent {
    AdjustBase base; /* borrows its book from the request */
    int64_t to_receipt;
    RateContracts contracts; /* that of the period; `used` has its names */
    AdjustDisposition disposition;
    Json *document;    /* the adjustment; NULL: nothing is billed or credited */
    Json *written_off; /* NULL: nothing */
    Json *credit_note; /* ADJUST_CREDITED: the whole document, as a preview without number */
    char name[8];      /* "2026-06" */
    char *description;
    mpq_t amount;        /* exact */
    StatementUsed *used; /* what it used of the contract, or gave back */
    size_t used_count;
    bool counts; /* others that are made with it see what it used */
} AdjustEvent;

/** How it is settled (all borrowed). */
typedef struct AdjustSettlement {
    UtcMonth month;          /* whose run settles it */
    int64_t late_months;     /* late usage of periods up to so many months before is billed; -1: of any */
    int64_t before_id;       /* documents below this id have used something of the contract; INT64_MAX: all */
    const AdjustEvent *with; /* and so have those that are made with this one, where they count */
    size_t with_count;
    bool as_billed; /* not as a credit note, whatever its sign */
} AdjustSettlement;

/** Find out. Freed with adjust_event_free() in any case. ERR_INPUT (it cannot be rated under its book or contract), ERR_CORRUPT,
 *  ERR_NOMEM, ERR_DATABASE, ERR_BUSY. */
MUST_CHECK bool
adjust_event_make(AdjustEvent *self, const AdjustRequest *request, const AdjustSettlement *settlement, Err *err);
void adjust_event_free(AdjustEvent *self);

/** A contract without terms, for tenants that have none. Caller frees with contract_free(). */
MUST_CHECK Contract *adjust_plain_contract(Err *err);

#endif
