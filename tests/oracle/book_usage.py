"""Usage rows to items, for the oracle of price books: what doc/price-books.md says about quantities. Shares no code with rater/."""
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from exact import F, ceiling, whole

ARCHITECTURES = ["x86_64", "arm64"]
MODES = ["on_demand", "provisioned"]
HOUR_US = 3600 * 1000000
BEFORE_ALL = float("-inf")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class NoPrice(Exception):
    """Usage that no price fits."""


def instant_us(text):
    """A date (its start, UTC) or an RFC 3339 time, as microseconds since 1970."""
    text = str(text)
    if len(text) == 10:
        text += "T00:00:00Z"
    return (datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00")) - EPOCH) // timedelta(microseconds=1)


def month_us(month):
    """First instant of a UTC month and of the next."""
    year, number = (int(part) for part in month.split("-"))
    following = f"{year + number // 12:04}-{number % 12 + 1:02}"
    return instant_us(month + "-01"), instant_us(following + "-01")


@dataclass
class Item:
    """The usage of one (tenant, region, architecture, mode, sku, price)."""
    group: tuple
    meter: dict
    price: dict
    order: tuple  # of the price in the book: meter, price
    quantity: F = F(0)
    events: F = F(0)
    event_sum: F = F(0)  # what the single events cost, where an event has limits
    hours: dict = field(default_factory=dict)  # UTC hour: quantity; before all: of rows without a time
    functions: dict = field(default_factory=dict)  # configuration: [quantity, invocations]
    free: F = F(0)
    lines: list = field(default_factory=list)

    @property
    def billed(self):
        """What is left after the free tiers."""
        return self.quantity - self.free

    @property
    def amount(self):
        return sum((line["amount_exact"] for line in self.lines), F(0))

    def counter(self):
        tenant, region = self.group[:2]
        kind = self.price.get("counted_over", "tenant" if self.price["model"] == "flat" else "account_region")
        return {"account_region": region, "account": "", "tenant_region": (tenant, region), "tenant": tenant}[kind]


def group_order(group):
    tenant, region, architecture, mode = group
    return tenant.encode(), region.encode(), ARCHITECTURES.index(architecture), MODES.index(mode)


def row_time_ms(row, name):
    if name + "_us" in row:
        return F(str(row[name + "_us"])) / 1000
    return F(str(row.get(name + "_ms", 0)))


def bills_initialization(book, row, period_start_us):
    for rule in book.get("initialization", []):
        if (row["package"] in rule.get("packages", [row["package"]]) and row["mode"] in rule.get("modes", [row["mode"]]) and
                ("since" not in rule or instant_us(rule["since"]) <= period_start_us)):
            return True
    return False


def billed_ms(book, row, period_start_us):
    rules = book["duration"]
    time = row_time_ms(row, "duration")
    if bills_initialization(book, row, period_start_us):
        time += row_time_ms(row, "init_duration")
    step = whole(rules["granularity_ms"])
    return max(F(rules.get("minimum_ms", "0")), F(step * ceiling(time / step)))


def billed_mb(book, row):
    rules = book.get("memory", {})
    mb = F(row["memory_mb"])
    if rules.get("basis") == "observed" and "max_memory_used_mb" in row:
        mb = F(row["max_memory_used_mb"])
    step = whole(rules.get("step_mb", 1))
    mb = max(F(rules.get("minimum_mb", "0")), F(step * ceiling(mb / step)))
    return min(F(rules["maximum_mb"]), mb) if "maximum_mb" in rules else mb


def clock_mhz(book, row):
    for entry in book["clock"]:
        if "up_to_mb" not in entry or F(row["memory_mb"]) <= F(entry["up_to_mb"]):
            return F(entry["mhz"])
    raise AssertionError("the last entry of clock has a limit")


def response_gb(meter, row):
    if "response_bytes" not in row:
        return F(0)
    over = max(F(0), F(row["response_bytes"]) - F(meter.get("included_bytes", "0")))
    return over / F(meter.get("gb_bytes", "1073741824"))


def cpu_ms(row):
    return row_time_ms(row, "cpu")


def event_value(book, meter, row, period_start_us):
    """The value of one invocation of the row."""
    measure = meter["measure"]
    if measure == "invocations":
        return F(1)
    if measure == "cpu_ms":
        return cpu_ms(row)
    if measure == "streamed_gb":
        return response_gb(meter, row) if row.get("streamed") else F(0)
    if measure == "response_gb":
        return response_gb(meter, row)
    if measure == "capacity_gb_seconds":
        return F(0)
    time = billed_ms(book, row, period_start_us)
    if measure == "gb_seconds":
        return time * billed_mb(book, row) / 1024000
    if measure == "ghz_seconds":
        return time * clock_mhz(book, row) / 1000000
    if measure == "seconds":
        return time / 1000
    assert measure == "ephemeral_gb_seconds", measure
    return time * max(F(0), F(row["ephemeral_mb"]) - F(meter.get("included_mb", "0"))) / 1024000


def capacity_value(book, meter, row):
    if meter["measure"] != "capacity_gb_seconds":
        return F(0)
    step = whole(book.get("capacity", {}).get("granularity_s", 1))
    seconds = step * ceiling(F(str(row["ready_s"])) / step)
    return F(str(row["capacity_units"])) * seconds * F(row["memory_mb"]) / 1024


def complete(book, row):
    """A row with what is left out filled in."""
    capacity = "capacity_units" in row
    filled = {"tenant": "default", "function": "default", "region": book.get("default_region", "us-east-1"), "architecture": "x86_64",
              "mode": "provisioned" if capacity else "on_demand", "package": "managed", "ephemeral_mb": "512"}
    return {**filled, **row, "capacity": capacity, "invocations": F(0) if capacity else F(str(row["invocations"]))}


def pattern_fits(pattern, name):
    return re.fullmatch(".*".join(re.escape(part) for part in pattern.split("*")), name, re.DOTALL) is not None


def price_fits(price, region, architecture, mode):
    return (region in price.get("regions", [region]) and architecture in price.get("architectures", [architecture]) and
            mode in price.get("modes", [mode]))


def pick_price(meter, region, architecture, mode, function=None):
    """Place of the price in the meter: the first that names the function, else the one for all functions; None: no price fits."""
    fitting = [i for i, price in enumerate(meter["prices"]) if price_fits(price, region, architecture, mode)]
    for i in fitting:
        patterns = meter["prices"][i].get("functions")
        if patterns is not None and function is not None and any(pattern_fits(pattern, function) for pattern in patterns):
            return i
    plain = [i for i in fitting if "functions" not in meter["prices"][i]]
    assert len(plain) <= 1, "two prices fit the same usage"
    return plain[0] if plain else None


def one_event_costs(price, value):
    cost = F(price["rate_percent"]) / 100 * value + F(price.get("event_fee", "0"))
    cost = max(cost, F(price.get("event_minimum", "0")))
    return min(cost, F(price["event_maximum"])) if "event_maximum" in price else cost


class Usage:
    """The items of a set of rows, and what each row picked."""

    def __init__(self, book, rows, period_start_us):
        self.book, self.start = book, period_start_us
        self.rows = [complete(book, row) for row in rows]
        self.items = {}
        self.groups = {}  # group: {configuration: invocations}
        self.month_rows = {}  # (meter, price): {group: {configuration: invocations}} of the rows that picked it
        tenants = {row["tenant"] for row in self.rows}
        self.account = tenants.pop() if len(tenants) == 1 else "default"
        for number, row in enumerate(self.rows, 1):
            self.add(row, number)

    def add(self, row, number):
        group = (row["tenant"], row["region"], row["architecture"], row["mode"])
        configuration = (row["function"], whole(row["memory_mb"]))
        members = self.groups.setdefault(group, {})
        members[configuration] = members.get(configuration, F(0)) + row["invocations"]
        picks = [pick_price(meter, *group[1:], row["function"]) for meter in self.book["meters"]]
        if all(p is None for p in picks):
            raise NoPrice(f"row {number}: no price at all")
        for m, (meter, p) in enumerate(zip(self.book["meters"], picks)):
            if meter["measure"] == "amount":
                continue
            if meter["measure"] == "month":
                if p is not None:
                    members = self.month_rows.setdefault((m, p), {}).setdefault(group, {})
                    members[configuration] = members.get(configuration, F(0)) + row["invocations"]
                continue
            each = F(0) if row["capacity"] else event_value(self.book, meter, row, self.start)
            value = capacity_value(self.book, meter, row) if row["capacity"] else each * row["invocations"]
            if p is not None:
                self.add_to_item(group, m, p, row, configuration, value, each)
            elif value != 0:
                raise NoPrice(f"row {number}: no price of {meter['sku']}")

    def item(self, group, m, p):
        meter = self.book["meters"][m]
        key = (group, m, p)
        if key not in self.items:
            self.items[key] = Item(group, meter, meter["prices"][p], (m, p))
        return self.items[key]

    def add_to_item(self, group, m, p, row, configuration, value, each):
        item = self.item(group, m, p)
        item.quantity += value
        item.events += row["invocations"]
        if "event_minimum" in item.price or "event_maximum" in item.price:
            item.event_sum += row["invocations"] * one_event_costs(item.price, each)
        hour = instant_us(row["started_at"]) // HOUR_US if "started_at" in row else BEFORE_ALL
        item.hours[hour] = item.hours.get(hour, F(0)) + value
        part = item.functions.setdefault(configuration, [F(0), F(0)])
        part[0] += value
        part[1] += row["invocations"]

    def of_meter(self, m):
        return [item for item in self.items.values() if item.order[0] == m]
