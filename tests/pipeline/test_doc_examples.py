"""What the pages of doc/ show works as it stands there: every command in their examples is run, and where an example shows what is printed,
it is printed: the figures, names and sentences, without what differs by run (times, digests, places in the evidence)."""
import json
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import MILLIBILL, ROOT, Stack, environment

PARTIES = "{name: Example Cloud, country: DE, tax_id: DE123456789}"
CONTRACT = f"name: terms\nversion: '1'\npayment_days: 30\nseller: {PARTIES}\nbuyer: {PARTIES}\ntax: {{rates: [{{name: vat, percent: 19}}]}}\n"
USAGE = '[{"memory_mb": 512, "invocations": 300000, "duration_ms": "3000"}]'
TRACES = {"AzureFunctionsInvocationTraceForTwoWeeksJan2021.txt": "azure-2021-sample.csv",
          "invocations_per_function_md.anon.d01.csv": "azure-2019-invocations.csv", "invocations_per_function_md.anon.d02.csv": "azure-2019-invocations.csv",
          "function_durations_percentiles.anon.d01.csv": "azure-2019-durations.csv", "app_memory_percentiles.anon.d01.csv": "azure-2019-memory.csv"}
# page, how the command begins: the exit status that the page is about
STATUS = {("explain.md", "reconcile"): 3}
# What stands for something of the reader's own: as it stands, or behind an option.
MEANT = {"FILE…": "corrected.yaml", "FILE": "corrected.yaml", "--usage FILE": "usage.json", "T": "initech", "M": "2026-10"}
# Examples of output that are compared, by page and the beginning of the command. The others show another world than the one made here.
COMPARED = {("explain.md", "explain MB-2026-000001 2"), ("explain.md", "explain MB-2026-000001 2 --function resize"),
            ("explain.md", "explain MB-2026-000001 2 --function resize --hour 2026-10-03T10"), ("explain.md", "explain --record broken-1"),
            ("corrections.md", "reverse"), ("corrections.md", "explain --record req-17"), ("corrections.md", "import --backfill --dry-run")}
DIFFERS_BY_RUN = [(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "TIME"), (r"reversed on \S+ by \S+", "reversed on TIME by WHO"),
                  (r"\b[0-9a-f]{32,64}\b", "ID"), (r"\b(segments?|receipts?|batch|number|records?|line|stream|up to) \d+", r"\1 N"),
                  (r"\d+ records in \d+ segments", "N records in N segments"), (r"\(receipt \w+\)", ""), (r"import /\S+", "import FILE"), (r" of /\S+", " of FILE")]


def record(tenant, identity, started_at, duration_ms, memory_mb=1024, function="train", **more):
    return json.dumps({"tenant": tenant, "request_id": identity, "function": function, "region": "us-east-1", "memory_mb": memory_mb,
                       "started_at": started_at, "duration_ms": duration_ms, **more})


def examples(page):
    """[(command, [what it prints])] of a page, in its order; [] where nothing is shown."""
    found = []
    for block in re.findall(r"^```\w*\n(.*?)^```", (ROOT / "doc" / page).read_text(), re.M | re.S):
        shows = block.startswith("$ ")
        for line in block.replace("\\\n", "").splitlines():
            given = re.match(r"\$ millibill (.*)" if shows else r"millibill ([a-z].*)", line)
            if given:
                found.append((re.sub(r"\s+#.*", "", given.group(1)).strip(), []))
            elif shows:
                found[-1][1].append(line)
    return found


def meant(command):
    words, before = [], ""
    for word in shlex.split(command.replace("[", "").replace("]", "")):
        words.append(MEANT.get(f"{before} {word}", MEANT.get(word, word)))
        before = word
    return words


def steady(line):
    for pattern, stand_in in DIFFERS_BY_RUN:
        line = re.sub(pattern, stand_in, line)
    return " ".join(line.split())


class Pages(unittest.TestCase):
    maxDiff = None

    def world(self):
        """A stack, and a folder in which the files lie that the pages name."""
        stack = Stack()
        self.addCleanup(stack.remove)
        stack.up()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return stack, Path(folder.name)

    def follow(self, page, stack, folder):
        done = 0
        for command, shown in examples(page):
            result = subprocess.run([MILLIBILL, *meant(command)], env={**environment(), "MILLIBILL_DATA": str(stack.data)}, cwd=folder,
                                    capture_output=True, text=True, timeout=300, check=False)
            status = STATUS.get((page, command.split()[0]), 0)
            self.assertEqual(result.returncode, status, (page, command, result.stdout, result.stderr))
            if any(page == where and (command == start or start in ("reverse", "import --backfill --dry-run") and command.startswith(start))
                   for where, start in COMPARED):
                printed = [steady(line) for line in result.stdout.splitlines() + result.stderr.splitlines()]
                wanted = [steady(line) for line in shown if line.strip() not in ("", "…")]
                self.assertGreater(len(wanted), 0, (page, command))
                self.assertEqual([line for line in wanted if line not in printed], [], (page, command, result.stdout, result.stderr))
            done += 1
        return done

    def test_explain(self):
        stack, folder = self.world()
        hours = [f"2026-10-03T10:0{i}:00Z" for i in range(3)] + [f"2026-10-{1 + i % 28:02}T{i // 28 % 10:02}:30:00Z" for i in range(397)]
        lines = [record("acme", f"train-{i}", started, 840000, 2048) for i, started in enumerate(hours)]
        lines += [record("acme", "job-1", "2026-10-03T10:15:30.250Z", "120.5", 512, "resize", init_duration_ms="310.2"),
                  record("acme", "job-2", "2026-10-03T10:15:31Z", 900, 512, "resize"), record("acme", "job-3", "2026-10-03T10:15:32Z", "899.3", 512, "resize")]
        lines += [record("globex", f"other-{i}", f"2026-10-{1 + i % 28:02}T12:00:00Z", 800000) for i in range(160)]
        (folder / "october.ndjson").write_text("\n".join(lines) + "\n")
        (folder / "own.ndjson").write_text("\n".join(lines[:402]) + "\n")
        (folder / "later.ndjson").write_text(record("acme", "c9f0a1de-5b7c-4f3e-9a43-0d8f3b1c2e55", "2026-10-03T11:15:40Z", 5, 512, "resize") + "\n" +
                                             record("acme", "broken-1", "2026-10-03T11:15:40Z", "-4", 512, "resize") + "\n")
        stack.run("tenant", "add", "acme")
        stack.run("tenant", "add", "globex", "--account", "acme")
        stack.run("import", folder / "october.ndjson")
        stack.run("rate", "--month", "2026-10", "--final")
        stack.run("import", folder / "later.ndjson")
        self.assertEqual(self.follow("explain.md", stack, folder), 6)

    def test_the_others(self):
        stack, folder = self.world()
        march = [record("acme", f"march-{i}", f"2026-03-{1 + i % 28:02}T12:00:00Z", 600000) for i in range(900)]
        later = march[:5] + [record("acme", f"found-{i}", f"2026-03-{1 + i % 28:02}T13:00:00Z", 600000) for i in range(120)]
        later += [record("acme", f"april-{i}", f"2026-04-{1 + i % 28:02}T13:00:00Z", 600000) for i in range(800)]
        others = [record("acme", "req-17", "2026-05-10T12:00:00Z", 100), record("acme", "august", "2026-08-10T12:00:00Z", 100)]
        others += [record(tenant, "october", "2026-10-10T12:00:00Z", 500000, 2048) for tenant in ("acme", "shop")]
        for name, lines in (("march", march), ("others", others), ("found-later", later), ("records", others[-2:])):
            (folder / f"{name}.ndjson").write_text("\n".join(lines) + "\n")
        (folder / "corrected.yaml").write_text(CONTRACT)
        (folder / "usage.json").write_text(USAGE)
        shutil.copy(ROOT / "reports" / "catalogues" / "aws-us-east-1.yaml", folder / "prices.yaml")
        for name, source in TRACES.items():
            shutil.copy(ROOT / "tests" / "data" / "traces" / source, folder / name)
        for tenant in ("acme", "shop", "initech", "trace"):
            stack.run("tenant", "add", tenant)
        stack.run("import", folder / "march.ndjson", folder / "others.ndjson")
        stack.run("rate", "--month", "2026-03", "--final")
        number = stack.json("rate", "--month", "2026-08", "--final")["invoices"][0]["invoice"]["number"]
        MEANT["MB-2026-000017"] = number
        self.assertEqual(self.follow("corrections.md", stack, folder), 7)
        stack.run("contract", "set", "--tenant", "shop", "--from", "2026-10", folder / "corrected.yaml")
        self.assertEqual(self.follow("contracts.md", stack, folder), 7)
        quiet = stack.run("rate", "--month", "2026-10", "--final")
        self.assertNotIn("event=", quiet.stderr, "what the code logs is for daemons")
        pages = {"documents.md": 3, "focus.md": 1, "alerts.md": 3, "traces.md": 3, "fleets.md": 2}
        self.assertEqual({page: self.follow(page, stack, folder) for page in pages}, pages)

    def test_no_page_with_examples_is_left_out(self):
        pages = {path.name for path in (ROOT / "doc").glob("*.md") if examples(path.name)}
        self.assertEqual(pages, {"explain.md", "corrections.md", "contracts.md", "documents.md", "focus.md", "alerts.md", "traces.md", "fleets.md"})


if __name__ == "__main__":
    unittest.main()
