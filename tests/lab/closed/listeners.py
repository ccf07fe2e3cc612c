# SPDX-License-Identifier: Apache-2.0
"""The sockets that a machine listens on, and which port of which manifest each one is."""
import contextlib
import dataclasses
import ipaddress
import os
import re

from lab import read

TCP_LISTEN = "0A"
# What is not TCP and takes packets: any state, for they have no listening one.
DATAGRAMS = ("udp", "udp6", "udplite", "udplite6", "raw", "raw6")


@dataclasses.dataclass
class Listener:
    machine: object
    kind: str  # tcp, tcp6, udp, …
    address: str
    port: int
    process: str
    declared: str = ""  # the variable that names the port
    service: str = ""

    @property
    def loopback(self):
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def reach(self):
        """An address by which the socket is reached."""
        return self.machine.address if ipaddress.ip_address(self.address).is_unspecified else self.address

    @property
    def name(self):
        return f"{self.machine.name} {self.address}:{self.port}/{self.kind}" + f" ({self.declared or self.process})"


def address_of(text):
    """ADDRESS:PORT of /proc/net: words of 32 bits in the processor's order (little endian here)."""
    digits, port = text.split(":")
    words = [bytes.fromhex(digits[i:i + 8])[::-1] for i in range(0, len(digits), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return str(getattr(address, "ipv4_mapped", None) or address), int(port, 16)


def owners(machine):
    """Inode of a socket -> name and identifier of a process that holds it."""
    found = {}
    for pid in machine.processes():
        with contextlib.suppress(OSError):
            name = read(f"/proc/{pid}/comm").strip()
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{descriptor}")):
                        found.setdefault(match[1], name)
    return found


def sockets(machine):
    """All that the machine's kernel says takes connections or packets."""
    held = owners(machine)
    for kind in ("tcp", "tcp6", *DATAGRAMS):
        with contextlib.suppress(FileNotFoundError):
            for line in read(f"/proc/{machine.pid}/net/{kind}").splitlines()[1:]:
                fields = line.split()
                if kind in DATAGRAMS or fields[3] == TCP_LISTEN:
                    yield Listener(machine, kind, *address_of(fields[1]), held.get(fields[9], "?"))


def wanted(lab, condition):
    """`when` of a port: all there is are sections on one variable."""
    if condition is None:
        return True
    match = re.fullmatch(r"{{#env\.(\w+)}}true{{/env\.\1}}", condition)
    if not match:
        raise SystemExit(f"closed: cannot judge the condition of a port: {condition}")
    return lab.env.get(match[1], "") not in ("", "false")


def ports(lab, machine):
    """What the manifests declare for this machine: port -> (variable, service)."""
    found = {}
    for service in machine.services:
        for port in lab.services[service].get("ports", []):
            name = port["env"]
            if port.get("per_node"):
                name += "_" + machine.name.upper().replace("-", "_")
            if wanted(lab, port.get("when")):
                found[int(lab.env[name])] = (port["env"], service)
    return found


def listen(lab):
    """Every socket of every machine, declared or not."""
    found = []
    for machine in lab.machines:
        declared = ports(lab, machine)
        for listener in sockets(machine):
            if listener.kind in ("tcp", "tcp6"):
                listener.declared, listener.service = declared.get(listener.port, ("", ""))
            found.append(listener)
    return found


def check(lab, report, found):
    """No socket but the manifests', and each of theirs."""
    for machine in lab.machines:
        mine = [listener for listener in found if listener.machine is machine]
        stray = [listener.name for listener in mine if not listener.declared]
        report.say(f"{machine.name} listens on no port that no manifest declares", not stray, stray)
        there = {listener.declared for listener in mine if not listener.loopback}
        missing = [f"{name}={port}" for port, (name, _) in ports(lab, machine).items() if name not in there]
        report.say(f"{machine.name} listens on all that its manifests declare: {len(there)}", not missing, missing)
