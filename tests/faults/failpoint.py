"""Make the N-th call of a system function fail in a program: the environment that preloads tests/faults/failpoint.c.

    point = Failpoint("fsync:3:EIO", log, program="millibill-agent")
    subprocess.run([...], env={**os.environ, **point.env})
    seen, failed = point.counts("fsync")

The rules are explained at the head of failpoint.c. Sanitized programs want their own library to come first, and bring their own
allocator: rules for malloc are skipped with them.
"""
import os
import subprocess
import unittest
from pathlib import Path

from harness import BUILD
from reach import for_everybody

LIBRARY = BUILD / "tests" / "libfailpoint.so"


def _preloaded(rules):
    library = for_everybody(LIBRARY)  # root's stack runs as the service user
    if BUILD.name != "asan":
        return library
    if "malloc" in rules:
        raise unittest.SkipTest("a sanitizer has an allocator of its own")
    asked = subprocess.run(["gcc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
    return os.path.realpath(asked.stdout.strip()) + ":" + library


class Failpoint:
    """`log`: a file for the counts; `after`: counting starts when this file exists; `program`: only in programs so named."""

    def __init__(self, rules, log, after=None, program=None):
        self.log = Path(log)
        self.env = {"LD_PRELOAD": _preloaded(rules), "FAILPOINT": rules, "FAILPOINT_LOG": str(log)}
        if after is not None:
            self.env["FAILPOINT_AFTER"] = str(after)
        if program is not None:
            self.env["FAILPOINT_PROGRAM"] = program

    def counts(self, name):
        """Calls seen and calls failed so far."""
        for line in self.log.read_text().splitlines():
            words = line.split()
            if words and words[0] == name:
                return tuple(int(word.partition("=")[2]) for word in words[1:3])
        raise AssertionError(f"no counts of {name} in {self.log}")
