#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the clients of next.sh saw while the cluster changed: kept, shown, judged, written down.

usage: next_report.py part RESULT.json NAME SWITCHOVERS SECONDS WRITER…   adds a part: the files of writer.py
       next_report.py fact RESULT.json KEY=VALUE…                         adds numbers beside the parts
       next_report.py judge RESULT.json [SESSIONS]   prints the table; status 1 when a bound is passed (SESSIONS of each client, 2; any)
       next_report.py docs RESULT.json      prints docs/next-bundle.md
"""
import datetime
import json
import os
import platform
import subprocess
import sys

SWITCHOVERS = 1     # at most, of the whole cluster
SESSIONS = 2        # at most, of each client: one may be lost

HEAD = """# The next bundle on the running cluster

Written by `make check-next`, from what one run found. Eight machines of the lab, on which bundle N runs: three of etcd, three of
PostgreSQL with Patroni, HAProxy, PgBouncer. Two clients write all the time, each over one session that it opens again when it is lost, one through PgBouncer and
one through HAProxy straight to PostgreSQL, at most twenty rows a second. Each row has a number: what was confirmed and is not there at the end is lost.
Meanwhile all nodes get bundle N+1%(order)s: newer packages of etcd, HAProxy and PostgreSQL whose scriptlets would restart their services themselves,
`PG_MAX_CONNECTIONS` 230 instead of 200 (PostgreSQL must restart), every certificate made anew, another unit file for PgBouncer (it must restart too).
Then each goes back by `pgha-install rollback`, while the clients write again.

- commit %(commit)s, %(date)s, %(minutes)d minutes in all
- %(cpu)s, %(cpus)d processors for all eight machines
- %(system)s, Linux %(kernel)s

The run fails when a confirmed row is lost, with more than one switchover, or when a client loses more than one session.

"""

WHY = """
## Which statements failed

A statement fails whose session is cut under it, or that comes to the former primary before HAProxy's next check (each half second) sees what it is now; and
each attempt to open a new session before there is a server again. The longest pause is between two confirmations.

"""

KILLED = """
## An installer killed while it holds the cluster's lock

etcd1's `pgha-install` was stopped as soon as it had the cluster's lock, and killed by SIGKILL; then etcd1 and a replica's node began at once.

- The killed one's lock was gone %(next_lock_s)s s after the kill: it is a lease of 30 s in etcd, which nobody prolongs any more.
- The first restart of the two came %(next_killed_first_s)s s after the kill, the other behind it, and both installations ended with 0.
"""

RESTORED = """
Then the commit of an installation failed on a replica's node whose PostgreSQL had been restarted for it: the node took everything back by itself, and
ended when its PostgreSQL, restarted behind the same guard, streamed again.
"""


def load(path):
    if not os.path.exists(path):
        return {"parts": []}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def save(path, result):
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
        file.write("\n")
    os.rename(f"{path}.new", path)


def number(text):
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def add_part(path, name, switchovers, seconds, *files):
    writers = []
    for file in files:
        with open(file, encoding="utf-8") as opened:
            writers.append(json.load(opened))
    result = load(path)
    result["parts"] = [part for part in result["parts"] if part["name"] != name]
    result["parts"].append({"name": name, "switchovers": int(switchovers), "seconds": int(seconds), "writers": writers})
    save(path, result)


def add_facts(path, *facts):
    result = load(path)
    result.update((key, number(value)) for key, _, value in (fact.partition("=") for fact in facts))
    save(path, result)


HEADINGS = ("part", "client", "statements", "failed", "lost", "sessions", "longest pause", "switchovers", "all nodes")


def rows(result):
    for part in result["parts"]:
        for writer in part["writers"]:
            yield (part["name"], writer["writer"], writer["tried"], writer["failed"], writer["lost"], writer["sessions"],
                   f"{writer['longest_pause_s']} s", part["switchovers"], f"{part['seconds']} s")


def reasons(result):
    for part in result["parts"]:
        for writer in part["writers"]:
            for reason, count in sorted(writer["reasons"].items(), key=lambda item: -item[1]):
                yield part["name"], writer["writer"], count, reason


def passed(result, sessions):
    """The bounds that were passed."""
    for part in result["parts"]:
        if part["switchovers"] > SWITCHOVERS:
            yield f"{part['name']}: {part['switchovers']} switchovers, {SWITCHOVERS} is enough"
        for writer in part["writers"]:
            who = f"{part['name']}, {writer['writer']}"
            if writer["lost"]:
                yield f"{who}: {writer['lost']} confirmed rows are not there"
            if not writer["confirmed"]:
                yield f"{who}: nothing was written"
            if sessions != "any" and writer["sessions"] > int(sessions):
                yield f"{who}: {writer['sessions'] - 1} sessions lost, {int(sessions) - 1} at most"
    if not result["parts"]:
        yield "nothing was measured"


def judge(path, sessions=SESSIONS):
    result = load(path)
    table = [HEADINGS] + [tuple(map(str, row)) for row in rows(result)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEADINGS))]
    for row in table:
        print("  ".join(map(str.ljust, row, widths)).rstrip())
    for name, writer, count, reason in reasons(result):
        print(f"    {name}, {writer}: {count} x {reason}")
    bad = list(passed(result, sessions))
    for line in bad:
        print(f"PASSED A BOUND: {line}")
    return not bad


def output(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def docs(path):
    result = load(path)
    system = dict(line.rstrip().replace('"', "").split("=", 1) for line in open("/etc/os-release", encoding="utf-8") if "=" in line)
    order = ", one after the other, the primary last" if result.get("next_jobs") == 1 else ", all at once"
    print(HEAD % {"commit": output("git", "describe", "--always", "--dirty", "--abbrev=12"), "cpu": cpu(), "cpus": os.cpu_count(),
                  "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"), "kernel": platform.release(),
                  "system": system["PRETTY_NAME"], "order": order, "minutes": round(result["next_total_s"] / 60)}, end="")
    print(f"| {' | '.join(HEADINGS)} |\n|---|---|{'---:|' * (len(HEADINGS) - 2)}")
    for row in rows(result):
        print(f"| {' | '.join(map(str, row))} |")
    print(WHY, end="")
    found = list(reasons(result))
    print("| part | client | times | what it was told |\n|---|---|---:|---|" if found else "None did.")
    for name, writer, count, reason in found:
        print(f"| {name} | {writer} | {count} | `{reason}` |")
    if "next_lock_s" in result:
        print(KILLED % result, end="")
    if result.get("next_restored"):
        print(RESTORED, end="")
    return True


def main(verb, *arguments):
    verbs = {"part": add_part, "fact": add_facts, "judge": judge, "docs": docs}
    return verbs[verb](*arguments) is not False


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
