"""Each mode on ties and beside them, for each line and for the invoice; currencies of 0 and 3 digits."""
from vectors.kit import Vectors, calls, meter, per_unit

MODES = ["half_up", "half_even", "up", "down"]
TIES = {  # amount: what each mode makes of it
    "0.004": ("0.00", "0.00", "0.01", "0.00"), "0.005": ("0.01", "0.00", "0.01", "0.00"), "0.006": ("0.01", "0.01", "0.01", "0.00"),
    "0.015": ("0.02", "0.02", "0.02", "0.01"), "0.025": ("0.03", "0.02", "0.03", "0.02"), "0.0149999": ("0.01", "0.01", "0.02", "0.01"),
    "0.0250000001": ("0.03", "0.03", "0.03", "0.02"), "0.995": ("1.00", "1.00", "1.00", "0.99"), "0.000000000001": ("0.00", "0.00", "0.01", "0.00"),
}
LINES = {  # amounts of the lines: what the whole makes, half up
    "0.004 0.004 0.004": "0.01", "0.005 0.005": "0.01", "0.009 0.009 0.009": "0.03", "0.001 0.001": "0.00", "0.0099 0.0001 0.005": "0.02",
    "1.004 2.004 3.004 4.004": "10.02", "0.006 0.007 0.008 0.009": "0.03", "0 0.005 0": "0.01", "10.333 10.333 10.334": "31.00",
}


def amounts(*values):
    """A meter for each amount: a request costs that much."""
    return [meter(f"m{i}", "invocations", per_unit(value)) for i, value in enumerate(values)]


def ties(made):
    for m, mode in enumerate(MODES):
        for value, results in TIES.items():
            for each in ("line", "invoice"):
                book = made.book(f"{mode}-{each}-{value}", *amounts(value), rounding={"mode": mode, "each": each})
                made.add(f"{value} by {mode}, each {each}", book, calls(1), **{"hand" if each == "line" else "rule": (f"{mode} of {value}", results[m])})


def invoices(made):
    for mode in MODES:
        for values, total in LINES.items():
            book = made.book(f"invoice-{mode}-{values.replace(' ', '-')}", *amounts(*values.split()), rounding={"mode": mode, "each": "invoice"})
            made.add(f"invoice of {values} by {mode}", book, calls(1), hand=("the sum, rounded once", total) if mode == "half_up" else None)
    book = made.book("invoice-tenants", *amounts("0.004", "0.004"), rounding={"each": "invoice"})
    made.add("each tenant's invoice is rounded by itself", book, [calls(1, tenant="a"), calls(1, tenant="b")], hand=("0.008 -> 0.01 for each of two tenants", "0.02"))


def currencies(made):
    for currency, digits, value, hand in (("JPY", None, "0.5", "1"), ("JPY", None, "0.4999", "0"), ("KWD", None, "0.0005", "0.001"), ("KWD", None, "0.00049", "0.000"),
                                          ("USD", "0", "2.5", "3"), ("USD", "12", "0.0000000000005", "0.000000000001"), ("USD", "4", "0.00005", "0.0001"), ("JPY", "2", "0.005", "0.01")):
        for each in ("line", "invoice"):
            book = made.book(f"{currency}-{digits}-{value}-{each}", *amounts(value), currency=currency, rounding={"each": each, **({} if digits is None else {"digits": digits})})
            made.add(f"{value} {currency} with digits {digits or 'of the currency'}, each {each}", book, calls(1), **{"hand" if each == "line" else "rule": (f"half up of {value}", hand)})


def make():
    made = Vectors()
    for part in (ties, invoices, currencies):
        part(made)
    return made
