/**
 * decimal - exact numbers between text and rational
 *
 * Money and quantities are GMP rationals (mpq_t) from the first digit read to the one rounding that a price
 * book names. Nothing here goes through floating point. GMP aborts when memory runs out; its sizes are
 * bounded here by the limits on digits.
 */
#ifndef LIB_DECIMAL_H
#define LIB_DECIMAL_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

enum {
    DECIMAL_DIGITS_MAX = 60,    /* digits accepted in one number */
    DECIMAL_FRACTION_EXACT = 12 /* least digits printed of a fraction that does not end */
};

typedef enum RoundingMode {
    ROUND_HALF_UP,   /* half away from zero */
    ROUND_HALF_EVEN, /* banker's */
    ROUND_UP,        /* away from zero */
    ROUND_DOWN       /* toward zero */
} RoundingMode;

/** Parse `[-]digits[.digits]` (no exponent unless `12e3` style is given: accepted, |exponent| <= 30). `out` is
 *  initialised by the caller. ERR_INPUT, ERR_RANGE (too many digits). */
MUST_CHECK bool decimal_parse(Text text, mpq_t out, Err *err);

/** Parse a decimal and scale it by 10^`scale` to a whole number; what is beyond is rounded by `mode` (e.g. "469.4" with
 *  scale 3: 469400). ERR_INPUT, ERR_RANGE (outside int64). `*exact` (may be NULL): nothing was rounded. */
MUST_CHECK bool decimal_parse_scaled(Text text, int scale, RoundingMode mode, int64_t *out, bool *exact, Err *err);

/** Write with exactly `scale` (0..40) digits after the point, rounded by `mode`. Never writes "-0". ERR_NOMEM.
 *  Caller frees with free(). */
MUST_CHECK char *decimal_format(const mpq_t value, int scale, RoundingMode mode, Err *err);

/** Write exactly: as many digits as it takes; a fraction that does not end is cut to 20 digits half up (at least
 *  DECIMAL_FRACTION_EXACT). No trailing zeros, no point when whole. Caller frees with free(). */
MUST_CHECK char *decimal_format_exact(const mpq_t value, Err *err);

/** Round in place to `scale` digits after the point. */
void decimal_round(mpq_t value, int scale, RoundingMode mode);

/** The greatest whole number that is not above a rational. */
void decimal_floor(mpz_t out, const mpq_t value);

/** Load 64- and 128-bit integers. */
void decimal_set_i64(mpq_t out, int64_t value);
void decimal_set_u128(mpz_t out, unsigned __int128 value);

/** Is this `[-]digits[.digits]` and nothing else? */
bool decimal_is_plain(const char *text);

/** Insert thousands separators into "1234567.89" → "1,234,567.89" for people. Caller frees. */
MUST_CHECK char *decimal_group_thousands(const char *number, Err *err);

/** Digits after the point of a currency's minor unit by ISO 4217 (USD 2, JPY 0, KWD 3); 2 when not listed. */
int currency_scale(const char *iso_code);

#endif
