#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A repository's metadata cut down to the packages of a lock.

usage: filter_repo.py LOCK OUT_DIR WITHOUT REPOSITORY...

Writes OUT_DIR/repodata with primary and filelists that hold those packages of the REPOSITORY directories that LOCK names,
for tools that judge a repository as a whole (dnf repoclosure). The package WITHOUT ('' for none) is left out.
"""
import glob
import gzip
import hashlib
import os
import sys
import xml.etree.ElementTree as ET

import yaml

SPACES = {"primary": "http://linux.duke.edu/metadata/common", "filelists": "http://linux.duke.edu/metadata/filelists"}


def package_key(kind, element):
    space = "{" + SPACES[kind] + "}"
    return element.get("pkgid") if kind == "filelists" else element.findtext(space + "checksum")


def cut(kind, repositories, wanted):
    space = "{" + SPACES[kind] + "}"
    # libsolv reads names as they stand, prefix and all.
    ET.register_namespace("", SPACES[kind])
    ET.register_namespace("rpm", "http://linux.duke.edu/metadata/rpm")
    found = {}
    for repository in repositories:
        for path in glob.glob(os.path.join(repository, "repodata", f"*{kind}.xml.gz")):
            with gzip.open(path) as xml:
                for _, element in ET.iterparse(xml):
                    if element.tag == space + "package" and package_key(kind, element) in wanted:
                        found[package_key(kind, element)] = ET.tostring(element)
                    elif element.tag == space + "package":
                        element.clear()
    return found


def write(kind, found, out_dir):
    root = "metadata" if kind == "primary" else kind
    text = (f'<?xml version="1.0"?>\n<{root} xmlns="{SPACES[kind]}" xmlns:rpm="http://linux.duke.edu/metadata/rpm" '
            f'packages="{len(found)}">\n').encode() + b"\n".join(found.values()) + f"</{root}>\n".encode()
    name = f"repodata/{kind}.xml"
    with open(os.path.join(out_dir, name), "wb") as out:
        out.write(text)
    return (f'<data type="{kind}"><checksum type="sha256">{hashlib.sha256(text).hexdigest()}</checksum>'
            f'<location href="{name}"/><size>{len(text)}</size></data>')


def main(lock, out_dir, without, *repositories):
    with open(lock, encoding="utf-8") as text:
        wanted = {rpm["sha256"] for rpm in yaml.safe_load(text)["rpms"]
                  if not without or not rpm["nevra"].startswith(without + "-")}
    primary = cut("primary", repositories, wanted)
    if set(primary) != wanted:
        sys.exit(f"{len(wanted - set(primary))} packages of the lock are not in the repositories")
    os.makedirs(os.path.join(out_dir, "repodata"), exist_ok=True)
    data = [write("primary", primary, out_dir), write("filelists", cut("filelists", repositories, wanted), out_dir)]
    with open(os.path.join(out_dir, "repodata/repomd.xml"), "w", encoding="ascii") as out:
        out.write('<repomd xmlns="http://linux.duke.edu/metadata/repo">' + "".join(data) + "</repomd>\n")
    print(len(primary))


if __name__ == "__main__":
    main(*sys.argv[1:])
