#!/usr/bin/env python3
"""How long a look at thresholds takes: bench/alerts.py [TENANTS FUNCTIONS]

A month of 100 tenants with 50 functions each (by default) that ran in every hour: 3.7 million rollups. Measured, from start to exit, the best of three:

  check      millibill alerts check: previews made anew, thresholds looked at, what is new raised, nothing to deliver
  look       the same with --no-rate: what the look itself takes
  raise      a look that raises: percentages that were not looked at before
  rate       millibill rate --preview --no-forecast, which a check does first

The reference, in the same minutes, is one `SELECT tenant_id, config_id, sum(…) … GROUP BY` over the month's rollups with the twelve sums that rating reads,
as PostgreSQL answers it. A check costs what its previews cost; `look` says what alerts add.
"""
import sys
import time

from views import MONTH, Stack, fill, times_ms

SUMS = ("invocations", "errors", "timeouts", "initializations", "duration_us", "init_us", "duration_1ms", "duration_100ms", "with_init_1ms",
        "with_init_100ms", "cpu_us", "streamed_bytes")
REFERENCE = (f"SELECT tenant_id, config_id, {', '.join(f'sum({name})' for name in SUMS)} FROM rollups "
             f"WHERE hour >= '{MONTH}-01Z' AND hour < '{MONTH}-01Z'::timestamptz + interval '1 month' GROUP BY tenant_id, config_id")


def percent(stack, text):
    path = stack.data / "millibill.yaml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("alert_percent:")]
    path.write_text("\n".join([*lines, f'alert_percent: "{text}"']) + "\n")


def best_s(run, times=3):
    taken = []
    for _ in range(times):
        begun = time.monotonic()
        run()
        taken.append(time.monotonic() - begun)
    return min(taken)


def main():
    tenants, functions = (int(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else (100, 50)
    with Stack() as stack:
        fill(stack, tenants, functions, 28)
        reference = times_ms(stack, [REFERENCE])[0] / 1000
        rows = stack.number(f"SELECT count(*) FROM rollups WHERE hour >= '{MONTH}-01Z'")
        print(f"{tenants} tenants, {functions} functions each, {rows:,} rollups; reference {reference:.2f} s", flush=True)
        raised = []

        def raise_more():
            percent(stack, ", ".join(f"{10 + len(raised)}.{i}" for i in range(1, 10)))
            raised.append(len(stack.json("alerts", "check", "--month", MONTH, "--no-rate")["alerts"]))

        for name, run in (("rate", lambda: stack.run("rate", "--month", MONTH, "--preview", "--no-forecast")),
                          ("check", lambda: stack.run("alerts", "check", "--month", MONTH)),
                          ("look", lambda: stack.run("alerts", "check", "--month", MONTH, "--no-rate")),
                          ("raise", raise_more)):
            seconds = best_s(run)
            more = f", {raised[-1]:,} alerts each" if name == "raise" else ""
            print(f"{name:6} {seconds:7.2f} s  {seconds / reference:6.2f} × reference{more}", flush=True)


if __name__ == "__main__":
    main()
