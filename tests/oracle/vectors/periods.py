"""Months and their edges in UTC, leap years, service that begins or ends inside a month, periods of contracts; re-rating."""
from vectors.kit import Vectors, calls, free, meter, per_unit, price

HOURS = {"2023-02": 672, "2024-02": 696, "2100-02": 672, "2000-02": 696, "2026-04": 720, "2026-12": 744}


def fee_books(made):
    """A fee of a cent for each hour and each day of the month: the bill counts them."""
    for rule in ("by_hour", "by_day"):
        for month, hours in HOURS.items():
            made.book(f"{rule}-{month}", meter("fee", "month", price("flat", fee=str(hours if rule == "by_hour" else hours // 24), partial_month=rule)))


def leap_years(made):
    for month, hours in HOURS.items():
        days = hours // 24
        last = f"{month}-{days:02}"
        for rule, block in (("by_hour", 24), ("by_day", 1)):
            book = f"{rule}-{month}"
            made.add(f"{month} {rule}: all of it", book, calls(1), month=month, rule=(f"{days * block} of {days * block}", str(days * block)))
            made.add(f"{month} {rule}: the last day", book, calls(1), month=month, service_from=last, rule=(f"{block} of {days * block}", str(block)))
            made.add(f"{month} {rule}: until the last day", book, calls(1), month=month, service_until=last, rule=("all but the last day", str((days - 1) * block)))
            made.add(f"{month} {rule}: the last microsecond", book, calls(1), month=month, service_from=f"{last}T23:59:59.999999Z", rule=("one block", "1"))
            made.add(f"{month} {rule}: the first microsecond", book, calls(1), month=month, service_until=f"{month}-01T00:00:00.000001Z", rule=("one block", "1"))


def bounds(made):
    for rule in ("by_hour", "by_day"):
        book = f"{rule}-2024-02"
        for first, last in (("2024-02-10T10:00:00Z", "2024-02-10T11:00:00Z"), ("2024-02-10T10:00:00Z", "2024-02-10T11:00:00.000001Z"), ("2024-02-10T09:59:59.999999Z", "2024-02-10T11:00:00Z"),
                            ("2024-02-10", "2024-02-11"), ("2024-02-10T23:59:59Z", "2024-02-11T00:00:01Z"), ("2024-01-01", "2024-02-02"), ("2024-02-28", "2024-03-01"),
                            ("2024-02-28", "2024-04-01"), ("2024-02-29T22:30:00-01:00", "2024-03-05")):
            made.add(f"{rule}: service from {first} until {last}", book, calls(1), month="2024-02", service_from=first, service_until=last)
        made.add(f"{rule}: service that ended before the month", book, calls(1), month="2024-02", service_until="2024-02-01", rule=("no block", "0"))
        made.add(f"{rule}: service that begins with the next month", book, calls(1), month="2024-02", service_from="2024-03-01", rule=("no block", "0"))
    made.book("full-month", meter("fee", "month", price("flat", fee="29")))
    made.add("full: one second of service costs the month", "full-month", calls(1), month="2024-02", service_from="2024-02-29T23:59:59Z", rule=("29", "29.00"))


def under_contracts(made):
    """The hours of a contract's period: the fee is one for each hour of it."""
    for zone, day, month, hours in (("Europe/Berlin", "1", "2026-03", 743), ("Europe/Berlin", "1", "2026-10", 745), ("Europe/Berlin", "29", "2026-03", 743 + 0), ("UTC", "31", "2024-01", 29 * 24),
                                    ("UTC", "31", "2024-02", 31 * 24), ("UTC", "30", "2023-01", 29 * 24), ("America/Sao_Paulo", "4", "2018-11", 720), ("America/Havana", "1", "2025-11", 721),
                                    ("Asia/Kolkata", "15", "2026-02", 28 * 24), ("Australia/Lord_Howe", "1", "2026-04", 721), ("Africa/Cairo", "24", "2026-04", 720)):
        zone_name = zone.replace("/", "-").lower()
        contract = made.contract(f"{zone_name}-{day}", time_zone=zone, billing_day=day)
        book = made.book(f"hours-{zone_name}-{day}-{month}", meter("fee", "month", price("flat", fee=str(hours * 1000), partial_month="by_hour")))
        made.add(f"all hours of {month} from day {day} in {zone}", book, calls(1), month=month, contract=contract, hand=("all of it", str(hours * 1000)))
        made.add(f"service until a year later than {month} from day {day} in {zone}", book, calls(1), month=month, contract=contract, service_until=f"{int(month[:4]) + 1}{month[4:]}-01",
                 hand=("all of it", str(hours * 1000)))
        for first in ("05T00:00:00Z", "28T13:30:00Z"):
            made.add(f"service from {month}-{first} in {zone}, day {day}", book, calls(1), month=month, contract=contract, service_from=f"{month}-{first}")
    book = made.book("init-by-period", meter("time", "seconds", per_unit("1000")), initialization=[{"since": "2026-02-28"}])
    for day in ("27", "28", "31"):
        contract = made.contract(f"from-{day}", billing_day=day)
        made.add(f"initialization since the 28th in the period from day {day} of February", book, calls(1, "1", init_duration_ms="1"), month="2026-02", contract=contract,
                 hand=("1 ms" if day == "27" else "2 ms", "1" if day == "27" else "2"))


def again(made):
    """Re-rating: the same usage by the next version of a book, and by the shipped ones."""
    usage = [calls(1500000, "250", memory_mb=512, tenant="a"), calls(700000, "99.5", memory_mb=1792, tenant="b", architecture="arm64", init_duration_ms="120.4")]
    for version, unit_price in (("old", "0.20"), ("new", "0.25")):
        book = made.book(f"version-{version}", meter("requests", "invocations", per_unit(unit_price, per="1000000")), free_tiers=[free("requests", "1000000", ["requests"], "dearest_first", whole_units="true")])
        made.add(f"re-rating by the {version} prices", book, usage, hand=("2200000 - 1000000 = 1200000; a has 681818 free, b 318182: 818182 and 381818 units: " +
                                                                          ("0.1636364 -> 0.16, 0.0763636 -> 0.08" if version == "old" else "0.2045455 -> 0.20, 0.0954545 -> 0.10"),
                                                                          "0.24" if version == "old" else "0.30"))
    for month in ("2025-07", "2025-08"):
        made.add(f"re-rating {month} by the shipped book: the rules of that month hold", "rater/books/aws-lambda.yaml", usage, month=month)
        made.add(f"re-rating {month} by the book of 2019", "rater/books/aws-lambda-2019.yaml", usage, month=month)


def make():
    made = Vectors()
    for part in (fee_books, leap_years, bounds, under_contracts, again):
        part(made)
    return made
