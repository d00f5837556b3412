/**
 * lines - what the fuzzers of text decoders share: what a source knows, and the input line by line
 */
#ifndef TESTS_FUZZ_FORMATS_LINES_H
#define TESTS_FUZZ_FORMATS_LINES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/decode.h"

static const DecodeDefaults DEFAULTS = {.tenant = TEXT_LITERAL("acme"),
                                        .function = TEXT_LITERAL("f"),
                                        .region = TEXT_LITERAL("us-east-1"),
                                        .at_us = INT64_C(1790856000000000)};

/* What a decoder lets through must pass the record check. */
static inline void
require_good(const UsageRecord *record)
{
    UsageFault fault;
    if (!usage_record_check(record, false, false, &fault))
        abort();
}

/* The next line of `text` without its end; `text` moves behind it. */
static inline Text
next_line(Text *text)
{
    const char *end = memchr(text->data, '\n', text->length);
    Text line = {text->data, end == NULL ? text->length : (size_t) (end - text->data)};
    size_t step = line.length + (end == NULL ? 0 : 1);
    text->data += step;
    text->length -= step;
    return line;
}

#endif
