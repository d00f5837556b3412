"""Parts of the ledger oracle: records, documents, what changed of a period, a tenant's bill, and the difference of two bills."""
from dataclasses import dataclass, field

from contract_oracle import Statement
from exact import F

ZERO = F(0)
STEPS_1_TO_5 = ("usage", "markup", "discount", "minimum", "prepaid", "prepaid_fee", "overage")


@dataclass
class Record:
    row: dict  # as a row of quote usage, of one invocation or one capacity row
    at_us: int
    arrived: int
    reversed: int = None

    @property
    def tenant(self):
        return self.row["tenant"]

    def counts(self, arrived_to, reversed_to):
        return self.arrived <= arrived_to and (self.reversed is None or self.reversed > reversed_to)


@dataclass
class Document:
    kind: str  # invoice, credit_note, void
    tenant: str
    month: str
    now: int
    items: list  # {kind, name, amount, amount_exact, quantity, basis}
    totals: dict
    refers_to: "Document" = None
    contract: dict = None
    lines: list = field(default_factory=list)
    events: list = field(default_factory=list)
    void: bool = False
    bill: "Bill" = None  # of an invoice, as what follows
    period: tuple = None
    account: str = None
    service: tuple = None


@dataclass
class Event:
    """What changed of a final period from one count to another."""
    month: str
    base: Document  # None: the tenant had no invoice
    start: int
    end: int
    amount: F = ZERO
    differs: bool = False
    disposition: str = "billed"
    before: "Bill" = None
    after: "Bill" = None
    items: list = field(default_factory=list)  # differences of the statement
    carrier: Document = None

    @property
    def in_force(self):
        return not ((self.carrier is not None and self.carrier.void) or (self.base is not None and self.base.void))


class Bill:
    """A statement of one tenant's lines."""

    def __init__(self, contract, rated, tenant, period, used, adjustments):
        self.lines = [line for line in rated.lines if line["tenant"] == tenant]
        self.tenant, self.free_tiers = tenant, rated.free_tiers
        mine = type("Lines", (), {"lines": self.lines, "mode": rated.mode, "each": rated.each, "digits": rated.digits})
        made = Statement(contract, mine, "2026-01", {"used": [], "adjustments": adjustments})
        made.used = used
        made.term.start, made.term.end = period
        for step in (made.usage, made.markup, made.discounts, made.commitments, made.prepaid, made.adjust):
            step()
        self.spending_limit = made.limit()
        if self.spending_limit is not None:
            self.spending_limit["spend"] = made.round(self.spending_limit["spend"])  # as it is printed
        made.credits()
        made.taxes()
        self.statement, self.items = made, made.items
        self.total = made.finish()
        taxes = [item["amount"] for item in made.items if item["kind"] == "tax"]
        self.tax = sum(taxes, ZERO)
        self.payable = made.payable(rated.currency, self.total, taxes)

    @property
    def before_credits(self):
        return sum((item["value"] for item in self.items if item["kind"] in STEPS_1_TO_5), ZERO)

    def totals(self):
        return {"subtotal": self.items[0]["amount"], "net": self.total - self.tax, "tax": self.tax, "total": self.total,
                "payable": self.payable["total"], "payable_net": self.payable["net"], "payable_tax": self.payable["tax"]}


def number(item, key):
    return F(item.get(key) or 0)


def difference(before, after):
    """Items of two statements, paired by kind and name; those that do not differ are left out, the usage never."""
    pairs = {}
    for side, items in (("after", after), ("before", before)):
        for item in items:
            pairs.setdefault((item["kind"], item["name"]), {})[side] = item
    found = []
    for (kind, name), pair in pairs.items():
        item = {"kind": kind, "name": name}
        for key in ("amount", "amount_exact", "quantity", "basis"):
            item[key] = number(pair.get("after", {}), key) - number(pair.get("before", {}), key)
        if kind == "usage" or any(item[key] for key in ("amount", "amount_exact", "quantity")) or (len(pair) == 2 and item["basis"]):
            found.append(item)
    return found


def place(line):
    return tuple(line.get(key) for key in ("region", "architecture", "mode", "sku", "price", "model", "tier", "book")) + (line.get("order"),)


def lines_differ(before, after):
    def values(lines):
        found = {}
        for line in lines:
            key = place(line)
            assert key not in found, key
            found[key] = tuple(line[name] for name in ("quantity", "free_quantity", "amount_exact", "amount"))
        return found
    old, new = values(before), values(after)
    nothing = (ZERO,) * 4
    return any(old.get(key, nothing) != new.get(key, nothing) for key in set(old) | set(new))
