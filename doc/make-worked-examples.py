#!/usr/bin/env python3
"""Write doc/worked-examples.md: every worked example as its source prints it and as millibill computes it.

doc/make-worked-examples.py [--check] [BIN]     BIN: folder of the programs, default build/bin (or MILLIBILL_BUILD/bin)

The figures come from tests/data/worked-examples.json; the computed ones from running `millibill quote` and
`millibill savings`. Every exact figure that the examples give is compared, and a difference ends the run with status 1.
With --check nothing is written: the page has to be what it would be written as.
"""
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "doc" / "worked-examples.md"
MONTH = "2026-11"  # 30 days, as the example of the constant load has it

# Where the source's figure differs, why: the key is (scenario, figure).
REASONS = {
    ("api", "total"): "the printed 0.21 is the compute alone; 0.20 of requests are missing",
    ("api", "saving"): "follows from the total",
    ("api", "saving_percent"): "rounded to whole per cent",
    ("basic", "saving_percent"): "rounded to whole per cent",
    ("thumbnails", "saving_percent"): "rounded to whole per cent",
    ("cleanup", "compute"): "printed unrounded",
    ("cleanup", "total"): "the summary's 0.31 is supported by no figure in its text",
    ("cleanup", "saving_percent"): "follows from the summary's 0.31",
    ("constant", "requests"): "259 million counted; 100 a second for 30 days are 259.2 million",
    ("constant", "compute"): "54.00 by the printed price; no figure in the text gives 55.08",
    ("constant", "total"): "the sum of the two",
    ("todo-api", "lambda"): "0.06 of requests and 0.03 of compute are 0.09",
    ("todo-api", "infrastructure"): "follows from it",
    ("todo-api", "total"): "follows from it",
    ("todo-api", "saving"): "follows from it",
    ("avatars", "compute"): "compute and requests together, rounded once; by line 0.50 and 0.01",
    ("avatars", "idle_amount"): "printed 15.01 is 97.4 % of all 15.41; idle is the instance alone, 15.18 for 730 hours",
    ("event-day", "serverless"): "shown to the mill; an amount is billed in cents",
    ("viral-blog", "saving_percent"): "rounded to whole per cent",
}

failures = []


def run(programs, *arguments, stdin=None):
    environment = dict(os.environ)
    environment.setdefault("MILLIBILL_SHARE_ROOT", str(ROOT))
    done = subprocess.run([programs / "millibill", *arguments], input=stdin, text=True, capture_output=True,
                          env=environment, check=False)
    if done.returncode != 0:
        sys.exit(f"millibill {' '.join(arguments)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def same(one, other):
    return Decimal(str(one)) == Decimal(str(other))


def expect(what, computed, wanted):
    if not same(computed, wanted):
        failures.append(f"{what}: {computed} computed, {wanted} expected")


def line(answer, sku):
    return next(entry for entry in answer["lines"] if entry["sku"] == sku)


class Example:
    """One scenario: what was computed, as rows of (figure, printed, computed)."""

    def __init__(self, scenario, programs):
        self.scenario = scenario
        self.id = scenario["id"]
        self.printed = scenario.get("printed_in_source", {})
        self.rows = []
        usage = []
        if "usage" in scenario:
            usage = [dict(scenario["usage"], function=self.id)]
        text = json.dumps(usage)
        tier = [] if scenario.get("free_tier", False) else ["--no-free-tier"]
        self.answer = run(programs, "quote", "--usage", "-", "--json", "--month", MONTH, *tier, stdin=text) if usage else None
        self.report = run(programs, "savings", "--usage", "-", "--json", "--month", MONTH, "--alternative", self.id, *tier,
                          stdin=text)
        self.side = self.report["alternatives"][0]

    def check(self):
        """Every figure that the examples work out themselves."""
        if self.answer is None:
            return
        requests, duration = line(self.answer, "requests"), line(self.answer, "duration")
        expect(f"{self.id} requests_exact", requests["amount_exact"], self.scenario["requests_exact"])
        expect(f"{self.id} requests", requests["amount"], self.scenario["requests"])
        expect(f"{self.id} compute_exact", duration["amount_exact"], self.scenario["compute_exact"])
        expect(f"{self.id} compute", duration["amount"], self.scenario["compute"])
        expect(f"{self.id} gb_seconds", duration["quantity"], self.scenario["gb_seconds"])
        expect(f"{self.id} total", self.answer["total"], self.scenario["total_of_rounded_lines"])
        percent = self.scenario["alternative"].get("saving_percent_computed")
        if percent is not None:
            expect(f"{self.id} saving_percent", self.side["saving_percent"], percent)

    def row(self, key, what, printed_key, computed):
        self.rows.append((key, what, self.printed.get(printed_key, "") if printed_key else "", computed))

    def fill(self):
        printed, side = self.printed, self.side
        if self.answer is not None:
            self.row("requests", "requests", "requests", line(self.answer, "requests")["amount"])
            self.row("compute", "compute", "compute", line(self.answer, "duration")["amount"])
            if "lambda_total" in printed and self.id != "api":
                self.row("lambda", "functions", "lambda_total", self.answer["total"])
        for extra in self.report["serverless"]["extras"]:
            key = {"API Gateway": "gateway", "DynamoDB": "dynamodb", "S3 storage": "storage"}.get(extra["what"])
            if self.answer is not None:
                self.row(key or extra["what"], extra["what"], key, extra["amount"])
        if "infrastructure" in printed:
            self.row("infrastructure", "infrastructure", "infrastructure", side["readings"][1]["serverless"])
        total_key = next((key for key in ("total", "summary_total", "daily", "monthly") if key in printed), None)
        key = "serverless" if self.answer is None else "total"
        self.row(key, "serverless, total", total_key,
                 self.report["serverless"]["total_exact"] if self.id == "event-day" else self.report["serverless"]["total"])
        if self.id == "constant":
            self.row("alternative", "instance alone", "alternative", side["readings"][0]["alternative"])
            expect("constant with operations", side["total"], self.scenario["alternative"]["with_operations"])
            self.row("alternative", "alternative, with operations", None, side["total"])
        elif self.id == "viral-blog":
            self.row("first_year", "serverless, first year", "first_year", side["horizon"]["serverless"])
            self.row("alternative", "alternative, first year", "alternative_first_year", side["horizon"]["alternative"])
        else:
            self.row("alternative", "alternative, total", "alternative", side["total"])
        horizon = self.id == "viral-blog"
        self.row("saving", "saving", "saving", side["horizon"]["saving"] if horizon else side["saving"])
        percent_key = "saving_percent" if "saving_percent" in printed else "summary_saving_percent"
        self.row("saving_percent", "saving, %", percent_key, side["saving_percent"])
        if side["utilization_percent"] is not None:
            self.fill_utilization()

    def fill_utilization(self):
        side = self.side
        idle = Decimal(100) - Decimal(side["utilization_percent"])
        self.row("idle_percent", "idle, %", "idle_percent", max(idle, Decimal(0)))
        self.row("idle_amount", "idle, amount", "waste", side["idle_amount"])

    def differs(self, printed, computed):
        """A printed figure of fewer digits agrees when the computed one rounds to it; whole per cent are named anyway."""
        return printed != "" and not same(printed, computed)

    def page(self):
        out = [f"## {self.id}", "", self.scenario["title"] + ".", "", "| figure | printed | computed | why it differs |",
               "|---|---:|---:|---|"]
        for key, what, printed, computed in self.rows:
            why = ""
            if self.differs(printed, computed):
                why = REASONS.get((self.id, key))
                if why is None and round(Decimal(str(computed)), -Decimal(printed).as_tuple().exponent) == Decimal(printed):
                    why = "rounded in the source"
                if why is None:
                    failures.append(f"{self.id}: {what} is {computed}, printed {printed}, and no reason is known")
                    why = "?"
            out.append(f"| {what} | {printed} | {computed} | {why} |")
        if self.answer is not None:
            out += ["", "Exact: requests {}, compute {} ({} GB-seconds).".format(
                line(self.answer, "requests")["amount_exact"], line(self.answer, "duration")["amount_exact"],
                line(self.answer, "duration")["quantity"])]
        out += ["", self.verdict(), ""]
        return out

    def verdict(self):
        words = {"serverless": "serverless is cheaper", "alternative": "the alternative is cheaper"}
        readings = self.side["readings"]
        names = {"instances": "by instances alone", "infrastructure": "by all infrastructure",
                 "with_operations": "with people's work"}
        if len({reading["cheaper"] for reading in readings}) == 1:
            return f"Verdict: {words[self.side['cheaper']]}, in every reading."
        parts = [f"{names[reading['reading']]} {words[reading['cheaper']]}" for reading in readings]
        return "Verdict: " + "; ".join(parts) + "."


HEAD = """# Worked examples: printed against computed

Made by `doc/make-worked-examples.py`, which runs `millibill quote` and `millibill savings` on each scenario of
`tests/data/worked-examples.json` and compares every exact figure; `--check` is a test. Prices and rounding are those of the
book `aws-lambda` without its free tier (each line to cents, half up); alternatives are `reports/alternatives/NAME.yaml`, a
month has 730 hours. Where the source's own arithmetic is wrong, the right figure and the reason stand beside it.

Utilization is wall time over instance hours: the time that functions ran, added up, divided by instances x hours x
executions that an instance takes at a time (1 unless the alternative says otherwise). The source counts 5 % for the
thumbnails; by wall time they run 250 of 730 hours, 34.25 %. It prints 35 % for the event day without saying of what: its
text gives no durations, so that the report shows none.

Each is a scenario file too (`agent/scenarios/NAME.yaml`, for `millibill simulate --scenario NAME`). Of the event day and the
viral blog the source gives counts and costs, but neither memory nor duration: their scenarios have its counts in each window and
on each day and say what they suppose; the figures here come from the costs it gives, with an empty usage.
"""


def provider_page(examples, programs):
    """What providers print on their own pages, against the shipped books."""
    out = ["## What providers publish", "",
           "Each by its own book, from `tests/data/worked-examples.json`; every figure comes out as printed.", "",
           "| example | figure | printed | computed | exact |", "|---|---|---:|---:|---:|"]
    for example in examples:
        tier = [] if example["free_tier"] else ["--no-free-tier"]
        answer = run(programs, "quote", "--usage", "-", "--json", "--month", MONTH, "--price-book", example["price_book"], *tier,
                     stdin=json.dumps(example["usage"]))
        for what, printed in example["printed"].items():
            entry = {"amount": answer["total"], "amount_exact": ""} if what == "total" else line(answer, what)
            expect(f"{example['id']} {what}", entry["amount"], printed)
            out.append(f"| [{example['title']}]({example['source']}) | {what} | {printed} | {entry['amount']} | "
                       f"{entry['amount_exact']} |")
    return out + ["", "One page of AWS prints 333.34 for a line of 333.334; half up, as on its other pages, the book gives 333.33.",
                  ""]


def make(programs):
    examples = json.loads((ROOT / "tests" / "data" / "worked-examples.json").read_text())
    scenarios = examples["scenarios"]
    out = HEAD.split("\n") + ["| scenario | serverless | alternative | saving | % | cheaper |", "|---|---:|---:|---:|---:|---|"]
    pages = []
    for scenario in scenarios:
        example = Example(scenario, programs)
        example.check()
        example.fill()
        pages += example.page()
        side = example.side
        out.append(f"| [{example.id}](#{example.id}) | {example.report['serverless']['total']} | {side['total']} | "
                   f"{side['saving']} | {side['saving_percent']} | {side['cheaper']} |")
    out += ["", *pages, *provider_page(examples["providers"], programs)]
    return "\n".join(out).rstrip() + "\n"


def main(arguments):
    check = "--check" in arguments
    rest = [argument for argument in arguments if argument != "--check"]
    build = os.environ.get("MILLIBILL_BUILD", ROOT / "build")
    page = make(Path(rest[0]) if rest else Path(build) / "bin")
    for failure in failures:
        print(failure, file=sys.stderr)
    if check and PAGE.read_text() != page:
        failures.append("page")
        print(f"{PAGE.relative_to(ROOT)} is not what {Path(__file__).name} writes: run it", file=sys.stderr)
    elif not check and not failures:
        PAGE.write_text(page)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
