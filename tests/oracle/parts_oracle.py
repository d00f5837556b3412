"""Bills whose price book changes inside the period, in exact fractions: doc/price-books.md, "A period with several books".

Cumulative: what a part pays on a counter is what the counter costs with it less what it costs without it. Shares no code with rater/.
"""
import book_oracle
from book_oracle import MODES, Rated, is_plain, limit_amount, line, make_amount_items, make_month_items, nothing_billed, tiers_of
from book_usage import HOUR_US, Usage, group_order, instant_us, price_fits
from exact import F, ceiling, floor


class Part:
    """A book and [start, end) in microseconds."""

    def __init__(self, book, start, end):
        self.book, self.start, self.end, self.usage = book, start, end, None


def parts_of_case(book, changes, options):
    starts = [options.start_us] + [instant_us(at) for at, _ in changes]
    books = [book] + [other for _, other in changes]
    return [Part(b, s, e) for b, s, e in zip(books, starts, starts[1:] + [options.end_us])]


def rows_of(part, parts, rows):
    def time(row):
        return instant_us(row["started_at"]) if "started_at" in row else parts[0].start
    return [row for row in rows if part.start <= time(row) < part.end]


def take_free(part, earlier, options):
    for tier in part.book.get("free_tiers", []) if options.free_tier else []:
        taken = sum((item.free for old in earlier for other in old.book.get("free_tiers", []) if other["name"] == tier["name"]
                     for item in old.usage.items.values()
                     if item.meter["sku"] in other["skus"] and item.group[3] in other.get("modes", MODES)), F(0))
        whole = book_oracle.allowance_of(tier, options)
        rest = max(F(0), whole - taken)
        fixed = {**tier, "quantity": str(rest), "partial_month": "full"}
        if tier.get("whole_units") == "true":
            fixed["quantity"] = str(floor(rest))
        book_oracle.take_free_tier(fixed, part.usage, options)
        part.allowances[tier["name"]] = taken + F(fixed["quantity"])


def belongs(old, item):
    """Does an item of an earlier part go on on this item's counter?"""
    price, before = item.price, old.price
    if old.meter["sku"] != item.meter["sku"] or not price_fits(price, *old.group[1:]) or before["model"] == "flat":
        return False
    if ("functions" in price) != ("functions" in before) or ("functions" in price and price["name"] != before["name"]):
        return False
    kind = price.get("counted_over", "account_region")
    return (("region" not in kind or old.group[1] == item.group[1]) and ("tenant" not in kind or old.group[0] == item.group[0]))


def graduated(price, items, total, before, entered):
    for item in items:
        own = item.billed / total if total else F(1, len(items))
        item.lines = []
        for number, (below, limit, unit_price, fee) in enumerate(tiers_of(price), 1):
            old, new = (max(F(0), (value if limit is None else min(value, limit)) - below) for value in (before, before + total))
            reached = new > 0 or (number == 1 and price.get("at_zero") == "fee")
            due = reached and not (old > 0 or (number == 1 and entered))
            if number == 1 or (new - old) * own > 0:
                item.lines.append(line(number, unit_price, (new - old) * own, item.free if number == 1 else F(0), fee * own if due else F(0)))


def per_unit(price, items, total, before, entered):
    tier = {"unit_price": price["unit_price"]}
    graduated({**price, "tiers": [tier]}, items, total, before, entered)


def volume(price, items, total, before, entered):
    def tier_at(value):
        return next(tier for tier in enumerate(tiers_of(price), 1) if tier[1][1] is None or value <= tier[1][1])
    number, (_, _, unit_price, fee) = tier_at(before + total)
    had_it = (before > 0 or entered) and tier_at(before)[0] == number
    due = (total > 0 or price.get("at_zero") == "fee") and not had_it
    for item in items:
        own = item.billed / total if total else F(1, len(items))
        item.lines = [line(number, unit_price, item.billed, item.free, fee * own if due else F(0))]


def package(price, items, total, before, _entered):
    size, free_units, cost = F(price["package_size"]), F(price.get("free_units", "0")), F(price["package_price"])

    def paid(value):
        return ceiling(max(F(0), value - free_units) / size) * cost
    free_now = min(free_units, before + total) - min(free_units, before)
    for item in items:
        own = item.billed / total if total else F(1, len(items))
        billed = item.billed - free_now * own
        item.lines = [line(1, cost / size, billed, item.free + free_now * own, (paid(before + total) - paid(before)) * own - billed * cost / size)]


def percentage(price, items, total, _before, _entered, earlier):
    gone_events = sum((item.free_part * item.events for item in earlier), F(0))
    gone_amount = sum((item.free_part * item.billed for item in earlier), F(0))
    rest = dict(price)
    for key, gone in (("free_events", gone_events), ("free_amount", gone_amount)):
        if key in price:
            rest[key] = str(max(F(0), F(price[key]) - gone))
    book_oracle.percentage(rest, items, total)


MODELS = {"per_unit": per_unit, "graduated": graduated, "volume": volume, "package": package}


def bounded(item, portion):
    scaled = {**item.price, **{key: str(F(item.price[key]) * portion) for key in ("minimum", "maximum") if key in item.price}}
    own, item.price = item.price, scaled
    limit_amount(item)
    item.price = own


def price_counter(price, members, earlier, portion):
    total = sum((item.billed for item in members), F(0))
    old = [item for part in earlier for item in part.usage.items.values() if belongs(item, members[0])]
    before = sum((item.billed for item in old), F(0))
    entered = any(item.price.get("at_zero") == "fee" for item in old)
    if price["model"] == "percentage":
        percentage(price, members, total, before, entered, [item for item in old if item.price["model"] == "percentage"])
    else:
        MODELS[price["model"]](price, members, total, before, entered)
    for item in members:
        bounded(item, portion)


def flat_part(rule, part, options):
    """Of the blocks in service, as much of each as the book is in force for, over all blocks."""
    whole = options.end_us - options.start_us
    if rule == "full":
        return F(part.end - part.start, whole)
    block = HOUR_US * (24 if rule == "by_day" else 1)
    starts = range(options.start_us, options.end_us, block)
    shares = F(0)
    for start in starts:
        end = min(start + block, options.end_us)
        served = ((options.service_from_us is None or options.service_from_us < end) and
                  (options.service_until_us is None or start < options.service_until_us))
        overlap = max(0, min(end, part.end) - max(start, part.start))
        shares += F(overlap, end - start) if served else 0
    return shares / len(starts)


def month_items(m, meter, part, options):
    make_month_items(m, meter, part.usage, options)
    for item in part.usage.of_meter(m):
        counter = [other for other in part.usage.of_meter(m) if other.price is item.price and other.counter() == item.counter()]
        item.quantity = flat_part(item.price.get("partial_month", "full"), part, options) / len({other.group[0] for other in counter})
        item.lines = [line(1, F(item.price["fee"]), item.quantity)]


def rate_part(part, earlier, parts, rows, options):
    part.usage, part.allowances = Usage(part.book, rows_of(part, parts, rows), options.start_us), {}
    take_free(part, earlier, options)
    portion = F(part.end - part.start, options.end_us - options.start_us)
    for m, meter in enumerate(part.book["meters"]):
        if meter["measure"] == "month":
            month_items(m, meter, part, options)
            continue
        if meter["measure"] == "amount":
            make_amount_items(m, meter, part.usage)
        for p, price in enumerate(meter["prices"]):
            counters = {}
            for item in part.usage.of_meter(m):
                if item.order[1] == p:
                    counters.setdefault(item.counter(), []).append(item)
            for members in counters.values():
                price_counter(price, members, earlier, portion)


class RatedParts(Rated):
    """As book_oracle.Rated, over all parts; `book` (from 1) on each line."""

    def __init__(self, parts, rows):
        rounding = parts[0].book["rounding"]
        self.mode, self.each = rounding["mode"], rounding["each"]
        self.digits = int(rounding.get("digits", book_oracle.minor_digits(parts[0].book["currency"])))
        tenants = {row.get("tenant", "default") for row in rows}
        self.account = tenants.pop() if len(tenants) == 1 else "default"
        self.lines, self.functions = [], {}
        for number, part in enumerate(parts, 1):
            count = len(self.lines)
            for item in sorted(part.usage.items.values(), key=lambda item: (group_order(item.group), item.order)):
                self.add_item(item)
            for entry in self.lines[count:]:
                entry["book"] = number
        self.lines.sort(key=lambda entry: (entry["tenant"].encode(), entry["book"]))
        self.round_lines()
        self.total = sum((entry["amount"] for entry in self.lines), F(0))
        self.free_tiers = self.sum_free(parts)

    def sum_free(self, parts):
        tiers = {}
        for part in parts:
            for tier in part.book.get("free_tiers", []):
                if tier["name"] in part.allowances:
                    use = self.free_tier_use(tier, part.usage, F(0))
                    entry = tiers.setdefault(tier["name"], {"name": tier["name"], "used": {}, "allowance": F(0)})
                    for tenant, used in use["used"].items():
                        entry["used"][tenant] = entry["used"].get(tenant, F(0)) + used
                    if part.usage.rows:
                        entry["allowance"] = part.allowances[tier["name"]]
        for entry in tiers.values():
            entry["left"] = entry["allowance"] - sum(entry["used"].values())
        return list(tiers.values())


def rate_parts(book, changes, rows, options):
    """`changes`: [(time, book), …] in order."""
    parts = parts_of_case(book, changes, options)
    for i, part in enumerate(parts):
        rate_part(part, parts[:i], parts, rows, options)
    return RatedParts(parts, rows)


__all__ = ["rate_parts", "is_plain", "nothing_billed"]
