"""What is wrong gets a message with file, line, field and remedy, and a non-zero exit or a place in quarantine; nothing else
is disturbed."""
import datetime
import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import MILLIBILL, ROOT, Stack, environment, wait_until

GOOD = {"function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": "2026-05-10T12:00:00Z", "duration_ms": 100}


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.files = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.files.cleanup)

    def write(self, name, text):
        path = Path(self.files.name) / name
        path.write_text(text)
        return path

    def test_bad_records_go_to_quarantine_and_the_rest_is_billed(self):
        without_memory = {k: v for k, v in GOOD.items() if k != "memory_mb"}
        lines = [json.dumps({**GOOD, "request_id": "ok-1"}),
                 '{"request_id": "broken"',
                 json.dumps({**without_memory, "request_id": "no-memory"}),
                 json.dumps({**GOOD, "request_id": "long", "duration_ms": 86_400_001}),
                 json.dumps({**GOOD, "request_id": "negative", "duration_ms": -1}),
                 json.dumps({**GOOD, "request_id": "strange", "colour": "red"}),
                 json.dumps({**GOOD, "request_id": "ok-2"})]
        path = self.write("bad.ndjson", "\n".join(lines) + "\n")
        result = self.stack.run("import", "--json", "--format", "ndjson", "--tenant", "careful", path)
        counts = json.loads(result.stdout)
        self.assertEqual((counts["lines"], counts["accepted"], counts["quarantined"]), (7, 2, 5))
        for line, field in ((3, "memory_mb"), (4, "duration"), (5, "duration"), (6, "colour")):
            self.assertRegex(result.stderr, f"bad.ndjson:{line}: .*{field}")
        rows = self.stack.query("SELECT line, reason, field FROM quarantine WHERE source LIKE '%bad.ndjson' ORDER BY line")
        self.assertEqual([(int(line), reason) for line, reason, _ in rows],
                         [(2, "malformed"), (3, "missing_field"), (4, "out_of_range"), (5, "out_of_range"), (6, "unknown_field")])
        self.assertEqual(self.stack.number("SELECT sum(invocations) FROM rollups JOIN tenants USING (tenant_id) "
                                           "WHERE name = 'careful'"), 2)
        listed = self.stack.run("quarantine", "list").stdout
        self.assertIn("missing_field", listed)
        again = self.stack.json("import", "--format", "ndjson", "--tenant", "careful", path)
        self.assertEqual((again["accepted"], again["known"], again["quarantined"]), (0, 2, 5))
        self.assertEqual(self.stack.run("quarantine", "list").stdout, listed)

    def test_an_unknown_tenant_waits_in_quarantine_until_it_is_added(self):
        line = json.dumps({**GOOD, "request_id": "w-1", "tenant": "newcomer"}) + "\n"
        counts = self.stack.json("import", "--format", "ndjson", self.write("unknown.ndjson", line))
        self.assertEqual((counts["accepted"], counts["quarantined"]), (0, 1))
        self.assertEqual(self.stack.value("SELECT reason FROM quarantine WHERE tenant_name = 'newcomer'"), "unknown_tenant")
        self.stack.run("tenant", "add", "newcomer")
        self.stack.run("quarantine", "replay")
        billed = "SELECT coalesce(sum(invocations), 0) FROM rollups JOIN tenants USING (tenant_id) WHERE name = 'newcomer'"
        self.assertEqual(self.stack.number(billed), 1)
        self.stack.run("quarantine", "replay")
        self.assertEqual(self.stack.number(billed), 1)

    def billed(self, tenant):
        return self.stack.number("SELECT coalesce(sum(invocations), 0) FROM rollups JOIN tenants USING (tenant_id) "
                                 f"WHERE name = '{tenant}'")

    def kept(self):
        """Rows of quarantine by the ID of their request."""
        return {row["record"]["request_id"]: row for row in self.stack.json("quarantine", "list", "--limit", "0") if "record" in row}

    def quarantined(self, *requests):
        """Wait for the records of these requests (emitted, so they come later) and return their reasons and row IDs."""
        def rows():
            found = self.kept()
            return all(request in found for request in requests) and [found[request] for request in requests]
        return wait_until(rows, f"{requests} are in quarantine")

    def test_replay_bills_only_what_has_lost_its_cause(self):
        self.stack.run("tenant", "add", "timely")
        now = datetime.datetime.now(datetime.timezone.utc)

        def line(request, tenant, **ago):
            started = (now - datetime.timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
            return json.dumps({**GOOD, "request_id": request, "tenant": tenant, "started_at": started}) + "\n"
        self.stack.run("emit", input=line("r-old", "timely", days=40) + line("r-future", "timely", days=-2) +
                       line("r-new", "later", minutes=1) + line("r-new-old", "later", days=40) +
                       line("r-new-future", "later", days=-2))
        rows = self.quarantined("r-old", "r-future", "r-new", "r-new-old", "r-new-future")
        self.assertEqual([row["reason"] for row in rows], ["too_old", "in_future"] + 3 * ["unknown_tenant"])
        old, future, _, new_old, new_future = (row["id"] for row in rows)
        self.stack.run("tenant", "add", "later")
        report = self.stack.json("quarantine", "replay", "--tenant", "later")
        self.assertEqual((report["replayed"], report["still_open"]), (1, 2))
        self.assertEqual(self.stack.json("quarantine", "replay", "--tenant", "timely")["replayed"], 0)
        self.assertEqual((self.billed("timely"), self.billed("later")), (0, 1))
        for words in ((future,), ("--reason", "in_future"), (new_future,), ("--reason", "unknown_tenant", "--tenant", "later")):
            self.assertEqual(self.stack.json("quarantine", "replay", *words)["replayed"], 0, words)
        self.assertEqual(self.stack.json("quarantine", "replay", old)["replayed"], 1)
        self.assertEqual(self.stack.json("quarantine", "replay", new_old)["replayed"], 1)
        self.assertEqual((self.billed("timely"), self.billed("later")), (1, 2))
        self.stack.run("emit", input=line("r-old-2", "timely", days=41))
        self.quarantined("r-old-2")
        self.assertEqual(self.stack.json("quarantine", "replay", "--reason", "too_old", "--tenant", "timely")["replayed"], 1)
        self.assertEqual(self.billed("timely"), 2)
        self.assertIn("--reason too_old", self.stack.run("quarantine", "replay", "--help").stdout)

    def emit_early(self, seconds):
        """Emit a record that may be taken in so many seconds only (live_future_s is 300); its time, or None when it was taken."""
        started = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=300 + seconds)
        record = {**GOOD, "request_id": f"f-{seconds}", "tenant": "early", "started_at": started.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        before = self.billed("early")
        self.stack.run("emit", input=json.dumps(record) + "\n")
        wait_until(lambda: self.billed("early") > before or record["request_id"] in self.kept(), "it is taken or kept", 60)
        return started if self.billed("early") == before else None

    def test_a_future_record_is_billed_when_its_time_has_come_and_it_is_named(self):
        self.stack.run("tenant", "add", "early")
        early_s, started = 3, self.emit_early(3)
        while started is None:  # the way there took that long: the margin has to be greater
            early_s *= 4
            self.assertLess(early_s, 300)
            started = self.emit_early(early_s)
        (row,) = self.quarantined(f"f-{early_s}")
        self.assertEqual(row["reason"], "in_future")
        wait_until(lambda: datetime.datetime.now(datetime.timezone.utc) > started - datetime.timedelta(seconds=300), "its time", 300)
        before = self.billed("early")
        self.assertEqual(self.stack.json("quarantine", "replay")["replayed"], 0)
        self.assertEqual(self.stack.json("quarantine", "replay", row["id"])["replayed"], 1)
        self.assertEqual(self.billed("early"), before + 1)

    def test_imported_records_ahead_of_the_clock_wait_for_their_tenant_only(self):
        started = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)
        lines = [json.dumps({**GOOD, "request_id": f"a-{time}", "tenant": "ahead", "started_at": time}) + "\n"
                 for time in (started.strftime("%Y-%m-%dT%H:%M:%SZ"), "2020-01-01T00:00:00Z")]
        self.stack.json("import", "--format", "ndjson", self.write("ahead.ndjson", "".join(lines)))
        self.stack.run("tenant", "add", "ahead")
        self.assertEqual(self.stack.json("quarantine", "replay", "--tenant", "ahead")["replayed"], 2)
        self.assertEqual(self.billed("ahead"), 2)

    def test_what_an_import_brings_into_quarantine_names_the_file(self):
        record = {**GOOD, "request_id": "s-1", "tenant": "sourced"}
        self.stack.json("import", "--format", "ndjson", self.write("nobody.ndjson", json.dumps(record) + "\n"))
        kept = {**GOOD, "request_id": "s-2"}
        for name, duration in (("kept.ndjson", 1), ("other.ndjson", 2)):
            path = self.write(name, json.dumps({**kept, "duration_ms": duration}) + "\n")
            self.stack.json("import", "--format", "ndjson", "--tenant", "sources", path)
        sources = {row["reason"]: row["source"] for row in self.stack.json("quarantine", "list", "--limit", "0")
                   if row["tenant"] in ("sourced", "sources")}
        self.assertEqual({reason: Path(source).name for reason, source in sources.items()},
                         {"unknown_tenant": "nobody.ndjson", "conflict": "other.ndjson"})

    def test_a_line_is_shown_as_text_unless_it_is_not_utf_8(self):
        path = Path(self.files.name) / "raw.ndjson"
        path.write_bytes('{"tab":\t"ü"\n'.encode() + b'{"byte": "\xff"\n')
        self.stack.run("import", "--format", "ndjson", "--tenant", "careful-raw", path)
        rows = sorted((row for row in self.stack.json("quarantine", "list", "--limit", "0")
                       if row["source"].endswith("raw.ndjson")), key=lambda row: row["line"])
        self.assertEqual([(row.get("raw"), row.get("raw_hex")) for row in rows],
                         [('{"tab":\t"ü"', None), (None, b'{"byte": "\xff"'.hex())])
        self.assertEqual(self.stack.json("quarantine", "show", rows[0]["id"])["raw"], '{"tab":\t"ü"')

    def test_a_tenant_has_a_name_that_can_be_printed(self):
        wrong = {"": b"is empty", "x" * 256: b"is too long", "two\nlines": b"has control characters",
                 "bell\a": b"has control characters", b"\xff".decode(errors="surrogateescape"): b"is not UTF-8"}
        for name, fault in wrong.items():
            result = subprocess.run([MILLIBILL, "tenant", "add", "--data", str(self.stack.data), "--", name], cwd=ROOT,
                                    capture_output=True, env=environment(), check=False)
            self.assertEqual(result.returncode, 1, name)
            self.assertIn(b"1 to 255 bytes of UTF-8", result.stderr)
            self.assertIn(fault, result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.stack.run("tenant", "add", "ü" * 127 + "x")
        self.assertIn("the account's name", self.stack.run("tenant", "add", "good", "--account", "x" * 256, status=1).stderr)

    def test_a_malformed_report_line_names_its_line(self):
        path = self.write("bad.log", "2026-05-10T12:00:00Z REPORT RequestId: \tDuration: 1.00 ms\tBilled Duration: 1 ms\t"
                          "Memory Size: 128 MB\tMax Memory Used: 3 MB\n")
        result = self.stack.run("import", "--format", "lambda-report", "--tenant", "careful-log", "--function", "f", path)
        self.assertIn("bad.log:1:", result.stderr)
        self.assertEqual(self.stack.number("SELECT count(*) FROM quarantine WHERE source LIKE '%bad.log'"), 1)

    def test_a_month_that_is_not_one(self):
        for month in ("2026-13", "2026-1", "soon", "2026-10-01"):
            result = self.stack.run("rate", "--month", month, status=None)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("YYYY-MM", result.stderr)

    def test_a_month_that_is_not_over_cannot_be_final(self):
        result = self.stack.run("rate", "--final", "--month", "2100-01", status=1)
        self.assertIn("not over", result.stderr)

    def without_stack(self, *words):
        """Commands that need no stack take no --data."""
        return subprocess.run([MILLIBILL, *map(str, words)], capture_output=True, text=True, cwd=ROOT, env=environment(), check=False)

    def test_mistakes_in_a_price_book_name_file_line_and_field(self):
        book = (ROOT / "rater/books/aws-lambda.yaml").read_text()
        usage = self.write("usage.json", json.dumps([{**{k: v for k, v in GOOD.items() if k not in ("started_at", "duration_ms")},
                                                     "invocations": 1, "duration_ms": "1"}]))
        lines = book.splitlines()
        first_price = next(i for i, line in enumerate(lines) if "0.0000166667" in line and not line.lstrip().startswith("#"))
        cases = {"negative": [line.replace("0.0000166667", "-0.0000166667") if i == first_price else line
                              for i, line in enumerate(lines)],
                 "unknown": lines + ["colour: red"]}
        for name, text in cases.items():
            path = self.write(f"{name}.yaml", "\n".join(text) + "\n")
            line = first_price + 1 if name == "negative" else len(text)
            for words in (("price-book", "validate", path), ("quote", "--price-book", path, "--usage", usage)):
                result = self.without_stack(*words)
                self.assertEqual(result.returncode, 1, words)
                self.assertIn(f"{name}.yaml:{line}:", result.stderr)

    def test_wrong_usage_exits_with_two(self):
        for words in (("import",), ("rate", "--mnth", "2026-10"), ("nonsense",), ("quote",), ("tenant", "frobnicate")):
            result = self.stack.run(*words, status=None)
            self.assertEqual(result.returncode, 2, (words, result.stderr))

    def test_a_missing_file_is_an_error(self):
        result = self.stack.run("import", "--tenant", "careful", "/nowhere/usage.ndjson", status=1)
        self.assertIn("/nowhere/usage.ndjson", result.stderr)


if __name__ == "__main__":
    unittest.main()
