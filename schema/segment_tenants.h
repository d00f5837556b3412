/**
 * segment_tenants - who has evidence of a time: whoever has none needs no search of its own
 */
#ifndef SCHEMA_SEGMENT_TENANTS_H
#define SCHEMA_SEGMENT_TENANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "schema/db.h"

typedef struct SegmentTenants {
    int64_t *all; /* tenant_id, ascending */
    size_t count, capacity;
} SegmentTenants;

/** Read the tenants that have a segment with start_us <= hour < end_us, in one statement. Freed with segment_tenants_free() in any
 *  case. ERR_BUSY, ERR_DATABASE, ERR_NOMEM. */
MUST_CHECK bool segment_tenants_read(SegmentTenants *self, Db *db, int64_t start_us, int64_t end_us, Err *err);
bool segment_tenants_have(const SegmentTenants *self, int64_t tenant_id);
void segment_tenants_free(SegmentTenants *self);

#endif
