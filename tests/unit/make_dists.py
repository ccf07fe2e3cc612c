#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a small index for test_wheel.c in DIR, which pip reads with --find-links and no network.

leaf 1.0 is a wheel; source 1.0 needs leaf and exists as source only; restless 1.0 too, and no two
builds of it are the same. The build backends are inside the sources.
"""
import io
import sys
import tarfile
import zipfile

BACKEND = '''
import os, zipfile
NAME, REQUIRES, RESTLESS = {name!r}, {requires!r}, {restless!r}
METADATA = "Metadata-Version: 2.1\\nName: %s\\nVersion: 1.0\\n" % NAME + "".join(
    "Requires-Dist: %s\\n" % r for r in REQUIRES)

def build_wheel(directory, settings=None, metadata=None):
    file = NAME + "-1.0-py3-none-any.whl"
    info = NAME + "-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(directory, file), "w") as z:
        def add(name, text):
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
        add(NAME + ".py", "x = %r\\n" % (os.urandom(8) if RESTLESS else 1))
        add(info + "METADATA", METADATA)
        add(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        add(info + "RECORD", "%s.py,,\\n" % NAME + "".join(
            "%s%s,,\\n" % (info, f) for f in ("METADATA", "WHEEL", "RECORD")))
    return file
'''
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def sdist(directory, name, requires, restless):
    backend = BACKEND.format(name=name, requires=requires, restless=restless)
    info = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    with tarfile.open(f"{directory}/{name}-1.0.tar.gz", "w:gz") as tar:
        for path, text in ("pyproject.toml", PYPROJECT), ("backend.py", backend), ("PKG-INFO", info):
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))


def main(directory):
    sdist(directory, "source", ["leaf>=1"], False)
    sdist(directory, "restless", [], True)
    backend = {}
    exec(BACKEND.format(name="leaf", requires=[], restless=False), backend)  # pylint: disable=exec-used
    backend["build_wheel"](directory)
    assert zipfile.is_zipfile(f"{directory}/leaf-1.0-py3-none-any.whl")


main(sys.argv[1])
