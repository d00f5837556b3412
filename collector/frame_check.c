#include "collector/frame_check.h"

#include "lib/digest.h"
#include "lib/text.h"
#include "proto/usage_batch.h"
#include "schema/batch_store.h"

enum { NAME_BYTES_MAX = 4096 };
#define TIME_US_MAX INT64_C(253402300800000000) /* the year 10000 */

static bool
check_length(const char *what, size_t found, size_t expected, Err *err)
{
    return found == expected || err_set(err, ERR_PROTOCOL, "%s has %zu bytes, expected %zu", what, found, expected);
}

static bool
check_text(const char *what, const char *text, Err *err)
{
    Text slice = text_of(text);
    if (slice.length <= NAME_BYTES_MAX && text_is_clean_utf8(slice))
        return true;
    return err_set(err, ERR_PROTOCOL, "%s is longer than %d bytes or not clean UTF-8", what, NAME_BYTES_MAX);
}

MUST_CHECK bool
frame_check_hello(const Millibill__Hello *hello, Err *err)
{
    return check_length("hello: spool", hello->spool.len, SPOOL_ID_BYTES, err);
}

MUST_CHECK bool
frame_check_batch(Millibill__Batch *batch, Err *err)
{
    if (batch->accepted_at_us <= 0 || batch->accepted_at_us >= TIME_US_MAX)
        batch->accepted_at_us = 0;
    if (batch->sequence == 0 || batch->sequence > INT64_MAX)
        return err_set(err, ERR_PROTOCOL, "batch: a sequence that is not 1 to 2^63-1");
    if (batch->payload.len > USAGE_BATCH_BYTES_MAX)
        return err_set(err, ERR_PROTOCOL, "batch: %zu bytes, at most %d allowed", batch->payload.len,
                       USAGE_BATCH_BYTES_MAX);
    return check_length("batch: spool", batch->spool.len, SPOOL_ID_BYTES, err) &&
           check_length("batch: digest", batch->digest.len, DIGEST_BYTES, err) &&
           (batch->import_id.len == 0 ||
            check_length("batch: import_id", batch->import_id.len, IMPORT_ID_BYTES, err)) &&
           check_text("batch: source", batch->source, err) && check_text("batch: label", batch->label, err);
}

MUST_CHECK bool
frame_check_settle(const Millibill__Settle *settle, Err *err)
{
    return check_length("settle: import_id", settle->import_id.len, IMPORT_ID_BYTES, err);
}
