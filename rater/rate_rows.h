/**
 * rate_rows - the usage of a rating run as rows, account after account
 */
#ifndef RATER_RATE_ROWS_H
#define RATER_RATE_ROWS_H

#include "rater/rate_month_parts.h"
#include "schema/rollup_store.h"

/** Add the sums of one configuration, as the run's question wants them. ERR_NOMEM. */
MUST_CHECK bool rate_rows_take(const RateMonth *self, RatingRows *rows, const RollupRow *from, Err *err);

/** The tenants with the period and book at hand, by account and name. Caller frees `*tenants`, the array. ERR_NOMEM. */
MUST_CHECK bool rate_rows_order(const RateMonth *self, const RateTenant ***tenants, size_t *count, Err *err);

/** Can the rows of all accounts come in one stream of hourly sums, or does the book, the question or the evidence want more? */
bool rate_rows_stream(const RateMonth *self);

/** Stream those of some tenants at hand, each once and in the order in which they are given. */
MUST_CHECK bool rate_rows_stream_of(const RateMonth *self, Db *db, const RateTenant *const *tenants, size_t count,
                                    RollupVisit visit, void *context, Err *err);

/** Read all of the period at hand into self->rows. */
MUST_CHECK bool rate_rows_read(RateMonth *self, Err *err);

#endif
