-- Usage for dashboards. Columns are stable: new ones are added at the end. Every column has a comment that names its unit; doc/sql.md
-- has a query for each question.

CREATE OR REPLACE VIEW usage_hourly AS
SELECT t.name AS tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = t.tenant_id
                     AND b.from_month <= (r.hour AT TIME ZONE 'UTC')::date ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, r.hour, c.function, c.region, c.architecture,
       c.memory_mb, c.ephemeral_mb, c.mode, c.package, r.invocations, r.errors, r.timeouts, r.initializations,
       r.duration_1ms AS duration_ms, r.duration_1ms::numeric * c.memory_mb / 1024 / 1000 AS gb_seconds,
       r.duration_us / nullif(r.invocations, 0) AS mean_duration_us, r.max_duration_us, r.max_memory_used_mb,
       r.cpu_us, r.streamed_bytes, r.init_us, r.capacity_records,
       r.capacity_1s::numeric * c.memory_mb / 1024 AS capacity_gb_seconds
  FROM rollups r
  LEFT JOIN configs c USING (tenant_id, config_id)
  JOIN tenants t USING (tenant_id)
  LEFT JOIN accounts a ON a.account_id = t.account_id;
COMMENT ON VIEW usage_hourly IS 'One row for each tenant, hour (UTC) and function configuration';
COMMENT ON COLUMN usage_hourly.tenant IS 'Who is billed';
COMMENT ON COLUMN usage_hourly.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN usage_hourly.hour IS 'First instant of the hour, UTC';
COMMENT ON COLUMN usage_hourly.function IS 'Name of the function';
COMMENT ON COLUMN usage_hourly.region IS 'Region that the records named; empty: none, rated where the run says';
COMMENT ON COLUMN usage_hourly.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN usage_hourly.memory_mb IS 'Memory of the configuration, MB';
COMMENT ON COLUMN usage_hourly.ephemeral_mb IS 'Ephemeral storage of the configuration, MB';
COMMENT ON COLUMN usage_hourly.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN usage_hourly.package IS 'managed, custom or image: how the code was packaged';
COMMENT ON COLUMN usage_hourly.invocations IS 'Number of invocations';
COMMENT ON COLUMN usage_hourly.errors IS 'Invocations that ended with an error';
COMMENT ON COLUMN usage_hourly.timeouts IS 'Invocations that ran into their time limit';
COMMENT ON COLUMN usage_hourly.initializations IS 'Cold starts: invocations that began with an initialization';
COMMENT ON COLUMN usage_hourly.duration_ms IS 'Sum of durations, each rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN usage_hourly.gb_seconds IS 'GB-seconds: duration_ms times memory, 1 GB = 1024 MB, exact; without initialization: what is billed stands in the views of cost';
COMMENT ON COLUMN usage_hourly.mean_duration_us IS 'Mean of the durations as measured, whole microseconds';
COMMENT ON COLUMN usage_hourly.max_duration_us IS 'Greatest duration as measured, microseconds';
COMMENT ON COLUMN usage_hourly.max_memory_used_mb IS 'Greatest memory seen in use, MB: compare with memory_mb to size the function; 0 when no record said';
COMMENT ON COLUMN usage_hourly.cpu_us IS 'Sum of CPU time, microseconds; 0 when no record said';
COMMENT ON COLUMN usage_hourly.streamed_bytes IS 'Bytes above 6 MB (6291456) of each streamed response';
COMMENT ON COLUMN usage_hourly.init_us IS 'Sum of initializations as measured, microseconds';
COMMENT ON COLUMN usage_hourly.capacity_records IS 'Records of units kept ready, which are no invocations: a row may have these alone';
COMMENT ON COLUMN usage_hourly.capacity_gb_seconds IS 'GB-seconds of units kept ready: units times the time of each record, rounded up to 1 s, times memory, 1 GB = 1024 MB, exact';

CREATE OR REPLACE VIEW usage_daily_by_function AS
SELECT d.tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = d.tenant_id
                     AND b.from_month <= d.day ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, d.day, c.function, c.region, c.architecture, c.memory_mb, c.ephemeral_mb, c.mode,
       c.package, d.invocations, d.errors, d.timeouts, d.initializations, d.duration_1ms AS duration_ms,
       d.duration_1ms::numeric * c.memory_mb / 1024 / 1000 AS gb_seconds, d.duration_us / nullif(d.invocations, 0) AS mean_duration_us,
       d.max_duration_us, d.max_memory_used_mb, d.cpu_us, d.streamed_bytes, d.init_us,
       d.capacity_records, d.capacity_1s::numeric * c.memory_mb / 1024 AS capacity_gb_seconds
  FROM rollups_daily d
  LEFT JOIN configs c USING (tenant_id, config_id)
  LEFT JOIN accounts a ON a.account_id = d.account_id;
COMMENT ON VIEW usage_daily_by_function IS 'One row for each tenant, UTC day and function configuration';
COMMENT ON COLUMN usage_daily_by_function.tenant IS 'Who is billed';
COMMENT ON COLUMN usage_daily_by_function.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN usage_daily_by_function.day IS 'UTC day';
COMMENT ON COLUMN usage_daily_by_function.function IS 'Name of the function';
COMMENT ON COLUMN usage_daily_by_function.region IS 'Region that the records named; empty: none, rated where the run says';
COMMENT ON COLUMN usage_daily_by_function.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN usage_daily_by_function.memory_mb IS 'Memory of the configuration, MB';
COMMENT ON COLUMN usage_daily_by_function.ephemeral_mb IS 'Ephemeral storage of the configuration, MB';
COMMENT ON COLUMN usage_daily_by_function.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN usage_daily_by_function.package IS 'managed, custom or image: how the code was packaged';
COMMENT ON COLUMN usage_daily_by_function.invocations IS 'Number of invocations';
COMMENT ON COLUMN usage_daily_by_function.errors IS 'Invocations that ended with an error';
COMMENT ON COLUMN usage_daily_by_function.timeouts IS 'Invocations that ran into their time limit';
COMMENT ON COLUMN usage_daily_by_function.initializations IS 'Cold starts: invocations that began with an initialization';
COMMENT ON COLUMN usage_daily_by_function.duration_ms IS 'Sum of durations, each rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN usage_daily_by_function.gb_seconds IS 'GB-seconds: duration_ms times memory, 1 GB = 1024 MB, exact; without initialization: what is billed stands in the views of cost';
COMMENT ON COLUMN usage_daily_by_function.mean_duration_us IS 'Mean of the durations as measured, whole microseconds';
COMMENT ON COLUMN usage_daily_by_function.max_duration_us IS 'Greatest duration as measured, microseconds';
COMMENT ON COLUMN usage_daily_by_function.max_memory_used_mb IS 'Greatest memory seen in use, MB: compare with memory_mb to size the function; 0 when no record said';
COMMENT ON COLUMN usage_daily_by_function.cpu_us IS 'Sum of CPU time, microseconds; 0 when no record said';
COMMENT ON COLUMN usage_daily_by_function.streamed_bytes IS 'Bytes above 6 MB (6291456) of each streamed response';
COMMENT ON COLUMN usage_daily_by_function.init_us IS 'Sum of initializations as measured, microseconds';
COMMENT ON COLUMN usage_daily_by_function.capacity_records IS 'Records of units kept ready, which are no invocations: a row may have these alone';
COMMENT ON COLUMN usage_daily_by_function.capacity_gb_seconds IS 'GB-seconds of units kept ready: units times the time of each record, rounded up to 1 s, times memory, 1 GB = 1024 MB, exact';

CREATE OR REPLACE VIEW usage_daily AS
SELECT d.tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = d.tenant_id
                     AND b.from_month <= d.day ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, d.day, d.invocations, d.errors, d.timeouts, d.duration_ms,
       d.mb_ms / 1024 / 1000 AS gb_seconds, d.max_duration_us, d.max_memory_used_mb, d.initializations
  FROM (SELECT k.tenant_id, k.tenant, k.account_id, k.day, sum(k.invocations) AS invocations, sum(k.errors) AS errors, sum(k.timeouts) AS timeouts,
               sum(k.duration_1ms) AS duration_ms, sum(k.mb_duration_1ms) AS mb_ms, max(k.max_duration_us) AS max_duration_us,
               max(k.max_memory_used_mb) AS max_memory_used_mb, sum(k.initializations) AS initializations
          FROM rollups_daily_by_kind k
         GROUP BY k.tenant_id, k.tenant, k.account_id, k.day) AS d
  LEFT JOIN accounts a ON a.account_id = d.account_id;
COMMENT ON VIEW usage_daily IS 'One row for each tenant and UTC day';
COMMENT ON COLUMN usage_daily.tenant IS 'Who is billed';
COMMENT ON COLUMN usage_daily.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN usage_daily.day IS 'UTC day';
COMMENT ON COLUMN usage_daily.invocations IS 'Number of invocations';
COMMENT ON COLUMN usage_daily.errors IS 'Invocations that ended with an error';
COMMENT ON COLUMN usage_daily.timeouts IS 'Invocations that ran into their time limit';
COMMENT ON COLUMN usage_daily.duration_ms IS 'Sum of durations, each rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN usage_daily.gb_seconds IS 'GB-seconds: duration_ms times memory, 1 GB = 1024 MB, exact; without initialization: what is billed stands in the views of cost';
COMMENT ON COLUMN usage_daily.max_duration_us IS 'Greatest duration as measured, microseconds';
COMMENT ON COLUMN usage_daily.max_memory_used_mb IS 'Greatest memory seen in use, MB: compare with memory_mb to size the function; 0 when no record said';
COMMENT ON COLUMN usage_daily.initializations IS 'Cold starts: invocations that began with an initialization';

CREATE OR REPLACE VIEW usage_by_function AS
SELECT m.tenant, coalesce((SELECT (SELECT g.name FROM accounts g WHERE g.account_id = b.account_id) FROM account_members b WHERE b.tenant_id = m.tenant_id
                     AND b.from_month <= (m.month AT TIME ZONE 'UTC')::date ORDER BY b.from_month DESC, b.revision DESC LIMIT 1), a.name) AS account, m.month, m.function, m.region, m.architecture,
       m.memory_mb, m.mode, m.invocations, m.errors, m.timeouts, m.initializations, m.duration_ms,
       m.duration_ms * m.memory_mb / 1024 / 1000 AS gb_seconds, m.max_duration_us, m.max_memory_used_mb,
       trunc(m.duration_us / nullif(m.invocations, 0))::bigint AS mean_duration_us,
       trunc(m.init_us / nullif(m.initializations, 0))::bigint AS mean_init_us, m.duration_us, m.init_us
  FROM (SELECT r.tenant_id, r.tenant, r.account_id, r.month, c.function, c.region, c.architecture, c.memory_mb, c.mode,
               sum(r.invocations) AS invocations, sum(r.errors) AS errors, sum(r.timeouts) AS timeouts,
               sum(r.initializations) AS initializations, sum(r.duration_1ms) AS duration_ms, sum(r.duration_us) AS duration_us,
               sum(r.init_us) AS init_us, max(r.max_duration_us) AS max_duration_us, max(r.max_memory_used_mb) AS max_memory_used_mb
          FROM rollups_monthly r
          LEFT JOIN configs c USING (tenant_id, config_id)
         GROUP BY r.tenant_id, r.tenant, r.account_id, r.month, c.function, c.region, c.architecture, c.memory_mb, c.mode) AS m
  LEFT JOIN accounts a ON a.account_id = m.account_id;
COMMENT ON VIEW usage_by_function IS 'One row for each tenant, UTC month and function configuration';
COMMENT ON COLUMN usage_by_function.tenant IS 'Who is billed';
COMMENT ON COLUMN usage_by_function.account IS 'Group of tenants that share one free tier and one tier ladder, in that month';
COMMENT ON COLUMN usage_by_function.month IS 'First instant of the UTC month';
COMMENT ON COLUMN usage_by_function.function IS 'Name of the function';
COMMENT ON COLUMN usage_by_function.region IS 'Region that the records named; empty: none, rated where the run says';
COMMENT ON COLUMN usage_by_function.architecture IS 'x86_64 or arm64';
COMMENT ON COLUMN usage_by_function.memory_mb IS 'Memory of the configuration, MB';
COMMENT ON COLUMN usage_by_function.mode IS 'on_demand or provisioned';
COMMENT ON COLUMN usage_by_function.invocations IS 'Number of invocations';
COMMENT ON COLUMN usage_by_function.errors IS 'Invocations that ended with an error';
COMMENT ON COLUMN usage_by_function.timeouts IS 'Invocations that ran into their time limit';
COMMENT ON COLUMN usage_by_function.initializations IS 'Cold starts: invocations that began with an initialization';
COMMENT ON COLUMN usage_by_function.duration_ms IS 'Sum of durations, each rounded up to 1 ms, milliseconds';
COMMENT ON COLUMN usage_by_function.gb_seconds IS 'GB-seconds: duration_ms times memory, 1 GB = 1024 MB, exact; without initialization: what is billed stands in the views of cost';
COMMENT ON COLUMN usage_by_function.max_duration_us IS 'Greatest duration as measured, microseconds';
COMMENT ON COLUMN usage_by_function.max_memory_used_mb IS 'Greatest memory seen in use, MB: compare with memory_mb to size the function; 0 when no record said';
COMMENT ON COLUMN usage_by_function.mean_duration_us IS 'Mean of the durations as measured, whole microseconds';
COMMENT ON COLUMN usage_by_function.mean_init_us IS 'Mean of the initializations as measured, whole microseconds; null: there was none';
COMMENT ON COLUMN usage_by_function.duration_us IS 'Sum of durations as measured, microseconds';
COMMENT ON COLUMN usage_by_function.init_us IS 'Sum of initializations as measured, microseconds';

CREATE OR REPLACE VIEW quarantine_open AS
SELECT quarantine_id, tenant_name AS tenant, reason, field, message, format, source, line, received_at,
       quarantine_bytes(quarantine_id) AS payload_bytes, encode(digest, 'hex') AS digest, encode(other_digest, 'hex') AS other_digest
  FROM quarantine WHERE replayed_at IS NULL AND repeats IS NULL AND reason <> 'newer_fields';
COMMENT ON VIEW quarantine_open IS 'What arrived, could not be billed and was not replayed; `millibill quarantine show ID` prints the rest';
COMMENT ON COLUMN quarantine_open.quarantine_id IS 'Number: millibill quarantine show ID';
COMMENT ON COLUMN quarantine_open.tenant IS 'Tenant that the record names; empty where it cannot be read';
COMMENT ON COLUMN quarantine_open.reason IS 'Why it cannot be billed, one word';
COMMENT ON COLUMN quarantine_open.field IS 'Field that is wrong; empty: none in particular';
COMMENT ON COLUMN quarantine_open.message IS 'The same for a person';
COMMENT ON COLUMN quarantine_open.format IS 'record (can be replayed), or the format of the line as it came';
COMMENT ON COLUMN quarantine_open.source IS 'Source of the agent that brought it';
COMMENT ON COLUMN quarantine_open.line IS 'Line of the file, from 1; 0: it came otherwise';
COMMENT ON COLUMN quarantine_open.received_at IS 'When it was committed, UTC';
COMMENT ON COLUMN quarantine_open.payload_bytes IS 'Size of what was kept, bytes';
COMMENT ON COLUMN quarantine_open.digest IS 'Digest of the record''s facts (conflicts), hexadecimal';
COMMENT ON COLUMN quarantine_open.other_digest IS 'Digest of the record that was kept (conflicts), hexadecimal';

CREATE OR REPLACE VIEW losses_reported AS
SELECT o.tenant_name AS tenant, a.name AS agent, o.source, o.reason, o.records, o.noticed_at, l.received_at
  FROM losses o
  JOIN streams s USING (stream_id)
  JOIN agents a USING (agent_id)
  JOIN ledger l USING (stream_id, sequence);
COMMENT ON VIEW losses_reported IS 'Records that an emitter or agent had to drop, as it reported them';
COMMENT ON COLUMN losses_reported.tenant IS 'Tenant that they belonged to; empty: not known';
COMMENT ON COLUMN losses_reported.agent IS 'Agent that reported it';
COMMENT ON COLUMN losses_reported.source IS 'Source where they were dropped';
COMMENT ON COLUMN losses_reported.reason IS 'Why, one word';
COMMENT ON COLUMN losses_reported.records IS 'Number of records';
COMMENT ON COLUMN losses_reported.noticed_at IS 'When the loss was noticed, UTC; null: not said';
COMMENT ON COLUMN losses_reported.received_at IS 'When the report was committed, UTC';

CREATE OR REPLACE VIEW ledger_recent AS
SELECT l.received_at, a.name AS agent, encode(s.spool, 'hex') AS spool, l.sequence, l.source, l.label, l.records, l.billed,
       l.quarantined, l.lost, l.bytes, c.receipt, l.accepted_at
  FROM ledger l
  JOIN streams s USING (stream_id)
  JOIN agents a USING (agent_id)
  JOIN commits c USING (commit_id)
 WHERE l.received_at > now() - interval '1 day';
COMMENT ON VIEW ledger_recent IS 'Batches of the last 24 hours: records = billed + quarantined';
COMMENT ON COLUMN ledger_recent.received_at IS 'When it was committed, UTC';
COMMENT ON COLUMN ledger_recent.agent IS 'Name of the agent';
COMMENT ON COLUMN ledger_recent.spool IS 'Which of its spools, hexadecimal';
COMMENT ON COLUMN ledger_recent.sequence IS 'Number of the batch in the spool, from 1, without gaps';
COMMENT ON COLUMN ledger_recent.source IS 'Source of the agent: exec, import, socket, ring, …';
COMMENT ON COLUMN ledger_recent.label IS 'What the source says of itself, as a file name';
COMMENT ON COLUMN ledger_recent.records IS 'Records (and lines that were none) in the batch';
COMMENT ON COLUMN ledger_recent.billed IS 'Of these billed';
COMMENT ON COLUMN ledger_recent.quarantined IS 'Of these put into quarantine';
COMMENT ON COLUMN ledger_recent.lost IS 'Records that the emitter or agent reported as dropped in this batch';
COMMENT ON COLUMN ledger_recent.bytes IS 'Size of the batch, bytes';
COMMENT ON COLUMN ledger_recent.receipt IS 'Number in the order of commits';
COMMENT ON COLUMN ledger_recent.accepted_at IS 'When the agent took it, UTC; null: not said';
