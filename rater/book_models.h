/**
 * book_models - the part of a price that says what units cost: its model with tiers, packages, rates, fees and limits
 */
#ifndef RATER_BOOK_MODELS_H
#define RATER_BOOK_MODELS_H

#include "rater/book_reader.h"
#include "rater/price_book.h"

/** Every key that some model knows, to be listed among the keys of a price. */
#define BOOK_MODEL_KEYS                                                                                                \
    "model", "per", "unit_price", "tiers", "package_size", "package_price", "free_units", "rate_percent", "event_fee", \
        "free_events", "free_amount", "event_minimum", "event_maximum", "fee", "partial_month", "counted_over",        \
        "minimum", "maximum", "at_zero"

extern const char *const PARTIAL_MONTH_NAMES[]; /* in the order of PartialMonth, NULL at the end */

/** Make every number of a price 0. */
void book_price_init(Price *price);

/** Read the model of a price that was initialised, for a meter with this measure. What was read is freed with
 *  book_price_clear() in any case. */
MUST_CHECK bool book_read_model(const Place *place, Measure measure, Price *price, Err *err);

/** Release what init and read took. */
void book_price_clear(Price *price);

#endif
