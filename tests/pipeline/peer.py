"""A peer that speaks the collector's protocol and may be as odd as a test wants: it says Hello twice, repeats, reorders,
cuts, floods. Needs Debian's python3-zmq and python3-protobuf.
"""
import atexit
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import zmq

from harness import ROOT


def _compile():
    """The classes of proto/*.proto, made from the files that the programs are made from."""
    out = tempfile.mkdtemp(prefix="mb-proto-")
    atexit.register(shutil.rmtree, out, True)
    subprocess.run(["protoc", f"--proto_path={ROOT}", f"--python_out={out}", "proto/usage.proto", "proto/wire.proto"],
                   check=True, cwd=ROOT)
    sys.path.insert(0, out)
    from proto import usage_pb2, wire_pb2  # pylint: disable=import-error,import-outside-toplevel
    return usage_pb2, wire_pb2


usage_pb2, wire_pb2 = _compile()
Frame = wire_pb2.Frame
REASON = wire_pb2.RefusalReason


def read_key(path):
    """(public, secret) of a key file; secret is None in a public one."""
    text = Path(path).read_text()
    found = dict(re.findall(r"^(public|secret) (\S+)$", text, re.M))
    return found["public"].encode(), found.get("secret", "").encode() or None


def register_agent(stack, name, *tenants):
    """`millibill agent add`: a key bound to tenants (none: to all). Returns the key file."""
    options = [word for tenant in tenants for word in ("--tenant", tenant)] or ["--all-tenants"]
    return stack.json("agent", "add", name, *options)["key_file"]


def usage(tenant, ids, started_at_us=None, duration_us=1000, function="f"):
    """A UsageBatch message of one configuration."""
    batch = usage_pb2.UsageBatch(tenants=[tenant], regions=["eu-central-1"])
    batch.configs.add(tenant=0, function=function, region=0, memory_mb=128, ephemeral_mb=512)
    at = started_at_us or int(time.time() * 1e6)
    for position, request_id in enumerate(ids):
        batch.config.append(0)
        batch.started_at_delta_us.append(at if position == 0 else 0)
        batch.duration_us.append(duration_us)
        batch.text_ids.append(request_id)
        batch.id_kind.append(usage_pb2.TEXT)
    return batch


class Peer:
    """One connection. `key_file` None: a key that nobody registered."""

    def __init__(self, endpoint, server_key_file, key_file=None, spool=None, heartbeat=True):
        self.spool = spool or os.urandom(16)
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDTIMEO, 20000)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 50)
        if not heartbeat:
            self.socket.setsockopt(zmq.HEARTBEAT_IVL, 0)
        public, secret = read_key(key_file) if key_file else zmq.curve_keypair()
        self.socket.curve_publickey, self.socket.curve_secretkey = public, secret
        self.socket.curve_serverkey = read_key(server_key_file)[0]
        self.socket.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()
        self.context.term()

    def send(self, *parts):
        """Raw parts."""
        self.socket.send_multipart(list(parts))

    def receive(self, seconds=20.0):
        """The next Frame, or None."""
        if not self.socket.poll(int(seconds * 1000)):
            return None
        frame = Frame()
        frame.ParseFromString(self.socket.recv())
        return frame

    def send_hello(self, protocol=1):
        frame = Frame()
        frame.hello.protocol = protocol
        frame.hello.agent = "odd"
        frame.hello.spool = self.spool
        frame.hello.software = "test"
        self.send(frame.SerializeToString())

    def hello(self, protocol=1, seconds=20.0):
        self.send_hello(protocol)
        return self.receive(seconds)

    def batch_bytes(self, sequence, payload, digest=None, **fields):
        if not isinstance(payload, bytes):
            payload = payload.SerializeToString()
        frame = Frame()
        frame.batch.spool = self.spool
        frame.batch.sequence = sequence
        frame.batch.source = "socket"
        frame.batch.payload = payload
        frame.batch.digest = digest or hashlib.sha256(payload).digest()
        frame.batch.accepted_at_us = int(time.time() * 1e6)
        for name, value in fields.items():
            setattr(frame.batch, name, value)
        return frame.SerializeToString()

    def send_batch(self, sequence, payload, **fields):
        self.send(self.batch_bytes(sequence, payload, **fields))

    def batch(self, sequence, payload, seconds=20.0, **fields):
        """Send and wait for the answer: a Frame with ack or refusal."""
        self.send_batch(sequence, payload, **fields)
        return self.receive(seconds)
