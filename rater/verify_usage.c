/* Segments one by one, and rollups against their sums less exclusions. See verify.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/digest.h"
#include "rater/verify_copies.h"
#include "rater/verify_seals.h"
#include "schema/config_table.h"

/* ---- one tenant ---- */

/** What the records of the present hour add up to for one configuration. */
typedef struct HourSums {
    RollupSums sums;
    bool touched; /* has a record in this hour */
    bool met;     /* has a rollup row in this hour */
} HourSums;

typedef struct Usage {
    const RateTenant *tenant;
    VerifyReport *report;
    Evidence evidence;
    SealWalk *seals;
    Copies *copies;
    VerifyCursor *rollups;
    VerifyRollup rollup; /* the next one */
    bool more_rollups;
    ConfigTable *configs;
    HourSums *hour; /* by configuration */
    size_t hour_count, hour_capacity;
    uint32_t *touched; /* configurations with records in this hour */
    size_t touched_count, touched_capacity;
} Usage;

static bool
note_segment(Usage *self, const char *what, const char *expected, const char *found, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    const VerifyFinding finding = {.tenant = self->tenant->name,
                                   .hour = utc_format(self->evidence.segment.key.hour_us, hour),
                                   .segment_id = self->evidence.segment.key.segment_id,
                                   .what = what,
                                   .expected = expected,
                                   .found = found};
    return verify_note(self->report, VERIFY_SEGMENTS, &finding, err);
}

static bool
note_segment_numbers(Usage *self, const char *what, int64_t expected, int64_t found, Err *err)
{
    char expected_text[24];
    char found_text[24];
    if (expected == found)
        return true;
    snprintf(expected_text, sizeof expected_text, "%" PRId64, expected);
    snprintf(found_text, sizeof found_text, "%" PRId64, found);
    return note_segment(self, what, expected_text, found_text, err);
}

/* ---- segments ---- */

static bool
check_digest(Usage *self, Err *err)
{
    const VerifySegment *segment = &self->evidence.segment;
    Digest digest = digest_of(segment->payload.data, segment->payload.length);
    if (!seal_walk_segment(self->seals, segment, &digest, err))
        return false;
    Text computed = {(const char *) digest.bytes, DIGEST_BYTES};
    if (text_equal(computed, segment->digest))
        return true;
    char expected[DIGEST_HEX_BYTES] = "";
    char found[DIGEST_HEX_BYTES];
    if (segment->digest.length == DIGEST_BYTES)
        bytes_hex(segment->digest.data, DIGEST_BYTES, expected);
    return note_segment(self, "SHA-256 of the payload", expected, digest_hex(&digest, found), err);
}

/** A record stands where it belongs. Only the first one that does not is noted: the rest of a segment is like it. */
static bool
check_record(Usage *self, const UsageRecord *record, bool *misplaced, Err *err)
{
    char expected[UTC_TEXT_BYTES];
    char found[UTC_TEXT_BYTES];
    char name[USAGE_NAME_BYTES_MAX + 1];
    int64_t hour_us = self->evidence.segment.key.hour_us;
    if (*misplaced)
        return true;
    if (!text_is(record->tenant, self->tenant->name)) {
        *misplaced = true;
        snprintf(name, sizeof name, "%.*s", TEXT_ARG(record->tenant));
        return note_segment(self, "tenant of a record", self->tenant->name, name, err);
    }
    if (utc_hour_floor_us(record->started_at_us) == hour_us)
        return true;
    *misplaced = true;
    return note_segment(self, "hour of a record", utc_format(hour_us, expected),
                        utc_format(record->started_at_us, found), err);
}

/** An exclusion names the batch that brought its record. */
static bool
check_exclusion_source(Usage *self, size_t ordinal, Err *err)
{
    const VerifyExclusion *exclusion = &self->evidence.exclusion;
    SegmentRun run = {0};
    if (segment_run_of(self->evidence.segment.sources, (uint32_t) ordinal, &run) &&
        run.stream_id == exclusion->stream_id && run.sequence == exclusion->sequence)
        return true;
    char hour[UTC_TEXT_BYTES];
    char expected[80];
    char found[80];
    snprintf(expected, sizeof expected, "stream %" PRId64 ", sequence %" PRId64, run.stream_id, run.sequence);
    snprintf(found, sizeof found, "stream %" PRId64 ", sequence %" PRId64, exclusion->stream_id, exclusion->sequence);
    const VerifyFinding finding = {.tenant = self->tenant->name,
                                   .hour = utc_format(exclusion->key.hour_us, hour),
                                   .segment_id = exclusion->key.segment_id,
                                   .stream_id = exclusion->stream_id,
                                   .sequence = exclusion->sequence,
                                   .what = "batch that brought the excluded record",
                                   .expected = expected,
                                   .found = found};
    return verify_note(self->report, VERIFY_EXCLUSIONS, &finding, err);
}

/* ---- summing ---- */

static bool
hour_reach(Usage *self, uint32_t config, Err *err)
{
    while (self->hour_count <= config) {
        if (!array_grow(&self->hour, &self->hour_capacity, self->hour_count, sizeof *self->hour, err))
            return false;
        self->hour[self->hour_count++] = (HourSums){0};
    }
    return true;
}

static bool
count_record(Usage *self, const UsageRecord *record, Err *err)
{
    uint32_t config = 0;
    const ConfigKey key = config_key_of(self->tenant->tenant_id, record);
    if (!config_table_index(self->configs, &key, &config, err) || !hour_reach(self, config, err))
        return false;
    HourSums *hour = &self->hour[config];
    if (!hour->touched) {
        if (!array_grow(&self->touched, &self->touched_capacity, self->touched_count, sizeof *self->touched, err))
            return false;
        self->touched[self->touched_count++] = config;
        *hour = (HourSums){.touched = true};
    }
    return rollup_sums_add(&hour->sums, record) ||
           note_segment(self, "sums of the hour", "numbers of 64 bits", "more", err);
}

static bool
count_records(Usage *self, const UsageBatch *batch, Err *err)
{
    bool misplaced = false;
    for (size_t i = 0; i < usage_batch_records(batch); i++) {
        UsageRecord record;
        bool excluded = false;
        usage_batch_record(batch, i, &record);
        if (!check_record(self, &record, &misplaced, err) || !evidence_excludes(&self->evidence, i, &excluded, err) ||
            !copies_met(self->copies, &self->evidence.segment.key, i, &record, err))
            return false;
        if (excluded)
            copies_excluded(self->copies, &self->evidence.exclusion, &record);
        if (excluded ? !check_exclusion_source(self, i, err) : !count_record(self, &record, err))
            return false;
    }
    return true;
}

/** The receipt of a segment's commit is the last one of its records. */
static bool
check_receipts(Usage *self, Err *err)
{
    const VerifySegment *segment = &self->evidence.segment;
    SegmentRuns runs;
    int64_t last = 0;
    segment_runs_start(&runs, segment->sources);
    while (segment_runs_next(&runs)) {
        int64_t receipt = segment_runs_receipt(&runs, segment->receipt);
        last = receipt > last ? receipt : last;
    }
    return runs.damaged || note_segment_numbers(self, "last receipt of its records", segment->receipt, last, err);
}

static bool
check_segment(Usage *self, Err *err)
{
    const VerifySegment *segment = &self->evidence.segment;
    self->report->checks[VERIFY_SEGMENTS].checked++;
    if (!check_digest(self, err) ||
        !note_segment_numbers(self, "records that its sources name", segment->records,
                              segment_sources_records(segment->sources), err) ||
        !check_receipts(self, err) ||
        (segment->receipt == 0 && !note_segment(self, "commit", "one with a receipt", "none", err)))
        return false;
    Err reason = {0};
    UsageBatch *batch = usage_batch_unpack(segment->payload.data, segment->payload.length, &reason);
    if (batch == NULL)
        return reason.code == ERR_NOMEM ? err_set(err, reason.code, "%s", reason.message)
                                        : note_segment(self, "payload", "packed records", reason.message, err);
    bool good = note_segment_numbers(self, "records in the payload", segment->records,
                                     (int64_t) usage_batch_records(batch), err) &&
                note_segment_numbers(self, "rejected lines and losses in the payload", 0,
                                     (int64_t) (usage_batch_rejected(batch) + usage_batch_losses(batch)), err) &&
                count_records(self, batch, err);
    usage_batch_free(&batch);
    return good;
}

/* ---- rollups ---- */

static bool
note_rollup(Usage *self, int64_t hour_us, const ConfigKey *key, const char *what, const char *expected,
            const char *found, Err *err)
{
    char hour[UTC_TEXT_BYTES];
    char subject[3 * USAGE_NAME_BYTES_MAX];
    snprintf(subject, sizeof subject, "function %.*s, %.*s, %s, %" PRId64 " MB, %s", TEXT_ARG(key->function),
             TEXT_ARG(key->region), usage_architecture_name(key->architecture), key->memory_mb,
             usage_mode_name(key->mode));
    const VerifyFinding finding = {.tenant = self->tenant->name,
                                   .hour = utc_format(hour_us, hour),
                                   .subject = subject,
                                   .what = what,
                                   .expected = expected,
                                   .found = found};
    return verify_note(self->report, VERIFY_ROLLUPS, &finding, err);
}

static bool
compare_sums(Usage *self, int64_t hour_us, const ConfigKey *key, const RollupSums *evidence, const RollupSums *row,
             Err *err)
{
    int64_t expected[VERIFY_SUMS];
    int64_t found[VERIFY_SUMS];
    verify_sums_list(evidence, expected);
    verify_sums_list(row, found);
    for (int i = 0; i < VERIFY_SUMS; i++) {
        char expected_text[24];
        char found_text[24];
        if (expected[i] == found[i])
            continue;
        snprintf(expected_text, sizeof expected_text, "%" PRId64, expected[i]);
        snprintf(found_text, sizeof found_text, "%" PRId64, found[i]);
        if (!note_rollup(self, hour_us, key, VERIFY_SUM_NAMES[i], expected_text, found_text, err))
            return false;
    }
    return true;
}

enum { ROW_BYTES = 96 };

static bool
has_usage(const RollupSums *sums)
{
    return sums->invocations > 0 || sums->capacity_records > 0;
}

static void
say_row(const RollupSums *sums, char out[ROW_BYTES])
{
    int length = snprintf(out, ROW_BYTES, "a row of %" PRId64 " invocations", sums->invocations);
    if (sums->capacity_records > 0)
        snprintf(out + length, ROW_BYTES - (size_t) length, " and %" PRId64 " capacity records",
                 sums->capacity_records);
}

/** The next rollup row belongs to the hour: compare, and step on. */
static bool
meet_rollup(Usage *self, Err *err)
{
    static const RollupSums nothing = {0};
    ConfigKey key = self->rollup.config;
    uint32_t config = 0;
    key.tenant_id = self->tenant->tenant_id;
    self->report->checks[VERIFY_ROLLUPS].checked++;
    if (!config_table_index(self->configs, &key, &config, err) || !hour_reach(self, config, err))
        return false;
    HourSums *hour = &self->hour[config];
    hour->met = hour->touched;
    bool good;
    if (!hour->touched && has_usage(&self->rollup.sums)) {
        char found[ROW_BYTES];
        say_row(&self->rollup.sums, found);
        good = note_rollup(self, self->rollup.hour_us, &key, "rollup row", "none", found, err);
    } else {
        good = compare_sums(self, self->rollup.hour_us, &key, hour->touched ? &hour->sums : &nothing,
                            &self->rollup.sums, err);
    }
    return good && verify_rollups_next(self->rollups, &self->rollup, &self->more_rollups, err);
}

/** Rollup rows of hours without a segment: called between hours, when no configuration is touched. */
static bool
meet_rollups_before(Usage *self, int64_t hour_us, Err *err)
{
    while (self->more_rollups && self->rollup.hour_us < hour_us)
        if (!meet_rollup(self, err))
            return false;
    return true;
}

/** All segments of the hour were seen: compare with its rollup rows. */
static bool
close_hour(Usage *self, int64_t hour_us, Err *err)
{
    while (self->more_rollups && self->rollup.hour_us == hour_us)
        if (!meet_rollup(self, err))
            return false;
    for (size_t i = 0; i < self->touched_count; i++) {
        HourSums *hour = &self->hour[self->touched[i]];
        const ConfigKey key = config_table_key(self->configs, self->touched[i]);
        char expected[ROW_BYTES];
        say_row(&hour->sums, expected);
        if (!hour->met && !note_rollup(self, hour_us, &key, "rollup row", expected, "none", err))
            return false;
        *hour = (HourSums){0};
    }
    self->touched_count = 0;
    return true;
}

/* ---- the whole tenant ---- */

static bool
walk(Usage *self, Err *err)
{
    bool more = false;
    int64_t hour_us = INT64_MIN;
    for (;;) {
        if (!evidence_next(&self->evidence, &more, err))
            return false;
        if (!more)
            break;
        int64_t next_us = self->evidence.segment.key.hour_us;
        if (next_us != hour_us && (!close_hour(self, hour_us, err) || !meet_rollups_before(self, next_us, err)))
            return false;
        hour_us = next_us;
        if (!check_segment(self, err))
            return false;
    }
    return close_hour(self, hour_us, err) && meet_rollups_before(self, INT64_MAX, err) &&
           seal_walk_end(self->seals, err);
}

MUST_CHECK bool
verify_usage(Db *db, const RateTenant *tenant, const VerifyPeriod *period, VerifyReport *report, Err *err)
{
    Usage self = {.tenant = tenant, .report = report, .configs = config_table_new(err)};
    bool done = self.configs != NULL && evidence_open(&self.evidence, db, tenant->tenant_id, period, INT64_MAX, err);
    self.rollups = done ? verify_rollups_open(db, tenant->tenant_id, period, err) : NULL;
    self.seals = self.rollups == NULL ? NULL : seal_walk_new(db, tenant, period, report, err);
    self.copies = self.seals == NULL ? NULL : copies_new(db, tenant, period, report, err);
    done = self.copies != NULL && verify_rollups_next(self.rollups, &self.rollup, &self.more_rollups, err) &&
           walk(&self, err) && copies_end(self.copies, err);
    copies_free(&self.copies);
    evidence_close(&self.evidence);
    verify_cursor_close(&self.rollups);
    seal_walk_free(&self.seals);
    config_table_free(&self.configs);
    free(self.hour);
    free(self.touched);
    return done;
}
