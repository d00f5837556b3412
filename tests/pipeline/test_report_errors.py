"""What a person gets wrong with a report, and what a machine does not have: the message names the thing, what was expected and what to do, the status is
not 0, and nothing half written stays behind. The mistakes are rows of tests/data/bad_input/reports.tsv."""
import json
import os
import re
import signal
import stat
import subprocess
import time
import unittest

from harness import MILLIBILL, ROOT, Stack, environment

MONTH = ("--month", "2026-05")
FILES = {  # commands that write a file, whole or not at all
    "savings": ("savings", *MONTH, "--output"),
    "savings as PDF": ("savings", *MONTH, "--format", "pdf", "--output"),
    "dashboard": ("dashboard", *MONTH, "--output"),
    "FOCUS": ("export", "focus", *MONTH, "--output"),
    "invoice": ("invoice", "render", *MONTH, "--output"),
}
PRINTED = [  # commands that print; each must say so when what they printed got nowhere
    ("savings", *MONTH), ("savings", "--fleet", *MONTH), ("free-tier", *MONTH), ("export", "focus", *MONTH), ("dashboard", *MONTH, "--output", "-"),
    ("invoice", "list"), ("invoice", "show", "latest"), ("invoice", "render", *MONTH), ("invoice", "render", "--format", "pdf", *MONTH),
    ("usage", "--by", "tenant", *MONTH), ("alerts", "list"), ("alerts", "check", *MONTH), ("rate", *MONTH), ("verify",), ("explain", "latest", "2"),
    ("explain", "--record", "r1"), ("tenant", "list"), ("price-book", "list"), ("quarantine", "list"), ("status",), ("close", *MONTH), ("seal",),
    ("savings", "--help"), ("help",), ("invoice", "--help"), ("--version",),
]
AS_JSON = [("savings", *MONTH), ("free-tier", *MONTH), ("invoice", "list"), ("usage", "--by", "tenant", *MONTH), ("verify",), ("tenant", "list"), ("status",)]


def table():
    for line in (ROOT / "tests/data/bad_input/reports.tsv").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            status, words, command = line.split("\t")
            yield int(status), words.split("|"), command.split()


def timeless(data):
    """A page says to the microsecond when it was made."""
    return re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", b"", data)


class ReportErrors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack()
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.run("tenant", "add", "acme")
        records = [{"request_id": f"r{i}", "tenant": "acme", "function": "f", "region": "us-east-1", "memory_mb": 1024,
                    "started_at": f"2026-05-{1 + i % 28:02}T12:00:00Z", "duration_ms": 100000} for i in range(300)]
        cls.stack.run("import", "--format", "ndjson", "-", input="".join(json.dumps(r) + "\n" for r in records))
        cls.stack.run("rate", *MONTH, "--final")
        cls.folder = cls.stack.data / "out"
        cls.folder.mkdir()
        texts = {"bad": "name: x\n  : [\n", "usage": '[{"memory_mb": 128, "invocations": 1, "duration_ms": "soon"}]\n',
                 "alternative": "name: x\ncurrency: USD\nmonths: 12\ncolour: red\n", "file": "kept\n"}
        cls.places = {"folder": str(cls.folder), "missing": str(cls.stack.data / "nowhere")}
        for name, text in texts.items():
            path = cls.stack.data / f"{name}.yaml"
            path.write_text(text)
            cls.places[name] = str(path)

    def run_it(self, *words, stdout=subprocess.PIPE, data=True):
        place = ("--data", str(self.stack.data)) if data and words[0] not in ("help", "--version") and "--help" not in words else ()
        return subprocess.run([str(MILLIBILL), *words, *place], stdout=stdout, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd=str(ROOT),
                              env=environment(), check=False)

    def test_each_mistake_is_named_with_what_to_do(self):
        for status, words, command in table():
            result = self.run_it(*(word.format(**self.places) for word in command))
            told = result.stderr.decode()
            self.assertEqual(result.returncode, status, (command, told))
            for word in words:
                self.assertRegex(told, re.escape(word.format(**self.places)), command)
            self.assertRegex(told, r"^millibill [a-z-]+", command)
            self.assertNotIn(".new", told, command)  # a name that nobody gave
            self.assertFalse((self.stack.data / "nowhere").exists(), command)
            self.assertEqual(list(self.folder.iterdir()), [], command)
        self.assertEqual((self.stack.data / "file.yaml").read_text(), "kept\n")

    def test_without_a_database_each_report_says_how_to_start_one(self):
        for words in (*(words[:-1] for words in FILES.values()), ("free-tier", *MONTH), ("usage", "--by", "tenant", *MONTH), ("alerts", "list"),
                      ("invoice", "list"), ("explain", "latest", "1")):
            result = self.run_it(*words, "--data", str(self.stack.data / "none"), data=False)
            self.assertEqual(result.returncode, 1, words)
            self.assertIn(b"millibill up", result.stderr, words)

    def test_what_a_full_disk_does_not_take_is_a_failure_of_every_command_that_prints(self):
        for words in (*PRINTED, *((*words, "--json") for words in AS_JSON)):
            with open("/dev/full", "wb") as full:
                result = self.run_it(*words, stdout=full)
            self.assertEqual(result.returncode, 1, (words, result.stderr))
            self.assertRegex(result.stderr.decode(), "cannot write to standard output: (No space left on device|a part)", words)
            self.assertIn(b"make room", result.stderr, words)

    def test_a_device_is_written_into_and_stays_one(self):
        """As root, moving a new file to its place would take /dev/null from everybody: a device of our own shows what happens."""
        full = self.stack.data / "full"
        try:
            os.mknod(full, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
            with open(full, "wb"):
                pass
        except PermissionError:
            self.skipTest("may not make a device")
        for name, words in FILES.items():
            result = self.run_it(*words, str(full))
            self.assertTrue(stat.S_ISCHR(full.stat().st_mode), name)
            self.assertEqual(result.returncode, 1, (name, result.stderr))
            self.assertIn(f"cannot write {full}: No space left on device", result.stderr.decode(), name)
            self.assertIn(b"make room", result.stderr, name)
        full.unlink()

    def test_a_pipe_gets_the_bytes_and_a_link_is_followed(self):
        for name, words in FILES.items():
            plain, pipe, link = (self.stack.data / f"{kind}.out" for kind in ("plain", "pipe", "link"))
            self.assertEqual(self.run_it(*words, str(plain)).returncode, 0, name)
            os.mkfifo(pipe)
            with subprocess.Popen([str(MILLIBILL), *words, str(pipe), "--data", str(self.stack.data)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  cwd=str(ROOT), env=environment()) as work:
                got = pipe.read_bytes()
                self.assertEqual(work.wait(60), 0, name)
            self.assertTrue(stat.S_ISFIFO(pipe.stat().st_mode), name)
            target = self.stack.data / "target.out"
            target.write_text("old")
            link.symlink_to(target)
            self.assertEqual(self.run_it(*words, str(link)).returncode, 0, name)
            self.assertTrue(link.is_symlink(), name)
            self.assertEqual(timeless(target.read_bytes()), timeless(plain.read_bytes()), name)
            self.assertEqual(timeless(got), timeless(plain.read_bytes()), name)
            for path in (plain, pipe, link, target):
                path.unlink()

    def test_a_place_without_room_keeps_what_was_there(self):
        """A limit on the size of files stands for a full disk: what was there stays, and nothing is beside it."""
        for name, words in FILES.items():
            kept = self.folder / "kept"
            kept.write_text("before")
            program = ["sh", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "sh", str(MILLIBILL), *words, str(kept), "--data", str(self.stack.data)]
            result = subprocess.run(program, capture_output=True, text=True, cwd=str(ROOT), env=environment(), check=False)
            self.assertEqual(result.returncode, 1, (name, result.stderr))
            self.assertRegex(result.stderr, f"cannot write {kept}: File too large", name)
            self.assertEqual([p.name for p in self.folder.iterdir()], ["kept"], name)
            self.assertEqual(kept.read_text(), "before", name)
            kept.unlink()

    def test_who_interrupts_finds_what_was_there_or_the_whole(self):
        """At many moments of the work: after SIGINT the file is the old one or the whole new one, and nothing is beside it."""
        for name, words in FILES.items():
            kept = self.folder / "kept"
            began = time.monotonic()
            self.assertEqual(self.run_it(*words, str(kept)).returncode, 0, name)
            took_s, stopped, whole = time.monotonic() - began, 0, timeless(kept.read_bytes())
            for step in range(12):
                kept.write_text("before")
                with subprocess.Popen([str(MILLIBILL), *words, str(kept), "--data", str(self.stack.data)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      cwd=str(ROOT), env=environment()) as work:
                    time.sleep(took_s * step / 10)
                    work.send_signal(signal.SIGINT)
                    work.communicate(timeout=60)
                self.assertEqual([p.name for p in self.folder.iterdir()], ["kept"], (name, step))
                self.assertIn(timeless(kept.read_bytes()), (b"before", whole) if work.returncode != 0 else (whole,), (name, step, work.returncode))
                stopped += kept.read_bytes() == b"before"
            self.assertGreater(stopped, 0, name)
            kept.unlink()


if __name__ == "__main__":
    unittest.main()
