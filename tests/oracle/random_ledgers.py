"""Random lives of bills from a seed: accounts with books and contracts, members that come and go, usage on time and late, reversals, voids.

A world is told what happens step by step; the same steps go to the oracle (ledger_oracle) and, by the caller, to real commands.
"""
import copy
import random
from dataclasses import dataclass
from datetime import timedelta

from book_oracle import options_of, rate
from book_usage import EPOCH, NoPrice
from ledger_oracle import BEFORE_ALL, Ledger, Record, following
from random_books import REGIONS, BookMaker, changed_book, usage_row
from random_contracts import ContractMaker

HOUR_US = 3600 * 1000000
DAYS = ["1", "1", "15", "31"]
ZONES = ["UTC", "UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Santiago", "Pacific/Kiritimati"]
SECTIONS = ["markup", "discounts", "commitments", "prepaid", "credits", "spending_limit", "tax", "late_usage"]


def billable_row(chance, tenants):
    """A row that a record can hold: one invocation, or capacity inside one hour."""
    row = usage_row(chance, "2024-02", tenants)
    row.pop("started_at", None)
    if "capacity_units" in row:
        row.update(ready_s=chance.choice([1, 300, 301, 3600]), capacity_units=chance.choice([1, 2, 7, 100]), mode="provisioned")
        row.pop("ephemeral_mb", None)
        return row
    row.update(invocations=1, memory_mb=max(128, row["memory_mb"]))
    if "ephemeral_mb" in row:
        row["ephemeral_mb"] = max(512, row["ephemeral_mb"])
    if chance.random() < 0.5:
        row["duration_ms"] = str(chance.randint(0, 900000))
    if float(row["duration_ms"]) > 900000:
        row["duration_ms"] = "900000"
    return row


def instant_of(chance, start, end):
    """In the period: its first and last instant, edges of hours and of the hour about its edges, any."""
    kind = chance.randrange(6)
    if kind == 0:
        return start
    if kind == 1:
        return end - 1
    at = chance.randrange(start, end)
    if kind == 2:
        at -= at % HOUR_US
    if kind == 3:
        at -= at % HOUR_US + 1
    if kind == 4:
        at = chance.choice([start + chance.randrange(HOUR_US), end - 1 - chance.randrange(HOUR_US)])
    return min(max(at, start), end - 1)


@dataclass
class Group:
    """Tenants whose contracts have one book, billing day and zone: they can change between its accounts."""
    name: str
    accounts: list
    tenants: list
    book: str
    day: str
    zone: str


class World:
    """Groups of accounts of one seed. Its steps return what a caller has to do with the real thing; what is refused is said with it."""

    def __init__(self, seed, groups, first_month):
        self.chance, self.month, self.now, self.count = random.Random(seed), first_month, 0, 0
        self.void_chance = self.chance.choice([0.05, 0.15, 0.4])
        self.ledger = Ledger()
        self.rows = [billable_row(self.chance, ["nobody"]) for _ in range(16)]
        self.groups = [self.group(f"a{i}") for i in range(groups)]
        self.guests = []  # (tenant, group): alone for this month, to join the group in the next
        self.seen = {}  # what happened, counted

    def maybe(self, chance):
        return self.chance.random() < chance

    def tick(self):
        self.now += 1
        return self.now

    def happened(self, what, refused=False):
        key = what + (" refused" if refused else "")
        self.seen[key] = self.seen.get(key, 0) + 1

    # Set up

    def group(self, name):
        accounts = [f"{name}-{kind}" for kind in ("one", "two")[:self.chance.choice([1, 2, 2])]] + [f"{name}-own"]
        tenants = [f"{name}-{part}" for part in self.chance.sample(["x", "Y", "z"], self.chance.choice([2, 3, 3]))]
        for tenant in tenants:
            self.ledger.members[tenant] = [("", self.chance.choice(accounts[:-1]))]
            self.ledger.contracts[tenant] = []
        while True:
            book = {"default_region": self.chance.choice(REGIONS), **BookMaker(self.chance).book(), "name": f"book-{name}"}
            if self.rates(book):
                break
        for tier in book.get("free_tiers", []):
            if self.maybe(0.5):
                tier["partial_month"] = self.chance.choice(["by_day", "by_hour"])
        self.ledger.calendars[book["name"]] = [(BEFORE_ALL, book)]
        return Group(name, accounts, tenants, book["name"], self.chance.choice(DAYS), self.chance.choice(ZONES))

    def rates(self, book):
        """Does the book price all that may come?"""
        try:
            rate(book, [{**row, "architecture": architecture, "started_at": "2024-02-01T00:00:00Z"} for row in self.rows for architecture in ("x86_64", "arm64")
                        if row.get("architecture", "x86_64") == architecture], options_of("2024-02"))
        except NoPrice:
            return False
        return True

    # Steps

    def book_changes(self, group):
        """[(hour, book, refused)] inside the month's period of the group."""
        if not group.tenants:
            return []
        start, end = self.ledger.period(group.tenants[0], self.month)
        first, last = -(-start // HOUR_US), (end - 1) // HOUR_US
        calendar, made = self.ledger.calendars[group.book], []
        for hour in sorted(self.chance.randrange(first, last + 1) * HOUR_US for _ in range(self.chance.choice([1, 1, 2, 3]))):
            book = changed_book(self.chance, calendar[-1][1])
            if hour <= calendar[-1][0] or not self.rates(book):
                continue
            refused = self.ledger.closed_to_book(group.book, hour)
            self.happened("book changes", refused)
            if not refused:
                calendar.append((hour, book))
            made.append((hour, book, refused))
        return made

    def contract_maker(self, group, version=-1):
        return ContractMaker(self.chance, {"month": self.month, "book": self.ledger.calendars[group.book][version][1]})

    def terms_of(self, group):
        return {"price_book": group.book, "billing_day": group.day, "time_zone": group.zone}

    def fresh_contract(self, group, version=-1):
        contract = self.contract_maker(group, version).contract()
        if "exchange" in contract:
            contract["exchange"].insert(0, {"from": "2001-01-01", "rate": "1.25", "source": "random"})
        if self.maybe(0.2):
            contract["late_usage"] = {"months": str(self.chance.choice([0, 1, 1, 2]))}
        return {**contract, **self.terms_of(group)}

    def amended(self, group, contract):
        """Some sections as in another contract, or their amounts changed: what earlier bills used counts on under the same names."""
        contract, other = copy.deepcopy(contract), self.fresh_contract(group)
        for section in self.chance.sample(SECTIONS, self.chance.randint(1, 3)):
            entries = contract.get(section)
            if isinstance(entries, list) and self.maybe(0.6):
                for entry in entries:
                    for key in sorted({"amount", "limit", "minimum", "units", "fee"} & set(entry)):
                        entry[key] = self.chance.choice([entry[key], "0", "3.5", "250"])
            elif section in other:
                contract[section] = other[section]
            else:
                contract.pop(section, None)
        return {**contract, **self.terms_of(group)}

    def set_contract(self, tenant, month, contract):
        refused = self.ledger.closed_to_contract(tenant, month)
        self.happened("contracts", refused)
        if not refused:
            self.ledger.contracts[tenant].append((month, contract))
        return tenant, month, contract, refused

    def first_contracts(self, month):
        """[(tenant, first month, contract, refused)]"""
        return [self.set_contract(tenant, month, self.fresh_contract(group)) for group in self.groups for tenant in group.tenants]

    def new_contracts(self, group):
        """Contracts of all, under another day or zone; or of some; or for a month that is closed."""
        if self.maybe(0.25):
            group.day, group.zone = self.chance.choice(DAYS), self.chance.choice(ZONES)
            if not any(self.ledger.closed_to_contract(tenant, self.month) for tenant in group.tenants):
                self.happened("days and zones")
                return [self.set_contract(tenant, self.month, self.amended(group, self.ledger.contract(tenant, self.month))) for tenant in group.tenants]
            self.keep_terms(group)
        made = []
        for tenant in group.tenants:
            if self.maybe(0.4):
                before = self.ledger.contract(tenant, self.month)
                made.append(self.set_contract(tenant, self.month, self.amended(group, before) if self.maybe(0.7) else self.fresh_contract(group)))
            if self.maybe(0.1) and self.ledger.closed_to_contract(tenant, following(self.month, -1)):
                made.append(self.set_contract(tenant, following(self.month, -1), self.fresh_contract(group)))
        return made

    def keep_terms(self, group):
        held = self.ledger.contract(group.tenants[0], self.month)
        group.day, group.zone = held["billing_day"], held["time_zone"]

    # Members

    def move(self, tenant, account, month):
        refused = self.ledger.closed_to_move(tenant, account, month)
        self.happened("moves", refused)
        if not refused:
            self.ledger.members[tenant].append((month, account))
        return tenant, account, month, refused

    def moves(self, group):
        """[(tenant, account, first month, refused)] between the accounts of the group, now and then for a month that is over."""
        return [self.move(tenant, self.chance.choice(group.accounts), self.month if self.maybe(0.85) else following(self.month, -1))
                for tenant in group.tenants if self.maybe(0.3)]

    def leave(self):
        """One goes to another group: alone for a month, whose end is the other group's, and then a member. (move, contract) or None.
        Its contract names what every version of the other book has: the last may begin after its period."""
        if len(self.groups) < 2:
            return None
        old, new = self.chance.sample(self.groups, 2)
        if len(old.tenants) < 2:
            return None
        tenant = self.chance.choice(old.tenants)
        move = self.move(tenant, f"{tenant}-alone", self.month)
        if move[3] or self.ledger.closed_to_contract(tenant, self.month):
            return (move, None)
        old.tenants.remove(tenant)
        self.guests.append((tenant, new, following(self.month)))
        self.happened("joins another group")
        return (move, self.set_contract(tenant, self.month, self.fresh_contract(new, 0)))

    def arrivals(self):
        """Guests of the month before become members of an account of their group."""
        made, waiting = [], []
        for tenant, group, month in self.guests:
            if month > self.month:
                waiting.append((tenant, group, month))
                continue
            made.append(self.move(tenant, self.chance.choice(group.accounts), self.month))
            group.tenants.append(tenant)
        self.guests = waiting
        return made

    def service_change(self, group):
        """(account, from, until, refused): bounds in or about this month, of seconds too."""
        account = self.chance.choice(group.accounts)
        if not group.tenants or account not in {entry[1] for entries in self.ledger.members.values() for entry in entries}:
            return None
        start, end = self.ledger.period(group.tenants[0], self.chance.choice([self.month, self.month, following(self.month)]))
        bounds = sorted(self.chance.sample(range(start // 1000000 - 86400, end // 1000000 + 86400, self.chance.choice([1, 3600, 86400])), 2))
        kind = self.chance.choice(["from", "until", "both"])
        bounds = (bounds[0] * 1000000 if kind != "until" else None, bounds[1] * 1000000 if kind != "from" else None)
        refused = self.ledger.closed_to_service(account, *bounds)
        self.happened("bounds of service", refused)
        if not refused:
            self.ledger.services[account] = bounds
        return account, *bounds, refused

    # Usage

    def usage(self, tenants, month, count):
        """Records of a month's period of these tenants, which arrive at the next tick."""
        made = []
        for _ in range(count if tenants else 0):
            tenant = self.chance.choice(tenants)
            start, end = self.ledger.period(tenant, month)
            row = {**self.chance.choice(self.rows), "tenant": tenant}
            at = instant_of(self.chance, start, end)
            if "capacity_units" in row:
                at -= at % HOUR_US
                if at < start:
                    continue
            self.count += 1
            row["request_id"] = f"r{self.count}"
            row["started_at"] = (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            made.append(Record(row, at, None))
        return made

    def late_usage(self):
        """Of months that are final for somebody in the tenant's account of then."""
        made = []
        for tenant in self.ledger.members:
            for month in self.ledger.months_final(tenant):
                if self.maybe(0.35):
                    made += self.usage([tenant], month, self.chance.choice([1, 1, 2, 5]))
        return made

    def arrive(self, records):
        now = self.tick()
        for record in records:
            record.arrived = now
        self.ledger.records += records

    def some_records(self, most):
        standing = [record for record in self.ledger.records if record.reversed is None]
        return self.chance.sample(standing, min(len(standing), self.chance.randint(1, most)))

    def take_back_records(self, records):
        now = self.tick()
        for record in records:
            record.reversed = now


__all__ = ["World", "following"]
