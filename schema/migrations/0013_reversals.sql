-- Reversals: a record that was billed is taken back by an exclusion of its own, never by a deletion. See doc/corrections.md.

ALTER TABLE exclusions
    ADD COLUMN reversed_because text CHECK (octet_length(reversed_because) BETWEEN 1 AND 1000),
    ADD COLUMN reversed_by text CHECK (octet_length(reversed_by) BETWEEN 1 AND 400),
    DROP CONSTRAINT exclusions_reason_check,
    ADD CONSTRAINT exclusions_reason_check CHECK (reason IN ('copy', 'conflict', 'reversed')),
    -- nothing counts instead: it names itself, and says who said so and why
    ADD CONSTRAINT exclusions_reversed_check CHECK (
        (reason = 'reversed') = (reversed_because IS NOT NULL) AND (reason = 'reversed') = (reversed_by IS NOT NULL)
        AND (reason <> 'reversed' OR (kept_hour, kept_segment_id, kept_ordinal) = (hour, segment_id, ordinal)));
COMMENT ON TABLE exclusions IS 'This record of that segment does not count: it is a copy of (or in conflict with) the one kept, or was reversed';
COMMENT ON COLUMN exclusions.reversed_because IS 'Of a reversal: the reason that was given; it keeps itself, nothing counts instead';
COMMENT ON COLUMN exclusions.reversed_by IS 'Of a reversal: the operating system''s user and host that asked for it';
