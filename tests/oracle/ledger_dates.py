"""What holds when, and what is refused since a bill is final: members of accounts, contracts, price books, bounds of service.

Written from doc/contracts.md, doc/price-books.md and doc/corrections.md; no code shared with rater/.
"""
from period_oracle import microseconds, regular_start

BEFORE_ALL = -10**18


def following(month, step=1):
    number = int(month[:4]) * 12 + int(month[5:]) - 1 + step
    return f"{number // 12:04}-{number % 12 + 1:02}"


def latest(entries, month):
    """Of [(from month, what)] in the order of revisions: that of the latest first month not after `month`, of equals the later revision."""
    holding = [entry for entry in entries if entry[0] <= month]
    return max(enumerate(holding), key=lambda entry: (entry[1][0], entry[0]))[1][1] if holding else None


class Dates:
    """documents: in the order of issue."""

    def __init__(self):
        self.members = {}  # tenant: [(from month, account)]; the first from ""
        self.contracts = {}  # tenant: [(from month, contract)]
        self.calendars = {}  # name of a book: [(first instant in microseconds, book)]; the first is before everything
        self.services = {}  # account: (from or None, until or None), microseconds
        self.documents = []

    # What holds

    def account_of(self, tenant, month):
        return latest(self.members[tenant], month)

    def tenants_of(self, account, month):
        return sorted((tenant for tenant in self.members if self.account_of(tenant, month) == account), key=lambda name: name.encode())

    def accounts_in(self, month):
        return sorted({self.account_of(tenant, month) for tenant in self.members})

    def contract(self, tenant, month):
        return latest(self.contracts[tenant], month)

    def span(self, tenant, month):
        """Its period: first instant and end."""
        def start(contract, of):
            terms = contract or {}
            return regular_start(int(of[:4]), int(of[5:]), int(terms.get("billing_day", "1")), terms.get("time_zone", "UTC"))
        return start(self.contract(tenant, following(month, -1)), month), start(self.contract(tenant, month), following(month))

    def period(self, tenant, month):
        """In microseconds."""
        return tuple(microseconds(instant) for instant in self.span(tenant, month))

    def is_held(self, account, month):
        """Members of an account must have the same period and the same book, with or without usage."""
        return len({(self.period(tenant, month), (self.contract(tenant, month) or {}).get("price_book")) for tenant in self.tenants_of(account, month)}) > 1

    def books(self, tenant, month):
        """(the book at the start, [(instant, book), …] inside the period), by the calendar of now."""
        start, end = self.period(tenant, month)
        calendar = self.calendars[self.contract(tenant, month)["price_book"]]
        first = [book for at, book in calendar if at <= start][-1]
        return first, [(at, book) for at, book in calendar if start < at < end]

    def service(self, account, period):
        """The bounds of service that a period is cut by: (from or None, until or None)."""
        return self.inside(*self.services.get(account, (None, None)), period)

    @staticmethod
    def inside(begin, end, period):
        return (begin if begin is not None and begin > period[0] else None), (end if end is not None and end < period[1] else None)

    # What is refused

    def finals(self):
        """Invoices in force."""
        return [document for document in self.documents if document.kind == "invoice" and not document.void]

    def closed_to_contract(self, tenant, month):
        """A change from a month that is final for the tenant or another of its account, or before one."""
        return any(final.month >= month and self.account_of(final.tenant, final.month) == self.account_of(tenant, final.month) for final in self.finals())

    def closed_to_move(self, tenant, account, month):
        """One that belongs there already, and a month with an invoice, void or not, for anyone in either account."""
        return self.account_of(tenant, month) == account or any(
            document.kind == "invoice" and document.month >= month and
            (document.tenant == tenant or self.account_of(document.tenant, document.month) in (account, self.account_of(tenant, document.month)))
            for document in self.documents)

    def closed_to_service(self, account, begin, end):
        """Bounds that stand on an invoice, void or not, or do not, stay."""
        return any(document.account == account and document.service != self.inside(begin, end, document.period)
                   for document in self.documents if document.kind == "invoice")

    def closed_to_book(self, name, at):
        """An hour that is on a final invoice keeps its book. `at` is after all changes so far."""
        return any(final.contract["price_book"] == name and final.period[1] > at for final in self.finals())
