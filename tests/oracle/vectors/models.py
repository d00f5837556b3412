"""Every model at the edges of its tiers and packages: one unit and the smallest step (1 ms, 0.001 s) to each side."""
from vectors.kit import Vectors, calls, meter, per_unit, price, seconds, tier

TIERS = [tier("10", "3", "5"), tier("20.5", "2", "1"), tier(None, "1")]
EDGES = ["0", "0.001", "1", "9", "9.999", "10", "10.001", "11", "19.5", "20.499", "20.5", "20.501", "21.5", "86400"]
GRADUATED_BY_HAND = {
    "0": ("no tier is reached: 0", "0"),
    "0.001": ("0.001 x 3 + 5 = 5.003", "5.00"),
    "9.999": ("9.999 x 3 + 5 = 34.997", "35.00"),
    "10": ("10 x 3 + 5", "35.00"),
    "10.001": ("tier 1: 35; tier 2: 0.001 x 2 + 1 = 1.002 -> 1.00", "36.00"),
    "11": ("35 + 1 x 2 + 1", "38.00"),
    "20.5": ("35 + 10.5 x 2 + 1", "57.00"),
    "20.501": ("57 + 0.001 x 1, a line of its own that rounds to 0.00", "57.00"),
    "21.5": ("57 + 1 x 1", "58.00"),
}
VOLUME_BY_HAND = {
    "0": ("nothing, and no fee: 0", "0"),
    "10": ("10 x 3 + 5", "35.00"),
    "10.001": ("all of it in tier 2: 10.001 x 2 + 1 = 21.002", "21.00"),
    "11": ("11 x 2 + 1", "23.00"),
    "20.5": ("20.5 x 2 + 1", "42.00"),
    "20.501": ("20.501 x 1", "20.50"),
}


def ladders(made):
    for model, by_hand in (("graduated", GRADUATED_BY_HAND), ("volume", VOLUME_BY_HAND)):
        book = made.book(f"{model}-fees", meter("duration", "seconds", price(model, tiers=TIERS)))
        for edge in EDGES:
            made.add(f"{model} with fees at {edge} s", book, seconds(edge), hand=by_hand.get(edge))
        book = made.book(f"{model}-fee-at-zero", meter("duration", "seconds", price(model, tiers=TIERS, at_zero="fee")))
        made.add(f"{model} at zero with at_zero: fee", book, calls(1), hand=("0 x 3 + the first tier's fee 5", "5.00"))
        made.add(f"{model} at 0.001 s with at_zero: fee is charged the fee once", book, seconds("0.001"), hand=("0.001 x 3 + 5 = 5.003", "5.00"))
        made.add(f"{model} at zero shares the fee equally between tenants", book, [calls(1, tenant="a"), calls(5, tenant="b"), calls(0, tenant="c")],
                 hand=("5 / 3 = 1.666... on each of three lines: 3 x 1.67", "5.01"))
        book = made.book(f"{model}-per", meter("requests", "invocations", price(model, per="1000", tiers=[tier("1000", "4"), tier("3000", "2"), tier(None, "1")])))
        for edge in (0, 1, 999, 1000, 1001, 2999, 3000, 3001, 10**18):
            made.add(f"{model}, prices per 1000, at {edge} requests", book, calls(edge))


def plain_prices(made):
    book = made.book("per-million", meter("requests", "invocations", per_unit("0.20", per="1000000")))
    for requests, hand in ((0, None), (1, None), (24999, ("24999 x 0.0000002 = 0.0049998", "0.00")), (25000, ("25000 x 0.0000002 = 0.005, a tie", "0.01")),
                           (25001, None), (7440000, ("7440000 x 0.2 / 10^6 = 1.488", "1.49")), (10**18, ("10^18 x 2 x 10^-7 = 2 x 10^11", "200000000000.00"))):
        made.add(f"0.20 per million at {requests} requests", book, calls(requests), hand=hand)
    book = made.book("tiny-price", meter("duration", "gb_seconds", per_unit("0.000000000000000000000000000001")), rounding={"digits": "12"})
    for count in (1, 5 * 10**17, 5 * 10**17 - 1, 10**18):
        made.add(f"a price of 10^-30 for {count} GB-seconds", book, calls(count, "1000"))
    book = made.book("dear", meter("duration", "gb_seconds", per_unit("1000000000000.01")))
    made.add("an amount beyond 10^24", book, calls(10**12, "1000"), hand=("10^12 x 1000000000000.01 = 1000000000000010000000000", "1000000000000010000000000.00"))
    made.add("quantities beyond 10^18 MB x ms", book, calls(10**15, "3600000", memory_mb=10240))
    book = made.book("free-of-charge", meter("requests", "invocations", per_unit("0")))
    made.add("a price of 0 makes a line of 0", book, calls(5), hand=("5 x 0", "0.00"))


def packages(made):
    shape = {"package_size": "100", "package_price": "5"}
    book = made.book("packages", meter("requests", "invocations", price("package", **shape)))
    for count, hand in ((0, ("0 packages", "0")), (1, ("1 package", "5.00")), (99, None), (100, ("100 / 100 = 1 package", "5.00")), (101, ("2 packages", "10.00")), (200, None), (201, None)):
        made.add(f"packages of 100 at {count}", book, calls(count), hand=hand)
    book = made.book("packages-free", meter("duration", "seconds", price("package", free_units="50", **shape)))
    for edge, hand in (("0", None), ("49.999", ("inside the free 50", "0.00")), ("50", ("the free 50", "0.00")), ("50.001", ("ceil(0.001 / 100) = 1 package", "5.00")),
                       ("51", ("ceil(1 / 100) = 1", "5.00")), ("149.999", None), ("150", ("ceil(100 / 100) = 1", "5.00")), ("150.001", ("ceil(100.001 / 100) = 2", "10.00")),
                       ("150.5", ("2 packages", "10.00")), ("250", None), ("250.001", None)):
        made.add(f"packages of 100 s after 50 free, at {edge} s", book, seconds(edge), hand=hand)
    made.add("a package that two tenants share in proportion", book, [seconds("60", tenant="a"), seconds("120", tenant="b")],
             hand=("180 - 50 = 130: 2 packages = 10; a has 60/180: 3.33, b 6.67", "10.00"))
    made.add("a package that tenants fill together, in two regions apart", book, [seconds("60", tenant="a"), seconds("90", tenant="b"), seconds("60", tenant="b", region="eu")],
             hand=("150 - 50 = 100: 1 package = 5, a 2.00 and b 3.00; the other region's 60 - 50 = 10: 1 package = 5", "10.00"))
    book = made.book("packages-odd", meter("duration", "seconds", price("package", package_size="0.7", package_price="0.10")))
    for edge in ("0.699", "0.7", "0.701", "1.4", "1.401"):
        made.add(f"packages of 0.7 s at {edge} s", book, seconds(edge))


def percentages(made):
    shape = {"rate_percent": "2.5", "event_fee": "0.10"}
    book = made.book("percent", meter("traffic", "seconds", price("percentage", **shape)))
    made.add("percentage: the rate and a fee for each event", book, calls(40, "100000"), hand=("40 x 100 x 0.025 + 40 x 0.10", "104.00"))
    made.add("percentage of nothing still has its event fees", book, calls(3), hand=("3 x 0.10", "0.30"))
    made.add("percentage without events", book, calls(0, "100000"))
    book = made.book("percent-free", meter("traffic", "seconds", price("percentage", free_events="10", free_amount="500", **shape)))
    made.add("percentage: the free amount ends first", book, calls(40, "100000"), hand=("f = min(10/40, 500/4000) = 1/8; 7/8 x 104", "91.00"))
    made.add("percentage: the free events end first", book, calls(40, "10000"), hand=("f = min(10/40, 500/400, 1) = 1/4; 3/4 x (10 + 4)", "10.50"))
    for count in (0, 1, 4, 5, 6, 9, 10, 11):
        made.add(f"percentage with free events and amount at {count} events of 100 s", book, calls(count, "100000"))
    for count in (9, 10, 11):
        made.add(f"percentage: {count} events of 1 s around 10 free ones", book, calls(count, "1000"))
    made.add("percentage: events of different size count at their mean", book, [calls(10, "1000", tenant="a"), calls(10, "99000", tenant="b")],
             hand=("Q = 1000, N = 20, f = min(1/2, 1/2) = 1/2; a: (0.25 + 1)/2 = 0.625 -> 0.63; b: (24.75 + 1)/2 = 12.875 -> 12.88", "13.51"))
    for key in ("free_events", "free_amount"):
        book = made.book(f"percent-{key}", meter("traffic", "seconds", price("percentage", **{key: "10"}, **shape)))
        for count in (9, 10, 11):
            made.add(f"percentage with {key} 10 at {count} events of 1 s", book, calls(count, "1000"))
    limits = {"event_minimum": "0.30", "event_maximum": "2"}
    book = made.book("percent-limits", meter("traffic", "seconds", price("percentage", **shape, **limits)))
    for duration, hand in (("0", ("0.10 is below 0.30", "0.30")), ("8000", ("8 x 0.025 + 0.10 = 0.30", "0.30")), ("7999", None), ("8001", None), ("75999", None),
                           ("76000", ("76 x 0.025 + 0.10 = 2", "2.00")), ("76001", None), ("900000", ("22.6 is above 2", "2.00"))):
        made.add(f"percentage: one event of {duration} ms between its limits", book, calls(1, duration), hand=hand)
    made.add("percentage: limits hold for each event, not for the sum", book, [calls(10, "0"), calls(10, "900000")], hand=("10 x 0.30 + 10 x 2", "23.00"))
    book = made.book("percent-limits-free", meter("traffic", "seconds", price("percentage", free_events="5", **shape, **limits)))
    made.add("percentage: free events with limits", book, [calls(10, "0"), calls(10, "900000")], hand=("f = 5/20; 3/4 x 23", "17.25"))


def minimum_and_maximum(made):
    book = made.book("limits", meter("requests", "invocations", per_unit("0.01", minimum="1", maximum="2")))
    for count, hand in ((0, ("nothing billed: no minimum", "0.00")), (1, ("0.01, raised to 1", "1.00")), (99, None), (100, ("1.00 is the minimum", "1.00")), (101, ("1.01", "1.01")),
                        (199, None), (200, ("2.00 is the maximum", "2.00")), (201, ("2.01, cut to 2", "2.00")), (10**9, None)):
        made.add(f"minimum 1 and maximum 2 at {count} requests of 0.01", book, calls(count), hand=hand)
    made.add("a minimum is each tenant's own", book, [calls(1, tenant="a"), calls(1, tenant="b")], hand=("each is raised to 1", "2.00"))
    book = made.book("minimum-at-zero", meter("requests", "invocations", per_unit("0.01", minimum="1", at_zero="fee")))
    made.add("a minimum at zero with at_zero: fee", book, calls(0), hand=("0, raised to 1", "1.00"))
    book = made.book("maximum-over-tiers", meter("duration", "seconds", price("graduated", tiers=TIERS, maximum="40", minimum="20")))
    for edge, hand in (("0.001", ("5.003 is raised by 14.997", "20.00")), ("5", ("5 x 3 + 5 = 20", "20.00")), ("12", ("35 + 2 x 2 + 1 = 40", "40.00")),
                       ("12.001", None), ("20.5", ("35 and 22 are cut by 40/57: 24.561... and 15.438...", "40.00")), ("100", None)):
        made.add(f"minimum 20 and maximum 40 over all tiers at {edge} s", book, seconds(edge), hand=hand)
    book = made.book("package-minimum", meter("requests", "invocations", price("package", package_size="10", package_price="1", free_units="5", minimum="3")))
    for count in (0, 5, 6, 30, 35, 36):
        made.add(f"package with 5 free units and a minimum at {count}", book, calls(count))
    book = made.book("percent-minimum", meter("traffic", "seconds", price("percentage", rate_percent="1", free_events="2", minimum="3", maximum="4")))
    for count in (0, 2, 3, 5):
        made.add(f"percentage with free events, minimum and maximum at {count} events of 100 s", book, calls(count, "100000"))


def surcharges(made):
    base = [meter("requests", "invocations", per_unit("1")), meter("fee", "month", price("flat", fee="10"))]
    share = meter("support", "amount", price("percentage", rate_percent="10"), of=["requests", "fee"])
    book = made.book("surcharge", *base, share)
    made.add("10 % on what requests and a flat fee cost", book, calls(90), hand=("90 + 10, and 10 % of 100", "110.00"))
    made.add("10 % on each tenant's own amounts", book, [calls(90, tenant="a"), calls(10, tenant="b")], hand=("90 + 10 + 10, 10 + 10 + 2", "132.00"))
    made.add("the flat fee is surcharged where it stands", book, [calls(1, region="eu"), calls(1, region="us")], hand=("eu: 1 + 10 + 1.10, us: 1 + 0.10", "13.20"))
    book = made.book("surcharge-tiers", *base, meter("support", "amount", price("graduated", tiers=[tier("100", "0.10"), tier(None, "0.05")], minimum="5"), of=["requests"]))
    for count in (0, 1, 50, 99, 100, 101, 1000):
        made.add(f"a graduated surcharge with a minimum on {count}", book, calls(count))
    book = made.book("surcharge-twice", *base, meter("support", "amount", per_unit("0.10"), of=["requests"]),
                     meter("tax_like", "amount", per_unit("0.20"), of=["requests", "support"], when_zero="omit"))
    made.add("a surcharge on a surcharge", book, calls(100), hand=("100 + 10 + 10 + 0.2 x 110", "142.00"))
    made.add("surcharges on nothing", book, calls(0), hand=("the flat fee alone", "10.00"))


def make():
    made = Vectors()
    for part in (ladders, plain_prices, packages, percentages, minimum_and_maximum, surcharges):
        part(made)
    return made
