#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the answers of solve-batch and of dnf_oracle.py --batch to the same requests.

usage: compare_answers.py REQUESTS OURS DNF [KNOWN]

KNOWN has differences that are known: the request, a tab (a request of several packages: " + " between them), and the reason.
Prints a summary; below it each difference that is not known, and each known one that is no more. Exit 1 when there is any.
Where neither finds a solution, ours must say why: with one at least of the things that dnf says nothing provides.
"""
import re
import sys


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [line.rstrip("\n").split("\t") for line in lines]


def says_why(ours, dnf):
    if not ours.strip():
        return "no reason is given"
    missing = re.findall(r"nothing provides (.+?) needed by ", dnf)
    if missing and not any(what in ours for what in missing):
        return f"ours: {ours[:300]}\n    which names nothing of what dnf misses: {', '.join(sorted(set(missing)))[:300]}"
    return None


def differs(ours, dnf):
    """What is wrong, or None: the same set, or no solution on either side and a reason on ours."""
    if ours[0] != dnf[0]:
        return f"ours: {' '.join(ours)[:300]}\n    dnf: {' '.join(dnf)[:300]}"
    if ours[0] == "no":
        return says_why(" ".join(ours[1:]), " ".join(dnf[1:]))
    more, less = sorted(set(ours[1:]) - set(dnf[1:])), sorted(set(dnf[1:]) - set(ours[1:]))
    return f"only ours: {more}, only dnf's: {less}" if more or less else None


def main(requests, ours, dnf, known=None):
    requests, ours, dnf = read(requests), read(ours), read(dnf)
    asked = {" + ".join(r) for r in requests}
    reasons = {request: why for request, why in (read(known) if known else []) if request in asked}
    if not len(requests) == len(ours) == len(dnf):
        sys.exit(f"{len(requests)} requests, {len(ours)} answers of ours, {len(dnf)} of dnf")
    found = {" + ".join(r): differs(o, d) for r, o, d in zip(requests, ours, dnf)}
    found = {request: what for request, what in found.items() if what}
    unsolvable = sum(answer[0] == "no" for answer in dnf)
    print(f"{len(requests)} requests, {unsolvable} of them without a solution for dnf, {len(found)} differences, "
          f"{len(set(found) & set(reasons))} of them known")
    for request in sorted(set(found) - set(reasons)):
        print(f"  {request}\n    {found[request]}")
    for request in sorted(set(reasons) - set(found)):
        print(f"  {request}\n    no longer differs: {reasons[request]}")
    return 1 if set(found) != set(reasons) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
