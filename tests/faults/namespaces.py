"""Two network name spaces joined by a virtual cable whose ends can be made deaf: real TCP, real time-outs.

    with Cable() as cable:
        subprocess.Popen([*cable.left, "program"])     # runs in the left name space, at address cable.left_address
        cable.silence("left")                          # what the left one sends gets lost; the right one still reaches it
        cable.restore()

Needs root, `ip` and `tc`. Nothing outside of the two name spaces is touched. A token bucket smaller than any packet is what
drops everything: it needs no further kernel modules.
"""
import os
import subprocess

DROP = ("tbf", "rate", "8bit", "burst", "10", "limit", "10")


class Cable:
    def __init__(self):
        token = f"{os.getpid() % 100000}"
        self.names = {"left": f"mbl{token}", "right": f"mbr{token}"}
        self.left_address, self.right_address = "10.231.77.1", "10.231.77.2"
        self.silent = set()

    @property
    def left(self):
        return ["ip", "netns", "exec", self.names["left"]]

    @property
    def right(self):
        return ["ip", "netns", "exec", self.names["right"]]

    def __enter__(self):
        try:
            for name in self.names.values():
                run("ip", "netns", "add", name)
            run("ip", "link", "add", "veth0", "netns", self.names["left"], "type", "veth", "peer", "name", "veth0", "netns",
                self.names["right"])
            for side, address in (("left", self.left_address), ("right", self.right_address)):
                inside = ("ip", "-n", self.names[side])
                run(*inside, "addr", "add", f"{address}/24", "dev", "veth0")
                run(*inside, "link", "set", "lo", "up")
                run(*inside, "link", "set", "veth0", "up")
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.remove()

    def remove(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def silence(self, *sides):
        for side in sides:
            run("tc", "-n", self.names[side], "qdisc", "replace", "dev", "veth0", "root", *DROP)
            self.silent.add(side)

    def restore(self):
        for side in list(self.silent):
            run("tc", "-n", self.names[side], "qdisc", "del", "dev", "veth0", "root")
            self.silent.discard(side)


def run(*argv):
    subprocess.run(argv, check=True, capture_output=True, text=True)


def reason_not_to():
    """Why name spaces cannot be used here, or None."""
    if os.geteuid() != 0:
        return "making network name spaces that last needs root (the same faults run through the proxy in test_links.py)"
    try:
        with Cable() as cable:
            cable.silence("left")
            cable.restore()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"this machine has no network name spaces with tc: {getattr(error, 'stderr', error)}".strip()
    return None
