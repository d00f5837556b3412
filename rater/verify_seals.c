/* One tenant's seals: the chain, and each hour against its segments and exclusions. See verify_seals.h. */
#include "rater/verify_seals.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/digest.h"

/** A segment of the present hour. */
typedef struct Found {
    int64_t segment_id;
    int64_t receipt;
    Digest digest;
} Found;

/** A seal of the present hour. */
typedef struct Open {
    Seal seal;
    Buffer segment_ids;
    Buffer segment_digests;
    DigestState exclusions; /* as they are found */
    int64_t exclusion_count;
} Open;

struct SealWalk {
    const RateTenant *tenant;
    VerifyReport *report;
    int64_t hour_us; /* present hour; INT64_MIN: none yet */
    VerifyCursor *seals;
    VerifySeal seal; /* next one */
    bool more_seals;
    VerifyCursor *exclusions;
    VerifySealExclusion exclusion; /* next one */
    bool more_exclusions;
    Found *found;
    size_t found_count, found_capacity;
    Open *open;
    size_t open_count, open_capacity;
};

/* ---- notes ---- */

static bool
note(const SealWalk *self, const Seal *seal, int64_t segment_id, const char *what, const char *expected,
     const char *found, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    char subject[96] = "";
    int64_t hour_us = seal == NULL ? self->hour_us : seal->hour_us;
    if (seal != NULL)
        snprintf(subject, sizeof subject, "seal %" PRId64 ", revision %" PRId64, seal->number, seal->revision);
    const VerifyFinding finding = {.tenant = self->tenant->name,
                                   .hour = utc_format(hour_us, hour),
                                   .subject = subject,
                                   .segment_id = segment_id,
                                   .what = what,
                                   .expected = expected,
                                   .found = found};
    return verify_note(self->report, VERIFY_SEALS, &finding, err);
}

static bool
same_digest(const SealWalk *self, const Seal *seal, const char *what, const Digest *expected, const Digest *found,
            Err *err)
{
    char expected_hex[DIGEST_HEX_BYTES];
    char found_hex[DIGEST_HEX_BYTES];
    return memcmp(expected, found, sizeof *expected) == 0 ||
           note(self, seal, 0, what, digest_hex(expected, expected_hex), digest_hex(found, found_hex), err);
}

static bool
same_number(const SealWalk *self, const Seal *seal, const char *what, int64_t expected, int64_t found, Err *err)
{
    char expected_text[24];
    char found_text[24];
    snprintf(expected_text, sizeof expected_text, "%" PRId64, expected);
    snprintf(found_text, sizeof found_text, "%" PRId64, found);
    return expected == found || note(self, seal, 0, what, expected_text, found_text, err);
}

/* ---- the chain ---- */

static bool
check_link(const SealWalk *self, const VerifySeal *row, const Seal *before, Err *err)
{
    Seal seal = row->seal;
    seal.tenant = text_of(self->tenant->name);
    const Digest content = seal_content_digest((const uint8_t *) row->segment_digests.data,
                                               row->segment_digests.length / DIGEST_BYTES, &seal.exclusions_digest);
    const Digest digest = seal_digest(&seal);
    return same_number(self, &seal, "number of the seal, after the one before it", before->number + 1, seal.number,
                       err) &&
           same_digest(self, &seal, "digest of the seal before it", &before->digest, &seal.previous, err) &&
           same_digest(self, &seal, "digest of the seal", &digest, &seal.digest, err) &&
           same_digest(self, &seal, "digest over what was sealed", &content, &seal.content, err) &&
           same_number(self, &seal, "digests of segments", seal.segments,
                       (int64_t) (row->segment_digests.length / DIGEST_BYTES), err);
}

static bool
check_chain(const SealWalk *self, Db *db, Err *err)
{
    Seal before = {.number = 0};
    VerifySeal row;
    bool more = true;
    VerifyCursor *chain = verify_chain_open(db, self->tenant->tenant_id, err);
    bool good = chain != NULL;
    while (good && more) {
        good = verify_seals_next(chain, &row, &more, err);
        if (!good || !more)
            break;
        self->report->checks[VERIFY_SEALS].checked++;
        good = check_link(self, &row, &before, err);
        before = row.seal;
    }
    verify_cursor_close(&chain);
    return good;
}

/* ---- one hour ---- */

static int64_t
id_at(const Open *open, size_t i)
{
    uint64_t value;
    memcpy(&value, open->segment_ids.data + 8 * i, sizeof value);
    return (int64_t) be64toh(value);
}

static bool
note_segment(const SealWalk *self, const Open *open, int64_t segment_id, const Digest *sealed, const Digest *found,
             Err *err)
{
    char expected[DIGEST_HEX_BYTES];
    char found_hex[DIGEST_HEX_BYTES];
    const char *was = sealed == NULL ? "none: it came later than its receipt says" : digest_hex(sealed, expected);
    const char *is = found == NULL ? "none" : digest_hex(found, found_hex);
    return note(self, &open->seal, segment_id, "sealed segment (id, receipt, records, payload, sources)", was, is, err);
}

/** The sealed segments and those found with the seal's receipts, both in the order of id. */
static bool
compare_segments(const SealWalk *self, const Open *open, Err *err)
{
    size_t sealed = open->segment_ids.length / 8;
    size_t digests = open->segment_digests.length / DIGEST_BYTES;
    size_t at = 0;
    bool good = true;
    for (size_t i = 0; good && i < self->found_count; i++) {
        const Found *found = &self->found[i];
        if (found->receipt < open->seal.receipt_from || found->receipt > open->seal.receipt_to)
            continue;
        for (; good && at < sealed && id_at(open, at) < found->segment_id; at++)
            good = note_segment(self, open, id_at(open, at),
                                (const Digest *) (const void *) (open->segment_digests.data + DIGEST_BYTES * at), NULL,
                                err);
        if (!good || at == sealed || at >= digests || id_at(open, at) != found->segment_id) {
            good = good && note_segment(self, open, found->segment_id, NULL, &found->digest, err);
            continue;
        }
        const void *digest = open->segment_digests.data + DIGEST_BYTES * at++;
        good = memcmp(digest, &found->digest, DIGEST_BYTES) == 0 ||
               note_segment(self, open, found->segment_id, digest, &found->digest, err);
    }
    for (; good && at < sealed && at < digests; at++)
        good =
            note_segment(self, open, id_at(open, at),
                         (const Digest *) (const void *) (open->segment_digests.data + DIGEST_BYTES * at), NULL, err);
    return good;
}

static bool
compare_exclusions(const SealWalk *self, Open *open, Err *err)
{
    char expected[DIGEST_HEX_BYTES + 64];
    char found[DIGEST_HEX_BYTES + 64];
    char hex[DIGEST_HEX_BYTES];
    const Digest digest = digest_end(&open->exclusions);
    if (memcmp(&digest, &open->seal.exclusions_digest, sizeof digest) == 0 &&
        open->exclusion_count == open->seal.exclusions)
        return true;
    snprintf(expected, sizeof expected, "%" PRId64 " with SHA-256 %s", open->seal.exclusions,
             digest_hex(&open->seal.exclusions_digest, hex));
    snprintf(found, sizeof found, "%" PRId64 " with SHA-256 %s", open->exclusion_count, digest_hex(&digest, hex));
    return note(self, &open->seal, 0, "sealed exclusions of the hour", expected, found, err);
}

/** Take the seals of the present hour. */
static bool
take_seals(SealWalk *self, Err *err)
{
    while (self->more_seals && self->seal.seal.hour_us == self->hour_us) {
        if (!array_grow(&self->open, &self->open_capacity, self->open_count, sizeof *self->open, err))
            return false;
        Open *open = &self->open[self->open_count++];
        *open = (Open){.seal = self->seal.seal};
        digest_start(&open->exclusions);
        if (!buffer_append(&open->segment_ids, self->seal.segment_ids.data, self->seal.segment_ids.length, err) ||
            !buffer_append(&open->segment_digests, self->seal.segment_digests.data, self->seal.segment_digests.length,
                           err) ||
            !verify_seals_next(self->seals, &self->seal, &self->more_seals, err))
            return false;
    }
    return true;
}

/** Give each exclusion of the present hour to the seal of its receipt; false in `*sealed` when one has none. */
static bool
take_exclusions(SealWalk *self, bool *sealed, Err *err)
{
    while (self->more_exclusions && self->exclusion.hour_us == self->hour_us) {
        int64_t receipt = self->exclusion.receipt;
        bool given = false;
        for (size_t i = 0; i < self->open_count && !given; i++) {
            Open *open = &self->open[i];
            given = receipt >= open->seal.receipt_from && receipt <= open->seal.receipt_to;
            if (given) {
                open->exclusion_count++;
                digest_add(&open->exclusions, self->exclusion.line.data, self->exclusion.line.length);
            }
        }
        *sealed = *sealed && given;
        if (!verify_seal_exclusions_next(self->exclusions, &self->exclusion, &self->more_exclusions, err))
            return false;
    }
    return true;
}

static bool
compare_seals(const SealWalk *self, Err *err)
{
    for (size_t i = 0; i < self->open_count; i++) {
        Open *open = &self->open[i];
        int64_t from = i == 0 ? 1 : self->open[i - 1].seal.receipt_to + 1;
        if (!same_number(self, &open->seal, "revision of the hour", (int64_t) i + 1, open->seal.revision, err) ||
            !same_number(self, &open->seal, "first receipt, after the revision before it", from,
                         open->seal.receipt_from, err) ||
            !compare_segments(self, open, err) || !compare_exclusions(self, open, err))
            return false;
    }
    return true;
}

static bool
note_unsealed(const SealWalk *self, Err *err)
{
    VerifyUnsealed *unsealed = &self->report->unsealed;
    char hour[UTC_TEXT_BYTES];
    if (unsealed->hours == 0 || self->hour_us < unsealed->oldest_us)
        unsealed->oldest_us = self->hour_us;
    if (++unsealed->hours > VERIFY_DIFFERENCES_KEPT)
        return true;
    Json *object = json_new_object(err);
    return object != NULL && json_append(unsealed->list, object, err) &&
           json_add_text(object, "tenant", self->tenant->name, err) &&
           json_add_text(object, "hour", utc_format(self->hour_us, hour), err);
}

/** All of the present hour was seen. */
static bool
close_hour(SealWalk *self, Err *err)
{
    bool sealed = true;
    if (self->hour_us == INT64_MIN)
        return true;
    if (!take_seals(self, err) || !take_exclusions(self, &sealed, err) || !compare_seals(self, err))
        return false;
    int64_t last = self->open_count == 0 ? 0 : self->open[self->open_count - 1].seal.receipt_to;
    for (size_t i = 0; i < self->found_count; i++)
        sealed = sealed && self->found[i].receipt <= last;
    for (size_t i = 0; i < self->open_count; i++) {
        buffer_free(&self->open[i].segment_ids);
        buffer_free(&self->open[i].segment_digests);
    }
    self->open_count = self->found_count = 0;
    return sealed || note_unsealed(self, err);
}

/** Hours before this one that have seals or exclusions, but no segment. */
static bool
hours_before(SealWalk *self, int64_t hour_us, Err *err)
{
    for (;;) {
        int64_t next_us = hour_us;
        if (self->more_seals && self->seal.seal.hour_us < next_us)
            next_us = self->seal.seal.hour_us;
        if (self->more_exclusions && self->exclusion.hour_us < next_us)
            next_us = self->exclusion.hour_us;
        if (next_us == hour_us)
            return true;
        self->hour_us = next_us;
        if (!close_hour(self, err))
            return false;
    }
}

/* ---- the walk ---- */

MUST_CHECK bool
seal_walk_segment(SealWalk *self, const VerifySegment *segment, const Digest *payload, Err *err)
{
    if (segment->key.hour_us != self->hour_us) {
        if (!close_hour(self, err) || !hours_before(self, segment->key.hour_us, err))
            return false;
        self->hour_us = segment->key.hour_us;
    }
    if (!array_grow(&self->found, &self->found_capacity, self->found_count, sizeof *self->found, err))
        return false;
    const SealSegment sealed = {.segment_id = segment->key.segment_id,
                                .receipt = segment->receipt,
                                .records = segment->records,
                                .payload = *payload,
                                .sources = digest_of(segment->sources.data, segment->sources.length)};
    self->found[self->found_count++] = (Found){segment->key.segment_id, segment->receipt, seal_segment_digest(&sealed)};
    return true;
}

MUST_CHECK bool
seal_walk_end(SealWalk *self, Err *err)
{
    bool good = close_hour(self, err);
    self->hour_us = INT64_MIN;
    return good && hours_before(self, INT64_MAX, err);
}

SealWalk *
seal_walk_new(Db *db, const RateTenant *tenant, const VerifyPeriod *period, VerifyReport *report, Err *err)
{
    SealWalk *self = calloc(1, sizeof *self);
    if (self == NULL) {
        err_set(err, ERR_NOMEM, "no memory for seals");
        return NULL;
    }
    *self = (SealWalk){.tenant = tenant, .report = report, .hour_us = INT64_MIN};
    bool good = check_chain(self, db, err);
    self->seals = good ? verify_seals_open(db, tenant->tenant_id, period, err) : NULL;
    self->exclusions = self->seals != NULL ? verify_seal_exclusions_open(db, tenant->tenant_id, period, err) : NULL;
    good = self->exclusions != NULL && verify_seals_next(self->seals, &self->seal, &self->more_seals, err) &&
           verify_seal_exclusions_next(self->exclusions, &self->exclusion, &self->more_exclusions, err);
    if (!good)
        seal_walk_free(&self);
    return self;
}

void
seal_walk_free(SealWalk **self)
{
    if (*self == NULL)
        return;
    verify_cursor_close(&(*self)->seals);
    verify_cursor_close(&(*self)->exclusions);
    for (size_t i = 0; i < (*self)->open_count; i++) {
        buffer_free(&(*self)->open[i].segment_ids);
        buffer_free(&(*self)->open[i].segment_digests);
    }
    free((*self)->open);
    free((*self)->found);
    free(*self);
    *self = NULL;
}
