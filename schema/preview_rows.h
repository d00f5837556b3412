/**
 * preview_rows - what stands in the tables beside a preview's document, taken from it while it is made
 *
 * The rows of previews_write(), which holds some of them against the documents. Read off the very tree that becomes the canonical JSON, so
 * that both say the same. Not thread-safe, but rows made in one thread can be appended in another.
 */
#ifndef SCHEMA_PREVIEW_ROWS_H
#define SCHEMA_PREVIEW_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/text.h"
#include "schema/db_rows.h"

typedef enum PreviewRowsOf {
    PREVIEW_HEADS,
    PREVIEW_LINES,
    PREVIEW_FREE_TIERS,
    PREVIEW_ITEMS,
    PREVIEW_ROWS
} PreviewRowsOf;

typedef struct PreviewRows {
    DbRows of[PREVIEW_ROWS];
} PreviewRows;

void preview_rows_free(PreviewRows *self);
void preview_rows_clear(PreviewRows *self);

/** Add the rows of a tenant's preview: `document`, and `canonical`, its text. ERR_CORRUPT when the document lacks something. */
MUST_CHECK bool preview_rows_take(PreviewRows *self, int64_t tenant_id, Json *document, Text canonical, Err *err);
MUST_CHECK bool preview_rows_append(PreviewRows *self, const PreviewRows *more, Err *err);

#endif
