"""Random price books and usage from a seed: every model, filter, counter and rounding, with numbers that sit on the edges."""
import calendar
import copy

UNITS = {"invocations": "request", "gb_seconds": "GB-second", "ghz_seconds": "GHz-second", "seconds": "second", "cpu_ms": "ms",
         "ephemeral_gb_seconds": "GB-second", "streamed_gb": "GB", "response_gb": "GB", "capacity_gb_seconds": "GB-second",
         "amount": "currency", "month": "month"}
METERED = [measure for measure in UNITS if measure not in ("amount", "month")]
MODELS = ["per_unit", "graduated", "volume", "package", "percentage"]
REGIONS = ["us-east-1", "eu-central-1", "ap-1"]
ARCHITECTURES = ["x86_64", "arm64"]
MODES = ["on_demand", "provisioned"]
FUNCTIONS = ["f", "thumb", "img-a", "img-b.c", "a*b", "IMG-a", "bäcker"]
PATTERNS = ["*", "img-*", "*b", "f", "*m*", "a*b", "t*u*b", "img-b.c", "?"]
TENANTS = ["acme", "Zeta", "bolt", "émile", "a-2"]
CURRENCIES = ["USD", "USD", "EUR", "JPY", "KWD"]


def decimal(random, most_digits=8, zero=0.1):
    """A price: zero, a round figure, one that makes ties, or any digits."""
    if random.random() < zero:
        return "0"
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(["0.005", "0.015", "0.5", "1.5", "0.25", "2.5", "0.125"])
    if kind == 1:
        return str(random.randint(1, 20))
    digits = random.randint(1, most_digits)
    return f"{random.choice([0, 0, 0, 1, 12])}.{random.randint(1, 10**digits - 1):0{digits}}"


def limit_text(random):
    return random.choice(["1", "10", "100", "10.5", "0.5", "1000", "1000000", "33.3", str(random.randint(1, 5000))])


class BookMaker:
    """One random book. `monotone`: more usage never costs less, and tenants may be merged."""

    def __init__(self, random, monotone=False, models=None, measures=None):
        self.random, self.monotone = random, monotone
        self.models = models or [model for model in MODELS if not (monotone and model == "volume")]
        self.measures = measures or METERED

    def maybe(self, chance):
        return self.random.random() < chance

    def tiers(self):
        limits = sorted({float(limit_text(self.random)) for _ in range(self.random.randint(0, 3))})
        texts = [f"{limit:g}" if limit < 1e6 else str(int(limit)) for limit in limits]
        tiers = [{"up_to": text} for text in texts] + [{}]
        for tier in tiers:
            tier["unit_price"] = decimal(self.random)
            if self.maybe(0.3):
                tier["fee"] = decimal(self.random, 3, 0)
        return tiers

    def price(self, measure):
        random = self.random
        if measure == "month":
            price = {"model": "flat", "fee": decimal(random, 3)}
            if self.maybe(0.4):
                price["partial_month"] = random.choice(["full", "by_day", "by_hour"])
        else:
            price = getattr(self, random.choice(self.models))(measure)
            if self.maybe(0.2):
                price["at_zero"] = random.choice(["nothing", "fee"])
            if not self.monotone:
                self.limits(price)
        kinds = ["account_region", "account"] if self.monotone else ["account_region", "account", "tenant_region", "tenant"]
        if self.maybe(0.5) or (self.monotone and measure == "month"):
            price["counted_over"] = random.choice(kinds)
        return price

    def limits(self, price):
        low = decimal(self.random, 3, 0)
        if self.maybe(0.15):
            price["minimum"] = low
        if self.maybe(0.15):
            price["maximum"] = str(float(low) + self.random.randint(0, 50)) if "minimum" in price else low

    def per_unit(self, _measure):
        return {"model": "per_unit", "unit_price": decimal(self.random), **({"per": "1000"} if self.maybe(0.3) else {})}

    def graduated(self, _measure):
        return {"model": "graduated", "tiers": self.tiers(), **({"per": "10"} if self.maybe(0.2) else {})}

    def volume(self, _measure):
        return {**self.graduated(None), "model": "volume"}

    def package(self, _measure):
        price = {"model": "package", "package_size": limit_text(self.random), "package_price": decimal(self.random, 3)}
        if self.maybe(0.5):
            price["free_units"] = limit_text(self.random)
        return price

    def percentage(self, measure):
        random = self.random
        price = {"model": "percentage", "rate_percent": decimal(random, 3)}
        if self.maybe(0.5):
            price["event_fee"] = decimal(random, 4)
        if self.maybe(0.4):
            price["free_events"] = limit_text(random)
        if self.maybe(0.4):
            price["free_amount"] = limit_text(random)
        if measure != "amount" and self.maybe(0.3):
            price["event_minimum"] = decimal(random, 3)
        if measure != "amount" and self.maybe(0.3):
            price["event_maximum"] = str(float(price.get("event_minimum", "0")) + random.randint(0, 3) / 8)
        return price

    def prices(self, measure):
        """One price for all, or one for each region, architecture or mode, now and then with a gap; prices for functions before or after."""
        random = self.random
        kind = random.choice(["all", "all", "regions", "architectures", "modes"])
        parts = {"all": [None], "regions": [REGIONS[:1], REGIONS[1:]], "architectures": [["x86_64"], ["arm64"]],
                 "modes": [["on_demand"], ["provisioned"]]}[kind]
        prices = [{**({kind: part} if part else {}), **self.price(measure)} for part in parts]
        if len(prices) > 1 and self.maybe(0.03):
            prices.pop()
        if measure == "amount" or self.maybe(0.8):
            return prices
        for i in range(random.randint(1, 2)):
            special = {"name": f"special-{i}", "functions": random.sample(PATTERNS, random.randint(1, 2)), **self.price(measure)}
            if self.maybe(0.3):
                special["architectures"] = ["arm64"]
            prices.insert(random.randint(0, len(prices)), special)
        return prices

    def meter(self, number, measure, before):
        meter = {"sku": f"{measure}_{number}", "description": measure, "unit": UNITS[measure], "measure": measure}
        if measure == "ephemeral_gb_seconds" and self.maybe(0.7):
            meter["included_mb"] = "512"
        if measure in ("streamed_gb", "response_gb"):
            if self.maybe(0.5):
                meter["included_bytes"] = self.random.choice(["6291456", "1", "1000"])
            if self.maybe(0.5):
                meter["gb_bytes"] = self.random.choice(["1000000000", "1000", "3"])
        if measure == "amount":
            meter["of"] = self.random.sample(before, self.random.randint(1, len(before)))
        if self.maybe(0.4):
            meter["when_zero"] = self.random.choice(["omit", "omit", "line"])
        return {**meter, "prices": self.prices(measure)}

    def meters(self):
        meters = [self.meter(i, self.random.choice(self.measures), []) for i in range(self.random.randint(1, 4))]
        if self.measures is METERED:
            if self.maybe(0.25):
                meters.append(self.meter(8, "month", []))
            if self.maybe(0.25) and not self.monotone:
                meters.append(self.meter(9, "amount", [meter["sku"] for meter in meters]))
        return meters

    def free_tiers(self, meters):
        tiers, taken = [], set()
        for unit in sorted({meter["unit"] for meter in meters}):
            able = [meter for meter in meters if meter["unit"] == unit and meter["measure"] not in ("amount", "month") and
                    not any("event_minimum" in price or "event_maximum" in price for price in meter["prices"])]
            if not able or self.maybe(0.4):
                continue
            chosen = self.random.sample(able, self.random.randint(1, len(able)))
            taken.update(meter["sku"] for meter in chosen)
            tiers.append(self.free_tier(f"free-{len(tiers)}", chosen))
        return tiers

    def free_tier(self, name, meters):
        random = self.random
        tier = {"name": name, "quantity": limit_text(random), "skus": [meter["sku"] for meter in meters],
                "allocation": random.choice(["dearest_first", "proportional"] + ([] if self.monotone else ["usage_order"]))}
        if all(meter["measure"] == "invocations" for meter in meters) and self.maybe(0.6) and not self.monotone:
            tier.update(whole_units="true", quantity=str(random.choice([1, 7, 10, 100, 1000, random.randint(1, 5000)])))
        if self.maybe(0.3):
            tier["modes"] = [random.choice(MODES)]
        if self.maybe(0.3):
            tier["partial_month"] = random.choice(["full", "by_day", "by_hour"])
        if self.measures is not METERED:
            tier = {key: member for key, member in tier.items() if key != "partial_month"} | {"allocation": "dearest_first"}
        return tier

    def book(self):
        random = self.random
        meters = self.meters()
        book = {"name": "random", "version": "1", "currency": random.choice(CURRENCIES),
                "rounding": {"mode": random.choice(["half_up", "half_even", "up", "down"]), "each": random.choice(["line", "invoice"])},
                "duration": {"granularity_ms": random.choice(["1", "1", "10", "100", "7", "1000"])}}
        if self.maybe(0.5):
            book["rounding"]["digits"] = random.choice(["0", "1", "2", "3", "6", "12"])
        if self.maybe(0.2):
            book["duration"]["minimum_ms"] = random.choice(["1", "100", "60"])
        if self.maybe(0.5):
            book["default_region"] = REGIONS[1]
        if self.maybe(0.3):
            book["memory"] = self.memory()
        if any(meter["measure"] == "ghz_seconds" for meter in meters):
            book["clock"] = [{"up_to_mb": "128", "mhz": "200"}, {"up_to_mb": "1024", "mhz": "333"}, {"mhz": "800"}][random.randint(0, 2):]
        if self.maybe(0.3):
            book["capacity"] = {"granularity_s": random.choice(["1", "300", "7"])}
        if self.maybe(0.5):
            book["initialization"] = self.initialization()
        free_tiers = self.free_tiers(meters)
        return {**book, "meters": meters, **({"free_tiers": free_tiers} if free_tiers else {})}

    def memory(self):
        rules = {"basis": self.random.choice(["configured", "observed"]), "step_mb": self.random.choice(["1", "128", "100"])}
        if self.maybe(0.5):
            rules["minimum_mb"] = "100"
        if self.maybe(0.5):
            rules["maximum_mb"] = "1536"
        return rules

    def initialization(self):
        rules = []
        for _ in range(self.random.randint(1, 2)):
            rule = {}
            if self.maybe(0.5):
                rule["packages"] = self.random.sample(["managed", "custom", "image"], self.random.randint(1, 2))
            if self.maybe(0.5):
                rule["modes"] = [self.random.choice(MODES)]
            if self.maybe(0.5) or not rule:
                rule["since"] = self.random.choice(["2024-02-01", "2024-02-01T00:00:00.000001Z", "2024-02-29", "2030-01-01", "2020-01-01"])
            rules.append(rule)
        return rules


def changed_book(random, book):
    """A later version: other prices for most meters, other allowances, now and then a meter or a free tier more or less."""
    maker = BookMaker(random)
    other = copy.deepcopy(book)
    other["version"] = str(int(book["version"]) + 1)
    for meter in other["meters"]:
        if random.random() < 0.6:
            meter["prices"] = maker.prices(meter["measure"])
    if random.random() < 0.3:
        other["meters"].append(maker.meter(20 + len(other["meters"]), random.choice(METERED), []))
    if random.random() < 0.3:
        other["meters"] = random.sample(other["meters"], len(other["meters"]))
    other["meters"].sort(key=lambda meter: meter["measure"] == "amount")
    limited = {meter["sku"] for meter in other["meters"] if any("event_minimum" in price or "event_maximum" in price for price in meter["prices"])}
    tiers = [tier for tier in other.pop("free_tiers", []) if not limited & set(tier["skus"]) and random.random() < 0.9]
    for tier in tiers:
        if random.random() < 0.5:
            tier["quantity"] = str(random.choice([1, 7, 10, 100, 1000, random.randint(1, 5000)]))
        if random.random() < 0.3:
            tier["allocation"] = random.choice(["dearest_first", "proportional", "usage_order"])
    if any(meter["measure"] == "ghz_seconds" for meter in other["meters"]):
        other.setdefault("clock", [{"mhz": "800"}])
    if random.random() < 0.3:
        other["duration"] = {"granularity_ms": random.choice(["1", "100"])}
    return {**other, **({"free_tiers": tiers} if tiers else {})}


def changing_case(random):
    """A case whose book changes once or twice inside the period; most rows have a time."""
    case = random_case(random)
    case.pop("books", None)
    days = calendar.monthrange(int(case["month"][:4]), int(case["month"][5:]))[1]
    hours = sorted(random.sample(range(1, days * 24), random.choice([1, 1, 2])))
    book, case["changes"] = case["book"], []
    for hour in hours:
        book = changed_book(random, book)
        case["changes"].append([f"{case['month']}-{1 + hour // 24:02}T{hour % 24:02}:00:00Z", book])
    for row in case["usage"]:
        if "started_at" not in row and random.random() < 0.8:
            row["started_at"] = f"{case['month']}-{random.randint(1, days):02}T{random.randint(0, 23):02}:30:00Z"
    return case


MONTHS = ["2024-02", "2023-02", "2100-02", "2026-12", "2026-01", "2024-03", "2026-10", "2000-02"]


def count(random):
    return random.choice([0, 1, 2, 9, 10, 11, 99, 100, 101, 999, 1000, 1001, random.randint(1, 5000), random.randint(1, 5000),
                          random.randint(1, 10**random.randint(4, 15))])


def usage_row(random, month, tenants):
    row = {"tenant": random.choice(tenants), "function": random.choice(FUNCTIONS), **({"region": random.choice(REGIONS)} if random.random() < 0.95 else {}),
           "memory_mb": random.choice([128, 129, 256, 512, 1024, 1536, 10240, random.randint(1, 4096)])}
    if random.random() < 0.5:
        row["architecture"] = random.choice(ARCHITECTURES)
    if random.random() < 0.3:
        row["mode"] = random.choice(MODES)
    if random.random() < 0.5:
        day, hour = random.randint(1, calendar.monthrange(int(month[:4]), int(month[5:]))[1]), random.randint(0, 23)
        row["started_at"] = f"{month}-{day:02}T{hour:02}:{random.choice(['00:00Z', '59:59.999999Z', '30:00Z'])}"
    if random.random() < 0.12:
        return {**row, "capacity_units": random.choice([1, 2, 100, 7]), "ready_s": random.choice([1, 300, 301, 3600, 86400, 2592000])}
    row.update(invocations=count(random), duration_ms=random.choice(["0", "1", "100", "100.001", "99.999", "1000", f"{random.randint(0, 900000)}.{random.randint(0, 999):03}"]))
    if random.random() < 0.4:
        row["init_duration_ms"] = random.choice(["0", "0.001", "500", "527.24"])
    if random.random() < 0.4:
        row["package"] = random.choice(["managed", "custom", "image"])
    if random.random() < 0.4:
        row["ephemeral_mb"] = random.choice([512, 513, 10240, 0])
    if random.random() < 0.4:
        row["max_memory_used_mb"] = random.choice([1, 100, 128, 129, 1535, 2000])
    if random.random() < 0.5:
        row["cpu_ms"] = random.choice(["0", "7", "0.001", "12.345"])
    if random.random() < 0.5:
        row["response_bytes"] = random.choice([0, 1, 2, 999, 1000, 1001, 6291456, 6291457, 10**9, 20000000])
    if random.random() < 0.5:
        row["streamed"] = random.random() < 0.7
    return row


def random_case(random, monotone=False, **restrictions):
    """A book, usage and options."""
    month = random.choice(MONTHS)
    tenants = random.sample(TENANTS, random.randint(1, 3))
    case = {"book": BookMaker(random, monotone, **restrictions).book(), "month": month,
            "usage": [usage_row(random, month, tenants) for _ in range(random.randint(1, 7))]}
    if random.random() < 0.1:
        case["free_tier"] = False
    if random.random() < 0.2:
        case["service_from"] = f"{month}-{random.choice(['01', '02', '15', '28'])}" + random.choice(["", "T00:00:00.000001Z", "T12:30:00Z"])
    if random.random() < 0.2 and not case.get("service_from", "").startswith(f"{month}-28"):
        case["service_until"] = f"{month}-{random.choice(['16', '20', '28'])}" + random.choice(["", "T00:00:00.000001Z", "T23:00:00Z"])
    return case
