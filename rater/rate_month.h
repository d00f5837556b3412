/**
 * rate_month - rate one month from the database and write its invoices
 *
 * Duplicates are excluded first. Then one snapshot gives the receipt watermark and the rollups; the pure core rates
 * account by account; all invoices are written in the snapshot's transaction or none. An account whose usage cannot be
 * priced is skipped and reported, the others get their invoices. A final invoice that exists stays as it is. Of two
 * runs at once the later one waits and finds what the first one wrote.
 * Accounts are read, rated and written in a pipeline of threads (rate_flow.h): in memory are its chunks, the names of the tenants, their
 * contracts and the report. Where a book or a question needs more than hourly sums, all rows of the period are held.
 */
#ifndef RATER_RATE_MONTH_H
#define RATER_RATE_MONTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/arena.h"
#include "lib/config.h"
#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "rater/book_calendar.h"
#include "rater/contract.h"
#include "rater/rate_suppose.h"
#include "rater/usage.h"
#include "schema/db.h"

typedef struct RateRequest {
    UtcMonth month;
    const char *tenant; /* NULL: all. Its whole account is rated, its invoice alone is written */
    bool final;
    bool dry_run; /* no invoice is written or looked at */
    bool free_tier;
    bool documents;         /* keep the documents for the report */
    BookCalendar *calendar; /* what books names stand for */
    const char *price_book; /* name or path, for tenants whose contract names none */
    const Config *config;   /* where the sealing key and the heads file are */
    UtcMonth closing;       /* the month whose closing this is a part of; year 0: none */

    const atomic_bool *stop; /* once true the run ends (ERR_INTERRUPTED) and writes no invoice; NULL: never */

    const char *const *held; /* accounts that are left out, as if they were not there: the caller knows why */
    size_t held_count;
    const char *const *only; /* accounts that alone are rated, as if there were no others */
    size_t only_count;       /* 0: all */

    /* Of a dry run that asks what would be: */
    bool inside;            /* the caller's transaction and snapshot: neither begun nor ended, nothing is tried again */
    int64_t as_of_receipt;  /* what had been received up to it, read from the evidence; 0: all there is */
    const RatingRows *more; /* usage that is added to what is there, of the account of `tenant`; NULL: none */
    int64_t forecast_at_us; /* usage is that of whole periods, where they are under way at this instant; 0: as it is */
    bool any_book;          /* `price_book` also where a contract names another */
    const RateSuppose *suppose; /* the usage is another; borrowed. NULL: as it is */
    const Contract *contract;   /* instead of the tenants' own (of `tenant` alone when given); borrowed. NULL: theirs */
} RateRequest;

/** What became of one tenant (texts stand in the report). */
typedef struct RateOutcome {
    const char *tenant;
    const char *account;
    const char *number;     /* NULL for a preview */
    const char *price_book; /* "aws-lambda 2026-11"; NULL: it was final before */
    const char *currency;
    const char *total; /* as printed: what is owed */
    const char *alert; /* percentage of its spending limit that it has reached; NULL: none */
    bool is_final;
    bool is_credit_note;  /* of an earlier period */
    bool was_final;       /* it existed already and is unchanged */
    int64_t late_records; /* received after the final invoice's watermark */
    Json *document;       /* when asked for */
    int habit_weeks;      /* of a forecast: by the weekdays of so many weeks; 0: by a straight line */
    size_t place;         /* in the order in which they were made */
} RateOutcome;

/** An account that could not be rated. */
typedef struct RateSkip {
    char *account;
    char *message;
    char *hint;
} RateSkip;

typedef struct RateReport {
    RateOutcome *outcomes; /* by account and tenant */
    size_t outcome_count, outcome_capacity;
    RateSkip *skips;
    size_t skip_count;
    RateSkip *waits; /* accounts of which usage is left to a later invoice: nothing is wrong with them */
    size_t wait_count;
    int64_t receipt_watermark;
    int64_t copies; /* duplicates that this run excluded */
    int64_t conflicts;
    Arena *texts;
} RateReport;

/** Rate. `db` is the rater's connection, `compactor` that of the role that may exclude duplicates (NULL, for dry runs only: none are
 *  looked for). `report` is filled on success and freed with rate_report_free() in any case. ERR_NOT_FOUND (the tenant),
 *  ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool rate_month(Db *db, Db *compactor, const RateRequest *request, RateReport *report, Err *err);
void rate_report_free(RateReport *report);

#endif
