#!/usr/bin/env python3
"""Random books, usage and contracts from a seed: quote and the oracles must agree exactly, and the properties of a bill must hold.

    tests/oracle/random_bills.py [--seed S] [--count N] [--first N] [--only PART] [--show]
Needs `make units` (tests/oracle/quote_many). A case is named by seed, part and number: `--first 17 --count 1 --only books --show` runs the
seventeenth alone and shows its files. Exit status 1: something differed.
"""
import argparse
import copy
import json
import random
import sys
import tempfile
import time

from exact import F, text_of
from quote_compare import Quotes, case_differences, dump_yaml
from random_books import TENANTS, changing_case, random_case
from random_contracts import random_bill

SHOWN = 5


def exact_total(text):
    """The sum of the unrounded amounts of an answer, and whether quote gave one."""
    return sum((F(line["amount_exact"]) for line in json.loads(text, parse_float=str)["lines"]), F(0))


# What is done to usage without changing the bill

def in_pieces(chance, usage):
    """Every row cut into up to five, of the same hour (usage order goes by the hour)."""
    rows = []
    for row in usage:
        name = "capacity_units" if "capacity_units" in row else "invocations"
        left = row[name]
        for _ in range(chance.randint(0, 4)):
            part = chance.randint(0, left)
            minute = {"started_at": f"{row['started_at'][:14]}{chance.randint(0, 59):02}:00Z"} if "started_at" in row else {}
            rows.append({**row, **minute, name: part})
            left -= part
        rows.append({**row, name: left})
    return [row for row in rows if row.get("capacity_units") != 0]


def in_other_hours(chance, usage):
    """Every row cut into hourly pieces, where no free tier goes by the hour."""
    rows = in_pieces(chance, usage)
    return [{**row, "started_at": f"{row['started_at'][:11]}{chance.randint(0, 23):02}:00:00Z"} if "started_at" in row else row for row in rows]


def same_bill(quotes, case, text, chance):
    """The same bytes for the same usage: again, in another order, in pieces."""
    ways = {"rated again": case["usage"], "in another order": chance.sample(case["usage"], len(case["usage"])), "in pieces": in_pieces(chance, case["usage"])}
    if all(tier["allocation"] != "usage_order" for tier in case["book"].get("free_tiers", [])):
        ways["in hourly pieces"] = in_other_hours(chance, case["usage"])
    way = chance.choice(sorted(ways))
    status, other = quotes.quote({**case, "usage": ways[way]})
    if status != 0 or other != text:
        yield f"{way} the answer is another (status {status}): {json.dumps(ways[way], ensure_ascii=False)}\n{other[:3000]}"


def printed_adds_up(text):
    answer = json.loads(text, parse_float=str)
    for line in answer["lines"]:
        if F(line["amount"]) * F(line["amount_exact"]) < 0:
            yield f"rounding turned a sign: {line}"
    lines = sum((F(line["amount"]) for line in answer["lines"]), F(0))
    if lines != F(answer["subtotal"]):
        yield f"the lines add up to {text_of(lines)}, subtotal is {answer['subtotal']}"
    functions = sum((F(function["amount_exact"]) for function in answer["functions"]), F(0))
    if abs(functions - exact_total(text)) > F(1, 10**15):
        yield f"the functions add up to {text_of(functions)}, the lines to {text_of(exact_total(text))}"
    if answer.get("statement") is None:
        if lines != F(answer["total"]):
            yield f"the lines add up to {text_of(lines)}, total is {answer['total']}"
        return
    items = sum((F(item["amount"]) for item in answer["statement"]), F(0))
    if items != F(answer["total"]) or F(answer["net"]) + F(answer["tax"]) != F(answer["total"]):
        yield f"the items add up to {text_of(items)}, net {answer['net']} and tax {answer['tax']}, total is {answer['total']}"
    payable = answer["payable"]
    if F(answer["total"]) >= 0 and (F(answer["net"]) < 0 or F(payable["net"]) < 0):
        yield f"the net turned its sign: {answer['net']} of {answer['total']}, payable {payable}"
    if F(payable["net"]) + sum((F(tax["amount"]) for tax in payable["taxes"]), F(0)) != F(payable["total"]):
        yield f"payable does not add up: {payable}"
    for item in answer["statement"]:
        if F(item["amount"]) * F(item["amount_exact"]) < 0:
            yield f"rounding turned a sign: {item}"


# The parts: each gives a case and the differences found

def books(quotes, chance):
    case = random_case(chance)
    status, text = quotes.quote(case)
    found = case_differences(case, status, text)
    if not found and status == 0:
        found = list(printed_adds_up(text)) + list(same_bill(quotes, case, text, chance))
    return case, found


def contracts(quotes, chance):
    case = random_bill(chance)
    status, text = quotes.quote(case)
    found = case_differences(case, status, text)
    return case, found or (list(printed_adds_up(text)) if status == 0 else [])


def monotone(quotes, chance):
    """More usage never costs less, and an account costs the same whoever of its tenants used it."""
    case = random_case(chance, monotone=True)
    status, text = quotes.quote(case)
    found = case_differences(case, status, text)
    if found or status != 0:
        return case, found
    merged = {**case, "usage": [{**row, "tenant": TENANTS[0]} for row in case["usage"]]}
    status, other = quotes.quote(merged)
    # Amounts that do not end are printed with twenty digits.
    if status != 0 or abs(exact_total(other) - exact_total(text)) > F(1, 10**15):
        found.append(f"rated as one tenant the account costs another amount (status {status}): {other[:3000]}")
    more = copy.deepcopy(case)
    row = chance.choice(more["usage"])
    name = "capacity_units" if "capacity_units" in row else "invocations"
    row[name] += chance.choice([1, 1, 10, chance.randint(1, 10**6)])
    status, other = quotes.quote(more)
    found += case_differences(more, status, other)
    if status == 0 and exact_total(other) < exact_total(text) - F(1, 10**15):
        found.append(f"more usage costs less: {json.dumps(more['usage'], ensure_ascii=False)}")
    return case, found


def changes(quotes, chance):
    """A book that changes inside the period."""
    case = changing_case(chance)
    status, text = quotes.quote(case)
    found = case_differences(case, status, text)
    return case, found or (list(printed_adds_up(text)) if status == 0 else [])


PARTS = {"books": (books, 0.4), "contracts": (contracts, 0.3), "changes": (changes, 0.2), "monotone": (monotone, 0.1)}


def show(part, number, case, found):
    print(f"--- {part} {number}: " + "\n    ".join(found[:8]))
    print(f"book: {dump_yaml(case['book'])}\nusage: {json.dumps(case['usage'], ensure_ascii=False)}")
    options = {key: value for key, value in case.items() if key not in ("book", "usage", "contract")}
    print(f"options: {json.dumps(options, ensure_ascii=False)}" + (f"\ncontract: {dump_yaml(case['contract'])}" if "contract" in case else ""), flush=True)


def run(seed, count, only=None, first=0, shown=SHOWN):
    """Number of usage sets compared and of those that differed."""
    done = bad = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        quotes = Quotes(folder)
        for part, (check, share) in PARTS.items():
            if only not in (None, part):
                continue
            for number in range(first, first + (count if only else round(count * share))):
                case, found = check(quotes, random.Random(f"{seed}-{part}-{number}"))
                done, bad = done + 1, bad + bool(found)
                if found and bad <= shown:
                    show(part, number, case, found)
        status = quotes.close()
    print(f"seed {seed}: {done} usage sets, {bad} differ, {time.monotonic() - started:.1f} s" + (f"; quote_many ended with {status}" if status else ""))
    return done, bad + bool(status)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", choices=sorted(PARTS))
    parser.add_argument("--show", action="store_true", help="show the cases even if nothing differs")
    options = parser.parse_args(arguments)
    if options.show:
        for number in range(options.first, options.first + options.count):
            chance = random.Random(f"{options.seed}-{options.only}-{number}")
            case = random_bill(chance) if options.only == "contracts" else random_case(chance, monotone=options.only == "monotone")
            show(options.only, number, case, ["shown"])
    return 1 if run(options.seed, options.count, options.only, options.first)[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
