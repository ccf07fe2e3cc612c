#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An rpm database that says packages of a repository are installed, without their files.

usage: make_root.py ROOT WORK_DIR NEVRA_FILE REPOSITORY...

Each package of NEVRA_FILE is built anew by rpmbuild with the dependencies and the files that primary.xml of one of the
REPOSITORY directories names (the files are empty), and put into ROOT/var/lib/rpm with --justdb. For comparisons with dnf,
which reads what is installed from such a database alone.
"""
import glob
import gzip
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

COMMON = "{http://linux.duke.edu/metadata/common}"
RPM = "{http://linux.duke.edu/metadata/rpm}"
OPERATORS = {"EQ": "=", "LT": "<", "GT": ">", "LE": "<=", "GE": ">="}
KINDS = {"provides": "Provides", "requires": "Requires", "conflicts": "Conflicts", "obsoletes": "Obsoletes",
         "recommends": "Recommends", "supplements": "Supplements"}


def evr(element):
    epoch, release = element.get("epoch"), element.get("rel")
    return (f"{epoch}:" if epoch not in (None, "0") else "") + element.get("ver") + (f"-{release}" if release else "")


def nevra(package):
    version = package.find(COMMON + "version")
    return f"{package.findtext(COMMON + 'name')}-{evr(version)}.{package.findtext(COMMON + 'arch')}"


def packages(repository, wanted):
    for file in glob.glob(os.path.join(repository, "repodata", "*primary.xml.gz")):
        with gzip.open(file) as xml:
            for _, element in ET.iterparse(xml):
                if element.tag == COMMON + "package":
                    if nevra(element) in wanted:
                        yield nevra(element), element
                    else:
                        element.clear()


def dependencies(package):
    for kind, tag in KINDS.items():
        for entry in package.iterfind(f"{COMMON}format/{RPM}{kind}/{RPM}entry"):
            text = entry.get("name")
            if entry.get("flags"):
                text += f" {OPERATORS[entry.get('flags')]} {evr(entry)}"
            yield f"{tag}: {text}".replace("%", "%%")


def spec(chosen):
    lines = ["Name: made-root", "Version: 1", "Release: 1", "Summary: none", "License: none", "AutoReqProv: no", "%description", "none"]
    files = {}
    for package in chosen:
        name = package.findtext(COMMON + "name")
        version = package.find(COMMON + "version")
        lines += [f"%package -n {name}", f"Version: {version.get('ver')}", f"Release: {version.get('rel')}",
                  f"Epoch: {version.get('epoch')}", "Summary: none", "AutoReqProv: no"]
        if package.findtext(COMMON + "arch") == "noarch":
            lines.append("BuildArch: noarch")
        lines += list(dependencies(package)) + [f"%description -n {name}", "none", f"%files -n {name}"]
        for file in package.iterfind(f"{COMMON}format/{COMMON}file"):
            is_dir = file.get("type") == "dir"
            lines.append(("%dir " if is_dir else "%ghost ") + f'"{file.text}"')
            files[file.text] = is_dir
    lines += ["%install"]
    for path, is_dir in sorted(files.items()):
        quoted = "%{buildroot}'" + path.replace("%", "%%") + "'"
        lines.append(f"mkdir -p {quoted}" if is_dir else f"mkdir -p $(dirname {quoted}); : >{quoted}")
    return "\n".join(lines) + "\n"


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]}: exit status {done.returncode}\n{done.stdout}")


def main(root, work, nevra_file, *repositories):
    with open(nevra_file, encoding="ascii") as lines:
        wanted = set(lines.read().split())
    found = {}
    for repository in repositories:
        for name, package in packages(repository, wanted - set(found)):
            found.setdefault(name, package)
    if set(found) != wanted:
        sys.exit(f"not in the repositories: {sorted(wanted - set(found))}")
    os.makedirs(work, exist_ok=True)
    path = os.path.join(work, "root.spec")
    with open(path, "w", encoding="utf-8") as out:
        out.write(spec(package for _, package in sorted(found.items())))
    dbpath = ["--dbpath", os.path.join(root, "var/lib/rpm")]
    run("rpmbuild", "-bb", "--quiet", "--target", "x86_64", "--define", f"_topdir {work}", "--define", "debug_package %{nil}",
        "--define", "__os_install_post %{nil}", "--define", "_binary_payload w0.ufdio", path)
    rpms = glob.glob(os.path.join(work, "RPMS", "*", "*.rpm"))
    if len(rpms) != len(wanted):
        sys.exit(f"{len(rpms)} packages were built, not {len(wanted)}")
    os.makedirs(dbpath[1], exist_ok=True)
    run("rpm", *dbpath, "-i", "--justdb", "--nodeps", "--noscripts", "--notriggers", "--nosignature", "--ignorearch",
        "--ignoresize", "--replacefiles", *rpms)


if __name__ == "__main__":
    main(*sys.argv[1:])
