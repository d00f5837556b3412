#include "lib/instant.h"

#include <stdio.h>

#include "lib/utc.h"

bool
instant_parse(Text text, int64_t *time_us, Err *err)
{
    char full[UTC_TEXT_BYTES];
    if (text.length == sizeof("2026-10-01") - 1)
        snprintf(full, sizeof full, "%.*sT00:00:00Z", TEXT_ARG(text));
    else if (text.length == sizeof("2026-10-01T06:00Z") - 1)
        snprintf(full, sizeof full, "%.16s:00Z", text.data);
    else
        return utc_parse(text, time_us, err);
    return utc_parse(text_of(full), time_us, err);
}
