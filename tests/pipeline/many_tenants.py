"""Many tenants with a month of rollups, made by SQL: for how a rating run behaves, not for what usage becomes (there is no evidence)."""
import json

from harness import SUPERUSER

MONTH = "2026-08"
ROLLUPS_EACH = 10  # five functions, four on x86_64 and one on arm64, in two hours


def fill(stack, tenants, account="'t' || i"):
    """Tenants t1, t2, … in the accounts that the SQL expression `account` of i names; returns how many rollup rows there are. What they
    use differs: some stay within the free tier, some do not."""
    stack.query(f"""
        SELECT partitions_ensure('{MONTH}-01');
        INSERT INTO accounts (name) SELECT DISTINCT {account} FROM generate_series(1, {tenants}) i;
        INSERT INTO tenants (name, account_id) SELECT 't' || i, account_id FROM generate_series(1, {tenants}) i JOIN accounts a ON a.name = {account};
        INSERT INTO configs (tenant_id, function, region, architecture, memory_mb, ephemeral_mb, mode, package)
            SELECT tenant_id, 'function-' || f, 'us-east-1', CASE f WHEN 4 THEN 'arm64' ELSE 'x86_64' END, 128 << (f % 4), 512,
                   'on_demand', 'managed' FROM tenants CROSS JOIN generate_series(0, 4) f ORDER BY tenant_id, f;
        INSERT INTO rollups (tenant_id, hour, config_id, invocations, errors, timeouts, initializations, duration_us, init_us,
                             duration_1ms, duration_100ms, with_init_1ms, with_init_100ms, cpu_us, streamed_bytes,
                             max_memory_used_mb, max_duration_us)
            SELECT tenant_id, '{MONTH}-03T00:00:00Z'::timestamptz + ((tenant_id * 7 + config_id + h * 100) % 600) * interval '1 hour', config_id,
                   n, n / 50, n / 500, n / 20, n * 123456, n * 1000, n * 124, n * 150, n * 125, n * 152, n * 90000, 0, 100, 900000
              FROM configs CROSS JOIN generate_series(0, 1) h CROSS JOIN LATERAL (SELECT 1 + (tenant_id * 7919 + config_id * 104729) % 400000 AS n) u
             ORDER BY 2, 1, 3;
        ANALYZE""", SUPERUSER)
    return stack.number(f"SELECT count(*) FROM rollups WHERE hour >= '{MONTH}-01' AND hour < '{MONTH}-01'::date + interval '1 month'", SUPERUSER)


CONTRACTS = 10


def add_contracts(stack):
    """A contract for each tenant, one of ten: a discount, a commitment, a credit and a tax."""
    for n in range(CONTRACTS):
        source = (f"name: many-{n}\nversion: '1'\ndiscounts:\n  - {{name: volume, title: Volume, percent: {n + 1}}}\ncommitments:\n  - {{name: least, title: Minimum, minimum: 5}}\n"
                  "credits:\n  - {name: start, title: Credit, amount: 3}\ntax:\n  rates:\n    - {name: vat, title: VAT, percent: 20, jurisdiction: DE}\n").replace("'", "''")
        stack.query(f"INSERT INTO contracts (sha256, name, version, source) VALUES (sha256(convert_to('{source}', 'UTF8')), 'many-{n}', '1', '{source}')", SUPERUSER)
    stack.query("INSERT INTO tenant_contracts (tenant_id, revision, from_month, contract_sha256, set_by) SELECT t.tenant_id, 1, '2026-01-01', c.sha256, 'bench' "
                f"FROM tenants t JOIN contracts c ON c.name = 'many-' || t.tenant_id % {CONTRACTS}; ANALYZE tenant_contracts", SUPERUSER)


def add_roots(stack):
    """What a final invoice asks for: the root of seals over each tenant's month. One is real, the others repeat it: there is no evidence under them."""
    record = {"tenant": "t1", "function": "function-0", "request_id": "sealed", "started_at": f"{MONTH}-02T00:00:00Z", "duration_ms": 1, "memory_mb": 128}
    stack.run("import", "-", input=json.dumps(record) + "\n")
    stack.run("seal", "--month", MONTH)
    stack.query("INSERT INTO seal_roots SELECT t.tenant_id, r.month, r.revision, r.head_number, r.seals, r.last_seal, r.digest, r.public_key, r.signature "
                "FROM tenants t CROSS JOIN (SELECT * FROM seal_roots LIMIT 1) r WHERE t.tenant_id <> r.tenant_id; ANALYZE seal_roots", SUPERUSER)
