"""One million records through agent and collector undisturbed, and 300,000 under SIGKILL: the sums are the file's."""
import json
import random
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import BUILD, Stack, wait_until

RECORDS = 1_000_000
KILLED_RECORDS = 300_000
AGENT_RESIDENT_KB = 32 * 1024
HOURS = 31 * 24


def write_records(path, count, seed):
    """NDJSON with known sums; returns (invocations, duration_us, duration_1ms, with_init_1ms, errors)."""
    rng = random.Random(seed)
    sums = [0] * 5
    with open(path, "w") as out:
        for i in range(count):
            duration_us = rng.randrange(1, 3_000_000)
            init_us = rng.randrange(1, 400_000) if i % 50 == 0 else 0
            error = i % 97 == 0
            hour = i * HOURS // count
            second = rng.randrange(3600)
            init = f',"init_duration_ms":{init_us // 1000}.{init_us % 1000:03}' if init_us else ""
            out.write('{"request_id":"%032x","function":"fn-%d","region":"us-east-1","memory_mb":%d,'
                      '"started_at":"2026-05-%02dT%02d:%02d:%02d.%03dZ","duration_ms":%d.%03d%s%s}\n' % (
                          rng.getrandbits(128), i % 20, 128 << i % 4, hour // 24 + 1, hour % 24, second // 60, second % 60, i % 1000,
                          duration_us // 1000, duration_us % 1000, init, ',"status":"error"' if error else ""))
            sums[0] += 1
            sums[1] += duration_us
            sums[2] += -(-duration_us // 1000)
            sums[3] += -(-(duration_us + init_us) // 1000)
            sums[4] += error
    return sums


class Million(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)

    def write(self, count):
        """A file of so many records."""
        self.count, self.path = count, Path(self.folder.name) / f"{count}.ndjson"
        self.sums = write_records(self.path, count, 20261001)

    def check_sums(self, stack):
        row = stack.query("SELECT sum(invocations), sum(duration_us), sum(duration_1ms), sum(with_init_1ms), sum(errors) "
                          "FROM rollups JOIN tenants USING (tenant_id) WHERE name = 'big'")[0]
        self.assertEqual([int(value) for value in row], self.sums)
        excluded = stack.number("SELECT count(*) FROM exclusions")
        self.assertEqual(stack.number("SELECT sum(records) FROM segments") - excluded, self.count)
        gaps = stack.query("SELECT stream_id FROM ledger GROUP BY stream_id HAVING max(sequence) <> count(*)")
        self.assertEqual(gaps, [])
        stack.run("verify")

    def wait_billed(self, stack, count):
        """Wait until so many are committed: what happens next happens in the middle, however fast the machine is."""
        wait_until(lambda: stack.number("SELECT sum(billed) FROM ledger") >= count, f"{count} records are committed", 300, 0.2)

    def test_undisturbed_and_again(self):
        self.write(RECORDS)
        with Stack() as stack:
            agent = stack.wait_running("agent")
            started = time.monotonic()
            counts = stack.json("import", "--format", "ndjson", "--tenant", "big", self.path)
            print(f"1,000,000 records in {time.monotonic() - started:.1f} s")
            self.assertEqual((counts["accepted"], counts["known"], counts["quarantined"]), (RECORDS, 0, 0))
            self.check_sums(stack)
            status = Path(f"/proc/{agent}/status").read_text()
            peak = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
            print(f"agent at most {peak} kB resident")
            if BUILD.name != "asan":  # a sanitizer's shadow memory is not the agent's
                self.assertLess(peak, AGENT_RESIDENT_KB)
            self.assertEqual(stack.pid("agent"), agent)
            again = stack.json("import", "--format", "ndjson", "--tenant", "big", self.path)
            self.assertEqual((again["accepted"], again["known"]), (0, RECORDS))
            self.check_sums(stack)

    def test_collector_and_postgresql_killed_in_the_middle(self):
        self.write(KILLED_RECORDS)
        with Stack() as stack:
            result = {}

            def load():
                result["process"] = stack.run("import", "--json", "--format", "ndjson", "--tenant", "big", self.path, status=None)
            importer = threading.Thread(target=load)
            importer.start()
            for place, victim in enumerate(("collector", "postgres", "collector", "postgres")):
                self.wait_billed(stack, self.count * (2 * place + 1) // 10)
                stack.kill(victim)
                if victim == "postgres":
                    stack.wait_database()
            importer.join()
            self.assertEqual(result["process"].returncode, 0, result["process"].stderr)
            counts = json.loads(result["process"].stdout)
            self.assertEqual((counts["accepted"], counts["quarantined"]), (self.count, 0))
            self.check_sums(stack)

    def test_agent_killed_in_the_middle_and_the_file_imported_again(self):
        self.write(KILLED_RECORDS)
        with Stack() as stack:
            process = stack.popen("import", "--json", "--format", "ndjson", "--tenant", "big", self.path)
            self.wait_billed(stack, self.count // 10)
            before = stack.kill("agent")
            process.wait(timeout=600)
            stack.wait_running("agent", other_than=before)
            counts = stack.json("import", "--format", "ndjson", "--tenant", "big", self.path)
            self.assertEqual(counts["accepted"] + counts["known"], self.count)
            self.check_sums(stack)


if __name__ == "__main__":
    unittest.main()
