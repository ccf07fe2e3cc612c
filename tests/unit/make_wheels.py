#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes empty wheels in DIR for pip's --find-links. usage: make_wheels.py DIR NAME==VERSION[:REQUIREMENT,…]…"""
import sys
import zipfile


def wheel(directory, text):
    spec, _, requires = text.partition(":")
    name, _, version = spec.partition("==")
    info = f"{name}-{version}.dist-info"
    files = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
            f"Requires-Dist: {r}\n" for r in filter(None, requires.split(","))),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(f"{directory}/{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), content)


for item in sys.argv[2:]:
    wheel(sys.argv[1], item)
