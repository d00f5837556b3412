#include "schema/segment_sources.h"

#include <endian.h>
#include <string.h>

enum { RUN_BYTES = 24, COMPACTED = 2, VARINT_BYTES_MAX = 9 };

/* ---- as it came ---- */

static uint64_t
run_field(const char *run, size_t i)
{
    uint64_t value;
    memcpy(&value, run + 8 * i, sizeof value);
    return be64toh(value);
}

MUST_CHECK bool
segment_sources_append(Buffer *sources, int64_t stream_id, int64_t sequence, int64_t records, Err *err)
{
    uint64_t run[3] = {htobe64((uint64_t) stream_id), htobe64((uint64_t) sequence), 0};
    if (sources->length >= RUN_BYTES) {
        char *last = sources->data + sources->length - RUN_BYTES;
        if (memcmp(last, run, 16) == 0) {
            run[2] = htobe64(run_field(last, 2) + (uint64_t) records);
            memcpy(last + 16, &run[2], 8);
            return true;
        }
    }
    run[2] = htobe64((uint64_t) records);
    return buffer_append(sources, run, sizeof run, err);
}

static bool
read_plain(SegmentRuns *self)
{
    if (self->sources.length - self->at < RUN_BYTES)
        return false;
    const char *run = self->sources.data + self->at;
    self->at += RUN_BYTES;
    self->run = (SegmentRun){.stream_id = (int64_t) run_field(run, 0),
                             .sequence = (int64_t) run_field(run, 1),
                             .records = (int64_t) run_field(run, 2)};
    return true;
}

/* ---- compacted ---- */

static bool
is_compacted(Text sources)
{
    return sources.length > 0 && sources.data[0] == COMPACTED;
}

static bool
read_varint(SegmentRuns *self, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX && self->at < self->sources.length; i++) {
        const uint8_t byte = (uint8_t) self->sources.data[self->at++];
        *value |= (uint64_t) (byte & 0x7F) << (7 * i);
        if (byte < 0x80)
            return true;
    }
    return false;
}

/** Add a difference to a number of the run before; false where it leaves its limits. */
static bool
read_difference(SegmentRuns *self, int64_t *number)
{
    uint64_t zigzag = 0;
    if (!read_varint(self, &zigzag))
        return false;
    *number += (int64_t) (zigzag >> 1) ^ -(int64_t) (zigzag & 1); /* 62 bits and 55: no overflow */
    return *number >= 0 && *number < SEGMENT_NUMBER_MAX;
}

static bool
read_compacted(SegmentRuns *self)
{
    uint64_t records = 0;
    if (!read_difference(self, &self->run.stream_id) || !read_difference(self, &self->run.sequence) ||
        !read_difference(self, &self->run.receipt) || !read_varint(self, &records) || records > SEGMENT_NUMBER_MAX)
        return false;
    self->run.records = (int64_t) records;
    return self->run.receipt > 0;
}

/* ---- reading either ---- */

void
segment_runs_start(SegmentRuns *self, Text sources)
{
    *self = (SegmentRuns){.sources = sources, .at = is_compacted(sources) ? 1 : 0};
}

bool
segment_runs_next(SegmentRuns *self)
{
    if (self->damaged || self->at == self->sources.length)
        return false;
    self->damaged = !(is_compacted(self->sources) ? read_compacted(self) : read_plain(self)) || self->run.records < 1 ||
                    __builtin_add_overflow(self->end, self->run.records, &self->end);
    return !self->damaged;
}

bool
segment_runs_reach(SegmentRuns *self, int64_t ordinal)
{
    while (ordinal >= self->end)
        if (!segment_runs_next(self))
            return false;
    return !self->damaged;
}

int64_t
segment_runs_receipt(const SegmentRuns *self, int64_t of_segment)
{
    return self->run.receipt == 0 ? of_segment : self->run.receipt;
}

MUST_CHECK bool
segment_run_of(Text sources, uint32_t ordinal, SegmentRun *run)
{
    SegmentRuns runs;
    segment_runs_start(&runs, sources);
    bool found = segment_runs_reach(&runs, ordinal);
    *run = runs.run;
    return found;
}

int64_t
segment_sources_records(Text sources)
{
    SegmentRuns runs;
    segment_runs_start(&runs, sources);
    while (segment_runs_next(&runs))
        continue;
    return runs.damaged ? -1 : runs.end;
}

/* ---- making the compacted one ---- */

static bool
append_varint(Buffer *bytes, uint64_t value, Err *err)
{
    char varint[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        varint[length++] = (char) (0x80 | (value & 0x7F));
    varint[length++] = (char) value;
    return buffer_append(bytes, varint, length, err);
}

static bool
append_difference(Buffer *bytes, int64_t number, int64_t before, Err *err)
{
    const int64_t difference = number - before;
    return append_varint(bytes, ((uint64_t) difference << 1) ^ (uint64_t) (difference >> 63), err);
}

MUST_CHECK bool
segment_sources_finish(SegmentSourcesBuilder *self, Err *err)
{
    const SegmentRun *run = &self->open;
    const SegmentRun *last = &self->last;
    if (run->records == 0)
        return true;
    if ((self->bytes.length == 0 && !buffer_append(&self->bytes, &(char){COMPACTED}, 1, err)) ||
        !append_difference(&self->bytes, run->stream_id, last->stream_id, err) ||
        !append_difference(&self->bytes, run->sequence, last->sequence, err) ||
        !append_difference(&self->bytes, run->receipt, last->receipt, err) ||
        !append_varint(&self->bytes, (uint64_t) run->records, err))
        return false;
    self->last = *run;
    self->open.records = 0;
    return true;
}

static bool
is_number(int64_t number)
{
    return number >= 0 && number < SEGMENT_NUMBER_MAX;
}

MUST_CHECK bool
segment_sources_add(SegmentSourcesBuilder *self, const SegmentRun *run, Err *err)
{
    SegmentRun *open = &self->open;
    if (!is_number(run->stream_id) || !is_number(run->sequence) || !is_number(run->receipt) || run->receipt == 0 ||
        !is_number(run->records) || !is_number(open->records + run->records))
        return err_set(err, ERR_RANGE, "a run of records with a number that is out of range");
    if (open->records > 0 && open->stream_id == run->stream_id && open->sequence == run->sequence &&
        open->receipt == run->receipt) {
        open->records += run->records;
        return true;
    }
    if (!segment_sources_finish(self, err))
        return false;
    *open = *run;
    return true;
}
