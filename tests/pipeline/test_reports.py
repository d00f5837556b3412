"""Reports on a running stack: they need no rating before, show what is there now, and count records once."""
import json
import tempfile
import unittest
from pathlib import Path

from harness import Stack

MONTH = "2026-10"


def records(day, count, tenant="acme", first=0, **more):
    return "".join(json.dumps({"tenant": tenant, "request_id": f"{tenant}-{first + i}", "function": "f", "memory_mb": 1024,
                               "started_at": f"2026-10-{day:02}T00:00:{i % 60:02}Z", "duration_ms": 800_000, **more}) + "\n"
                   for i in range(count))


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)

    def file(self, name, text):
        path = Path(self.folder.name) / name
        path.write_text(text)
        return path

    def free(self, *arguments):
        report = self.stack.json("free-tier", "--month", MONTH, *arguments)
        return {(tier["account"], tier["name"]): tier for tier in report["free_tiers"]}

    def test_the_free_tier_needs_no_rating_and_is_never_stale(self):
        self.assertEqual(self.free(), {})
        self.assertIn("No usage", self.stack.run("free-tier", "--month", MONTH).stdout)
        self.stack.run("tenant", "add", "acme", "--account", "both")
        self.stack.run("tenant", "add", "beta", "--account", "both")
        self.stack.run("tenant", "add", "alone")
        self.stack.run("import", self.file("a.ndjson", records(3, 300)))
        tiers = self.free()
        duration = next(tier for (account, _), tier in tiers.items() if account == "both" and tier["unit"] != "request")
        self.assertEqual((duration["used"], duration["outlook"]), ("240000", "lasts"))
        self.stack.run("rate", "--month", MONTH)
        self.stack.run("import", self.file("b.ndjson", records(9, 300, "beta") + records(20, 10, "alone")))
        for arguments in ((), ("--tenant", "acme")):
            tiers = self.free(*arguments)
            duration = next(t for (account, _), t in tiers.items() if account == "both" and t["unit"] != "request")
            self.assertEqual((duration["used"], duration["outlook"], duration["day"]), ("400000", "ran_out", "2026-10-09"))
            self.assertEqual({share["tenant"]: share["used"] for share in duration["tenants"]},
                             {"acme": "200000", "beta": "200000"})
            self.assertEqual(any(account == "alone" for account, _ in tiers), not arguments)
        self.assertEqual(self.stack.number("SELECT count(*) FROM invoices"), 1)  # reports write none
        document = self.stack.run("invoice", "render", "--json", "--month", MONTH, "--tenant", "acme").stdout
        self.assertEqual(document, self.stack.run("invoice", "render", "--format", "json", "--month", MONTH,
                                                  "--tenant", "acme").stdout)
        self.assertEqual(json.loads(document)["invoice"]["tenant"], "acme")
        self.stack.run("invoice", "render", "--json", "--format", "csv", "--month", MONTH, status=2)

    def test_an_account_without_a_price_does_not_hide_the_others(self):
        for tenant in ("priced", "far"):
            self.stack.run("tenant", "add", tenant)
        self.stack.run("import", self.file("s.ndjson", records(2, 5, "priced", started_at="2026-09-02T00:00:00Z") +
                                           records(2, 5, "far", started_at="2026-09-02T00:00:00Z", region="mars-1")))
        result = self.stack.run("free-tier", "--month", "2026-09", "--json")
        report = json.loads(result.stdout)
        self.assertEqual({tier["account"] for tier in report["free_tiers"]}, {"priced"})
        self.assertEqual([entry["account"] for entry in report["skipped"]], ["far"])
        self.assertIn("account 'far' is left out", result.stderr)

    def test_savings_count_a_record_once_and_stay_in_the_month(self):
        text = records(1, 3)
        usage = self.file("u.ndjson", text + text)
        result = self.stack.run("savings", "--json", "--usage", usage)
        report = json.loads(result.stdout)
        requests = next(line for line in report["serverless"]["lines"] if line["sku"] == "requests")
        self.assertEqual((report["period"], requests["quantity"]), (MONTH, "3"))
        self.assertIn("3 records left out", result.stderr)
        horizon = report["alternatives"][0]["horizon"]
        self.assertEqual(horizon["months"] == 1 and horizon["saving"], report["alternatives"][0]["saving"])
        later = self.file("l.ndjson", text + text.replace("2026-10", "2026-11").replace("acme-", "later-"))
        result = self.stack.run("savings", "--json", "--usage", later, status=1)
        self.assertIn("--month", result.stderr)
        result = self.stack.run("savings", "--json", "--usage", later, "--month", MONTH)
        self.assertIn("3 records left out: started outside 2026-10", result.stderr)
        self.assertEqual(json.loads(result.stdout)["serverless"]["total"], report["serverless"]["total"])


if __name__ == "__main__":
    unittest.main()
