#!/usr/bin/env python3
"""Is a CSV file FOCUS 1.2? Knows the specification's columns and rules, and nothing of millibill: focus_check.py FILE…

check(text) returns complaints, none for a conformant file. Amounts are compared exactly.
"""
import csv
import io
import json
import re
import sys
from datetime import datetime
from decimal import Decimal, getcontext

getcontext().prec = 120

# column, level, null allowed, type
COLUMNS = [tuple(line.split()) for line in """
BilledCost mandatory no decimal
BillingAccountId mandatory no string
BillingAccountName mandatory yes string
BillingCurrency mandatory no currency
BillingPeriodEnd mandatory no time
BillingPeriodStart mandatory no time
ChargeCategory mandatory no string
ChargeClass mandatory yes string
ChargeDescription mandatory yes string
ChargePeriodEnd mandatory no time
ChargePeriodStart mandatory no time
ContractedCost mandatory no decimal
EffectiveCost mandatory no decimal
InvoiceIssuerName mandatory no string
ListCost mandatory no decimal
PricingQuantity mandatory yes decimal
PricingUnit mandatory yes unit
ProviderName mandatory no string
PublisherName mandatory no string
ServiceCategory mandatory no string
ServiceName mandatory no string
BillingAccountType conditional no string
CapacityReservationId conditional yes string
CapacityReservationStatus conditional yes string
CommitmentDiscountCategory conditional yes string
CommitmentDiscountId conditional yes string
CommitmentDiscountName conditional yes string
CommitmentDiscountQuantity conditional yes decimal
CommitmentDiscountStatus conditional yes string
CommitmentDiscountType conditional yes string
CommitmentDiscountUnit conditional yes unit
ConsumedQuantity conditional yes decimal
ConsumedUnit conditional yes unit
ContractedUnitPrice conditional yes decimal
ListUnitPrice conditional yes decimal
PricingCategory conditional yes string
PricingCurrency conditional yes currency
PricingCurrencyContractedUnitPrice conditional yes decimal
PricingCurrencyEffectiveCost conditional yes decimal
PricingCurrencyListUnitPrice conditional yes decimal
RegionId conditional yes string
RegionName conditional yes string
ResourceId conditional yes string
ResourceName conditional yes string
ResourceType conditional yes string
SkuId conditional yes string
SkuMeter conditional yes string
SkuPriceDetails conditional yes json
SkuPriceId conditional yes string
SubAccountId conditional yes string
SubAccountName conditional yes string
SubAccountType conditional yes string
Tags conditional yes json
AvailabilityZone recommended yes string
ChargeFrequency recommended no string
InvoiceId recommended yes string
ServiceSubcategory recommended no string
""".split("\n") if line]

ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeClass": {"Correction"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "CommitmentDiscountCategory": {"Spend", "Usage"},
    "CommitmentDiscountStatus": {"Used", "Unused"},
    "CapacityReservationStatus": {"Used", "Unused"},
    "ServiceCategory": {"AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools", "Multicloud",
                        "Identity", "Integration", "Internet of Things", "Management and Governance", "Media", "Migration", "Mobile", "Networking",
                        "Security", "Storage", "Web", "Other"},
    "ServiceSubcategory": {"Containers", "End User Computing", "Quantum Compute", "Serverless Compute", "Virtual Machines", "Other (Compute)"},
}
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
UNIT = re.compile(r"[A-Z][A-Za-z0-9]*([- /][A-Za-z0-9]+)*")
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")


def instant(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def value_complaint(kind, text):
    """What is wrong with a value that is not null, else None."""
    if kind == "decimal":
        return None if NUMBER.fullmatch(text) else "is no plain decimal"
    if kind == "currency":
        return None if re.fullmatch("[A-Z]{3}", text) else "is no ISO 4217 code"
    if kind == "unit":
        return None if UNIT.fullmatch(text) else "is no unit"
    if kind == "time":
        try:
            instant(text)
        except ValueError:
            return "is no UTC time"
    if kind == "json":
        try:
            if not isinstance(json.loads(text), dict):
                return "is no object"
        except ValueError:
            return "is no JSON"
    return None


def value_complaints(row):
    for column, level, null, kind in COLUMNS:
        if column not in row:
            continue
        text = row[column]
        if text == "":
            if null == "no":
                yield f"{column} is null"
            continue
        wrong = value_complaint(kind, text)
        if wrong:
            yield f"{column} {wrong}: {text!r}"
        if column in ALLOWED and text not in ALLOWED[column]:
            yield f"{column} has another value than allowed: {text!r}"
    for name in row.get("SkuPriceDetails", "") and json.loads(row["SkuPriceDetails"]):
        if not name.startswith("x_"):
            yield f"SkuPriceDetails: {name} is none of the specification's and does not begin with x_"


def null_complaints(row):
    """Which columns must, and must not, be null for such a charge."""
    category = row["ChargeCategory"]
    regular = row["ChargeClass"] != "Correction"
    commitment = row.get("CommitmentDiscountId", "") != ""

    def must(column, null, why):
        if column in row and (row[column] == "") != null:
            yield f"{column} must {'' if null else 'not '}be null: {why}"

    if category == "Tax":
        for column in ("PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice", "PricingCategory"):
            yield from must(column, True, "a tax")
    if category in ("Usage", "Purchase") and regular:
        for column in ("PricingQuantity", "PricingUnit", "ListUnitPrice", "ContractedUnitPrice", "PricingCategory"):
            yield from must(column, False, category)
    if category == "Usage" and regular:
        for column in ("SkuId", "SkuPriceId"):
            yield from must(column, False, category)
        yield from must("ConsumedQuantity", row.get("CommitmentDiscountStatus") == "Unused", category)
    if category != "Usage":
        yield from must("ConsumedQuantity", True, category)
        yield from must("CommitmentDiscountStatus", True, category)
    if category == "Tax":
        for column in ("SkuId", "SkuPriceId", "CommitmentDiscountId"):
            yield from must(column, True, "a tax")
    if category not in ("Usage", "Purchase") and regular:
        yield from must("CommitmentDiscountQuantity", True, category)
    if row.get("CommitmentDiscountQuantity"):
        yield from must("CommitmentDiscountUnit", False, "there is a CommitmentDiscountQuantity")
    if row.get("PricingCategory") == "Committed" and (category == "Purchase" or not commitment):
        yield "PricingCategory is Committed, and the charge is not one under a commitment: buying one is Standard"
    for column, whole in (("SkuMeter", "SkuId"), ("SkuPriceDetails", "SkuPriceId"), ("CommitmentDiscountName", "CommitmentDiscountId"),
                          ("ResourceName", "ResourceId"), ("SubAccountName", "SubAccountId"), ("RegionName", "RegionId")):
        if row.get(whole) == "":
            yield from must(column, True, f"{whole} is null")
    if category == "Purchase" and row.get("ChargeFrequency") == "Usage-Based":
        yield "ChargeFrequency of a purchase is Usage-Based"
    for column in ("CommitmentDiscountCategory", "CommitmentDiscountType"):
        yield from must(column, not commitment, "together with CommitmentDiscountId")
    for one, other in (("PricingQuantity", "PricingUnit"), ("ConsumedQuantity", "ConsumedUnit"), ("ResourceId", "ResourceType"),
                       ("SubAccountId", "SubAccountType"), ("RegionId", "RegionName")):
        if one in row and (row[one] == "") != (row[other] == ""):
            yield f"{one} and {other} are null together or not at all"


def cost_complaints(row):
    number = {name: Decimal(text) for name, text in row.items() if NUMBER.fullmatch(text or "")}
    for price in ("ListUnitPrice", "ContractedUnitPrice", "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice"):
        if number.get(price, 0) < 0:
            yield f"{price} is below 0: what is taken back has a quantity below 0"
    if row["ChargeClass"] != "Correction" and "PricingQuantity" in number:
        for cost, price in (("ListCost", "ListUnitPrice"), ("ContractedCost", "ContractedUnitPrice")):
            if price in number and number[cost] != number[price] * number["PricingQuantity"]:
                yield f"{cost} is not {price} x PricingQuantity"
    if row["ChargeCategory"] in ("Credit", "Tax") and len({number[cost] for cost in COSTS}) != 1:
        yield f"the four costs of a {row['ChargeCategory']} differ"


def period_complaints(row):
    start, end = instant(row["ChargePeriodStart"]), instant(row["ChargePeriodEnd"])
    billed_from, billed_to = instant(row["BillingPeriodStart"]), instant(row["BillingPeriodEnd"])
    if start >= end or billed_from >= billed_to:
        yield "a period ends before it starts"
    if row["ChargeCategory"] == "Usage" and row["ChargeClass"] == "" and not (billed_from <= start and end <= billed_to):
        yield "the charge's period is not in the billing period"
    if row["ChargeClass"] == "Correction" and start >= billed_from:
        yield "a correction is of an earlier period"


def amortized_complaints(found):
    """A purchase with an EffectiveCost of 0 covers later charges: they carry its commitment, and all of the cost once its time is over."""
    for row in found:
        ahead = row["ChargeCategory"] == "Purchase" and Decimal(row["EffectiveCost"]) == 0 != Decimal(row["BilledCost"])
        if ahead and not any(other is not row and other["CommitmentDiscountId"] == row["CommitmentDiscountId"] != "" and
                             Decimal(other["EffectiveCost"]) != Decimal(other["BilledCost"]) for other in found):
            yield f"nothing carries the amortized cost of {row['CommitmentDiscountId'] or 'a purchase'}"


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def check(text):
    """Complaints about a whole file."""
    found = rows(text)
    head = next(csv.reader(io.StringIO(text, newline="")), [])
    complaints = [f"column {column} is missing" for column, level, _, _ in COLUMNS if level == "mandatory" and column not in head]
    complaints += [f"column {column} stands twice" for column in set(head) if head.count(column) > 1]
    known = {column for column, _, _, _ in COLUMNS}
    complaints += [f"column {column} is none of FOCUS and does not begin with x_" for column in head
                   if column not in known and not column.startswith("x_")]
    if complaints:
        return complaints
    for number, row in enumerate(found, 2):
        if None in row or None in row.values():
            complaints.append(f"row {number}: {len(head)} cells expected")
            continue
        wrong = list(value_complaints(row))
        if not wrong:
            wrong = [*null_complaints(row), *cost_complaints(row), *period_complaints(row)]
        complaints += [f"row {number}: {complaint}" for complaint in wrong]
    return complaints or list(amortized_complaints(found))


def totals(found):
    """The sum of BilledCost by InvoiceId and currency."""
    sums = {}
    for row in found:
        key = (row["InvoiceId"], row["BillingCurrency"])
        sums[key] = sums.get(key, Decimal(0)) + Decimal(row["BilledCost"])
    return sums


def main():
    status = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", newline="") as file:
            for complaint in check(file.read()):
                print(f"{path}: {complaint}")
                status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
