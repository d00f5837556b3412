/**
 * free_tier_read - what a free-tier report is made of: the rater's documents, and the hours of the rollups
 */
#ifndef REPORTS_FREE_TIER_READ_H
#define REPORTS_FREE_TIER_READ_H

#include "lib/json.h"
#include "reports/free_tier_use.h"
#include "schema/db.h"

typedef struct FreeTierQuestion {
    UtcMonth month;
    bool
        under_way; /* the periods that are under way now, in whichever month they started; else those that start in `month` */
    const char *book; /* NULL: the rater's default */
    const char *data;
} FreeTierQuestion;

/** Starts zeroed, with tiers.month set; both answers are the caller's to release. */
typedef struct FreeTierReading {
    Json *answer;    /* the rater's, of `month` */
    Json *documents; /* that count */
    int64_t as_of_us;
    Tiers tiers;
} FreeTierReading;

/** Have the month rated as it stands, in memory. ERR_INPUT, ERR_IO, ERR_NOMEM. */
MUST_CHECK bool free_tier_read_documents(const FreeTierQuestion *question, FreeTierReading *reading, Err *err);

/** When the tiers have taken the documents: what was used hour by hour in their periods, and in the weeks before. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool free_tier_read_hours(Db *db, FreeTierReading *reading, Err *err);

#endif
