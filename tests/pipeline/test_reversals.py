"""A record that is wrong is taken back by a reversal: it stays in the evidence, counts no more, and nothing brings it back."""
import datetime
import json
import unittest

from collectors import configure, restart
from harness import CommandFailed, StackCase, wait_until
from test_seals import independent_check


def record(request_id, started="2026-05-10T12:00:00Z", duration_ms="100", **more):
    return json.dumps({"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": started,
                       "duration_ms": duration_ms, **more}) + "\n"


def report(request_id, time, duration="100.00"):
    return (f"{time} REPORT RequestId: {request_id}\tDuration: {duration} ms\tBilled Duration: {int(float(duration))} ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 50 MB\n")


class Reversals(StackCase):
    def load(self, tenant, text, *options):
        options = options or ("--format", "ndjson")
        return self.stack.json("import", "--tenant", tenant, *options, self.file(text, "log"))

    def reverse(self, tenant, request_id, *options, because="sent by a broken emitter", status=0):
        return self.stack.json("reverse", "--tenant", tenant, "--record", request_id, "--reason", because, *options, status=status)

    def refused(self, *arguments, status=2):
        result = self.stack.run("reverse", *arguments, status=status)
        return result.stderr

    def sums(self, tenant):
        """Invocations and the greatest duration of all rollup rows."""
        return [int(value or 0) for value in self.stack.query(
            "SELECT sum(invocations), max(max_duration_us) FROM rollups JOIN tenants USING (tenant_id) "
            f"WHERE name = '{tenant}'")[0]]

    def fates(self, tenant, request_id):
        return [entry["fate"] for entry in self.stack.json("explain", "--record", request_id, "--tenant", tenant)["records"]]

    def verify(self):
        answer = self.stack.json("verify", "--month", "2026-05", status=None)
        self.assertEqual([check for check in answer["checks"] if check["differences"]], [])
        return answer

    def test_a_reversed_record_counts_no_more_and_stays_in_the_evidence(self):
        self.load("plain", record("wrong", duration_ms="5000") + record("right"))
        self.assertEqual(self.sums("plain"), [2, 5000000])
        tried = self.reverse("plain", "wrong", "--dry-run")
        self.assertEqual((tried["reversed"], tried["dry_run"], self.sums("plain")), (1, True, [2, 5000000]))
        answer = self.reverse("plain", "wrong", because="measured with a stopped clock")
        self.assertEqual((answer["reversed"], answer["already_reversed"], answer["final_invoices"]), (1, 0, []))
        self.assertEqual(self.sums("plain"), [1, 100000])
        self.assertEqual(self.stack.number("SELECT sum(records) FROM segments JOIN tenants USING (tenant_id) WHERE name = 'plain'"), 2)
        [found] = self.stack.json("explain", "--record", "wrong", "--tenant", "plain")["records"]
        self.assertEqual(found["fate"], "reversed")
        self.assertEqual(found["reversal"]["because"], "measured with a stopped clock")
        self.assertIn("@", found["reversal"]["by"])
        text = self.stack.run("explain", "--record", "wrong", "--tenant", "plain").stdout
        self.assertRegex(text, r"reversed on 20\d\d-.* because: measured with a stopped clock")
        self.verify()

    def test_reversing_twice_changes_nothing(self):
        self.load("twice", record("a") + record("b"))
        self.reverse("twice", "a")
        before = self.stack.number("SELECT max(receipt) FROM commits")
        again = self.reverse("twice", "a", because="another reason")
        self.assertEqual((again["reversed"], again["already_reversed"]), (0, 1))
        self.assertEqual(self.stack.number("SELECT max(receipt) FROM commits"), before)
        self.assertEqual(self.stack.value("SELECT reversed_because FROM exclusions JOIN tenants USING (tenant_id) WHERE name = 'twice'"),
                         "sent by a broken emitter")

    def test_no_copy_brings_a_reversed_record_back(self):
        self.load("copies", record("a") + record("a"))
        self.reverse("copies", "a")
        self.assertEqual(self.sums("copies")[0], 0)
        self.assertEqual(sorted(self.fates("copies", "a")), ["copy", "reversed"])
        again = self.load("copies", record("a") + record("b"))
        self.assertEqual((again["accepted"], again["known"]), (1, 1))
        self.assertEqual(self.sums("copies")[0], 1)
        self.load("copies", record("long", duration_ms="90000"))
        self.reverse("copies", "long")
        self.load("copies", record("long", duration_ms="90000"))
        self.assertEqual(self.sums("copies"), [1, 100000])  # the greatest duration goes with the copy too
        self.stack.run("rate", "--month", "2026-05", "--tenant", "copies")
        self.assertEqual(sorted(self.fates("copies", "a")), ["copy", "copy", "reversed"])
        self.verify()

    def test_copies_that_nobody_looked_for_yet_go_with_their_record(self):
        configure(self.stack, identity_window_hours=0)  # else the agent knows the second one itself
        restart(self.stack, "agent")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.load("unseen", record("a", now))
        # what a live source brings is looked through before rating only
        self.stack.run("emit", input=record("a", now, tenant="unseen") + record("c", now, tenant="unseen"))
        wait_until(lambda: self.sums("unseen")[0] == 3, "both arrive")
        answer = self.reverse("unseen", "a")
        self.assertEqual(answer["reversed"], 1)
        self.assertEqual(sorted(self.fates("unseen", "a")), ["copy", "reversed"])
        self.assertEqual(self.sums("unseen")[0], 1)
        self.verify()

    def test_what_is_right_instead_needs_an_attempt_or_id_of_its_own(self):
        self.load("corrected", record("a", memory_mb=1024))
        self.reverse("corrected", "a")
        same = self.load("corrected", record("a", memory_mb=128))
        self.assertEqual((same["accepted"], same["conflicts"]), (0, 1))
        self.assertIn("was reversed: neither is billed", self.stack.value(
            "SELECT message FROM quarantine WHERE tenant_name = 'corrected' AND reason = 'conflict'"))
        other = self.load("corrected", record("a", memory_mb=128, attempt=2))
        self.assertEqual((other["accepted"], other["conflicts"]), (1, 0))
        self.assertEqual(self.sums("corrected")[0], 1)
        self.assertEqual(sorted(self.fates("corrected", "a")), ["conflict", "not_rated", "reversed"])

    def test_of_retries_one_is_chosen_or_all(self):
        retry = "22222222-2222-4222-8222-222222222222"
        self.load("retries", report(retry, "2026-05-10T12:00:00Z") + report(retry, "2026-05-10T12:01:10Z"),
                  "--format", "lambda-report", "--function", "g", "--region", "us-east-1")
        starts = [entry["record"]["started_at"] for entry in self.stack.json("explain", "--record", retry)["records"]]
        message = self.refused("--tenant", "retries", "--record", retry, "--reason", "x")
        self.assertIn("2 records with this request id and attempt are billed", message)
        self.assertEqual(self.sums("retries")[0], 2)
        self.assertEqual(self.reverse("retries", retry, "--started-at", starts[1], "--month", "2026-05")["reversed"], 1)
        self.assertEqual(self.sums("retries")[0], 1)
        rest = self.reverse("retries", retry, "--all")
        self.assertEqual((rest["reversed"], rest["already_reversed"]), (1, 1))
        self.assertEqual(self.sums("retries")[0], 0)

    def test_the_records_of_a_log_are_reversed_together(self):
        wrong = "".join(record(f"w{number}", f"2026-0{3 + number % 3}-10T0{number % 10}:00:00Z", duration_ms="777") for number in range(50))
        self.load("logs", wrong + record("right"))
        others = record("theirs", tenant="somebody") + "{broken\n" + record("never") + record("w7", "2026-04-10T07:00:01Z")
        path = self.file(wrong + wrong + others)
        options = ("--tenant", "logs", "--reason", "durations in the wrong unit", "--format", "ndjson", path)
        tried = self.stack.json("reverse", "--dry-run", *options, status=3)
        self.assertEqual((tried["reversed"], self.sums("logs")[0]), (100, 51))
        answer = self.stack.json("reverse", *options, status=3)
        self.assertEqual([answer[key] for key in ("reversed", "unknown", "other_tenants", "unreadable")], [100, 2, 1, 1])
        self.assertEqual([(row["line"], row["state"]) for row in answer["records"]], [(104, "unknown"), (103, "unknown")])
        self.assertEqual(self.sums("logs"), [1, 100000])
        self.assertEqual(self.stack.number("SELECT count(*) FROM exclusions JOIN tenants USING (tenant_id) WHERE name = 'logs'"), 50)
        again = self.stack.run("reverse", *options, status=3).stdout
        self.assertIn("Tenant logs: 0 records reversed, 100 were before, 0 do not count anyway, 2 are not there; 1 lines cannot be read, "
                      "1 are of other tenants.", again)
        self.assertEqual(self.load("logs", wrong)["known"], 50)
        self.assertEqual(self.sums("logs")[0], 1)
        self.verify()

    def test_what_is_not_there_is_said_and_nothing_is_done(self):
        self.load("nothing", record("a"))
        for words, text in ((("--record", "b"), "has no record with the request id 'b' and attempt 1"),
                            (("--record", "a", "--attempt", "2"), "attempt 2"),
                            (("--record", "a", "--started-at", "2026-05-10T12:00:01Z"), "that started then"),
                            (("--record", "a", "--month", "2026-03"), "has no record")):
            self.assertIn(text, self.refused("--tenant", "nothing", *words, "--reason", "x", status=1))
        self.assertIn("nobody", self.refused("--tenant", "nobody", "--record", "a", "--reason", "x", status=1))
        self.assertIn("--reason", self.refused("--tenant", "nothing", "--record", "a"))
        self.assertIn("--reason", self.refused("--tenant", "nothing", "--record", "a", "--reason", "two\nlines"))
        self.assertEqual(self.sums("nothing")[0], 1)

    def test_a_final_invoice_keeps_what_is_reversed_later(self):
        self.load("final", record("a", "2026-04-03T00:00:00Z") + record("b", "2026-04-03T00:00:01Z"))
        self.stack.run("rate", "--month", "2026-04", "--tenant", "final", "--final")
        [invoice] = self.stack.json("invoice", "list", "--tenant", "final")
        document = self.stack.run("invoice", "show", invoice["number"], "--json").stdout
        self.assertEqual(self.reverse("final", "a")["final_invoices"], [invoice["number"]])
        self.assertEqual(self.stack.run("invoice", "show", invoice["number"], "--json").stdout, document)
        [found] = self.stack.json("explain", "--record", "a", "--tenant", "final")["records"]
        self.assertEqual((found["fate"], [bill["number"] for bill in found["invoices"]]), ("reversed", [invoice["number"]]))
        answer = self.stack.json("verify", "--month", "2026-04")  # rates the final one again, as it was
        self.assertEqual(sum(check["differences"] != [] for check in answer["checks"]), 0)

    def test_reconcile_says_that_a_row_was_reversed(self):
        self.load("compared", record("a") + record("b"))
        self.reverse("compared", "b")
        answer = self.stack.json("reconcile", "--month", "2026-05", "--tenant", "compared", self.file(record("a") + record("b")), status=3)
        [row] = answer["rows"]
        self.assertEqual((row["request_id"], row["status"]), ("b", "missing_on_bill"))
        self.assertIn("it was reversed", row["why"])
        [tenant] = answer["tenants"]
        self.assertEqual((tenant["counts"]["matched"], tenant["counts"]["reversed"]), (1, 1))

    def test_reversals_are_counted_apart_and_sealed(self):
        self.load("sealed", record("a") + record("b") + record("b"))
        self.stack.run("seal", "--now")
        self.reverse("sealed", "a", because="naïve ✓")
        before = self.stack.number("SELECT count(*) FROM seals")
        self.stack.run("seal", "--now")
        self.assertGreater(self.stack.number("SELECT count(*) FROM seals"), before)
        self.assertIn("ok", independent_check(self.stack))
        answer = self.verify()
        reversed_all = sum(row["reversed"] for row in answer["conservation"])
        self.assertEqual(reversed_all, self.stack.number("SELECT count(*) FROM exclusions WHERE reason = 'reversed'"))
        self.assertEqual(sum(row["unaccounted"] for row in answer["conservation"]), 0)
        # who changes the reason afterwards is named, by us and by the independent checker
        self.stack.query("ALTER TABLE exclusions NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;"
                         "UPDATE exclusions SET reversed_because = 'naive' WHERE reversed_because = 'naïve ✓'")
        answer = self.stack.json("verify", "--month", "2026-05", status=3)
        [seals] = [check for check in answer["checks"] if check["name"] == "seals"]
        self.assertIn("sealed exclusions of the hour", {difference["what"] for difference in seals["differences"]})
        independent_check(self.stack, status=3)
        self.stack.query("UPDATE exclusions SET reversed_because = 'naïve ✓' WHERE reversed_because = 'naive';"
                         "ALTER TABLE exclusions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        self.verify()

    def test_only_the_owner_reverses(self):
        self.load("roles", record("a"))
        insert = ("INSERT INTO exclusions SELECT tenant_id, hour, segment_id, 0, 'reversed', hour, segment_id, 0, 1, 1, commit_id, 'x', 'y' "
                  "FROM segments JOIN tenants USING (tenant_id) WHERE name = 'roles'")
        for role in ("millibill_compactor", "millibill_collector", "millibill_rater", "millibill_reader"):
            with self.subTest(role=role), self.assertRaisesRegex(CommandFailed, "row-level security|permission denied"):
                self.stack.query(insert, role)
        with self.assertRaisesRegex(CommandFailed, "exclusions_reversed_check"):  # one that names another record
            self.stack.query(insert.replace("segment_id, 0, 1, 1", "segment_id, 1, 1, 1"))


if __name__ == "__main__":
    unittest.main()
