#!/usr/bin/env python3
"""An independent rating by any price book, in exact fractions: written from doc/price-books.md alone, no code shared with rater/.

rate(book, rows, ...) for tests, or: book_oracle.py [--month YYYY-MM] [--no-free-tier] [--service-from T] [--service-until T] BOOK USAGE
"""
import sys
from dataclasses import dataclass

from book_usage import HOUR_US, Usage, ceiling, group_order, instant_us, month_us, pick_price
from exact import F, floor, minor_digits, read_json, read_yaml, round_to, text_of

ARCHITECTURE_NAMES = ["arm64", "x86_64"]  # in ties: by name
MODES = ["on_demand", "provisioned"]


@dataclass
class Options:
    start_us: int
    end_us: int
    free_tier: bool = True
    service_from_us: int = None
    service_until_us: int = None


def options_of(month, free_tier=True, service_from=None, service_until=None):
    start, end = month_us(month)
    return Options(start, end, free_tier, None if service_from is None else instant_us(service_from),
                   None if service_until is None else instant_us(service_until))


def part_in_service(rule, options):
    """The part of a fee or allowance that the service's bounds leave."""
    if rule == "full":
        return F(1)
    block = HOUR_US * (24 if rule == "by_day" else 1)
    start, end = options.start_us, options.end_us
    first = start if options.service_from_us is None else max(start, options.service_from_us)
    last = end if options.service_until_us is None else min(end, options.service_until_us)
    if first >= last:
        return F(0)
    touched = ceiling(F(last - start, block)) - (first - start) // block
    return F(touched, ceiling(F(end - start, block)))


# Free tiers

def first_unit_price(price):
    model = price["model"]
    if model == "percentage":
        return F(price["rate_percent"]) / 100
    if model == "package":
        return F(price["package_price"]) / F(price["package_size"])
    unit_price = price["unit_price"] if model == "per_unit" else price["tiers"][0]["unit_price"]
    return F(unit_price) / F(price.get("per", "1"))


def turn_of(item, hour, allocation):
    if allocation == "dearest_first":
        return -first_unit_price(item.price), item.group[1].encode(), ARCHITECTURE_NAMES.index(item.group[2])
    return (hour,) if allocation == "usage_order" else ()


def claims_on(tier, usage):
    """{turn: [(item, quantity)]}: in usage order each hour of an item is a claim of its own."""
    turns = {}
    for item in usage.items.values():
        if item.meter["sku"] in tier["skus"] and item.group[3] in tier.get("modes", MODES):
            hours = item.hours if tier["allocation"] == "usage_order" else {None: item.quantity}
            for hour, quantity in hours.items():
                turns.setdefault(turn_of(item, hour, tier["allocation"]), []).append((item, quantity))
    return turns


def tie_order(item):
    tenant, region, architecture, mode = item.group
    return region.encode(), ARCHITECTURE_NAMES.index(architecture), tenant.encode(), MODES.index(mode), item.order


def share(available, wants, whole_units):
    """In proportion; whole units by largest remainder, ties in the order of the list."""
    total = sum(wants)
    shares = [available * want / total for want in wants]
    if not whole_units:
        return shares
    rests = [part - floor(part) for part in shares]
    shares = [F(floor(part)) for part in shares]
    order = sorted(range(len(wants)), key=lambda i: (-rests[i], i))
    for i in order[:floor(available - sum(shares))]:
        shares[i] += 1
    return shares


def allowance_of(tier, options):
    allowance = F(tier["quantity"]) * part_in_service(tier.get("partial_month", "full"), options)
    return F(floor(allowance)) if tier.get("whole_units") == "true" else allowance


def take_free_tier(tier, usage, options):
    """Sets the items' free quantities; gives back what was left."""
    left = allowance_of(tier, options)
    turns = claims_on(tier, usage)
    for turn in sorted(turns):
        claims = sorted(turns[turn], key=lambda claim: tie_order(claim[0]))
        wants = [quantity for _, quantity in claims]
        shares = wants if sum(wants) <= left else share(left, wants, tier.get("whole_units") == "true")
        for (item, _), free in zip(claims, shares):
            item.free += free
        left -= sum(shares)
    return left


# Models: each sets the lines of the items of one counter

def line(tier, unit_price, billed, free=F(0), fee=F(0)):
    return {"tier": tier, "unit_price": unit_price, "billed_quantity": billed, "free_quantity": free, "fee": fee, "adjustment": F(0),
            "amount_exact": billed * unit_price + fee}


def parts_of(items, total):
    """Each item's part of its counter."""
    return [item.billed / total if total else F(1, len(items)) for item in items]


def per_unit(price, items, _total):
    for item in items:
        item.lines = [line(1, F(price["unit_price"]) / F(price.get("per", "1")), item.billed, item.free)]


def tiers_of(price):
    per = F(price.get("per", "1"))
    below = F(0)
    for tier in price["tiers"]:
        limit = F(tier["up_to"]) if "up_to" in tier else None
        yield below, limit, F(tier["unit_price"]) / per, F(tier.get("fee", "0"))
        below = limit


def graduated(price, items, total):
    for item, part in zip(items, parts_of(items, total)):
        item.lines = []
        for number, (below, limit, unit_price, fee) in enumerate(tiers_of(price), 1):
            held = max(F(0), (total if limit is None else min(total, limit)) - below)
            reached = held > 0 or (number == 1 and price.get("at_zero") == "fee")
            if number == 1 or held * part > 0:
                item.lines.append(line(number, unit_price, held * part, item.free if number == 1 else F(0), fee * part if reached else F(0)))


def volume(price, items, total):
    for number, (_, limit, unit_price, fee) in enumerate(tiers_of(price), 1):
        if limit is None or total <= limit:
            break
    charged = total > 0 or price.get("at_zero") == "fee"
    for item, part in zip(items, parts_of(items, total)):
        item.lines = [line(number, unit_price, item.billed, item.free, fee * part if charged else F(0))]


def package(price, items, total):
    size, free_units = F(price["package_size"]), F(price.get("free_units", "0"))
    unit_price = F(price["package_price"]) / size
    paid = ceiling(max(F(0), total - free_units) / size) * F(price["package_price"])
    for item, part in zip(items, parts_of(items, total)):
        free = min(free_units, total) * part
        billed = item.billed - free
        item.lines = [line(1, unit_price, billed, item.free + free, paid * part - billed * unit_price)]


def percentage(price, items, total):
    events = sum(item.events for item in items)
    limits = [F(price[key]) / whole if whole else F(1) for key, whole in (("free_events", events), ("free_amount", total)) if key in price]
    free = min([F(1)] + limits) if limits else F(0)
    rate = F(price["rate_percent"]) / 100
    for item in items:
        full = rate * item.billed + F(price.get("event_fee", "0")) * item.events
        if "event_minimum" in price or "event_maximum" in price:
            full = item.event_sum
        billed = (1 - free) * item.billed
        item.lines = [line(1, rate, billed, item.free + free * item.billed, (1 - free) * full - rate * billed)]
        item.free_part = free


MODELS = {"per_unit": per_unit, "graduated": graduated, "volume": volume, "package": package, "percentage": percentage}


def nothing_billed(item):
    if any(entry["billed_quantity"] for entry in item.lines):
        return False
    return item.price["model"] != "percentage" or (1 - item.free_part) * item.events == 0


def limit_amount(item):
    """Minimum and maximum of the item."""
    price, amount = item.price, item.amount
    if "minimum" in price and amount < F(price["minimum"]) and (price.get("at_zero") == "fee" or not nothing_billed(item)):
        item.lines[0]["adjustment"] = F(price["minimum"]) - amount
    elif "maximum" in price and amount > F(price["maximum"]):
        for entry in item.lines:
            entry["adjustment"] = entry["amount_exact"] * (F(price["maximum"]) / amount - 1)
    for entry in item.lines:
        entry["amount_exact"] += entry["adjustment"]


# Meters whose quantity does not come from rows

def make_amount_items(m, meter, usage):
    for group, members in usage.groups.items():
        sources = [item for item in usage.items.values() if item.group == group and item.meter["sku"] in meter["of"]]
        quantity = sum((item.amount for item in sources), F(0))
        p = pick_price(meter, *group[1:])
        if p is None:
            continue
        item = usage.item(group, m, p)
        item.quantity, item.events = quantity, sum(members.values())
        item.functions = {configuration: [F(0), count] for configuration, count in members.items()}
        for source in sources:
            for configuration, part in function_parts(source).items():
                item.functions[configuration][0] += part * source.amount


def make_month_items(m, meter, usage, options):
    for p, price in enumerate(meter["prices"]):
        counters = {}
        picked = usage.month_rows.get((m, p), {})
        for group in picked:
            probe = usage.item(group, m, p)
            del usage.items[(group, m, p)]
            counters.setdefault(probe.counter(), {}).setdefault(group[0], []).append(group)
        for tenants in counters.values():
            for groups in tenants.values():
                group = min(groups, key=group_order)
                item = usage.item(group, m, p)
                item.quantity = part_in_service(price.get("partial_month", "full"), options) / len(tenants)
                item.functions = {configuration: [F(0), count] for configuration, count in picked[group].items()}
                item.lines = [line(1, F(price["fee"]), item.quantity)]


def function_parts(item):
    """What part of the item each function configuration has."""
    for place in (0, 1):
        total = sum(part[place] for part in item.functions.values())
        if total:
            return {configuration: part[place] / total for configuration, part in item.functions.items()}
    first = min(item.functions, key=lambda configuration: (configuration[0].encode(), configuration[1]))
    return {first: F(1)}


# Rounding and the result

def allot(exact, mode, digits):
    """Amounts cut down to `digits` that add up to the rounded sum: largest cut-off rests first, ties to the first."""
    unit = F(1, 10**digits)
    total = round_to(sum(exact, F(0)), mode, digits)
    amounts = [floor(value / unit) * unit for value in exact]
    missing = (total - sum(amounts)) / unit
    assert missing.denominator == 1 and 0 <= missing <= len(exact)
    for i in sorted(range(len(exact)), key=lambda i: (amounts[i] - exact[i], i))[:int(missing)]:
        amounts[i] += unit
    return amounts


class Rated:
    """lines, functions {(tenant, function, region, architecture, mode, memory): amount}, free_tiers, total."""

    def __init__(self, book, usage, left):
        rounding = book["rounding"]
        self.mode, self.each = rounding["mode"], rounding["each"]
        self.digits = int(rounding.get("digits", minor_digits(book["currency"])))
        self.account, self.lines, self.functions = usage.account, [], {}
        for item in sorted(usage.items.values(), key=lambda item: (group_order(item.group), item.order)):
            self.add_item(item)
        self.round_lines()
        self.total = sum((entry["amount"] for entry in self.lines), F(0))
        self.free_tiers = [self.free_tier_use(tier, usage, rest) for tier, rest in left]

    def add_item(self, item):
        quantity = item.quantity
        for configuration, part in function_parts(item).items():
            key = (item.group[0], configuration[0], *item.group[1:], configuration[1])
            self.functions[key] = self.functions.get(key, F(0)) + part * item.amount
        if item.meter.get("when_zero") == "omit" and quantity == 0 and item.amount == 0:
            return
        names = dict(zip(("tenant", "region", "architecture", "mode"), item.group))
        for entry in item.lines:
            total = entry["billed_quantity"] + entry["free_quantity"]
            self.lines.append({"account": self.account, **names, "sku": item.meter["sku"], "price": item.price.get("name"),
                               "model": item.price["model"], "plain": is_plain(item.price), "quantity": total, **entry})

    def round_lines(self):
        tenants = {}
        for entry in self.lines:
            entry["amount"] = round_to(entry["amount_exact"], self.mode, self.digits)
            tenants.setdefault(entry["tenant"], []).append(entry)
        if self.each == "line":
            return
        for lines in tenants.values():
            amounts = allot([entry["amount_exact"] for entry in lines], self.mode, self.digits)
            for entry, amount in zip(lines, amounts):
                entry["amount"] = amount

    @staticmethod
    def free_tier_use(tier, usage, left):
        used = {}
        for item in usage.items.values():
            if item.meter["sku"] in tier["skus"] and item.group[3] in tier.get("modes", MODES):
                used[item.group[0]] = used.get(item.group[0], F(0)) + item.free
        return {"name": tier["name"], "used": used, "left": left}


def is_plain(price):
    """A plain per_unit or graduated price: its lines name no model."""
    return (price["model"] in ("per_unit", "graduated") and "minimum" not in price and "maximum" not in price and
            not any(F(tier.get("fee", "0")) for tier in price.get("tiers", [])))


def price_items(items, price):
    counters = {}
    for item in items:
        counters.setdefault(item.counter(), []).append(item)
    for members in counters.values():
        MODELS[price["model"]](price, members, sum((item.billed for item in members), F(0)))
        for item in members:
            limit_amount(item)


def rate(book, rows, options):
    """Rate rows (dicts whose numbers are texts) by a book (as exact.read_yaml() gives it)."""
    usage = Usage(book, rows, options.start_us)
    left = [(tier, take_free_tier(tier, usage, options)) for tier in book.get("free_tiers", [])] if options.free_tier else []
    for m, meter in enumerate(book["meters"]):
        if meter["measure"] == "month":
            make_month_items(m, meter, usage, options)
            continue
        if meter["measure"] == "amount":
            make_amount_items(m, meter, usage)
        for p, price in enumerate(meter["prices"]):
            price_items([item for item in usage.of_meter(m) if item.order[1] == p], price)
    return Rated(book, usage, left)


def main(arguments):
    month, free_tier, bounds, paths = "2026-10", True, {}, []
    while arguments:
        word = arguments.pop(0)
        if word == "--month":
            month = arguments.pop(0)
        elif word == "--no-free-tier":
            free_tier = False
        elif word in ("--service-from", "--service-until"):
            bounds[word[2:].replace("-", "_")] = arguments.pop(0)
        else:
            paths.append(word)
    book, rows = (open(path, encoding="utf-8").read() for path in paths)
    rated = rate(read_yaml(book), read_json(rows), options_of(month, free_tier, **bounds))
    for entry in rated.lines:
        print({name: text_of(value) if isinstance(value, F) else value for name, value in entry.items()})
    print("total", text_of(rated.total))


if __name__ == "__main__":
    main(sys.argv[1:])
