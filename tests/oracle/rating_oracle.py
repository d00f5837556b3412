#!/usr/bin/env python3
"""An independent rating of quote rows by the shipped AWS books: exact fractions, no code shared with rater/.

Prices and rules are typed in here from the published ones (see the sources in rater/books/*.yaml), on purpose not read
from the books. Use rate(rows, ...) from tests, or: rating_oracle.py [--book B] [--month YYYY-MM] [--no-free-tier] FILE
"""
import json
import sys
from fractions import Fraction as F

FREE_REQUESTS = F(1000000)
FREE_GB_SECONDS = F(400000)
REQUEST_PRICE = F(1, 5000000)  # 0.20 per million
EPHEMERAL_PRICE = F("0.0000000309")
OPEN = None
# (architecture, mode) -> [(limit of the tier or OPEN, price)]
LADDERS = {
    "aws-lambda": {
        ("x86_64", "on_demand"): [(F(6 * 10**9), F("0.0000166667")), (F(15 * 10**9), F("0.0000150000")), (OPEN, F("0.0000133334"))],
        ("arm64", "on_demand"): [(F(75 * 10**8), F("0.0000133334")), (F(1875 * 10**7), F("0.0000120001")), (OPEN, F("0.0000106667"))],
        ("x86_64", "provisioned"): [(OPEN, F("0.0000097222"))],
        ("arm64", "provisioned"): [(OPEN, F("0.0000077778"))],
    },
    "aws-lambda-2019": {
        ("x86_64", "on_demand"): [(OPEN, F("0.0000166667"))],
        ("arm64", "on_demand"): [(OPEN, F("0.0000133334"))],
        ("x86_64", "provisioned"): [(OPEN, F("0.0000097222"))],
        ("arm64", "provisioned"): [(OPEN, F("0.0000077778"))],
    },
}
ARCHITECTURES = ["x86_64", "arm64"]
MODES = ["on_demand", "provisioned"]
SKUS = ["requests", "duration", "ephemeral_storage"]


def ceiling(value):
    return -((-value.numerator) // value.denominator)


def cents(value):
    """Half up to two decimals (amounts are not negative)."""
    return F((value * 100 + F(1, 2)).__floor__(), 100)


def row_duration_ms(row, field):
    if field + "_us" in row:
        return F(str(row[field + "_us"])) / 1000
    return F(str(row.get(field + "_ms", 0)))


def billed_ms(row, book, month):
    step = 1 if book == "aws-lambda" else 100
    with_init = row.get("mode", "on_demand") == "on_demand" and (
        row.get("package", "managed") in ("custom", "image") or (book == "aws-lambda" and month >= "2025-08"))
    time = row_duration_ms(row, "duration") + (row_duration_ms(row, "init_duration") if with_init else 0)
    return step * ceiling(time / step)


def sum_usage(rows, book, month):
    """{(tenant, region, architecture, mode): {sku: quantity}}"""
    usage = {}
    for row in rows:
        key = (row.get("tenant", "default"), row.get("region", "us-east-1"), row.get("architecture", "x86_64"),
               row.get("mode", "on_demand"))
        count = F(str(row["invocations"]))
        seconds = F(billed_ms(row, book, month), 1000) * count
        sums = usage.setdefault(key, {"requests": F(0), "duration": F(0), "ephemeral_storage": F(0)})
        sums["requests"] += count
        sums["duration"] += seconds * F(int(row["memory_mb"]), 1024)
        sums["ephemeral_storage"] += seconds * F(max(0, int(row.get("ephemeral_mb", 512)) - 512), 1024)
    return usage


def first_price(sku, key, book):
    if sku == "requests":
        return REQUEST_PRICE
    return LADDERS[book][(key[2], key[3])][0][1]


def share_whole(available, wants):
    """Whole units by largest remainder; ties in the order of the list."""
    total = sum(wants)
    exact = [available * want / total for want in wants]
    shares = [F(share.__floor__()) for share in exact]
    order = sorted(range(len(wants)), key=lambda i: (-(exact[i] - shares[i]), i))
    for i in order[:int(available - sum(shares))]:
        shares[i] += 1
    return shares


def share_free(usage, sku, allowance, book):
    """{key: free quantity}: dearest price first, then region and architecture, then in proportion."""
    covered = [key for key in usage if sku == "requests" or key[3] == "on_demand"]
    turns = {}
    for key in covered:
        turns.setdefault((-first_price(sku, key, book), key[1], key[2]), []).append(key)
    free = {}
    for turn in sorted(turns):
        keys = sorted(turns[turn], key=lambda key: (key[0].encode(), MODES.index(key[3])))
        wants = [usage[key][sku] for key in keys]
        if sum(wants) <= allowance:
            shares = wants
        elif sku == "requests":
            shares = share_whole(allowance, wants)
        else:
            shares = [allowance * want / sum(wants) for want in wants]
        allowance -= sum(shares)
        free.update(zip(keys, shares))
    return free


def ladder_of(sku, key, book):
    if sku == "requests":
        return [(OPEN, REQUEST_PRICE)]
    if sku == "ephemeral_storage":
        return [(OPEN, EPHEMERAL_PRICE)]
    return LADDERS[book][(key[2], key[3])]


def tier_parts(ladder, total):
    parts, below = [], F(0)
    for limit, _ in ladder:
        top = total if limit is OPEN else min(total, limit)
        parts.append(max(F(0), top - below))
        below = top if limit is OPEN else limit
    return parts


def rate(rows, month, free_tier=True, book="aws-lambda"):
    """Lines as dicts of exact fractions, in the order of the contract."""
    usage = sum_usage(rows, book, month)
    skus = SKUS if book == "aws-lambda" else SKUS[:2]
    free = {sku: {} for sku in SKUS}
    if free_tier:
        free["requests"] = share_free(usage, "requests", FREE_REQUESTS, book)
        free["duration"] = share_free(usage, "duration", FREE_GB_SECONDS, book)
    lines = []
    for key in sorted(usage, key=lambda k: (k[0].encode(), k[1].encode(), ARCHITECTURES.index(k[2]), MODES.index(k[3]))):
        for sku in skus:
            ladder = ladder_of(sku, key, book)
            mates = [k for k in usage if k[1] == key[1] and ladder_of(sku, k, book) == ladder and
                     (sku != "duration" or k[2:] == key[2:])]
            total = sum(usage[k][sku] - free[sku].get(k, 0) for k in mates)
            taken = free[sku].get(key, F(0))
            billed = usage[key][sku] - taken
            for i, (part, (_, price)) in enumerate(zip(tier_parts(ladder, total), ladder)):
                mine = part * billed / total if total else F(0)
                if i > 0 and mine == 0:
                    continue
                here = taken if i == 0 else F(0)
                lines.append({"tenant": key[0], "region": key[1], "architecture": key[2], "mode": key[3], "sku": sku,
                              "tier": i + 1, "quantity": mine + here, "free_quantity": here, "billed_quantity": mine,
                              "unit_price": price, "amount_exact": mine * price, "amount": cents(mine * price)})
    return lines


def printed(value):
    """As the contract prints an exact number: all digits, or 20 decimals half up where the fraction does not end."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1:
        return value
    return F((value * 10**20 + F(1, 2)).__floor__(), 10**20)


def main(arguments):
    book, month, free_tier, path = "aws-lambda", "9999-12", True, None
    while arguments:
        word = arguments.pop(0)
        if word == "--book":
            book = arguments.pop(0)
        elif word == "--month":
            month = arguments.pop(0)
        elif word == "--no-free-tier":
            free_tier = False
        else:
            path = word
    with open(path, encoding="utf-8") as file:
        rows = json.load(file, parse_float=str)
    for line in rate(rows, month, free_tier, book):
        print({name: str(value) for name, value in line.items()})


if __name__ == "__main__":
    main(sys.argv[1:])
