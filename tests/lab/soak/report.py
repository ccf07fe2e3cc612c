#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/soak.md from what the cases of the soak test found.

usage: report.py RESULTS CASES SEED SECONDS JOBS [OPTIONS] >soak.md
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

- commit %(commit)s, %(date)s, %(minutes)d minutes, %(jobs)s cases at a time
- %(ran)d cases of %(all)d ran, %(good)d of them as promised%(over)s
- what was asked for: %(options)s
- %(cpu)s, %(cpus)d processors, shared with other work
- %(system)s, Linux %(kernel)s; the machine that is installed: Debian 13, rpm 4.20, systemd 257

"""

KILLS = """## Killed

SIGKILL to the installer at the points where it reaches the disk (`fsync`, `fdatasync`, `syncfs`, `rename`, `link`, `symlink`, `mkdir`,
`unlink`, also those of librpm) or starts a process, counted by a preloaded library: the installer has no hook for it. Around each line of the journal and of the
record: before its `fsync`, and after. Around each process that is started: with it living on, and dying too. Of the hundreds of members of the staged
bundle and of the files of one package a few stand for all. Then the same command again: it ends with 0. Or another one: what was
begun is rolled back, or uninstalled, and the machine is what it was before. And a run whose last unit does not come up, killed while it takes
itself back.

| what | cases | ran | the same end | otherwise |
|---|---:|---:|---:|---:|
"""

POWER = """
## Power loss

SIGKILL to the machine's first process at random instants, every other time with a scriptlet that sleeps for three seconds; the machine starts again,
and the same command is run. What is judged leaves out what shadow-utils leave when they lose power themselves (`/etc/passwd.123`). The kernel of the machine below lives on: what was written and not synced is not lost here, so the order of `fsync` is shown by the kills
above and not by this.

| what | when | result |
|---|---|---|
"""

FAULTS = """
## Faults

What fails, in a first installation and in its successor. The run ends with the reason, and the machine is what it was before but for
accounts and data, which stay and are told, and temporary files of shadow-utils' own when they are killed themselves; then what was in the way goes, and the same command ends with 0 and the same state as without the fault. The
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


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file]


def main(results, cases, seed, seconds, jobs, options="all of it"):
    rows = lines(results)
    all_of = collections.Counter(case[0] for case in lines(cases))
    seen = collections.Counter((row[0], row[2]) for row in rows)
    good = sum(row[2] == "ok" for row in rows)
    facts = {"seed": seed, "options": options, "commit": output("git", "describe", "--always", "--dirty", "--abbrev=12"),
             "date": output("date", "-u", "+%Y-%m-%d"), "minutes": round(int(seconds) / 60), "cpu": cpu(), "cpus": os.cpu_count(),
             "system": system(), "kernel": platform.release(), "jobs": jobs, "ran": len(rows), "all": sum(all_of.values()), "good": good,
             "over": "" if len(rows) == sum(all_of.values()) else "; then the time was over"}
    print(HEAD % facts + KILLS, end="")
    for group, count in all_of.items():
        if not group.startswith(("power loss, ", "fault, ")):
            ok, bad = seen[group, "ok"], seen[group, "FAIL"]
            print(f"| {group} | {count} | {ok + bad} | {ok} | {bad} |")
    for title, kind in ((POWER, "power loss, "), (FAULTS, "fault, ")):
        print(title, end="")
        for group, name, verdict, _, said in rows:
            if group.startswith(kind):
                print(f"| {group[len(kind):]} | {cell(name)} | {'' if verdict == 'ok' else '**not as promised**: '}{cell(said)} |")
    failed = [row for row in rows if row[2] != "ok"]
    print(f"\n## What was not as promised\n\n{'Nothing.' if not failed else ''}", end="" if failed else "\n")
    for group, name, _, _, said in failed:
        print(f"- {group}: {name}: {said}")


main(*sys.argv[1:])
