"""Every source, one pipeline: known records go in through socket, ring, exec and each import format, and every invoice line
is compared with amounts worked out here from the records alone."""
import datetime
import json
import os
import socket
import subprocess
import tempfile
import unittest
from fractions import Fraction
from pathlib import Path

from harness import BUILD, ROOT, Stack, environment, wait_until

PRICE_REQUEST = Fraction("0.20") / 1_000_000
PRICE_GB_SECOND = {"x86_64": Fraction("0.0000166667"), "arm64": Fraction("0.0000133334")}


def half_up_cents(value):
    return Fraction(int(value * 100 + Fraction(1, 2)), 100)


def expected_lines(records):
    """(architecture, sku) -> (quantity, amount), by the published prices without free tier; records are dicts with
    duration_us, init_us, memory_mb, architecture."""
    sums = {}
    for record in records:
        milliseconds = -(-(record["duration_us"] + record.get("init_us", 0)) // 1000)
        key = record.get("architecture", "x86_64")
        requests, gb_seconds = sums.get(key, (0, Fraction(0)))
        sums[key] = (requests + 1, gb_seconds + Fraction(milliseconds * record["memory_mb"], 1000 * 1024))
    lines = {}
    for architecture, (requests, gb_seconds) in sums.items():
        lines[architecture, "requests"] = (Fraction(requests), half_up_cents(requests * PRICE_REQUEST))
        lines[architecture, "duration"] = (gb_seconds, half_up_cents(gb_seconds * PRICE_GB_SECOND[architecture]))
    return lines


def rfc3339(time):
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


class EverySource(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        now = datetime.datetime.now(datetime.timezone.utc)
        cls.month = now.strftime("%Y-%m")
        first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        # A log has when an invocation ended: its start, up to ten seconds earlier, lies in this month too.
        cls.start = max(first + datetime.timedelta(seconds=15), now - datetime.timedelta(hours=3))
        cls.files = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.files.cleanup)

    def write(self, name, text):
        path = Path(self.files.name) / name
        path.write_text(text)
        return path

    def check_invoice(self, tenant, records, month=None):
        answer = self.stack.json("rate", "--month", month or self.month, "--tenant", tenant, "--no-free-tier", "--dry-run")
        documents = answer if isinstance(answer, list) else answer.get("invoices", [answer])
        lines = [line for document in documents for line in document["lines"] if line["tenant"] == tenant]
        self.assertTrue(lines, answer)
        expected = expected_lines(records)
        seen = set()
        for line in lines:
            key = (line["architecture"], line["sku"])
            if key not in expected:
                self.assertEqual(Fraction(line["amount"]), 0, line)
                continue
            quantity, amount = expected[key]
            self.assertEqual(Fraction(line["quantity"]), quantity, line)
            self.assertEqual(Fraction(line["amount"]), amount, line)
            seen.add(key)
        self.assertEqual(seen, set(expected))

    def wait_for(self, tenant, count):
        wait_until(lambda: self.stack.number("SELECT coalesce(sum(invocations), 0) FROM rollups JOIN tenants USING (tenant_id) "
                                             f"WHERE name = '{tenant}'") >= count, f"{count} invocations of {tenant}")

    def records(self, count, prefix, memory_mb=1024, seed=7):
        made = []
        for i in range(count):
            seed = seed * 6364136223846793005 % (1 << 61)
            made.append({"request_id": f"{prefix}-{i}", "function": f"fn-{i % 3}", "region": "us-east-1",
                         "architecture": "arm64" if i % 4 == 0 else "x86_64", "memory_mb": memory_mb + i % 2 * 512,
                         "started": self.start + datetime.timedelta(milliseconds=137 * i),
                         "duration_us": seed % 9_000_000 + 1, "init_us": seed % 300_000 if i % 5 == 0 else 0})
        return made

    @staticmethod
    def ndjson(record, tenant=None):
        line = {"request_id": record["request_id"], "function": record["function"], "region": record["region"],
                "architecture": record["architecture"], "memory_mb": record["memory_mb"],
                "started_at": rfc3339(record["started"]), "duration_us": record["duration_us"]}
        if record["init_us"]:
            line["init_duration_ms"] = f"{record['init_us'] // 1000}.{record['init_us'] % 1000:03}"
        if tenant:
            line["tenant"] = tenant
        return json.dumps(line)

    def test_ndjson_import(self):
        records = self.records(5000, "nd")
        path = self.write("usage.ndjson", "".join(self.ndjson(r) + "\n" for r in records))
        counts = self.stack.json("import", "--tenant", "by-ndjson", path)
        self.assertEqual(counts, {"lines": 5000, "accepted": 5000, "known": 0, "skipped": 0, "quarantined": 0, "conflicts": 0})
        self.check_invoice("by-ndjson", records)
        again = self.stack.json("import", "--tenant", "by-ndjson", path)
        self.assertEqual((again["accepted"], again["known"]), (0, 5000))
        self.check_invoice("by-ndjson", records)

    def test_csv_import(self):
        records = self.records(500, "csv")
        head = "request_id,function,region,architecture,memory_mb,started_at,duration_us,init_duration_ms\n"
        rows = "".join(f"{r['request_id']},{r['function']},{r['region']},{r['architecture']},{r['memory_mb']},"
                       f"{rfc3339(r['started'])},{r['duration_us']},"
                       f"{'%d.%03d' % divmod(r['init_us'], 1000) if r['init_us'] else ''}\n" for r in records)
        counts = self.stack.json("import", "--format", "csv", "--tenant", "by-csv", self.write("usage.csv", head + rows))
        self.assertEqual((counts["accepted"], counts["quarantined"]), (500, 0))
        self.check_invoice("by-csv", records)

    def test_lambda_report_import(self):
        records = self.records(300, "lr", memory_mb=128)
        lines = []
        for i, record in enumerate(records):
            record["architecture"] = "x86_64"
            record["duration_us"] -= record["duration_us"] % 10  # logs have two decimals
            record["duration_us"] += 10
            record["init_us"] -= record["init_us"] % 10
            uuid = f"00000000-0000-4000-8000-{i:012x}"
            duration, init = record["duration_us"], record["init_us"]
            billed = -(-(duration + init) // 1000)
            text = (f"REPORT RequestId: {uuid}\tDuration: {duration // 1000}.{duration % 1000 // 10:02} ms\t"
                    f"Billed Duration: {billed} ms\tMemory Size: {record['memory_mb']} MB\tMax Memory Used: 60 MB\t")
            if init:
                text += f"Init Duration: {init // 1000}.{init % 1000 // 10:02} ms\t"
            lines += [f"{rfc3339(record['started'])} START RequestId: {uuid} Version: $LATEST",
                      f"{rfc3339(record['started'])} some output of the function", f"{rfc3339(record['started'])} {text}"]
        counts = self.stack.json("import", "--format", "lambda-report", "--tenant", "by-log", "--function", "logged", "--region",
                                 "us-east-1", self.write("lambda.log", "\n".join(lines) + "\n"))
        self.assertEqual((counts["lines"], counts["accepted"], counts["skipped"], counts["quarantined"]), (900, 300, 600, 0))
        self.check_invoice("by-log", records)

    def test_socket_with_acknowledgement(self):
        self.stack.run("tenant", "add", "by-socket")
        records = self.records(2000, "so")
        path = [p for p in self.stack.status()["sockets"].values() if p.endswith("agent.sock")][0]
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(path)
            stream.sendall(b'{"millibill":{"ack":true}}\n')
            stream.sendall("".join(self.ndjson(r, "by-socket") + "\n" for r in records).encode())
            stream.settimeout(60)
            answers, acknowledged = b"", 0
            while acknowledged < len(records):
                answers += stream.recv(65536)
                *whole, answers = answers.split(b"\n")
                for line in whole:
                    acknowledged = json.loads(line)["ack"]
        self.wait_for("by-socket", 2000)
        self.check_invoice("by-socket", records)

    def test_emit(self):
        self.stack.run("tenant", "add", "by-emit")
        records = self.records(100, "em")
        self.stack.run("emit", input="".join(self.ndjson(r, "by-emit") + "\n" for r in records))
        self.wait_for("by-emit", 100)
        self.check_invoice("by-emit", records)

    def test_exec_meters_a_real_process(self):
        result = self.stack.run("exec", "--tenant", "by-exec", "--function", "nap", "--memory", "256", "--region", "us-east-1", "--arch",
                                "x86_64", "--", "sh", "-c", "sleep 0.3; echo out; exit 7", status=7)
        self.assertEqual(result.stdout, "out\n")
        self.wait_for("by-exec", 1)
        row = self.stack.query("SELECT to_char(hour AT TIME ZONE 'UTC', 'YYYY-MM'), invocations, errors, duration_us, duration_1ms, "
                               "max_memory_used_mb FROM rollups JOIN tenants USING (tenant_id) WHERE name = 'by-exec'")
        month = row[0].pop(0)
        invocations, errors, duration_us, duration_1ms, memory_mb = map(int, row[0])
        self.assertEqual((invocations, errors), (1, 1))
        self.assertGreaterEqual(duration_us, 300_000)
        self.assertLess(duration_us, 30_000_000)
        self.assertEqual(duration_1ms, -(-duration_us // 1000))
        self.assertGreaterEqual(memory_mb, 1)
        self.check_invoice("by-exec", [{"duration_us": duration_us, "memory_mb": 256}], month)

    def worker(self, argv, socket_name, tenant, count):
        self.stack.run("tenant", "add", tenant)
        path = next(p for p in self.stack.status()["sockets"].values() if p.endswith(socket_name))
        result = subprocess.run([*argv, path, tenant, str(count)], env=environment(), capture_output=True, text=True, timeout=60,
                                check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.wait_for(tenant, count)
        self.assertEqual(self.stack.number("SELECT sum(invocations) FROM rollups JOIN tenants USING (tenant_id) "
                                           f"WHERE name = '{tenant}'"), count)
        return result.stdout

    def test_ring_of_the_c_library(self):
        output = self.worker([str(BUILD / "examples" / "worker")], "ring.sock", "by-ring", 3000)
        self.assertIn("3000 invocations, 0 lost", output)
        self.assertEqual(self.stack.number("SELECT count(DISTINCT source) FROM ledger WHERE source = 'ring'"), 1)

    def test_python_worker(self):
        self.worker(["python3", str(ROOT / "examples" / "worker.py")], "agent.sock", "by-python", 50)

    @unittest.skipUnless(any(os.access(os.path.join(d, "node"), os.X_OK) for d in os.environ["PATH"].split(":")),
                         "no node on this machine")
    def test_javascript_worker(self):
        self.worker(["node", str(ROOT / "examples" / "worker.js")], "agent.sock", "by-javascript", 50)

    def test_zz_ledger_equals_what_came(self):
        """Conservation over everything above: records = billed + quarantined, and rollups = segments less exclusions."""
        self.assertEqual(self.stack.query("SELECT 1 FROM ledger WHERE records <> billed + quarantined"), [])
        self.assertEqual(self.stack.number("SELECT sum(records) FROM segments"), self.stack.number("SELECT sum(billed) FROM ledger"))
        self.assertEqual(self.stack.number("SELECT sum(invocations) FROM rollups"),
                         self.stack.number("SELECT (SELECT sum(records) FROM segments) - (SELECT count(*) FROM exclusions)"))


if __name__ == "__main__":
    unittest.main()
