/**
 * decode_field - the fields of a record as text formats name them, each with its own reading
 *
 * One table serves JSON and CSV: a name, what kind of value it takes, where it goes. Quantities are read from their
 * decimal digits; what is finer than a microsecond rounds up (a billed ms stays the same). A field given twice, also once in milliseconds
 * and once in microseconds, is a fault. Nothing here allocates.
 */
#ifndef FORMATS_DECODE_FIELD_H
#define FORMATS_DECODE_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/decode.h"
#include "lib/text.h"
#include "proto/usage_record.h"

/** How a value stands in its format; a cell of CSV may be read as any kind. */
typedef enum FieldForm { FIELD_STRING, FIELD_NUMBER, FIELD_BOOLEAN, FIELD_CELL } FieldForm;

/** A record on its way. Start with field_target_start. */
typedef struct FieldTarget {
    UsageRecord record;
    uint64_t given; /* one bit for each fact that has been set */
} FieldTarget;

void field_target_start(FieldTarget *target);

/** Index of a field by its name, -1 when there is none. */
int field_find(Text name);
/** Its name (static). */
const char *field_name(int field);
/** Every name, separated by ", " (static), for messages. */
const char *field_names(void);

/** Set one field from its text (borrowed by the record). False with the fault. */
MUST_CHECK bool field_set(FieldTarget *target, int field, Text value, FieldForm form, UsageFault *fault);

/** Fill in what the source knows, check the whole, hand it out. False with the fault; `out` holds what was read. */
MUST_CHECK bool
field_target_finish(FieldTarget *target, const DecodeDefaults *defaults, UsageRecord *out, UsageFault *fault);

/** Give a record what it lacks: tenant, function, region. False: the source is bound to another tenant. */
MUST_CHECK bool decode_apply_defaults(UsageRecord *record, const DecodeDefaults *defaults, UsageFault *fault);

#endif
