"""Thresholds of free tiers and of contracts' limits: an alert for each that is reached, once, whatever is run twice, at once or killed."""
import datetime
import json
import os
import signal
import socket
import subprocess
import tempfile
import unittest
from fractions import Fraction
from pathlib import Path

from harness import SUPERUSER, Stack, on_one_day, wait_until
from many_tenants import MONTH as MANY_MONTH, add_contracts, fill
from receiver import Receiver

FREE_GB_SECONDS = 400_000
GB_SECOND_PRICE = Fraction("0.0000166667")  # x86_64, us-east-1, first tier
RECORD_GB_SECONDS = 9_000  # 900 s with 10,240 MB


class Alerts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="mb-alerts-"))
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", str(cls.folder)], check=False)
        cls.receiver = Receiver("/alerts")
        cls.addClassCleanup(cls.receiver.close)
        cls.stack = Stack(settings={"deliver_attempts": 2, "deliver_timeout_s": 20})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.tenants = 0

    def setUp(self):
        self.receiver.got.clear()
        self.receiver.answers.clear()
        self.receiver.hold.set()
        self.configure()

    def configure(self, **settings):
        path = self.stack.data / "millibill.yaml"
        wanted = {"alert_percent": "50, 80, 100", "alert_forecast_percent": "", "alert_command": "", "alert_url": "", **settings}
        lines = [line for line in path.read_text().splitlines() if line.split(":")[0] not in wanted]
        path.write_text("\n".join([*lines, *(f'{key}: "{value}"' for key, value in wanted.items())]) + "\n")

    def tenant(self, account=None):
        """A tenant and a month of its own, with a month after it that nobody else has: (name, month)."""
        number = self.tenants
        type(self).tenants += 1
        name, month = f"t{number}", f"{2020 + number // 6}-{1 + number % 6 * 2:02}"
        self.stack.run("tenant", "add", name, *(["--account", account] if account else []))
        return name, month

    def use(self, tenant, month, first, count, **fields):
        """Records first … first + count - 1 of a month: each 9,000 GB-seconds."""
        lines = "".join(json.dumps({"request_id": f"{month}-{i}", "tenant": tenant, "function": "f", "memory_mb": 10240,
                                    "started_at": f"{month}-{1 + i % 28:02}T10:00:00Z", "duration_ms": 900_000, **fields}) + "\n"
                        for i in range(first, first + count))
        self.stack.run("import", "--format", "ndjson", "-", input=lines)

    def contract(self, tenant, month, text):
        path = self.folder / f"{tenant}.yaml"
        path.write_text(f"name: c-{tenant}\nversion: \"1\"\n{text}")
        self.stack.run("contract", "set", "--tenant", tenant, "--from", month, str(path))

    def alerts(self, tenant):
        return self.stack.json("alerts", "list", "--tenant", tenant)["alerts"]

    def levels(self, tenant):
        return [(alert["kind"], alert["item"], alert["period"], alert["percent"]) for alert in self.alerts(tenant)]

    def check(self, month, *more, **options):
        return self.stack.json("alerts", "check", "--month", month, *more, **options)

    def test_each_threshold_of_a_free_tier_is_raised_once_as_use_grows(self):
        tenant, month = self.tenant()
        self.use(tenant, month, 0, 22)  # 198,000 GB-seconds: 49.5 %
        self.stack.run("rate", "--month", month, "--preview")
        self.assertEqual(self.alerts(tenant), [])
        self.use(tenant, month, 22, 1)
        self.stack.run("rate", "--month", month, "--preview")
        self.stack.run("rate", "--month", month, "--preview")
        alert, = self.alerts(tenant)
        self.assertEqual((alert["subject"], alert["tenant"], alert["kind"], alert["period"], alert["percent"], alert["unit"]),
                         ("account", tenant, "free_tier", month, "50", "GB-second"))
        used = self.stack.value("SELECT trim_scale(sum(r.with_init_1ms::numeric * c.memory_mb) / 1024000) FROM rollups r "
                                f"JOIN configs c USING (tenant_id, config_id) JOIN tenants t USING (tenant_id) WHERE t.name = '{tenant}'")
        self.assertEqual((Fraction(alert["value"]), Fraction(alert["limit"])), (Fraction(used), FREE_GB_SECONDS))
        self.use(tenant, month, 23, 22)  # 405,000: both of the others at once
        self.assertEqual([a["percent"] for a in self.check(month)["alerts"]], ["80", "100"])
        self.assertEqual(self.check(month)["alerts"], [])
        self.stack.run("rate", "--month", month, "--final")
        self.stack.run("close", "--month", month, "--no-wait")
        self.assertEqual(len(self.alerts(tenant)), 3)

    def test_an_account_that_several_share_is_one_subject_that_none_of_them_sees(self):
        tenant, month = self.tenant("holding")
        other, _ = self.tenant("holding")
        self.use(tenant, month, 0, 12)
        self.use(other, month, 0, 12)
        self.check(month)
        alert, = self.alerts(tenant)
        self.assertEqual((alert["account"], alert["tenant"], Fraction(alert["value"])), ("holding", None, 24 * RECORD_GB_SECONDS))
        for name in (tenant, other):
            number = self.stack.number(f"SELECT tenant_id FROM tenants WHERE name = '{name}'")
            self.stack.run("tenant", "login", name)
            seen = f"SET ROLE millibill_tenant_{number}; SET search_path = millibill; SELECT count(*) FROM alerts_overview"
            self.assertEqual(self.stack.value(seen, SUPERUSER), "0")

    def test_limits_of_a_contract_alert_at_its_own_percentages(self):
        tenant, month = self.tenant()
        spend = round(Fraction(50 * RECORD_GB_SECONDS - FREE_GB_SECONDS) * GB_SECOND_PRICE, 2)  # 0.83
        self.contract(tenant, month, "alerts: [25, 75]\nspending_limit: {amount: 1, alerts: [83, 84]}\n"
                                     f"commitments: [{{name: floor, minimum: 2, until: {month[:5]}{int(month[5:]) + 1:02}-01}}]\n"
                                     "credits: [{name: welcome, amount: 1, from: 2020-01-01, until: 2030-01-01}]\n")
        self.use(tenant, month, 0, 50)
        self.check(month)
        found = {(a["kind"], a["percent"]): a for a in self.alerts(tenant) if a["kind"] != "free_tier"}
        self.assertEqual(set(found), {("spending_limit", "83"), ("spending_limit", "84"), ("commitment", "25"), ("credit", "25"), ("credit", "75")})
        # what is missing to the minimum is spend too: 2.00 in all, so the credit is used up
        self.assertEqual(Fraction(found["commitment", "25"]["value"]), spend)
        self.assertEqual((found["commitment", "25"]["period"], found["commitment", "25"]["item"]), (month, "floor"))
        self.assertEqual((found["credit", "75"]["period"], Fraction(found["credit", "75"]["value"])), ("2020-01-01/2030-01-01", 1))
        self.assertEqual(Fraction(found["spending_limit", "84"]["value"]), 2)
        number = self.stack.number(f"SELECT tenant_id FROM tenants WHERE name = '{tenant}'")
        self.stack.run("tenant", "login", tenant)
        rows = self.stack.query(f"SET ROLE millibill_tenant_{number}; SET search_path = millibill; SELECT tenant, kind FROM alerts_overview", SUPERUSER)
        self.assertEqual({row[0] for row in rows}, {tenant})
        self.assertEqual(len(rows), len(self.alerts(tenant)))

    def test_a_limit_without_percentages_takes_the_installations_and_a_term_counts_over_its_months(self):
        tenant, month = self.tenant()
        following = f"{month[:5]}{int(month[5:]) + 1:02}"
        self.contract(tenant, month, "spending_limit: {amount: 100}\n"
                                     f"prepaid: [{{name: block, sku: duration, units: 80000, every: term, from: {month}-01, until: 2030-01-01}}]\n")
        self.configure(alert_percent="0.33, 62.5, 100")
        self.use(tenant, month, 0, 50)  # 50,000 GB-seconds beyond the free tier: 62.5 % of the block
        self.check(month)
        term = f"{month}-01/2030-01-01"
        own = [level for level in self.levels(tenant) if level[0] != "free_tier"]
        self.assertEqual(own, [("prepaid", "block", term, "0.33"), ("prepaid", "block", term, "62.5")])
        self.stack.run("rate", "--month", month, "--final")
        self.use(tenant, following, 0, 50)  # the other 30,000, and 20,000 for 0.33
        self.check(following)
        own = [level for level in self.levels(tenant) if level[0] != "free_tier"]
        self.assertEqual(own[2:], [("prepaid", "block", term, "100"), ("spending_limit", None, following, "0.33")])

    def test_who_is_told_gets_each_alert_once_signed_and_tried_again(self):
        tenant, month = self.tenant()
        self.configure(alert_url=self.receiver.url)
        self.receiver.answers[:] = [503]
        self.use(tenant, month, 0, 23)
        self.stack.run("rate", "--month", month, "--preview")
        self.assertEqual(self.check(month)["delivered"], 0)
        (first, body), (second, again) = self.receiver.got
        self.assertEqual((first["webhook-id"], body), (second["webhook-id"], again))
        self.assertEqual(first["millibill-event"], "alert.reached")
        alert, = self.alerts(tenant)
        self.assertEqual(json.loads(body), {"event": "alert.reached", **alert})
        delivery, = (d for d in self.stack.json("deliver", "--list", "--all")["deliveries"] if d["alert"] == alert["alert"])
        self.assertEqual((delivery["event"], delivery["number"], delivery["attempts"]), ("alert.reached", None, 2))

    def test_a_command_is_told_too_and_listeners_get_the_number_alone(self):
        tenant, month = self.tenant()
        inbox = self.folder / "inbox"
        program = self.folder / "tell"
        program.write_text(f'#!/bin/sh\n(cat; echo; echo "$MILLIBILL_EVENT $MILLIBILL_ALERT $MILLIBILL_TENANT $MILLIBILL_INVOICE") >> {inbox}\n')
        program.chmod(0o755)
        self.configure(alert_command=program)
        listener = self.stack.psql_process("LISTEN millibill_alerts;\n", "millibill_reader")
        self.use(tenant, month, 0, 23)
        self.stack.run("alerts", "check", "--month", month)
        alert, = self.alerts(tenant)
        document, variables = inbox.read_text().splitlines()
        self.assertEqual(json.loads(document)["percent"], "50")
        self.assertEqual(variables.split(), ["alert.reached", str(alert["alert"]), tenant])
        output, _ = listener.communicate("SELECT 1;\n", timeout=60)
        told = [line for line in output.splitlines() if "millibill_alerts" in line]
        self.assertEqual(len(told), 1, output)
        self.assertIn(f'"{{"alert" : {alert["alert"]}}}"', told[0])

    def test_of_many_checks_at_once_one_raises_and_one_delivers(self):
        tenant, month = self.tenant()
        self.use(tenant, month, 0, 45)
        self.configure(alert_percent="")
        self.stack.run("rate", "--month", month, "--preview")
        self.configure(alert_url=self.receiver.url, alert_percent="10, 20, 30, 40, 50, 100")
        together = [self.stack.popen("alerts", "check", "--month", month, "--no-rate", "--json", stdout=subprocess.PIPE) for _ in range(4)]
        answers = [json.loads(process.communicate(timeout=60)[0]) for process in together]
        self.assertEqual(sum(len(answer["alerts"]) for answer in answers), 6)
        self.assertEqual([alert["percent"] for alert in self.alerts(tenant)], ["10", "20", "30", "40", "50", "100"])
        wait_until(lambda: self.stack.json("deliver", status=None)["open"] == 0, "everything is delivered")
        self.assertEqual(len({headers["webhook-id"] for headers, _ in self.receiver.got}), 6)
        self.assertEqual(len(self.receiver.got), 6)

    def test_who_is_killed_before_it_raises_leaves_it_to_the_next(self):
        tenant, month = self.tenant()
        self.use(tenant, month, 0, 23)
        holder = self.stack.psql_process("BEGIN; LOCK TABLE millibill.alerts IN ACCESS EXCLUSIVE MODE;\n")
        self.addCleanup(holder.kill)
        killed = self.stack.popen("rate", "--month", month, "--preview", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                  start_new_session=True)
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'millibill rate'"
        wait_until(lambda: self.stack.number(waits, SUPERUSER) == 1, "the run waits to raise")
        written = f"SELECT count(*) FROM invoices_overview WHERE tenant = '{tenant}' AND period_start = '{month}-01Z'"
        self.assertEqual(self.stack.number(written), 1)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        holder.communicate("ROLLBACK;\n", timeout=60)
        wait_until(lambda: self.stack.number(waits, SUPERUSER) == 0, "the killed run is gone")
        self.check(month, "--no-rate")
        self.check(month, "--no-rate")
        self.assertEqual(len(self.alerts(tenant)), 1)

    def kill_while_it_delivers(self, month):
        """A check that has raised and is waiting for an answer of who is told, and is killed there."""
        killed = self.stack.popen("alerts", "check", "--month", month, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: self.receiver.got, "the receiver has it and has not answered", 60)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()

    def test_who_is_killed_between_the_row_and_the_answer_leaves_the_delivery_open_under_the_same_id(self):
        tenant, month = self.tenant()
        self.configure(alert_url=self.receiver.url, deliver_timeout_s=20)
        self.use(tenant, month, 0, 23)
        self.receiver.hold.clear()  # answers wait
        self.addCleanup(self.receiver.hold.set)
        self.kill_while_it_delivers(month)
        alert, = self.alerts(tenant)  # the row is there
        rows = self.stack.query(f"SELECT delivery_id, delivered_at IS NULL FROM deliveries WHERE alert_id = {alert['alert']}")
        self.assertEqual([row[1] for row in rows], ["t"])
        (first, body), = self.receiver.got
        self.receiver.hold.set()
        wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millibill alerts check'",
                                             SUPERUSER) == 0, "the killed check is gone")
        answer = self.check(month)
        self.assertEqual((answer["alerts"], answer["delivered"], answer["open"]), ([], 1, 0))
        (again, same), = self.receiver.got[1:]
        # it was received twice, which no sender can know to prevent: by the id the receiver knows it again
        self.assertEqual((again["webhook-id"], same), (first["webhook-id"], body))
        self.assertEqual(self.check(month)["delivered"], 0)
        self.assertEqual(len(self.receiver.got), 2)
        self.assertEqual(len(self.alerts(tenant)), 1)

    def test_who_is_killed_after_the_row_and_before_the_first_contact_is_told_once_by_the_next(self):
        """The address takes no connection: its queue is full, so the check hangs in connect() with the alert committed and nothing sent."""
        tenant, month = self.tenant()
        self.use(tenant, month, 0, 23)
        full = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.addCleanup(full.close)
        port = full.getsockname()[1]
        for _ in range(2):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
            self.addCleanup(waiting.close)
        self.configure(alert_url=f"http://127.0.0.1:{port}/alerts", deliver_timeout_s=20)
        before = self.connecting(port)
        killed = self.stack.popen("alerts", "check", "--month", month, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: self.connecting(port) > before, "the check waits for a connection", 60)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        alert, = self.alerts(tenant)
        untouched = f"SELECT count(*) FROM deliveries WHERE alert_id = {alert['alert']} AND attempts = 0 AND tried_at IS NULL AND delivered_at IS NULL"
        self.assertEqual(self.stack.number(untouched), 1)
        full.close()
        wait_until(lambda: self.stack.number("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millibill alerts check'",
                                             SUPERUSER) == 0, "the killed check is gone")
        self.configure(alert_url=self.receiver.url)
        answer = self.check(month)
        self.assertEqual((answer["alerts"], answer["delivered"], answer["open"]), ([], 1, 0))
        self.assertEqual(self.check(month)["delivered"], 0)
        (_, body), = self.receiver.got
        self.assertEqual(json.loads(body)["alert"], alert["alert"])

    @staticmethod
    def connecting(port):
        """How many connections to a local port are being made and have no answer yet."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[2].endswith(f":{port:04X}") and row[3] == "02" for row in rows)

    def test_what_a_period_is_forecast_to_reach_is_raised_once_and_only_where_it_is_asked_for(self):
        tenant, _ = self.tenant()
        now = datetime.datetime.now(datetime.timezone.utc)
        month = f"{now:%Y-%m}"
        # four weeks of 9,000 GB-seconds a day, and a limit that a month of it passes long after today
        self.contract(tenant, month, "spending_limit: {amount: 100000}\n")
        days = [(now - datetime.timedelta(days=d)).date() for d in range(36)]
        lines = "".join(json.dumps({"request_id": str(day), "tenant": tenant, "function": "f", "memory_mb": 10240, "duration_ms": 900_000,
                                    "started_at": f"{day}T00:00:00Z"}) + "\n" for day in days)
        self.stack.run("import", "--format", "ndjson", "-", input=lines)
        own = lambda: [a for a in self.alerts(tenant) if a["basis"] == "forecast" and a["item"] == "compute" or a["unit"] == "GB-second"]  # noqa: E731
        self.configure(alert_percent="")
        self.check(month)
        self.assertEqual(own(), [])
        self.configure(alert_percent="", alert_forecast_percent="50, 100", alert_url=self.receiver.url)
        self.check(month)
        self.check(month)
        alert, = own()  # 28 to 31 days of 9,000 are 63 to 70 % of 400,000
        self.assertEqual((alert["basis"], alert["kind"], alert["percent"], alert["period"]), ("forecast", "free_tier", "50", month))
        length = ((now.replace(day=1) + datetime.timedelta(days=32)).replace(day=1) - now.replace(day=1)).days
        self.assertLess(abs(Fraction(alert["value"]) - length * RECORD_GB_SECONDS), RECORD_GB_SECONDS)
        self.assertEqual([json.loads(body)["basis"] for _, body in self.receiver.got if json.loads(body)["tenant"] == tenant], ["forecast"])
        self.assertIn("forecast ", self.stack.run("alerts", "list", "--tenant", tenant).stdout)
        # what is used later reaches the same percentage: an alert of its own
        self.configure(alert_percent="0.001", alert_forecast_percent="50, 100")
        self.check(month)
        self.assertEqual({a["basis"] for a in own()}, {"use", "forecast"})
        self.configure(alert_forecast_percent="")

    def test_what_a_contract_limits_is_forecast_by_its_own_percentages_where_forecasts_are_looked_at(self):
        tenant, _ = self.tenant()
        now = datetime.datetime.now(datetime.timezone.utc)
        month, first = f"{now:%Y-%m}", now.replace(day=1)
        length = ((first + datetime.timedelta(days=32)).replace(day=1) - first).days
        # four weeks and more of 45,000 GB-seconds a day: a month of it is 1.26 to 1.395 million, less 400,000 that are free
        days = [(now - datetime.timedelta(days=d)).date() for d in range(36)]
        lines = "".join(json.dumps({"request_id": f"{day}-{i}", "tenant": tenant, "function": "f", "memory_mb": 10240, "duration_ms": 900_000,
                                    "started_at": f"{day}T00:0{i}:00Z"}) + "\n" for day in days for i in range(5))
        self.stack.run("import", "--format", "ndjson", "-", input=lines)
        spend = (length * 5 * RECORD_GB_SECONDS - FREE_GB_SECONDS) * GB_SECOND_PRICE  # 14.3 to 16.6
        self.contract(tenant, month, "alerts: [90, 99]\nspending_limit: {amount: 15.5, alerts: [50, 92, 300]}\n"
                                     "commitments: [{name: floor, minimum: 15}, {name: high, minimum: 1000}]\n"
                                     "credits: [{name: small, amount: 5, from: 2020-01-01, until: 2090-01-01}]\n")
        self.configure(alert_percent="", alert_forecast_percent="")
        self.check(month)
        self.assertFalse([a for a in self.alerts(tenant) if a["basis"] == "forecast"])
        self.configure(alert_percent="", alert_forecast_percent="250", alert_url=self.receiver.url)
        self.check(month)
        found = {(a["kind"], a["item"], a["percent"]): Fraction(a["value"]) for a in self.alerts(tenant) if a["basis"] == "forecast"}
        wanted = {("spending_limit", None, p) for p in ("50", "92", "300") if 1000 * 100 >= Fraction("15.5") * int(p)}
        self.assertEqual({key for key in found if key[0] == "spending_limit"}, wanted)
        self.assertEqual({key for key in found if key[0] == "commitment"},
                         {("commitment", "floor", p) for p in ("90", "99") if spend * 100 >= 15 * int(p)})
        self.assertEqual({key for key in found if key[0] == "credit"}, {("credit", "small", "90"), ("credit", "small", "99")})
        for key, value in found.items():
            if key[0] == "commitment":
                self.assertLess(abs(value - spend), Fraction("0.02"))
        count = len(self.alerts(tenant))
        self.check(month)
        self.assertEqual(len(self.alerts(tenant)), count)
        told = [json.loads(body) for _, body in self.receiver.got]
        self.assertEqual(sorted(t["alert"] for t in told if t["basis"] == "forecast" and t["tenant"] == tenant),
                         sorted(a["alert"] for a in self.alerts(tenant) if a["basis"] == "forecast"))

    def test_the_stack_checks_at_its_start_and_at_intervals_when_told_to(self):
        on_one_day(self.checked_at_the_start)

    def checked_at_the_start(self, now):
        tenant, _ = self.tenant()
        today = f"{now:%Y-%m}"
        self.configure(alert_percent="0.0001", alerts_every_min=1440)
        self.use(tenant, today, 0, 1, memory_mb=128, duration_ms=1, started_at=f"{today}-01T00:00:00Z")
        self.stack.down()
        self.stack.up()
        wait_until(lambda: self.alerts(tenant), "the check at the start has raised it", 60)
        log = self.stack.data / "log" / "alerts.log"
        wait_until(lambda: "1 new alert" in log.read_text(), "the check says so in its log", 60)
        self.configure(alerts_every_min=0)

    def test_an_empty_month_raises_nothing_one_record_at_its_threshold_does_and_mistakes_are_named(self):
        self.assertEqual(self.check("2024-01")["alerts"], [])
        tenant, month = self.tenant()
        self.configure(alert_percent="0.0001")  # one request of a million
        self.use(tenant, month, 0, 1, memory_mb=128, duration_ms=1)
        self.check(month)
        self.assertEqual([(a["item"], Fraction(a["value"])) for a in self.alerts(tenant)], [("requests", 1)])
        self.configure(alert_percent="80, 50")
        self.assertIn("'50' is not above the one before it", self.stack.run("alerts", "check", "--month", month, status=1).stderr)


class Statistics(unittest.TestCase):
    def test_what_many_contracts_limit_is_read_by_key_though_the_planner_takes_the_table_for_empty(self):
        """ANALYZE while a run fills a table sees no row of it; then each contract's items were looked for among all."""
        with Stack(settings={"alert_percent": "50"}) as stack:
            fill(stack, 200)
            add_contracts(stack)
            stack.run("rate", "--month", MANY_MONTH)
            stack.query("SET allow_system_table_mods = on; UPDATE pg_class SET reltuples = 0, relpages = pg_relation_size(oid) / 8192 WHERE relname = 'invoice_items'", SUPERUSER)
            items = stack.number("SELECT count(*) FROM invoice_items")
            read = "SELECT idx_tup_read + (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'invoice_items') FROM pg_stat_user_indexes WHERE indexrelname = 'invoice_items_pkey'"
            before = stack.number(read, SUPERUSER)
            stack.run("alerts", "check", "--month", MANY_MONTH, "--no-rate")
            taken = stack.number(read, SUPERUSER) - before
            self.assertGreaterEqual(taken, items)
            self.assertLess(taken, items * 10)


if __name__ == "__main__":
    unittest.main()
