-- Usage for dashboards. Columns are stable: new ones are added at the end.

CREATE OR REPLACE VIEW usage_hourly AS
SELECT t.name AS tenant, a.name AS account, r.hour, c.function, c.region, c.architecture, c.memory_mb, c.ephemeral_mb,
       c.mode, c.package, r.invocations, r.errors, r.timeouts, r.initializations,
       r.duration_1ms AS duration_ms, r.duration_1ms::numeric * c.memory_mb / 1024 / 1000 AS gb_seconds,
       r.duration_us / nullif(r.invocations, 0) AS mean_duration_us, r.max_duration_us, r.max_memory_used_mb,
       r.cpu_us, r.streamed_bytes
  FROM rollups r
  JOIN configs c USING (tenant_id, config_id)
  JOIN tenants t USING (tenant_id)
  JOIN accounts a ON a.account_id = account_at(t.tenant_id, t.account_id, r.hour);
COMMENT ON VIEW usage_hourly IS 'One row for each tenant, hour (UTC) and function configuration';
COMMENT ON COLUMN usage_hourly.duration_ms IS 'Sum of durations, each rounded up to 1 ms';
COMMENT ON COLUMN usage_hourly.gb_seconds IS 'duration_ms times memory, 1 GB = 1024 MB, exact; without initialization: what is billed stands in cost_daily and cost_by_function';
COMMENT ON COLUMN usage_hourly.mean_duration_us IS 'Mean of the durations as measured, whole microseconds';
COMMENT ON COLUMN usage_hourly.max_memory_used_mb IS 'Greatest memory seen in use; 0 when no record said';
COMMENT ON COLUMN usage_hourly.streamed_bytes IS 'Bytes above 6 MB (6291456) of each streamed response';

CREATE OR REPLACE VIEW usage_daily AS
SELECT tenant, account, (hour AT TIME ZONE 'UTC')::date AS day, sum(invocations) AS invocations, sum(errors) AS errors,
       sum(timeouts) AS timeouts, sum(duration_ms) AS duration_ms, sum(gb_seconds) AS gb_seconds,
       max(max_duration_us) AS max_duration_us, max(max_memory_used_mb) AS max_memory_used_mb
  FROM usage_hourly GROUP BY tenant, account, day;
COMMENT ON VIEW usage_daily IS 'One row for each tenant and UTC day';
COMMENT ON COLUMN usage_daily.duration_ms IS 'Sum of durations, each rounded up to 1 ms';
COMMENT ON COLUMN usage_daily.gb_seconds IS 'Sum of duration times memory, exact';

CREATE OR REPLACE VIEW usage_by_function AS
SELECT tenant, account, date_trunc('month', hour, 'UTC') AS month, function, region, architecture, memory_mb, mode,
       sum(invocations) AS invocations, sum(errors) AS errors, sum(timeouts) AS timeouts,
       sum(initializations) AS initializations, sum(duration_ms) AS duration_ms, sum(gb_seconds) AS gb_seconds,
       max(max_duration_us) AS max_duration_us, max(max_memory_used_mb) AS max_memory_used_mb
  FROM usage_hourly GROUP BY tenant, account, month, function, region, architecture, memory_mb, mode;
COMMENT ON VIEW usage_by_function IS 'One row for each tenant, UTC month and function configuration';
COMMENT ON COLUMN usage_by_function.month IS 'First instant of the UTC month';
COMMENT ON COLUMN usage_by_function.max_memory_used_mb IS 'Greatest memory seen in use: compare with memory_mb to size the function';

CREATE OR REPLACE VIEW quarantine_open AS
SELECT quarantine_id, tenant_name AS tenant, reason, field, message, format, source, line, received_at,
       quarantine_bytes(quarantine_id) AS payload_bytes, encode(digest, 'hex') AS digest, encode(other_digest, 'hex') AS other_digest
  FROM quarantine WHERE replayed_at IS NULL AND repeats IS NULL AND reason <> 'newer_fields';
COMMENT ON VIEW quarantine_open IS 'What arrived, could not be billed and was not replayed; `millibill quarantine show ID` prints the rest';
COMMENT ON COLUMN quarantine_open.digest IS 'Digest of the record''s facts (conflicts)';
COMMENT ON COLUMN quarantine_open.other_digest IS 'Digest of the record that was kept (conflicts)';

CREATE OR REPLACE VIEW ledger_recent AS
SELECT l.received_at, a.name AS agent, encode(s.spool, 'hex') AS spool, l.sequence, l.source, l.label, l.records, l.billed,
       l.quarantined, l.lost, l.bytes, c.receipt, l.accepted_at
  FROM ledger l
  JOIN streams s USING (stream_id)
  JOIN agents a USING (agent_id)
  JOIN commits c USING (commit_id)
 WHERE l.received_at > now() - interval '1 day';
COMMENT ON VIEW ledger_recent IS 'Batches of the last 24 hours: records = billed + quarantined';
COMMENT ON COLUMN ledger_recent.lost IS 'Records that the emitter or agent reported as dropped in this batch';
COMMENT ON COLUMN ledger_recent.receipt IS 'Number in the order of commits';
