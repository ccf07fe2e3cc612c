#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where the time of installing a whole cluster goes, from what pgha-install said of its steps.

usage: cluster.py LOGS RESULTS.json

Each folder of LOGS with a file `wall` is a round: NODE.log is a node's installation, NODE.green.log the second run that waits
for the cluster. The rounds are added to RESULTS.json, in the place of older ones.
"""
import json
import os
import pathlib
import re
import sys

import machine

STEP = re.compile(r"^(?P<step>[a-z][a-z ]*?) +(?P<seconds>\d+\.\d) s  ")


def steps(path):
    """Step to seconds; what the program says of its progress has no such form."""
    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = STEP.match(line)
        if match:
            found[match["step"]] = found.get(match["step"], 0) + float(match["seconds"])
    return found


def rounds(logs):
    for folder in sorted(path.parent for path in logs.glob("*/wall")):
        nodes = {}
        for path in sorted(folder.glob("*.log")):
            run = "green" if path.name.endswith(".green.log") else "install"
            nodes.setdefault(path.name.split(".")[0], {})[run] = steps(path)
        yield {"name": f"cluster, {folder.name}", "wall_s": float((folder / "wall").read_text()), "nodes": nodes,
               "measured": machine.facts()}


def table(measured):
    """Lines of Markdown: of each step the sum over all nodes, and the slowest node."""
    names = {step: None for r in measured for node in r["nodes"].values() for run in node.values() for step in run}
    yield "| step | " + " | ".join(f"{r['name'].removeprefix('cluster, ')}: sum | slowest" for r in measured) + " |"
    yield "|---|" + "---:|---:|" * len(measured)
    for step in names:
        cells = []
        for r in measured:
            times = [sum(run.get(step, 0) for run in node.values()) for node in r["nodes"].values()]
            cells += [f"{sum(times):.1f} s", f"{max(times):.1f} s"]
        yield f"| {step} | {' | '.join(cells)} |"
    yield "| **all, by the clock** | " + " | ".join(f"**{r['wall_s']:.1f} s** |" for r in measured) + " |"


def main(logs, results):
    measured = list(rounds(pathlib.Path(logs)))
    if not measured:
        sys.exit(f"no round in {logs}")
    old = []
    if os.path.exists(results):
        with open(results, encoding="utf-8") as file:
            old = [b for b in json.load(file) if not b["name"].startswith("cluster, ")]
    os.makedirs(os.path.dirname(results), exist_ok=True)
    with open(results, "w", encoding="utf-8") as file:
        json.dump(old + measured, file, indent=1)
    print("\n".join(table(measured)))


if __name__ == "__main__":
    main(*sys.argv[1:])
