#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Watches the folders of machines for anything that is written, made, removed or changed there (inotify, from outside).

untouched.py RUN OUT NODE...     until SIGTERM. OUT gets the line 'watching' once it does, then a line for each event; exit 1
                                 when there was one, or when its own canary was not seen.
"""
import contextlib
import ctypes
import os
import select
import signal
import struct
import sys

from lab import LIBC, leader

FOLDERS = ("etc", "opt", "usr/libexec", "usr/lib/systemd")
CANARY = "pgha-watch-canary"
EVENTS = {0x2: "written", 0x4: "attributes", 0x8: "closed after writing", 0x40: "moved away", 0x80: "moved here", 0x100: "made",
          0x200: "removed"}
IN_ONLYDIR = 0x1000000
IN_Q_OVERFLOW = 0x4000


def add(watch, path):
    number = LIBC.inotify_add_watch(watch, os.fsencode(path), ctypes.c_uint32(sum(EVENTS) | IN_ONLYDIR))
    if number < 0:
        raise OSError(ctypes.get_errno(), "inotify_add_watch", path)
    return number


def cover(watch, run, names):
    """Number of a watch -> (machine, path) of each folder."""
    found = {}
    for name in names:
        root = f"/proc/{leader(run, name)}/root"
        for top in FOLDERS:
            for path, _, _ in os.walk(f"{root}/{top}"):
                with contextlib.suppress(FileNotFoundError):
                    found[add(watch, path)] = (name, path[len(root):])
        with open(f"{root}/etc/{CANARY}", "w", encoding="utf-8"):
            pass
        os.unlink(f"{root}/etc/{CANARY}")
    return found


def events(watch):
    """(number of the watch, mask, name) of all that waits."""
    data = os.read(watch, 1 << 20)
    while data:
        number, mask, _, size = struct.unpack_from("=iIII", data)
        yield number, mask, data[16:16 + size].rstrip(b"\0").decode(errors="replace")
        data = data[16 + size:]


def main(run, path, *names):
    watch = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if watch < 0:
        raise OSError(ctypes.get_errno(), "inotify_init1")
    reader, writer = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGTERM, lambda *_: None)
    folders = cover(watch, run, names)
    canaries, seen = set(), False
    with open(path, "w", encoding="utf-8") as out:
        print(f"watching {len(folders)} folders", file=out, flush=True)
        while True:
            ready, _, _ = select.select([watch, reader], [], [])
            if watch in ready:
                for number, mask, name in events(watch):
                    machine, folder = folders.get(number, ("", ""))
                    if name == CANARY:
                        canaries.add(machine)
                        continue
                    seen = True
                    what = "events were lost" if mask & IN_Q_OVERFLOW else " ".join(v for bit, v in EVENTS.items() if mask & bit)
                    print(f"{machine}: {folder}/{name}: {what}", file=out, flush=True)
            elif reader in ready:
                break
        blind = sorted(set(names) - canaries)
        print(f"not seen on {' '.join(blind)}: the canary" if blind else "the canary was seen on each", file=out)
    sys.exit(seen or bool(blind))


if __name__ == "__main__":
    main(*sys.argv[1:])
