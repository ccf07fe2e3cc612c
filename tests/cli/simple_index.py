#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A package index on loopback for test_wheels.sh, honest and hostile ones in one. usage: simple_index.py PORT_FILE

/KIND/simple/NAME/ is a page of /files/: html and json (PEP 691) are honest; nodigest, md5, wrong, yanked, confused,
path, text and broken are not. The files are made in memory and are the same in every process.
"""
import gzip
import hashlib
import http.server
import io
import json
import os
import sys
import tarfile
import zipfile

PYTHON = "cp%d%d" % sys.version_info[:2]
DAY = (1980, 1, 1, 0, 0, 0)

# A build backend whose wheels show the modes and times of the source's files, what is installed beside it, and whether it sees a
# network; with one it wants more. In any environment but the one that was made for it, it refuses to tell metadata.
BACKEND = '''
import errno, os, shutil, socket, sys, time, zipfile
from importlib.metadata import version
def cut_off():
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", 9)) == errno.ENETUNREACH
def get_requires_for_build_wheel(settings=None):
    return ["minihelp"] if cut_off() else ["minihelp", "leaf"]
def prepare_metadata_for_build_wheel(directory, settings=None):
    if os.path.basename(sys.prefix) != "env":
        sys.exit("run where nothing is pinned")
    os.mkdir(os.path.join(directory, "source-1.0.dist-info"))
    shutil.copy("PKG-INFO", os.path.join(directory, "source-1.0.dist-info", "METADATA"))
    return "source-1.0.dist-info"
def build_wheel(directory, settings=None, metadata=None):
    file, info = "source-1.0-py3-none-any.whl", "source-1.0.dist-info/"
    day = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))[:6]
    with open("made.py", "w") as made:
        made.write("built_with = %r\\ncut_off = %r\\n" % ([version("minibuild"), version("minihelp")], cut_off()))
    with zipfile.ZipFile(os.path.join(directory, file), "w") as z:
        def add(name, text, mode):
            entry = zipfile.ZipInfo(name, day)
            entry.external_attr = mode << 16
            z.writestr(entry, text)
        for name in "made.py", "data.txt":
            add(name, open(name).read(), os.stat(name).st_mode)
        add(info + "METADATA", open("PKG-INFO").read(), 0o100644)
        add(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: mini\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n", 0o100644)
        add(info + "RECORD", "".join(n + ",,\\n" for n in z.namelist()) + info + "RECORD,,\\n", 0o100644)
    return file
'''
PYPROJECT = '[build-system]\nrequires = ["minibuild>=1"]\nbuild-backend = "minibuild"\n'


def wheel(name, version, requires=(), tag="py3-none-any", files=()):
    info = f"{name}-{version}.dist-info"
    contents = dict(files)
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n" + "".join(
        f"Requires-Dist: {r}\n" for r in requires)
    contents[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
    contents[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in contents.items():
            archive.writestr(zipfile.ZipInfo(path, DAY), text)
    return f"{name}-{version}-{tag}.whl", out.getvalue()


def sdist(name, requires, extra=()):
    out = io.BytesIO()
    texts = {"pyproject.toml": PYPROJECT, "data.txt": "x", "PKG-INFO":
             f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n" + "".join(f"Requires-Dist: {r}\n" for r in requires)}
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, text in texts.items():
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text)
            member.mode = 0o664
            tar.addfile(member, io.BytesIO(text.encode()))
        for path, target in extra:
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return f"{name}-1.0.tar.gz", gzip.compress(out.getvalue(), mtime=0)


def make():
    files = dict([
        wheel("leaf", "1.0"), wheel("leaf", "0.9"), wheel("other", "9.0"), wheel("big", "1.0", files=[("big.txt", "x" * 4_000_000)]),
        wheel("native", "1.0", tag=f"{PYTHON}-{PYTHON}-manylinux_2_28_x86_64"),
        wheel("fits", "1.0", tag=f"{PYTHON}-{PYTHON}-manylinux_2_17_x86_64"),
        wheel("minibuild", "1.0", files=[("minibuild.py", BACKEND)]), wheel("minihelp", "1.0"),
        sdist("source", ["leaf>=0.9"]), sdist("links", [], [("links-1.0/passwd", "/etc/passwd")]),
    ])
    return files


FILES = make()


def digest(file, kind):
    return hashlib.sha256(FILES[file] + (b"x" if kind == "wrong" else b"")).hexdigest()


def page(kind, name):
    """Content type and text, or None."""
    files = [f for f in sorted(FILES) if f.startswith(name + "-")]
    if kind == "confused" and name == "leaf":
        files = ["other-9.0-py3-none-any.whl"]
    if not files:
        return None
    if kind == "json":
        return "application/vnd.pypi.simple.v1+json", json.dumps({
            "meta": {"api-version": "1.0"}, "name": name,
            "files": [{"filename": f, "url": f"/files/{f}", "hashes": {"sha256": digest(f, kind)}} for f in files]})
    if kind == "text":
        return "text/plain", "nothing to see"
    if kind == "broken":
        return "application/vnd.pypi.simple.v1+json", "<html>no JSON</html>"
    links = ""
    for file in files:
        fragment = {"nodigest": "", "md5": "#md5=" + hashlib.md5(FILES[file]).hexdigest()}.get(
            kind, "#sha256=" + digest(file, kind))
        place = "/files/..%2f..%2f" + file if kind == "path" else "/files/" + file
        yanked = ' data-yanked="a bad build"' if kind == "yanked" else ""
        links += f'<a href="{place}{fragment}"{yanked}>{file}</a>\n'
    return "text/html", f"<!DOCTYPE html><html><body>\n{links}</body></html>"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, answer = "application/octet-stream", None
        parts = self.path.strip("/").split("/")
        if len(parts) == 3 and parts[1] == "simple":
            kind, text = page(parts[0], parts[2]) or ("", None)
            answer = text.encode() if text is not None else None
        elif parts[0] == "files":
            answer = FILES.get(parts[-1].lower().replace("..%2f", ""))
        self.send_response(200 if answer is not None else 404)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(answer or b"")))
        self.end_headers()
        self.wfile.write(answer or b"")

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(sys.argv[1] + ".new", "w", encoding="ascii") as file:
    file.write(str(server.server_port))
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
