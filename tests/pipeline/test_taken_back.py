"""What was settled by a document that is taken back waits again, whatever was settled after it."""
import json
import unittest

from harness import CommandFailed, Stack
from test_adjustments import rows

TERMS = "name: recent\nversion: '1'\nlate_usage: {months: 1}\n"


class TakenBack(unittest.TestCase):
    """Two chains of June: 'gap' was billed late usage by July's invoice and credited by August's run; 'third' had no invoice of June, and
    August's run gave something back on its invoice and wrote off what came too late."""

    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(settings={"seal_every_s": 0})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        for tenant in ("gap", "left", "third"):
            cls.stack.run("tenant", "add", tenant, *(["--account", "both"] if tenant != "gap" else []))
        (cls.stack.data / "terms.yaml").write_text(TERMS, encoding="utf-8")
        cls.stack.run("contract", "set", "--tenant", "third", "--from", "2026-06", str(cls.stack.data / "terms.yaml"))
        cls.load(sum((rows(t, "2026-06", 0, 600) for t in ("gap", "left")), []))
        cls.rate("2026-06")
        cls.load(rows("gap", "2026-06", 600, 60) + rows("third", "2026-06", 600, 60) + rows("gap", "2026-07", 0, 5))
        cls.july = cls.rate("2026-07")
        for tenant, first in (("gap", 0), ("third", 600)):
            cls.stack.run("reverse", "--tenant", tenant, "--reason", "measured twice", cls.file(rows(tenant, "2026-06", first, 30)))
        cls.load(rows("third", "2026-06", 700, 10) + rows("third", "2026-08", 0, 5))
        cls.august = cls.rate("2026-08")

    @classmethod
    def file(cls, records):
        path = cls.stack.data / "usage.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return str(path)

    @classmethod
    def load(cls, records):
        cls.stack.run("import", "--format", "ndjson", cls.file(records))

    @classmethod
    def rate(cls, month):
        return {d["invoice"]["tenant"]: d for d in cls.stack.json("rate", "--month", month, "--final")["invoices"]}

    def links(self, tenant):
        return [tuple(row) for row in self.stack.query(
            "SELECT a.from_receipt, a.to_receipt, a.disposition, a.amount, a.attempt, f.adjustment_id IS NOT NULL FROM adjustments a JOIN tenants t "
            f"USING (tenant_id) LEFT JOIN adjustments_in_force f USING (tenant_id, adjustment_id) WHERE t.name = '{tenant}' ORDER BY a.adjustment_id")]

    def test_late_usage_of_a_void_invoice_is_on_its_next_revision_though_more_was_settled_since(self):
        first, later = self.links("gap")
        self.assertEqual((first[2:], later[2:], first[1]), (("billed", "0.90", "0", "t"), ("credited", "-0.45", "0", "t"), later[0]))
        self.stack.run("invoice", "void", self.july["gap"]["invoice"]["number"], "--tenant", "gap", "--reason", "wrong")
        again = self.rate("2026-07")["gap"]
        self.assertEqual(again["total"], self.july["gap"]["total"])
        self.assertEqual(self.links("gap"), [first[:5] + ("f",), later, first[:4] + ("1", "t")])
        self.stack.run("verify")
        self.rate("2026-08")
        self.assertEqual(len(self.links("gap")), 3, "and once")

    def test_what_was_given_back_beside_a_write_off_is_given_back_again_and_the_write_off_decided_again(self):
        billed, written_off = sorted(self.links("third")[-2:], key=lambda link: link[2])
        self.assertEqual((billed[2], written_off[2], billed[:2]), ("billed", "written_off", written_off[:2]))
        self.stack.run("invoice", "void", self.august["third"]["invoice"]["number"], "--tenant", "third", "--reason", "wrong")
        again = self.rate("2026-08")["third"]
        self.assertEqual(again["total"], self.august["third"]["total"])
        both = [(*link[:4], attempt, force) for link in (billed, written_off) for attempt, force in (("0", "f"), ("1", "t"))]
        self.assertEqual(sorted(self.links("third")[1:], key=lambda link: (link[2], link[4])), both)
        self.stack.run("verify")

    def test_the_database_refuses_a_link_that_reaches_into_the_next(self):
        tenant, document = self.stack.query("SELECT tenant_id, document FROM adjustments JOIN tenants USING (tenant_id) WHERE name = 'gap' "
                                            "AND disposition = 'billed' LIMIT 1")[0]
        wide = json.loads(document)
        wide["to_receipt"] += 1
        text = json.dumps(wide).replace("'", "''")
        with self.assertRaisesRegex(CommandFailed, "settled already"):
            self.stack.query(f"SELECT adjustment_write({tenant}, 'written_off', NULL, '{text}')", role="millibill_rater")


if __name__ == "__main__":
    unittest.main()
