#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a repository's metadata from a few lines of text; there are no RPMs.

usage: make_repo.py DIR [REVISION [PACKING]] <TEXT

    bar-2:1.0-3.x86_64 requires: foo >= 1, baz; provides: x = 1; obsoletes: old < 2; files: /usr/share/x, /usr/bin/x
    advisory: RHSA-1 security Important "Title" CVE-2026-1,CVE-2026-2: bar-2:1.0-3.x86_64
    advisory: RHBA-2 bugfix None "Other" -: module=foo:1:c0ffee foo-1-1.x86_64
    modules: FILE

PACKING is gz, xz or bz2. Paths are in filelists, and those that createrepo puts there in primary. The same text gives the same bytes. A package's digest is that of its line, so that a changed line is a rebuilt package.
"""
import bz2
import gzip
import hashlib
import lzma
import pathlib
import re
import shlex
import sys
from xml.sax.saxutils import quoteattr

COMMON = 'xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm"'
PACKINGS = {"gz": lambda data: gzip.compress(data, mtime=0), "xz": lzma.compress, "bz2": bz2.compress}
FLAGS = {"=": "EQ", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE"}


def split_nevra(nevra):
    match = re.fullmatch(r"(.+)-(?:(\d+):)?([^-:]+)-([^-]+)\.([^.]+)", nevra)
    name, epoch, version, release, arch = match.groups()
    return name, epoch or "0", version, release, arch


def entry(text):
    words = text.split()
    if len(words) == 1 or text.startswith("("):
        return f"<rpm:entry name={quoteattr(text)}/>"
    epoch, _, rest = words[2].rpartition(":")
    version, _, release = rest.partition("-")
    return (f"<rpm:entry name={quoteattr(words[0])} flags=\"{FLAGS[words[1]]}\" epoch=\"{epoch or 0}\" "
            f"ver={quoteattr(version)}" + (f" rel={quoteattr(release)}" if release else "") + "/>")


def in_primary(path):
    return path.startswith("/etc/") or "bin/" in path or path == "/usr/lib/sendmail"


def parts_of(line):
    nevra, _, rest = line.partition(" ")
    name, epoch, version, release, arch = split_nevra(nevra)
    deps = {"provides": [f"{name} = {epoch}:{version}-{release}"]}
    for part in filter(None, (p.strip() for p in rest.split(";"))):
        kind, _, values = part.partition(":")
        deps.setdefault(kind.strip(), []).extend(v.strip() for v in values.split(","))
    files = deps.pop("files", [])
    return name, epoch, version, release, arch, deps, files, hashlib.sha256(line.encode()).hexdigest()


def filelist(line):
    name, epoch, version, release, arch, _, files, digest = parts_of(line)
    return (f'<package pkgid="{digest}" name="{name}" arch="{arch}"><version epoch="{epoch}" ver="{version}" '
            f'rel="{release}"/>{"".join(f"<file>{f}</file>" for f in files)}</package>\n')


def package(line):
    name, epoch, version, release, arch, deps, files, digest = parts_of(line)
    formats = "".join(
        f"<rpm:{kind}>{''.join(entry(v) for v in values)}</rpm:{kind}>" for kind, values in sorted(deps.items()))
    return (f'<package type="rpm"><name>{name}</name><arch>{arch}</arch>'
            f'<version epoch="{epoch}" ver="{version}" rel="{release}"/>'
            f'<checksum type="sha256" pkgid="YES">{digest}</checksum><summary>{name}</summary>'
            f'<size package="{1000 + len(line)}" installed="5" archive="5"/>'
            f'<location href="Packages/{name}-{version}-{release}.{arch}.rpm"/>'
            f'<format><rpm:license>MIT</rpm:license>{formats}'
            f'{"".join(f"<file>{f}</file>" for f in files if in_primary(f))}</format></package>\n')


def advisory(text):
    head, _, packages = text.rpartition(": ")
    name, kind, severity, title, cves = shlex.split(head)
    out = [f'<update from="x@example" status="final" type="{kind}" version="1"><id>{name}</id>'
           f"<title>{title}</title>"]
    if severity != "None":
        out.append(f"<severity>{severity}</severity>")
    out.append('<issued date="2026-01-02 03:04:05"/><references>')
    for cve in filter(lambda c: c != "-", cves.split(",")):
        out.append(f'<reference href="https://example/{cve}" id="{cve}" title="{cve}" type="cve"/>')
    out.append('</references><pkglist><collection short="c"><name>c</name>')
    for word in packages.split():
        if word.startswith("module="):
            module, stream, context = word[len("module="):].split(":")
            out.append(f'<module name="{module}" stream="{stream}" version="1" context="{context}" arch="x86_64"/>')
            continue
        n, e, v, r, a = split_nevra(word)
        out.append(f'<package name="{n}" epoch="{e}" version="{v}" release="{r}" arch="{a}">'
                   f"<filename>{n}-{v}-{r}.{a}.rpm</filename></package>")
    out.append("</collection></pkglist></update>\n")
    return "".join(out)


def main():
    directory = pathlib.Path(sys.argv[1])
    packages, advisories, files, lists = [], [], {}, []
    for line in filter(None, (line.strip() for line in sys.stdin)):
        if line.startswith("advisory: "):
            advisories.append(advisory(line[len("advisory: "):]))
        elif line.startswith("modules: "):
            files["modules"] = ("modules.yaml", pathlib.Path(line[len("modules: "):]).read_bytes())
        else:
            packages.append(package(line))
            lists.append(filelist(line))
    text = f'<metadata {COMMON} packages="{len(packages)}">\n{"".join(packages)}</metadata>\n'
    files["primary"] = ("primary.xml", text.encode())
    if any("<file>" in entry for entry in lists):
        text = (f'<filelists xmlns="http://linux.duke.edu/metadata/filelists" packages="{len(lists)}">\n'
                f'{"".join(lists)}</filelists>\n')
        files["filelists"] = ("filelists.xml", text.encode())
    if advisories:
        files["updateinfo"] = ("updateinfo.xml", f"<updates>\n{''.join(advisories)}</updates>\n".encode())
    (directory / "repodata").mkdir(parents=True, exist_ok=True)
    out = ['<repomd xmlns="http://linux.duke.edu/metadata/repo">\n']
    if len(sys.argv) > 2:
        out.append(f"<revision>{sys.argv[2]}</revision>\n")
    for kind, (name, data) in sorted(files.items()):
        if len(sys.argv) > 3:
            name, data = f"{name}.{sys.argv[3]}", PACKINGS[sys.argv[3]](data)
        (directory / "repodata" / name).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        out.append(f'<data type="{kind}"><checksum type="sha256">{digest}</checksum>'
                   f'<location href="repodata/{name}"/><size>{len(data)}</size></data>\n')
    out.append("</repomd>\n")
    (directory / "repodata" / "repomd.xml").write_text("".join(out), encoding="utf-8")


main()
