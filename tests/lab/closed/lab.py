# SPDX-License-Identifier: Apache-2.0
"""The lab as these checks see it: its machines, their processes and sockets, its settings, and places to come from.

A connection can be opened from any machine's network namespace without anything running there: setns() moves this
thread, and a socket stays in the namespace in which it was made.
"""
import contextlib
import ctypes
import glob
import ipaddress
import os
import re
import socket
import subprocess

import yaml

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def read(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


@contextlib.contextmanager
def network_of(pid):
    """This thread is in the network namespace of process PID."""
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/proc/{pid}/ns/net", "rb") as there:
        for_thread(there)
        try:
            yield
        finally:
            for_thread(home)


def for_thread(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Place:
    """Somewhere to open connections from: a machine, or an address on the bridge."""

    def __init__(self, name, pid, address):
        self.name, self.pid, self.address = name, pid, address

    def connect(self, host, port, timeout_s=5):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with network_of(self.pid):
            sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(timeout_s)
        try:
            if not ipaddress.ip_address(host).is_loopback:
                sock.bind((self.address, 0))
            sock.connect((host, port))
        except OSError:
            sock.close()
            raise
        return sock


class Machine(Place):
    """One machine of the topology."""

    def __init__(self, run, node):
        super().__init__(node["name"], leader(run, node["name"]), node["address"])
        self.services, self.vars = node["services"], node.get("vars", {})
        self.root, self.upper = f"/proc/{self.pid}/root", f"{run}/machines/{self.name}/upper"

    def run(self, *command, stdin="", timeout_s=60):
        """Runs COMMAND there as root; returns (status, output with errors)."""
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", "--all", "--", "env", "-C", "/", "--", *command], input=stdin, text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_s, errors="surrogateescape")
        return done.returncode, done.stdout

    def output(self, *command, stdin=""):
        status, text = self.run(*command, stdin=stdin)
        if status:
            raise RuntimeError(f"{self.name}: {command[0]} ended with {status}: {text[-300:]}")
        return text

    def processes(self):
        """Process identifiers, as this machine numbers them, of all that runs there."""
        mine = os.readlink(f"/proc/{self.pid}/ns/pid")
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{name}/ns/pid") == mine:
                    yield int(name)


def leader(run, name):
    """The machine's first process: the child of systemd-nspawn that is 1 inside."""
    supervisor = read(f"{run}/machines/{name}/supervisor").strip()
    for pid in read(f"/proc/{supervisor}/task/{supervisor}/children").split():
        if re.search(r"^NSpid:.*\s1$", read(f"/proc/{pid}/status"), re.M):
            return int(pid)
    raise SystemExit(f"machine '{name}' is not running")


class Lab:
    """What runs, and what it was made of."""

    def __init__(self, state, topology, demo, manifests):
        runs = glob.glob(f"{state}/run-*")
        if len(runs) != 1:
            raise SystemExit(f"no lab is up in {state}: make lab")
        self.run, self.demo, self.secrets = runs[0], demo, f"{demo}/secrets"
        self.image = read(f"{self.run}/image").strip()
        with open(topology, encoding="utf-8") as file:
            self.topology = yaml.safe_load(file)
        self.env = dict(line.split("=", 1) for line in read(f"{self.secrets}/env").splitlines())
        self.machines = [Machine(self.run, node) for node in self.topology["nodes"]]
        self.services = {}
        for path in sorted(glob.glob(f"{manifests}/services/*/service.yaml")):
            with open(path, encoding="utf-8") as file:
                service = yaml.safe_load(file)
            self.services[service["service"]] = service
        # Two places on the lab's bridge that are no machine: the load balancer that .env declares, and somebody else.
        keeper, balancer = int(read(f"{self.run}/keeper")), ipaddress.ip_address(self.env["HAPROXY_LB_ADDRESSES"])
        self.stranger = Place("a stranger", keeper, str(balancer + 1))
        self.balancer = Place("the load balancer", keeper, str(balancer))

    @contextlib.contextmanager
    def on_the_bridge(self):
        """The stranger and the balancer have their addresses."""
        try:
            self.bridge_addresses("add")
            yield
        finally:
            self.bridge_addresses("del")

    def bridge_addresses(self, verb):
        for address in (self.stranger.address, self.balancer.address):
            subprocess.run(["nsenter", f"--target={self.stranger.pid}", "--net", "--", "ip", "address", verb,
                            f"{address}/24", "dev", "lab0"], check=verb == "add", capture_output=verb == "del")

    def with_service(self, service):
        return [machine for machine in self.machines if service in machine.services]

    @property
    def mutual(self):
        return self.env["VERIFY_CLIENT_CERT"] == "true"
