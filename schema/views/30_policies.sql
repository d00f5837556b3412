-- Who sees and changes which rows. Row-level security is forced on every table: it binds the owner's definer functions and
-- the owner's own sessions too. Grants (grants.sql) say which verbs a role has; policies say on which rows.
--
-- Services see all rows. What is evidence can be read and added to; what may change of it is named here, one policy each:
-- a final invoice, a receipt once given and a record that was stored are changed by nobody who keeps these policies.
-- A tenant's login reads the rows of its own tenant_id. Its tenant stands in the role's name, which it cannot change:
-- no setting, no table and no sub-query is asked (tables of tenants may one day be distributed by tenant).
-- Partitions have no policy at all: they are reached through their parent only.
--
-- A policy is made anew only when its text has changed (its comment keeps the text), so that a refresh of views does not
-- wait for writers.

CREATE OR REPLACE FUNCTION current_tenant() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN substring(CURRENT_USER::text FROM '^millibill_tenant_([1-9][0-9]{0,17})$')::bigint;
COMMENT ON FUNCTION current_tenant() IS 'tenant_id of a tenant''s login (role millibill_tenant_ID); null for everybody else';

DO $$
DECLARE
    services constant text := 'millibill_owner, millibill_collector, millibill_compactor, millibill_rater, millibill_reader';
    evidence constant text[] := ARRAY['segments', 'exclusions', 'ledger', 'losses', 'commits', 'quarantine', 'price_books', 'price_book_calendar', 'price_book_parts',
                                      'invoices', 'invoice_lines', 'invoice_free_tiers', 'invoice_items', 'issued_documents',
                                      'adjustments', 'adjustment_lines', 'adjustment_causes', 'adjustment_items',
                                      'contracts', 'tenant_contracts', 'account_members', 'account_service', 'seals', 'seal_heads', 'seal_roots',
                                      'seal_invoices', 'alerts'];
    found record;
BEGIN
    FOR found IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'millibill'::regnamespace AND c.relkind IN ('r', 'p')
                    AND NOT (c.relrowsecurity AND c.relforcerowsecurity) LOOP
        EXECUTE format('ALTER TABLE millibill.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', found.relname);
    END LOOP;
    FOR found IN
        WITH tables AS (
            SELECT c.oid, c.relname::text AS name, c.relname = ANY (evidence) AS is_evidence,
                   EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS is_of_tenant
              FROM pg_class c WHERE c.relnamespace = 'millibill'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        ), special (table_name, name, definition) AS (VALUES
            ('commits', 'receipt_once', 'FOR UPDATE TO millibill_owner USING (receipt IS NULL) WITH CHECK (true)'),
            -- inside segments_replace, which looks whether anything is sealed or excluded
            ('segments', 'compaction_replaces',
             'FOR DELETE TO millibill_owner USING (current_setting(''millibill.replacing'', true) = ''on'')'),
            -- reversals take what is right out of the bill: a person asks for them, as the owner
            ('exclusions', 'owner_reverses', 'FOR INSERT TO millibill_owner WITH CHECK (true)'),
            ('exclusions', 'compactor_excludes', 'FOR INSERT TO millibill_compactor WITH CHECK (reason IN (''copy'', ''conflict''))'),
            ('quarantine', 'compactor_marks', 'FOR UPDATE TO millibill_compactor USING (true)'),
            ('invoices', 'previews_go', 'FOR DELETE TO millibill_owner USING (state = ''preview'')'),
            ('invoices', 'previews_change', 'FOR UPDATE TO millibill_owner USING (state = ''preview'' AND current_setting(''millibill.replacing_previews'', true) = ''on'') WITH CHECK (state = ''preview'')'),
            -- inside invoices_write and previews_write, with the preview that is replaced
            ('invoice_lines', 'previews_go', 'FOR DELETE TO millibill_owner USING (current_setting(''millibill.replacing_previews'', true) = ''on'')'),
            ('invoice_lines', 'previews_change', 'FOR UPDATE TO millibill_owner USING (current_setting(''millibill.replacing_previews'', true) = ''on'')'),
            ('invoice_free_tiers', 'previews_go', 'FOR DELETE TO millibill_owner USING (current_setting(''millibill.replacing_previews'', true) = ''on'')'),
            ('invoice_free_tiers', 'previews_change', 'FOR UPDATE TO millibill_owner USING (current_setting(''millibill.replacing_previews'', true) = ''on'')'),
            ('invoice_items', 'previews_go', 'FOR DELETE TO millibill_owner USING (current_setting(''millibill.replacing_previews'', true) = ''on'')'),
            ('invoice_items', 'previews_change', 'FOR UPDATE TO millibill_owner USING (current_setting(''millibill.replacing_previews'', true) = ''on'')'),
            -- tables that belong to no tenant: what a tenant's own rows name
            ('accounts', 'tenant_reads', 'FOR SELECT TO millibill_tenant USING (account_id IN (SELECT t.account_id FROM tenants t UNION SELECT m.account_id FROM account_members m))'),
            ('rating_runs', 'tenant_reads',
             'FOR SELECT TO millibill_tenant USING (EXISTS (SELECT FROM invoices i WHERE i.run_id = rating_runs.run_id))'),
            ('rating_measures', 'tenant_reads',
             'FOR SELECT TO millibill_tenant USING (EXISTS (SELECT FROM invoices i WHERE i.run_id = rating_measures.run_id))'),
            ('contracts', 'tenant_reads',
             'FOR SELECT TO millibill_tenant USING (EXISTS (SELECT FROM tenant_contracts c WHERE c.contract_sha256 = contracts.sha256))'),
            ('price_books', 'tenant_reads',
             'FOR SELECT TO millibill_tenant USING (EXISTS (SELECT FROM invoices i WHERE i.price_book_sha256 = price_books.sha256))'),
            ('price_book_parts', 'tenant_reads',
             'FOR SELECT TO millibill_tenant USING (EXISTS (SELECT FROM invoices i WHERE i.price_book_sha256 = price_book_parts.binding_sha256))')
        ), wanted AS (
            SELECT oid, name AS table_name, 'services' AS name, format('FOR ALL TO %s USING (true)', services) AS definition
              FROM tables WHERE NOT is_evidence
            UNION ALL SELECT oid, name, 'services_read', format('FOR SELECT TO %s USING (true)', services)
              FROM tables WHERE is_evidence
            UNION ALL SELECT oid, name, 'services_add', format('FOR INSERT TO %s WITH CHECK (true)', services)
              FROM tables WHERE is_evidence AND name <> 'exclusions'
            UNION ALL SELECT oid, name, 'tenant_reads_own',
                             'FOR SELECT TO millibill_tenant USING (tenant_id = current_tenant())'
              FROM tables WHERE is_of_tenant
            UNION ALL SELECT t.oid, s.table_name, s.name, s.definition FROM special s JOIN tables t ON t.name = s.table_name
        ), present AS (
            SELECT p.polrelid, c.relname::text AS table_name, p.polname::text AS name, obj_description(p.oid, 'pg_policy') AS definition
              FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE c.relnamespace = 'millibill'::regnamespace
        )
        SELECT coalesce(w.table_name, p.table_name) AS table_name, coalesce(w.name, p.name) AS name, w.definition,
               p.name IS NOT NULL AS is_there
          FROM wanted w FULL JOIN present p ON p.polrelid = w.oid AND p.name = w.name
         WHERE w.definition IS DISTINCT FROM p.definition OR w.name IS NULL
         ORDER BY 1, 2
    LOOP
        IF found.is_there THEN
            EXECUTE format('DROP POLICY %I ON millibill.%I', found.name, found.table_name);
        END IF;
        IF found.definition IS NOT NULL THEN
            EXECUTE format('CREATE POLICY %I ON millibill.%I %s', found.name, found.table_name, found.definition);
            EXECUTE format('COMMENT ON POLICY %I ON millibill.%I IS %L', found.name, found.table_name, found.definition);
        END IF;
    END LOOP;
    -- Views look with the rights of who asks, so that these policies reach through them.
    FOR found IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'millibill'::regnamespace AND c.relkind = 'v'
                    AND NOT coalesce(c.reloptions @> ARRAY['security_invoker=true'], false) LOOP
        EXECUTE format('ALTER VIEW millibill.%I SET (security_invoker = true)', found.relname);
    END LOOP;
END $$;
