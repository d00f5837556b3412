"""What one invocation is worth: granularity, least time, initialization, memory, clock, storage, bytes, capacity, CPU time."""
from vectors.kit import Vectors, calls, meter, per_unit

ONE = per_unit("1")


def durations(made):
    for granularity, minimum in (("1", None), ("100", None), ("1", "100"), ("100", "250"), ("7", "10")):
        duration = {"granularity_ms": granularity, **({"minimum_ms": minimum} if minimum else {})}
        book = made.book(f"every-{granularity}-least-{minimum}", meter("time", "seconds", per_unit("1000")), duration=duration)
        for text in ("0", "0.001", "1", "1.001", "99.999", "100", "100.001", "101.2", "250"):
            made.add(f"{text} ms at {granularity} ms, at least {minimum or 'nothing'}", book, calls(1, text))
    book = "every-1-least-100"
    made.add("by hand: 1 ms, at least 100", book, calls(1, "1"), hand=("100 ms = 0.1 s x 1000", "100.00"))
    made.add("by hand: 101.2 ms", book, calls(1, "101.2"), hand=("102 ms", "102.00"))
    made.add("by hand: 0 ms, at least 100", book, calls(2, "0"), hand=("2 x 100 ms", "200.00"))
    made.add("each invocation is rounded, not the sum", "every-100-least-None", calls(1000, "1"), hand=("1000 x 100 ms", "100000.00"))


def initialization(made):
    rules = [{"packages": ["custom", "image"], "modes": ["on_demand"]}, {"packages": ["managed"], "modes": ["on_demand"], "since": "2025-08-01"}]
    book = made.book("init", meter("time", "seconds", per_unit("1000")), initialization=rules)
    row = calls(1, "11455.17", init_duration_ms="527.24")
    for month, package, mode, hand in (
            ("2025-07", "managed", "on_demand", ("not yet: 11456", "11456.00")), ("2025-08", "managed", "on_demand", ("11982.41 -> 11983", "11983.00")),
            ("2025-09", "managed", "on_demand", None), ("2025-07", "custom", "on_demand", ("always", "11983.00")), ("2020-01", "image", "on_demand", None),
            ("2025-08", "managed", "provisioned", ("initialized before it is used", "11456.00")), ("2025-08", "image", "provisioned", None)):
        made.add(f"initialization of {package}, {mode}, in {month}", book, {**row, "package": package, "mode": mode}, month=month, hand=hand)
    made.add("one rounding of the sum: 1040.27 + 604.20", book, calls(1, "1040.27", init_duration_ms="604.20"), hand=("1644.47 -> 1645", "1645.00"))
    made.add("one rounding of the sum: 1126.09 + 548.91", book, calls(1, "1126.09", init_duration_ms="548.91"), hand=("1675.00 -> 1675", "1675.00"))
    for since in ("2024-02-01", "2024-02-01T00:00:00Z", "2024-01-31T23:59:59.999999Z", "2024-02-01T00:00:00.000001Z", "2024-02-01T01:00:00+01:00", "2024-01-31T23:00:00-01:00", "2024-02-29"):
        book = made.book(f"since-{since}", meter("time", "seconds", per_unit("1000")), initialization=[{"since": since}])
        for month in ("2024-01", "2024-02", "2024-03"):
            made.add(f"initialization since {since} in {month}", book, calls(1, "1", init_duration_ms="1"), month=month)


def memory(made):
    rules = {"basis": "observed", "step_mb": "128", "maximum_mb": "1536"}
    book = made.book("observed", meter("gbs", "gb_seconds", per_unit("1024")), memory=rules)
    for mb, hand in ((0, ("0 MB", "0.00")), (1, ("128", "128.00")), (128, ("128", "128.00")), (129, ("256", "256.00")), (1535, None), (1536, None), (2000, ("at most 1536", "1536.00"))):
        made.add(f"{mb} MB observed, in steps of 128, at most 1536", book, calls(1, "1000", max_memory_used_mb=mb), hand=hand)
    made.add("observed memory that a record does not have", book, calls(1, "1000", memory_mb=200), hand=("configured: 200 -> 256", "256.00"))
    book = made.book("configured", meter("gbs", "gb_seconds", per_unit("1024")), memory={"step_mb": "100", "minimum_mb": "250"})
    for mb in (1, 249, 250, 251, 300, 301):
        made.add(f"{mb} MB configured, in steps of 100, at least 250", book, calls(1, "1000", memory_mb=mb, max_memory_used_mb=10))
    book = made.book("clock", meter("ghz", "ghz_seconds", per_unit("1000")), clock=[{"up_to_mb": "128", "mhz": "200"}, {"up_to_mb": "256", "mhz": "400"}, {"mhz": "800"}],
                     memory={"basis": "observed"})
    for mb, hand in ((127, None), (128, ("1 s x 0.2 GHz", "200.00")), (129, ("0.4", "400.00")), (256, None), (257, ("0.8", "800.00")), (10240, ("0.8", "800.00"))):
        made.add(f"clock of {mb} MB configured", book, calls(1, "1000", memory_mb=mb, max_memory_used_mb=1), hand=hand)


def others(made):
    book = made.book("storage", meter("storage", "ephemeral_gb_seconds", per_unit("1024"), included_mb="512"), meter("all_storage", "ephemeral_gb_seconds", per_unit("1024"), when_zero="omit"))
    for mb in (0, 511, 512, 513, 10240):
        made.add(f"{mb} MB of storage above 512", book, calls(1, "1000", ephemeral_mb=mb))
    made.add("storage that a row does not name is 512 MB", book, calls(1, "1000"), hand=("0 above 512, and all 512", "512.00"))
    book = made.book("bytes", meter("streamed", "streamed_gb", per_unit("1000"), included_bytes="1000", gb_bytes="1000"), meter("response", "response_gb", per_unit("1"), gb_bytes="1000"))
    for count in (0, 1, 999, 1000, 1001, 2000):
        for streamed in (True, False):
            made.add(f"a response of {count} bytes, {'streamed' if streamed else 'whole'}", book, calls(3, response_bytes=count, streamed=streamed))
    made.add("a response without bytes", book, calls(3, streamed=True), hand=("0", "0.00"))
    made.add("by hand: three streamed responses of 2000 bytes", book, calls(3, response_bytes=2000, streamed=True), hand=("3 x 1000/1000 x 1000 + 3 x 2", "3006.00"))
    book = made.book("gib", meter("response", "response_gb", ONE))
    made.add("a GB is 2^30 bytes", book, calls(10, response_bytes=1073741824), hand=("10 x 1", "10.00"))
    book = made.book("cpu", meter("cpu", "cpu_ms", ONE))
    for text in ("0", "0.001", "7", "12.345"):
        made.add(f"{text} ms of CPU are not rounded", book, calls(3, "1000", cpu_ms=text))
    made.add("CPU time that a record does not have is 0", book, calls(3, "1000"), hand=("0", "0.00"))


def capacity(made):
    row = {"function": "f", "memory_mb": 1024}
    for step in ("1", "300"):
        book = made.book(f"capacity-{step}", meter("kept_ready", "capacity_gb_seconds", ONE), meter("requests", "invocations", ONE), meter("time", "gb_seconds", ONE),
                         capacity={"granularity_s": step})
        for ready in (1, 299, 300, 301):
            made.add(f"capacity kept ready for {ready} s, in steps of {step}", book, {**row, "capacity_units": 2, "ready_s": ready})
        made.add(f"capacity and the requests that use it, in steps of {step}", book, [{**row, "capacity_units": 100, "ready_s": 7200}, calls(5, "1000", mode="provisioned")],
                 hand=("100 x 7200 x 1 GB, 5 requests, 5 GB-seconds", "720010.00"))
        made.add(f"capacity of 512 MB on demand, in steps of {step}", book, {**row, "memory_mb": 512, "capacity_units": 3, "ready_s": 600, "mode": "on_demand"},
                 hand=("3 x 600 / 2", "900.00"))


def make():
    made = Vectors()
    for part in (durations, initialization, memory, others, capacity):
        part(made)
    return made
