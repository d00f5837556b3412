"""The preloaded library that makes the N-th call fail: what other fault tests rest on."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from failpoint import Failpoint

WRITER = """
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for i in range(5):
    try:
        print(os.write(fd, b"12345678"))
        os.fsync(fd)
    except OSError as error:
        print(error.errno)
"""


class Failing(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mb-failpoint-")
        self.addCleanup(self.folder.cleanup)
        self.file = Path(self.folder.name) / "written"

    def write_five(self, rules, **options):
        self.point = Failpoint(rules, Path(self.folder.name) / "log", **options)
        return subprocess.run([sys.executable, "-c", WRITER, str(self.file)], env={**os.environ, **self.point.env},
                              capture_output=True, text=True, timeout=60, check=False)

    def test_the_chosen_call_fails_and_no_other(self):
        result = self.write_five("write:3:ENOSPC")
        self.assertEqual(result.stdout.split(), ["8", "8", "28", "8", "8"])
        self.assertEqual(self.file.stat().st_size, 32)
        self.assertEqual(self.point.counts("write"), (5, 1))

    def test_all_later_calls_fail_too(self):
        result = self.write_five("fsync:4+:EIO")
        self.assertEqual(result.stdout.split(), ["8", "8", "8", "8", "5", "8", "5"])
        self.assertEqual(self.point.counts("fsync"), (5, 2))

    def test_a_count_beyond_the_last_call_fails_nothing(self):
        self.assertEqual(self.write_five("write:6,fsync:0").stdout.split(), ["8"] * 5)
        self.assertEqual(self.point.counts("write"), (5, 0))
        self.assertEqual(self.point.counts("fsync"), (5, 0))

    def test_the_process_is_killed_before_the_call(self):
        self.assertEqual(self.write_five("write:2:KILL").returncode, -signal.SIGKILL)
        self.assertEqual(self.file.stat().st_size, 8)

    def test_a_write_can_be_short(self):
        self.assertEqual(self.write_five("write:1:SHORT").stdout.split()[0], "4")

    def test_reads_at_a_place_and_reservations_of_space_can_fail(self):
        self.file.write_bytes(b"12345678")
        code = ("import ctypes, os, sys\nfd = os.open(sys.argv[1], os.O_RDWR)\n"
                "libc = ctypes.CDLL(None, use_errno=True)\nlibc.fallocate.argtypes = [ctypes.c_int] * 2 + [ctypes.c_long] * 2\n"
                "for i in range(2):\n    print(libc.fallocate(fd, 1, 0, 64), len(os.pread(fd, 8, 0)))\n")
        self.point = Failpoint("ftruncate:2:ENOSPC,pread:2:SHORT", Path(self.folder.name) / "log")
        result = subprocess.run([sys.executable, "-c", code, str(self.file)], env={**os.environ, **self.point.env},
                                capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.stdout.splitlines(), ["0 8", "-1 4"], result.stderr)

    def test_every_malloc_can_fail(self):
        result = self.write_five("malloc:20+")
        self.assertNotEqual(result.returncode, 0)
        self.assertGreater(self.point.counts("malloc")[1], 0)

    def test_counting_waits_for_its_file_and_stays_with_its_program(self):
        after = Path(self.folder.name) / "now"
        self.assertEqual(self.write_five("write:1+", after=after).stdout.split(), ["8"] * 5)
        after.touch()
        self.assertEqual(self.write_five("write:1+", after=after).stdout.split(), ["5"] * 5)
        self.assertEqual(self.write_five("write:1+", program="another").stdout.split(), ["8"] * 5)

    def test_a_rule_that_makes_no_sense_is_refused(self):
        for rule in ("write", "wrote:1", "write:x", "write:1:EWHAT", "write:1-"):
            with self.subTest(rule=rule):
                self.assertEqual(self.write_five(rule).returncode, 125)


if __name__ == "__main__":
    unittest.main()
