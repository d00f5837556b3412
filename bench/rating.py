#!/usr/bin/env python3
"""How long it takes to rate a month: bench/rating.py [--json] [--once] [--contracts] [--final] [TENANTS…]

Fills a throw-away stack with TENANTS tenants (100,000 unless given) of ten rollup rows each - five functions, four on x86_64 and one on
arm64, in two hours - and rates it with `millibill rate`. What it is compared to, in the same run (doc/performance.md says why):

  sums    COPY (SELECT tenant_id, sum(…), … FROM rollups … GROUP BY tenant_id) TO STDOUT: every tenant and every sum that rating reads
  copy    COPY of the rows that rating wrote (invoices with their documents, lines, free tiers) to files of the server, and from these into
          tables of the same columns without keys and indexes

Then it is rated again, once as it is and once after every sum of usage has grown and a receipt has come, so that every draft replaces one, of which
every document and most rows change. With --contracts once more after each tenant was given a contract, with --final the month becomes
final (under these contracts, if both are given), and is asked to once more.
The ratio is the time of `millibill rate`, from start to exit, over the sum of both; the target is 3 for 100,000 tenants, and 256 MB.
"""
import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "pipeline"))
from harness import MILLIBILL, ROOT, SUPERUSER, Stack, environment  # noqa: E402
from many_tenants import MONTH, add_contracts, add_roots, fill  # noqa: E402

RESULTS = ("invoices", "invoice_lines", "invoice_free_tiers")
SUMS = ("invocations", "errors", "timeouts", "initializations", "duration_us", "init_us", "duration_1ms", "duration_100ms", "with_init_1ms",
        "with_init_100ms", "cpu_us", "streamed_bytes")


def seconds_of(stack, sql):
    begun = time.monotonic()
    conninfo = f"{stack.status()['database']} user={SUPERUSER} options=--search_path=millibill"
    begun = time.monotonic()
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo], input=sql, text=True, stdout=subprocess.DEVNULL, check=True,
                   env=environment())
    return time.monotonic() - begun


def sums(stack):
    columns = ", ".join(f"sum({name})" for name in SUMS)
    return seconds_of(stack, f"COPY (SELECT tenant_id, {columns}, max(max_memory_used_mb), max(max_duration_us) FROM rollups "
                             f"WHERE hour >= '{MONTH}-01T00:00:00Z' AND hour < '{MONTH}-01T00:00:00Z'::timestamptz + interval '1 month' "
                             "GROUP BY tenant_id) TO STDOUT")


def copies(stack):
    """Out and in of each result table, by the server itself."""
    folder = Path(stack.value("SHOW data_directory", SUPERUSER)) / "copy"
    for table in RESULTS:
        stack.query(f"CREATE TABLE copy_{table} (LIKE {table} INCLUDING COMPRESSION INCLUDING STORAGE)", SUPERUSER)
    taken = seconds_of(stack, "".join(f"COPY {table} TO '{folder}_{table}'; COPY copy_{table} FROM '{folder}_{table}';\n" for table in RESULTS))
    for table in RESULTS:
        stack.query(f"DROP TABLE copy_{table}", SUPERUSER)
        Path(f"{folder}_{table}").unlink()
    return taken


class Server(threading.Thread):
    """Looks at the server's processes until it is stopped: the processor time that each used meanwhile."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.parent = (Path(stack.value("SHOW data_directory", SUPERUSER)) / "postmaster.pid").read_text().split()[0]
        self.done, self.before, self.last = threading.Event(), None, {}

    def look(self):
        used = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # gone meanwhile
            if fields[1] == self.parent:
                used[path.parent.name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return used

    def run(self):
        self.before = self.look()
        while not self.done.wait(0.2):
            self.last.update(self.look())

    def seconds(self):
        """Of each process, the busiest first: the connection that writes, the one that reads, then the server's own."""
        self.done.set()
        self.join()
        return sorted((taken - self.before.get(pid, 0) for pid, taken in self.last.items()), reverse=True)


def rate(stack, *options):
    """Seconds, the greatest memory of the rater, MB, its processor time, and that of the server's processes."""
    server = Server(stack)
    server.start()
    begun = time.monotonic()
    pid = os.posix_spawn(MILLIBILL, [MILLIBILL, "rate", "--month", MONTH, *options, "--data", str(stack.data)], environment(),
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    assert status == 0, f"millibill rate: status {status}"
    return time.monotonic() - begun, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime, server.seconds()


def grow(stack):
    stack.query("UPDATE rollups SET invocations = invocations + 1000, duration_1ms = duration_1ms + 125000, with_init_1ms = with_init_1ms + 125000; "
                "UPDATE installation SET last_receipt = last_receipt + 1; ANALYZE rollups", SUPERUSER)


def measure(tenants, options):
    with Stack(settings={"alert_percent": '""'}) as stack:  # alerts are another command's work, which follows by itself
        rows = fill(stack, tenants)
        found = {"tenants": tenants, "rollups": rows, "runs": []}
        before = sums(stack)
        runs = [("drafts", (), None)]
        runs += [] if options.once else [("drafts again", (), None), ("drafts changed", (), grow)]
        runs += [("contracts", (), add_contracts)] if options.contracts else []
        runs += [("final", ("--final",), add_roots), ("final again", ("--final",), None)] if options.final else []
        for what, arguments, prepare in runs:
            if prepare is not None:
                prepare(stack)
            seconds, memory_mb, processor, server = rate(stack, *arguments)
            found["runs"].append({"what": what, "seconds": seconds, "memory_mb": memory_mb, "processor_seconds": processor,
                                  "writer_seconds": server[0], "reader_seconds": server[1], "server_seconds": sum(server)})
        written = [stack.number(f"SELECT count(*) FROM {table}") for table in RESULTS]
        found.update(sums=min(before, sums(stack)), copy=copies(stack), written=dict(zip(RESULTS, written)))
        assert written[0] == tenants, written
        for run in found["runs"]:
            run["ratio"] = run["seconds"] / (found["sums"] + found["copy"])
        return found


def show(found):
    print(f"{found['tenants']:,} tenants, {found['rollups']:,} rollup rows; written: "
          + ", ".join(f"{count:,} {table}" for table, count in found["written"].items()))
    print(f"  reference: sums {found['sums']:.2f} s + copy out and in {found['copy']:.2f} s = {found['sums'] + found['copy']:.2f} s")
    for run in found["runs"]:
        print(f"  {run['what']:14} {run['seconds']:8.2f} s  ratio {run['ratio']:5.2f}  {run['memory_mb']:6.0f} MB; of processors: "
              f"rater {run['processor_seconds']:.2f} s, writing connection {run['writer_seconds']:.2f} s, reading one {run['reader_seconds']:.2f} s, "
              f"server in all {run['server_seconds']:.2f} s")


def main():
    parser = argparse.ArgumentParser(description="How long it takes to rate a month.")
    parser.add_argument("tenants", nargs="*", type=int, default=[100_000])
    parser.add_argument("--once", action="store_true", help="do not replace the drafts by further runs")
    parser.add_argument("--contracts", action="store_true", help="rate it again where every tenant has a contract")
    parser.add_argument("--final", action="store_true", help="make it final too, for information")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for tenants in options.tenants:
        found = measure(tenants, options)
        if options.json:
            print(json.dumps(found))
        else:
            show(found)
        sys.stdout.flush()


if __name__ == "__main__":
    assert ROOT.exists()
    main()
