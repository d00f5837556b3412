-- Compaction: small segments of an hour are merged before it is sealed. See doc/seals.md.

-- Which exclusions keep a record of this segment?
CREATE INDEX exclusions_kept ON exclusions (tenant_id, kept_hour, kept_segment_id);
COMMENT ON COLUMN segments.sources IS 'Which batch each record came from: runs of (stream_id, sequence, records), 3 big-endian int8 each; or, compacted, byte 2 and runs with a receipt each in varints: see segment_runs()';
COMMENT ON COLUMN segments.commit_id IS 'What brought it; of a compacted segment the last one of its records';
