"""A period with several books: what goes on from part to part. October 2026 has 744 hours; the change is after 372 of them."""
from vectors.kit import Vectors, calls, free, meter, per_unit, price, tier

CHANGE = "2026-10-16T12:00:00Z"
BEFORE, AFTER = {"started_at": "2026-10-16T11:59:59.999999Z"}, {"started_at": CHANGE}


def pair(made, name, first, second, **top):
    """Two versions of a book that differ in one meter."""
    one = made.book(f"{name}-1", *first, **top)
    two = made.book(f"{name}-2", *second, **top)
    return one, [[CHANGE, two]]


def ladder(*tiers, **members):
    return meter("requests", "invocations", price("graduated", tiers=list(tiers), **members))


def tiers(made):
    one, changes = pair(made, "steps", [ladder(tier("100", "1", "7"), tier(None, "0.50", "3"))], [ladder(tier("100", "2", "7"), tier(None, "0.50", "3"))])
    for first, second, hand in ((50, 80, ("50 + 7; 50 x 2 + 30 x 0.5 + 3", "175.00")), (100, 1, ("107; 0.5 + 3", "110.50")), (101, 1, ("107 + 0.5 + 3; 0.5", "111.00")),
                                (99, 1, ("106; 2", "108.00")), (0, 100, ("0; 200 + 7", "207.00")), (100, 0, ("107; 0", "107.00"))):
        made.add(f"{first} before and {second} after climb one ladder", one, [calls(first, **BEFORE), calls(second, **AFTER)], hand=hand, changes=changes)
    made.add("a row without a time is before all", one, [calls(10), calls(10, **AFTER)], hand=("17; 20", "37.00"), changes=changes)
    one, changes = pair(made, "lower", [ladder(tier("100", "1"), tier(None, "0.50"))], [ladder(tier("10", "4", "5"), tier("200", "2", "9"), tier(None, "1", "11"))])
    made.add("the new ladder is climbed from where the counter stands", one, [calls(150, **BEFORE), calls(60, **AFTER)],
             hand=("100 + 25; 50 x 2 + 10 x 1 + 11: the second tier was reached before", "246.00"), changes=changes)
    one, changes = pair(made, "at-zero", [ladder(tier("100", "1", "7"), tier(None, "1"), at_zero="fee")], [ladder(tier("100", "2", "8"), tier(None, "1"), at_zero="fee")])
    made.add("what is due at zero is due once", one, [calls(0, **BEFORE), calls(1, **AFTER)], hand=("7; 2", "9.00"), changes=changes)
    one, changes = pair(made, "volume", [meter("requests", "invocations", price("volume", tiers=[tier("100", "1", "5"), tier(None, "0.5", "6")]))],
                        [meter("requests", "invocations", price("volume", tiers=[tier("100", "2", "5"), tier(None, "0.25", "6")]))])
    made.add("volume: the tier that the counter has reached prices the part", one, [calls(60, **BEFORE), calls(60, **AFTER)], hand=("60 + 5; 60 x 0.25 + 6", "86.00"), changes=changes)
    made.add("volume: in the same tier no fee is due again", one, [calls(60, **BEFORE), calls(40, **AFTER)], hand=("65; 80", "145.00"), changes=changes)


def packages(made):
    def packed(size, cost, free_units):
        return meter("requests", "invocations", price("package", package_size=size, package_price=cost, free_units=free_units))
    one, changes = pair(made, "packages", [packed("100", "5", "50")], [packed("100", "7", "50")])
    for first, second, hand in ((80, 70, ("one package of 5 holds 30 to 100", "5.00")), (80, 71, ("5; a second of 7", "12.00")), (40, 10, ("all free", "0.00")), (40, 11, ("0; 7", "7.00"))):
        made.add(f"packages: {first} before, {second} after", one, [calls(first, **BEFORE), calls(second, **AFTER)], hand=hand, changes=changes)
    one, changes = pair(made, "percent", [meter("requests", "invocations", price("percentage", rate_percent="100", free_events="10"))],
                        [meter("requests", "invocations", price("percentage", rate_percent="200", free_events="30"))])
    made.add("percentage: what was free before is taken off what is free", one, [calls(40, **BEFORE), calls(40, **AFTER)], hand=("30; 20 of 40 are free, 20 x 2", "70.00"), changes=changes)


def allowances(made):
    for first, second, name, usage, hand in (("40", "60", "free", (90, 100), ("50; 80 x 2", "210.00")), ("40", "30", "free", (90, 100), ("50; 200", "250.00")),
                                             ("40", "60", "free", (30, 100), ("0; 70 x 2", "140.00")), ("40", "40", "other", (90, 100), ("50; 60 x 2", "170.00"))):
        one = made.book(f"allowance-{first}", meter("requests", "invocations", per_unit("1")), free_tiers=[free("free", first, ["requests"], "proportional", whole_units="true")])
        two = made.book(f"then-{second}-{name}", meter("requests", "invocations", per_unit("2")), free_tiers=[free(name, second, ["requests"], "proportional", whole_units="true")])
        made.add(f"an allowance of {first}, then {second} of {name}: {usage[0]} before, {usage[1]} after", one,
                 [calls(usage[0], tenant="a", **BEFORE), calls(usage[1], tenant="b", **AFTER)], hand=hand, changes=[[CHANGE, two]])


def monthly(made):
    plan = [meter("requests", "invocations", per_unit("0")), meter("plan", "month", price("flat", fee="30"))]
    dearer = [meter("requests", "invocations", per_unit("0")), meter("plan", "month", price("flat", fee="60"))]
    one, changes = pair(made, "plan", plan, dearer)
    made.add("a flat fee is for the time of its book", one, [calls(1, **BEFORE), calls(1, **AFTER)], hand=("15 and 30", "45.00"), changes=changes)
    made.add("a flat fee needs usage in its part", one, [calls(1, **BEFORE)], hand=("15", "15.00"), changes=changes)

    def bounded(low, high):
        return [meter("requests", "invocations", per_unit("1", minimum=low, maximum=high))]

    one, changes = pair(made, "bounded", bounded("10", "100"), bounded("20", "200"))
    made.add("minimum and maximum are for the time of their book", one, [calls(1, **BEFORE), calls(500, **AFTER)], hand=("5; 100", "105.00"), changes=changes)
    one, changes = pair(made, "served", [meter("requests", "invocations", per_unit("0")), meter("plan", "month", price("flat", fee="31", partial_month="by_day"))],
                        [meter("requests", "invocations", per_unit("0")), meter("plan", "month", price("flat", fee="62", partial_month="by_day"))])
    made.add("of a partial month the days in service, each as far as the book is in force", one, [calls(1, **BEFORE), calls(1, **AFTER)],
             hand=("days 11 to 15 and half of the 16th: 5.5 x 1; half of the 16th and 17 to 20: 4.5 x 2", "14.50"), changes=changes,
             service_from="2026-10-11", service_until="2026-10-21")


def rounding(made):
    one, changes = pair(made, "whole", [meter("requests", "invocations", per_unit("0.004"))], [meter("requests", "invocations", per_unit("0.004"))], rounding={"each": "invoice"})
    made.add("one rounding over all parts", one, [calls(1, **BEFORE), calls(1, **AFTER)], hand=("0.008 is 0.01: the first line gets the cent", "0.01"), changes=changes)
    one, changes = pair(made, "each", [meter("requests", "invocations", per_unit("0.004"))], [meter("requests", "invocations", per_unit("0.004"))])
    made.add("each line is rounded in its part", one, [calls(1, **BEFORE), calls(1, **AFTER)], hand=("0.00 and 0.00", "0.00"), changes=changes)
    three = made.book("third", meter("requests", "invocations", per_unit("3")))
    made.add("three books in one period", one, [calls(1, **BEFORE), calls(250, **AFTER), calls(2, started_at="2026-10-31T23:00:00Z")],
             hand=("0.00; 1.00; 6", "7.00"), changes=changes + [["2026-10-31T23:00:00Z", three]])


def make():
    made = Vectors()
    for part in (tiers, packages, allowances, monthly, rounding):
        part(made)
    return made
