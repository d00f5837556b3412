/* A tenant's segments side by side with its exclusions. See verify_parts.h. */
#include "rater/verify_copies.h"

MUST_CHECK bool
evidence_open(Evidence *self, Db *db, int64_t tenant_id, const VerifyPeriod *period, int64_t watermark, Err *err)
{
    *self = (Evidence){.segments = verify_segments_open(db, tenant_id, period, watermark, err)};
    if (self->segments != NULL)
        self->exclusions = verify_exclusions_open(db, tenant_id, period, watermark, err);
    return self->exclusions != NULL &&
           verify_exclusions_next(self->exclusions, &self->exclusion, &self->more_exclusions, err);
}

void
evidence_close(Evidence *self)
{
    verify_cursor_close(&self->segments);
    verify_cursor_close(&self->exclusions);
}

MUST_CHECK bool
evidence_next(Evidence *self, bool *more, Err *err)
{
    if (!verify_segments_next(self->segments, &self->segment, more, err))
        return false;
    if (*more)
        segment_runs_start(&self->runs, self->segment.sources);
    return true;
}

MUST_CHECK bool
evidence_receipt(Evidence *self, size_t ordinal, int64_t *receipt, Err *err)
{
    if (!segment_runs_reach(&self->runs, (int64_t) ordinal))
        return segment_sources_damaged(&self->segment.key, err);
    *receipt = segment_runs_receipt(&self->runs, self->segment.receipt);
    return true;
}

static int
place_compare(const VerifyExclusion *exclusion, const SegmentKey *key, int64_t ordinal)
{
    return record_place_compare(&exclusion->key, exclusion->ordinal, key, ordinal);
}

MUST_CHECK bool
evidence_excludes(Evidence *self, size_t ordinal, bool *excluded, Err *err)
{
    while (self->more_exclusions && place_compare(&self->exclusion, &self->segment.key, (int64_t) ordinal) < 0)
        if (!verify_exclusions_next(self->exclusions, &self->exclusion, &self->more_exclusions, err))
            return false;
    *excluded = self->more_exclusions && place_compare(&self->exclusion, &self->segment.key, (int64_t) ordinal) == 0;
    return true;
}
