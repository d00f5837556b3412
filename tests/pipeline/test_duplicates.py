"""A duplicate is success and billed once; the same identity with other content is a conflict; a Lambda retry is neither."""
import datetime
import json
import tempfile
import unittest
from pathlib import Path

from collectors import configure, restart
from harness import Stack


def record(request_id, started="2026-05-10T12:00:00Z", duration_ms="100", **more):
    return json.dumps({"request_id": request_id, "function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": started,
                       "duration_ms": duration_ms, **more}) + "\n"


def report(request_id, time, duration="100.00"):
    billed = -(-int(float(duration) * 100) // 100)
    return (f"{time} REPORT RequestId: {request_id}\tDuration: {duration} ms\tBilled Duration: {billed} ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 50 MB\n")


class Duplicates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.files = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.files.cleanup)

    def load(self, tenant, text, *options):
        path = Path(self.files.name) / f"{tenant}-{datetime.datetime.now().timestamp()}.log"
        path.write_text(text)
        return self.stack.json("import", "--tenant", tenant, *options, path)

    def invocations(self, tenant):
        return self.stack.number("SELECT coalesce(sum(invocations), 0) FROM rollups JOIN tenants USING (tenant_id) "
                                 f"WHERE name = '{tenant}'")

    def test_copies_in_one_file_and_in_another(self):
        first = self.load("copies", record("a") + record("b") + record("a"), "--format", "ndjson")
        self.assertEqual((first["accepted"], first["known"], first["conflicts"]), (2, 1, 0))
        second = self.load("copies", record("b") + record("c"), "--format", "ndjson")
        self.assertEqual((second["accepted"], second["known"]), (1, 1))
        self.assertEqual(self.invocations("copies"), 3)
        self.assertEqual(self.stack.number("SELECT count(*) FROM exclusions JOIN tenants USING (tenant_id) "
                                           "WHERE name = 'copies' AND reason = 'copy'"), 2)

    def test_another_content_is_a_conflict_with_both_digests(self):
        self.load("conflicts", record("a"), "--format", "ndjson")
        second = self.load("conflicts", record("a", duration_ms="101"), "--format", "ndjson")
        self.assertEqual((second["accepted"], second["known"], second["conflicts"]), (0, 0, 1))
        self.assertEqual(self.invocations("conflicts"), 1)
        rows = self.stack.query("SELECT digest, other_digest FROM quarantine WHERE tenant_name = 'conflicts' AND reason = 'conflict'")
        self.assertEqual(len(rows), 1)
        self.assertTrue(rows[0][0] and rows[0][1] and rows[0][0] != rows[0][1])

    def test_a_lambda_retry_is_billed_and_its_copy_is_not(self):
        retry = report("11111111-1111-4111-8111-111111111111", "2026-05-10T12:00:00Z") + \
            report("11111111-1111-4111-8111-111111111111", "2026-05-10T12:01:10Z") + \
            report("11111111-1111-4111-8111-111111111111", "2026-05-10T12:03:30Z", "222.00")
        options = ("--format", "lambda-report", "--function", "g", "--region", "us-east-1")
        first = self.load("retries", retry, *options)
        self.assertEqual((first["accepted"], first["known"], first["conflicts"], first["quarantined"]), (3, 0, 0, 0))
        second = self.load("retries", retry, *options)
        self.assertEqual((second["accepted"], second["known"], second["conflicts"]), (0, 3, 0))
        self.assertEqual(self.invocations("retries"), 3)

    def test_lines_without_id_are_known_again_by_content_and_ordinal(self):
        line = json.dumps({"function": "f", "region": "us-east-1", "memory_mb": 128, "started_at": "2026-05-10T12:00:00Z",
                           "duration_ms": 5}) + "\n"
        first = self.load("anonymous", line * 3, "--format", "ndjson")
        self.assertEqual((first["accepted"], first["known"]), (3, 0))
        second = self.load("anonymous", line * 3, "--format", "ndjson")
        self.assertEqual((second["accepted"], second["known"]), (0, 3))
        self.assertEqual(self.invocations("anonymous"), 3)

    def test_a_copy_over_the_month_edge_is_found(self):
        self.load("edges", record("e", "2026-05-31T23:59:59.900Z"), "--format", "ndjson")
        second = self.load("edges", record("e", "2026-06-01T00:00:00.100Z"), "--format", "ndjson")
        self.assertEqual((second["accepted"], second["conflicts"]), (0, 1))
        self.assertEqual(self.invocations("edges"), 1)

    def test_copies_from_the_socket_are_found_before_rating(self):
        configure(self.stack, identity_window_hours=0)  # else the agent knows the second one itself
        restart(self.stack, "agent")
        self.stack.run("tenant", "add", "twice")
        now = datetime.datetime.now(datetime.timezone.utc)
        line = record("s1", now.strftime("%Y-%m-%dT%H:%M:%SZ"), tenant="twice")
        self.stack.run("emit", input=line + line)
        month = now.strftime("%Y-%m")

        def rated():
            answer = self.stack.json("rate", "--month", month, "--tenant", "twice", "--preview")
            documents = answer if isinstance(answer, list) else answer.get("invoices", [answer])
            return sum(int(line["quantity"]) for d in documents for line in d["lines"] if line["sku"] == "requests")
        from harness import wait_until
        wait_until(lambda: self.stack.number("SELECT coalesce(sum(records), 0) FROM segments JOIN tenants USING (tenant_id) "
                                             "WHERE name = 'twice'") == 2, "both records arrive")
        self.assertEqual(rated(), 1)
        self.assertEqual(self.invocations("twice"), 1)


if __name__ == "__main__":
    unittest.main()
