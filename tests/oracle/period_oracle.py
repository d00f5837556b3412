"""Billing periods by doc/contracts.md, worked out with Python's zoneinfo: no code shared with rater/."""
import calendar
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

UTC = timezone.utc
SECOND = timedelta(seconds=1)


def offset_at(zone, instant):
    return instant.astimezone(zone).utcoffset()


def changes(zone, first, last):
    """Instants in (first, last] at which the zone's offset changes, to the second."""
    found = []
    step = timedelta(hours=1)
    while first < last:
        following = min(first + step, last)
        if offset_at(zone, first) != offset_at(zone, following):
            low, high = first, following
            while high - low > SECOND:
                middle = low + timedelta(seconds=(high - low) // SECOND // 2)
                low, high = (middle, high) if offset_at(zone, middle) == offset_at(zone, low) else (low, middle)
            found.append(high)
        first = following
    return found


@lru_cache(maxsize=None)
def first_instant(year, month, day, zone_name):
    """The first instant at which the zone's clock shows that date or a later one."""
    zone = ZoneInfo(zone_name)
    midnight = datetime(year, month, day, tzinfo=UTC)
    start, end = midnight - timedelta(hours=30), midnight + timedelta(hours=30)
    edges = [start] + changes(zone, start, end) + [end]
    for begin, following in zip(edges, edges[1:]):
        candidate = max(begin, midnight - offset_at(zone, begin))
        if candidate < following:
            return candidate
    raise AssertionError("no such day")


def regular_start(year, month, billing_day, zone_name):
    return first_instant(year, month, min(billing_day, calendar.monthrange(year, month)[1]), zone_name)


def date_start(text, zone_name):
    return first_instant(*(int(part) for part in text.split("-")), zone_name)


def period_of(month, billing_day=1, zone_name="UTC"):
    """(first instant, end) of the period that starts in month YYYY-MM, all under one contract."""
    year, number = (int(part) for part in month.split("-"))
    following = (year + number // 12, number % 12 + 1)
    return regular_start(year, number, billing_day, zone_name), regular_start(*following, billing_day, zone_name)


def microseconds(instant):
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
