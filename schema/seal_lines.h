/**
 * seal_lines - the canonical lines that PostgreSQL makes, as SQL expressions (doc/seals.md)
 *
 * One definition for sealing and for verification. A change here is another version of the format.
 */
#ifndef SCHEMA_SEAL_LINES_H
#define SCHEMA_SEAL_LINES_H

#define SEAL_US(column) "(extract(epoch FROM " column ") * 1000000)::bigint"
#define SEAL_HOUR(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
#define SEAL_TEXT_DIGEST(column) "encode(sha256(convert_to(" column ", 'UTF8')), 'hex')"

/** An exclusion `e` whose commit is `c`. What a reversal says (null for all others: concat_ws passes over it) stands behind. */
#define SEAL_EXCLUSION_LINE(e, c)                                                                                      \
    "concat_ws(' ', 'exclusion', " e ".segment_id, " e ".ordinal, " c ".receipt, " e                                   \
    ".reason, " SEAL_HOUR(e ".kept_hour") ", " e ".kept_segment_id, " e ".kept_ordinal, " e ".stream_id, " e           \
                                          ".sequence, " SEAL_TEXT_DIGEST(e ".reversed_because") ", " SEAL_TEXT_DIGEST( \
                                              e ".reversed_by") ") || E'\\n'"

/** Lines of the books for commits `span` (commit_id, receipt), with what orders them: receipt, kind, a, b, c. */
#define SEAL_BOOK_LINES                                                                                                                      \
    "SELECT span.receipt, 1 AS kind, l.stream_id AS a, l.sequence AS b, 0 AS c, concat_ws(' ', 'ledger', span.receipt,"                      \
    " l.stream_id, l.sequence, encode(l.digest, 'hex'), l.records, l.billed, l.quarantined, l.lost, l.bytes) || E'\\n'"                      \
    " AS line FROM span JOIN ledger l USING (commit_id)"                                                                                     \
    " UNION ALL SELECT span.receipt, 2, o.stream_id, o.sequence, o.ordinal, concat_ws(' ', 'loss', span.receipt,"                            \
    " o.stream_id, o.sequence, o.ordinal, o.records, " SEAL_TEXT_DIGEST("o.source") ", " SEAL_TEXT_DIGEST("o.reason") ", " SEAL_TEXT_DIGEST( \
        "o.tenant_name") ") || E'\\n' FROM span JOIN losses o USING (commit_id)"                                                             \
                         " UNION ALL SELECT span.receipt, 3, q.quarantine_id, 0, 0, concat_ws(' ', 'quarantine', span.receipt,"              \
                         " q.quarantine_id, q.stream_id, q.sequence, q.line, " SEAL_TEXT_DIGEST(                                             \
                             "q.reason") ", encode(sha256(q.payload), 'hex')) || E'\\n' FROM span JOIN quarantine q USING (commit_id)"

#endif
