/**
 * backfill - what files would change if they were imported: for each tenant and month, before anything is
 *
 * The files are decoded as import does it, and compared with every record that is there by the rule of the search for duplicates
 * (duplicates.h); both sides lie in partitions on disk meanwhile. What is new is added to the month's usage as it stands and rated by
 * the same pure function as the bill, contracts included, in one snapshot of a read-only transaction. Memory holds the new usage by
 * configuration, or record by record where a price book counts what hourly sums do not hold.
 */
#ifndef RATER_BACKFILL_H
#define RATER_BACKFILL_H

#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/utc.h"
#include "rater/book_calendar.h"
#include "rater/log_file.h"
#include "rater/period.h"
#include "rater/usage.h"
#include "schema/db.h"

typedef struct BackfillRequest {
    const char *const *paths;
    size_t path_count;
    LogReading reading;
    const char *book;
} BackfillRequest;

/** One tenant's month. */
typedef struct BackfillMonth {
    const char *tenant; /* borrowed */
    bool is_new_tenant;
    UtcMonth month;
    BillingPeriod period;   /* of the tenant in that month */
    int64_t fresh;          /* records that would be billed */
    int64_t known;          /* that are there already */
    int64_t reversed;       /* of them: taken back, and stays so */
    int64_t conflicts;      /* another record of that identity is there: to quarantine */
    int64_t repeated;       /* copies within the files */
    UsageSum mb_ms;         /* of the fresh: memory times duration, rounded up to 1 ms */
    BookCalendar *calendar; /* borrowed, as the name of the book of tenants whose contract names none */
    const char *price_book;
    const PriceBook *book; /* of this tenant */
    RatingRows *rows;      /* the fresh, by record; else … */
    struct BackfillSum *sums;
    size_t sum_count, sum_room, sum_last;
    char *account;
} BackfillMonth;

/** Add a fresh record. */
MUST_CHECK bool backfill_month_add(BackfillMonth *self, const UsageRecord *record, Err *err);
/** All fresh usage as rows. */
MUST_CHECK bool backfill_month_rows(BackfillMonth *self, Err *err);
void backfill_month_free(BackfillMonth *self);

/** The answer becomes the caller's: files, unreadable, months (tenant, account, month, new, known, reversed, conflicts, repeated_in_files, gb_seconds, new_tenant, bills: each tenant of the
 *  account whose bill it touches, with final_invoice, billed, as_it_stands, would_be, difference, currency, leads_to). NULL: ERR_IO and ERR_INPUT (a file), ERR_RANGE, ERR_CONFLICT (the
 *  price book), ERR_CORRUPT, ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK Json *backfill_try(Db *db, const BackfillRequest *request, Err *err);

/** Add a month's bills to its object. In the snapshot. */
MUST_CHECK bool backfill_bills(Db *db, BackfillMonth *month, Json *object, Err *err);

#endif
