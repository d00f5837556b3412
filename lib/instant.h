/**
 * instant - a point in time as a person writes it
 */
#ifndef LIB_INSTANT_H
#define LIB_INSTANT_H

#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

/** Parse RFC 3339 as utc_parse() does, a minute ("2026-10-01T06:00Z"), or a date ("2026-10-01": its start in UTC). ERR_INPUT. */
MUST_CHECK bool instant_parse(Text text, int64_t *time_us, Err *err);

#endif
