#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draws requests from repositories: names, several names, versions, things provided, files, patterns.

usage: random_requests.py SEED COUNT REPOSITORY...

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


def main(seed, count, *repositories):
    packages, provided, files = read(repositories)
    names = sorted({package[0] for package in packages})
    draw = random.Random(int(seed))
    for _ in range(int(count)):
        kind = draw.random()
        if kind < .4:
            request = [draw.choice(names)]
        elif kind < .5:
            request = draw.sample(names, draw.randint(2, 4))
        elif kind < .65:
            request = [exact(draw, draw.choice(packages))]
        elif kind < .8:
            request = [capability(draw, draw.choice(provided))]
        elif kind < .9:
            request = [draw.choice(files)]
        else:
            request = [pattern(draw, draw.choice(names))]
        print("\t".join(request))


if __name__ == "__main__":
    main(*sys.argv[1:])
