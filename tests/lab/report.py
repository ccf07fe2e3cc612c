#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the lab reads out of the cluster's own reports, and what it writes down at the end.

report.py leader                     < patronictl list --format json: the running leader's name
report.py settled COUNT              < the same: is there one leader and are all others streaming from it?
report.py roles                      < the same: lines NAME ROLE
report.py etcd-role                  < etcdctl endpoint status --write-out json: leader or follower
report.py timeline                   < patronictl list --format json: the leader's timeline
report.py result OUT KEY=VALUE…      < lines NAME ADDRESS DATACENTER SERVICE ACTIVE VERSION ROLE, tabs between:
                                     writes OUT and prints the table; exit 1 unless all are active
"""
import json
import os
import sys

COLUMNS = ("name", "address", "datacenter", "service", "active", "version", "role")


def leaders(members):
    return [m["Member"] for m in members if m["Role"] == "Leader" and m["State"] == "running"]


def settled(members, count):
    """One leader, and every other member a replica that streams on the leader's timeline."""
    if len(members) != count or len(leaders(members)) != 1:
        return False
    timelines = {m.get("TL") for m in members}
    others = [m for m in members if m["Role"] != "Leader"]
    return len(timelines) == 1 and all(m["State"] == "streaming" for m in others)


def etcd_role(statuses):
    (status,) = (entry["Status"] for entry in statuses)
    return "leader" if status["leader"] == status["header"]["member_id"] else "follower"


def table(nodes):
    rows = [COLUMNS] + [tuple(str(node[column]) for column in COLUMNS) for node in nodes]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def read_nodes(lines):
    nodes = []
    for line in lines:
        node = dict(zip(COLUMNS, line.rstrip("\n").split("\t"), strict=True))
        node["state"] = node["active"]
        node["active"] = node["active"] == "active"
        nodes.append(node)
    return nodes


def number(text):
    if text.isdigit():
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def write_result(out, nodes, facts):
    with open(f"{out}.new", "w", encoding="utf-8") as file:
        json.dump({"nodes": nodes, **facts}, file, indent=2)
        file.write("\n")
    os.rename(f"{out}.new", out)


def main(verb, *arguments):
    if verb == "result":
        out, *facts = arguments
        nodes = read_nodes(sys.stdin)
        facts = {name: number(value) for name, _, value in (fact.partition("=") for fact in facts)}
        write_result(out, nodes, facts)
        for node in nodes:
            node["active"] = node.pop("state")
        print(table(nodes))
        return bool(nodes) and all(node["active"] == "active" for node in nodes)
    report = json.load(sys.stdin)
    if verb == "timeline":
        print(max(member["TL"] for member in report if member["Role"] == "Leader"))
        return True
    if verb == "leader":
        print(*leaders(report)[:1])
        return len(leaders(report)) == 1
    if verb == "settled":
        return settled(report, int(arguments[0]))
    if verb == "roles":
        for member in report:
            print(member["Member"], member["Role"].lower().replace(" ", "-"))
        return True
    if verb == "etcd-role":
        print(etcd_role(report))
        return True
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(0 if main(*sys.argv[1:]) else 1)
