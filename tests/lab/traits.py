#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the lab's repositories have beside their packages, as the ones in the field: module streams, an older build beside a
newer one, advisories, mirrors.

    traits.py rpms --out DIR RPM            builds into DIR: the packages of the module streams, and an older build of RPM
    traits.py newer --out DIR RPM...        builds into DIR the next release of each RPM
    traits.py modules                       prints modules.yaml
    traits.py updateinfo RPM...             prints updateinfo.xml, whose advisories the newest builds RPM... resolve
    traits.py metalink REPOMD URL...        prints a metalink of the repository's repomd.xml at these mirrors
"""
import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from xml.sax.saxutils import escape, quoteattr

# Streams as RHEL 8's: 10 is the default one, and while it is, its names hide what PGDG's packages provide.
STREAMS = {"10": ("8090020240101000000", "10.23", "3.module_el8+10"), "13": ("8100020250201000000", "13.20", "1.module_el8+13")}
DEFAULT_STREAM = "10"
CONTEXT = "489197e6"

SPEC = """Name: {name}
Version: {version}
Release: {release}
Summary: {summary}
License: {license}
Vendor: Lab OS
{more}
%description
{summary}
%install
{install}
%files
{files}
"""


def run(*argv, **options):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def build(out, target, **fields):
    with tempfile.TemporaryDirectory(prefix=".rpm.", dir=out) as work:
        spec = pathlib.Path(work, "package.spec")
        spec.write_text(SPEC.format(**fields), encoding="utf-8")
        defines = {"_topdir": work, "_rpmdir": f"{work}/out", "_dbpath": f"{work}/rpmdb", "_buildhost": "lab",
                   "_build_name_fmt": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm", "debug_package": "%{nil}",
                   "__os_install_post": "%{nil}", "use_source_date_epoch_as_buildtime": "1",
                   "clamp_mtime_to_source_date_epoch": "1"}
        argv = ["rpmbuild", "-bb", "--quiet", "--target", target]
        for name, value in defines.items():
            argv += ["--define", f"{name} {value}"]
        run(*argv, str(spec), stderr=subprocess.STDOUT)
        (built,) = pathlib.Path(work, "out").iterdir()
        shutil.move(built, pathlib.Path(out, built.name))


def build_stream(out, stream):
    _, version, release = STREAMS[stream]
    for name in ("postgresql", "postgresql-server"):
        place = f"/usr/share/{name}/module"
        more = f"ModularityLabel: postgresql:{stream}:{STREAMS[stream][0]}:{CONTEXT}\n"
        if name != "postgresql":
            more += f"Requires: postgresql = {version}-{release}\n"
        build(out, "x86_64", name=name, version=version, release=release, license="PostgreSQL", more=more, files=place,
              summary=f"PostgreSQL {stream}: its name and no program",
              install=f'mkdir -p "%{{buildroot}}/usr/share/{name}"\necho {stream} >"%{{buildroot}}{place}"')


def build_older(out, rpm):
    """The files of a package again, as the release before."""
    name, version, release, arch, license_, summary = run(
        "rpm", "-qp", "--nosignature", "--qf", "%{name}\n%{version}\n%{release}\n%{arch}\n%{license}\n%{summary}\n", rpm).splitlines()
    with tempfile.TemporaryDirectory(prefix=".tree.", dir=out) as tree:
        with open(rpm, "rb") as file:
            packed = subprocess.run(["rpm2archive", "-"], stdin=file, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-xzf", "-"], input=packed, cwd=tree, check=True)
        files = [f'"/{path.relative_to(tree)}"' for path in sorted(pathlib.Path(tree).rglob("*")) if not path.is_dir()]
        build(out, arch, name=name, version=version, release=f"0.{release}", license=license_, summary=summary,
              more="BuildArch: noarch\n" if arch == "noarch" else "", files="\n".join(files),
              install=f'cp -a "{tree}/." "%{{buildroot}}"')


def build_newer(out, rpm, renewed):
    """The package again as the next release, which restarts its service by itself, as such packages do in the field.
    RENEWED are the names of all that get one."""
    def query(form):
        return run("rpm", "-qp", "--nosignature", *form, rpm)
    name, version, release, arch, license_, summary, epoch, pre = query(
        ["--qf", "%{name}\n%{version}\n%{release}\n%{arch}\n%{license}\n%{summary}\n%{epochnum}\n%{prein}"]).split("\n", 7)
    more = f"Epoch: {epoch}\nAutoReqProv: no\n" if epoch != "0" else "AutoReqProv: no\n"
    for line in sorted(set(query(["--requires"]).splitlines())):
        if not line.startswith(("rpmlib(", "config(", "/bin/sh")):
            same = " = " in line and line.split(" ")[0] in renewed
            more += f"Requires: {line}{'.1' if same else ''}\n"
    more += "".join(f"Provides: {line}\n" for line in sorted(set(query(["--provides"]).splitlines()))
                    if line.split(" ")[0].split("(")[0] != name)
    files = []
    for line in query(["--qf", "[%{FILEMODES:octal} %{FILEUSERNAME} %{FILEGROUPNAME} %{FILEFLAGS} %{FILENAMES}\n]"]).splitlines():
        mode, user, group, flags, path = line.split(" ", 4)
        kind = "%dir " if mode.startswith("04") else "%config(noreplace) " if int(flags) & 1 else ""
        files.append(f'%attr({"-" if mode.startswith("012") else mode[-4:]},{user},{group}) {kind}"{path}"')
    with tempfile.TemporaryDirectory(prefix=".tree.", dir=out) as tree:
        with open(rpm, "rb") as file:
            packed = subprocess.run(["rpm2archive", "-"], stdin=file, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-xzf", "-"], input=packed, cwd=tree, check=True)
        for path in pathlib.Path(tree).rglob("*"):      # other programs, which do the same
            if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
                with open(path, "ab") as file:
                    file.write(b"\n")
        scripts = f"%pre\n{pre}\n" if pre.strip() not in ("", "(none)") else ""
        scripts += f"%post\nsystemctl try-restart {name}.service || :\n"
        build(out, arch, name=name, version=version, release=f"{release}.1", license=license_, summary=summary, more=more,
              files="\n".join([*files, scripts]), install=f'cp -a "{tree}/." "%{{buildroot}}"')


def modules():
    for stream, (module_version, version, release) in STREAMS.items():
        rpms = [f"{name}-0:{version}-{release}.x86_64" for name in ("postgresql", "postgresql-server")]
        print(f"""---
document: modulemd
version: 2
data:
  name: postgresql
  stream: "{stream}"
  version: {module_version}
  context: {CONTEXT}
  arch: x86_64
  summary: PostgreSQL server and client module
  description: >-
    PostgreSQL {stream} of the lab's AppStream.
  license:
    module: [MIT]
    content: [PostgreSQL]
  dependencies:
  - requires:
      platform: [el8]
  profiles:
    client:
      rpms: [postgresql]
    server:
      rpms: [postgresql-server]
  api:
    rpms: [postgresql, postgresql-server]
  artifacts:
    rpms:
    - {rpms[0]}
    - {rpms[1]}
...""")
    print(f"""---
document: modulemd-defaults
version: 1
data:
  module: postgresql
  stream: "{DEFAULT_STREAM}"
  profiles:
    "10": [server]
    "13": [server]
...""")


def advisory(number, kind, severity, title, reference, rpms):
    yield f'  <update from="security@lab.invalid" status="final" type="{kind}" version="1">'
    yield f"    <id>LAB-2025:{number:04}</id>\n    <title>{escape(title)}</title>"
    yield '    <issued date="2025-08-09 00:00:00"/>\n    <updated date="2025-08-09 00:00:00"/>'
    yield f"    <severity>{severity}</severity>" if severity else "    <severity>None</severity>"
    yield f"    <description>{escape(title)}.</description>"
    yield "    <references>"
    if reference:
        yield f'      <reference href="https://www.cve.org/CVERecord?id={reference}" id="{reference}" type="cve" title="{reference}"/>'
    yield '    </references>\n    <pkglist>\n      <collection short="appstream">\n        <name>Lab AppStream</name>'
    for rpm in rpms:
        name, epoch, version, release, arch = run(
            "rpm", "-qp", "--nosignature", "--qf", "%{name}\n%{epochnum}\n%{version}\n%{release}\n%{arch}\n", rpm).splitlines()
        yield (f'        <package name={quoteattr(name)} epoch="{epoch}" version={quoteattr(version)} release={quoteattr(release)} '
               f'arch="{arch}" src={quoteattr(f"{name}-{version}-{release}.src.rpm")}>')
        yield f"          <filename>{escape(os.path.basename(rpm))}</filename>\n        </package>"
    yield "      </collection>\n    </pkglist>\n  </update>"


def updateinfo(pip_wheel, keepalived, python):
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<updates>"]
    lines += advisory(1, "security", "Moderate", "a source archive's links may lead pip outside of it", "CVE-2025-8869", [pip_wheel])
    lines += advisory(2, "bugfix", "", "keepalived keeps its state over a reload", "", [keepalived])
    lines += advisory(3, "enhancement", "", "Python 3.13, a new version", "", [python])
    print("\n".join([*lines, "</updates>"]))


def metalink(repomd, *urls):
    data = pathlib.Path(repomd).read_bytes()
    print(f"""<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/" type="dynamic" pubdate="Sat, 09 Aug 2025 00:00:00 GMT"
 generator="mirrormanager" xmlns:mm0="http://fedorahosted.org/mirrormanager">
 <files>
  <file name="repomd.xml">
   <mm0:timestamp>{int(os.stat(repomd).st_mtime)}</mm0:timestamp>
   <size>{len(data)}</size>
   <verification>
    <hash type="sha256">{hashlib.sha256(data).hexdigest()}</hash>
    <hash type="sha512">{hashlib.sha512(data).hexdigest()}</hash>
   </verification>
   <resources maxconnections="1">""")
    for i, url in enumerate(urls):
        print(f'    <url protocol="{url.partition(":")[0]}" type="{url.partition(":")[0]}" location="FR" preference="{100 - i}">'
              f"{escape(url)}/repodata/repomd.xml</url>")
    print("   </resources>\n  </file>\n </files>\n</metalink>")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    rpms = commands.add_parser("rpms")
    rpms.add_argument("--out", required=True)
    rpms.add_argument("rpm")
    newer = commands.add_parser("newer")
    newer.add_argument("--out", required=True)
    newer.add_argument("rpms", nargs="+")
    commands.add_parser("modules")
    commands.add_parser("updateinfo").add_argument("rpms", nargs=3)
    link = commands.add_parser("metalink")
    link.add_argument("repomd")
    link.add_argument("urls", nargs="+")
    args = parser.parse_args()
    if args.command == "rpms":
        for stream in STREAMS:
            build_stream(args.out, stream)
        build_older(args.out, args.rpm)
    elif args.command == "newer":
        renewed = {run("rpm", "-qp", "--nosignature", "--qf", "%{name}", rpm) for rpm in args.rpms}
        for rpm in args.rpms:
            build_newer(args.out, rpm, renewed)
    elif args.command == "modules":
        modules()
    elif args.command == "updateinfo":
        updateinfo(*args.rpms)
    else:
        metalink(args.repomd, *args.urls)


if __name__ == "__main__":
    sys.exit(main())
