/**
 * decode - one line of text into one usage record
 *
 * A decoder returns a record or says what is wrong; its caller decides whether to quarantine or drop. Nothing here does
 * I/O. A scratch serves one decoder at a time and is not thread-safe.
 */
#ifndef FORMATS_DECODE_H
#define FORMATS_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"
#include "proto/usage_record.h"

/** What a source knows about lines that do not say it themselves (texts borrowed, empty: not known). */
typedef struct DecodeDefaults {
    Text tenant;
    bool
        tenant_bound; /* the source speaks for `tenant` only: a line that names another one is refused (forged_tenant) */
    Text function;
    Text region;
    UsageArchitecture architecture;
    bool has_architecture; /* otherwise `architecture` is not looked at */
    int64_t at_us;         /* time for lines without one, USAGE_ABSENT none */
} DecodeDefaults;

/** Owns the storage that the decoded record's texts point to until the next decode with it. */
typedef struct DecodeScratch DecodeScratch;

/** Caller frees with decode_scratch_free(). NULL: ERR_NOMEM. */
MUST_CHECK DecodeScratch *decode_scratch_new(Err *err);
void decode_scratch_free(DecodeScratch **self);

/** Decode one JSON object (architecture, "Record as JSON") and check it with usage_record_check. `request_id` may come
 *  back empty: the caller makes one. The texts of `out` are borrowed from `scratch` until its next decode. False with the
 *  first fault. */
MUST_CHECK bool
decode_ndjson(DecodeScratch *scratch, Text line, const DecodeDefaults *defaults, UsageRecord *out, UsageFault *fault);

#endif
