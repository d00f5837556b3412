#!/usr/bin/env python3
"""A worker in Python that reports its invocations to the agent and waits until they are durable.

Usage: worker.py AGENT_SOCKET TENANT [INVOCATIONS]     (AGENT_SOCKET: see `millibill status`)

One JSON object a line. The first line asks for acknowledgement; the agent then writes {"ack":N}: N lines are on disk.
What was not acknowledged when the connection breaks is sent again: the request_id makes that safe.
"""
import hashlib
import json
import socket
import sys
import time
import uuid


class Meter:
    def __init__(self, path):
        self.path = path
        self.unacknowledged = []
        self.connect()

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(self.path)
        self.answers = self.socket.makefile("rb")
        self.acknowledged = 0
        again = b"".join(self.unacknowledged)
        self.socket.sendall(b'{"millibill":{"ack":true}}\n' + again)

    def emit(self, **record):
        line = json.dumps(record).encode() + b"\n"
        self.unacknowledged.append(line)
        self.socket.sendall(line)

    def wait(self):
        """Return when the agent has everything on disk; connect again if it was restarted."""
        while self.unacknowledged:
            try:
                answer = self.answers.readline()
                if not answer:
                    raise ConnectionError("the agent closed the connection")
                durable = json.loads(answer)["ack"]
                del self.unacknowledged[: durable - self.acknowledged]
                self.acknowledged = durable
            except OSError:
                time.sleep(0.2)
                self.connect()


def handle_request(seed):
    """The function that the tenant deployed."""
    for _ in range(200):
        seed = hashlib.sha256(seed).digest()
    return seed


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: worker.py AGENT_SOCKET TENANT [INVOCATIONS]")
    meter = Meter(sys.argv[1])
    invocations = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    seed = b"start"
    for _ in range(invocations):
        started_at_us = time.time_ns() // 1000
        start_ns = time.monotonic_ns()
        seed = handle_request(seed)
        meter.emit(
            request_id=str(uuid.uuid4()),
            tenant=sys.argv[2],
            function="digest",
            region="us-east-1",
            memory_mb=128,
            started_at_us=started_at_us,
            duration_us=(time.monotonic_ns() - start_ns) // 1000,
            status="ok",
            trigger="timer",
        )
    meter.wait()
    print(f"{invocations} invocations, all on the agent's disk")


if __name__ == "__main__":
    main()
