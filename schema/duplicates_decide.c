/* Which of several records of one identity counts: the pure half of duplicates.h. */
#include <sodium.h>
#include <string.h>

#include "schema/duplicates.h"

/** Everything that a record says, in a fixed form: numbers, then each text with its length. */
enum {
    FACT_NUMBERS = 16,
    FACT_TEXTS = 4,
    FACT_BYTES_MAX = FACT_NUMBERS * 8 + FACT_TEXTS * 8 + 3 * USAGE_NAME_BYTES_MAX + USAGE_REGION_BYTES_MAX
};

_Static_assert(DUPLICATES_HASH_BYTES == crypto_shorthash_siphashx24_BYTES, "hash length");
_Static_assert(sizeof(HashKey) == crypto_shorthash_siphashx24_KEYBYTES, "key length");

static size_t
put_text(unsigned char *out, size_t at, Text text)
{
    uint64_t length =
        text.length > USAGE_NAME_BYTES_MAX ? USAGE_NAME_BYTES_MAX : text.length; /* checked when unpacked */
    memcpy(out + at, &length, sizeof length);
    if (length > 0)
        memcpy(out + at + sizeof length, text.data, length);
    return at + sizeof length + length;
}

static void
hash_facts(const UsageRecord *record, const HashKey *key, uint8_t out[DUPLICATES_HASH_BYTES])
{
    const int64_t numbers[FACT_NUMBERS] = {record->architecture,
                                           record->package,
                                           record->mode,
                                           record->trigger,
                                           record->status,
                                           record->streamed,
                                           record->memory_mb,
                                           record->ephemeral_mb,
                                           record->started_at_us,
                                           record->duration_us,
                                           record->cpu_us,
                                           record->init_duration_us,
                                           record->max_memory_used_mb,
                                           record->response_bytes,
                                           record->reported_billed_ms,
                                           record->capacity_units};
    unsigned char facts[FACT_BYTES_MAX + USAGE_NAME_BYTES_MAX];
    memcpy(facts, numbers, sizeof numbers);
    size_t length = put_text(facts, sizeof numbers, record->tenant);
    length = put_text(facts, length, record->function);
    length = put_text(facts, length, record->version);
    length = put_text(facts, length, record->region);
    crypto_shorthash_siphashx24(out, facts, length, key->bytes);
}

void
duplicates_identity(const UsageRecord *record, const HashKey *key, uint8_t out[DUPLICATES_HASH_BYTES])
{
    unsigned char bytes[sizeof record->attempt + USAGE_ID_BYTES_MAX];
    size_t length = record->request_id.length > USAGE_ID_BYTES_MAX ? USAGE_ID_BYTES_MAX : record->request_id.length;
    memcpy(bytes, &record->attempt, sizeof record->attempt);
    memcpy(bytes + sizeof record->attempt, record->request_id.data, length);
    crypto_shorthash_siphashx24(out, bytes, sizeof record->attempt + length, key->bytes);
}

void
duplicates_describe(DuplicateCandidate *candidate, const UsageRecord *record, const HashKey *key)
{
    duplicates_identity(record, key, candidate->identity);
    hash_facts(record, key, candidate->content);
    candidate->started_at_us = record->started_at_us;
    candidate->duration_us = record->duration_us;
    candidate->lambda = record->reported_billed_ms != USAGE_ABSENT;
}

static bool
starts_close(const DuplicateCandidate *a, const DuplicateCandidate *b)
{
    int64_t apart_us = a->started_at_us - b->started_at_us;
    return apart_us <= DUPLICATES_SAME_START_US && apart_us >= -DUPLICATES_SAME_START_US;
}

/** What `later` is to a kept record of the same identity; DUPLICATE_KEPT: another attempt. */
static DuplicateVerdict
compare(const DuplicateCandidate *kept, const DuplicateCandidate *later)
{
    if (memcmp(kept->content, later->content, sizeof kept->content) == 0)
        return DUPLICATE_SAME;
    if (kept->lambda || later->lambda)
        return starts_close(kept, later) && kept->duration_us == later->duration_us ? DUPLICATE_COPY : DUPLICATE_KEPT;
    return DUPLICATE_CONFLICT;
}

/** The kept records of a run that a later one is compared with: the first, and a ring of the last ones. */
typedef struct Kept {
    size_t ring[DUPLICATES_ATTEMPTS_COMPARED];
    size_t count; /* ever kept */
} Kept;

/** The kept record `back` steps before the newest; index 0 of the run is kept always. */
static size_t
kept_at(const Kept *kept, size_t back)
{
    return kept->ring[(kept->count - 1 - back) % DUPLICATES_ATTEMPTS_COMPARED];
}

static bool
is_better(DuplicateVerdict verdict, DuplicateVerdict best)
{
    return verdict == DUPLICATE_SAME || (verdict == DUPLICATE_COPY && best != DUPLICATE_SAME) ||
           (verdict == DUPLICATE_CONFLICT && best == DUPLICATE_KEPT);
}

/** The best match wins: a copy of any kept record is a copy, a conflict only when it is a copy of none. */
static DuplicateDecision
decide_one(const DuplicateCandidate *run, const Kept *kept, size_t i)
{
    DuplicateDecision best = {DUPLICATE_KEPT, i};
    size_t recent = kept->count < DUPLICATES_ATTEMPTS_COMPARED ? kept->count : DUPLICATES_ATTEMPTS_COMPARED;
    for (size_t back = 0; back <= recent && best.verdict != DUPLICATE_SAME; back++) {
        size_t j = back < recent ? kept_at(kept, back) : 0;
        DuplicateVerdict verdict = compare(&run[j], &run[i]);
        if (is_better(verdict, best.verdict))
            best = (DuplicateDecision){verdict, j};
    }
    return best;
}

void
duplicates_decide(const DuplicateCandidate *run, size_t count, DuplicateDecision *decisions)
{
    Kept kept = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        decisions[i] = i == 0 ? (DuplicateDecision){DUPLICATE_KEPT, 0} : decide_one(run, &kept, i);
        if (decisions[i].verdict == DUPLICATE_KEPT)
            kept.ring[kept.count++ % DUPLICATES_ATTEMPTS_COMPARED] = i;
    }
}
