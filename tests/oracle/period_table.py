#!/usr/bin/env python3
"""Starts of billing periods by Python's zoneinfo, for tests/unit/rater/test_period.c: ZONE BILLING_DAY YEAR MONTH SECONDS a line.

Every zone's changeover days of ten years, the day after each, the month after; a few days of every zone that has none; and some
changeovers at midnight that history had. A period starts at the first instant at which the clock shows its day or a later one: here
it is looked for by walking through that day's neighbourhood, first by quarters of an hour, then minutes, then seconds. The zone database is the system's,
which the C code reads too: the first line names its version.
"""
import calendar
import sys
import zoneinfo
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

FIRST, LAST = 2020, 2029
MIDNIGHTS = [("America/Sao_Paulo", date(2017, 10, 15)), ("America/Sao_Paulo", date(2018, 2, 18)), ("Pacific/Apia", date(2011, 12, 30)),
             ("America/Havana", date(2019, 11, 3)), ("Asia/Beirut", date(2019, 3, 31)), ("America/St_Johns", date(2010, 11, 7)),
             ("Africa/Cairo", date(2014, 5, 16)), ("Asia/Pyongyang", date(2015, 8, 15)), ("Australia/Lord_Howe", date(2018, 4, 1))]


def database():
    for folder in zoneinfo.TZPATH:
        version = Path(folder) / "tzdata.zi"
        if version.exists():
            return version.open(encoding="ascii").readline().split()[-1]
    sys.exit("no time zone database in " + ", ".join(zoneinfo.TZPATH))


def offset(zone, seconds):
    return datetime.fromtimestamp(seconds, zone).utcoffset()


def start(zone, day):
    """Walk: the first second whose local date is `day` or later."""
    wanted = datetime(day.year, day.month, day.day)
    begin = int(wanted.replace(tzinfo=timezone.utc).timestamp())

    def shows(seconds):
        return datetime.fromtimestamp(seconds, zone).replace(tzinfo=None) >= wanted

    at = begin - 15 * 3600
    for step in (900, 60, 1) if day.year >= FIRST else (30, 1):
        while not shows(at + step):
            at += step
    return at + 1


def changeovers(zone):
    """Local dates on which the offset changes."""
    week = 7 * 86400
    at = int(datetime(FIRST, 1, 1, tzinfo=timezone.utc).timestamp())
    end = int(datetime(LAST + 1, 1, 1, tzinfo=timezone.utc).timestamp())
    before = offset(zone, at)
    while at < end:
        after = offset(zone, at + week)
        if after != before:
            low, high = at, at + week
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
            yield datetime.fromtimestamp(high, zone).date()
        before, at = after, at + week


def clamped(year, month, day):
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


def rows(name, zone, day):
    following = day.replace(day=1) + timedelta(days=32)
    for year, month in ((day.year, day.month), (following.year, following.month)):
        print(name, day.day, year, month, start(zone, clamped(year, month, day.day)))


def main():
    print(database())
    seen = set()
    for name in sorted(zoneinfo.available_timezones()):
        if name.startswith(("posix/", "right/")) or name in ("localtime", "Factory"):
            continue
        rules = next(Path(folder, name).read_bytes() for folder in zoneinfo.TZPATH if Path(folder, name).exists())
        if rules in seen:
            continue  # another name for a zone that is in the table
        seen.add(rules)
        zone = zoneinfo.ZoneInfo(name)
        days = sorted({day + timedelta(days=more) for day in changeovers(zone) for more in (0, 1)})
        for day in days or [date(2024, 1, 31), date(2025, 1, 29), date(2025, 2, 1)]:
            rows(name, zone, day)
    for name, day in MIDNIGHTS:
        for more in (-1, 0, 1):
            rows(name, zoneinfo.ZoneInfo(name), day + timedelta(days=more))


main()
