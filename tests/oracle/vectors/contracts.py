"""From lines to the total: each step of a contract at its edges, their order, and what is payable."""
from vectors.kit import Vectors, calls, meter, per_unit, price, tier

USAGE = [calls(20, "24000")]  # 20 requests of 1.00 and 480 s of 1.00


def used(kind, name, amount="0", quantity="0", basis="0", items=1):
    return {"kind": kind, "name": name, "amount": amount, "quantity": quantity, "basis": basis, "items": items}


class Bills:
    """Vectors under contracts; each contract is kept under the name of its vector."""

    def __init__(self):
        self.made = Vectors()
        meters = [meter("requests", "invocations", per_unit("1")), meter("duration", "seconds", per_unit("1"))]
        self.made.book("plain", *meters)
        self.made.book("whole", *meters, rounding={"each": "invoice"})
        for each in ("line", "invoice"):
            self.made.book(f"up-{each}", *meters, rounding={"mode": "up", "each": each})
        self.made.book("crumbs", meter("requests", "invocations", per_unit("0.006")), rounding={"each": "invoice"})
        fine = [meter("requests", "invocations", per_unit("0.3333")), meter("duration", "seconds", per_unit("0.12345"))]
        for mode in ("half_up", "half_even", "up", "down"):
            for each in ("line", "invoice"):
                self.made.book(f"fine-{mode}-{each}", *fine, rounding={"mode": mode, "each": each})

    def bill(self, name, terms, hand=None, book="plain", usage=None, **options):
        count = len(self.made.contracts)
        self.made.contract(f"c{count}", **terms)
        self.made.add(name, book, usage or USAGE, contract=f"c{count}", hand=hand, **options)


def markups(bills):
    for percent, total in (("0", "500.00"), ("3", "515.00"), ("0.001", "500.01"), ("1000", "5500.00")):
        bills.bill(f"markup of {percent} %", {"markup": [{"name": "m", "percent": percent}]}, (f"500 and {percent} % of it", total))
    bills.bill("markup on a meter, then on all", {"markup": [{"name": "a", "percent": "10", "on": ["duration"]}, {"name": "b", "percent": "10"}]}, ("500 + 48 + 54.80", "602.80"))


def discounts(bills):
    ten = {"name": "a", "percent": "10"}
    bills.bill("10 % and then 10 % is 19 %", {"discounts": [ten, {**ten, "name": "b"}]}, ("500 - 50 - 45", "405.00"))
    bills.bill("100 % is all", {"discounts": [{**ten, "percent": "100"}, {**ten, "name": "b"}]}, ("500 - 500 - 0", "0"))
    bills.bill("a discount after a markup", {"markup": [{"name": "m", "percent": "3"}], "discounts": [{**ten, "on": ["duration"]}]}, ("515 - 10 % of 494.40", "465.56"))
    for amount, total in (("19.99", "480.01"), ("20", "480.00"), ("20.01", "480.00")):
        bills.bill(f"a fixed discount of {amount} on lines of 20", {"discounts": [{"name": "a", "amount": amount, "on": ["requests"]}]}, ("at most 20", total))
    for limit, total in (("49.99", "450.01"), ("50", "450.00"), ("50.01", "450.00"), ("0", "500.00")):
        bills.bill(f"10 % up to {limit}", {"discounts": [{**ten, "limit": limit}]}, ("the lesser of 50 and the limit", total))
        for earlier in ("0", "-10", "-49.99", "-60"):
            bills.bill(f"10 % up to {limit} in the whole term, {earlier} so far", {"discounts": [{**ten, "limit": limit, "limit_every": "term", "from": "2026-01-01", "until": "2027-01-01"}]}, balances={"used": [used("discount", "a", earlier)]})
    for start, end, total in (("2026-10-01", "2026-11-01", "450.00"), ("2026-10-02", "2026-11-01", "500.00"), ("2026-09-01", "2026-10-01", "500.00"), ("2026-09-30", "2026-10-02", "450.00")):
        bills.bill(f"a discount from {start} until {end} holds at the start or not", {"discounts": [{**ten, "from": start, "until": end}]}, ("10 % if it holds on 1 October", total))
    for start, end, total in (("2026-10-01", "2026-10-11", "483.87"), ("2026-10-31", "2026-12-01", "498.39"), ("2026-09-01", "2026-10-01", "500.00"), ("2026-11-01", "2026-12-01", "500.00")):
        bills.bill(f"a share of a discount from {start} until {end}", {"discounts": [{**ten, "from": start, "until": end, "partial": "share", "limit": "1000"}]},
                   ("50 x 10/31 = 16.129; 50 x 1/31 = 1.613; 0", total))


def commitments(bills):
    for minimum, total in (("499.99", "500.00"), ("500", "500.00"), ("500.01", "500.01"), ("1000", "1000.00")):
        bills.bill(f"a minimum of {minimum} for 500", {"commitments": [{"name": "c", "minimum": minimum}]}, ("the greater", total))
    bills.bill("a minimum for one meter", {"commitments": [{"name": "c", "minimum": "100", "on": ["requests"]}]}, ("500 + 80", "580.00"))
    bills.bill("two minimums look at lines, not at each other", {"commitments": [{"name": "c", "minimum": "600"}, {"name": "d", "minimum": "600"}]}, ("500 + 100 + 100", "700.00"))
    bills.bill("a minimum goes by what discounts leave", {"discounts": [{"name": "a", "percent": "50"}], "commitments": [{"name": "c", "minimum": "400"}]}, ("250 + 150", "400.00"))
    term = {"name": "c", "minimum": "1500", "every": "term", "from": "2026-08-01"}
    for until, total in (("2026-10-31", "800.00"), ("2026-11-01", "800.00"), ("2026-11-02", "500.00"), ("2027-01-01", "500.00")):
        bills.bill(f"a term's minimum until {until}", {"commitments": [{**term, "until": until}]}, ("1500 - 500 - 700 so far = 300, if this is the last period", total),
                   balances={"used": [used("minimum", "c", basis="700")]})
    bills.bill("a term's minimum that was reached before", {"commitments": [{**term, "until": "2026-11-01"}]}, ("1500 - 1200 - 500 is below 0", "500.00"), balances={"used": [used("minimum", "c", basis="1200")]})
    bills.bill("a share of a minimum", {"commitments": [{"name": "c", "minimum": "3100", "from": "2026-10-22", "partial": "share"}]}, ("3100 x 10/31 = 1000", "1000.00"))


def prepaid(bills):
    for units, total in (("0", "500.00"), ("479", "21.00"), ("480", "20.00"), ("481", "20.00"), ("0.5", "499.50")):
        bills.bill(f"{units} prepaid seconds", {"prepaid": [{"name": "p", "sku": "duration", "units": units}]}, ("500 less what is covered", total))
    entry = {"name": "p", "sku": "duration", "units": "100", "fee": "70"}
    bills.bill("prepaid units with a fee", {"prepaid": [entry]}, ("500 - 100 + 70", "470.00"))
    for unit_price, total in (("0.5", "280.00"), ("1", "470.00"), ("2", "850.00"), ("0", "90.00")):
        bills.bill(f"overage at {unit_price}", {"prepaid": [{**entry, "overage_unit_price": unit_price}]}, ("20 + 70 + 380 x the price", total))
    bills.bill("no overage where all is covered", {"prepaid": [{**entry, "units": "500", "overage_unit_price": "9"}]}, ("20 + 70", "90.00"))
    bills.bill("two prepaid entries, one after the other", {"prepaid": [entry, {**entry, "name": "q", "units": "400"}]}, ("20 + 70 + 70", "160.00"))
    bills.bill("two prepaid entries, the last price counts", {"prepaid": [{**entry, "overage_unit_price": "5"}, {**entry, "name": "q", "overage_unit_price": "2"}]}, ("20 + 280 x 2 + 140", "720.00"))
    for earlier, total in (("0", "400.00"), ("60", "460.00"), ("100", "500.00"), ("120", "500.00")):
        term = {"name": "p", "sku": "duration", "units": "100", "every": "term", "from": "2026-01-01", "until": "2027-01-01"}
        bills.bill(f"a term's prepaid units, {earlier} so far", {"prepaid": [term]}, ("100 less those", total), balances={"used": [used("prepaid", "p", quantity=earlier)]})
        bills.bill(f"a term's fee is paid once: {earlier} units so far", {"prepaid": [{**term, "fee": "70"}]}, balances={"used": [used("prepaid", "p", quantity=earlier)] +
                                                                                                               ([used("prepaid_fee", "p", amount="70")] if earlier != "0" else [])})
    book = bills.made.book("two-prices", meter("duration", "seconds", price("graduated", tiers=[tier("100", "3"), tier(None, "1")], architectures=["x86_64"]), per_unit("2", architectures=["arm64"])))
    usage = [calls(1, "200000"), calls(1, "50000", architecture="arm64")]
    for units, total in (("100", "200.00"), ("120", "160.00"), ("150", "100.00"), ("151", "99.00"), ("250", "0")):
        bills.bill(f"{units} prepaid units cover the dearest first", {"prepaid": [{"name": "p", "sku": "duration", "units": units}]}, ("100 of 3, 50 of 2, 100 of 1", total), book=book, usage=usage)
    bills.bill("prepaid after a discount covers what is left of the line", {"discounts": [{"name": "a", "percent": "50"}], "prepaid": [entry]}, ("500 - 250 - 100 x 0.5 + 70", "270.00"))
    bills.bill("prepaid units count as spend, their fee does not", {"commitments": [{"name": "c", "minimum": "600"}], "prepaid": [entry]}, ("500 + 100 - 100 + 70", "570.00"))


def adjustments(bills):
    for amount, total in (("3.10", "503.10"), ("-3.10", "496.90"), ("-600", "-100.00"), ("0", "500.00"), ("0.005", "500.01"), ("-0.005", "499.99")):
        balances = {"adjustments": [{"name": "2026-06", "description": "late usage of June", "amount": amount}]}
        bills.bill(f"brought forward: {amount}", {}, ("500 and that", total), balances=balances)
        bills.bill(f"brought forward: {amount}, and a credit of 550", {"credits": [{"name": "c", "amount": "550"}]}, balances=balances)


def credits(bills):
    for amount, total in (("499.99", "0.01"), ("500", "0"), ("500.01", "0"), ("0.01", "499.99")):
        bills.bill(f"a credit of {amount}", {"credits": [{"name": "c", "amount": amount}]}, ("500 less that, at least 0", total))
    bills.bill("a credit for one meter", {"credits": [{"name": "c", "amount": "100", "on": ["requests"]}]}, ("500 - 20", "480.00"))
    bills.bill("a credit without a meter pays charges too", {"commitments": [{"name": "m", "minimum": "600"}], "credits": [{"name": "c", "amount": "1000"}]}, ("600 - 600", "0"))
    bills.bill("a credit on both meters does not pay charges", {"commitments": [{"name": "m", "minimum": "600"}], "credits": [{"name": "c", "amount": "1000", "on": ["requests", "duration"]}]}, ("600 - 500", "100.00"))
    for earlier, total in (("-40", "440.00"), ("-99.99", "499.99"), ("-100", "500.00"), ("-101", "500.00")):
        bills.bill(f"a credit of 100 of which {earlier} was taken", {"credits": [{"name": "c", "amount": "100"}]}, ("what is left of it", total), balances={"used": [used("credit", "c", earlier)]})
    three = [{"name": "last", "amount": "300"}, {"name": "late", "amount": "300", "until": "2027-06-01"}, {"name": "soon", "amount": "300", "until": "2026-12-01"}, {"name": "soon2", "amount": "300", "until": "2026-12-01"}]
    for order in ("soonest_expiry", "listed"):
        bills.bill(f"four credits, {order}", {"credits": three, "credit_order": order}, ("500 - 300 - 200", "0"))
    for start, end, total in (("2026-10-31", "2027-01-01", "400.00"), ("2026-11-01", "2027-01-01", "500.00"), ("2026-01-01", "2026-10-02", "400.00"), ("2026-01-01", "2026-10-01", "500.00")):
        bills.bill(f"a credit from {start} until {end}", {"credits": [{"name": "c", "amount": "100", "from": start, "until": end}]}, ("it pays if any instant lies within", total))


def spending(bills):
    for amount in ("499.99", "500", "500.01", "1000", "625", "624.99"):
        bills.bill(f"a spending limit of {amount} at 500", {"spending_limit": {"amount": amount, "alerts": ["50", "80", "100"]}, "credits": [{"name": "c", "amount": "500"}]}, ("a credit changes no spend", "0"))


def taxes(bills):
    vat, city = {"name": "vat", "percent": "19"}, {"name": "city", "percent": "7.5"}
    bills.bill("one tax", {"tax": {"rates": [vat]}}, ("500 + 95", "595.00"))
    bills.bill("two taxes on the same net", {"tax": {"included": "false", "rates": [vat, city]}}, ("500 + 95 + 37.50", "632.50"))
    bills.bill("an included tax", {"tax": {"included": "true", "rates": [vat]}}, ("500, of which 500 x 19/119 = 79.83", "500.00"))
    bills.bill("two included taxes", {"tax": {"included": "true", "rates": [vat, city]}}, ("500, of which 500 x 19/126.5 and 500 x 7.5/126.5", "500.00"))
    bills.bill("an exempt buyer", {"tax": {"rates": [{**vat, "exempt": "reverse charge"}, city]}}, ("500 + 0 + 37.50", "537.50"))
    bills.bill("an exempt buyer, included", {"tax": {"included": "true", "rates": [{**vat, "exempt": "reverse charge"}]}}, ("500, of which 0", "500.00"))
    cent, halves = [{"name": "c", "amount": "499.99"}], [{"name": name, "percent": "50"} for name in ("a", "b")]
    for each in ("line", "invoice"):
        bills.bill(f"a cent that contains two taxes, each {each}", {"credits": cent, "tax": {"included": "true", "rates": halves}},
                   ("0.01: the first tax 0.0025, up to 0.01; nothing is left for the second", "0.01"), book=f"up-{each}")
        bills.bill(f"a cent and two taxes, each {each}", {"credits": cent, "tax": {"rates": halves}},
                   ("0.01 + 0.01 + 0.01" if each == "line" else "0.01 + 0.005 + 0.005, printed 0.01 and 0.01", "0.03" if each == "line" else "0.02"), book=f"up-{each}")
    bills.bill("crumbs and three taxes", {"tax": {"rates": [{"name": name, "percent": "90"} for name in "abc"]}},
               ("0.006 + 3 x 0.0054 = 0.0222; the taxes print 0.01, 0.01 and, cut, 0", "0.02"), book="crumbs", usage=[calls(1, "1")])
    bills.bill("a cent and two taxes in yen", {"credits": cent, "tax": {"rates": halves}, "currency": "JPY", "exchange": [{"from": "2026-01-01", "rate": "1"}]},
               ("0.01 + 0.01 + 0.01; 1 yen of which tax 1 and, cut, 0", "0.03"), book="up-line")
    bills.bill("tax of nothing", {"credits": [{"name": "c", "amount": "500"}], "tax": {"rates": [vat]}}, ("0", "0"))
    bills.bill("tax of a negative net", {"tax": {"rates": [vat]}}, ("-100 - 19", "-119.00"), balances={"adjustments": [{"name": "x", "description": "credit note", "amount": "-600"}]})
    for start, end, total in (("2026-10-31", "2027-01-01", "595.00"), ("2026-11-01", "2027-01-01", "500.00"), ("2026-01-01", "2026-10-31", "500.00"), ("2026-01-01", "2026-11-01", "595.00")):
        bills.bill(f"a tax from {start} until {end}", {"tax": {"rates": [{**vat, "from": start, "until": end}]}}, ("it holds if it holds at the last microsecond", total))


def payable(bills):
    rates = [{"from": "2026-01-01", "rate": "0.9", "source": "x"}, {"from": "2026-11-01", "rate": "0.9215", "source": "x"}, {"from": "2026-11-02", "rate": "2", "source": "x"}]
    vat = {"rates": [{"name": "vat", "percent": "19"}, {"name": "city", "percent": "7.5"}]}
    for currency in ("EUR", "JPY", "KWD"):
        bills.bill(f"paid in {currency} at the rate of the period's end", {"currency": currency, "exchange": rates, "tax": vat}, ("632.50 in USD", "632.50"))
        bills.bill(f"paid in {currency}, at the first rate", {"currency": currency, "exchange": rates[:1], "tax": vat}, ("632.50 in USD", "632.50"))
    everything = {"markup": [{"name": "m", "percent": "3"}], "discounts": [{"name": "d", "percent": "10", "on": ["duration"]}], "commitments": [{"name": "c", "minimum": "500"}],
                  "credits": [{"name": "w", "amount": "100"}], "tax": {"rates": [{"name": "vat", "percent": "19"}]}, "currency": "EUR", "exchange": [{"from": "2026-01-01", "rate": "0.9215", "source": "x"}]}
    bills.bill("the example of the reference", everything, ("500 + 15 - 49.44 + 34.44 - 100 + 76", "476.00"))
    bills.bill("the example of the reference, rounded once", everything, ("nothing to round", "476.00"), book="whole")
    for mode in ("half_up", "half_even", "up", "down"):
        for each in ("line", "invoice"):
            terms = {**everything, "commitments": [{"name": "c", "minimum": "7.777"}], "credits": [{"name": "w", "amount": "1.005"}],
                     "prepaid": [{"name": "p", "sku": "duration", "units": "33.3", "fee": "0.105", "overage_unit_price": "0.11111"}]}
            bills.bill(f"every step with amounts that do not end, {mode}, each {each}", terms, book=f"fine-{mode}-{each}", usage=[calls(7, "11111"), calls(3, "0.5")])


def make():
    bills = Bills()
    for part in (markups, discounts, commitments, prepaid, adjustments, credits, spending, taxes, payable):
        part(bills)
    return bills.made
