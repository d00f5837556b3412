"""The fault proxy itself: what the other fault tests rest on."""
import socket
import threading
import time
import unittest

from proxy import Proxy


class Echo:
    """A TCP server that sends back what it gets; `received` counts the bytes."""

    def __init__(self):
        self.received = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    self.received += len(data)
                    connection.sendall(data)
            except OSError:
                pass


class Faults(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.addCleanup(self.echo.listener.close)
        self.proxy = Proxy(self.echo.address)
        self.addCleanup(self.proxy.close)

    def connect(self, timeout=10.0):
        client = socket.create_connection(self.proxy.address)
        client.settimeout(timeout)
        self.addCleanup(client.close)
        return client

    def exchange(self, client, data):
        client.sendall(data)
        got = b""
        while len(got) < len(data):
            piece = client.recv(65536)
            if not piece:
                break
            got += piece
        return got

    def silence(self, client, seconds=0.3):
        client.settimeout(seconds)
        with self.assertRaises(TimeoutError):
            client.recv(1)
        client.settimeout(10)

    def wait_received(self, count):
        deadline = time.monotonic() + 60
        while self.echo.received < count and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(self.echo.received, count)

    def test_bytes_pass_unchanged_both_ways_and_the_end_too(self):
        client = self.connect()
        data = bytes(range(256)) * 4000
        sender = threading.Thread(target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR)))
        sender.start()
        got = b""
        while piece := client.recv(65536):
            got += piece
        sender.join()
        self.assertEqual(got, data)

    def test_a_partition_is_silent_and_delivers_when_it_ends(self):
        client = self.connect()
        self.assertEqual(self.exchange(client, b"a"), b"a")
        self.proxy.partition()
        client.sendall(b"b")
        self.silence(client)
        self.assertEqual(self.echo.received, 1)
        self.proxy.heal()
        self.assertEqual(client.recv(1), b"b")

    def test_half_open_passes_one_way_only(self):
        client = self.connect()
        self.assertEqual(self.exchange(client, b"a"), b"a")
        self.proxy.hold("down")
        client.sendall(b"b")
        self.silence(client)
        self.wait_received(2)

    def test_cut_resets_and_a_new_connection_passes(self):
        client = self.connect()
        self.assertEqual(self.exchange(client, b"a"), b"a")
        self.proxy.cut()
        with self.assertRaises(ConnectionResetError):
            client.recv(1)
        self.assertEqual(self.exchange(self.connect(), b"b"), b"b")

    def test_truncate_ends_in_the_middle(self):
        client = self.connect()
        self.proxy.truncate(100)
        client.sendall(b"x" * 1000)
        with self.assertRaises(ConnectionResetError):
            while client.recv(65536):
                pass
        self.wait_received(100)

    def test_slow_is_slow(self):
        client = self.connect()
        self.proxy.slow(50)
        started = time.monotonic()
        self.assertEqual(self.exchange(client, b"x" * 20), b"x" * 20)
        self.assertGreater(time.monotonic() - started, 0.3)


if __name__ == "__main__":
    unittest.main()
