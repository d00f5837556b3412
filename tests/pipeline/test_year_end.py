"""The turn of a year and the end of a leap year's February, as they are lived through: a whole stack whose clock goes from the last minutes of
one month into the next, from the evening of 31 December 2027 to 1 March 2028."""
import datetime
import json
import unittest

from harness import BUILD, FAKETIME, SUPERUSER, Stack, other_clock

UTC = datetime.timezone.utc
CONTRACT = "name: terms\nversion: '1'\npayment_days: 60\ncommitments: [{name: floor, minimum: 29, from: 2028-02-01, until: 2028-02-29, partial: share}]\n"


@unittest.skipIf(BUILD.name in ("asan", "tsan"), "libfaketime and a sanitizer both want to come first")
@unittest.skipUnless(FAKETIME, "libfaketime is not installed")
class YearEnd(unittest.TestCase):
    def setUp(self):
        self.stack = Stack()
        self.addCleanup(self.stack.remove)
        self.clock = self.stack.data / "offset"
        self.variables = other_clock(self.clock)
        self.at("2027-12-31T23:50:00")
        self.run_("up")
        self.run_("tenant", "add", "acme")

    def at(self, instant):
        """It is `instant` now, for every program of the stack."""
        then = datetime.datetime.fromisoformat(instant).replace(tzinfo=UTC)
        self.clock.write_text(f"+{int((then - datetime.datetime.now(UTC)).total_seconds())}\n")
        self.clock.chmod(0o644)

    def run_(self, *words, **options):
        return self.stack.run(*words, env=self.variables, **options)

    def take(self, *instants):
        path = self.stack.data / "usage.ndjson"
        path.write_text("".join(json.dumps({"tenant": "acme", "request_id": instant, "function": "f", "region": "us-east-1", "memory_mb": 1024,
                                            "started_at": instant, "duration_ms": 1000}) + "\n" for instant in instants))
        answer = json.loads(self.run_("import", "--json", "--format", "ndjson", path).stdout)
        self.assertEqual(answer["accepted"], len(instants), answer)

    def invoice(self, number):
        return json.loads(self.run_("invoice", "show", number, "--json").stdout)

    def close(self, month):
        self.run_("close", "--month", month, "--no-wait")
        found = self.stack.query(f"SELECT number, issued_at::date::text FROM invoices WHERE period_start = '{month}-01' AND state = 'final'")
        self.assertEqual(len(found), 1)
        return found[0]

    def test_december_and_a_leap_years_february_are_closed_when_they_are_over(self):
        self.run_("contract", "set", "--tenant", "acme", "--from", "2027-12", self.contract())
        self.take("2027-12-01T00:00:00Z", "2027-12-31T23:59:59.999999Z", "2028-01-01T00:00:00Z")
        self.assertIn("not over", self.run_("close", "--month", "2027-12", "--no-wait", status=1).stderr)
        self.at("2028-01-01T00:00:30")
        number, issued = self.close("2027-12")
        self.assertEqual(issued, "2028-01-01")
        december = self.invoice(number)
        self.assertEqual((december["invoice"]["period_start"], december["invoice"]["period_end"]), ("2027-12-01T00:00:00Z", "2028-01-01T00:00:00Z"))
        self.assertEqual(self.requests(december), 2)
        self.assertIn(str(datetime.date(2028, 1, 1) + datetime.timedelta(days=60)), self.run_("invoice", "render", number, "--format", "html").stdout)
        self.at("2028-02-29T23:59:00")
        self.take("2028-02-01T00:00:00Z", "2028-02-28T23:59:59.999999Z", "2028-02-29T00:00:00Z", "2028-02-29T23:59:59.999999Z", "2028-03-01T00:00:00Z")
        self.assertIn("not over", self.run_("rate", "--month", "2028-02", "--final", status=1).stderr)
        self.assertIn("lasts to 2028-02-29", self.run_("free-tier", "--month", "2028-02").stdout)
        self.at("2028-03-01T00:00:30")
        self.assertEqual(self.close("2028-01")[1], "2028-03-01")
        number, issued = self.close("2028-02")
        february = self.invoice(number)
        self.assertEqual(self.requests(february), 4)
        self.assertEqual(february["total"], "28.00")  # 28 of 29 days of a minimum of 29
        self.assertEqual((issued, february["invoice"]["period_end"]), ("2028-03-01", "2028-03-01T00:00:00Z"))
        days = json.loads(self.run_("usage", "--by", "day", "--month", "2028-02", "--json").stdout)
        self.assertIn("2028-02-29", json.dumps(days))
        again = self.stack.query("SELECT count(*) FROM invoices", SUPERUSER)
        self.run_("close", "--month", "2028-02", "--no-wait")
        self.assertEqual(self.stack.query("SELECT count(*) FROM invoices", SUPERUSER), again)
        self.run_("verify")

    def contract(self):
        path = self.stack.data / "terms.yaml"
        path.write_text(CONTRACT)
        return path

    @staticmethod
    def requests(document):
        return sum(int(line["quantity"]) for line in document["lines"] if line["unit"] == "request")


if __name__ == "__main__":
    unittest.main()
