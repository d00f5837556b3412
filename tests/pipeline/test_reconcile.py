"""A customer's own log against the bill: every kind of difference is made on purpose, and its worth worked out here again."""
import csv
import io
import json
import unittest
from fractions import Fraction

from harness import StackCase

GB_SECOND = Fraction("0.0000166667")  # x86_64 in us-east-1, the first tier: the load below is past the free tier
UUID = "22222222-2222-4222-8222-{:012d}"


def record(request_id, duration_ms="100", started="2026-05-10T12:00:00Z", **more):
    fields = {"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": 1024, "started_at": started,
              "duration_ms": duration_ms, **more}
    return {key: value for key, value in fields.items() if value is not None}


def lines(records):
    return "".join(json.dumps(each) + "\n" for each in records)


def past_the_free_tier():
    return [record(UUID.format(n), "900000", f"2026-05-{1 + n % 28:02d}T06:00:00Z", memory_mb=10240) for n in range(60)]


def report(request_id, time, duration="100.00"):
    billed = -(-int(float(duration) * 100) // 100)
    return (f"{time} REPORT RequestId: {request_id}\tDuration: {duration} ms\tBilled Duration: {billed} ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 50 MB\n")


class Reconcile(StackCase):
    def load(self, tenant, text, *options, ending="ndjson"):
        path = self.file(text, ending)
        self.stack.json("import", "--tenant", tenant, *options, path)
        return path

    def reconcile(self, *arguments, status=3):
        return self.stack.json("reconcile", "--month", "2026-05", *arguments, status=status)

    def rows(self, answer, status):
        return [row for row in answer["rows"] if row["status"] == status]

    def test_the_file_that_was_imported_agrees_row_by_row(self):
        path = self.load("same", lines(past_the_free_tier()))
        self.stack.run("rate", "--month", "2026-05", "--tenant", "same", "--final")
        answer = self.reconcile("--tenant", "same", path, status=0)
        [tenant] = answer["tenants"]
        self.assertEqual((tenant["counts"]["matched"], answer["rows"], answer["differences"]), (60, [], 0))
        self.assertEqual(tenant["as_billed"], tenant["as_in_files"])
        total = self.stack.json("invoice", "show", tenant["invoice"]["number"])["total"]
        self.assertEqual(Fraction(tenant["as_billed"]["amount"]), Fraction(total))
        everything = self.reconcile("--tenant", "same", "--all", path, status=0)
        self.assertEqual({row["status"] for row in everything["rows"]}, {"matched"})
        self.assertEqual(len(everything["rows"]), 60)

    def test_each_kind_of_difference_is_told_with_its_worth(self):
        billed = [record("longer", "1000.2"), record("fatter", "1000"), record("gone", "2000"), record("fine", "10"), record("colder")]
        self.load("each", lines(past_the_free_tier() + billed))
        self.stack.run("rate", "--month", "2026-05", "--tenant", "each", "--final")
        self.load("each", lines([record("behind", "4000")]))
        mine = [record("longer", "1500.7"), record("fatter", "1000", memory_mb=2048), record("mine", "3000"), record("fine", "10"),
                record("colder", init_duration_ms="250"), record("behind", "4000"), record("fine", "10"), record("mine", "3001"),
                record("june", "10", "2026-06-20T00:00:00Z")]
        path = self.file(lines(past_the_free_tier() + mine) + '{"request_id":"torn","function":"f","memo\n')
        answer = self.reconcile("--tenant", "each", path)
        found = {row["request_id"]: row for row in answer["rows"] if "request_id" in row and row["status"][:8] not in ("repeated", "contradi")}
        self.assertEqual({name: (row["status"], row["differs"], row.get("line")) for name, row in found.items()}, {
            "longer": ("differs", ["duration_ms"], 61), "fatter": ("differs", ["memory_mb"], 62),
            "colder": ("differs", ["init_duration_ms"], 65), "gone": ("missing_in_file", [], None),
            "mine": ("missing_on_bill", [], 63), "behind": ("missing_on_bill", [], 66)})
        self.assertIn("after the bill", found["behind"]["why"])
        self.assertIsNone(found["mine"]["why"])
        [repeated], [contradiction], [torn] = (self.rows(answer, status) for status in
                                               ("repeated_in_file", "contradiction_in_file", "unreadable"))
        self.assertEqual((repeated["line"], contradiction["line"], torn["line"]), (67, 68, 70))
        seconds = {"longer": Fraction(1501 - 1001, 1000), "fatter": 1, "colder": Fraction(350 - 100, 1000), "gone": -2, "mine": 3,
                   "behind": 4}  # GB-seconds that the file has more; requests are within their free tier
        for name, more in seconds.items():
            self.assertEqual(Fraction(found[name]["worth_exact"]), more * GB_SECOND, name)
        [tenant] = answer["tenants"]
        counts = tenant["counts"]
        self.assertEqual((counts["matched"], counts["differs"], counts["missing_on_bill"], counts["missing_in_file"], counts["late"]),
                         (61, 3, 2, 1, 1))
        self.assertEqual(answer["files"][0]["outside_month"], 1)
        whole = sum(seconds.values()) * GB_SECOND
        self.assertEqual(Fraction(tenant["worth_exact"]), whole)
        self.assertEqual(Fraction(tenant["as_in_files"]["amount_exact"]) - Fraction(tenant["as_billed"]["amount_exact"]), whole)

    def test_a_worth_within_the_free_tier_is_nothing_and_all_at_once_may_be_more(self):
        # 399,999 of 400,000 free GB-seconds are used: two rows of 0.75 cost nothing alone, together half a GB-second
        base = [record(UUID.format(n), "400000", memory_mb=1024) for n in range(999)] + [record("rest", "399000")]
        self.load("brink", lines(base))
        path = self.file(lines(base + [record("one", "750"), record("two", "750")]))
        answer = self.reconcile("--tenant", "brink", path)
        self.assertEqual([Fraction(row["worth_exact"]) for row in answer["rows"]], [0, 0])
        [tenant] = answer["tenants"]
        self.assertIsNone(tenant["invoice"])  # not rated yet: all that is there
        self.assertEqual(Fraction(tenant["as_in_files"]["amount_exact"]) - Fraction(tenant["as_billed"]["amount_exact"]),
                         Fraction(1, 2) * GB_SECOND)

    def test_a_record_in_quarantine_says_so(self):
        path = self.file(lines([record("odd")]))
        self.stack.json("import", path, "--ignore-column", "x", status=0)  # no tenant: quarantined as missing
        waiting = self.file(lines([record("wait", tenant="unborn")]))
        self.stack.json("import", waiting)
        self.stack.run("tenant", "add", "unborn")
        answer = self.reconcile("--tenant", "unborn", waiting)
        [row] = answer["rows"]
        self.assertEqual(row["status"], "missing_on_bill")
        self.assertRegex(row["why"], "in quarantine as number [0-9]+: unknown_tenant")
        self.assertEqual(answer["tenants"][0]["counts"]["quarantined"], 1)

    def test_csv_is_compared_as_it_is_imported(self):
        header = "request_id,function,region,memory_mb,started_at,duration_ms\n"
        body = "".join(f"c-{n},g,us-east-1,512,2026-05-03T00:00:{n:02d}Z,{n}.5\n" for n in range(50))
        path = self.load("sheets", header + body, ending="csv")
        self.assertEqual(self.reconcile("--tenant", "sheets", path, status=0)["tenants"][0]["counts"]["matched"], 50)
        moved = self.file(header + body.replace("00:00:07Z,7.5", "00:00:08Z,7.5"), "csv")
        [row] = self.reconcile("--tenant", "sheets", moved)["rows"]
        self.assertEqual((row["request_id"], row["differs"], Fraction(row["worth_exact"])), ("c-7", ["started_at"], 0))
        self.assertEqual(self.reconcile("--tenant", "sheets", "--ignore", "started_at", moved, status=0)["rows"], [])

    def test_each_retry_of_a_lambda_request_finds_its_own(self):
        request = "33333333-3333-4333-8333-333333333333"
        first, retry, last = (report(request, "2026-05-10T12:00:00Z"), report(request, "2026-05-10T12:01:10Z"),
                              report(request, "2026-05-10T12:03:30Z", "222.00"))
        options = ("--function", "g", "--region", "us-east-1")
        path = self.load("retries", first + retry + last, "--format", "lambda-report", *options, ending="log")
        answer = self.reconcile("--tenant", "retries", *options, path, status=0)
        self.assertEqual(answer["tenants"][0]["counts"]["matched"], 3)
        [row] = self.reconcile("--tenant", "retries", *options, self.file(first + last, "log"))["rows"]
        self.assertEqual((row["status"], row["on_bill"]["duration_ms"]), ("missing_in_file", 100))

    def test_lines_without_id_are_compared_by_content_and_number(self):
        line = record(None, "5")
        self.load("anonymous", lines([line] * 3))
        self.assertEqual(self.reconcile("--tenant", "anonymous", self.file(lines([line] * 3)), status=0)["differences"], 0)
        fewer = self.reconcile("--tenant", "anonymous", self.file(lines([line] * 2)))
        self.assertEqual([row["status"] for row in fewer["rows"]], ["missing_in_file"])
        more = self.reconcile("--tenant", "anonymous", self.file(lines([line] * 4)))
        self.assertEqual([row["status"] for row in more["rows"]], ["missing_on_bill"])

    def test_a_start_that_moves_over_the_months_edge_is_worth_the_whole_record(self):
        self.load("edge", lines(past_the_free_tier() + [record("slips", "1000", "2026-05-31T23:59:59.9Z")]))
        moved = [record("slips", "1000", "2026-06-01T00:00:00.1Z")]
        [row] = self.reconcile("--tenant", "edge", self.file(lines(past_the_free_tier() + moved)))["rows"]
        self.assertEqual((row["status"], row["differs"]), ("differs", ["started_at"]))
        self.assertEqual(Fraction(row["worth_exact"]), -GB_SECOND)

    def test_tenants_are_those_that_the_lines_name(self):
        for tenant in ("left", "right"):
            self.load(tenant, lines([record("shared-id")]))
        path = self.file(lines([record("shared-id", tenant="left"), record("shared-id", "101", tenant="right")]))
        answer = self.reconcile(path)
        self.assertEqual([(row["tenant"], row["differs"]) for row in answer["rows"]], [("right", ["duration_ms"])])
        self.assertEqual([tenant["counts"]["matched"] for tenant in answer["tenants"]], [1, 0])
        only = self.reconcile("--tenant", "left", path, status=0)
        self.assertEqual(only["files"][0]["other_tenants"], 1)
        self.assertIn("no tenant 'nobody'", self.stack.run("reconcile", "--month", "2026-05", self.file(
            lines([record("x", tenant="nobody")])), status=1).stderr)

    def test_what_a_file_says_neither_paints_nor_calculates(self):
        evil = record("=cmd|' /C calc'!A0", "7", function="\u202egnp.exe")
        self.load("hostile", lines([record("plain")]))
        path = self.file(lines([record("plain"), evil]))
        text = self.stack.run("reconcile", "--month", "2026-05", "--tenant", "hostile", path, status=3).stdout
        self.assertNotIn("\u202e", text)
        sheet = self.stack.run("reconcile", "--month", "2026-05", "--tenant", "hostile", "--csv", path, status=3)
        [row] = csv.DictReader(io.StringIO(sheet.stdout))
        self.assertEqual(row["request_id"], "'" + evil["request_id"])
        self.assertEqual((row["status"], row["file_duration_ms"], row["bill_duration_ms"]), ("missing_on_bill", "7", ""))
        self.assertIn("are in the file and not on the bill", sheet.stderr)

    def test_the_same_comparison_says_the_same_again(self):
        self.load("stable", lines(past_the_free_tier()))
        path = self.file(lines([record(f"n-{n}") for n in range(300)]))
        first, second = (self.stack.run("reconcile", "--month", "2026-05", "--tenant", "stable", "--json", path, status=3).stdout
                         for _ in range(2))
        self.assertEqual(first, second)
        self.assertEqual(len(json.loads(first)["rows"]), 360)


if __name__ == "__main__":
    unittest.main()
