"""Short words for writing rating vectors: a vector is (name, book, usage, options, what was worked by hand)."""
import copy
import re


class Vectors:
    """The vectors of one file: books by name, and cases that refer to them."""

    def __init__(self):
        self.books, self.contracts, self.cases = {}, {}, []

    def book(self, name, *meters, **top):
        """Keep a book: half up, each line, 1 ms, USD, unless `top` says otherwise."""
        rounding = {"mode": "half_up", "each": "line", **top.pop("rounding", {})}
        self.books[name] = {"name": re.sub("[^a-z0-9._-]", "-", name.lower()), "version": "1", "currency": "USD", "default_region": "us-east-1", "rounding": rounding,
                            "duration": {"granularity_ms": "1"}, **top, "meters": list(meters)}
        return name

    def contract(self, name, **members):
        self.contracts[name] = {"name": name, "version": "1", **members}
        return name

    def add(self, name, book, usage, month="2026-10", hand=None, rule=None, **options):
        """`hand`: (the arithmetic in words, the total) as worked by hand from the text; `rule`: the same by a formula for many vectors."""
        case = {"name": name, "book": book, "month": month, "usage": usage if isinstance(usage, list) else [usage], **options}
        for by, worked in (("by_hand", hand), ("by_rule", rule)):
            if worked is not None:
                case[by] = {"arithmetic": worked[0], "total": worked[1]}
        self.cases.append(case)

    def complete(self, case):
        """The case with its book and contract in full."""
        whole = copy.deepcopy(case)
        whole["book"] = self.books.get(case["book"], case["book"])
        if "contract" in case:
            whole["contract"] = self.contracts[case["contract"]]
        if "changes" in case:
            whole["changes"] = [[at, copy.deepcopy(self.books[book])] for at, book in case["changes"]]
        return whole


def meter(sku, measure, *prices, **members):
    return {"sku": sku, "description": sku, "unit": members.pop("unit", "unit"), "measure": measure, **members, "prices": list(prices)}


def price(model, **members):
    return {"model": model, **members}


def per_unit(unit_price, **members):
    return price("per_unit", unit_price=unit_price, **members)


def tier(up_to, unit_price, fee=None):
    return {**({} if up_to is None else {"up_to": up_to}), "unit_price": unit_price, **({} if fee is None else {"fee": fee})}


def calls(invocations, duration_ms="0", **members):
    """A row: so many invocations, 1024 MB unless it says so (so GB-seconds are seconds)."""
    return {"function": "f", "memory_mb": 1024, "invocations": invocations, "duration_ms": duration_ms, **members}


def seconds(text, **members):
    """One invocation of so many seconds."""
    whole, _, rest = text.partition(".")
    return calls(1, str(int(whole + rest.ljust(3, "0")[:3])) + ("." + rest[3:] if rest[3:] else ""), **members)


def free(name, quantity, skus, allocation, **members):
    return {"name": name, "quantity": quantity, "skus": skus, "allocation": allocation, **members}
