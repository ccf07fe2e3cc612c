#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/soak.md from what the cases of the soak test found.

usage: report.py RESULTS SEED SECONDS [OPTIONS] >soak.md (of several runs RESULTS and SEED with commas between)
"""
import collections
import os
import platform
import subprocess
import sys

HEAD = """# What survives

Written by `make soak`, from what it found. One machine of the lab with two services: Redis, and `tests/lab/soak/services/drill`, whose package
has scriptlets that wait or fail when they are told to. Each case begins with a machine of its own in the same state; what it comes to
is compared with a run that nobody disturbed: packages and what `rpm -Va` says of them, every path of the root with its mode,
owner and content, accounts, units and what they run, mounts, and what the installer remembers. A case is good when nothing differs.
`SEED=%(seed)s make soak` repeats the random choices.

- commit %(commit)s, %(date)s, %(seconds)d minutes
- what was asked for: %(options)s
- %(cpu)s, %(cpus)d processors, shared with other work
- %(system)s, Linux %(kernel)s; the machine that is installed: Debian 13, rpm 4.20, systemd 257

"""

KILLS = """## Killed

SIGKILL to the installer at the points where it reaches the disk (`fsync`, `fdatasync`, `syncfs`, `rename`, `link`, `symlink`, `mkdir`,
`unlink`, also those of librpm) or starts a process, counted by a preloaded library: the installer has no hook for it. Around each line of the journal and of the
record: before its `fsync`, and after. Around each process that is started: with it living on, and dying too. Of the hundreds of members of the staged
bundle and of the files of one package a few stand for all. Then the same command again: it ends with 0.

| what | cases | the same end | otherwise |
|---|---:|---:|---:|
"""

POWER = """
## Power loss

SIGKILL to the machine's first process at random instants, every other time with a scriptlet that sleeps for three seconds; the machine starts again,
and the same command is run. The kernel of the machine below lives on: what was written and not synced is not lost here, so the order of `fsync` is shown by the kills
above and not by this.

| what | when | result |
|---|---|---|
"""

FAULTS = """
## Faults

What fails, in a first installation and in its successor. The run ends with the reason, and the machine is what it was before but for
accounts and data, which stay and are told; then what was in the way goes, and the same command ends with 0 and the same state as without the fault. The
full disk is a file system of the machine's own, filled to the last block from a line of the journal on.

| what | fault | what was said |
|---|---|---|
"""


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())


def system():
    with open("/etc/os-release", encoding="utf-8") as file:
        return next(line.split("=")[1].strip().strip('"') for line in file if line.startswith("PRETTY_NAME"))


def cell(text):
    return " ".join(text.replace("|", "\\|").split())


def main(path, seed, seconds, options="all of it"):
    rows = []
    for one in path.split(","):
        with open(one, encoding="utf-8") as file:
            rows += [line.rstrip("\n").split("\t") for line in file]
    facts = {"seed": seed, "options": options, "commit": output("git", "describe", "--always", "--dirty", "--abbrev=12"),
             "date": output("date", "-u", "+%Y-%m-%d"), "seconds": round(int(seconds) / 60), "cpu": cpu(), "cpus": os.cpu_count(),
             "system": system(), "kernel": platform.release()}
    print(HEAD % facts + KILLS, end="")
    kills = collections.Counter()
    for group, _, verdict, _, _ in rows:
        if "," not in group:
            kills[group, verdict] += 1
    for group in dict.fromkeys(group for group, _ in kills):
        good, bad = kills[group, "ok"], kills[group, "FAIL"]
        print(f"| {group} | {good + bad} | {good} | {bad} |")
    for title, kind in ((POWER, "power loss, "), (FAULTS, "fault, ")):
        print(title, end="")
        for group, name, verdict, _, seen in rows:
            if group.startswith(kind):
                print(f"| {group[len(kind):]} | {cell(name)} | {'' if verdict == 'ok' else '**not as promised**: '}{cell(seen)} |")
    failed = [row for row in rows if row[2] != "ok"]
    print(f"\n## What was not as promised\n\n{'Nothing.' if not failed else ''}", end="" if failed else "\n")
    for group, name, _, _, seen in failed:
        print(f"- {group}: {name}: {seen}")


main(*sys.argv[1:])
