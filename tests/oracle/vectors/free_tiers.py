"""Who gets what is free: each allocation, at the allowance and one to each side; ties; several tenants, modes and skus."""
from vectors.kit import Vectors, calls, free, meter, per_unit, price, seconds, tier

ALLOCATIONS = ["dearest_first", "usage_order", "proportional"]
ARM = {"architecture": "arm64"}


def at(time, row):
    return {**row, "started_at": f"2026-10-{time}"}


def by_architecture(name):
    return meter(name, "invocations", per_unit("3", architectures=["x86_64"]), per_unit("2", architectures=["arm64"]))


def edges(made):
    for allocation in ALLOCATIONS:
        book = made.book(f"free-{allocation}", by_architecture("requests"), free_tiers=[free("requests", "100", ["requests"], allocation)])
        whole = made.book(f"whole-{allocation}", by_architecture("requests"), free_tiers=[free("requests", "100", ["requests"], allocation, whole_units="true")])
        for kind in (book, whole):
            for count in (0, 99, 100, 101):
                made.add(f"{kind}: {count} requests of 100 free ones", kind, calls(count), rule=(f"{max(0, count - 100)} x 3", str(max(0, count - 100) * 3)))
            for arm in (39, 40, 41):
                made.add(f"{kind}: 60 of x86_64 and {arm} of arm64", kind, [calls(60), calls(arm, **ARM)])
            made.add(f"{kind}: three tenants alike", kind, [calls(50, tenant=tenant) for tenant in "cab"])
            made.add(f"{kind}: seven tenants with a rest to give away", kind, [calls(43, tenant=tenant) for tenant in "gfedcba"])
            made.add(f"{kind}: not taken with --no-free-tier", kind, calls(60), free_tier=False, hand=("60 x 3", "180.00"))
    made.add("dearest first: arm64 has what x86_64 leaves", "free-dearest_first", [calls(41, **ARM), calls(60)], hand=("x86_64 all 60 free; arm64 40 of 41: 1 x 2", "2.00"))
    made.add("proportional: both have their part", "free-proportional", [calls(50, **ARM), calls(150)], hand=("25 of 50 and 75 of 150: 25 x 2 + 75 x 3", "275.00"))
    made.add("usage order: what began first", "free-usage_order", [at("02T00:00:00Z", calls(150)), at("01T23:59:59.999999Z", calls(50, **ARM))],
             hand=("arm64 began an hour before: 50 free; 50 of 150: 100 x 3", "300.00"))
    made.add("whole units by largest remainder", "whole-proportional", [calls(50, tenant="a"), calls(50, tenant="b"), calls(50, tenant="c")],
             hand=("33.3 each: a gets the hundredth: 16 + 17 + 17 = 50 x 3", "150.00"))
    made.add("whole units: the largest remainder comes before the first name", "whole-proportional", [calls(101, tenant="a"), calls(100, tenant="b"), calls(99, tenant="c")],
             hand=("33.67, 33.33, 33: 34, 33, 33: 67 + 67 + 66 = 200 x 3", "600.00"))


def hours(made):
    book = "free-usage_order"
    for name, first, second in (("the same hour shares", "05T10:00:00Z", "05T10:59:59.999999Z"), ("an hour apart", "05T10:59:59.999999Z", "05T11:00:00Z"),
                                ("the later row stands first", "05T11:00:00Z", "05T10:00:00Z"), ("written in another zone", "05T12:00:00+02:00", "05T10:30:00Z"),
                                ("midnight UTC", "06T00:00:00Z", "05T23:59:59.999999Z")):
        made.add(f"usage order: {name}", book, [at(first, calls(80, tenant="a")), at(second, calls(80, tenant="b"))])
    made.add("usage order: a row without a time comes before all", book, [at("01T00:00:00Z", calls(80, tenant="a")), calls(80, tenant="b")], hand=("b 80 free, a 20 of 80: 60 x 3", "180.00"))
    made.add("usage order: each hour of a tenant stands in its own turn", book, [at("09T00:00:00Z", calls(40, tenant="a")), at("05T00:00:00Z", calls(80, **ARM)), at("01T00:00:00Z", calls(40, tenant="a"))],
             hand=("a's first 40, then 60 of 80 of arm64; a's second 40 are billed: 20 x 2 + 40 x 3", "160.00"))
    made.add("usage order: days and months count", book, [at("10T00:00:00Z", calls(80, tenant="a")), {**calls(80, tenant="b"), "started_at": "2026-09-30T23:00:00Z"}])


def turns(made):
    meters = [meter("duration", "seconds", per_unit("0.02", architectures=["x86_64"], regions=["us"]), per_unit("0.02", architectures=["arm64"], regions=["us"]),
                    per_unit("0.02", regions=["eu"]), per_unit("0.03", regions=["ap"]))]
    book = made.book("equal-prices", *meters, free_tiers=[free("duration", "100", ["duration"], "dearest_first")])
    rows = [seconds("60", region="us"), seconds("60", region="us", **ARM), seconds("60", region="eu"), seconds("30", region="ap")]
    made.add("dearest first: then by region and architecture", book, rows, hand=("ap 30, eu 60, us arm64 10 of 60, us x86_64 none: 50 x 0.02 and 60 x 0.02", "2.20"))
    made.add("dearest first: modes of one price share", book, [seconds("80", region="eu"), seconds("80", region="eu", mode="provisioned")])
    book = made.book("tiers-and-free", meter("duration", "seconds", price("graduated", tiers=[tier("10", "1"), tier(None, "3")], architectures=["x86_64"]),
                                             per_unit("2", architectures=["arm64"])), free_tiers=[free("duration", "15", ["duration"], "dearest_first")])
    made.add("the first tier's price makes the turn, and free usage climbs no tier", book, [seconds("20"), seconds("5", **ARM)],
             hand=("arm64 (2) first: 5; x86_64 (1) 10 of 20, 10 left in tier 1: 10 x 1", "10.00"))
    for model, members in (("package", {"package_size": "4", "package_price": "10"}), ("percentage", {"rate_percent": "250"}), ("volume", {"tiers": [tier(None, "2.5", "7")]})):
        book = made.book(f"free-{model}", meter("duration", "seconds", price(model, architectures=["x86_64"], **members), per_unit("2.4", architectures=["arm64"])),
                         free_tiers=[free("duration", "30", ["duration"], "dearest_first")])
        for count in ("29", "30", "31"):
            made.add(f"dearest first: {model} of 2.5 a unit before 2.4, {count} s", book, [seconds(count), seconds("10", **ARM)])


def several(made):
    two = [meter("duration", "seconds", per_unit("0.10")), meter("warm", "seconds", per_unit("0.30"))]
    for allocation in ALLOCATIONS:
        book = made.book(f"two-skus-{allocation}", *two, free_tiers=[free("time", "100", ["duration", "warm"], allocation)])
        for count in ("49.999", "50", "50.001", "120"):
            made.add(f"{allocation}: two skus share an allowance, {count} s each", book, seconds(count))
        book = made.book(f"modes-{allocation}", two[0], free_tiers=[free("time", "100", ["duration"], allocation, modes=["on_demand"])])
        made.add(f"{allocation}: other modes have no part", book, [seconds("80"), seconds("80", mode="provisioned"), seconds("80", tenant="b")], hand=("160 - 100 = 60, and 80 x 0.1", "14.00"))
    first = meter("first", "invocations", per_unit("5", name="special", functions=["x"]), per_unit("3"))
    book = made.book("two-meters-tie", first, meter("second", "invocations", per_unit("2")), free_tiers=[free("both", "1", ["first", "second"], "proportional", whole_units="true")])
    made.add("whole units: a tie between meters goes to the one that stands first", book, calls(10), hand=("half a unit each: first has it: 9 x 3 + 10 x 2", "47.00"))
    book = made.book("two-tiers", *two, free_tiers=[free("a", "10", ["duration"], "dearest_first"), free("b", "20", ["warm"], "proportional")])
    for count in ("5", "10", "15", "20", "25"):
        made.add(f"two free tiers at {count} s", book, seconds(count))
    for quantity in ("0.5", "33.333", "1000000000000000000"):
        book = made.book(f"free-{quantity}", two[0], free_tiers=[free("time", quantity, ["duration"], "proportional")])
        made.add(f"an allowance of {quantity}", book, [seconds("0.4", tenant="a"), seconds("33", tenant="b")])
    book = made.book("free-none", two[0], free_tiers=[free("time", "0", ["duration"], "dearest_first")])
    made.add("an allowance of 0", book, seconds("5"), hand=("5 x 0.1", "0.50"))


def part_months(made):
    for rule in ("full", "by_day", "by_hour"):
        book = made.book(f"part-{rule}", meter("requests", "invocations", per_unit("1")), free_tiers=[free("requests", "744", ["requests"], "dearest_first", partial_month=rule, whole_units="true")])
        for first in ("2026-10-01", "2026-10-01T00:59:59Z", "2026-10-01T01:00:00Z", "2026-10-31T23:59:59.999999Z", "2026-11-01", "2026-09-30"):
            made.add(f"{rule}: service from {first}", book, calls(1000), service_from=first)
        made.add(f"{rule}: service for one second", book, calls(1000), service_from="2026-10-10T05:59:59Z", service_until="2026-10-10T06:00:00Z")
        made.add(f"{rule}: service over midnight for two seconds", book, calls(1000), service_from="2026-10-10T23:59:59Z", service_until="2026-10-11T00:00:01Z")
    made.add("by_hour: from noon of the 16th", "part-by_hour", calls(1000), service_from="2026-10-16T12:00:00Z", hand=("372 of 744 hours: 1000 - 372", "628.00"))
    made.add("by_day: from noon of the 16th", "part-by_day", calls(1000), service_from="2026-10-16T12:00:00Z", hand=("16 of 31 days: 744 x 16/31 = 384: 1000 - 384", "616.00"))
    made.add("by_day: whole units are cut down", "part-by_day", calls(1000), month="2026-11", service_from="2026-11-24", hand=("7 of 30 days: 173.6 -> 173: 1000 - 173", "827.00"))


def make():
    made = Vectors()
    for part in (edges, hours, turns, several, part_months):
        part(made)
    return made
