"""What became of a record, whatever became of it: each fate is made on purpose, and `explain --record` has to say it."""
import json
import unittest
from fractions import Fraction

from harness import StackCase

UUID = "11111111-1111-4111-8111-{:012d}"


def record(request_id, started="2026-05-10T12:00:00Z", duration_ms="100.5", **more):
    return json.dumps({"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": started,
                       "duration_ms": duration_ms, **more}) + "\n"


class ExplainRecord(StackCase):
    def load(self, tenant, text, *options):
        path = self.file(text, "log")
        return self.stack.json("import", *(("--tenant", tenant) if tenant else ()), *options, path), path

    def explain(self, request_id, *options, status=0):
        return self.stack.json("explain", "--record", request_id, *options, status=status)

    def only(self, request_id, *options):
        answer = self.explain(request_id, *options)
        self.assertEqual(len(answer["records"]), 1, answer)
        return answer["records"][0]

    def test_a_billed_record_names_its_lines_and_its_part_of_them(self):
        big = "".join(record(UUID.format(n), duration_ms="900000", memory_mb=10240) for n in range(60))
        self.load("billed", big + record("mine", duration_ms="7200.2", memory_mb=2048, init_duration_ms="100"), "--format", "ndjson")
        self.assertEqual(self.only("mine", "--tenant", "billed")["fate"], "not_rated")
        self.stack.run("rate", "--month", "2026-05", "--tenant", "billed")
        self.assertEqual(self.only("mine", "--tenant", "billed", "--month", "2026-05")["fate"], "draft")
        self.stack.run("rate", "--month", "2026-05", "--tenant", "billed", "--final")
        found = self.only("mine", "--tenant", "billed", "--month", "2026-05")
        self.assertEqual(found["fate"], "billed")
        [invoice] = found["invoices"]
        document = self.stack.json("invoice", "show", invoice["number"])
        [duration] = [line for line in invoice["lines"] if line["sku"] == "duration"]
        line = document["lines"][duration["line"] - 1]
        quantity = Fraction(-(-73002 // 10), 1000) * 2048 / 1024  # (7200.2 + 100) ms up to 7301 ms
        self.assertEqual(Fraction(duration["quantity"]), quantity)
        self.assertEqual(Fraction(duration["quantity"]), Fraction(duration["free_quantity"]) + Fraction(duration["billed_quantity"]))
        share = quantity / Fraction(line["quantity"])
        self.assertAlmostEqual(float(Fraction(duration["amount_exact"])), float(share * Fraction(line["amount_exact"])), places=12)
        self.assertEqual(found["evidence"]["hour"], "2026-05-10T12:00:00Z")
        self.assertEqual(found["evidence"]["records"], 61)
        self.assertTrue(found["evidence"]["seal"]["head"])  # --final seals first
        self.assertEqual(found["batch"]["source"], "import")
        self.assertIn("log", found["batch"]["label"])
        text = self.stack.run("explain", "--record", "mine").stdout
        self.assertIn(f"invoice {invoice['number']} (2026-05", text)
        self.assertIn("BILLED", text)

    def test_a_record_within_the_free_tier_is_free(self):
        self.load("free", record("gratis", "2026-04-02T00:00:00Z"), "--format", "ndjson")
        self.stack.run("rate", "--month", "2026-04", "--tenant", "free", "--final")
        found = self.only("gratis", "--month", "2026-04")
        self.assertEqual(found["fate"], "free")
        self.assertEqual([Fraction(line["billed_quantity"]) for line in found["invoices"][0]["lines"]], [0, 0])
        self.assertEqual(Fraction(found["invoices"][0]["amount_exact"]), 0)

    def test_what_comes_after_the_invoice_is_late(self):
        self.load("tardy", record("early", "2026-03-02T00:00:00Z"), "--format", "ndjson")
        self.stack.run("rate", "--month", "2026-03", "--tenant", "tardy", "--final")
        self.load("tardy", record("behind", "2026-03-02T00:00:01Z"), "--format", "ndjson")
        found = self.only("behind", "--tenant", "tardy")
        self.assertEqual((found["fate"], found["invoices"]), ("late", []))
        self.assertLess(found["late_for"]["receipt_watermark"], found["evidence"]["receipt"])
        self.assertEqual(self.only("early", "--tenant", "tardy")["fate"], "free")

    def test_a_copy_names_the_record_that_counts(self):
        for _ in range(2):
            _, path = self.load("twice", record(UUID.format(1)), "--format", "ndjson")
        records = self.explain(UUID.format(1), "--tenant", "twice")["records"]
        self.assertEqual(sorted(found["fate"] for found in records), ["copy", "not_rated"])
        [copy] = [found for found in records if found["fate"] == "copy"]
        [kept] = [found for found in records if found["fate"] == "not_rated"]
        self.assertEqual(copy["kept_instead"]["record"], kept["number"])
        self.assertEqual(copy["kept_instead"]["differs_in"], [])
        self.assertEqual(copy["batch"]["label"], str(path))
        self.assertNotEqual(copy["batch"]["label"], kept["batch"]["label"])

    def test_a_conflict_says_in_what_it_differs_and_stands_in_quarantine(self):
        self.load("quarrel", record("q"), "--format", "ndjson")
        self.load("quarrel", record("q", duration_ms="101", status="error"), "--format", "ndjson")
        answer = self.explain("q", "--tenant", "quarrel")
        [conflict] = [found for found in answer["records"] if found["fate"] == "conflict"]
        self.assertEqual(sorted(conflict["kept_instead"]["differs_in"]), ["duration_ms", "status"])
        [row] = answer["quarantined"]
        self.assertEqual((row["reason"], row["tenant"], row["record"]["duration_ms"]), ("conflict", "quarrel", 101))

    def test_every_attempt_of_a_request_is_told(self):
        self.load("again", record("r") + record("r", "2026-05-10T12:01:00Z", attempt=2, status="error"), "--format", "ndjson")
        records = self.explain("r", "--tenant", "again")["records"]
        self.assertEqual(sorted(found["record"].get("attempt", 1) for found in records), [1, 2])
        self.assertEqual({found["fate"] for found in records}, {"not_rated"})

    def test_a_quarantined_line_is_found_with_its_reason_and_its_place(self):
        self.load("broken", record("fine") + record("bad", duration_ms="-1") + record("bad-2", duration_ms="-1"), "--format", "ndjson")
        answer = self.explain("bad", "--tenant", "broken")
        [row] = answer["quarantined"]  # bad-2 is another id
        self.assertEqual((answer["records"], row["reason"], row["field"], row["line"]), ([], "out_of_range", "duration_ms", 2))
        self.assertTrue(row["batch"]["agent"])
        self.assertIn("NOT BILLED", self.stack.run("explain", "--record", "bad").stdout)

    def test_an_unknown_tenants_record_is_found_and_after_its_replay_billed(self):
        self.load(None, record("who", tenant="later"), "--format", "ndjson")
        [row] = self.explain("who")["quarantined"]
        self.assertEqual((row["reason"], row["tenant"], row["record"]["function"]), ("unknown_tenant", "later", "f"))
        self.stack.run("tenant", "add", "later")
        self.stack.run("quarantine", "replay")
        answer = self.explain("who", "--tenant", "later")
        self.assertEqual([found["fate"] for found in answer["records"]], ["not_rated"])
        self.assertIsNotNone(answer["quarantined"][0]["replayed_at"])

    def test_an_id_is_looked_for_in_the_month_and_the_tenant_that_are_named(self):
        self.load("here", record("same", "2026-01-15T00:00:00Z"), "--format", "ndjson")
        self.load("there", record("same", "2026-02-15T00:00:00Z"), "--format", "ndjson")
        self.assertEqual({found["tenant"] for found in self.explain("same")["records"]}, {"here", "there"})
        self.assertEqual(self.only("same", "--tenant", "there")["tenant"], "there")
        self.assertEqual(self.only("same", "--month", "2026-01")["tenant"], "here")
        nothing = self.explain("same", "--tenant", "here", "--month", "2026-02", status=1)
        self.assertEqual((nothing["records"], nothing["searched"]["records"]), ([], 0))
        gone = self.stack.run("explain", "--record", "never-seen", status=1)
        self.assertIn("Nothing has this id", gone.stdout)

    def test_a_name_cannot_paint_on_the_terminal(self):
        evil = "\u202egnp.exe"
        self.load("paint", record("evil\u200e", function=evil), "--format", "ndjson")
        text = self.stack.run("explain", "--record", "evil\u200e").stdout
        self.assertNotIn("\u202e", text)
        self.assertNotIn("\u200e", text)
        self.assertIn("?gnp.exe", text)
        self.assertEqual(self.only("evil\u200e")["record"]["function"], evil)


if __name__ == "__main__":
    unittest.main()
