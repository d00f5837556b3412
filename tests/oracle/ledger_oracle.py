"""The life of bills, in exact fractions: final invoices, what arrives or is taken back afterwards, credit notes, voids, balances.

Written from doc/corrections.md and doc/contracts.md, on top of the oracles of one bill; no code shared with rater/. Time is a count of
what happened (`now`): a record arrives, a reversal is found, a run looks at all up to its own number.
"""
from datetime import timedelta

from book_oracle import Options, rate
from book_usage import EPOCH
from exact import F, printed
from ledger_dates import BEFORE_ALL, Dates, following
from ledger_parts import STEPS_1_TO_5, ZERO, Bill, Document, Event, Record, difference, lines_differ, number
from parts_oracle import rate_parts

BALANCES = ("discount", "minimum", "prepaid", "prepaid_fee", "credit")
PLAIN = {"name": "none", "version": "1"}


class Ledger(Dates):
    def __init__(self):
        super().__init__()
        self.records = []
        self.events = []
        self.rated = {}

    # Usage

    def rate(self, account, month, arrived_to, reversed_to, left_out=None):
        """The account's bill by its book alone. left_out: (tenant, [(after, up to)]): records that were written off."""
        members = self.tenants_of(account, month)
        first, last = self.period(members[0], month)
        tenant, spans = left_out or (None, [])
        rows = [record.row for record in self.records
                if record.tenant in members and first <= record.at_us < last and record.counts(arrived_to, reversed_to) and
                not (record.tenant == tenant and any(low < record.arrived <= high for low, high in spans))]
        return self.rate_rows(account, month, rows)

    def rate_rows(self, account, month, rows):
        member = self.tenants_of(account, month)[0]
        first, last = self.period(member, month)
        bounds = self.service(account, (first, last))
        book, changes = self.books(member, month)
        key = (account, first, last, bounds, id(book), tuple((at, id(other)) for at, other in changes), tuple(id(row) for row in rows))
        if key not in self.rated:
            options = Options(first, last, True, *bounds)
            self.rated[key] = rate_parts(book, [(instant_text(at), other) for at, other in changes], rows, options) if changes else rate(book, rows, options)
            self.rated[key].currency = book["currency"]
        return self.rated[key]

    # Documents

    def final(self, tenant, month):
        found = [document for document in self.documents if (document.kind, document.tenant, document.month, document.void) == ("invoice", tenant, month, False)]
        return found[0] if found else None

    def was_final(self, tenant, month):
        return any((document.kind, document.tenant, document.month) == ("invoice", tenant, month) for document in self.documents)

    def invoices_of(self, account, month):
        """All that there ever were."""
        return [document for document in self.documents if document.kind == "invoice" and document.month == month and
                self.account_of(document.tenant, month) == account]

    def months_final(self, tenant):
        """Those of which somebody in the tenant's account of then has an invoice in force."""
        return sorted({final.month for final in self.finals() if self.account_of(final.tenant, final.month) == self.account_of(tenant, final.month)})

    def used(self, tenant, beside=None, extra=()):
        """What final documents used, summed by kind and name. beside: (month, base document)."""
        sums = {}

        def add(items, counts):
            for item in items:
                if item["kind"] in BALANCES and item["name"] is not None:
                    entry = sums.setdefault((item["kind"], item["name"]), {"amount": ZERO, "quantity": ZERO, "basis": ZERO, "items": 0})
                    for key in ("amount", "quantity", "basis"):
                        entry[key] += printed(number(item, key))
                    entry["items"] += counts
        for document in self.documents:
            base = beside[1] if beside else None
            if document.tenant != tenant or (base is not None and (document is base or document.refers_to is base)):
                continue
            about = document.refers_to
            add(document.items, {"invoice": 1, "void": -1 if about is not None and about.kind == "invoice" else 0}.get(document.kind, 0))
        for event in self.events:
            if event.tenant == tenant and event.disposition == "billed" and event.in_force and not (beside and event.month == beside[0] and event.base is beside[1]):
                add(event.items, 0)
        for event in extra:
            if not (beside and event.month == beside[0] and event.base is beside[1]):
                add([item for item in event.items if item["kind"] in STEPS_1_TO_5 or event.disposition == "credited"], 0)
        return sums

    def taken(self, base, extra=()):
        """Credits that an invoice took, less what credit notes about it gave back."""
        sums = {}
        notes = [document for document in self.documents if document.kind == "credit_note" and document.refers_to is base and not document.void]
        for items in [base.items if base else []] + [note.items for note in notes if base] + \
                [event.items for event in extra if base and event.base is base and event.disposition == "credited"]:
            for item in items:
                if item["kind"] == "credit":
                    sums[item["name"]] = sums.get(item["name"], ZERO) + item["amount"]
        return sums

    # Corrections

    def links(self, tenant, month, base):
        return sorted(((event.start, event.end) for event in self.events
                       if event.tenant == tenant and event.month == month and event.base is base and event.in_force), key=lambda link: link[0])

    def chains(self, tenant, before, now):
        """[(month, base, from, to)] that may have changed."""
        found = []
        for month in self.months_final(tenant):
            if month >= before:
                continue
            base = self.final(tenant, month)
            if base is None and self.was_final(tenant, month):
                continue  # void: the month is open again
            first = base.now if base else min(document.now for document in self.invoices_of(self.account_of(tenant, month), month))
            at = first
            for start, end in self.links(tenant, month, base):
                if at < start:
                    found.append((month, base, at, start))
                at = max(at, end)
            found.append((month, base, at, now))
        return found

    def event(self, tenant, chain, month, late_months, extra, as_billed):
        of, base, start, end = chain
        contract = (base.contract if base else self.contract(tenant, of)) or PLAIN
        spans = [(event.start, event.end) for event in self.events
                 if event.tenant == tenant and event.month == of and event.base is base and event.in_force and event.disposition == "written_off" and event.end <= start]
        used = self.used(tenant, (of, base), extra)
        taken = self.taken(base, extra)
        for credit in contract.get("credits", []):
            used[("credit", credit["name"])] = {"amount": -F(credit["amount"]) - taken.get(credit["name"], ZERO)}
        adjustments = [{"name": item["name"], "amount": item["amount_exact"]} for item in (base.items if base else []) if item["kind"] == "adjustment"]

        def bill(arrived_to, reversed_to):
            return Bill(contract, self.rate(self.account_of(tenant, of), of, arrived_to, reversed_to, (tenant, spans)), tenant, self.span(tenant, of), used, adjustments)
        before, reversed_only, after = bill(start, start), bill(start, end), bill(end, end)
        event = Event(of, base, start, end)
        event.tenant = tenant
        apart = int(month[:4]) * 12 + int(month[5:]) - int(of[:4]) * 12 - int(of[5:])
        written_off = None
        if late_months is not None and apart > late_months and lines_differ(reversed_only.lines, after.lines) and \
                after.before_credits >= reversed_only.before_credits:
            written_off = Event(of, base, start, end, after.before_credits - reversed_only.before_credits, True, "written_off")
            written_off.tenant = tenant
            after = reversed_only
        event.before, event.after = before, after
        event.differs = lines_differ(before.lines, after.lines)
        event.amount = after.before_credits - before.before_credits
        event.disposition = "credited" if event.amount < 0 and base is not None and not as_billed else "billed"
        event.items = difference(before.items, after.items)
        return event if event.differs else None, written_off

    def plan(self, tenant, month, now):
        """(credited events, billed events, written off) of a run for `month`."""
        contract = self.contract(tenant, month) or {}
        late = int(contract["late_usage"]["months"]) if "late_usage" in contract else None
        made, off, extra = [], [], []
        for chain in self.chains(tenant, month, now):
            event, written_off = self.event(tenant, chain, month, late, extra, False)
            if written_off:
                off.append(written_off)
            if event is None:
                continue
            made.append((chain, event))
            if event.disposition == "credited":
                extra.append(event)
        credited, billed = [event for _, event in made if event.disposition == "credited"], []
        for chain, event in made:
            if event.disposition == "credited":
                continue
            if extra:
                event, _ = self.event(tenant, chain, month, late, extra, True)
            if event is not None:
                billed.append(event)
                extra.append(event)
        return credited, billed, off

    def bills_without_usage(self, contract):
        return bool(contract.get("commitments")) or any("fee" in entry for entry in contract.get("prepaid", []))

    def run(self, month, now, keep):
        """What a run says of each tenant: {tenant: (invoice or None, [credit notes], [written off])}. keep: it is the final one."""
        answers = {}
        for account in self.accounts_in(month):
            if not self.is_held(account, month):
                answers.update(self.run_account(account, month, now))
        if keep:
            for invoice, notes, off in answers.values():
                self.documents += notes + ([invoice] if invoice else [])
                for note in notes:
                    self.events += note.events
                self.events += (invoice.events if invoice else []) + off
        return answers

    def run_account(self, account, month, now):
        tenants, answers = self.tenants_of(account, month), {}
        first, last = self.period(tenants[0], month)
        rated = self.rate(account, month, now, now)
        users = {record.tenant for record in self.records if record.tenant in tenants and first <= record.at_us < last and record.counts(now, now)}
        settled = any(self.final(tenant, month) is not None for tenant in users)
        for tenant in tenants:
            if self.final(tenant, month) is not None or (settled and tenant in users and not self.was_final(tenant, month)):
                continue  # what the account shares is settled: late usage of one that has no invoice waits for an adjustment
            answers[tenant] = self.run_tenant(tenant, month, now, rated, tenant in users)
        return answers

    def run_tenant(self, tenant, month, now, rated, has_usage):
        credited, billed, off = self.plan(tenant, month, now)
        contract = self.contract(tenant, month)
        notes = []
        for event in credited:
            before, after = event.before.totals(), event.after.totals()
            note = Document("credit_note", tenant, event.month, now, event.items, {key: after[key] - before[key] for key in after}, event.base,
                            event.base.contract, events=[event])
            event.carrier = note
            notes.append(note)
        if not (has_usage or billed or (contract is not None and self.bills_without_usage(contract))):
            return None, notes, off
        used = self.used(tenant, None, credited + billed)
        adjustments = [{"name": event.month, "amount": event.amount} for event in billed]
        bill = Bill(contract or PLAIN, rated, tenant, self.span(tenant, month), used, adjustments)
        invoice = Document("invoice", tenant, month, now, bill.items, bill.totals(), None, contract, bill.lines, billed)
        account = self.account_of(tenant, month)
        invoice.bill, invoice.period, invoice.account = bill, self.period(tenant, month), account
        invoice.service = self.service(account, invoice.period)
        for event in billed:
            event.carrier = invoice
        return invoice, notes, off

    def carried(self, invoice):
        """Is an adjustment of it billed on another?"""
        return any(event.base is invoice and event.disposition == "billed" and event.in_force for event in self.events)

    def take_back(self, invoice, now):
        """Its void, and those of the credit notes about it."""
        notes = [document for document in self.documents if document.refers_to is invoice and document.kind == "credit_note" and not document.void]
        made = []
        for document in notes + [invoice]:
            items = [{**item, **{key: -number(item, key) for key in ("amount", "amount_exact", "quantity", "basis")}} for item in document.items]
            made.append(Document("void", document.tenant, document.month, now, items, {key: -value for key, value in document.totals.items()}, document))
            document.void = True
        self.documents += made
        return made


def instant_text(us):
    """A full second as RFC 3339."""
    assert us % 1000000 == 0
    return (EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["BEFORE_ALL", "Ledger", "Record", "Document", "following", "instant_text"]
