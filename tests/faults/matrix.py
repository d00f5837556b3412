#!/usr/bin/env python3
"""The fault matrix: which test stands for which row, and how it went.

    tests/faults/matrix.py --check          every row has a test, or a written reason; nothing is run
    tests/faults/matrix.py --run [BUILD]    run those tests, then write the table
    tests/faults/matrix.py [BUILD]          write the table from the last results (BUILD/test-results.json)

Rows stand in matrix.csv. A Python test names its rows in its docstring ("Matrix 14: …", "Matrix 9, 10: …"), a cmocka test in
its name (matrix_09_…). What cannot be run stands in not_run.csv with the reason; a row may have tests and a reason (a part of
it). The table is written into doc/reliability.md, between its markers.
"""
import argparse
import ast
import collections
import csv
import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
DOCUMENT = ROOT / "doc" / "reliability.md"
START, END = "<!-- matrix: start -->", "<!-- matrix: end -->"
DOCSTRING = re.compile(r"Matrix (\d+(?:, \d+)*)\b")
FUNCTION = re.compile(r"^(matrix_(\d+)_\w+)\(void \*\*", re.M)

Test = collections.namedtuple("Test", "file name")


def rows():
    with open(HERE / "matrix.csv", newline="") as source:
        return list(csv.DictReader(source))


def reasons():
    with open(HERE / "not_run.csv", newline="") as source:
        return {int(row["row"]): row["reason"] for row in csv.DictReader(source)}


def python_tests(path):
    """(row, test name) of each method whose docstring names rows."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            match = DOCSTRING.match(ast.get_docstring(node) or "")
            for number in match[1].split(", ") if match else ():
                yield int(number), node.name


def tests():
    """row -> [Test], from all test sources."""
    found = collections.defaultdict(list)
    for path in sorted(ROOT.glob("tests/**/*.py")):
        for row, name in python_tests(path):
            found[row].append(Test(str(path.relative_to(ROOT)), name))
    for path in sorted(ROOT.glob("tests/unit/*/*.c")):
        file = str(path.relative_to(ROOT).with_suffix(""))
        for name, row in dict.fromkeys(FUNCTION.findall(path.read_text())):
            found[int(row)].append(Test(file, name))
    return found


def faults_of(found):
    """Sentences about rows that nobody stands for, and tests for rows that do not exist."""
    known = {int(row["row"]) for row in rows()}
    why = reasons()
    missing = [f"row {row} of the fault matrix has neither a test nor a reason in not_run.csv"
               for row in sorted(known) if row not in found and row not in why]
    unknown = [f"{test.file}: {test.name} names row {row}, which matrix.csv does not have"
               for row in sorted(set(found) - known) for test in found[row]]
    return missing + unknown


def spoken(name):
    return re.sub(r"^(test|matrix_\d+)_", "", name).replace("_", " ")


def result_of(test, results):
    return results.get(test.file, {}).get("tests", {}).get(test.name, "not run")


def verdict(row_tests, results, reason):
    counts = collections.Counter(result_of(test, results).split(":")[0] for test in row_tests)
    parts = [f"{counts.pop('ok')} passed"] if counts["ok"] else []
    parts += [f"**{number} {what}**" if what == "failed" else f"{number} {what}" for what, number in sorted(counts.items()) if number]
    return ", ".join(parts) + (f"{'; ' if parts else ''}not run here: {reason}" if reason else "")


def table(found, results):
    why = reasons()
    out = ["| # | fault | expected | tests | result |", "|---|---|---|---|---|"]
    for row in rows():
        number = int(row["row"])
        names = [f"{spoken(test.name)} (`{Path(test.file).stem}`)" for test in found.get(number, [])]
        cells = (row["row"], f"{row['where']}: {row['fault']}", row["expected"], "; ".join(names),
                 verdict(found.get(number, []), results, why.get(number)))
        out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(out)


def write(found, build):
    path = build / "test-results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    before, rest = DOCUMENT.read_text().split(START, 1)
    DOCUMENT.write_text(f"{before}{START}\n{table(found, results)}\n{END}{rest.split(END, 1)[1]}")
    outcomes = collections.Counter(result_of(test, results).split(":")[0] for row in found.values() for test in row)
    print(f"{DOCUMENT}: {len(rows())} rows, " + ", ".join(f"{number} {what}" for what, number in sorted(outcomes.items())))


def main():
    parser = argparse.ArgumentParser(description="the fault matrix: tests by row, and the table in doc/reliability.md")
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--check", action="store_true", help="only see that every row has a test or a reason")
    parser.add_argument("--run", action="store_true", help="run the tests first")
    options = parser.parse_args()
    found = tests()
    wrong = faults_of(found)
    print("\n".join(wrong), end="\n" if wrong else "")
    if options.check:
        return 1 if wrong else 0
    status = 0
    if options.run:
        files = sorted({test.file for row in found.values() for test in row})
        status = subprocess.run([str(ROOT / "tests" / "run"), options.build, *files], check=False).returncode
    write(found, ROOT / options.build)
    return 1 if wrong else status


if __name__ == "__main__":
    sys.exit(main())
