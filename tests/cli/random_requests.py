#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws requests from repositories.

usage: random_requests.py names|forms SEED COUNT REPOSITORY...
       random_requests.py all REPOSITORY...

names: one package's name each; forms: names, several names, versions, things provided, files, patterns; all: every name.
A line each, the packages of a request with tabs between. The same seed over the same repositories draws the same.
"""
import glob
import gzip
import os
import random
import sys
import xml.etree.ElementTree as ET

COMMON = "{http://linux.duke.edu/metadata/common}"
RPM = "{http://linux.duke.edu/metadata/rpm}"


def read(repositories):
    packages, provided, files = set(), set(), set()
    for repository in repositories:
        for path in glob.glob(os.path.join(repository, "repodata", "*primary.xml.gz")):
            with gzip.open(path) as xml:
                for _, element in ET.iterparse(xml):
                    if element.tag != COMMON + "package":
                        continue
                    version = element.find(COMMON + "version")
                    packages.add((element.findtext(COMMON + "name"), version.get("epoch"), version.get("ver"),
                                  version.get("rel"), element.findtext(COMMON + "arch")))
                    for entry in element.iterfind(f"{COMMON}format/{RPM}provides/{RPM}entry"):
                        provided.add((entry.get("name"), entry.get("epoch") or "", entry.get("ver") or ""))
                    files.update(file.text for file in element.iterfind(f"{COMMON}format/{COMMON}file"))
                    element.clear()
    return sorted(packages), sorted(provided), sorted(files)


def exact(draw, package):
    name, epoch, version, release, arch = package
    return draw.choice([f"{name}-{version}", f"{name}.{arch}", f"{name}-{version}-{release}",
                        f"{name}-{epoch}:{version}-{release}.{arch}", f"{name}-{version}-{release}.{arch}",
                        f"{name}-{version[:2]}*", f"{name}.*"])


def capability(draw, entry):
    name, epoch, version = entry
    if not version or " " in name:
        return name
    return f"{name} {draw.choice(['=', '>=', '<=', '>', '<'])} {epoch + ':' if epoch not in ('', '0') else ''}{version}"


def pattern(draw, name):
    at = draw.randint(1, len(name))
    return name[:at] + (draw.choice("?*") + name[at + 1:] if draw.random() < .5 else "*")


def form(draw, names, packages, provided, files):
    kind = draw.random()
    if kind < .4:
        return [draw.choice(names)]
    if kind < .5:
        return draw.sample(names, draw.randint(2, 4))
    if kind < .65:
        return [exact(draw, draw.choice(packages))]
    if kind < .8:
        return [capability(draw, draw.choice(provided))]
    if kind < .9:
        return [draw.choice(files)]
    return [pattern(draw, draw.choice(names))]


def requests(kind, arguments):
    seed, count, *repositories = (0, 0, *arguments) if kind == "all" else arguments
    packages, provided, files = read(repositories)
    names = sorted({package[0] for package in packages})
    draw, count = random.Random(int(seed)), int(count)
    if kind == "forms":
        return [form(draw, names, packages, provided, files) for _ in range(count)]
    return [[name] for name in (names if kind == "all" else draw.sample(names, min(count, len(names))))]


if __name__ == "__main__":
    for request in requests(sys.argv[1], sys.argv[2:]):
        print("\t".join(request))
