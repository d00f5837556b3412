#!/usr/bin/env python3
"""Is a file a UBL 2.1 Invoice or CreditNote after EN 16931? Knows the standards' order of elements, code lists and arithmetic, and nothing of
millibill: ubl_check.py FILE…

check(bytes) returns complaints, none for a conformant document. Rules are named as EN 16931 names them, and read as its published validation artefacts
(https://github.com/ConnectingEurope/eInvoicing-EN16931, ubl/schematron/UBL/EN16931-UBL-model.sch at ffa98ce2a639) test them; of Peppol's, those that are
named. Where amounts are exact here and the published test leaves a slack (BR-S-08: less than one unit of the currency), exact is asked for.
"""
import re
import sys
import xml.etree.ElementTree as ET
from decimal import ROUND_FLOOR, Decimal

UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
CAC = "{" + UBL + "CommonAggregateComponents-2}"
CBC = "{" + UBL + "CommonBasicComponents-2}"

# The order in which UBL 2.1 has the children of each element, as far as EN 16931 uses them.
HEAD = "CustomizationID ProfileID ID IssueDate"
PARTIES = "AccountingSupplierParty AccountingCustomerParty PayeeParty TaxRepresentativeParty Delivery PaymentMeans PaymentTerms"
ORDER = {
    "Invoice": f"{HEAD} DueDate InvoiceTypeCode Note TaxPointDate DocumentCurrencyCode TaxCurrencyCode AccountingCost BuyerReference InvoicePeriod "
               "OrderReference BillingReference DespatchDocumentReference ReceiptDocumentReference OriginatorDocumentReference "
               f"ContractDocumentReference AdditionalDocumentReference ProjectReference {PARTIES} AllowanceCharge TaxTotal LegalMonetaryTotal InvoiceLine",
    "CreditNote": f"{HEAD} TaxPointDate CreditNoteTypeCode Note DocumentCurrencyCode TaxCurrencyCode AccountingCost BuyerReference InvoicePeriod "
                  "OrderReference BillingReference DespatchDocumentReference ReceiptDocumentReference ContractDocumentReference "
                  f"AdditionalDocumentReference OriginatorDocumentReference {PARTIES} AllowanceCharge TaxTotal LegalMonetaryTotal CreditNoteLine",
    "InvoicePeriod": "StartDate EndDate DescriptionCode",
    "OrderReference": "ID SalesOrderID",
    "BillingReference": "InvoiceDocumentReference",
    "InvoiceDocumentReference": "ID IssueDate",
    "ContractDocumentReference": "ID",
    "AccountingSupplierParty": "Party",
    "AccountingCustomerParty": "Party",
    "Party": "EndpointID PartyIdentification PartyName PostalAddress PartyTaxScheme PartyLegalEntity Contact",
    "PartyName": "Name",
    "PostalAddress": "StreetName AdditionalStreetName CityName PostalZone CountrySubentity AddressLine Country",
    "AddressLine": "Line",
    "Country": "IdentificationCode",
    "PartyTaxScheme": "CompanyID TaxScheme",
    "PartyLegalEntity": "RegistrationName CompanyID CompanyLegalForm",
    "Contact": "Name Telephone ElectronicMail",
    "TaxScheme": "ID",
    "PaymentMeans": "PaymentMeansCode PaymentID CardAccount PayeeFinancialAccount PaymentMandate",
    "PayeeFinancialAccount": "ID Name FinancialInstitutionBranch",
    "PaymentTerms": "Note",
    "AllowanceCharge": "ChargeIndicator AllowanceChargeReasonCode AllowanceChargeReason MultiplierFactorNumeric Amount BaseAmount TaxCategory",
    "TaxCategory": "ID Percent TaxExemptionReasonCode TaxExemptionReason TaxScheme",
    "ClassifiedTaxCategory": "ID Percent TaxScheme",
    "TaxTotal": "TaxAmount TaxSubtotal",
    "TaxSubtotal": "TaxableAmount TaxAmount TaxCategory",
    "LegalMonetaryTotal": "LineExtensionAmount TaxExclusiveAmount TaxInclusiveAmount AllowanceTotalAmount ChargeTotalAmount PrepaidAmount "
                          "PayableRoundingAmount PayableAmount",
    "InvoiceLine": "ID Note InvoicedQuantity LineExtensionAmount AccountingCost InvoicePeriod OrderLineReference AllowanceCharge Item Price",
    "CreditNoteLine": "ID Note CreditedQuantity LineExtensionAmount AccountingCost InvoicePeriod OrderLineReference AllowanceCharge Item Price",
    "Item": "Description Name BuyersItemIdentification SellersItemIdentification StandardItemIdentification OriginCountry CommodityClassification "
            "ClassifiedTaxCategory AdditionalItemProperty",
    "SellersItemIdentification": "ID",
    "AdditionalItemProperty": "Name Value",
    "Price": "PriceAmount BaseQuantity AllowanceCharge",
}
MANY = {"Note", "BillingReference", "PaymentMeans", "AllowanceCharge", "TaxTotal", "TaxSubtotal", "InvoiceLine", "CreditNoteLine", "PartyTaxScheme",
        "AdditionalItemProperty", "AddressLine", "PartyIdentification"}
CENT = Decimal("0.01")
# What a VAT number may start with beside a country's code of ISO 3166: Greece, Northern Ireland, Kosovo (BR-CO-09).
VAT_PREFIXES = {"EL", "XI", "1A"}
COUNTRIES = set(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO "
    "CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR "
    "HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN "
    "MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD "
    "SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE "
    "YT ZA ZM ZW XK".split())
UNITS = {"C62"}  # of UN/ECE recommendation 20, those that we mean: one (BR-CL-23 allows every one of the recommendation)
WHOLE = ("JPY", "KRW", "ISK", "CLP", "VND")  # currencies without decimals


def local(element):
    return element.tag.rsplit("}", 1)[-1]


class Reader:
    def __init__(self, data):
        self.root = ET.fromstring(data)
        self.kind = local(self.root)
        self.line_name = f"{self.kind}Line"
        self.complaints = []

    def must(self, rule, condition, what=""):
        if not condition:
            self.complaints.append(f"{rule}: {what}".rstrip(": "))

    @staticmethod
    def find(element, path):
        for step in path.split("/"):
            if element is None:
                return None
            found = element.find(CAC + step)
            element = found if found is not None else element.find(CBC + step)
        return element

    def text(self, path, element=None):
        found = self.find(self.root if element is None else element, path)
        return "" if found is None or found.text is None else found.text

    def number(self, path, element=None):
        return Decimal(self.text(path, element) or "0")

    def all(self, name, element=None):
        return (self.root if element is None else element).findall(CAC + name)

    # ---- the schema

    def order(self, element):
        name = local(element)
        children = [local(child) for child in element]
        if name not in ORDER:
            self.must("UBL", not children, f"{name} has children")
            self.must("UBL", (element.text or "").strip() != "", f"{name} is empty")
            return
        known = ORDER[name].split()
        self.must("UBL", all(child in known for child in children), f"{name} holds {set(children) - set(known)}")
        places = [known.index(child) for child in children if child in known]
        self.must("UBL", places == sorted(places), f"children of {name} are out of order: {children}")
        for child in set(children) - MANY:
            self.must("UBL", children.count(child) == 1, f"{name} holds {child} more than once")
        for child in element:
            space = CAC if local(child) in ORDER else CBC
            self.must("UBL", child.tag.startswith(space), f"{local(child)} is in another name space")
            self.order(child)

    # ---- EN 16931

    def presence(self):
        for rule, path in (("BR-01", "CustomizationID"), ("BR-02", "ID"), ("BR-03", "IssueDate"), ("BR-04", f"{self.kind}TypeCode"),
                           ("BR-05", "DocumentCurrencyCode"), ("BR-06", "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName"),
                           ("BR-07", "AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName"),
                           ("BR-09", "AccountingSupplierParty/Party/PostalAddress/Country/IdentificationCode"),
                           ("BR-11", "AccountingCustomerParty/Party/PostalAddress/Country/IdentificationCode"),
                           ("BR-12", "LegalMonetaryTotal/LineExtensionAmount"), ("BR-13", "LegalMonetaryTotal/TaxExclusiveAmount"),
                           ("BR-14", "LegalMonetaryTotal/TaxInclusiveAmount"), ("BR-15", "LegalMonetaryTotal/PayableAmount")):
            self.must(rule, self.text(path), f"{path} is missing")
        self.must("BR-01", self.text("CustomizationID").startswith("urn:cen.eu:en16931:2017"), "not after EN 16931")
        self.must("BR-16", self.all(self.line_name), "no line")
        self.must("BR-CL-01", self.text(f"{self.kind}TypeCode") == {"Invoice": "380", "CreditNote": "381"}[self.kind], "type code")
        for path in ("AccountingSupplierParty", "AccountingCustomerParty"):
            self.must("BR-08" if "Supplier" in path else "BR-10", self.find(self.root, f"{path}/Party/PostalAddress") is not None, f"{path} without address")
        self.must("BR-CO-03", not (self.text("TaxPointDate") and self.text("InvoicePeriod/DescriptionCode")), "two ways to date the tax")
        tax_currency = self.text("TaxCurrencyCode")
        self.must("BR-53", not tax_currency or any(self.find(t, "TaxAmount").get("currencyID") == tax_currency for t in self.all("TaxTotal")), "tax in its currency")
        self.must("BR-29", self.text("InvoicePeriod/StartDate") <= self.text("InvoicePeriod/EndDate"), "the period ends before it starts")
        for path in ("IssueDate", "InvoicePeriod/StartDate", "InvoicePeriod/EndDate"):
            self.must("UBL", re.fullmatch(r"\d{4}-\d\d-\d\d", self.text(path)), f"{path} is no day")
        if self.kind == "CreditNote":
            self.must("BR-55", self.text("BillingReference/InvoiceDocumentReference/ID"), "a credit note about nothing")

    def amounts(self):
        currency = self.text("DocumentCurrencyCode")
        for element in self.root.iter():
            if local(element).endswith("Amount"):
                self.must("BR-CL-03", element.get("currencyID") == currency, f"{local(element)} in {element.get('currencyID')}")
                if local(element) != "PriceAmount":  # BR-DEC-01 to -28, each for one element
                    self.must("UBL-DT-01", re.fullmatch(r"-?\d+(\.\d{1,2})?", element.text), f"{local(element)} {element.text}")
            if local(element).endswith("Quantity"):
                self.must("BR-23", element.get("unitCode"), f"{local(element)} without a unit")
                self.must("BR-CL-23", element.get("unitCode") in UNITS, f"{local(element)} in {element.get('unitCode')}")

    def line_amount(self, line):
        quantity = self.number({"Invoice": "InvoicedQuantity", "CreditNote": "CreditedQuantity"}[self.kind], line)
        price, base = self.number("Price/PriceAmount", line), Decimal(self.text("Price/BaseQuantity", line) or 1)
        extra = sum(self.signed(charge) for charge in self.all("AllowanceCharge", line))
        return quantity * price / base + extra

    def signed(self, charge):
        indicator = self.text("ChargeIndicator", charge)
        self.must("UBL", indicator in ("true", "false"), "ChargeIndicator")
        self.must("BR-33", self.text("AllowanceChargeReason", charge) or self.text("AllowanceChargeReasonCode", charge), "a charge without a reason")
        self.must("BR-31", self.text("Amount", charge), "a charge without an amount")
        self.must("PEPPOL-EN16931-R040", self.number("Amount", charge) >= 0, "a charge below 0: it is an allowance")
        return self.number("Amount", charge) * (1 if indicator == "true" else -1)

    def lines(self):
        ids = [self.text("ID", line) for line in self.all(self.line_name)]
        self.must("BR-21", len(set(ids)) == len(ids) and all(ids), "ids of lines")
        for line in self.all(self.line_name):
            at = self.text("ID", line)
            quantity = self.find(line, {"Invoice": "InvoicedQuantity", "CreditNote": "CreditedQuantity"}[self.kind])
            self.must("BR-22", quantity is not None, f"line {at} has no quantity")
            self.must("BR-24", self.text("LineExtensionAmount", line), f"line {at} has no amount")
            self.must("BR-26", self.text("Price/PriceAmount", line), f"line {at} has no price")
            self.must("BR-25", self.text("Item/Name", line), f"line {at} has no name")
            self.must("BR-CO-04", self.text("Item/ClassifiedTaxCategory/ID", line), f"line {at} has no tax category")
            self.must("BR-27", self.number("Price/PriceAmount", line) >= 0, f"price of line {at} is below 0")
            # the rule's slack; where amounts are whole they are rounded to them
            room = Decimal(1) if self.text("DocumentCurrencyCode") in WHOLE else Decimal("0.02")
            self.must("PEPPOL-EN16931-R120", abs(self.line_amount(line) - self.number("LineExtensionAmount", line)) <= room,
                      f"line {at}: {self.line_amount(line)} is not {self.number('LineExtensionAmount', line)}")

    def schemes(self):
        """Each category of a line, of an allowance or charge and of the sums is one of VAT, and none but those of the standard is used."""
        for element in self.root.iter():
            if local(element) in ("TaxCategory", "ClassifiedTaxCategory"):
                rule = "BR-CO-04" if local(element) == "ClassifiedTaxCategory" else "BR-47"
                self.must(rule, self.text("TaxScheme/ID", element) == "VAT" and self.text("ID", element), "a category that is not of VAT")
                self.must("BR-48", self.text("Percent", element) or self.text("ID", element) == "O", "a category without its rate")
        for charge in self.all("AllowanceCharge"):
            self.must("BR-32", self.text("TaxCategory/ID", charge), "an allowance or charge on the document without its category")

    def totals(self):
        total = lambda name: self.number(f"LegalMonetaryTotal/{name}")  # noqa: E731
        charges = [self.signed(charge) for charge in self.all("AllowanceCharge")]
        self.must("BR-CO-10", total("LineExtensionAmount") == sum(self.number("LineExtensionAmount", line) for line in self.all(self.line_name)))
        self.must("BR-CO-11", total("AllowanceTotalAmount") == -sum(c for c in charges if c < 0))
        self.must("BR-CO-12", total("ChargeTotalAmount") == sum(c for c in charges if c > 0))
        self.must("BR-CO-13", total("TaxExclusiveAmount") == total("LineExtensionAmount") - total("AllowanceTotalAmount") + total("ChargeTotalAmount"))
        self.must("BR-CO-15", total("TaxInclusiveAmount") == total("TaxExclusiveAmount") + self.number("TaxTotal/TaxAmount"))
        self.must("BR-CO-16", total("PayableAmount") == total("TaxInclusiveAmount") - total("PrepaidAmount") + total("PayableRoundingAmount"))

    def category(self, element):
        return self.text("ID", element), self.text("Percent", element)

    def taxes(self):
        subtotals = self.all("TaxSubtotal", self.find(self.root, "TaxTotal"))
        self.must("BR-CO-18", subtotals, "no tax subtotal")
        self.must("BR-CO-14", self.number("TaxTotal/TaxAmount") == sum(self.number("TaxAmount", s) for s in subtotals))
        parts = {}
        for line in self.all(self.line_name):
            key = self.category(self.find(line, "Item/ClassifiedTaxCategory"))
            parts[key] = parts.get(key, Decimal(0)) + self.number("LineExtensionAmount", line)
        for charge in self.all("AllowanceCharge"):
            key = self.category(self.find(charge, "TaxCategory"))
            parts[key] = parts.get(key, Decimal(0)) + self.signed(charge)
        self.must("BR-S-08", {self.category(self.find(s, "TaxCategory")): self.number("TaxableAmount", s) for s in subtotals} == parts,
                  "taxable amounts by category")
        seller = self.find(self.root, "AccountingSupplierParty/Party")
        buyer = self.find(self.root, "AccountingCustomerParty/Party")
        categories = [self.text("TaxCategory/ID", s) for s in subtotals]
        self.must("BR-Z-01", all(categories.count(each) <= 1 for each in "ZEO"), f"more than one sum of a category: {categories}")
        for subtotal in subtotals:
            category, percent = self.category(self.find(subtotal, "TaxCategory"))
            reason = self.text("TaxCategory/TaxExemptionReason", subtotal)
            exact = self.number("TaxableAmount", subtotal) * Decimal(percent or 0) / 100
            tax = self.number("TaxAmount", subtotal)
            # The published test of BR-CO-17: less than one unit of the currency apart, whatever the sign; but where the rate rounds to 0, or there is none,
            # so must the tax (round() of XPath takes halves up). A tax may be that of an amount before it was exchanged and rounded.
            up = lambda value: (value + Decimal("0.5")).to_integral_value(ROUND_FLOOR)  # noqa: E731
            near = abs(abs(tax) - (abs(exact) + CENT / 2).quantize(CENT, ROUND_FLOOR)) < 1
            self.must("BR-CO-17", near if percent and up(Decimal(percent)) != 0 else up(tax) == 0, f"tax of {category} {percent}: {tax}")
            self.must("BR-S-09", near or category != "S", f"tax of {category} {percent}: {tax}")
            self.must("BR-45", self.text("TaxableAmount", subtotal), "a sum of taxes without what is taxed")
            self.must("BR-46", self.text("TaxAmount", subtotal), "a sum of taxes without the tax")
            self.must("BR-S-10", category not in "SZ" or not self.text("TaxCategory/TaxExemptionReasonCode", subtotal), f"a reason at category {category}")
            self.must(f"BR-{category}-09", category == "S" or tax == 0, f"a tax of {tax} at category {category}")
            self.must(f"BR-{category}-05", category not in "ZE" or Decimal(percent or 1) == 0, f"{percent} % at category {category}")
            self.must("BR-CL-17", category in "SZEO" and category, f"category {category}")
            self.must("BR-S-05", (category != "S") or Decimal(percent) > 0)
            self.must("BR-E-10", (category in "EO") == (reason != ""), f"reason of {category}")
            self.must("BR-O-05", (category == "O") == (percent == ""), "percent of what is not subject to VAT")
            self.must("BR-O-11", category != "O" or len(subtotals) == 1, "other categories beside O")
            self.must("BR-O-02", category != "O" or not self.all("PartyTaxScheme", buyer), "VAT number of the buyer at category O")
            self.must("BR-O-02", (category == "O") == (not self.all("PartyTaxScheme", seller)), f"VAT number of the seller at category {category}")

    def parties(self):
        for role in ("AccountingSupplierParty", "AccountingCustomerParty"):
            party = self.find(self.root, f"{role}/Party")
            country = self.text("PostalAddress/Country/IdentificationCode", party)
            self.must("BR-CL-14", country in COUNTRIES | VAT_PREFIXES - {"EL"}, f"country {country}")
            for scheme in self.all("PartyTaxScheme", party):
                if self.text("TaxScheme/ID", scheme) == "VAT":
                    self.must("BR-CO-09", self.text("CompanyID", scheme)[:2] in COUNTRIES - {"XK"} | VAT_PREFIXES, "a VAT number without its country")
            endpoint = party.find(CBC + "EndpointID")
            self.must("BR-62", endpoint is None or endpoint.get("schemeID"), "an endpoint without its scheme")
        seller = self.find(self.root, "AccountingSupplierParty/Party")
        vat = any(self.text("TaxScheme/ID", s) == "VAT" and self.text("CompanyID", s) for s in self.all("PartyTaxScheme", seller))
        self.must("BR-CO-26", vat or self.text("PartyIdentification/ID", seller) or self.text("PartyLegalEntity/CompanyID", seller), "who is the seller?")
        if self.kind == "Invoice" and self.number("LegalMonetaryTotal/PayableAmount") > 0:
            self.must("BR-CO-25", self.text("DueDate") or self.text("PaymentTerms/Note"), "when to pay?")
        for means in self.all("PaymentMeans"):
            self.must("BR-49", self.text("PaymentMeansCode", means), "no code of how to pay")
            self.must("BR-61", self.text("PaymentMeansCode", means) not in ("30", "58") or self.text("PayeeFinancialAccount/ID", means), "no account")


def check(data):
    """Complaints about a document."""
    reader = Reader(data)
    space = UBL + reader.kind + "-2"
    if reader.kind not in ("Invoice", "CreditNote") or reader.root.tag != "{" + space + "}" + reader.kind:
        return [f"the root is {reader.root.tag}"]
    reader.order(reader.root)
    for part in (reader.presence, reader.parties, reader.amounts, reader.lines, reader.schemes, reader.totals, reader.taxes):
        part()
    return reader.complaints


def main():
    status = 0
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            for complaint in check(file.read()):
                print(f"{path}: {complaint}")
                status = 1
    sys.exit(status)


if __name__ == "__main__":
    main()
