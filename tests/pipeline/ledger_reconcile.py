"""`millibill reconcile` in a random world: a log that differs from the bill on purpose, and what each difference is worth by the oracle."""
import copy
import json
from fractions import Fraction as F

from book_usage import NoPrice, instant_us
from ledger_oracle import instant_text

CHANGES = {"duration_ms": ["0", "1.001", "900000"], "init_duration_ms": ["0", "0.001", "2500"], "memory_mb": [128, 1000, 10240], "ephemeral_mb": [512, 10240],
           "architecture": ["arm64", "x86_64"], "region": ["us-east-1", "eu-central-1", "ap-1"], "mode": ["on_demand", "provisioned"],
           "package": ["managed", "custom", "image"], "cpu_ms": ["0", "77.7"], "response_bytes": [0, 7000000], "streamed": [True, False],
           "max_memory_used_mb": [1, 777], "function": ["f", "img-a"], "started_at": None}
CAPACITY = {"memory_mb", "architecture", "region", "function"}
DEFAULTS = {"init_duration_ms": "0", "ephemeral_mb": 512, "architecture": "x86_64", "mode": "on_demand", "package": "managed", "streamed": False}


class Reconciled:
    """One final invoice, the usage of its account as it was rated, and a log of the tenant."""

    def __init__(self, chance, ledger, invoice, number):
        self.chance, self.ledger, self.invoice, self.number = chance, ledger, invoice, number
        first, last = invoice.period
        members = ledger.tenants_of(invoice.account, invoice.month)
        counting = [record for record in ledger.records if record.counts(invoice.now, invoice.now)]
        self.rows = [record.row for record in counting if record.tenant in members and first <= record.at_us < last]
        self.log, self.changed = [], {}  # request id: (row on the bill or None, row of the log or None, fields that differ)
        for row in self.rows:
            if row["tenant"] == invoice.tenant:
                self.write(row)
        self.add_own()

    def write(self, row):
        """A row of the bill as the log has it."""
        name, kind = row["request_id"], self.chance.randrange(10)
        if kind == 0:
            self.changed[name] = (row, None, set())
            return
        mine = copy.copy(row)
        able = [key for key in CHANGES if "capacity_units" not in row or key in CAPACITY]
        for key in self.chance.sample(able, self.chance.choice([1, 1, 2, 3])) if kind < 6 else []:
            mine[key] = self.other_start() if key == "started_at" else self.chance.choice(CHANGES[key])
        self.log.append(mine)
        differs = {key for key in CHANGES if self.fact(mine, key) != self.fact(row, key) and not (key in ("region", "function") and key not in mine)}
        if "response_bytes" not in mine:
            differs.discard("streamed")  # nothing is said of what was sent back
        if differs:
            as_in_file = {**row, **{key: mine[key] for key in differs if key in mine}}
            self.changed[name] = (row, as_in_file, differs)

    @staticmethod
    def fact(row, key):
        found = row.get(key, DEFAULTS.get(key))
        return F(str(found)) if found is not None and key.endswith(("_ms", "_mb", "_bytes")) else found

    def other_start(self):
        start, end = self.invoice.period
        return instant_text(self.chance.randrange(start // 1000000 - 3600, end // 1000000 + 3600) * 1000000)

    def add_own(self):
        """Invocations that nobody was billed for."""
        usual = [row for row in self.rows if "capacity_units" not in row and row["tenant"] == self.invoice.tenant]
        for i, row in enumerate(self.chance.sample(usual, min(2, len(usual)))):
            mine = {**row, "request_id": f"own-{i}", "duration_ms": "4321"}
            self.log.append(mine)
            self.changed[mine["request_id"]] = (None, mine, set())

    # What it comes to

    def rate(self, rows):
        rated = self.ledger.rate_rows(self.invoice.account, self.invoice.month, rows)
        lines = [line for line in rated.lines if line["tenant"] == self.invoice.tenant]
        return sum((line["amount_exact"] for line in lines), F(0)), sum((line["amount"] for line in lines), F(0))

    def inside(self, row):
        first, last = self.invoice.period
        return row is not None and first <= instant_us(row["started_at"]) < last

    def with_change(self, rows, change):
        billed, mine, _ = change
        kept = [row for row in rows if row is not billed]
        return kept + ([mine] if self.inside(mine) else [])

    def status(self, name):
        billed, mine, _ = self.changed[name]
        return "missing_in_file" if mine is None else "missing_on_bill" if billed is None else "differs"

    def check(self, differences, where, answer):
        """Each row, and all at once."""
        got = {row["request_id"]: row for row in answer["rows"]}
        told = {name: (row["status"], sorted(row["differs"])) for name, row in got.items()}
        expected = {name: (self.status(name), sorted(change[2])) for name, change in self.changed.items()}
        if told != expected:
            differences.found.append(f"{where}: rows {[(name, told.get(name), expected.get(name)) for name in sorted(set(told) | set(expected)) if told.get(name) != expected.get(name)]}")
            return
        base, all_rows = self.rate(self.rows)[0], self.rows
        for name in got:  # in the order in which they were told
            try:
                worth = self.rate(self.with_change(self.rows, self.changed[name]))[0] - base
            except NoPrice:
                if got[name]["worth_exact"] is not None:
                    differences.found.append(f"{where}: {name} has a worth, and there is no price")
                continue
            all_rows = self.with_change(all_rows, self.changed[name])
            differences.number(f"{where}: worth of {name} {self.changed[name]}", worth, got[name]["worth_exact"])
        [tenant] = answer["tenants"]
        for key, rows in (("as_billed", self.rows), ("as_in_files", all_rows)):
            exact, amount = self.rate(rows)
            differences.number(f"{where}: {key} exact", exact, tenant[key]["amount_exact"])
            differences.number(f"{where}: {key}", amount, tenant[key]["amount"])
        if tenant["invoice"]["number"] != self.number:
            differences.found.append(f"{where}: the bill is {tenant['invoice']['number']}, expected {self.number}")

    def as_lines(self):
        return "".join(json.dumps({key: value for key, value in row.items() if "capacity_units" in row or key != "invocations"}) + "\n" for row in self.log)


__all__ = ["Reconciled"]
