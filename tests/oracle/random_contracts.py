"""Random contracts and balances for a random book: every kind of entry, dates about the period, amounts about what there is."""
from random_books import decimal, random_case

ZONES = ["UTC", "Europe/Berlin", "America/Havana", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo"]
PERCENTS = ["0", "100", "50", "10", "12.5", "33.333", "0.001", "7"]
AMOUNTS = ["0", "0.01", "1", "5", "9.99", "100", "1000", "1000000"]


class ContractMaker:
    def __init__(self, random, case):
        self.random, self.month = random, case["month"]
        self.skus = [meter["sku"] for meter in case["book"]["meters"]]
        self.currency = case["book"]["currency"]
        self.used = []

    def maybe(self, chance):
        return self.random.random() < chance

    def amount(self):
        return self.random.choice(AMOUNTS) if self.maybe(0.6) else decimal(self.random, 4)

    def day(self, months):
        year, month = (int(part) for part in self.month.split("-"))
        month += months
        return f"{year + (month - 1) // 12:04}-{(month - 1) % 12 + 1:02}-{self.random.choice([1, 1, 2, 10, 15, 27]):02}"

    @staticmethod
    def day_after(day):
        """A later day of the same month: an entry ends after it begins."""
        return day[:8] + f"{int(day[8:]) + 1:02}" if day else ""

    def common(self, prefix, number, on=True, term=False):
        """Name, meters and dates of an entry; a term has both dates."""
        entry = {"name": f"{prefix}-{number}"}
        if on and self.maybe(0.4):
            entry["on"] = self.random.sample(self.skus, self.random.randint(1, len(self.skus)))
        if term:
            entry.update({"from": self.day(self.random.choice([-3, 0, 0])), "until": self.day(self.random.choice([1, 1, 2, 12]))})
            return entry
        if self.maybe(0.3):
            entry["from"] = self.day(self.random.choice([-1, 0, 0, 1]))
        if self.maybe(0.3):
            entry["until"] = max(self.day(self.random.choice([1, 1, 2, 12])), self.day_after(entry.get("from", "")))
        if self.maybe(0.4):
            entry["partial"] = self.random.choice(["share", "share", "start"])
        return entry

    def list_of(self, make, most=3):
        return [make(i) for i in range(self.random.randint(1, most))]

    def markup(self, i):
        return {**self.common("markup", i), "percent": self.random.choice(PERCENTS)}

    def discount(self, i):
        term = self.maybe(0.2)
        entry = self.common("discount", i, term=term)
        entry.update({"percent": self.random.choice(PERCENTS)} if self.maybe(0.6) else {"amount": self.amount()})
        if term or self.maybe(0.3):
            entry.update({"limit": self.amount(), **({"limit_every": "term"} if term else {})})
            self.use("discount", entry["name"], amount="-" + self.amount())
        return entry

    def commitment(self, i):
        term = self.maybe(0.4)
        entry = {**self.common("minimum", i, term=term), "minimum": self.amount(), **({"every": "term"} if term else {})}
        if term:
            self.use("minimum", entry["name"], basis=self.amount())
        return entry

    def prepaid_entry(self, i):
        term = self.maybe(0.4)
        entry = {**self.common("prepaid", i, on=False, term=term), "sku": self.random.choice(self.skus), "units": self.random.choice(["0", "1", "10", "100", "0.5", "1000", "33.3"])}
        if term:
            entry["every"] = "term"
            self.use("prepaid", entry["name"], quantity=self.random.choice(["0", "1", "9.5", "100"]))
        if self.maybe(0.5):
            entry["fee"] = self.amount()
            if term and self.maybe(0.5):
                self.use("prepaid_fee", entry["name"], amount=entry["fee"])
        if self.maybe(0.5):
            entry["overage_unit_price"] = decimal(self.random)
        return entry

    def credit(self, i):
        entry = self.common("credit", i)
        entry.pop("partial", None)
        if self.maybe(0.4):
            self.use("credit", entry["name"], amount="-" + self.amount())
        return {**entry, "amount": self.amount()}

    def tax(self):
        rates = []
        for i in range(self.random.randint(1, 3)):
            rate = self.common("tax", i, on=False)
            rate.pop("partial", None)
            rates.append({**rate, "percent": self.random.choice(["19", "7.5", "0", "100", "8.875"]), **({"exempt": "reverse charge"} if self.maybe(0.15) else {})})
        return {"rates": rates, **({"included": self.random.choice(["true", "false"])} if self.maybe(0.6) else {})}

    def use(self, kind, name, **members):
        if self.maybe(0.6):
            self.used.append({"kind": kind, "name": name, "amount": "0", "quantity": "0", "basis": "0", "items": 1, **members})

    def contract(self):
        contract = {"name": "random", "version": "1"}
        for key, make in (("markup", self.markup), ("discounts", self.discount), ("commitments", self.commitment), ("prepaid", self.prepaid_entry), ("credits", self.credit)):
            if self.maybe(0.5):
                contract[key] = self.list_of(make)
        if self.maybe(0.3):
            contract["credit_order"] = self.random.choice(["soonest_expiry", "listed"])
        if self.maybe(0.5):
            contract["billing_day"] = self.random.choice(["1", "2", "15", "28", "29", "31"])
        if self.maybe(0.5):
            contract["time_zone"] = self.random.choice(ZONES)
        if self.maybe(0.3):
            contract["spending_limit"] = {"amount": self.random.choice(["1", "10", "1000"]), "alerts": ["1", "50", "99.5", "100", "1000"]}
        if self.maybe(0.5):
            contract["tax"] = self.tax()
        if self.maybe(0.3):
            contract.update(self.exchange())
        return contract

    def exchange(self):
        target = self.random.choice([currency for currency in ("USD", "EUR", "JPY", "KWD") if currency != self.currency])
        days = sorted({self.day(months) for months in self.random.sample([-12, 0, 1, 2], self.random.randint(1, 3))})
        return {"currency": target, "exchange": [{"from": day, "rate": self.random.choice(["0.9215", "155.25", "1", "0.000001"]), "source": "random"} for day in days]}

    def balances(self):
        adjustments = [{"name": f"2020-0{i + 1}", "description": "late usage", "amount": self.random.choice(["", "-"]) + self.random.choice(["3.10", "0.01", "100", "12345.67"])}
                       for i in range(self.random.choice([0, 0, 1, 2]))]
        return {"used": self.used, "adjustments": adjustments}


def random_bill(random, **restrictions):
    """A random case of one tenant with a contract and what earlier invoices used."""
    case = random_case(random, **restrictions)
    for row in case["usage"]:
        row["tenant"] = case["usage"][0]["tenant"]
    maker = ContractMaker(random, case)
    return {**case, "contract": maker.contract(), "balances": maker.balances()}
