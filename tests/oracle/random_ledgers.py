"""Random lives of bills from a seed: accounts with books and contracts, usage on time and late, reversals, voids, month after month.

A world is told what happens step by step; the same steps go to the oracle (ledger_oracle) and, by the caller, to real commands.
"""
import random
from datetime import timedelta

from book_oracle import options_of, rate
from book_usage import EPOCH, NoPrice
from ledger_oracle import Account, Record, following
from period_oracle import microseconds
from random_books import REGIONS, BookMaker, changed_book, usage_row
from random_contracts import ContractMaker

HOUR_US = 3600 * 1000000


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


class World:
    """Accounts of one seed. Its steps return what a caller has to do with the real thing."""

    def __init__(self, seed, accounts, first_month):
        self.chance, self.month, self.now, self.count = random.Random(seed), first_month, 0, 0
        self.void_chance = self.chance.choice([0.05, 0.15, 0.4])
        self.accounts = [self.account(f"a{i}") for i in range(accounts)]

    def maybe(self, chance):
        return self.chance.random() < chance

    def tick(self):
        self.now += 1
        return self.now

    # Set up

    def account(self, name):
        tenants = [f"{name}-{part}" for part in self.chance.sample(["x", "Y", "z"], self.chance.choice([1, 1, 2, 3]))]
        account = Account(name, tenants, [])
        account.with_contracts = self.maybe(0.8)
        account.rows = [billable_row(self.chance, tenants) for _ in range(12)]
        account.day = self.chance.choice(["1", "1", "15", "31"])
        account.zone = self.chance.choice(["UTC", "UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Santiago", "Pacific/Kiritimati"])
        while True:
            book = {"default_region": self.chance.choice(REGIONS), **BookMaker(self.chance).book(), "name": f"book-{name}"}
            if self.rates(book, account.rows):
                break
        account.calendar = [(-10**18, book)]
        return account

    def rates(self, book, rows):
        """Does the book price all that may come?"""
        try:
            rate(book, [{**row, "architecture": architecture, "started_at": "2024-02-01T00:00:00Z"} for row in rows for architecture in ("x86_64", "arm64")
                        if row.get("architecture", "x86_64") == architecture], options_of("2024-02"))
        except NoPrice:
            return False
        return True

    # Steps

    def book_change(self, account):
        """(hour, book) inside the month's period, or None."""
        start, end = (microseconds(instant) for instant in account.period(self.month))
        first, last = -(-start // HOUR_US), (end - 1) // HOUR_US
        hour = self.chance.randrange(first, last + 1) * HOUR_US
        if hour <= account.calendar[-1][0]:
            return None
        for _ in range(20):
            book = changed_book(self.chance, account.calendar[-1][1])
            if self.rates(book, account.rows):
                account.calendar.append((hour, book))
                account.rated.clear()
                return hour, book
        return None

    def contract_of(self, account, tenant):
        book = account.calendar[-1][1]
        maker = ContractMaker(self.chance, {"month": self.month, "book": book})
        contract = maker.contract()
        for key in ("billing_day", "time_zone"):
            contract.pop(key, None)
        contract.update(price_book=book["name"], billing_day=account.day, time_zone=account.zone)
        if "exchange" in contract:
            contract["exchange"].insert(0, {"from": "2001-01-01", "rate": "1.25", "source": "random"})
        if self.maybe(0.2):
            contract["late_usage"] = {"months": str(self.chance.choice([0, 1, 1, 2]))}
        return contract

    def contracts(self, account, from_month):
        """[(tenant, contract)] that hold from a month on."""
        given = []
        for tenant in account.tenants:
            contract = self.contract_of(account, tenant)
            account.contracts[tenant].append((from_month, contract))
            given.append((tenant, contract))
        account.rated.clear()
        return given

    def usage(self, account, month, count):
        """Records of a month's period, which arrive at the next tick."""
        start, end = (microseconds(instant) for instant in account.period(month))
        made = []
        for _ in range(count):
            row = dict(self.chance.choice(account.rows))
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

    def arrive(self, records_by_account):
        now = self.tick()
        for account, records in records_by_account:
            for record in records:
                record.arrived = now
            account.records += records

    def some_records(self, account, most):
        standing = [record for record in account.records if record.reversed is None]
        return self.chance.sample(standing, min(len(standing), self.chance.randint(1, most)))

    def take_back_records(self, records):
        now = self.tick()
        for record in records:
            record.reversed = now


__all__ = ["World", "following"]
