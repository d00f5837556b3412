"""Random lives of bills through real commands: every invoice, adjustment, credit note and void as the oracle has it.

Groups of accounts, each with a random book that changes within the month and random contracts in random zones that are amended, go through
some months: members that change their account, bounds of service, usage on time, early, late and twice, reversals, voids and what is issued
again; runs at once that are killed. Everything is made again from the evidence at the end.
MILLIBILL_LEDGERS=N runs N worlds from MILLIBILL_LEDGER_SEED (and number MILLIBILL_LEDGER_FIRST on), larger by _GROUPS and _MONTHS.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from fractions import Fraction as F
from pathlib import Path

from harness import Stack

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "oracle"))
from exact import printed  # noqa: E402
from ledger_oracle import instant_text  # noqa: E402
from ledger_reconcile import Reconciled  # noqa: E402
from quote_compare import dump_yaml  # noqa: E402
from random_ledgers import World, following  # noqa: E402

SEED = os.environ.get("MILLIBILL_LEDGER_SEED", "6")
WORLDS = int(os.environ.get("MILLIBILL_LEDGERS", "1"))
FIRST = int(os.environ.get("MILLIBILL_LEDGER_FIRST", "22"))
GROUPS = int(os.environ.get("MILLIBILL_LEDGER_GROUPS", "2"))
MONTHS = int(os.environ.get("MILLIBILL_LEDGER_MONTHS", "3"))
DRAFTS = 2  # made again at the end of a short run
OFTEN = {"adjustments", "credit notes", "write-offs", "voids", "contracts", "days and zones", "book changes", "moves", "moves refused", "joins another group",
         "bounds of service", "disturbed runs"}  # what the world of the suite has seen
LINE_KEYS = ("book", "region", "architecture", "mode", "sku", "price", "tier")
LINE_NUMBERS = ("quantity", "free_quantity", "billed_quantity", "unit_price", "amount_exact", "amount")
ITEM_NUMBERS = ("amount", "amount_exact", "quantity", "basis")


def value(number):
    return None if number is None else F(str(number))


class Differences:
    """Between a document and the oracle's."""

    def __init__(self):
        self.found = []

    def number(self, where, expected, got):
        expected = printed(F(expected or 0))
        if value(got or "0") != expected:
            self.found.append(f"{where}: {got}, the oracle says {float(expected)} ({expected})")

    def lines(self, where, expected, got):
        names = [[str(line.get(key)) for key in LINE_KEYS] for line in expected], [[str(line.get(key)) for key in LINE_KEYS] for line in got]
        if names[0] != names[1]:
            self.found.append(f"{where}: lines {names[1]}, the oracle says {names[0]}")
            return
        for mine, line in zip(expected, got):
            for key in LINE_NUMBERS:
                self.number(f"{where}: line {mine['sku']} {key}", mine[key], line[key])

    def items(self, where, expected, got):
        names = [(item["kind"], item["name"]) for item in expected], [(item["kind"], item["name"]) for item in got]
        if names[0] != names[1]:
            self.found.append(f"{where}: items {names[1]}, the oracle says {names[0]}")
            return
        for mine, item in zip(expected, got):
            for key in ITEM_NUMBERS:
                if key in ("amount", "amount_exact") or item[key] is not None:
                    self.number(f"{where}: {mine['kind']} {mine['name']} {key}", mine.get(key), item[key])

    def totals(self, where, expected, got):
        if "statement" not in got:
            self.number(f"{where}: total", expected["total"], got["total"])
            return
        for key in ("subtotal", "net", "tax", "total"):
            self.number(f"{where}: {key}", expected[key], got[key])
        for mine, key in (("payable", "total"), ("payable_net", "net"), ("payable_tax", "tax")):
            self.number(f"{where}: payable {key}", expected[mine], got["payable"][key])
        if sum(F(item["amount"]) for item in got["statement"]) != F(got["total"]):
            self.found.append(f"{where}: the items do not add up to the total")
        payable = got["payable"]
        if F(payable["net"]) + sum((F(tax["amount"]) for tax in payable["taxes"]), F(0)) != F(payable["total"]):
            self.found.append(f"{where}: payable does not add up: {payable}")

    def adjustments(self, where, expected, got):
        names = [event.month for event in expected], [document.get("month", document["period_start"][:7]) for document in got]
        if names[0] != names[1]:
            self.found.append(f"{where}: adjustments of {names[1]}, the oracle says {names[0]}")
            return
        for event, document in zip(expected, got):
            self.number(f"{where}: adjustment of {event.month}", event.amount, document["amount_exact"])
            self.causes(f"{where}: causes of {event.month}", document)

    def causes(self, where, document):
        """They add up to the adjustment; of figures that do not end, twenty digits are printed."""
        total = sum(F(cause["amount_exact"]) for cause in document["causes"])
        if abs(total - F(document["amount_exact"])) > F(1, 10**15):
            self.found.append(f"{where} add up to {total}, the adjustment is {document['amount_exact']}")

    def head(self, where, mine, head):
        """Whose account, which period, and which part of it is in service."""
        bounds = [None if bound is None else instant_text(bound) for bound in mine.service]
        expected = (mine.account, *(instant_text(instant) for instant in mine.period), *bounds)
        got = tuple(head.get(key) for key in ("account", "period_start", "period_end", "service_from", "service_until"))
        if got != expected:
            self.found.append(f"{where}: {got}, the oracle says {expected}")

    def shared(self, where, mine, document):
        """Free tiers of the account, and how far the spending limit is reached."""
        for tier in document["free_tiers"]:
            use = next(use for use in mine.bill.free_tiers if use["name"] == tier["name"])
            self.number(f"{where}: free tier {tier['name']} used", use["used"].get(mine.tenant), tier["used"])
            self.number(f"{where}: free tier {tier['name']} used by all", sum(use["used"].values(), F(0)), tier["account_used"])
            self.number(f"{where}: free tier {tier['name']} left", use["left"], tier["left"])
        limit, got = mine.bill.spending_limit, document.get("spending_limit")
        if (limit is None) != (got is None):
            self.found.append(f"{where}: spending limit {got}, the oracle says {limit}")
        elif limit is not None:
            for key in ("limit", "spend"):
                self.number(f"{where}: spending limit: {key}", limit[key], got[key])
            if [F(alert) for alert in got["reached"]] != limit["reached"]:
                self.found.append(f"{where}: spending limit: reached {got['reached']}, the oracle says {limit['reached']}")

    def document(self, where, mine, document):
        if mine.kind == "invoice":
            self.head(where, mine, document["invoice"])
            self.shared(where, mine, document)
            self.lines(where, mine.lines, document["lines"])
            self.adjustments(where, mine.events, document.get("adjustments", []))
        if "statement" in document:
            self.items(where, mine.items, document["statement"])
        self.totals(where, mine.totals, document)


class Life:
    """A world beside a stack."""

    def __init__(self, stack, folder, seed):
        self.stack, self.folder = stack, folder
        self.world = World(seed, GROUPS, "2025-11")
        self.ledger = self.world.ledger
        self.differences = Differences()
        self.numbers = {}  # id of a document: its number
        self.known_numbers, self.drafts = set(), []
        self.where = f"seed {seed}"
        for tenant in self.ledger.members:
            stack.run("tenant", "add", tenant, "--account", self.ledger.account_of(tenant, "2025-11"))
        for calendar in self.ledger.calendars.values():
            self.add_book(calendar[0][1], "2020-01-01")
        self.set_contracts(self.world.first_contracts("2025-10" if self.world.maybe(0.5) else "2025-11"))

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def add_book(self, book, start, refused=False):
        self.stack.run("price-book", "add", self.file("book.yaml", dump_yaml(book)), "--from", start, status=int(refused))

    def set_contracts(self, given):
        for tenant, month, contract, refused in given:
            self.stack.run("contract", "set", "--tenant", tenant, "--from", month, self.file("contract.yaml", dump_yaml(contract)), status=int(refused))

    def move(self, moves):
        for tenant, account, month, refused in moves:
            self.stack.run("account", "move", tenant, account, "--from", month, status=int(refused))

    def set_service(self, account, begin, end, refused):
        bounds = [word for name, at in (("--from", begin), ("--until", end)) if at is not None for word in (name, instant_text(at))]
        self.stack.run("account", "service", account, *bounds, status=int(refused))

    @staticmethod
    def as_lines(records):
        rows = [{key: member for key, member in record.row.items() if "capacity_units" in record.row or key != "invocations"} for record in records]
        return "".join(json.dumps(row) + "\n" for row in rows)

    def load(self, records):
        answer = self.stack.json("import", "--format", "ndjson", "-", input=self.as_lines(records))
        assert answer["quarantined"] == 0 and answer["conflicts"] == 0, (answer, self.stack.run("quarantine", "list").stdout)

    def reverse(self, records):
        by_tenant = {}
        for record in records:
            by_tenant.setdefault(record.tenant, []).append(record)
        for tenant, mine in by_tenant.items():
            self.stack.run("reverse", "--tenant", tenant, "--reason", "random", self.file("wrong.ndjson", self.as_lines(mine)))
        self.world.take_back_records(records)

    # Months

    def happenings(self):
        """What happens before a month is rated."""
        world = self.world
        self.move(world.arrivals())
        records = []
        for group in world.groups:
            if world.maybe(0.6):
                self.set_contracts(world.new_contracts(group))
            self.move(world.moves(group))
            if world.maybe(0.4):
                for hour, book, refused in world.book_changes(group):
                    self.add_book(book, instant_text(hour), refused)
            if world.maybe(0.5):
                change = world.service_change(group)
                if change:
                    self.set_service(*change)
        if world.maybe(0.4):
            left = world.leave()
            if left:
                self.move(left[:1])
                self.set_contracts([given for given in left[1:] if given])
        for group in world.groups:
            records += world.usage(group.tenants, world.month, world.chance.choice([0, 6, 12, 20]))
            if world.maybe(0.2):
                records += world.usage(group.tenants, following(world.month), 3)
        records += world.usage([tenant for tenant, _, _ in world.guests], world.month, 4)
        records += world.late_usage()
        world.arrive(records)
        self.load(records)
        self.load(records[::5])  # copies
        self.reverse(world.some_records(8) if world.maybe(0.7) else [])

    def voids(self):
        """Some invoices are taken back, latest first; their months are issued again by the next runs."""
        world, months = self.world, set()
        for document in reversed(self.ledger.finals()):
            if world.maybe(world.void_chance):
                refused = self.ledger.carried(document)
                self.stack.run("invoice", "void", self.numbers[id(document)], "--tenant", document.tenant, "--reason", "random", status=int(refused))
                world.happened("voids", refused)
                if not refused:
                    for void in self.ledger.take_back(document, world.tick()):
                        self.check_void(void)
                    months.add(document.month)
        return sorted(months)

    def check_void(self, void):
        row = self.stack.query(f"SELECT v.document FROM invoices v JOIN invoices i ON i.tenant_id = v.tenant_id AND i.invoice_id = v.refers_to "
                               f"JOIN tenants t ON t.tenant_id = v.tenant_id WHERE v.kind = 'void' AND i.number = '{self.numbers[id(void.refers_to)]}' AND t.name = '{void.tenant}'")
        self.differences.document(f"{self.where}, void of {void.refers_to.kind} {void.tenant} {void.month}", void, json.loads(row[0][0]))

    def fresh_documents(self):
        """Documents in force that were not there before: ({tenant: invoice}, {tenant: [credit notes]})."""
        invoices, notes = {}, {}
        for number, kind, tenant, text in self.stack.query("SELECT i.number, i.kind, t.name, i.document FROM invoices i JOIN tenants t USING (tenant_id) "
                                                           "WHERE i.state = 'final' AND i.kind <> 'void' ORDER BY i.invoice_id"):
            if number in self.known_numbers:
                continue
            self.known_numbers.add(number)
            document = json.loads(text)
            assert kind != "invoice" or tenant not in invoices, (self.where, number, tenant)
            notes.setdefault(tenant, []).append(document) if kind == "credit_note" else invoices.update({tenant: document})
        return invoices, notes

    def check_run(self, month, answer, expected, got, notes):
        for tenant in sorted(set(got) | set(notes)):
            if tenant not in expected:
                self.differences.found.append(f"{self.where}, final of {month}, {tenant}: it has documents, and nothing was to be billed")
        for tenant, (invoice, mine, _off) in expected.items():
            where = f"{self.where}, final of {month}, {tenant}"
            if (invoice is None) != (tenant not in got):
                self.differences.found.append(f"{where}: {'an' if tenant in got else 'no'} invoice; said: {answer.get('skipped')}")
                continue
            if invoice is not None:
                self.differences.document(where, invoice, got[tenant])
                self.numbers[id(invoice)] = got[tenant]["invoice"]["number"]
            theirs = notes.get(tenant, [])
            months = [note.month for note in mine], [note["invoice"].get("month", note["invoice"]["period_start"][:7]) for note in theirs]
            if months[0] != months[1]:
                self.differences.found.append(f"{where}: credit notes of {months[1]}, the oracle says {months[0]}")
                continue
            for note, document in zip(mine, theirs):
                self.differences.document(f"{where}, credit note of {note.month}", note, document)
                self.numbers[id(note)] = document["invoice"]["number"]
                self.differences.causes(f"{where}, causes of the note", document["correction"])

    def disturb(self, month):
        """Runs at once, most of them killed at some moment: whatever they leave, the next one must end at what the oracle says."""
        chance = self.world.chance
        commands = [("rate", "--month", month, "--final"), ("close", "--month", month, "--no-wait")]
        for _ in range(chance.choice([1, 1, 2])):
            runs = [self.stack.popen(*chance.choice(commands), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(chance.choice([1, 2, 3]))]
            spared = runs[0] if len(runs) > 1 and chance.random() < 0.3 else None
            for run in runs:
                if run is not spared:
                    time.sleep(chance.random() * 0.15)
                    run.kill()
            for run in runs:
                said = run.communicate()[1]
                assert run.returncode in (0, 1, -9), (self.where, month, run.returncode, said)
        self.world.happened("disturbed runs")

    def final(self, month):
        now = self.world.tick()
        preview = self.stack.json("rate", "--month", month, "--preview", "--no-forecast", status=None)
        drafts = [d for d in preview["credit_notes"] + preview["invoices"] if d["invoice"]["state"] == "preview"]
        self.remake([d for d in drafts if "credit_notes" in d["invoice"] or "refers_to" in d["invoice"]])
        self.drafts += drafts
        if self.world.maybe(0.4):
            self.disturb(month)
        done = self.stack.run("rate", "--month", month, "--final", "--json", status=None)  # 1: an account with late usage of a tenant without invoice
        self.assert_answered(done)
        answer = json.loads(done.stdout)
        expected = self.ledger.run(month, now, keep=True)
        for invoice, notes, off in expected.values():
            for what, count in (("adjustments", len(invoice.events) if invoice else 0), ("credit notes", len(notes)), ("write-offs", len(off))):
                if count:
                    self.world.happened(what)
        invoices, notes = self.fresh_documents()
        self.check_run(month, answer, expected, invoices, notes)
        if WORLDS > 1:
            self.check_write_offs(month)
        self.check_preview(preview, invoices, month)

    def assert_answered(self, done):
        assert done.stdout.startswith("{"), f"{self.where}: {done.stderr}"

    def check_write_offs(self, month):
        """Sums of all so far."""
        sums = {}
        for event in self.ledger.events:
            if event.disposition == "written_off" and event.in_force:
                key = (event.tenant, event.month)
                sums[key] = sums.get(key, F(0)) + event.amount
        rows = self.stack.query("SELECT t.name, to_char(a.period_month, 'YYYY-MM'), sum(a.amount_exact) FROM adjustments a JOIN adjustments_in_force f USING (tenant_id, adjustment_id) "
                                "JOIN tenants t USING (tenant_id) WHERE a.disposition = 'written_off' GROUP BY 1, 2")
        got = {(tenant, of): amount for tenant, of, amount in rows}
        for key in set(sums) | set(got):
            expected_sum, shown = sums.get(key, F(0)), F(got.get(key, "0"))
            if abs(expected_sum - shown) > F(1, 10**15):
                self.differences.found.append(f"{self.where}, {month}: written off {key}: {shown}, the oracle says {float(expected_sum)}")

    def check_preview(self, preview, finals, month):
        for document in preview["invoices"]:
            tenant = document["invoice"]["tenant"]
            if document["invoice"]["state"] != "preview":
                continue  # final before
            if tenant not in finals:
                self.differences.found.append(f"{self.where}, {month}: {tenant} has a preview and no final invoice")
                continue
            final, shown = dict(finals[tenant]), dict(document)
            for one in (final, shown):
                for key in ("invoice", "evidence", "forecast"):
                    one.pop(key, None)
            if json.dumps(final) != json.dumps(shown):
                other = [(key, shown.get(key), final.get(key)) for key in {**final, **shown} if json.dumps(final.get(key)) != json.dumps(shown.get(key))]
                self.differences.found.append(f"{self.where}, {month}: the preview of {tenant} is another than the final invoice: {other}")

    def live(self):
        for _ in range(MONTHS):
            self.happenings()
            for month in self.voids():
                self.final(month)
            self.final(self.world.month)
            if self.differences.found:
                return
            self.world.month = following(self.world.month)

    def remake(self, drafts):
        for draft in drafts:
            path = self.file("draft.json", json.dumps(draft, separators=(",", ":"), ensure_ascii=False))
            done = self.stack.run("invoice", "remake", path, status=None)
            if done.returncode != 0:
                self.differences.found.append(f"{self.where}: remake of a draft {draft['invoice']}: {done.stdout[-800:]}{done.stderr[-500:]}")

    def reconcile(self, count):
        """Logs that differ from final invoices: what each difference is worth."""
        chance = self.world.chance
        finals = [final for final in self.ledger.finals() if final.lines]
        for invoice in chance.sample(finals, min(len(finals), count)):
            log = Reconciled(chance, self.ledger, invoice, self.numbers[id(invoice)])
            answer = self.stack.json("reconcile", "--month", invoice.month, "--tenant", invoice.tenant, "--format", "ndjson", self.file("log.ndjson", log.as_lines()), status=None)
            log.check(self.differences, f"{self.where}, reconcile {invoice.month} {invoice.tenant}", answer)

    def finish(self):
        """What must hold of all that was issued."""
        self.stack.run("verify")
        self.reconcile(2 if WORLDS == 1 else 6)
        for series, last, count in self.stack.query("SELECT n.series, n.last_number, count(i.number) FROM invoice_numbers n "
                                                    "LEFT JOIN invoices i ON i.number ~ ('^' || n.series || '-[0-9]+$') GROUP BY 1, 2"):
            if count != last:
                self.differences.found.append(f"series {series} has {count} documents, the last number is {last}")
        self.check_write_offs("at the end")
        self.remake(self.drafts[:DRAFTS] if WORLDS == 1 else self.drafts)


class RandomLedgers(unittest.TestCase):
    def test_every_document_is_as_the_oracle_has_it(self):
        self.maxDiff = None
        for i in range(FIRST, FIRST + WORLDS):
            seed = f"{SEED}-{i}"
            with Stack() as stack, tempfile.TemporaryDirectory() as folder:
                life = Life(stack, Path(folder), seed)
                life.live()
                if not life.differences.found:
                    life.finish()
                self.assertTrue(life.ledger.documents, "something was billed")
                if "MILLIBILL_LEDGERS" not in os.environ:
                    self.assertLessEqual(OFTEN, set(life.world.seen))
                self.assertEqual(life.differences.found[:12], [], f"seed {seed}")
                if WORLDS > 1:
                    print(f"seed {seed}: {life.world.seen}", flush=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
