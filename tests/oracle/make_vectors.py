#!/usr/bin/env python3
"""Writes tests/data/rating/NAME.json from tests/oracle/vectors/NAME.py, the expected answers worked out by the oracles.

    tests/oracle/make_vectors.py [--check]      --check: nothing is written; exit status 1 if a file would change
What was worked by hand (in vectors/*.py, from the texts alone) must agree with the oracle, else nothing is written.
"""
import importlib
import json
import sys

from exact import F, read_json, text_of
from quote_compare import ROOT, rate_case

NAMES = ("models", "counters", "free_tiers", "rounding", "measures", "periods", "contracts", "changes")
LINE_TEXTS = ("book", "tenant", "region", "architecture", "mode", "sku", "price")
LINE_NUMBERS = ("quantity", "free_quantity", "billed_quantity", "unit_price", "fee", "adjustment", "amount_exact", "amount")
ITEM_NUMBERS = ("basis", "rate", "share", "quantity", "left", "amount_exact", "amount")
DEFAULTS = {"book": None, "tenant": "default", "region": "us-east-1", "architecture": "x86_64", "mode": "on_demand", "price": None, "tier": "1"}


def number(value):
    return None if value is None else text_of(F(str(value)))


def plain_line(line):
    """A line as texts, without what is as always."""
    texts = {name: line.get(name) for name in LINE_TEXTS} | {"tier": str(line["tier"])}
    numbers = {name: number(line.get(name, "0")) for name in LINE_NUMBERS}
    return {name: value for name, value in texts.items() if DEFAULTS.get(name, "") != value} | \
        {name: value for name, value in numbers.items() if value != "0" or name == "amount"}


def plain_item(item):
    return {"kind": item["kind"], **({"name": item["name"]} if item["name"] is not None else {}),
            **{name: number(item[name]) for name in ITEM_NUMBERS if item.get(name) is not None}}


def plain_payable(payable):
    taxes = [tax["amount"] if isinstance(tax, dict) else tax for tax in payable["taxes"]]
    return {"currency": payable["currency"], **{name: number(payable[name]) for name in ("net", "tax", "total")}, "taxes": [number(tax) for tax in taxes]}


def plain_statement(answer):
    limit = answer.get("spending_limit")
    return {"statement": [plain_item(item) for item in answer["statement"]],
            **{name: number(answer[name]) for name in ("subtotal", "net", "tax", "total")}, "payable": plain_payable(answer["payable"]),
            **({"reached": [number(alert) for alert in limit["reached"]]} if limit is not None else {})}


def plain_answer(answer):
    """An answer of quote in the form of the vectors."""
    plain = {"lines": [plain_line(line) for line in answer["lines"]], "total": number(answer["total"])}
    return plain | (plain_statement(answer) if answer.get("statement") is not None else {})


def expected(case):
    """The oracles' answer to a complete case, in the same form."""
    rated, statement = rate_case(case)
    answer = {"lines": rated.lines, "total": rated.total}
    return plain_answer({**answer, **(statement or {})})


def render(made):
    def part(name, members):
        return f' "{name}": {{\n' + ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in members.items()) + "\n }"

    cases = []
    for case in made.cases:
        answer = expected(made.complete(case))
        worked = case.get("by_hand", case.get("by_rule"))
        if worked is not None and F(worked["total"]) != F(answer["total"]):
            sys.exit(f"{case['name']}: by hand {worked['total']} ({worked['arithmetic']}), the oracle says {json.dumps(answer, indent=1)}")
        cases.append({**case, "expected": answer})
    names = [case["name"] for case in cases]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    vectors = ' "vectors": [\n' + ",\n".join("  " + json.dumps(case) for case in cases) + "\n ]"
    parts = [part("books", made.books)] + ([part("contracts", made.contracts)] if made.contracts else [])
    return "{\n" + ",\n".join(parts + [vectors]) + "\n}\n", len(cases), sum("by_hand" in case for case in cases)


def load(path):
    """A vector file: [(complete case, expected)]."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for case in data["vectors"]:
        whole = {**case, "book": data["books"].get(case["book"], case["book"])}
        if "contract" in case:
            whole["contract"] = data["contracts"][case["contract"]]
        if "changes" in case:
            whole["changes"] = [[at, data["books"][book]] for at, book in case["changes"]]
        yield whole


def main(arguments):
    stale = total = by_hand = 0
    for name in NAMES:
        text, count, hands = render(importlib.import_module(f"vectors.{name}").make())
        path = ROOT / "tests/data/rating" / f"{name}.json"
        stale += not path.exists() or path.read_text(encoding="utf-8") != text
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        total, by_hand = total + count, by_hand + hands
        print(f"{name}: {count} vectors, {hands} worked by hand too")
    print(f"{total} vectors, {by_hand} worked by hand too, {stale} files {'are not up to date' if '--check' in arguments else 'changed'}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
