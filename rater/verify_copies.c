#include "rater/verify_copies.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/digest.h"

enum { COPIES_BUCKETS = 4096, KEY_BYTES = 32, PAIR_TEXT_BYTES = USAGE_ID_BYTES_MAX + 96 };

struct Copies {
    Db *db;
    const RateTenant *tenant;
    VerifyPeriod period;
    VerifyReport *report;
    VerifyCursor *kept; /* exclusions in the order of what they keep */
    VerifyExclusion next;
    bool more;
    uint8_t key[KEY_BYTES]; /* nobody can prepare records whose sums come out */
    Digest sums[COPIES_BUCKETS];
};

int
record_place_compare(const SegmentKey *a, int64_t a_ordinal, const SegmentKey *b, int64_t b_ordinal)
{
    if (a->hour_us != b->hour_us)
        return a->hour_us < b->hour_us ? -1 : 1;
    if (a->segment_id != b->segment_id)
        return a->segment_id < b->segment_id ? -1 : 1;
    return (a_ordinal > b_ordinal) - (a_ordinal < b_ordinal);
}

Copies *
copies_new(Db *db, const RateTenant *tenant, const VerifyPeriod *period, VerifyReport *report, Err *err)
{
    Copies *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for exclusions");
        return NULL;
    }
    self->db = db;
    self->tenant = tenant;
    self->period = *period;
    self->report = report;
    random_bytes(self->key, sizeof self->key);
    self->kept = verify_kept_open(db, tenant->tenant_id, period, err);
    if (self->kept == NULL || !verify_exclusions_next(self->kept, &self->next, &self->more, err))
        copies_free(&self);
    return self;
}

void
copies_free(Copies **self)
{
    if (*self == NULL)
        return;
    verify_cursor_close(&(*self)->kept);
    free(*self);
    *self = NULL;
}

/* ---- sums ---- */

static bool
is_within(const Copies *self, const VerifyExclusion *exclusion)
{
    return exclusion->kept.hour_us >= self->period.start_us && exclusion->kept.hour_us < self->period.end_us;
}

static size_t
bucket_of(const Copies *self, const VerifyExclusion *exclusion)
{
    uint16_t bucket;
    const int64_t place[] = {exclusion->key.hour_us, exclusion->key.segment_id, exclusion->ordinal};
    DigestState state;
    digest_start(&state);
    digest_add(&state, self->key, sizeof self->key);
    digest_add(&state, place, sizeof place);
    const Digest digest = digest_end(&state);
    memcpy(&bucket, digest.bytes, sizeof bucket);
    return bucket % COPIES_BUCKETS;
}

/** Each exclusion adds once for either record: what is the same takes itself away. */
static void
add(Copies *self, const VerifyExclusion *exclusion, const UsageRecord *record)
{
    const int64_t numbers[] = {exclusion->key.hour_us, exclusion->key.segment_id, exclusion->ordinal, record->attempt,
                               exclusion->copy ? record->duration_us : 0};
    DigestState state;
    digest_start(&state);
    digest_add(&state, self->key, sizeof self->key);
    digest_add(&state, numbers, sizeof numbers);
    digest_add(&state, record->request_id.data, record->request_id.length);
    const Digest digest = digest_end(&state);
    Digest *sum = &self->sums[bucket_of(self, exclusion)];
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        sum->bytes[i] ^= digest.bytes[i];
}

void
copies_excluded(Copies *self, const VerifyExclusion *exclusion, const UsageRecord *record)
{
    if (is_within(self, exclusion))
        add(self, exclusion, record);
}

MUST_CHECK bool
copies_met(Copies *self, const SegmentKey *key, size_t ordinal, const UsageRecord *record, Err *err)
{
    int place = 0;
    while (self->more &&
           (place = record_place_compare(&self->next.kept, self->next.kept_ordinal, key, (int64_t) ordinal)) <= 0) {
        if (place == 0)
            add(self, &self->next, record);
        if (!verify_exclusions_next(self->kept, &self->next, &self->more, err))
            return false;
    }
    return true;
}

/* ---- names ---- */

/** One record as a text that tells it from others; empty when it cannot be read, which other checks say. */
static bool
describe(const Copies *self, const SegmentKey *key, int64_t ordinal, bool with_duration, char out[PAIR_TEXT_BYTES],
         Err *err)
{
    Buffer payload = {0};
    Err reason = {0};
    bool found = false;
    out[0] = '\0';
    bool done = verify_payload(self->db, self->tenant->tenant_id, key, &payload, &found, err);
    UsageBatch *batch = done && found ? usage_batch_unpack(payload.data, payload.length, &reason) : NULL;
    if (batch != NULL && ordinal >= 0 && (size_t) ordinal < usage_batch_records(batch)) {
        UsageRecord record;
        usage_batch_record(batch, (size_t) ordinal, &record);
        int length = snprintf(out, PAIR_TEXT_BYTES, "request_id '%.*s', attempt %" PRIu32, TEXT_ARG(record.request_id),
                              record.attempt);
        if (with_duration && length > 0 && length < PAIR_TEXT_BYTES)
            snprintf(out + length, (size_t) (PAIR_TEXT_BYTES - length), ", %" PRId64 " us", record.duration_us);
    }
    if (reason.code == ERR_NOMEM)
        done = err_set(err, ERR_NOMEM, "no memory for a segment");
    usage_batch_free(&batch);
    buffer_free(&payload);
    return done;
}

static bool
name_pair(Copies *self, const VerifyExclusion *exclusion, Err *err)
{
    char excluded[PAIR_TEXT_BYTES];
    char kept[PAIR_TEXT_BYTES];
    char subject[48];
    char hour[UTC_TEXT_BYTES];
    if (!describe(self, &exclusion->key, exclusion->ordinal, exclusion->copy, excluded, err) ||
        !describe(self, &exclusion->kept, exclusion->kept_ordinal, exclusion->copy, kept, err))
        return false;
    if (excluded[0] == '\0' || kept[0] == '\0' || strcmp(excluded, kept) == 0)
        return true;
    snprintf(subject, sizeof subject, "ordinal %" PRId64, exclusion->ordinal);
    const VerifyFinding finding = {.tenant = self->tenant->name,
                                   .hour = utc_format(exclusion->key.hour_us, hour),
                                   .subject = subject,
                                   .segment_id = exclusion->key.segment_id,
                                   .stream_id = exclusion->stream_id,
                                   .sequence = exclusion->sequence,
                                   .what = exclusion->copy ? "record of which an excluded one is a copy"
                                                           : "record with which an excluded one is in conflict",
                                   .expected = excluded,
                                   .found = kept};
    return verify_note(self->report, VERIFY_EXCLUSIONS, &finding, err);
}

MUST_CHECK bool
copies_end(Copies *self, Err *err)
{
    static const Digest nothing = {{0}};
    size_t wrong = 0;
    for (size_t i = 0; i < COPIES_BUCKETS; i++)
        wrong += memcmp(&self->sums[i], &nothing, sizeof nothing) != 0;
    verify_cursor_close(&self->kept);
    if (wrong == 0)
        return true;
    VerifyCursor *cursor = verify_kept_open(self->db, self->tenant->tenant_id, &self->period, err);
    bool done = cursor != NULL;
    bool more = done;
    while (done && more && self->report->checks[VERIFY_EXCLUSIONS].found < VERIFY_DIFFERENCES_KEPT) {
        VerifyExclusion exclusion;
        done = verify_exclusions_next(cursor, &exclusion, &more, err);
        if (done && more && memcmp(&self->sums[bucket_of(self, &exclusion)], &nothing, sizeof nothing) != 0)
            done = name_pair(self, &exclusion, err);
    }
    verify_cursor_close(&cursor);
    return done;
}
