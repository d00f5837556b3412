"""Final invoices are handed on: each to each target until it says yes, then never again, whatever is killed in between."""
import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from harness import Stack, wait_until
from receiver import Receiver

SECRET = bytes(range(32))


class Deliveries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="mb-deliver-"))
        cls.addClassCleanup(subprocess.run, ["rm", "-rf", str(cls.folder)], check=False)
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.secret = cls.folder / "secret"
        cls.secret.write_text("whsec_" + base64.b64encode(SECRET).decode() + "\n")
        cls.secret.chmod(0o600)
        cls.inbox = cls.folder / "inbox"
        cls.inbox.mkdir()
        cls.program = cls.folder / "book"
        cls.months = iter(f"2025-{month:02d}" for month in range(1, 13))
        cls.stack = Stack(settings={"deliver_attempts": 3, "deliver_timeout_s": 5})
        cls.stack.up()
        cls.addClassCleanup(cls.stack.remove)
        cls.stack.run("tenant", "add", "acme")

    def setUp(self):
        self.receiver.got.clear()
        self.receiver.answers.clear()
        for file in self.inbox.iterdir():
            file.unlink()
        self.write_program('cat > "$INBOX/$MILLIBILL_INVOICE"; echo "$MILLIBILL_DELIVERY_ID" >> "$INBOX/ids"')
        self.configure()

    def write_program(self, body):
        self.program.write_text(f"#!/bin/sh\nINBOX='{self.inbox}'\n{body}\n")
        self.program.chmod(0o755)

    def configure(self, **settings):
        """Change the stack's file: the rater reads it at each call."""
        path = self.stack.data / "millibill.yaml"
        wanted = {"deliver_command": "", "deliver_url": "", "deliver_secret": "", **settings}
        lines = [line for line in path.read_text().splitlines() if line.split(":")[0] not in wanted]
        path.write_text("\n".join([*lines, *(f'{key}: "{value}"' for key, value in wanted.items())]) + "\n")

    def make_final(self):
        """One more month's final invoice: (number, document)."""
        month = next(self.months)
        record = {"request_id": month, "tenant": "acme", "function": "f", "started_at": f"{month}-10T00:00:00Z",
                  "duration_ms": 1000, "memory_mb": 1024}
        self.stack.run("import", "--format", "ndjson", "-", input=json.dumps(record) + "\n")
        self.stack.run("rate", "--month", month, "--final")
        number, document = self.stack.query(
            f"SELECT number, document FROM invoices WHERE state = 'final' AND period_start = '{month}-01Z'")[0]
        return number, document.encode()

    def open_deliveries(self):
        return self.stack.json("deliver", "--list")["deliveries"]

    def test_a_command_gets_the_bytes_of_the_invoice_once(self):
        self.configure(deliver_command=self.program)
        number, document = self.make_final()
        self.assertEqual((self.inbox / number).read_bytes(), document)
        self.stack.run("deliver")
        self.stack.run("deliver")
        self.assertEqual(len((self.inbox / "ids").read_text().split()), 1)
        self.assertEqual(self.open_deliveries(), [])

    def test_a_webhook_gets_the_bytes_of_the_invoice_signed(self):
        self.configure(deliver_url=self.receiver.url, deliver_secret=self.secret)
        number, document = self.make_final()
        (headers, body), = self.receiver.got
        self.assertEqual(body, document)
        self.assertEqual(headers["millibill-invoice"], number)
        self.assertEqual(headers["content-type"], "application/json")
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + document
        expected = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers["webhook-signature"], f"v1,{expected}")

    def test_refusals_are_tried_again_with_the_same_id(self):
        self.configure(deliver_url=self.receiver.url)
        self.receiver.answers[:] = [503, 302]
        self.make_final()
        self.assertEqual(len(self.receiver.got), 3)
        self.assertEqual(len({headers["webhook-id"] for headers, _ in self.receiver.got}), 1)
        self.assertNotIn("webhook-signature", self.receiver.got[0][0])
        self.assertEqual(self.open_deliveries(), [])

    def test_what_nobody_takes_stays_open_with_the_reason_and_the_invoice_is_final(self):
        self.configure(deliver_command=self.program)
        self.write_program("exit 3")
        number, document = self.make_final()
        delivery, = self.open_deliveries()
        self.assertEqual((delivery["number"], delivery["attempts"]), (number, 3))
        self.assertIn("exit status 3", delivery["error"])
        self.stack.run("deliver", status=1)
        self.write_program('cat > "$INBOX/$MILLIBILL_INVOICE"')
        self.stack.run("deliver")
        self.assertEqual((self.inbox / number).read_bytes(), document)

    def test_a_command_that_hangs_is_ended_with_its_children(self):
        self.configure(deliver_command=self.program, deliver_timeout_s=1, deliver_attempts=1)
        self.write_program('sleep 1000 & echo $! > "$INBOX/child"; wait')
        self.make_final()
        self.assertIn("longer than 1 s", self.open_deliveries()[0]["error"])
        child = int((self.inbox / "child").read_text())
        wait_until(lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split(")")[1][:3],
                   "the command's child is gone")
        self.configure(deliver_command=self.program, deliver_timeout_s=5, deliver_attempts=3)
        self.write_program("exit 0")
        self.stack.run("deliver")

    def test_who_is_killed_while_it_delivers_leaves_it_open_and_two_at_once_share(self):
        self.configure(deliver_command=self.program, deliver_timeout_s=300)
        self.addCleanup(self.configure, deliver_timeout_s=5)
        self.write_program('echo $$ > "$INBOX/started"; until [ -e "$INBOX/go" ]; do sleep 0.05; done')
        month_final = threading.Thread(target=self.make_final)
        month_final.start()
        wait_until(lambda: (self.inbox / "started").exists(), "the command runs")
        second = self.stack.popen("deliver", "--json", stdout=subprocess.PIPE)
        output, _ = second.communicate(timeout=60)
        self.assertEqual(json.loads(output)["delivered"], 0)
        (self.inbox / "go").touch()
        month_final.join()
        self.assertEqual(self.open_deliveries(), [])
        number = self.stack.value("SELECT max(number) FROM invoices")
        for name in ("started", "go"):
            (self.inbox / name).unlink()
        third = self.stack.popen("deliver", "--number", number, stdout=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: (self.inbox / "started").exists(), "the command runs again")
        os.killpg(third.pid, signal.SIGKILL)
        third.wait()
        (self.inbox / "go").touch()  # for a command that outlives it
        wait_until(lambda: len(self.open_deliveries()) == 1, "the delivery is open again")
        self.write_program("exit 0")
        wait_until(lambda: self.stack.json("deliver", status=None)["open"] == 0, "the lock of the killed one is gone")

    def test_an_invoice_from_before_can_be_asked_for_and_mistakes_are_named(self):
        number, document = self.make_final()
        self.assertEqual(list(self.inbox.iterdir()), [])
        self.assertIn("neither a command nor a webhook", self.stack.run("deliver", "--number", number, status=1).stderr)
        self.configure(deliver_command=self.program)
        self.stack.run("deliver", "--number", number)
        self.assertEqual((self.inbox / number).read_bytes(), document)
        self.assertIn("no final invoice 'MB-1-1'", self.stack.run("deliver", "--number", "MB-1-1", status=1).stderr)

    def test_a_secret_that_others_can_read_or_that_is_none_is_not_used(self):
        careless = self.folder / "careless"
        careless.write_text("whsec_" + base64.b64encode(SECRET).decode())
        careless.chmod(0o644)
        self.configure(deliver_url=self.receiver.url, deliver_secret=careless, deliver_attempts=1)
        self.make_final()
        self.assertIn("has mode 0644", self.open_deliveries()[0]["error"])
        self.assertEqual(self.receiver.got, [])
        careless.chmod(0o600)
        careless.write_text("hunter2\n")
        self.stack.run("deliver", status=1)
        self.assertIn("not a webhook secret", self.open_deliveries()[0]["error"])
        self.configure(deliver_url=self.receiver.url, deliver_secret=self.secret, deliver_attempts=3)
        self.stack.run("deliver")
        self.assertEqual(len(self.receiver.got), 1)


if __name__ == "__main__":
    unittest.main()
