#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints docs/comparison.md from what random_check.sh found.

usage: comparison_report.py ROWS ALONE KNOWN CASES REPOSITORY...

ROWS: what was asked, of which comparison, requests, without a solution, differences, known ones; ALONE: what was asked, of which
comparison, how many were asked each by itself; KNOWN: tests/cli/known-differences; CASES: tests/solver. Columns have tabs between.
"""
import hashlib
import os
import pathlib
import platform
import subprocess
import sys

HEAD = """# The answers beside dnf's

`pgha-bundle resolve` must choose what `dnf install` would choose on the target with the same repositories, streams and settings.
Whether it does is measured, request by request, beside stock dnf. This page is written by `make random-docs`; `make random-check
SEED='17 18 19' COUNT=300` does the same without it, with seeds and counts of your own. Neither is part of `make check`, which has
fixed requests and a smaller sample (`tests/cli/test_oracle.sh`).

## How it is measured

- **The judge** is `tests/cli/dnf_oracle.py`: dnf by its Python API, in a root and with a cache of its own. Each setting on which the
  answer hangs is given and none is taken from this machine: release, architecture, `module_platform_id` (without it dnf hides
  nothing), `best=True`, weak dependencies, streams in the root's `modules.d`. A root has no packages, or those of the baseline,
  in a real rpm database; `pgha-bundle` is given that host's inventory.
- **Ours** is `tests/solve-batch`: the same modules of `pgha-bundle`, but for many requests after one reading of the repositories.
- **Each by itself**: every so many requests are asked once more, by `pgha-bundle resolve` in a process of its own and by the `dnf`
  command, whose table is read; both have to say what they said when they were asked among many. So neither the batches nor the API mislead.
- **Requests** are drawn with a seed from all the repositories together (`tests/cli/random_requests.py`): names alone, or
  every form: names, several names, `name-version`, `name.arch` and further spellings of a NEVRA, capabilities with and without
  versions, paths, patterns. The same seed draws the same requests.
- **Equal** is the same set of NEVRAs, or no solution on either side. In the second case ours has to say why, and to name at least
  one of the things that dnf says nothing provides.
- **A difference** either is mended, or stands in `tests/cli/known-differences` with its reason. One that stands there and does not show any
  more is an error too.

Many requests have no solution because the two repositories are three years apart: a BaseOS of February 2022 below an AppStream of
January 2025. That is wanted here.

## What was found

"""


DECIDED = """## Where another answer is meant

Nothing of these came up among the random requests. Each is a case of its own, in which dnf's answer stands beside ours and both are checked
(`tests/solver/`). Of RHEL 8's own module metadata dnf leaves out three documents of container-tools for the same reason as in
`number-too-large.case`; `tests/cli/test_modules.sh` compares all the others.
"""

MENDED = """## Found this way, and mended

- `cockpit-composer`, `gnome-classic-session`, `kdump-anaconda-addon`, `rust-lldb`: there is no solution, but ours told sixteen links of the chain and
  not what is missing at its end. What nobody provides now comes first.
"""


def rows_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]


def version(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")[0]


def versions(repositories):
    yield f"- {platform.freedesktop_os_release()['PRETTY_NAME']}, dnf {version('dnf', '--version')}, libdnf " \
          f"{version('dpkg-query', '-W', '-f', '${Version}', 'libdnf2')}, and the same libsolv for both: " \
          f"{version('pkg-config', '--modversion', 'libsolv')}"
    for repository in repositories:
        with open(os.path.join(repository, "repodata", "repomd.xml"), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        yield f"- `{os.path.basename(repository)}`: repomd.xml with SHA-256 `{digest}`"


def table(rows):
    yield "| requests | of | asked | same set | no solution for either | differences | explained |"
    yield "|---|---|---:|---:|---:|---:|---:|"
    for what, name, asked, unsolvable, differences, known in rows:
        yield f"| {what} | {name} | {asked} | {int(asked) - int(unsolvable) - int(differences)} | {unsolvable} | {differences} | {known} |"


def explained(known):
    if not known:
        yield "None is known: `tests/cli/known-differences` is empty."
    else:
        yield "| of | request | why |"
        yield "|---|---|---|"
    for name, request, why in known:
        yield f"| {name} | `{request}` | {why} |"


def decided(cases):
    """The cases that were written with another answer than dnf's, and for what reason."""
    yield "| case | what it shows | why dnf answers otherwise |"
    yield "|---|---|---|"
    for path in sorted(pathlib.Path(cases).glob("*.case")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for line in lines:
            if line.startswith("because: "):
                yield f"| `{path.name}` | {lines[0].lstrip('# ')} | {line.partition(': ')[2]} |"


def main(rows, alone, known, cases, *repositories):
    rows, alone = rows_of(rows), rows_of(alone)
    asked, differences = sum(int(row[2]) for row in rows), sum(int(row[4]) for row in rows)
    print(HEAD + f"{asked} questions to both sides, {differences} differences; {sum(int(row[2]) for row in alone)} of them also asked each by "
          "itself.\n")
    print("\n".join(table(rows)))
    print("\n## Differences, and why\n")
    print("\n".join(explained(rows_of(known))))
    print("\n" + DECIDED)
    print("\n".join(decided(cases)))
    print("\n" + MENDED)
    print("## With what\n")
    print("\n".join(versions(repositories)))
    print("- the lab's repositories are rebuilt from Debian's packages of the day, so their numbers move")


if __name__ == "__main__":
    main(*sys.argv[1:])
