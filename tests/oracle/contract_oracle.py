"""An independent statement under a contract, in exact fractions: written from doc/contracts.md alone, no code shared with rater/.

statement(contract, rated, month, balances) goes on from the lines that book_oracle.rate() gives.
"""
from datetime import timedelta

from exact import F, minor_digits, round_to
from period_oracle import date_start, microseconds, period_of

ZERO = F(0)
MICROSECOND = timedelta(microseconds=1)


class Term:
    """The period of a bill, and what an entry's dates cover of it."""

    def __init__(self, contract, month):
        self.zone = contract.get("time_zone", "UTC")
        self.start, self.end = period_of(month, int(contract.get("billing_day", "1")), self.zone)
        self.start_us, self.end_us = microseconds(self.start), microseconds(self.end)

    def day(self, entry, key):
        return date_start(entry[key], self.zone) if key in entry else None

    def holds_at(self, entry, instant):
        begin, end = self.day(entry, "from"), self.day(entry, "until")
        return (begin is None or begin <= instant) and (end is None or instant < end)

    def covered(self, entry):
        begin, end = self.day(entry, "from"), self.day(entry, "until")
        first = self.start if begin is None else max(begin, self.start)
        last = self.end if end is None else min(end, self.end)
        return max(first, last) - first

    def share(self, entry):
        if entry.get("partial", "start") == "share":
            return F(self.covered(entry) // MICROSECOND, (self.end - self.start) // MICROSECOND)
        return F(1) if self.holds_at(entry, self.start) else ZERO


class Rest:
    """A line or a charge: what is left of its value."""

    def __init__(self, value, line=None):
        self.rest, self.line = value, line
        self.uncovered = ZERO if line is None else line["billed_quantity"]


class Statement:
    def __init__(self, contract, rated, month, balances):
        self.contract, self.rated, self.term = contract, rated, Term(contract, month)
        self.by_line = rated.each == "line"
        self.lines = [Rest(line["amount"] if self.by_line else line["amount_exact"], line) for line in rated.lines]
        self.charges, self.items = [], []
        self.used = {(use["kind"], use["name"]): use for use in balances.get("used", [])}
        self.adjustments = balances.get("adjustments", [])

    # Tools

    def round(self, value):
        return round_to(value, self.rated.mode, self.rated.digits)

    def value_of(self, x, cap=None):
        """The value of an exact amount, by the place of rounding; a taking's never exceeds its cap."""
        if not self.by_line:
            return x
        value = self.round(x)
        return round_to(cap, "down", self.rated.digits) if cap is not None and value > cap else value

    def earlier(self, kind, name, member):
        return F(self.used.get((kind, name), {}).get(member, "0"))

    def item(self, kind, name, x, value, **members):
        self.items.append({"kind": kind, "name": name, "amount_exact": x, "value": value, "amount": self.round(value), **members})
        return self.items[-1]

    def covers(self, entry):
        return [line for line in self.lines if "on" not in entry or line.line["sku"] in entry["on"]]

    @staticmethod
    def basis_of(rests):
        return sum((rest.rest for rest in rests), ZERO)

    @staticmethod
    def spread(value, rests, weights):
        total = sum(weights, ZERO)
        if total:
            for rest, weight in zip(rests, weights):
                rest.rest += value * weight / total

    def entries(self, key):
        """Those of a list that hold, with their share."""
        for entry in self.contract.get(key, []):
            share = self.term.share(entry)
            if share:
                yield entry, share

    # Steps

    def usage(self):
        self.item("usage", None, sum((line.line["amount_exact"] for line in self.lines), ZERO), self.basis_of(self.lines))

    def markup(self):
        for entry, share in self.entries("markup"):
            rests = self.covers(entry)
            basis = self.basis_of(rests)
            x = basis * F(entry["percent"]) / 100 * share
            value = self.value_of(x)
            self.item("markup", entry["name"], x, value, basis=basis, rate=F(entry["percent"]), share=share)
            self.spread(value, rests, [rest.rest for rest in rests])

    def discounts(self):
        for entry, share in self.entries("discounts"):
            rests = self.covers(entry)
            basis = cap = self.basis_of(rests)
            percent = "percent" in entry
            x = (basis * F(entry["percent"]) / 100 if percent else F(entry["amount"])) * share
            limit = None
            if "limit" in entry:
                term = entry.get("limit_every") == "term"
                limit = max(ZERO, F(entry["limit"]) + self.earlier("discount", entry["name"], "amount")) if term else F(entry["limit"]) * share
                cap = min(cap, limit)
            x = min(x, cap)
            value = self.value_of(x, cap)
            done = self.item("discount", entry["name"], -x, -value, basis=basis, rate=F(entry["percent"]) if percent else None, share=share)
            done["left"] = None if limit is None else max(ZERO, limit + done["amount"])
            self.spread(-value, rests, [rest.rest for rest in rests])

    def commitments(self):
        for entry, share in self.entries("commitments"):
            spend = self.basis_of(self.covers(entry))
            rate = F(entry["minimum"]) * share
            due = True
            if entry.get("every") == "term":
                rate = max(ZERO, F(entry["minimum"]) - self.earlier("minimum", entry["name"], "basis"))
                due = self.term.end >= self.term.day(entry, "until")
            x = max(ZERO, rate - spend) if due else ZERO
            value = self.value_of(x)
            self.item("minimum", entry["name"], x, value, basis=spend, rate=rate, share=share)
            self.charges.append(Rest(value))

    def prepaid(self):
        prices = {}
        for entry, share in self.entries("prepaid"):
            self.cover(entry, share)
            if "overage_unit_price" in entry:
                prices.pop(entry["sku"], None)
                prices[entry["sku"]] = entry
            if "fee" not in entry:
                continue
            term = entry.get("every") == "term"
            if term and self.earlier("prepaid_fee", entry["name"], "items"):
                continue
            x = F(entry["fee"]) * (F(1) if term else share)
            value = self.value_of(x)
            self.item("prepaid_fee", entry["name"], x, value, share=share)
            self.charges.append(Rest(value))
        for entry in prices.values():
            self.overage(entry)

    def cover(self, entry, share):
        """One prepaid entry: its units go to the dearest lines first."""
        units = F(entry["units"]) * share
        if entry.get("every") == "term":
            units = max(ZERO, F(entry["units"]) - self.earlier("prepaid", entry["name"], "quantity"))
        left, taken, x = units, {}, ZERO
        mine = [line for line in self.lines if line.line["sku"] == entry["sku"]]
        for line in sorted(mine, key=lambda line: -line.line["unit_price"]):
            count = min(left, line.uncovered)
            if count > 0:
                taken[id(line)] = line.rest * count / line.uncovered
                line.uncovered -= count
                left -= count
                x += taken[id(line)]
        basis = self.basis_of(mine)
        x = min(x, max(ZERO, basis))
        value = self.value_of(x, max(ZERO, basis))
        self.item("prepaid", entry["name"], -x, -value, basis=basis, share=share, quantity=units - left, left=left)
        self.spread(-value, mine, [taken.get(id(line), ZERO) for line in mine])

    def overage(self, entry):
        lines = [line for line in self.lines if line.line["sku"] == entry["sku"] and line.uncovered > 0]
        units, basis = sum((line.uncovered for line in lines), ZERO), self.basis_of(lines)
        x = units * F(entry["overage_unit_price"]) - basis
        value = self.value_of(x)
        self.item("overage", entry["name"], x, value, basis=basis, rate=F(entry["overage_unit_price"]), quantity=units)
        self.spread(value, lines, [line.uncovered for line in lines])

    def adjust(self):
        for entry in self.adjustments:
            x = F(entry["amount"])
            value = self.value_of(x)
            self.item("adjustment", entry["name"], x, value)
            self.charges.append(Rest(value))

    def credits(self):
        credits = self.contract.get("credits", [])
        if self.contract.get("credit_order", "soonest_expiry") == "soonest_expiry":
            credits = sorted(credits, key=lambda entry: ("until" not in entry, entry.get("until", "")))
        for entry in credits:
            available = F(entry["amount"]) + self.earlier("credit", entry["name"], "amount")
            if not self.term.covered(entry) or available <= 0:
                continue
            rests = self.covers(entry) if "on" in entry else self.lines + self.charges
            basis = self.basis_of(rests)
            x = min(available, max(ZERO, basis))
            value = self.value_of(x, x)
            done = self.item("credit", entry["name"], -x, -value, basis=basis)
            done["left"] = max(ZERO, available + done["amount"])
            self.spread(-value, rests, [rest.rest for rest in rests])

    def limit(self):
        entry = self.contract.get("spending_limit")
        if entry is None:
            return None
        spend = sum((item["value"] for item in self.items), ZERO)
        reached = [F(alert) for alert in entry.get("alerts", []) if spend >= F(entry["amount"]) * F(alert) / 100]
        return {"limit": F(entry["amount"]), "spend": spend, "reached": reached}

    def taxes(self):
        tax = self.contract.get("tax", {})
        rates = [rate for rate in tax.get("rates", []) if self.term.holds_at(rate, self.term.end - MICROSECOND)]
        percents = [ZERO if "exempt" in rate else F(rate["percent"]) for rate in rates]
        net = sum((item["value"] for item in self.items), ZERO)
        included = tax.get("included") == "true"
        exact = [net * percent / (100 + (sum(percents) if included else 0)) for percent in percents]
        values = [self.value_of(x) for x in exact]
        amounts = self.within_total([self.round(value) for value in values], net if included else net + sum(exact, ZERO), included)
        if self.by_line:
            values = amounts
        if included and rates:
            included_item = self.item("tax_included", None, -sum(exact, ZERO), -sum(values, ZERO))
            included_item["amount"] = -sum(amounts, ZERO)
        for rate, percent, x, value, amount in zip(rates, percents, exact, values, amounts):
            self.item("tax", rate["name"], x, value, basis=net, rate=percent)["amount"] = amount

    def within_total(self, amounts, total, included):
        """Printed taxes are at most what the total has left after those before them; beside a net that is rounded itself they make the total."""
        left = self.round(total)
        if left < 0 or (self.by_line and not included):
            return amounts
        kept = []
        for amount in amounts:
            kept.append(min(amount, left - sum(kept, ZERO)))
        return kept

    def finish(self):
        total = self.round(sum((item["value"] for item in self.items), ZERO))
        rounding = total - sum((item["amount"] for item in self.items), ZERO)
        if not self.by_line and rounding:
            self.item("rounding", None, rounding, rounding)
        return sum((item["amount"] for item in self.items), ZERO)

    def payable(self, currency, total, taxes):
        limited = total >= sum(taxes, ZERO)
        target = self.contract.get("currency", currency)
        digits, rate = self.rated.digits, F(1)
        if target != currency:
            holding = [entry for entry in self.contract["exchange"] if self.term.day(entry, "from") <= self.term.end]
            if not holding:
                return None
            digits, rate = minor_digits(target), F(holding[-1]["rate"])
        total, taxes = (round_to(total * rate, self.rated.mode, digits), [round_to(tax * rate, self.rated.mode, digits) for tax in taxes])
        if limited and total >= 0:
            for number in range(len(taxes)):
                taxes[number] = min(taxes[number], total - sum(taxes[:number], ZERO))
        return {"currency": target, "net": total - sum(taxes, ZERO), "taxes": taxes, "tax": sum(taxes, ZERO), "total": total}


def statement(contract, rated, month, currency, balances=None):
    """{statement, spending_limit, subtotal, net, tax, total, payable, period}; payable None: no rate of exchange holds."""
    made = Statement(contract, rated, month, balances or {})
    for step in (made.usage, made.markup, made.discounts, made.commitments, made.prepaid, made.adjust):
        step()
    spending = made.limit()
    made.credits()
    made.taxes()
    total = made.finish()
    taxes = [item["amount"] for item in made.items if item["kind"] == "tax"]
    tax = sum(taxes, ZERO)
    return {"statement": made.items, "spending_limit": spending, "subtotal": made.items[0]["amount"], "net": total - tax, "tax": tax, "total": total,
            "payable": made.payable(currency, total, taxes), "period": (made.term.start_us, made.term.end_us)}
