"""close: a month from open to final in one command, again and again, whoever is wrong held back."""
import datetime
import hashlib
import json
import subprocess
import unittest
from fractions import Fraction
from pathlib import Path

from harness import SUPERUSER, Stack
from tables import table_digests

CONTRACT = "name: base\nversion: '1'\ncommitments: [{name: base, minimum: 5}]\n"


def record(tenant, request_id, started, each_ms=900000):
    return json.dumps({"request_id": request_id, "tenant": tenant, "function": "f", "memory_mb": 1024, "region": "us-east-1",
                       "started_at": started, "duration_ms": each_ms}) + "\n"


class Close(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)

    def tenants(self, month, *names, count=300, account=None):
        """Tenants of their own for one test, each with usage in its month."""
        for name in names:
            self.stack.run("tenant", "add", name, *(["--account", account] if account else []))
            self.load(name, month, count)

    def load(self, tenant, month, count=300, prefix="r"):
        text = "".join(record(tenant, f"{prefix}-{month}-{i}", f"{month}-{1 + i % 28:02}T12:00:00Z") for i in range(count))
        self.stack.run("import", "--format", "ndjson", "-", input=text)

    def contract(self, tenant, month, text):
        path = self.stack.data / "contract.yaml"
        path.write_text(text, encoding="utf-8")
        self.stack.run("contract", "set", "--tenant", tenant, "--from", month, str(path))

    def close(self, month, *options, status=0):
        answer = self.stack.json("close", "--month", month, "--no-free-tier", *options, status=status)
        self.steps = {step["step"]: step for step in answer["steps"]}
        return answer

    def numbers(self):
        return [row[0] for row in self.stack.query("SELECT number FROM invoices WHERE state = 'final' AND number LIKE 'MB-2026-%' ORDER BY number")]

    def test_a_month_is_closed_exported_and_a_second_run_changes_nothing(self):
        month = "2026-01"
        self.tenants(month, "january", "jan")
        self.stack.run("rate", "--month", month, "--no-free-tier")
        self.load("jan", month, 200, prefix="more")
        folder = self.stack.data / "january"
        first = self.close(month, "--output", folder)
        self.assertTrue(first["closed"])
        self.assertEqual([step["result"] for step in first["steps"]], ["ok"] * 10)
        changes = {row["tenant"]: row for row in first["since_preview"]["tenants"]}
        self.assertEqual((changes["january"]["difference"], changes["jan"]["preview"]["total"], changes["jan"]["difference"]), ("0.00", "4.50", "3.00"))
        self.check_files(folder, first["invoices"])
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE state = 'preview' AND period_start = '2026-01-01Z'"), 0)

        before, files = table_digests(self.stack), {path: path.stat().st_mtime_ns for path in folder.iterdir()}
        again = self.close(month, "--output", folder)
        self.assertEqual(table_digests(self.stack), before)
        self.assertEqual({path: path.stat().st_mtime_ns for path in folder.iterdir()}, files)
        self.assertEqual([dict(i, final_before=False) for i in again["invoices"]], first["invoices"])
        self.assertIn("2 final already", self.steps["compare"]["detail"])
        self.stack.run("verify")

    def check_files(self, folder, invoices):
        self.assertEqual(len(list(folder.iterdir())), 5 * len(invoices))
        for invoice in invoices:
            stem = f"{invoice['tenant']}-{invoice['number']}"
            document = (folder / f"{stem}.json").read_bytes()
            self.assertEqual(hashlib.sha256(document).hexdigest(), self.stack.value(
                f"SELECT encode(document_sha256, 'hex') FROM invoices WHERE number = '{invoice['number']}'"))
            self.assertEqual(Fraction(json.loads(document)["total"]), Fraction(invoice["total"]))
            for form in ("csv", "txt", "html"):
                self.assertIn(invoice["number"] if form != "csv" else "duration", (folder / f"{stem}.{form}").read_text(encoding="utf-8"))

    def test_what_is_billed_is_what_rate_would_have_billed(self):
        month = "2026-02"
        self.tenants(month, "february")
        expected = self.stack.json("rate", "--dry-run", "--month", month, "--no-free-tier")["invoices"][0]
        number = self.close(month)["invoices"][0]["number"]
        document = self.stack.json("invoice", "show", number)
        for member in ("lines", "functions", "free_tiers", "subtotal", "total"):
            self.assertEqual(json.dumps(document[member]), json.dumps(expected[member]))

    def test_whoever_is_wrong_is_held_back_and_the_others_get_their_bills(self):
        """A segment with a broken byte, and an account that shares its allowance with it; a contract that nobody can read."""
        month = "2026-03"
        self.tenants(month, "good", "unread")
        self.tenants(month, "broken", "partner", account="pair")
        self.contract("unread", month, CONTRACT)
        self.stack.query("UPDATE contracts SET source = 'name: [' WHERE sha256 = (SELECT contract_sha256 FROM tenant_contracts JOIN tenants USING (tenant_id) "
                         "WHERE name = 'unread')", role=SUPERUSER)
        place = "segment_id = (SELECT min(segment_id) FROM segments JOIN tenants USING (tenant_id) WHERE name = 'broken')"
        flip = f"UPDATE segments SET payload = set_byte(payload, 40, get_byte(payload, 40) # 255) WHERE {place}"
        self.stack.query(flip, role=SUPERUSER)
        answer = self.close(month, status=3)
        self.assertEqual([invoice["tenant"] for invoice in answer["invoices"]], ["good"])
        held = {hold["account"]: hold for hold in answer["not_billed"]}
        self.assertEqual({account: hold["step"] for account, hold in held.items()}, {"pair": "verify", "unread": "rate"})
        self.assertIn("broken", held["pair"]["message"])
        self.assertGreater(answer["differences"], 0)

        self.stack.query(flip, role=SUPERUSER)
        answer = self.close(month, status=1)
        self.assertEqual({hold["account"] for hold in answer["not_billed"]}, {"unread"})
        self.assertEqual(sorted(i["tenant"] for i in answer["invoices"] if not i["final_before"]), ["broken", "partner"])
        self.stack.query(f"UPDATE contracts SET source = $${CONTRACT}$$ WHERE source = 'name: ['", role=SUPERUSER)
        answer = self.close(month)
        self.assertEqual([i["tenant"] for i in answer["invoices"] if not i["final_before"]], ["unread"])
        self.stack.run("verify")

    def test_late_usage_of_an_account_without_an_invoice_of_that_month_is_billed_by_closing_the_next(self):
        """No adjustment can carry it: the account used nothing when the month was closed. It gets its first invoice of that month, nobody else one."""
        self.tenants("2025-03", "busy", "taken_back", count=5)
        for name in ("quiet", "middle", "old"):
            self.stack.run("tenant", "add", name)
        self.contract("middle", "2025-02", "name: middle\nversion: '1'\nbilling_day: 15\n")
        self.contract("old", "2025-02", "name: old\nversion: '1'\nlate_usage: {months: 0}\n")
        first = self.close("2025-03")
        number = next(i["number"] for i in first["invoices"] if i["tenant"] == "taken_back")
        self.stack.run("invoice", "void", number, "--reason", "its contract is looked at")
        self.load("quiet", "2025-03", 7, prefix="late")
        self.load("old", "2025-03", 3, prefix="late")
        self.stack.run("import", "--format", "ndjson", "-", input=record("middle", "m", "2025-03-20T12:00:00Z"))
        answer = self.stack.json("rate", "--month", "2025-04", "--preview", "--no-free-tier", "--no-forecast")
        self.assertEqual([(row["tenant"], row["month"], row["records"], row["too_old"]) for row in answer["unbilled"]],
                         [("middle", "2025-03", 1, False), ("old", "2025-03", 3, True), ("quiet", "2025-03", 7, False)])
        self.load("busy", "2025-04", 5, prefix="april")
        folder = self.stack.data / "april"
        answer = self.close("2025-04", "--output", folder, "--format", "json", "--format", "csv")
        self.assertEqual([(row["tenant"], row["month"]) for row in answer["late_invoices"]], [("middle", "2025-03"), ("quiet", "2025-03")])
        numbers = [(row["tenant"], row["number"]) for row in answer["invoices"] + answer["late_invoices"]]
        exported = sorted(f"{tenant}-{number}.{form}" for tenant, number in numbers for form in ("csv", "json"))
        self.assertEqual(sorted(path.name for path in folder.iterdir()), exported)
        self.assertIn(f"1 invoice and 2 of earlier months as json, csv in {folder}", self.steps["export"]["detail"])
        for row in answer["late_invoices"]:
            document = json.loads((folder / f"{row['tenant']}-{row['number']}.json").read_text())
            self.assertEqual((document["invoice"]["number"], document["invoice"]["period_start"][:7], document["total"]), (row["number"], "2025-03", row["total"]))
        self.assertEqual([(row["tenant"], row["too_old"]) for row in answer["unbilled"]], [("old", True)])
        self.assertEqual(answer["not_billed"], [])
        finals = "SELECT t.name, count(*) FROM invoices i JOIN tenants t USING (tenant_id) WHERE i.kind = 'invoice' AND i.period_month = '2025-03-01' AND i.state = 'final' GROUP BY 1 ORDER BY 1"
        self.assertEqual(self.stack.query(finals), [["busy", "1"], ["middle", "1"], ["quiet", "1"], ["taken_back", "1"]])  # what is void is not issued again unasked
        used = self.stack.query("SELECT t.name, l.quantity::bigint FROM invoice_lines l JOIN invoices i USING (tenant_id, invoice_id) JOIN tenants t USING (tenant_id) "
                                "WHERE t.name IN ('middle', 'quiet') AND l.sku = 'requests' ORDER BY 1")
        self.assertEqual(used, [["middle", "1"], ["quiet", "7"]])
        digests = table_digests(self.stack)
        folder = self.stack.data / "april again"
        self.assertEqual(self.close("2025-04", "--output", folder, "--format", "json", "--format", "csv")["late_invoices"], [])
        self.assertEqual(sorted(path.name for path in folder.iterdir()), exported)  # which month's closing made them is remembered
        self.assertEqual({name for name, digest in table_digests(self.stack).items() if digest != digests[name]} & {"invoices", "adjustments", "deliveries"}, set())
        self.load("quiet", "2025-03", 2, prefix="later")
        self.assertEqual(self.close("2025-04")["unbilled"], answer["unbilled"])  # an adjustment takes it
        self.stack.run("verify")

    def test_a_period_that_begins_in_a_closed_month_is_not_yet_missing(self):
        self.stack.run("tenant", "add", "halves")
        self.contract("halves", "2025-05", "name: halves\nversion: '1'\nbilling_day: 15\n")
        self.tenants("2025-06", "whole", count=5)
        self.close("2025-06")
        self.stack.run("import", "--format", "ndjson", "-", input=record("halves", "h", "2025-06-20T12:00:00Z"))
        answer = self.stack.json("rate", "--month", "2025-06", "--preview", "--no-free-tier", "--no-forecast")
        self.assertEqual(answer["unbilled"], [])

    def test_nobody_is_billed_when_what_differs_is_nobodys_in_particular(self):
        month = "2026-04"
        self.tenants(month, "april")
        change = "UPDATE ledger SET records = records {} 1 WHERE (stream_id, sequence) = (SELECT stream_id, max(sequence) FROM ledger GROUP BY 1 ORDER BY 1 LIMIT 1)"
        self.stack.query(change.format("+"), role=SUPERUSER)
        self.addCleanup(self.stack.query, change.format("-"), role=SUPERUSER)
        answer = self.close(month, status=3)
        self.assertEqual((answer["invoices"], self.steps["verify"]["result"], self.steps["final"]["result"]), ([], "failed", "not run"))
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE period_start = '2026-04-01Z'"), 0)

    def silent_agent(self, name, last):
        """An agent whose last batch was taken at this time, as if the ledger had it from then."""
        self.stack.query(f"""
            INSERT INTO agents (name, public_key) VALUES ('{name}', rpad('{name}', 40, 'x'));
            INSERT INTO streams (agent_id, spool, last_sequence) SELECT agent_id, decode(md5('{name}'), 'hex'), 1 FROM agents WHERE name = '{name}';
            INSERT INTO ledger (stream_id, sequence, commit_id, received_at, accepted_at, digest, source, label, records, billed, quarantined, bytes)
                SELECT stream_id, 1, (SELECT max(commit_id) FROM commits), '{last}', '{last}', '', 'socket', '', 0, 0, 0, 0 FROM streams JOIN agents USING (agent_id)
                 WHERE name = '{name}'""", role=SUPERUSER)
        self.addCleanup(self.stack.query, f"UPDATE agents SET revoked_at = now() WHERE name = '{name}'", role=SUPERUSER)

    def test_agents_that_are_silent_since_the_month_are_waited_for(self):
        month = "2026-05"
        self.tenants(month, "may")
        self.silent_agent("edge-7", "2026-05-31T23:50:00Z")
        self.silent_agent("long-gone", "2026-03-01T00:00:00Z")
        answer = self.close(month, "--wait-s", "1", status=1)
        self.assertEqual((self.steps["wait"]["result"], self.steps["verify"]["result"]), ("failed", "not run"))
        self.assertIn("edge-7", self.steps["wait"]["detail"])
        self.assertNotIn("long-gone", self.steps["wait"]["detail"])
        self.assertEqual({a["agent"]: a["silent"] for a in answer["agents"]}["edge-7"], True)
        self.assertIn("'nobody'", self.stack.run("close", "--month", month, "--without", "nobody", status=1).stderr)
        self.close(month, "--without", "edge-7")
        self.assertIn("edge-7", self.close(month, "--no-wait")["steps"][0]["detail"])

    def test_a_wait_ends_when_the_agent_reports(self):
        month = "2026-06"
        self.tenants(month, "june")
        self.silent_agent("edge-8", "2026-06-30T23:50:00Z")
        waiting = self.stack.popen("close", "--month", month, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertIn("edge-8", waiting.stderr.readline())
        self.stack.query("UPDATE ledger SET accepted_at = now(), received_at = now() WHERE stream_id = (SELECT stream_id FROM streams "
                         "JOIN agents USING (agent_id) WHERE name = 'edge-8')", role=SUPERUSER)
        output, errors = waiting.communicate(timeout=120)
        self.assertEqual(waiting.returncode, 0, errors)
        self.assertTrue(json.loads(output)["closed"])

    def test_two_closes_at_once_make_one_set_of_invoices(self):
        month = "2026-07"
        self.tenants(month, "july", "jul")
        folder = self.stack.data / "july"
        runs = [self.stack.popen("close", "--month", month, "--output", str(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
        for run in runs:
            output, _ = run.communicate(timeout=300)
            self.assertEqual(run.returncode, 0, output)
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices WHERE state = 'final' AND period_start = '2026-07-01Z'"), 2)
        self.assertEqual(len(list(folder.iterdir())), 10)
        numbers = [int(number.rsplit("-", 1)[1]) for number in self.numbers()]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_time_for_late_usage_that_a_contract_leaves_is_left(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        month = (now.replace(day=1) - datetime.timedelta(days=1)).strftime("%Y-%m")
        self.tenants(month, "gracious", "plain")
        self.contract("gracious", month, CONTRACT + "grace_hours: 800\n")  # more than a month: it may end while this runs
        answer = self.close(month, status=1)
        self.assertEqual([hold["account"] for hold in answer["not_billed"]], ["gracious"])
        self.assertIn("late usage until", answer["not_billed"][0]["message"])
        self.assertEqual([i["tenant"] for i in answer["invoices"]], ["plain"])

    def test_a_month_that_is_not_over_is_not_closed(self):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)  # midnight may come while this runs
        month = soon.strftime("%Y-%m")
        self.assertIn("is not over", self.stack.run("close", "--month", month, status=1).stderr)
        self.stack.run("close", status=2)
        self.stack.run("close", "--month", "2026-13", status=2)

    def test_the_table_is_for_people(self):
        month = "2026-08"
        self.tenants(month, "august")
        self.stack.run("rate", "--month", month)
        page = self.stack.run("close", "--month", month, "--no-free-tier").stdout
        self.assertEqual([line.split()[:2] for line in page.splitlines()[:10]],
                         [[name, "ok"] for name in ("wait", "verify", "duplicates", "late", "rate", "compare", "final", "seal", "export", "deliver")])
        self.assertIn("Differences from the last preview:", page)
        self.assertTrue(any(line.startswith("august") and "+" in line for line in page.splitlines()), page)


if __name__ == "__main__":
    unittest.main()
