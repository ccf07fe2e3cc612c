#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md and its plot from what bench.py and cluster.py measured; sections of what is not in RESULTS stay.

usage: report.py RESULTS.json DOCS_DIR
"""
import json
import os
import re
import sys

import cluster
import plot
from measure import verdict

HEAD = """# Benchmarks

Written by `make bench-docs`; `make bench` prints the same for the machine that it runs on. Every contender of a benchmark is run by
turns with the others (A B C A B C …), after one round that is not counted, with the page cache warm: what else the machine does
meets all of them. Times are medians, with the fastest and the slowest run beside; user and sys are processor time; peak is the
most memory that the process held. A ratio is one of medians of the same run. Nothing here is asserted by a test. Sections are measured one by one:
`ONLY='verify packages' make bench-docs` writes these two anew and leaves the others, each with its own commit, day and machine.
"""

NOTES = {
    "resolve": """`haproxy`, `keepalived` and `python3.12` for an empty root, from the AppStream and BaseOS of CentOS Stream 9 (18,774 packages),
by `file:`. Each contender must find the same number of packages, or the benchmark fails. Warm: caches filled by an earlier run.
Cold: caches empty. dnf has `best`, no weak dependencies and no plugins, as the bundle's definition has. The floor is
`tests/bench/floor.c`, which has nothing but libsolv in it: warm, it reads two `.solv` files that it wrote before, makes
whatprovides and solves; cold, it parses each `primary.xml` once, checks nothing and keeps nothing.
""",
    "fetch": """The closure of the lab's services over HTTPS on loopback, eight connections for each contender. pgha-bundle checks every
digest and every signature; the others check neither. dnf has its metadata already in the first table and has to fetch them in the second.

What pgha-bundle takes beyond curl, and why 1.1 of curl is not reached here: of each file it finds out two SHA-256 digests, the whole
file's (which the lock has) and the payload's (which the signed header has), because either alone would let something else through. That is
95 MiB twice, 0.06 s of processor time each with the processor's own instructions. In one fetch on two processors, by `getrusage` of each
thread: the receiving thread 0.17 s, as curl; the reading thread 0.13 to 0.15 s, of which both digests 0.12 s, the rest reading back from
the page cache and librpm with the headers; nginx, on the same two processors, 0.11 s. Both processors are busy for all of the 0.22 s that
packages arrive; curl and nginx alone leave half of one idle. Before that, 0.02 s are for starting, keys and lists of mirrors; after it,
0.01 s for giving the files their places. The last contender, curl and then one of the two digests by OpenSSL, no signature,
shows what a simpler way to check would take.
""",
    "files": """All files are in the cache. First 1,000 small packages that the cache's own record says are right, then the closure of the
lab's services, of which every byte is read again: sha256sum is coreutils' on the same files.
""",
    "build": """`build` with a lock, everything in the cache and, as everywhere here, in the page cache: metadata by createrepo_c, every byte hashed and
written, and the archive on the disk (fsync) before it has its name. `tar -cf` waits for no disk. A delta's base lacks so much of the packages.
""",
    "verify": """`pgha-install verify` of one tarball in the page cache: the signature, then every byte of every member. sha256sum is coreutils' of the same file, on
one processor; openssl's shows what the processor's own instructions can do.
""",
    "packages": """The lab's services on an image of the target, which has its own packages already: each contender installs the same RPMs into the same root,
made anew for each run, an overlay on the image. pgha-install does all that an installation does: it verifies the tarball, checks the vendors' signatures, plans, tries, installs. Its
packages step is the test transaction and the transaction, in which librpm demands the signatures again, with what lasts on the disk (`syncfs`, by a thread meanwhile and once at the end; all contenders wait for that once, in
ldconfig). `rpm -U` checks digests and no signatures, without `--nodigest` and with it: the second is what librpm takes for the same when nothing is verified beforehand.
`dnf install` (as above, from the repository that is in the bundle) has its metadata already and is told `gpgcheck=0`. Then the same command again on what it has installed.
""",
    "cluster": """The eight machines of the lab, from the bundle on each of them until every probe of the cluster holds there (`topologies.sh eight`):
containers on this one machine, so that side by side they share its processors. Each node is installed, and then asked again with `--wait`; the table adds
both runs, step by step, over all nodes, and has the slowest node beside.
""",
    "scale": """The same request to the same repositories made larger: their packages and renamed copies of them, each copy closed in itself
(`tests/bench/grow.py`).

![time of resolve against the number of packages](benchmarks.svg)
""",
}


def markdown(benchmark):
    yield f"### {benchmark['name'][0].upper()}{benchmark['name'][1:]}"
    yield ""
    yield f"Of {benchmark['runs']} runs:"
    yield ""
    yield "| | min | median | max | user | sys | peak |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, values in benchmark["contenders"].items():
        cells = [f"{values['wall_s'][key]:.3f} s" for key in ("min", "median", "max")]
        if "user_s" in values:
            cells += [f"{values[key]['median']:.3f} s" for key in ("user_s", "sys_s")]
            cells += [f"{values['rss_kb']['median'] / 1024:.1f} MiB"]
        else:
            cells += ["", "", ""]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    for ratio in benchmark["ratios"]:
        yield f"- {verdict(ratio)}"
    yield ""


def kind(benchmark):
    if "factor" in benchmark:
        return "scale"
    words = benchmark["name"].split()
    if words[0] == "cluster,":
        return "cluster"
    if words[0].rstrip(",") == "resolve" and words[1] != "and":
        return "resolve"
    if words[0].rstrip(",") in ("verify", "packages"):
        return words[0].rstrip(",")
    if words[0].rstrip(",") in ("build", "delta"):
        return "build"
    return "files" if "there" in benchmark["name"] else "fetch"


def scale_table(benchmarks):
    names = list(benchmarks[0]["contenders"])
    for state in ("warm", "cold"):
        rows = [b for b in benchmarks if f", {state}" in b["name"]]
        yield f"### {state.capitalize()}"
        yield ""
        yield f"Of {min(row['runs'] for row in rows)} runs:"
        yield ""
        yield "| times the packages | " + " | ".join(names) + " | pgha-bundle's peak |"
        yield "|---:|" + "---:|" * (len(names) + 1)
        for row in rows:
            values = [f"{row['contenders'][name]['wall_s']['median']:.3f} s" for name in names]
            peak = row["contenders"]["pgha-bundle"]["rss_kb"]["median"] / 1024
            yield f"| {row['factor']} | {' | '.join(values)} | {peak:.0f} MiB |"
        yield ""


TITLES = {"resolve": "Resolve", "fetch": "Fetch", "files": "Nothing to fetch", "build": "Build", "verify": "Verify", "packages": "Packages",
          "cluster": "A cluster", "scale": "Cost against size"}


def section(name, chosen):
    yield f"## {TITLES[name]}"
    yield ""
    yield NOTES[name]
    yield chosen[-1]["measured"]
    yield ""
    if name == "scale":
        yield from scale_table(chosen)
    elif name == "cluster":
        yield from cluster.table(chosen)
    else:
        for benchmark in chosen:
            yield from markdown(benchmark)


def sections(text):
    """Title to text of what the document has."""
    parts = re.split(r"^## (.*)$", text, flags=re.M)
    return dict(zip(parts[1::2], (f"## {title}{body}" for title, body in zip(parts[1::2], parts[2::2]))))


def document(results, old):
    """What was not measured this time stays as it is."""
    yield HEAD
    for name, title in TITLES.items():
        chosen = [b for b in results if kind(b) == name]
        if chosen:
            yield "\n".join(section(name, chosen)).rstrip() + "\n"
        elif title in old:
            yield old[title].rstrip() + "\n"


def main(results_path, docs):
    with open(results_path, encoding="utf-8") as file:
        results = json.load(file)
    for older in [b for b in results if "measured" not in b]:
        print(f"report: left out, from before results said on what they were measured: {older['name']}", file=sys.stderr)
        results.remove(older)
    path = f"{docs}/benchmarks.md"
    old = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            old = sections(file.read())
    text = "\n".join(document(results, old))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    scale = [b for b in results if kind(b) == "scale"]
    if scale:
        with open(f"{docs}/benchmarks.svg", "w", encoding="utf-8") as file:
            file.write(plot.svg(scale))


if __name__ == "__main__":
    main(*sys.argv[1:])
