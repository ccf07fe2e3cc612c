#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks at the command line of everything that is started, as ps would, for secrets in it.

watch.py SECRETS OUT     until SIGTERM; SECRETS is the folder with env and passphrases. OUT gets a line for each command
                         line that shows one, and at the end the sum. Exit 1 when there was one, or nothing to see.

The kernel tells of each exec (its process connector), so that no process is too short-lived to be seen but those that end
before their command line can be read: these are counted. Where the kernel does not (in a container), all processes are looked
at ten times a second, and the sum says so. All processes of this machine are looked at, those of the lab's machines among them.
"""
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time

from visible import Hunt

NETLINK_CONNECTOR = 11
CN_IDX_PROC = 1
PROC_EVENT_EXEC = 2
LISTEN = 1
NETLINK_HEADER, CONNECTOR_HEADER = 16, 20
EVENT_HEADER = 16  # what, cpu, time
# This program plants one of its own and must see it.
CANARY = "watch-canary"


def connector():
    """A socket that tells of processes, with room for a burst of them."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_CONNECTOR)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
    sock.bind((os.getpid(), CN_IDX_PROC))
    body = struct.pack("=IIIIHHI", CN_IDX_PROC, 1, 0, 0, 4, 0, LISTEN)
    sock.send(struct.pack("=IHHII", NETLINK_HEADER + len(body), 3, 0, 0, os.getpid()) + body)
    return sock


def connector_or_none():
    """None where the kernel's word does not come: this program's own fork and exec are told, or nothing is."""
    try:
        sock = connector()
        subprocess.run(["true"], check=True)
        sock.settimeout(2)
        sock.recv(4096)
        sock.settimeout(None)
        return sock
    except OSError:
        return None


def started(sock):
    """Process identifiers, as they begin to run another program; without SOCK all of them, again and again."""
    while sock is None:
        yield from map(int, filter(str.isdigit, os.listdir("/proc")))
        time.sleep(0.1)
    while True:
        data = sock.recv(4096)
        what, = struct.unpack_from("=I", data, NETLINK_HEADER + CONNECTOR_HEADER)
        if what == PROC_EVENT_EXEC:
            yield struct.unpack_from("=i", data, NETLINK_HEADER + CONNECTOR_HEADER + EVENT_HEADER)[0]


def secrets_in(folder):
    """Name to value: what is secret in env, by its name, and the passphrases."""
    found = {}
    with open(f"{folder}/env", encoding="utf-8") as file:
        pairs = [line.rstrip("\n").split("=", 1) for line in file]
    found.update((name, value) for name, value in pairs if name.endswith("_PASSWORD"))
    with open(f"{folder}/passphrases", encoding="utf-8") as file:
        found.update((f"passphrase of {name}", value) for name, value in (line.strip().split("=", 1) for line in file))
    return found


class Stop(Exception):
    pass


def stop(*_):
    raise Stop


def look(sock, hunt, out):
    """Until SIGTERM; (command lines read, processes that were gone, findings)."""
    looked = gone = 0
    findings = set()
    with contextlib.suppress(Stop):
        for pid in started(sock):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    line = file.read()
            except OSError:
                gone += 1
                continue
            looked += 1
            for name in hunt.names_in(line):
                program = line.split(b"\0")[0].decode(errors="replace")
                if (name, program) not in findings:
                    findings.add((name, program))
                    print(f"{name} on the command line of {program}", file=out, flush=True)
    return looked, gone, findings


def main(folder, path):
    hunt = Hunt({**secrets_in(folder), CANARY: CANARY + "-4711"})
    signal.signal(signal.SIGTERM, stop)
    os.setpriority(os.PRIO_PROCESS, 0, -20)  # the others are short-lived
    sock = connector_or_none()
    with open(path, "w", encoding="utf-8") as out:
        if not os.fork():
            os.execv("/bin/sh", ["sh", "-c", "sleep 1", CANARY + "-4711"])
        looked, gone, findings = look(sock, hunt, out)
        leaks = {finding for finding in findings if finding[0] != CANARY}
        good = len(leaks) < len(findings) and not leaks
        how = "" if sock else ", by samples"
        print(f"{looked} command lines looked at{how}, {gone} ended too soon, {len(leaks)} show a secret", file=out)
        if len(leaks) == len(findings):
            print("its own canary was not seen: this looks at nothing", file=out)
        sys.exit(not good)


if __name__ == "__main__":
    main(*sys.argv[1:])
