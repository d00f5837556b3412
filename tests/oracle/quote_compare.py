"""The real quote beside the oracles: runs it many times in one process, and says where two answers differ."""
import json
import os
import subprocess
from pathlib import Path

from book_oracle import options_of, rate
from book_usage import NoPrice
from contract_oracle import statement
from exact import F, printed, read_json, read_yaml, text_of
from parts_oracle import rate_parts
from period_oracle import microseconds, period_of

ROOT = Path(__file__).resolve().parents[2]
END = "\x1e"
NUMBERS = ("quantity", "free_quantity", "billed_quantity", "unit_price", "amount_exact", "amount", "fee", "adjustment")
ITEM_NUMBERS = ("amount_exact", "amount", "basis", "rate", "share", "quantity", "left")


class Quotes:
    """`millibill quote` by way of tests/oracle/quote_many, in a directory for the cases' files."""

    def __init__(self, folder):
        self.folder, self.written = Path(folder), {}
        self.build = Path(os.environ.get("MILLIBILL_BUILD", ROOT / "build"))
        self.start()

    def start(self):
        env = {**os.environ, "MILLIBILL_SHARE_ROOT": str(ROOT), "TZ": "UTC"}
        self.process = subprocess.Popen([str(self.build / "tests/oracle/quote_many")], env=env, stdin=subprocess.PIPE, cwd=ROOT,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)

    def file(self, name, text):
        path = self.folder / name
        if self.written.get(name) != text:
            path.write_text(text, encoding="utf-8")
            self.written[name] = text
        return str(path)

    def run(self, arguments):
        """(status, text) of quote with these arguments."""
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        text = []
        for line in self.process.stdout:
            if END in line:
                head, status = line.split(END)
                return int(status), "".join(text) + head
            text.append(line)
        status = self.close()
        self.start()
        return status or -1, "".join(text) + f"\nquote_many ended with {status}\n"

    def arguments(self, case):
        """A case's files and the arguments that rate it."""
        arguments = ["--json", "--usage", self.file("usage.json", json.dumps(case["usage"]))]
        for i, book in enumerate(case["books"] if "books" in case else [case["book"]]):
            arguments += ["--price-book", book if isinstance(book, str) else self.file(f"book{i}.yaml", dump_yaml(book))]
        if "contract" in case:
            arguments += ["--contract", self.file("contract.yaml", dump_yaml(case["contract"]))]
        if "balances" in case:
            arguments += ["--balances", self.file("balances.json", json.dumps(case["balances"]))]
        for i, (at, book) in enumerate(case.get("changes", [])):
            arguments += ["--change", f"{at}={self.file(f'change{i}.yaml', dump_yaml(book))}"]
        for option in ("month", "service_from", "service_until"):
            if option in case:
                arguments += ["--" + option.replace("_", "-"), case[option]]
        return arguments + ([] if case.get("free_tier", True) else ["--no-free-tier"])

    def quote(self, case):
        return self.run(self.arguments(case))


PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/")


def dump_yaml(value):
    """A book or contract of dicts, lists and texts as YAML in flow style; texts that are no plain words are quoted."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {dump_yaml(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(dump_yaml(member) for member in value) + "]"
    text = str(value)
    return text if text and set(text) <= PLAIN and text[0] not in "-." else json.dumps(text, ensure_ascii=False)


def book_of(case):
    book = case["book"]
    return read_yaml((ROOT / book).read_text(encoding="utf-8")) if isinstance(book, str) else book


def rate_case(case):
    """(rated lines, statement or None) by the oracles. NoPrice: quote must fail too."""
    book = book_of(case)
    options = options_of(case["month"], case.get("free_tier", True), case.get("service_from"), case.get("service_until"))
    contract = case.get("contract")
    if contract is not None:
        period = period_of(case["month"], int(contract.get("billing_day", "1")), contract.get("time_zone", "UTC"))
        options.start_us, options.end_us = (microseconds(instant) for instant in period)
    rows = read_json(json.dumps(case["usage"]))
    rated = rate_parts(book, case["changes"], rows, options) if case.get("changes") else rate(book, rows, options)
    return rated, None if contract is None else statement(contract, rated, case["month"], book["currency"], case.get("balances"))


# Differences: each function yields sentences; no sentence, no difference

def number_of(value):
    return None if value is None else F(str(value))


def differing(where, name, expected, got):
    expected = None if expected is None else printed(expected)
    got = number_of(got)
    if expected != got:
        shown = [None if value is None else text_of(value) for value in (expected, got)]
        yield f"{where}: {name} is {shown[1]}, the oracle says {shown[0]}"


def money_text(where, text, digits):
    """An amount has exactly the book's digits, and zero no sign."""
    if len(text.partition(".")[2]) != digits or (text.startswith("-") and not text.strip("-0.")):
        yield f"{where}: the amount is written {text}, expected {digits} digits after the point"


def line_name(line):
    return tuple(str(line.get(key)) for key in ("account", "tenant", "book", "region", "architecture", "mode", "sku", "price", "tier"))


def line_differences(rated, answer):
    got = answer["lines"]
    if [line_name(line) for line in rated.lines] != [line_name(line) for line in got]:
        yield "lines are\n  " + "\n  ".join(" ".join(line_name(line)) for line in got) + "\nthe oracle says\n  " + \
            "\n  ".join(" ".join(line_name(line)) for line in rated.lines)
        return
    for mine, line in zip(rated.lines, got):
        where = "line " + " ".join(line_name(mine)[1:])
        for name in NUMBERS:
            missing = "0" if name in ("fee", "adjustment") else None
            yield from differing(where, name, mine[name], line.get(name, missing))
        if mine["plain"] == ("model" in line) or line.get("model", mine["model"]) != mine["model"]:
            yield f"{where}: model is {line.get('model')}, the oracle says {mine['model']}, {'plain' if mine['plain'] else 'not plain'}"
        yield from money_text(where, line["amount"], rated.digits)


def free_tier_differences(rated, answer):
    got = {(use["tenant"], use["name"]): use for use in answer["free_tiers"]}
    for tier in rated.free_tiers:
        for tenant, used in tier["used"].items():
            use = got.get((tenant, tier["name"]), {})
            where = f"free tier {tier['name']} of {tenant}"
            yield from differing(where, "used", used, use.get("used", "0"))
            yield from differing(where, "account_used", sum(tier["used"].values()), use.get("account_used", "0"))
            yield from differing(where, "left", tier["left"], use.get("left", text_of(tier["left"])))


def function_differences(rated, answer):
    names = ("tenant", "function", "region", "architecture", "mode", "memory_mb")
    got = {tuple(int(entry[name]) if name == "memory_mb" else entry[name] for name in names): entry["amount_exact"]
           for entry in answer["functions"]}
    for key in set(got) | set(rated.functions):
        yield from differing("function " + " ".join(str(part) for part in key), "amount_exact", rated.functions.get(key, F(0)), got.get(key, "0"))


def answer_differences(rated, answer):
    yield from line_differences(rated, answer)
    yield from free_tier_differences(rated, answer)
    yield from function_differences(rated, answer)


def statement_differences(mine, answer, digits):
    kinds = [(item["kind"], item["name"]) for item in mine["statement"]]
    got = [(item["kind"], item["name"]) for item in answer["statement"]]
    if kinds != got:
        yield f"items are {got}, the oracle says {kinds}"
        return
    for item, other in zip(mine["statement"], answer["statement"]):
        where = f"item {item['kind']} {item['name']}"
        for name in ITEM_NUMBERS:
            yield from differing(where, name, item.get(name), other[name])
        yield from money_text(where, other["amount"], digits)
    for name in ("subtotal", "net", "tax", "total"):
        yield from differing("statement", name, mine[name], answer[name])
    yield from payable_differences(mine["payable"], answer["payable"])
    limit, other = mine["spending_limit"], answer.get("spending_limit")
    if (limit is None) != (other is None):
        yield f"spending_limit is {other}, the oracle says {limit}"
    elif limit is not None:
        yield from differing("spending limit", "limit", limit["limit"], other["limit"])
        if limit["reached"] != [F(alert) for alert in other["reached"]]:
            yield f"spending limit: reached {other['reached']}, the oracle says {limit['reached']}"


def payable_differences(payable, other):
    if payable["currency"] != other["currency"]:
        yield f"payable in {other['currency']}, the oracle says {payable['currency']}"
    for name in ("net", "tax", "total"):
        yield from differing("payable", name, payable[name], other[name])
    for i, tax in enumerate(payable["taxes"]):
        yield from differing("payable", f"tax {i + 1}", tax, other["taxes"][i]["amount"])


def case_differences(case, status, text):
    """What differs between quote's answer to a case and the oracles' (a list of sentences)."""
    try:
        rated, mine = rate_case(case)
    except NoPrice as error:
        return [] if status == 1 and "price" in text else [f"the oracle says: {error}; quote (status {status}): {text}"]
    if mine is not None and mine["payable"] is None:
        return [] if status == 1 and "exchange" in text else [f"no rate of exchange holds; quote (status {status}): {text}"]
    if status != 0:
        return [f"quote failed with status {status}: {text.strip()}"]
    answer = json.loads(text, parse_float=str)
    found = list(answer_differences(rated, answer))
    if mine is None:
        return found + list(differing("answer", "total", rated.total, answer["total"]))
    return found + list(statement_differences(mine, answer, rated.digits))
