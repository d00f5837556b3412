"""Whose usage climbs a ladder together, which price a row goes to, and what a flat fee is counted over."""
from vectors.kit import Vectors, calls, meter, per_unit, price, seconds, tier

LADDER = [tier("100", "1", "3"), tier(None, "0.50", "1")]
TENANTS = [calls(80, tenant="a"), calls(120, tenant="b"), calls(50, tenant="a", region="eu"), calls(30, tenant="b", region="eu", mode="provisioned")]
BY_HAND = {
    "account_region": ("us: 200 -> 100 x 1 + 3 + 100 x 0.5 + 1 = 154, a has 80/200: 40 + 1.2 and 20 + 0.4, b 60 + 1.8 and 30 + 0.6; eu: 80 x 1 + 3 = 83: a 51.875 -> 51.88, b 31.125 -> 31.13",
                       "237.01"),
    "account": ("280 -> 103 and 90 + 1 = 194; parts 80/280: 29.43 and 26, 120/280: 44.14 and 39, 50/280: 18.39 and 16.25, 30/280: 11.04 and 9.75", "194.00"),
    "tenant_region": ("a us 83; b us 103 and 11; a eu 53; b eu 33", "283.00"),
    "tenant": ("a 130: 103 and 16, of which us 80/130: 63.38 and 9.85, eu 39.62 and 6.15; b 150: 103 and 26, us 120/150: 82.40 and 20.80, eu 20.60 and 5.20", "248.00"),
}


def ladders(made):
    for kind, by_hand in BY_HAND.items():
        book = made.book(f"over-{kind}", meter("requests", "invocations", price("graduated", tiers=LADDER, counted_over=kind)))
        made.add(f"graduated, counted over {kind}", book, TENANTS, hand=by_hand)
        for model, members in (("volume", {"tiers": LADDER}), ("package", {"package_size": "60", "package_price": "7", "free_units": "30"}),
                               ("percentage", {"rate_percent": "10", "event_fee": "0.01", "free_events": "25"})):
            book = made.book(f"{model}-over-{kind}", meter("requests", "invocations", price(model, counted_over=kind, **members)))
            made.add(f"{model}, counted over {kind}", book, TENANTS)
    book = made.book("ladder-each", meter("requests", "invocations", price("graduated", tiers=LADDER, architectures=["x86_64"]),
                                          price("graduated", tiers=LADDER, architectures=["arm64"])))
    made.add("each price has a ladder of its own", book, [calls(100), calls(101, architecture="arm64")], hand=("103; 103 and 0.5 + 1", "207.50"))
    book = made.book("ladder-shared", meter("requests", "invocations", price("graduated", tiers=LADDER)))
    made.add("one price for both architectures has one ladder", book, [calls(100), calls(100, architecture="arm64")], hand=("154, half each: 51.5 + 25.5", "154.00"))
    made.add("modes climb one ladder too", book, [calls(100), calls(100, mode="provisioned")])
    made.add("a tenant without usage of its own has one line and no part of a fee", book, [calls(150, tenant="a"), calls(0, tenant="b")], hand=("103 and 25 + 1; 0", "129.00"))


def merged(made):
    book = made.book("ladder-exact", meter("requests", "invocations", price("graduated", tiers=LADDER)), rounding={"digits": "6"})
    for parts in ([200], [1, 199], [100, 100], [50, 50, 50, 50]):
        made.add(f"an account of {len(parts)} tenants with {parts} requests costs what one with 200 costs", book,
                 [calls(part, tenant=f"t{i}") for i, part in enumerate(parts)], hand=("103 + 51", "154.00"))
    for parts in ([calls(200)], [calls(100), calls(100)], [calls(1, memory_mb=128 + i) for i in range(200)]):
        made.add(f"200 requests in {len(parts)} rows", book, parts, hand=("103 + 51", "154.00"))


def flat_fees(made):
    usage = [calls(1, tenant="a"), calls(1, tenant="b"), calls(1, tenant="a", region="eu"), calls(0, tenant="c", region="eu", mode="provisioned")]
    for kind, hand in (("tenant", ("three tenants of 10", "30.00")), ("account", ("10 / 3 = 3.33 on each", "9.99")), ("tenant_region", ("a twice, b, c", "40.00")),
                       ("account_region", ("us: a and b 5 each; eu: a and c 5 each", "20.00"))):
        book = made.book(f"flat-{kind}", meter("fee", "month", price("flat", fee="10", counted_over=kind)))
        made.add(f"a flat fee for each {kind}", book, usage, hand=hand)
    book = made.book("flat-default", meter("fee", "month", price("flat", fee="10")))
    made.add("a flat fee is the tenant's by default", book, usage, hand=("three tenants of 10", "30.00"))
    made.add("a flat fee for usage of 0", book, calls(0), hand=("a row is enough", "10.00"))
    book = made.book("flat-filtered", meter("requests", "invocations", per_unit("0")), meter("fee", "month", price("flat", fee="10", regions=["eu"], modes=["on_demand"])))
    made.add("a flat fee only for those whom its filters fit", book, usage, hand=("a alone has on-demand usage in eu", "10.00"))
    made.add("a flat fee that nobody is due", book, [calls(1)])
    book = made.book("flat-first", meter("fee", "month", price("flat", fee="10")))
    rows = [calls(1, region=region, architecture=architecture, mode=mode) for region in ("b", "a") for architecture in ("arm64", "x86_64")
            for mode in ("provisioned", "on_demand")]
    made.add("a flat fee stands on the first region, architecture and mode", book, rows)
    book = made.book("flat-functions", meter("fee", "month", price("flat", name="big", fee="10", functions=["big*"]), price("flat", fee="1")))
    made.add("a flat fee by function: each row picks one price", book, [calls(1, function="bigger", tenant="a"), calls(1, function="small", tenant="b")], hand=("10 + 1", "11.00"))


def filters(made):
    special = [per_unit("3", name="images", functions=["img-*", "thumb"]), per_unit("1"), per_unit("5", name="late", functions=["img-x", "*z"])]
    book = made.book("functions", meter("requests", "invocations", *special))
    for function, hand in (("img-x", ("images stands first: 3", "3.00")), ("img-", ("* stands for nothing too", "3.00")), ("img", ("no pattern fits", "1.00")), ("IMG-a", ("case counts", "1.00")),
                           ("thumb", ("the whole name", "3.00")), ("thumbs", ("not the whole name", "1.00")), ("xz", ("*z, after the price for all", "5.00")), ("img-z", None), ("a.c", None)):
        made.add(f"the price of function {function}", book, calls(1, function=function), hand=hand)
    book = made.book("stars", meter("requests", "invocations", per_unit("2", name="a", functions=["a*b*c"]), per_unit("7", name="dots", functions=["x.y", "?"]), per_unit("1")))
    for function in ("abc", "aXbYc", "ac", "abcb", "abcc", "xay", "x.y", "?", "q"):
        made.add(f"pattern and function {function}", book, calls(1, function=function))
    book = made.book("by-everything", meter("requests", "invocations", per_unit("1", regions=["us"], architectures=["x86_64"]), per_unit("2", regions=["us"], architectures=["arm64"]),
                                            per_unit("4", regions=["eu"], modes=["on_demand"]), per_unit("8", regions=["eu"], modes=["provisioned"])))
    made.add("filters by region, architecture and mode", book, [calls(1, region="us"), calls(1, region="us", architecture="arm64", mode="provisioned"), calls(1, region="eu"),
                                                               calls(1, region="eu", mode="provisioned", architecture="arm64")], hand=("1 + 2 + 4 + 8", "15.00"))
    book = made.book("some-regions", meter("requests", "invocations", per_unit("1")), meter("duration", "seconds", per_unit("1", regions=["us"])))
    made.add("no price is needed where nothing is used", book, [seconds("0", region="eu"), seconds("2", region="us")], hand=("1 request each, 2 s", "4.00"))
    book = made.book("when-zero", meter("requests", "invocations", per_unit("1"), when_zero="omit"), meter("duration", "seconds", price("graduated", tiers=LADDER, at_zero="fee"), when_zero="omit"),
                     meter("free", "seconds", per_unit("0"), when_zero="omit"))
    made.add("when_zero: omit leaves out items without quantity and amount", book, [calls(0, tenant="a"), seconds("1", tenant="b")])
    made.add("when_zero: omit keeps what costs something", book, calls(0), hand=("the fee of the first tier", "3.00"))


def make():
    made = Vectors()
    for part in (ladders, merged, flat_fees, filters):
        part(made)
    return made
