/**
 * rate_measures - how a rating run made quantities from rollups, recorded for the views that spread costs over them
 */
#ifndef RATER_RATE_MEASURES_H
#define RATER_RATE_MEASURES_H

#include "rater/price_book.h"
#include "schema/invoice_store.h"

/** Record a run with the measures of its book. The book must be stored. ERR_NOMEM, and errors of the database. */
MUST_CHECK bool rate_measures_record(Db *db, const RatingRun *run, const PriceBook *book, int64_t *run_id, Err *err);

#endif
